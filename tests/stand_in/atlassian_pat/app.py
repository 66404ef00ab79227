# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: everything put together, for ``python -m stand_in atlassian_pat``."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.platform import Bench, Platform
from ..common.routing import EncodedPath
from . import store as storage
from .auth import Authenticator, framework_error
from .fixtures import default_seed
from .routes import Routes
from .seed import Seeder
from .store import Store, instant
from .switches import SWITCHES


class AtlassianPat(Platform):
    """The stand-in for the personal access tokens of Jira and Confluence Data Center."""

    name = "atlassian_pat"
    schema = storage.SCHEMA
    switches = SWITCHES

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.store = Store(bench)
        self._seeder = Seeder(bench, self.store)
        routes = Routes(bench, self.store, Authenticator(bench, self.store)).routes()
        app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
        app.router.redirect_slashes = False
        self.app = EncodedPath(Front(bench, app))

    def default_seed(self) -> dict[str, Any]:
        """See ``fixtures.py``."""
        return default_seed()

    def seed(self, document: dict[str, Any]) -> dict[str, Any]:
        """See ``seed.py``."""
        return self._seeder.add(document)

    def state(self) -> dict[str, Any]:
        """Tokens and owners; ``owner`` is the user's name."""
        tokens = [
            {
                "id": row["id"],
                "owner": row["owner"],
                "name": row["name"],
                "created_at": instant(row["created_at"]),
                "expires_at": instant(row["expires_at"]),
                "expired": self.store.is_expired(row),
                "last_used_at": instant(row["last_used_at"]),
            }
            for row in self.store.every_token()
        ]
        return {"tokens": tokens, "owners": [{"id": row["id"], "owner": row["name"]} for row in self.store.users()]}

    def too_many_requests(self, request: Request, retry_after: int) -> Response:
        """The 429 of Jira and Confluence."""
        headers = {
            "Retry-After": str(retry_after),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Interval-Seconds": "1",
        }
        return PlainTextResponse("Rate limit exceeded.", 429, headers)

    def rate_limit_key(self, request: Request) -> str | None:
        """The credential: each user is limited by itself."""
        return request.headers.get("authorization")

    def shift_page(self, request: Request, by: str) -> None:
        """Listings have no pages."""


class Front:
    """Takes the context path off; what lies outside it is not the product's."""

    def __init__(self, bench: Bench, app: ASGIApp) -> None:
        self._bench = bench
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: str = self._bench.switches["context_path"]
        path: str = scope["path"]
        if not path.startswith(f"{context}/"):
            await HTMLResponse("<html><body>HTTP Status 404 - Not Found</body></html>", 404)(scope, receive, send)
            return
        await self._app({**scope, "path": path[len(context) :].rstrip("/") or "/"}, receive, send)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if not request.url.path.startswith("/rest/"):
        return HTMLResponse("<html><head><title>Oops, you've found a dead link</title></head></html>", status)
    return framework_error(status, "null for uri").response


def make_app(bench: Bench) -> AtlassianPat:
    """The platform."""
    return AtlassianPat(bench)
