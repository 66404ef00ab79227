# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the form that Fastify gives them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

JSON_TYPE = "application/json; charset=utf-8"


def json_response(content: Any, status: int = 200) -> Response:
    """JSON with the content type that Fastify writes."""
    return Response(json.dumps(content), status, headers={"Content-Type": JSON_TYPE})


class Refusal(Exception):
    """An error in place of the answer asked for."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self, form: str) -> Response:
        """The answer; ``form`` is the position of the switch ``error_message``."""
        message: str | list[str] = str(self)
        if form == "list":
            message = [str(self), "the request was not carried out"]
        body: dict[str, Any] = {"statusCode": self.status}
        if self.code is not None:
            body["code"] = self.code
        return json_response(body | {"error": HTTPStatus(self.status).phrase, "message": message}, self.status)


def invalid(message: str) -> Refusal:
    """The request fails validation. ``message`` in the words of the JSON schema validator."""
    return Refusal(400, message, "FST_ERR_VALIDATION")


def unauthorized() -> Refusal:
    """No credential, or one that is not good (any more)."""
    return Refusal(401, "Unauthorized")


def not_found(what: str) -> Refusal:
    """A resource is not there."""
    return Refusal(404, f"{what} not found")


def no_route(request: Request) -> Response:
    """Unknown path, or a method that the path does not have: Fastify knows no 405."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    url = f"{path}?{query}" if query else path
    return json_response(
        {"message": f"Route {request.method}:{url} not found", "error": "Not Found", "statusCode": 404}, 404
    )
