# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: Basic, Bearer, a login session, or nobody."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from dataclasses import dataclass
from enum import Enum

from starlette.requests import Request

from ..common.platform import Bench
from . import errors, permissions, secret_format
from .directory import Directory, is_admin
from .permissions import Level
from .token_store import TokenStore

Row = sqlite3.Row
SESSION_COOKIE = "BITBUCKETSESSIONID"


class Via(Enum):
    """How a caller proved who it is."""

    NOTHING = "nothing"
    PASSWORD = "password"
    SESSION = "session"
    OAUTH = "oauth"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller. ``user`` is None for nobody, and for project and repository tokens, which act as themselves."""

    via: Via = Via.NOTHING
    user: Row | None = None
    token: Row | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is logged in."""
        return self.via is Via.NOTHING

    @property
    def name(self) -> str:
        """What X-AUSERNAME shows; the generated name of a project or repository token."""
        if self.user is not None:
            return str(self.user["name"])
        return str(self.token["service_name"]) if self.token is not None else ""

    @property
    def number(self) -> str:
        """What X-AUSERID shows."""
        if self.user is not None:
            return str(self.user["id"])
        return "" if self.token is None else str(1_000_000 + int(self.token["id"]) % 1_000_000)

    @property
    def may_administer(self) -> bool:
        """Whether this is an instance administrator; a token never is."""
        return self.token is None and is_admin(self.user)

    @property
    def may_administer_system(self) -> bool:
        """Whether this is a system administrator; a token never is."""
        return self.may_administer and self.user is not None and self.user["global_permission"] == "SYS_ADMIN"


NOBODY = Caller()


def token_permissions(token: Row) -> list[str]:
    """The permissions of a token."""
    names: list[str] = json.loads(token["permissions"])
    return names


class Rights:
    """What a caller may do: the user's rights, cut down to the token's where one was presented."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def in_project(self, caller: Caller, project: Row) -> Level:
        """The caller's level in a project."""
        if caller.token is None:
            return self._directory.user_project_level(caller.user, project)
        cap = permissions.project_level(token_permissions(caller.token))
        if caller.user is not None:
            return min(self._directory.user_project_level(caller.user, project), cap)
        own = caller.token["scope"] == "project" and caller.token["owner_id"] == project["id"]
        return cap if own else Level(int(bool(project["public"])))

    def in_repo(self, caller: Caller, project: Row, repo: Row) -> Level:
        """The caller's level in a repository."""
        if caller.token is None:
            return self._directory.user_repo_level(caller.user, project, repo)
        cap = permissions.repo_level(token_permissions(caller.token))
        if caller.user is not None:
            return min(self._directory.user_repo_level(caller.user, project, repo), cap)
        subject = {"project": project["id"], "repository": repo["id"]}[caller.token["scope"]]
        own = caller.token["owner_id"] == subject
        return cap if own else Level(int(bool(project["public"] or repo["public"])))

    def sees(self, caller: Caller, project: Row) -> bool:
        """Whether the caller knows that a project is there: by a level in it or in one of its repositories."""
        if self.in_project(caller, project):
            return True
        return any(self.in_repo(caller, project, repo) for repo in self._directory.repositories(project))


