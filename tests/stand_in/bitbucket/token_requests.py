# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the body of a create or modify request: what is refused, and what the server makes of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..common.platform import Bench
from .errors import Refusal, bad_field
from .permissions import GLOBAL_NAMES, NAMES, normalised
from .token_store import Owner, TokenStore

LONGEST_NAME = 255
LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class NotGiven:
    """Stands where a request says nothing about a field."""


NOT_GIVEN = NotGiven()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for, after the server's own rules and distortions."""

    name: str | NotGiven
    permissions: list[str] | NotGiven
    expiry_days: int | NotGiven | None


class RequestReader:
    """Validates requests."""

    def __init__(self, bench: Bench, tokens: TokenStore) -> None:
        self._bench = bench
        self._tokens = tokens

    def read(self, body: dict[str, Any], owner: Owner) -> Wish:
        """What a body asks for; Refusal (400) for anything that cannot be."""
        return Wish(self._name(body), self._permissions(body, owner), self._expiry(body))

    def check_create(self, wish: Wish, owner: Owner) -> None:
        """What a create needs beyond a well-formed body."""
        if isinstance(wish.name, NotGiven):
            raise bad_field("name", "The token name is required.")
        if isinstance(wish.permissions, NotGiven):
            raise bad_field("permissions", "At least one permission is required.")
        self._check_policy(None if isinstance(wish.expiry_days, NotGiven) else wish.expiry_days)
        if self._tokens.count(owner) >= self._bench.switches["max_tokens"]:
            raise bad_field(None, f"This {owner.scope} already has the maximum number of tokens.")
        if self._bench.switches["duplicate_names"] == "reject" and self._tokens.has_name(owner, wish.name):
            raise bad_field("name", "A token with this name already exists.")

    def check_modify(self, wish: Wish) -> None:
        """What a modify request may not do."""
        switches = self._bench.switches
        if isinstance(wish.permissions, NotGiven) and switches["modify_needs_permissions"] == "yes":
            raise bad_field("permissions", "At least one permission is required.")
        if isinstance(wish.expiry_days, NotGiven):
            return
        if switches["expiry_on_modify"] == "reject":
            raise bad_field("expiryDays", "The expiry of a token cannot be changed.")
        if switches["expiry_on_modify"] == "apply":
            self._check_policy(wish.expiry_days)

    def _check_policy(self, days: int | None) -> None:
        most = self._tokens.policy()
        if most is None or (days is not None and days <= most):
            return
        status = int(self._bench.switches["policy_refusal_status"])
        raise Refusal(status, f"The token must expire within {most} days.", context="expiryDays")

    def _name(self, body: dict[str, Any]) -> str | NotGiven:
        name = body.get("name")
        if name is None:
            return NOT_GIVEN
        if not isinstance(name, str) or not name.strip():
            raise bad_field("name", "The token name is required.")
        # The column is counted in UTF-16 units, as Java strings are.
        if len(name.encode("utf-16-le")) // 2 > LONGEST_NAME:
            status = int(self._bench.switches["long_name_status"])
            raise Refusal(status, f"The token name may have at most {LONGEST_NAME} characters.", context="name")
        return name.strip() if self._bench.switches["trim_names"] else name

    def _permissions(self, body: dict[str, Any], owner: Owner) -> list[str] | NotGiven:
        names = body.get("permissions")
        if names is None:
            return NOT_GIVEN
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise bad_field("permissions", "At least one permission is required.")
        switches = self._bench.switches
        if switches["lower_case_permissions"] == "accept":
            names = [name.upper() for name in names]
        for name in names:
            self._check_permission(name, owner)
        if switches["duplicate_permissions"] == "reject" and len(set(names)) < len(names):
            raise bad_field("permissions", "Permissions must be unique.")
        if switches["duplicate_permissions"] != "keep":
            names = list(dict.fromkeys(names))
        if switches["normalise_permissions"] != "none":
            names = normalised(names, switches["normalise_permissions"])
        extra = switches["extra_permission"]
        return [*names, extra] if extra and extra not in names else names

    def _check_permission(self, name: str, owner: Owner) -> None:
        if name in GLOBAL_NAMES:
            raise bad_field("permissions", f"Tokens may not have the following permission: {name}")
        if name not in NAMES:
            raise bad_field("permissions", f"{name} is not a valid permission")
        repo_only = owner.scope == "repository" and self._bench.switches["repo_scope_permissions"] == "repo_only"
        if repo_only and not name.startswith("REPO_"):
            raise bad_field("permissions", f"Permissions for REPOSITORY scope must be one of {name}")

    def _expiry(self, body: dict[str, Any]) -> int | NotGiven | None:
        if "expiryDays" not in body:
            return NOT_GIVEN
        days, switches = body["expiryDays"], self._bench.switches
        if days is None or (days == "" and switches["empty_expiry"] == "accept"):
            return None
        if isinstance(days, bool) or not isinstance(days, int) or abs(days) > LARGEST_INT:
            raise bad_field("expiryDays", "expiryDays must be a whole number of days.")
        if days <= 0:
            if switches["zero_expiry"] == "never":
                return None
            raise bad_field("expiryDays", "expiryDays must be greater than 0.")
        clamp: int | None = switches["clamp_expiry_days"]
        return days if clamp is None else min(days, clamp)
