# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: everything put together, for ``python -m stand_in bitbucket``."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.platform import Bench, Platform
from ..common.routing import EncodedPath
from . import tables
from .auth import Authenticator, token_permissions
from .core_routes import CoreRoutes
from .directory import Directory
from .errors import framework_error, json_response
from .fixtures import default_seed
from .page_routes import PageRoutes
from .rest import RestLayer
from .seed import Seeder
from .switches import SWITCHES
from .token_routes import TokenRoutes
from .token_store import Owner, TokenStore, iso
from .wire import Wire

LONG_MAX = 2**63 - 1


class Version(Convertor[str]):
    """``latest`` or ``1.0``: there is no other."""

    regex = r"latest|1\.0"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("version", Version())


class Bitbucket(Platform):
    """The stand-in for Bitbucket Data Center."""

    name = "bitbucket"
    schema = tables.SCHEMA
    switches = SWITCHES

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.directory = Directory(bench)
        self.tokens = TokenStore(bench)
        self._wire = Wire(bench, self.directory, self.tokens)
        self._seeder = Seeder(bench, self.directory, self.tokens)
        self._authenticator = Authenticator(bench, self.directory, self.tokens)
        self.app = EncodedPath(Front(bench, self._application()))

    def _application(self) -> Starlette:
        layer = RestLayer(self.bench, self._authenticator)
        routes = [
            *TokenRoutes(self.bench, self.directory, self.tokens, self._wire).routes(layer),
            *CoreRoutes(self.bench, self.directory, self._wire).routes(layer),
            *PageRoutes(self.bench, self.directory, self._authenticator, layer).routes(),
        ]
        app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
        app.router.redirect_slashes = False
        return app

    def default_seed(self) -> dict[str, Any]:
        """See ``fixtures.py``."""
        return default_seed()

    def seed(self, document: dict[str, Any]) -> dict[str, Any]:
        """See ``seed.py``."""
        return self._seeder.add(document)

    def state(self) -> dict[str, Any]:
        """Tokens and owners. A token's ``owner`` is ``alice``, ``PAY`` or ``PAY/api``, by its ``scope``."""
        labels = self._owners()
        tokens = [
            {
                "id": row["id"],
                "scope": row["scope"],
                "owner": labels[row["scope"], row["owner_id"]],
                "name": row["name"],
                "permissions": token_permissions(row),
                "created_at": iso(row["created_ms"]),
                "expiry_days": self.tokens.expiry_days(row),
                "expires_at": iso(self.tokens.expires_ms(row)),
                "expired": self.tokens.is_expired(row),
                "last_used_at": iso(row["last_used_ms"]),
            }
            for row in self.tokens.every()
        ]
        owners = [{"scope": scope, "id": number, "owner": label} for (scope, number), label in labels.items()]
        return {"tokens": tokens, "owners": owners, "policy": {"max_expiry_days": self.tokens.policy()}}

    def _owners(self) -> dict[tuple[str, int], str]:
        rows = self.bench.database.all(
            "SELECT 'user' AS scope, id, slug AS label FROM users UNION ALL SELECT 'project', id, key FROM projects"
            " UNION ALL SELECT 'repository', r.id, p.key || '/' || r.slug FROM repos r"
            " JOIN projects p ON p.id = project_id"
        )
        return {(row["scope"], row["id"]): row["label"] for row in rows}

    def too_many_requests(self, request: Request, retry_after: int) -> Response:
        """Bitbucket's 429."""
        message = "You have been rate limited. Please wait before sending more requests."
        switches = self.bench.switches
        if switches["rate_limit_body"] == "errors":
            error = {"context": None, "message": message, "exceptionName": None}
            response = json_response({"errors": [error]}, 429)
        else:
            response = PlainTextResponse("Rate limit exceeded.", 429)
        response.headers["Retry-After"] = str(LONG_MAX if switches["rate_limit_forever"] else retry_after)
        if switches["rate_limit_headers"]:
            response.headers["X-RateLimit-Remaining"] = "0"
            response.headers["X-RateLimit-Interval-Seconds"] = "1"
        return response

    def rate_limit_key(self, request: Request) -> str | None:
        """The credential: only Basic and Bearer requests are limited, each user by itself."""
        return request.headers.get("authorization")

    def shift_page(self, request: Request, by: str) -> None:
        """Remove the newest token of the listed owner, or add one that is newer: either moves every later page."""
        owner = self._listed_owner(request.scope["raw_path"].decode("latin-1"))
        if owner is None:
            return
        if by == "remove":
            for row in self.tokens.page(owner, 0, 1):
                self.tokens.remove(row)
        else:
            self.tokens.mint(owner, "came in between", ["REPO_READ"], None)

    def _listed_owner(self, path: str) -> Owner | None:
        parts = path.partition("/rest/access-tokens/")[2].split("/")[1:]
        match parts:
            case ["users", slug]:
                return self._seeder.owner({"user": slug})
            case ["projects", key]:
                return self._seeder.owner({"project": key})
            case ["projects", key, "repos", slug]:
                return self._seeder.owner({"repository": f"{key}/{slug}"})
        return None


class Front:
    """Takes the context path off; what lies outside it is not Bitbucket's. A trailing slash makes no difference."""

    def __init__(self, bench: Bench, app: ASGIApp) -> None:
        self._bench = bench
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: str = self._bench.switches["context_path"]
        path: str = scope["path"]
        if not path.startswith(f"{context}/"):
            await HTMLResponse("<html><body>HTTP Status 404 - Not Found</body></html>", 404)(scope, receive, send)
            return
        inner = path[len(context) :].rstrip("/") or "/"
        await self._app({**scope, "path": inner}, receive, send)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return framework_error(request, status, "Not Found" if status == 404 else "Method Not Allowed")


def make_app(bench: Bench) -> Bitbucket:
    """The platform."""
    return Bitbucket(bench)