class Authenticator:
    """Reads a request's credentials. Raises Refusal for bad Basic ones; a bad bearer is nobody."""

    def __init__(self, bench: Bench, directory: Directory, tokens: TokenStore) -> None:
        self._bench = bench
        self._directory = directory
        self._tokens = tokens

    def caller(self, request: Request, *, login_url: str) -> Caller:
        """The caller of a REST request."""
        scheme, _unused, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._checked(self._basic(value.strip(), login_url, tokens=True))
        if scheme.lower() == "bearer":
            return self._checked(self._bearer(value.strip()))
        return self._checked(self.session(request))

    def page_visitor(self, request: Request, *, login_url: str) -> Caller | None:
        """The caller of a page outside ``/rest``; None where the answer is a redirect to the login page."""
        scheme, _unused, value = request.headers.get("authorization", "").partition(" ")
        accept_tokens = self._bench.switches["tokens_outside_rest"] == "accept"
        if scheme.lower() == "basic":
            return self._checked(self._basic(value.strip(), login_url, tokens=accept_tokens))
        if scheme.lower() == "bearer":
            return self._checked(self._bearer(value.strip())) if accept_tokens else None
        return self.session(request)

    def session(self, request: Request) -> Caller:
        """The user of the session cookie, or nobody."""
        cookie = request.cookies.get(SESSION_COOKIE, "")
        user_id = self._bench.database.value("SELECT user_id FROM sessions WHERE cookie = ?", (cookie,))
        user = None if user_id is None else self._directory.user_by_id(user_id)
        return Caller(Via.SESSION, user) if user is not None and user["active"] else NOBODY

    def log_in(self, name: str, password: str, *, login_url: str) -> Row:
        """Check a login form; the user, or Refusal."""
        user = self._directory.user_by_name(name)
        if user is None:
            raise errors.wrong_password()
        may_lift = self._bench.switches["captcha_cleared_by"] == "session_login"
        if self._directory.needs_captcha(user) and not may_lift:
            raise self._captcha(login_url)
        if not user["active"] or not self._directory.password_fits(user, password):
            self._directory.count_failure(user)
            raise errors.wrong_password()
        if not user["licensed"]:
            raise errors.unlicensed()
        self._directory.clear_failures(user)
        return user

    def _checked(self, caller: Caller) -> Caller:
        if caller.user is not None and not caller.user["licensed"]:
            raise errors.unlicensed()
        return caller

    def _basic(self, encoded: str, login_url: str, *, tokens: bool) -> Caller:
        try:
            name, _unused, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise errors.wrong_password() from None
        enabled = self._bench.switches["basic_auth_enabled"]
        user = self._directory.user_by_name(name)
        token = self._user_token(user, password) if user is not None and tokens else None
        if not enabled and (token is None or self._bench.switches["basic_off_user_tokens"] == "reject"):
            raise errors.basic_switched_off()
        if user is None:
            raise errors.wrong_password()
        if self._directory.needs_captcha(user):
            raise self._captcha(login_url)
        if token is not None:
            self._tokens.note_use(token)
            return Caller(Via.TOKEN, user, token)
        if not user["active"] or not self._directory.password_fits(user, password):
            self._directory.count_failure(user)
            raise errors.wrong_password()
        self._directory.clear_failures(user)
        return Caller(Via.PASSWORD, user)

    def _user_token(self, user: Row, secret: str) -> Row | None:
        token = self._tokens.by_secret(secret)
        if token is None or token["scope"] != "user" or token["owner_id"] != user["id"]:
            return None
        return token if user["active"] and not self._tokens.is_expired(token) else None

    def _bearer(self, secret: str) -> Caller:
        token = self._tokens.by_secret(secret)
        if token is None:
            return self._oauth(secret)
        if self._tokens.is_expired(token):
            if self._bench.switches["expired_bearer"] == "401":
                raise errors.login_required()
            return NOBODY
        user = self._directory.user_by_id(token["owner_id"]) if token["scope"] == "user" else None
        if token["scope"] == "user" and (user is None or not user["active"]):
            return NOBODY
        self._tokens.note_use(token)
        return Caller(Via.TOKEN, user, token)

    def _oauth(self, secret: str) -> Caller:
        user_id = self._bench.database.value(
            "SELECT user_id FROM oauth_tokens WHERE secret_digest = ?", (secret_format.digest(secret),)
        )
        user = None if user_id is None else self._directory.user_by_id(user_id)
        return NOBODY if user is None or not user["active"] else Caller(Via.OAUTH, user)

    def _captcha(self, login_url: str) -> errors.Refusal:
        return errors.captcha_required(login_url=login_url if self._bench.switches["captcha_header"] else None)
