# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: Basic, a token as Bearer, or nobody."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..bitbucket import secret_format
from ..common.platform import Bench
from .store import Store

Row = sqlite3.Row
LOGIN_NEEDED = "Client must be authenticated to access this resource."


def json_response(content: Any, status: int = 200) -> Response:
    """JSON with the content type that Jira and Confluence write."""
    return Response(json.dumps(content), status, headers={"Content-Type": "application/json;charset=UTF-8"})


class Refusal(Exception):
    """An answer in place of the one asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def framework_error(status: int, message: str) -> Refusal:
    """What the REST framework itself answers."""
    response = json_response({"message": message, "status-code": status}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'OAuth realm="http%3A%2F%2F127.0.0.1"'
    return Refusal(response)


def page_error(status: int, title: str, headers: dict[str, str]) -> Refusal:
    """What the login filter answers before any REST resource is reached: a page."""
    page = f"<html><head><title>{title} ({status})</title></head><body><h1>{title} ({status})</h1></body></html>"
    return Refusal(HTMLResponse(page, status, headers))


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller; ``user`` is None for nobody, ``token`` for everything but a token."""

    user: Row | None = None
    token: Row | None = None


class Authenticator:
    """Reads a request's credentials."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self._bench = bench
        self._store = store

    def caller(self, request: Request) -> Caller:
        """The caller, or Refusal for credentials that are not good."""
        scheme, _unused, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._basic(value.strip())
        if scheme.lower() == "bearer":
            return self._bearer(value.strip())
        return Caller()

    def stamp(self, response: Response, caller: Caller) -> None:
        """Say who was recognised."""
        if caller.user is not None:
            response.headers["X-AUSERNAME"] = caller.user["name"]
            response.headers["X-Seraph-LoginReason"] = "OK"
        elif self._bench.switches["anonymous_header"] == "anonymous":
            response.headers["X-AUSERNAME"] = "anonymous"

    def _bearer(self, secret: str) -> Caller:
        token = self._store.live_token(secret)
        user = None if token is None else self._store.user(token["user_id"])
        if token is None or user is None or not user["active"]:
            if self._bench.switches["dead_bearer"] == "401":
                raise framework_error(401, LOGIN_NEEDED)
            return Caller()
        self._store.note_use(token)
        return Caller(user, token)

    def _basic(self, encoded: str) -> Caller:
        if not self._bench.switches["basic_auth_enabled"]:
            raise page_error(403, "Basic Authentication has been disabled on this instance", {})
        try:
            name, _unused, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise self._login_failed() from None
        user = self._store.user_by_name(name)
        if user is None:
            raise self._login_failed()
        limit = self._bench.switches["captcha_after"]
        if limit and user["failed_logins"] >= limit:
            reason = f"CAPTCHA_CHALLENGE; login-url=http://127.0.0.1{self._bench.switches['context_path']}/login.jsp"
            headers = {"X-Authentication-Denied-Reason": reason, "X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}
            raise page_error(403, "Forbidden", headers)
        if not user["active"] or user["password_digest"] != secret_format.digest(password):
            self._store.count_login(user, failed=True)
            raise self._login_failed()
        if user["failed_logins"]:
            self._store.count_login(user, failed=False)
        return Caller(user)

    def _login_failed(self) -> Refusal:
        headers = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED", "WWW-Authenticate": 'OAuth realm="127.0.0.1"'}
        return page_error(401, "Unauthorized", headers)
