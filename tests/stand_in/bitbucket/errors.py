# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals, in the words and forms that Bitbucket uses."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

JSON_TYPE = "application/json;charset=UTF-8"
NOT_PERMITTED = "You are not permitted to access this resource"
OAUTH_CHALLENGE = 'OAuth realm="http%3A%2F%2F127.0.0.1"'


def json_response(content: Any, status: int = 200) -> Response:
    """JSON with the content type that Bitbucket writes."""
    return Response(json.dumps(content), status, headers={"Content-Type": JSON_TYPE})


class Refusal(Exception):
    """An answer in place of the one asked for."""

    def __init__(
        self,
        status: int,
        message: str,
        exception: str | None = None,
        *,
        context: str | None = None,
        headers: dict[str, str] | None = None,
        empty: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"context": context, "message": message, "exceptionName": exception}
        self.headers = dict(headers or {})
        self.empty = empty
        if status == 401:
            self.headers.setdefault("WWW-Authenticate", OAUTH_CHALLENGE)

    def response(self) -> Response:
        """The answer."""
        response = Response(status_code=self.status)
        if not self.empty:
            response = json_response({"errors": [self.error]}, self.status)
        response.headers.update(self.headers)
        return response


class RouteMissing(Exception):
    """Behave as if the route were not there."""


def not_permitted() -> Refusal:
    """The caller is known and lacks the right."""
    return Refusal(401, NOT_PERMITTED, "com.atlassian.bitbucket.AuthorisationException")


def login_required() -> Refusal:
    """Nobody is logged in; an unknown bearer is nobody."""
    name = "com.atlassian.plugins.rest.api.security.exception.AuthenticationRequiredException"
    return Refusal(401, NOT_PERMITTED, name)


def wrong_password() -> Refusal:
    """Basic credentials that do not fit."""
    return Refusal(
        401,
        "Authentication failed. Please check your credentials and try again.",
        "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException",
    )


def unlicensed() -> Refusal:
    """A good account without a licence seat."""
    return Refusal(
        401,
        "You are not currently licensed to use Bitbucket.\nPlease contact your administrator to resolve this issue.",
        "com.atlassian.bitbucket.auth.NoAccessAuthenticationException",
    )


def basic_switched_off() -> Refusal:
    """Basic authentication is off for the whole instance."""
    return Refusal(403, "Basic Authentication has been disabled on this instance.")


def captcha_required(*, login_url: str | None) -> Refusal:
    """Too many failed logins; only a person can go on."""
    headers = {}
    if login_url is not None:
        headers["X-Authentication-Denied-Reason"] = f"CAPTCHA_CHALLENGE; login-url={login_url}"
    return Refusal(
        403,
        "CAPTCHA required. Your Bitbucket account has been marked as requiring a CAPTCHA, log in with a browser first.",
        "com.atlassian.bitbucket.auth.CaptchaRequiredAuthenticationException",
        headers=headers,
    )


def xsrf_failed() -> Refusal:
    """A write that looks like a browser's."""
    return Refusal(403, "XSRF check failed")


def bad_field(field: str | None, message: str) -> Refusal:
    """A request that does not validate."""
    return Refusal(400, message, context=field)


def no_such_user(slug: str) -> Refusal:
    """There is no such user."""
    return Refusal(404, f"User {slug} does not exist.", "com.atlassian.bitbucket.user.NoSuchUserException")


def no_such_project(key: str) -> Refusal:
    """There is no such project."""
    return Refusal(404, f"Project {key} does not exist.", "com.atlassian.bitbucket.project.NoSuchProjectException")


def no_such_repository(key: str, slug: str) -> Refusal:
    """There is no such repository."""
    name = "com.atlassian.bitbucket.repository.NoSuchRepositoryException"
    return Refusal(404, f"Repository {key}/{slug} does not exist.", name)


def no_such_token(token_id: str, *, empty: bool) -> Refusal:
    """There is no such token with this owner."""
    return Refusal(404, f"Access token {token_id} does not exist.", empty=empty)


def framework_error(request: Request, status: int, reason: str) -> Response:
    """What the REST framework itself answers, without ``errors``: JSON where JSON is asked for, XML otherwise."""
    if not request.url.path.startswith("/rest/"):
        return HTMLResponse(f"<html><head><title>Bitbucket</title></head><body>{reason}</body></html>", status)
    message = f"HTTP {status} {reason}"
    if "json" in request.headers.get("accept", ""):
        return json_response({"message": message, "status-code": status, "sub-code": -1}, status)
    xml = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f"<status><status-code>{status}</status-code><sub-code>-1</sub-code><message>{message}</message></status>"
    )
    return Response(xml, status, media_type="application/xml")
