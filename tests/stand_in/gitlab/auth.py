# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request's credential to a caller, or to the refusal that GitLab gives."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from . import secret_format
from .access import Caller
from .errors import Refusal, forbidden, guard, not_found, unauthorized
from .lab import Lab

READ, WRITE, ANY = ("api", "read_api"), ("api",), ()
ROTATION_PATH = re.compile(r"access_tokens/(\d+|self)/rotate")
EXPIRED = "Token is expired. You can either do re-authorization or token refresh."
REVOKED = "Token was revoked. You have to re-authorize from the user."
NO_IMPERSONATION = "Token is an impersonation token but impersonation was disabled."
TOO_SMALL = "The request requires higher privileges than provided by the access token."
NOT_GRANTED = "Access denied: Your Personal Access Token lacks the required permissions: [{permission}]."


class Auth:
    """Authentication and the checks that come before any endpoint."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def caller(
        self, request: Request, given: Mapping[str, Any], scopes: tuple[str, ...], permission: str | None
    ) -> Caller | None:
        """The caller, or None for an anonymous request. Raises the refusal for a credential that will not do."""
        secret = presented_secret(request, given)
        if secret is None:
            if {"job-token", "deploy-token"} & set(request.headers):
                raise unauthorized()
            return None
        token = self._lab.tokens.presented(secret)
        if token is None:
            return self._by_oauth(request, secret, scopes)
        if self._lab.licensed("premium") and self._lab.settings["disable_personal_access_tokens"]:
            raise unauthorized()
        self._refuse_dead(token, request)
        own = tuple(json.loads(token["scopes"]))
        self._check_scopes(token, own, scopes, permission)
        user = self._lab.access.user(token["user_id"])
        assert user is not None
        if user["state"] != "active":
            raise forbidden("Your account has been blocked.")
        if self._lab.switches["dpop_required"] and user["kind"] == "human" and "dpop" not in request.headers:
            raise self._guard(401, "dpop_error", "DPoP validation error: DPoP header is missing")
        self._lab.tokens.record_use(token, client_address(request))
        return self._after_sudo(request, given, Caller(user, "token", token, own, self._is_admin(user, own)))

    def _by_oauth(self, request: Request, secret: str, scopes: tuple[str, ...]) -> Caller:
        row = self._lab.db.one(
            "SELECT * FROM credentials WHERE digest = ? AND kind = 'oauth'", (secret_format.digest(secret),)
        )
        user = None if row is None else self._lab.access.user(row["user_id"])
        if row is None or user is None or "private-token" in request.headers:
            raise unauthorized()
        own = tuple(json.loads(row["scopes"]))
        if scopes and not set(scopes) & set(own):
            raise self._guard(403, "insufficient_scope", TOO_SMALL, " ".join(scopes))
        return Caller(user, "oauth", None, own, self._is_admin(user, own))

    def _refuse_dead(self, token: sqlite3.Row, request: Request) -> None:
        expired, revoked = self._lab.tokens.is_expired(token), bool(token["revoked"])
        if expired and not (revoked and self._lab.switches["dead_token_order"] == "revoked_first"):
            raise self._guard(401, "invalid_token", EXPIRED)
        if revoked:
            if self._lab.at_least("16.3") and ROTATION_PATH.search(request.scope["path"]):
                self._lab.tokens.revoke_descendants(token)
            raise self._guard(401, "invalid_token", REVOKED)
        if token["impersonation"] and not self._lab.switches["impersonation_enabled"]:
            raise self._guard(401, "invalid_token", NO_IMPERSONATION)

    def _check_scopes(
        self, token: sqlite3.Row, own: tuple[str, ...], scopes: tuple[str, ...], permission: str | None
    ) -> None:
        if not scopes:
            return
        if token["granular"]:
            granted = {name for grant in json.loads(token["granular_scopes"]) for name in grant["permissions"]}
            if permission not in granted:
                text = NOT_GRANTED.format(permission=permission or "unknown")
                raise self._guard(403, "insufficient_granular_scope", text)
        elif not set(scopes) & set(own):
            raise self._guard(403, "insufficient_scope", TOO_SMALL, " ".join(scopes))

    def _after_sudo(self, request: Request, given: Mapping[str, Any], caller: Caller) -> Caller:
        name = request.headers.get("sudo") or given.get("sudo")
        if not name:
            return caller
        if not caller.admin:
            raise forbidden("Must be admin to use sudo")
        if "sudo" not in caller.scopes:
            raise self._guard(403, "insufficient_scope", TOO_SMALL, "sudo")
        user = self._lab.access.user_named(str(name))
        if user is None:
            raise not_found(f"User with ID or username '{name}'")
        return Caller(user, caller.kind, caller.token, caller.scopes, self._is_admin(user, caller.scopes))

    def _is_admin(self, user: sqlite3.Row, scopes: tuple[str, ...]) -> bool:
        return bool(user["admin"]) and (not self._lab.settings["admin_mode"] or "admin_mode" in scopes)

    def _guard(self, status: int, error: str, text: str, scope: str | None = None) -> Refusal:
        return guard(status, error, text, realm=self._lab.switches["realm"], scope=scope)


def presented_secret(request: Request, given: Mapping[str, Any]) -> str | None:
    """The secret in a header or parameter; blank is none."""
    header = request.headers.get("private-token")
    if header:
        return header
    scheme, _unused, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip()
    parameter = given.get("private_token") or given.get("access_token")
    return str(parameter) if parameter else None


def client_address(request: Request) -> str:
    """Where the request came from; a proxy on loopback is believed."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded or (request.client.host if request.client else "127.0.0.1")
