# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests with a credential that must not be tried twice.

Atlassian's servers count failed passwords, and lock an account behind a CAPTCHA that only a person can solve. So the first
request goes out alone, and once the credential is refused nothing more is sent with it.
"""

from __future__ import annotations

import abc
import threading
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_plus

from ..errors import CredentialRefused, ServiceError
from ..transport import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..transport import Answer, Transport

NO_MORE = "Nothing more is tried with it, because failed logins lock an account behind a CAPTCHA."


class Admission(abc.ABC):
    """Sends requests with the run's credential, and stops sending when it is refused.

    `user` is the name by which the server knows the caller, None as long as it has not said.
    """

    def __init__(self, transport: Transport) -> None:
        self.user: str | None = None
        self._transport = transport
        self._lock = threading.Lock()
        self._begun = False
        self._refused: str | None = None

    @abc.abstractmethod
    def why_refused(self, error: ServiceError) -> str | None:
        """What to say if an error is about the credential itself; None if it is about anything else."""

    @property
    def begun(self) -> bool:
        """Whether the server has answered a request of this credential."""
        return self._begun

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
        """The first request, alone: it shows whether the credential is taken."""
        try:
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
        except ServiceError as error:
            if isinstance(error, Refusal):
                self.user = user_named(error.headers) or self.user
            why = self.why_refused(error)
            if why is not None:
                self._close(why)
            raise
        self.user = user_named(answer.headers) or self.user
        return answer

    def _check_open(self) -> None:
        if self._refused is not None:
            raise CredentialRefused(self._refused)

    def _close(self, why: str) -> NoReturn:
        self._refused = why
        raise CredentialRefused(why)


def user_named(headers: Mapping[str, str]) -> str | None:
    """The name that the server knows the caller by. Every answer to somebody carries it, refusals included."""
    name = unquote_plus(headers.get("X-AUSERNAME", "")).strip()
    return None if name in ("", "anonymous") else name


def is_captcha(error: ServiceError) -> bool:
    """Whether an account is locked until a person has logged in with a browser."""
    reason = error.headers.get("X-Authentication-Denied-Reason", "") if isinstance(error, Refusal) else ""
    return error.status == 403 and "captcha" in f"{reason} {error}".lower()


def is_basic_off(error: ServiceError) -> bool:
    """Whether basic authentication is switched off for the whole server."""
    return error.status == 403 and "basic authentication has been disabled" in str(error).lower()
