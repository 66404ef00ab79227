# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: a personal access token, or a login session."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from starlette.requests import Request

from ..common.platform import Bench
from .errors import Refusal, unauthorized
from .store import Store

Row = sqlite3.Row
ADMINISTRATORS = ("admin", "owner")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: a user, and the token that was presented (None for a session)."""

    user: Row
    token: Row | None

    @property
    def is_admin(self) -> bool:
        """Whether the user administers the organisation."""
        return self.user["type"] in ADMINISTRATORS


class Authenticator:
    """Reads a request's credential."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self._bench = bench
        self._store = store

    def caller(self, request: Request) -> Caller:
        """The caller, by a session cookie (of any name) or a bearer; Refusal (401) otherwise."""
        for value in request.cookies.values():
            user = self._store.session_user(value)
            if user is not None:
                return self._checked(Caller(user, None))
        scheme, _unused, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized()
        session_user = self._store.session_user(secret.strip())
        if session_user is not None:
            return self._checked(Caller(session_user, None))
        return self._checked(self._of_token(secret.strip()))

    def _of_token(self, secret: str) -> Caller:
        token = self._store.token_by_secret(secret)
        user = None if token is None else self._store.user(token["user_id"])
        if token is None or user is None or self._store.is_expired(token):
            raise unauthorized()
        self._store.note_use(token)
        return Caller(user, token)

    def _checked(self, caller: Caller) -> Caller:
        if caller.user["status"] != "active" and self._bench.switches["disabled_users"] == "refused":
            raise unauthorized()
        return caller

    # -- rights

    def forbidden(self) -> Refusal:
        """The caller is known and lacks the right."""
        status = int(self._bench.switches["non_admin_status"])
        return Refusal(status, "Forbidden" if status == 403 else "Unauthorized")

    def require_admin(self, caller: Caller) -> None:
        """Only administrators and the owner."""
        if not caller.is_admin:
            raise self.forbidden()

    def require_writer(self, caller: Caller) -> None:
        """Only those whose kind of credential may change users and tokens."""
        if caller.token is not None and self._bench.switches["pat_writes"] == "deny":
            raise Refusal(403, "Forbidden")

    def reaches(self, caller: Caller, project: Row) -> bool:
        """Whether the caller has access to a project: as a member, and within what the token reaches."""
        member = self._store.is_member(project, caller.user)
        if caller.token is None:
            return member
        in_token = bool(caller.token["all_projects"]) or project["id"] in json.loads(caller.token["projects"])
        return in_token and (member or self._bench.switches["token_reach"] == "token")
