# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handlers: tokens of the caller, and who the caller is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..common.platform import Bench
from .auth import LOGIN_NEEDED, Authenticator, Caller, Refusal, framework_error, json_response
from .store import DAY, Store, instant, new_secret

Row = sqlite3.Row
Handler = Callable[[Request, Row, Any], Response]
LONGEST_NAME = 255


def refused(message: str, status: int = 400) -> Refusal:
    """A request that does not validate."""
    return Refusal(json_response({"errorMessages": [message], "errors": {}}, status))


class Routes:
    """Handlers. Everything here is about the caller's own tokens: there is no way to ask for another user's."""

    def __init__(self, bench: Bench, store: Store, authenticator: Authenticator) -> None:
        self._bench = bench
        self._store = store
        self._auth = authenticator

    def routes(self) -> list[Route]:
        """The routes, under both versions."""
        result = [
            Route("/rest/api/2/myself", self._endpoint(self._myself), methods=["GET"]),
            Route("/rest/api/user/current", self._endpoint(self._current_user), methods=["GET"]),
        ]
        for version in ("latest", "1.0"):
            tokens = f"/rest/pat/{version}/tokens"
            result += [
                Route(tokens, self._endpoint(self._list), methods=["GET"]),
                Route(tokens, self._endpoint(self._create), methods=["POST"]),
                Route(tokens + "/{token:segment}", self._endpoint(self._delete), methods=["DELETE"]),
            ]
        return result

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = Caller()
            try:
                caller = self._auth.caller(request)
                if caller.user is None:
                    raise framework_error(401, LOGIN_NEEDED)
                self._check_credential(request, caller)
                response = handler(request, caller.user, await self._body(request))
            except Refusal as refusal:
                response = refusal.response
            self._auth.stamp(response, caller)
            return response

        return answer

    def _check_credential(self, request: Request, caller: Caller) -> None:
        writing = request.method not in ("GET", "HEAD")
        if caller.token is not None and writing and self._bench.switches["tokens_may_manage_tokens"] == "no":
            raise framework_error(403, "Personal access tokens cannot be managed with a token.")

    async def _body(self, request: Request) -> Any:
        if request.method != "POST":
            return None
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise framework_error(415, "Unsupported Media Type")
        try:
            return json.loads(await request.body())
        except ValueError:
            raise refused("The request body is not valid JSON.") from None

    # -- who am I

    def _myself(self, request: Request, user: Row, body: Any) -> Response:
        if self._bench.switches["product"] != "jira":
            raise framework_error(404, "null for uri")
        return json_response(
            {
                "key": user["name"],
                "name": user["name"],
                "emailAddress": user["email"],
                "displayName": user["display_name"],
                "active": bool(user["active"]),
                "timeZone": "Etc/UTC",
            }
        )

    def _current_user(self, request: Request, user: Row, body: Any) -> Response:
        if self._bench.switches["product"] != "confluence":
            raise framework_error(404, "null for uri")
        return json_response({"type": "known", "username": user["name"], "displayName": user["display_name"]})

    # -- tokens

    def _token(self, token: Row, secret: str | None = None) -> dict[str, Any]:
        switches = self._bench.switches
        form = switches["timestamps"]
        result = {"id": token["id"], "name": token["name"], "createdAt": instant(token["created_at"], form)}
        if token["expires_at"] is not None or switches["no_expiry"] == "as_null":
            result["expiringAt"] = instant(token["expires_at"], form)
        if switches["emit_last_accessed"]:
            result["lastAccessedAt"] = instant(token["last_used_at"], form)
        if secret is not None:
            result[switches["secret_field"]] = secret
        return result

    def _list(self, request: Request, user: Row, body: Any) -> Response:
        rows = [self._token(token) for token in self._store.tokens(user)]
        return json_response(rows if self._bench.switches["list_shape"] == "array" else {"values": rows})

    def _create(self, request: Request, user: Row, body: Any) -> Response:
        if not isinstance(body, dict):
            raise refused("The request body must be a JSON object.")
        switches, mine = self._bench.switches, self._store.tokens(user)
        name = self._name(body.get("name"))
        days = self._days(body.get("expirationDuration"))
        if len(mine) >= switches["max_tokens"]:
            raise refused("You have reached the maximum number of tokens.", int(switches["too_many_status"]))
        if switches["duplicate_names"] == "reject" and any(token["name"] == name for token in mine):
            raise refused("A token with this name already exists.")
        secret = new_secret()
        now = self._store.now()
        expires_at = None if days is None else now + days * DAY
        token = self._store.add_token(user, secret, name, expires_at, created_at=now)
        return json_response(self._token(token, secret), int(switches["create_status"]))

    def _name(self, name: Any) -> str:
        if not isinstance(name, str) or not name.strip():
            raise refused("A token needs a name.")
        if len(name) > LONGEST_NAME:
            raise refused(f"The name may have at most {LONGEST_NAME} characters.")
        return name.strip() if self._bench.switches["trim_names"] else name

    def _days(self, days: Any) -> int | None:
        switches = self._bench.switches
        if days is not None and (isinstance(days, bool) or not isinstance(days, int) or days < 1):
            raise refused("expirationDuration must be a number of days greater than 0.")
        clamp: int | None = switches["clamp_days"]
        if clamp is not None:
            return clamp if days is None else min(days, clamp)
        if days is None:
            if not switches["eternal_tokens"]:
                raise refused("Tokens must have an expiry date.")
            return None
        most: int = switches["max_days"]
        if days > most and switches["over_long"] == "reject":
            raise refused(f"A token may live for at most {most} days.")
        return min(int(days), most)

    def _delete(self, request: Request, user: Row, body: Any) -> Response:
        text = request.path_params["token"]
        token = self._store.token(user, int(text)) if text.isdecimal() else None
        if token is None:
            raise framework_error(404, f"Token {text} not found")
        self._store.remove(token)
        return Response(status_code=204)
