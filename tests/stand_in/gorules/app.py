# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: everything put together, for ``python -m stand_in gorules``."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.platform import Bench, Platform
from ..common.routing import EncodedPath
from . import tables
from .auth import Authenticator
from .directory_routes import DirectoryRoutes
from .errors import Refusal, no_route
from .fixtures import default_seed
from .http_layer import HttpLayer
from .seed import Seeder
from .store import Store, new_secret
from .switches import SWITCHES
from .token_routes import TokenRoutes
from .wire import Wire


class GoRules(Platform):
    """The stand-in for GoRules BRMS."""

    name = "gorules"
    schema = tables.SCHEMA
    switches = SWITCHES

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.store = Store(bench)
        self._wire = Wire(bench, self.store)
        self._seeder = Seeder(bench, self.store)
        self.app = EncodedPath(Front(bench, self._application()))

    def _application(self) -> Starlette:
        authenticator = Authenticator(self.bench, self.store)
        layer = HttpLayer(self.bench, authenticator)
        parts = (self.bench, self.store, self._wire, authenticator)
        routes = [*TokenRoutes(*parts).routes(layer), *DirectoryRoutes(*parts).routes(layer)]
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
        """Tokens and owners; ``owner`` is an e-mail address, ``projects`` are ids."""
        instant = self._wire.instant
        tokens = [
            {
                "id": row["id"],
                "owner": row["email"],
                "user_id": row["user_id"],
                "note": row["note"],
                "permissions": json.loads(row["permissions"]),
                "all_projects": bool(row["all_projects"]),
                "projects": json.loads(row["projects"]),
                "created_at": instant(row["created_at"]),
                "updated_at": instant(row["updated_at"]),
                "expires_at": instant(row["expires_at"]),
                "expired": self.store.is_expired(row),
                "last_used_at": instant(row["last_used_at"]),
            }
            for row in self.store.every_token()
        ]
        owners = [
            {"id": row["id"], "owner": row["email"], "is_service": bool(row["is_service"]), "status": row["status"]}
            for row in self.store.users(is_service=None, search="")
        ]
        return {"tokens": tokens, "owners": owners}

    def too_many_requests(self, request: Request, retry_after: int) -> Response:
        """The usual 429 of Fastify's rate limit plugin."""
        response = Refusal(429, f"Rate limit exceeded, retry in {retry_after} seconds").response("string")
        response.headers["Retry-After"] = str(retry_after)
        return response

    def shift_page(self, request: Request, by: str) -> None:
        """Remove or insert a row at the head of the list asked for: service users, projects, or a user's tokens."""
        path = request.scope["raw_path"].decode("latin-1").split("/")
        database, store = self.bench.database, self.store
        if path[-1] == "personal-access-tokens" and path[-3] == "service":
            owner = store.user(path[-2])
            if owner is not None and by == "remove":
                for token in store.tokens(owner)[:1]:
                    store.remove_token(token)
            elif owner is not None:
                fields = {"note": "came in between", "permissions": [], "all_projects": 1, "projects": []}
                store.add_token(owner, new_secret(), fields | {"expires_at": None}, number=self._before("tokens"))
        elif path[-1] == "users" and by == "remove":
            database.run("DELETE FROM users WHERE number = (SELECT min(number) FROM users WHERE is_service)")
        elif path[-1] == "users":
            store.add_user("came-between@example.com", "member", is_service=True, number=self._before("users"))
        elif path[-1] == "projects" and by == "remove":
            database.run("DELETE FROM projects WHERE number = (SELECT min(number) FROM projects)")
        elif path[-1] == "projects":
            store.add_project("Came in between", number=self._before("projects"))

    def _before(self, table: str) -> int:
        return int(self.bench.database.value(f"SELECT min(number) FROM {table}") or 0) - 1


class Front:
    """Takes the prefix off; what lies outside it is no route. A trailing slash is another path, unless switched."""

    def __init__(self, bench: Bench, app: ASGIApp) -> None:
        self._bench = bench
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix: str = self._bench.switches["prefix"]
        path: str = scope["path"]
        if not path.startswith(f"{prefix}/"):
            await no_route(Request(scope))(scope, receive, send)
            return
        inner = path[len(prefix) :]
        if self._bench.switches["trailing_slash"] == "ignored":
            inner = inner.rstrip("/") or "/"
        await self._app({**scope, "path": inner}, receive, send)


async def _no_route(request: Request, error: Exception) -> Response:
    return no_route(request)


def make_app(bench: Bench) -> GoRules:
    """The platform."""
    return GoRules(bench)
