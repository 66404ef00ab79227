# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of tokens: a service user's, for administrators, and the caller's own."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import Route

from ..common.platform import Bench
from . import periods
from .auth import Authenticator
from .bodies import BodyReader, TokenWish
from .errors import Refusal, json_response, not_found
from .http_layer import Call, HttpLayer
from .store import Store, new_secret
from .wire import Wire, paged

Row = sqlite3.Row
Owner = Callable[[Call], Row]
SERVICE = "/users/service/{userId:segment}/personal-access-tokens"
OWN = "/personal-access-tokens"
TOKEN = "Personal access token"


class TokenRoutes:
    """Handlers. Each validates first (400), then asks whether the caller may (403), then looks things up (404)."""

    def __init__(self, bench: Bench, store: Store, wire: Wire, authenticator: Authenticator) -> None:
        self._bench = bench
        self._store = store
        self._wire = wire
        self._auth = authenticator
        self._reader = BodyReader(bench)

    def routes(self, layer: HttpLayer) -> list[Route]:
        """The routes, in both forms."""
        result = []
        for path, owner in ((SERVICE, self._service_user), (OWN, self._caller_itself)):
            one = path + "/{patId:segment}"
            table = [
                ("GET", path, self._list),
                ("POST", path, self._create),
                ("GET", one, self._get),
                ("DELETE", one, self._delete),
                ("POST", one + "/regenerate", self._regenerate),
            ]
            for method, place, handler in table:
                result.append(Route(place, layer.endpoint(_bound(handler, owner)), methods=[method]))
        return result

    # -- whose tokens

    def _service_user(self, call: Call) -> Row:
        user_id = call.uuid("userId")
        self._auth.require_admin(call.caller)
        user = self._store.user(user_id)
        if user is None or not user["is_service"]:
            raise not_found("Service user")
        return user

    def _caller_itself(self, call: Call) -> Row:
        return call.caller.user

    # -- the five operations

    def _list(self, call: Call, owner: Owner) -> Response:
        try:
            user = owner(call)
        except Refusal as refusal:
            if refusal.status == 404 and self._bench.switches["unknown_user_list"] == "empty":
                return json_response([])
            raise
        items = [self._wire.token(token, user) for token in self._store.tokens(user)]
        return (
            json_response(items) if self._bench.switches["list_shape"] == "array" else paged(call, self._bench, items)
        )

    def _create(self, call: Call, owner: Owner) -> Response:
        if "userId" in call.request.path_params:
            call.uuid("userId")
        wish = self._reader.create(call.body)
        user = owner(call)
        self._auth.require_writer(call.caller)
        fields = {
            "note": wish.note,
            "permissions": wish.permissions,
            "all_projects": int(wish.all_projects),
            "projects": self._known_projects(wish),
            "expires_at": self._end(wish.period),
        }
        if self._bench.switches["duplicate_notes"] == "reject":
            self._check_note(user, wish.note)
        secret = new_secret()
        token = self._store.add_token(user, secret, fields)
        status = int(self._bench.switches["create_status"])
        return json_response(self._wire.token(token, user, secret=secret), status)

    def _get(self, call: Call, owner: Owner) -> Response:
        token, user = self._found(call, owner)
        return json_response(self._wire.token(token, user))

    def _delete(self, call: Call, owner: Owner) -> Response:
        token, user = self._found(call, owner, writing=True)
        answer = self._wire.token(token, user)
        self._store.remove_token(token)
        return json_response(answer) if self._bench.switches["delete_reply"] == "body" else Response(status_code=204)

    def _regenerate(self, call: Call, owner: Owner) -> Response:
        if "userId" in call.request.path_params:
            call.uuid("userId")
        call.uuid("patId")
        period = self._reader.regenerate(call.body)
        token, user = self._found(call, owner, writing=True)
        secret = new_secret()
        renewed = self._store.regenerate(token, secret, self._end(period))
        return json_response(self._wire.token(renewed, user, secret=secret))

    # -- parts

    def _found(self, call: Call, owner: Owner, *, writing: bool = False) -> tuple[Row, Row]:
        token_id = call.uuid("patId")
        user = owner(call)
        if writing:
            self._auth.require_writer(call.caller)
        token = self._store.token(token_id)
        if token is None:
            raise not_found(TOKEN)
        if token["user_id"] != user["id"]:
            raise self._auth.forbidden() if self._bench.switches["foreign_token"] == "403" else not_found(TOKEN)
        return token, user

    def _known_projects(self, wish: TokenWish) -> list[str]:
        known = [project_id for project_id in wish.projects if self._store.project(project_id) is not None]
        missing = [project_id for project_id in wish.projects if project_id not in known]
        position = self._bench.switches["unknown_projects"]
        if missing and position == "reject":
            raise Refusal(400, f"Unknown projects: {', '.join(missing)}")
        if missing and position == "404":
            raise not_found("Project")
        return known

    def _check_note(self, user: Row, note: str) -> None:
        if any(token["note"] == note for token in self._store.tokens(user)):
            raise Refusal(409, "A token with this note already exists")

    def _end(self, period: str) -> float | None:
        start = dt.datetime.fromtimestamp(self._store.now(), dt.UTC)
        end = periods.end_of(period, start, self._bench.switches["month_arithmetic"])
        return None if end is None else end.timestamp()


def _bound(handler: Callable[[Call, Owner], Response], owner: Owner) -> Callable[[Call], Response]:
    return lambda call: handler(call, owner)
