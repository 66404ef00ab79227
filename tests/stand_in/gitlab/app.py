# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the parts together."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.platform import Bench, Platform
from ..common.routing import EncodedPath
from . import fixtures
from .access import Access
from .endpoint import Answer, Dispatcher, Endpoint
from .expiry import Expiry
from .lab import Lab
from .overview import overview
from .routes import impersonation, instance, people, personal, places, resources, service_accounts
from .schema import SCHEMA
from .seed import Seeder
from .settings import SECRET_SETTINGS, Settings
from .shifting import shift
from .switches import SWITCHES
from .tokens import Tokens
from .upkeep import Upkeep

MODULES = (personal, impersonation, resources, service_accounts, people, places, instance)
ENDPOINTS: list[Endpoint] = list(itertools.chain.from_iterable(module.routes.endpoints for module in MODULES))
PREFIX = "/api/v4"
OLD_API = {"error": "API V3 is no longer supported. Use API V4 instead."}
PAGE_NOT_FOUND = "<!DOCTYPE html>\n<html><head><title>Not Found (404)</title></head><body><h1>404</h1></body></html>\n"
WINDOW = 60


class GitLab(Platform):
    """The stand-in as the common part sees it."""

    name = "gitlab"
    schema = SCHEMA
    switches = SWITCHES

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.lab = build_lab(bench)
        self._dispatcher = Dispatcher(self.lab)
        self._routers: dict[str, ASGIApp] = {}
        self.app = EncodedPath(self._serve)

    def default_seed(self) -> dict[str, Any]:
        """The organisation of ``fixtures.py``."""
        return fixtures.SEED

    def seed(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add objects; see ``seed.py``."""
        self.lab.upkeep.day_is_done()
        for name in SECRET_SETTINGS:
            self.bench.secrets.add(self.lab.settings[name], "setting")
        return Seeder(self.lab).add(document)

    def state(self) -> dict[str, Any]:
        """Tokens and owners."""
        return overview(self.lab)

    def too_many_requests(self, request: Request, retry_after: int) -> Response:
        """What Rack::Attack answers."""
        text = self.lab.settings["rate_limiting_response_text"] or "Retry later"
        reset = int(self.lab.clock.timestamp()) + retry_after
        headers = {
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Limit": "60",
            "RateLimit-Observed": "61",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(reset),
            "RateLimit-ResetTime": self.lab.clock.http_date(),
            "Retry-After": str(retry_after),
        }
        return PlainTextResponse(text + "\n", 429, headers)

    def shift_page(self, request: Request, by: str) -> None:
        """Revoke or remove a listed token, or add one."""
        shift(self.lab, request, by)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        root: str = self.lab.switches["relative_url_root"]
        path: str = scope["path"]
        if not path.startswith(root + "/api/"):
            await HTMLResponse(PAGE_NOT_FOUND, 404)(scope, receive, send)
            return
        # Starlette raises its 404s and 405s, to be put into our words, only where an application is named.
        # A slash at the end makes no difference.
        inner = {**scope, "path": path.removeprefix(root).rstrip("/"), "app": self}
        if inner["path"].startswith("/api/v3"):
            await self._dispatcher.respond(Answer(410, OLD_API))(scope, receive, send)
            return
        version = self.lab.switches["version"]
        if version not in self._routers:
            self._routers[version] = self._router()
        try:
            await self._routers[version](inner, receive, send)
        except HTTPException as error:
            await self._unrouted(error)(scope, receive, send)

    def _unrouted(self, error: HTTPException) -> Response:
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            return self._dispatcher.respond(Answer(405, {"error": "405 Not Allowed"}, {"Allow": f"OPTIONS, {allowed}"}))
        return self._dispatcher.respond(Answer(404, {"error": "404 Not Found"}))

    def _router(self) -> ASGIApp:
        """The routes of the release that is set now. Fixed segments go before variable ones."""
        table: dict[str, dict[str, Endpoint]] = {}
        for endpoint in ENDPOINTS:
            if self.lab.at_least(endpoint.since):
                table.setdefault(endpoint.path, {})[endpoint.verb] = endpoint
        hosted = Route(PREFIX + "/groups/{id:segment}/manage/{rest:path}", self._hosted_only, methods=None)
        paths = sorted(table, key=lambda path: [segment.startswith("{") for segment in path.split("/")])
        routes = [Route(PREFIX + path, self._endpoint(table[path]), methods=list(table[path])) for path in paths]
        return Router([hosted, *routes], redirect_slashes=False)

    def _endpoint(self, verbs: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await self._dispatcher(request, verbs["GET" if request.method == "HEAD" else request.method])

        return answer

    async def _hosted_only(self, request: Request) -> Response:
        """The inventory of GitLab.com, which other instances do not have, whoever asks."""
        return self._dispatcher.respond(Answer(404, {"message": "404 Not Found"}))


def build_lab(bench: Bench) -> Lab:
    """An instance with all its parts."""
    lab = Lab(bench)
    lab.settings = Settings(lab)
    lab.access = Access(lab)
    lab.expiry = Expiry(lab)
    lab.tokens = Tokens(lab)
    lab.upkeep = Upkeep(lab)
    return lab


def make_app(bench: Bench) -> GitLab:
    """The platform, as ``stand_in`` asks for it."""
    return GitLab(bench)
