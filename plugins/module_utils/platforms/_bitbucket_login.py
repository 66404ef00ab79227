# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into Bitbucket: a bearer, a password, or a login session. Used by `bitbucket` alone.

Which of them it is to be is found out by the first request, not by trying around.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import CredentialRefused, InvalidOption, NotTheApi, ServiceError
from ..redaction import Secret
from ..transport import AuthBase, Refusal
from ._admission import NO_MORE, Admission, is_basic_off, is_captcha, user_named
from ._bitbucket_answers import exception_of, secret_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from ..transport import Answer, Connection, Transport


class Credential(AuthBase):
    """The Authorization header of every request; none once a session's cookie stands for it."""

    def __init__(self, connection: Connection) -> None:
        self.method = _method(connection)
        self._header: str | None = None
        if self.method == "token" and connection.auth_token:
            self._header = bearer(connection.auth_token)
        elif self.method in ("auto", "basic") and connection.auth_password:
            pair = f"{connection.auth_username}:{connection.auth_password.reveal()}"
            self._header = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._header is not None:
            request.headers["Authorization"] = self._header
        return request

    def drop(self) -> None:
        """From now on the session's cookie is all."""
        self._header = None


def bearer(token: Secret) -> str:
    """The Authorization header of an access token, or of an OAuth 2 one."""
    return f"Bearer {token.reveal()}"


def _method(connection: Connection) -> str:
    """How to begin: `token`, `basic`, `session`, or `auto`: with the password, whichever way it is taken."""
    if connection.auth_method != "auto":
        return connection.auth_method
    # A password beats a token: what this collection does is closed to Bitbucket's own tokens.
    if connection.auth_username and connection.auth_password:
        return "auto"
    if connection.auth_token:
        return "token"
    raise InvalidOption(
        "auth_password",
        "Bitbucket needs auth_username and auth_password.",
        "Give both (its HTTP access tokens cannot manage tokens), or auth_token with an OAuth 2 access token.",
    )


class Login(Admission):
    """The way in of one run; where basic authentication is off, a login session."""

    def __init__(self, transport: Transport, connection: Connection, credential: Credential) -> None:
        super().__init__(transport)
        self._connection = connection
        self._credential = credential

    @property
    def token_id(self) -> str | None:
        """The id of the HTTP access token that this run uses, also as a password; None if it uses none."""
        by_token = self._credential.method == "token"
        secret = self._connection.auth_token if by_token else self._connection.auth_password
        return secret_id(secret) if secret else None

    def why_refused(self, error: ServiceError) -> str | None:
        if not isinstance(error, Refusal) or user_named(error.headers) is not None:
            return None
        exception = exception_of(error)
        if is_basic_off(error):
            return "auth_method: basic authentication is switched off on this server. Use session, or auto, which finds out."
        if is_captcha(error):
            return (
                f"auth_username: {self._connection.auth_username} is locked behind a CAPTCHA after failed logins "
                f"({error.reason}). Log in with a browser once; nothing more is tried until then."
            )
        if error.status != 401:
            return None
        if exception == "IncorrectPasswordAuthenticationException":
            return f"auth_password: the server refuses user name and password ({error.reason}). {NO_MORE}"
        if exception == "NoAccessAuthenticationException":
            return f"auth_username: the server knows the account, but does not let it in: {error.reason}."
        # Without the header on any answer (a proxy may remove it), this one is about rights.
        if self._begun and self.user is None and exception == "AuthorisationException":
            return None
        return self._nobody(error)

    def _nobody(self, refusal: Refusal) -> str:
        if self._credential.method == "token":
            return (
                f"auth_token: {refusal.call}: the server does not know the token (revoked, expired or mistyped), and takes "
                "the run for nobody's (401)."
            )
        return (
            f"auth_password: {refusal.call}: the server takes the run for nobody's (401: {refusal.reason}). With a login "
            "session, single sign-on or a second step may be why, or the session has ended."
        )

    def _first(self, send: Callable[[], Answer]) -> Answer:
        """The first request, alone: it shows how the run gets in."""
        self._check_open()
        if self._credential.method == "auto":
            send = partial(self._found_out, send)
        elif self._credential.method == "session":
            self._log_in()
        return super()._first(send)

    def _found_out(self, send: Callable[[], Answer]) -> Answer:
        """Send with the password; where that is switched off, with a session."""
        try:
            return send()
        except Refusal as refusal:
            if not is_basic_off(refusal):
                raise
        self._log_in()
        return send()

    def _log_in(self) -> None:
        """Open a session, as the login page does. Whether it lets the run in shows with the next request."""
        self._credential.drop()
        try:
            self._transport.get("/login")
        except NotTheApi as page:
            # The page itself is no API's answer; its cookie has been taken.
            if page.status != 200:
                raise
        if not self._log_in_by_rest():
            self._log_in_by_form()

    def _log_in_by_rest(self) -> bool:
        """The login of newer releases; False if this server has none."""
        fields = {
            "username": self._connection.auth_username,
            "password": self._password,
            "rememberMe": False,
            "targetUrl": "",
        }
        try:
            body = self._transport.write("POST", "/rest/tsv/1.0/authenticate", fields).body
        except (Refusal, NotTheApi) as error:
            if error.status in (404, 405):
                return False
            if isinstance(error, NotTheApi):
                raise
            self._close(self.why_refused(error) or f"auth_method: the login form refuses the login: {error}. {NO_MORE}")
        if isinstance(body, dict) and (body.get("errors") or str(body.get("status")).upper() == "FAILED"):
            self._close(f"auth_password: the login form refuses user name and password. {NO_MORE}")
        return True

    def _log_in_by_form(self) -> None:
        """The login of older releases: a form that leads on, or back to the login page."""
        form = {"j_username": self._connection.auth_username or "", "j_password": self._password}
        try:
            self._transport.submit("/j_atl_security_check", form)
        except NotTheApi as page:
            if page.status in (302, 303) and not urlsplit(page.location or "").path.endswith("/login"):
                return
            if page.status in (404, 405):
                raise CredentialRefused(
                    "auth_method: this server has no login form for programs (single sign-on?). Switch basic authentication "
                    "on, or give auth_token with an OAuth 2 access token."
                ) from None
            self._close(f"auth_password: the login form refuses user name and password. {NO_MORE}")

    @property
    def _password(self) -> str:
        return self._connection.auth_password.reveal() if self._connection.auth_password else ""
