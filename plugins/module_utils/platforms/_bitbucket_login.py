# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into Bitbucket: a bearer, a password, or a login session. Used by `bitbucket` alone.

Failed passwords count towards a CAPTCHA that only a person can solve. So the first request goes out alone, a refused
credential is never sent again, and which way it is to be is found out by that first request, not by trying around.
"""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from ..errors import CredentialRefused, InvalidOption, NotTheApi
from ..redaction import Secret
from ..transport import AuthBase, Refusal
from ._bitbucket_answers import exception_of, secret_id, user_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest

    from ..transport import Answer, Connection, Transport

_NO_MORE = "Nothing more is tried with it, because failed logins lock an account behind a CAPTCHA."


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


class _BasicIsOff(CredentialRefused):
    """Basic authentication is switched off for the whole server, as on new installations of Bitbucket 10."""


class Login:
    """Sends requests with the run's credential, and stops sending when it is refused.

    `user` is the name by which the server knows the caller, None as long as it has not said.
    """

    def __init__(self, transport: Transport, connection: Connection, credential: Credential) -> None:
        self.user: str | None = None
        self._transport = transport
        self._connection = connection
        self._credential = credential
        self._lock = threading.Lock()
        self._begun = False
        self._refused: str | None = None

    @property
    def begun(self) -> bool:
        """Whether the server has answered a request of this credential."""
        return self._begun

    @property
    def token_id(self) -> str | None:
        """The id of the HTTP access token that this run uses, also as a password; None if it uses none."""
        by_token = self._credential.method == "token"
        secret = self._connection.auth_token if by_token else self._connection.auth_password
        return secret_id(secret) if secret else None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        return self._through(lambda: self._transport.get(path, query))

    def delete(self, path: str) -> Answer:
        return self._through(lambda: self._transport.delete(path))

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        return self._through(lambda: self._transport.write(method, path, body))

    def mint(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        return self._through(lambda: self._transport.mint(method, path, body))

    def _through(self, send: Callable[[], Answer]) -> Answer:
        if not self._begun:
            with self._lock:
                if not self._begun:
                    return self._first(send)
        return self._attempt(send)

    def _first(self, send: Callable[[], Answer]) -> Answer:
        """The first request, alone: it shows whether the credential is taken, and how."""
        self._check_open()
        if self._credential.method == "session":
            self._log_in()
        try:
            answer = self._attempt(send)
        except _BasicIsOff as off:
            if self._credential.method != "auto":
                self._close(str(off))
            self._log_in()
            answer = self._attempt(send)
        except Refusal:
            self._begun = True
            raise
        self._begun = True
        return answer

    def _attempt(self, send: Callable[[], Answer]) -> Answer:
        self._check_open()
        try:
            answer = send()
        except Refusal as refusal:
            self.user = user_named(refusal.headers) or self.user
            if user_named(refusal.headers) is None:
                self._check_refused(refusal)
            raise
        self.user = user_named(answer.headers) or self.user
        return answer

    def _check_open(self) -> None:
        if self._refused is not None:
            raise CredentialRefused(self._refused)

    def _check_refused(self, refusal: Refusal) -> None:
        """Raise if a refusal that names no caller is about the credential itself."""
        exception = exception_of(refusal)
        if refusal.status == 403 and "basic authentication has been disabled" in refusal.reason.lower():
            raise _BasicIsOff(
                "auth_method: basic authentication is switched off on this server. Use session, or auto, which finds out."
            )
        if refusal.status == 403 and (
            "captcha" in f"{exception} {refusal.reason} {refusal.headers.get('X-Authentication-Denied-Reason')}".lower()
        ):
            self._close(
                f"auth_username: {self._connection.auth_username} is locked behind a CAPTCHA after failed logins "
                f"({refusal.reason}). Log in with a browser once; nothing more is tried until then."
            )
        if refusal.status != 401:
            return
        if exception == "IncorrectPasswordAuthenticationException":
            self._close(f"auth_password: the server refuses user name and password ({refusal.reason}). {_NO_MORE}")
        if exception == "NoAccessAuthenticationException":
            self._close(f"auth_username: the server knows the account, but does not let it in: {refusal.reason}.")
        # Without the header on any answer (a proxy may remove it), this one is about rights.
        if self._begun and self.user is None and exception == "AuthorisationException":
            return
        self._close(self._nobody(refusal))

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

    def _close(self, why: str) -> NoReturn:
        self._refused = why
        raise CredentialRefused(why)

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
            self._check_refused(error)
            self._close(f"auth_method: the login form refuses the login: {error}. {_NO_MORE}")
        if isinstance(body, dict) and (body.get("errors") or str(body.get("status")).upper() == "FAILED"):
            self._close(f"auth_password: the login form refuses user name and password. {_NO_MORE}")
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
            self._close(f"auth_password: the login form refuses user name and password. {_NO_MORE}")

    @property
    def _password(self) -> str:
        return self._connection.auth_password.reveal() if self._connection.auth_password else ""
