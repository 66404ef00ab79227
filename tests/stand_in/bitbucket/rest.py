# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every REST handler is wrapped in: content negotiation, credentials, XSRF check, the body, identity headers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ..common.platform import Bench
from .auth import NOBODY, Authenticator, Caller
from .errors import Refusal, RouteMissing, bad_field, framework_error, login_required, xsrf_failed

WRITES = ("POST", "PUT", "DELETE")


@dataclass(slots=True)
class Call:
    """One request as a handler sees it. ``body`` is the decoded JSON, None where none was sent."""

    request: Request
    caller: Caller
    body: Any

    def segment(self, name: str) -> str:
        """A path parameter, decoded."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query_params.get(name)

    def fields(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        if not isinstance(self.body, dict):
            raise bad_field(None, "The request body must be a JSON object.")
        return self.body


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


class RestLayer:
    """Makes endpoints of handlers."""

    def __init__(self, bench: Bench, authenticator: Authenticator) -> None:
        self._bench = bench
        self._authenticator = authenticator

    def endpoint(self, handler: Handler, *, anonymous: bool = False) -> Endpoint:
        """An endpoint; unless ``anonymous``, somebody has to be logged in."""

        async def answer(request: Request) -> Response:
            caller = NOBODY
            try:
                if not _accepts_json(request):
                    return Response(status_code=406)
                caller = self._authenticator.caller(request, login_url=self.login_url())
                self._check_xsrf(request)
                if caller.is_anonymous and not anonymous:
                    raise login_required()
                response = await self._handled(handler, request, caller)
            except RouteMissing:
                response = framework_error(request, 404, "Not Found")
            except Refusal as refusal:
                response = refusal.response()
            self.stamp(response, caller)
            return response

        return answer

    async def _handled(self, handler: Handler, request: Request, caller: Caller) -> Response:
        raw = await request.body()
        body = None
        if raw and request.method in WRITES:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return framework_error(request, 415, "Unsupported Media Type")
            try:
                body = json.loads(raw)
            except ValueError:
                raise bad_field(None, "The request body is not valid JSON.") from None
        return handler(Call(request, caller, body))

    def login_url(self) -> str:
        """Where people log in."""
        return f"http://127.0.0.1{self._bench.switches['context_path']}/login"

    def stamp(self, response: Response, caller: Caller) -> None:
        """Add the headers that every answer of the application carries."""
        headers = response.headers
        headers["X-AREQUESTID"] = f"@{secrets.token_hex(6)}"
        headers["Cache-Control"] = "no-cache, no-transform"
        headers["Vary"] = "X-AUSERNAME,Accept-Encoding"
        if not caller.is_anonymous:
            headers["X-ASESSIONID"] = secrets.token_hex(4)
            headers["X-ASEN"] = "SEN-500"
            headers["X-AUSERID"] = caller.number
            headers["X-AUSERNAME"] = quote(caller.name, safe="")
        elif self._bench.switches["anonymous_header"] == "anonymous":
            headers["X-AUSERNAME"] = "anonymous"

    def _check_xsrf(self, request: Request) -> None:
        position = self._bench.switches["xsrf"]
        if position == "lenient" or request.method not in WRITES:
            return
        if request.headers.get("x-atlassian-token") in ("no-check", "nocheck"):
            return
        like_a_browser = "origin" in request.headers or "Mozilla" in request.headers.get("user-agent", "")
        if position == "always" or like_a_browser:
            raise xsrf_failed()


def _accepts_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return not accept or any(kind in accept for kind in ("json", "*/*", "application/*"))
