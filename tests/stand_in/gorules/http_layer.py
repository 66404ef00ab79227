# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every handler is wrapped in: credential, then body, in Fastify's order and with Fastify's errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from ..common.platform import Bench
from .auth import Authenticator, Caller
from .errors import Refusal, invalid

BODY_LIMIT = 1024 * 1024
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class Call:
    """One request as a handler sees it. ``body`` is None where none was sent."""

    request: Request
    caller: Caller
    body: Any

    def uuid(self, name: str) -> str:
        """A path parameter that has to be a uuid."""
        value = str(self.request.path_params[name])
        if not is_uuid(value):
            raise invalid(f'params/{name} must match format "uuid"')
        return value.lower()

    def query(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query_params.get(name)

    def flag(self, name: str) -> bool | None:
        """A query parameter that is a boolean, in one of the three spellings taken."""
        value = self.query(name)
        if value is None:
            return None
        if value not in ("true", "True", "TRUE", "false", "False", "FALSE"):
            raise invalid(f"querystring/{name} must be equal to one of the allowed values")
        return value.lower() == "true"


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def is_uuid(value: object) -> bool:
    """Whether a value is a uuid in its usual spelling."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


class HttpLayer:
    """Makes endpoints of handlers."""

    def __init__(self, bench: Bench, authenticator: Authenticator) -> None:
        self._bench = bench
        self._authenticator = authenticator

    def endpoint(self, handler: Handler) -> Endpoint:
        """An endpoint."""

        async def answer(request: Request) -> Response:
            try:
                caller = self._authenticator.caller(request)
                body = self._decoded(request, await request.body())
                return handler(Call(request, caller, body))
            except Refusal as refusal:
                return refusal.response(self._bench.switches["error_message"])

        return answer

    def _decoded(self, request: Request, raw: bytes) -> Any:
        if request.method not in WRITES:
            return None
        header = request.headers.get("content-type")
        kind = (header or "").partition(";")[0].strip().lower()
        if len(raw) > BODY_LIMIT:
            raise Refusal(413, "Request body is too large", "FST_ERR_CTP_BODY_TOO_LARGE")
        if kind == "application/json":
            return self._json(request, raw)
        if not raw and not kind:
            return None
        if kind == "text/plain":
            return raw.decode(errors="replace")
        raise Refusal(415, f"Unsupported Media Type: {header or 'undefined'}", "FST_ERR_CTP_INVALID_MEDIA_TYPE")

    def _json(self, request: Request, raw: bytes) -> Any:
        if not raw:
            if request.method == "DELETE" and self._bench.switches["empty_json_delete"] == "accept":
                return None
            message = "Body cannot be empty when content-type is set to 'application/json'"
            raise Refusal(400, message, "FST_ERR_CTP_EMPTY_JSON_BODY")
        try:
            return json.loads(raw)
        except ValueError:
            message = "Body is not valid JSON but content-type is set to 'application/json'"
            raise Refusal(400, message, "FST_ERR_CTP_INVALID_JSON_BODY") from None
