# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of tokens: making, rotating, revoking."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from . import secret_format
from .errors import sentence
from .lab import Lab

LONGEST_DESCRIPTION = 255
LEGACY_OFF = "{what} of legacy personal access tokens is disabled. Use a fine-grained token instead."
Errors = dict[str, list[str]]
LABELS = {"expires_at": "Expiration date"}


class ModelError(Exception):
    """A token that the model does not accept. ``errors`` by attribute, or a base error under ``base``."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors

    @property
    def sentence(self) -> str:
        """The full messages as one sentence."""
        parts = []
        for name, texts in self.errors.items():
            label = "" if name == "base" else LABELS.get(name, name.capitalize().replace("_", " ")) + " "
            parts += [label + text for text in texts]
        return sentence(parts)


@dataclass(frozen=True, slots=True)
class Wish:
    """A token to be made."""

    user: sqlite3.Row
    name: str | None
    scopes: list[str] | None
    expires_at: dt.date | None
    description: str | None = None
    impersonation: bool = False
    granular_scopes: list[dict[str, Any]] | None = None
    resource: tuple[str, int] | None = None
    previous_id: int | None = None


class Tokens:
    """The rows, and what may be done to them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._db = lab.db

    def find(self, token_id: int | str) -> sqlite3.Row | None:
        """A token by id; a text that is no number finds nothing."""
        if isinstance(token_id, str):
            token_id = int(token_id) if token_id.isdecimal() and len(token_id) < 19 else 0
        return self._db.one("SELECT * FROM tokens WHERE id = ?", (token_id,))

    def presented(self, secret: str) -> sqlite3.Row | None:
        """The token whose secret this is, dead or alive."""
        return self._db.one("SELECT * FROM tokens WHERE digest = ?", (secret_format.digest(secret),))

    def is_expired(self, token: sqlite3.Row) -> bool:
        """A token dies at the start of its expiry date."""
        return token["expires_at"] is not None and token["expires_at"] <= self._lab.today()

    def is_active(self, token: sqlite3.Row) -> bool:
        """Neither revoked nor expired."""
        return not token["revoked"] and not self.is_expired(token)

    def create(self, wish: Wish) -> tuple[sqlite3.Row, str]:
        """Make a token; return its row and secret. Raises ModelError."""
        self._refuse_legacy(wish, "Creation")
        wish = self._distorted(wish)
        errors = self._errors(wish)
        if errors:
            raise ModelError(errors)
        return self._insert(wish)

    def rotate(self, token: sqlite3.Row, expires_at: dt.date | None) -> tuple[sqlite3.Row, str]:
        """Put a new token in an old one's place; return row and secret. Raises ModelError, and then nothing changed."""
        if token["revoked"]:
            if self._lab.switches["rotate_revoked_by_id"] == "refuse_and_revoke_family":
                self.revoke_descendants(token)
            raise ModelError(
                {"base": ["Token already revoked" if self._lab.at_least("16.1") else "token already revoked"]}
            )
        user = self._lab.access.user(token["user_id"])
        assert user is not None
        if not self._lab.at_least("16.6"):
            expires_at = None
        wish = Wish(
            user=user,
            name=token["name"],
            scopes=json.loads(token["scopes"]),
            expires_at=self._clamped(expires_at or self._lab.expiry.for_rotation(user)),
            description=token["description"],
            impersonation=bool(token["impersonation"]),
            granular_scopes=json.loads(token["granular_scopes"]) if token["granular"] else None,
            resource=(token["resource_type"], token["resource_id"]) if token["resource_type"] else None,
            previous_id=token["id"],
        )
        self._refuse_legacy(wish, "Rotation")
        faults = self._lab.expiry.faults(wish.expires_at, user)
        if faults:
            raise ModelError({"expires_at": faults})
        with self._db.transaction():
            self.revoke(token)
            return self._insert(wish)

    def revoke(self, token: sqlite3.Row) -> None:
        """Mark a token as revoked."""
        self._db.run("UPDATE tokens SET revoked = 1, updated_at = ? WHERE id = ?", (self._lab.now(), token["id"]))

    def revoke_descendants(self, token: sqlite3.Row) -> None:
        """Revoke every active token that came from this one by rotation."""
        self._db.run(
            """WITH RECURSIVE family (id) AS (
                 SELECT id FROM tokens WHERE previous_id = :id
                 UNION SELECT t.id FROM tokens t JOIN family f ON t.previous_id = f.id)
               UPDATE tokens SET revoked = 1, updated_at = :now
               WHERE id IN (SELECT id FROM family) AND revoked = 0 AND (expires_at IS NULL OR expires_at > :today)""",
            {"id": token["id"], "now": self._lab.now(), "today": self._lab.today()},
        )

    def record_use(self, token: sqlite3.Row, address: str) -> None:
        """Note that a token was used; as seldom as GitLab does."""
        if self._lab.switches["record_usage"] == "never":
            return
        now = self._lab.now()
        rest = (600 if self._lab.at_least("16.1") else 86_400) * 1_000_000
        if token["last_used_at"] is None or now - token["last_used_at"] >= rest:
            self._db.run("UPDATE tokens SET last_used_at = ? WHERE id = ?", (now, token["id"]))
        if token["last_ip_at"] is None or now - token["last_ip_at"] >= 60 * 1_000_000:
            seen = [ip for ip in json.loads(token["last_used_ips"]) if ip != address]
            self._db.run(
                "UPDATE tokens SET last_used_ips = ?, last_ip_at = ? WHERE id = ?",
                (json.dumps([*seen, address][-5:]), now, token["id"]),
            )

    def mint(self, user_id: int) -> str:
        """A new secret, noted in the register."""
        prefix = self._prefix()
        form = self._lab.switches["secret_format"]
        if form == "routable" or (form == "auto" and self._lab.at_least("18.0")):
            secret = secret_format.routable(prefix, user_id=user_id)
        else:
            secret = secret_format.classic(prefix)
        self._lab.secrets.add(secret)
        return secret

    def _prefix(self) -> str:
        instance: str = self._lab.settings["instance_token_prefix"]
        if instance and self._lab.at_least("17.10") and self._lab.switches["custom_prefix_for_all_token_types"]:
            return f"{instance}-glpat-"
        prefix: str = self._lab.settings["personal_access_token_prefix"]
        return prefix

    def _insert(self, wish: Wish) -> tuple[sqlite3.Row, str]:
        secret = self.mint(wish.user["id"])
        now = self._lab.now()
        resource_type, resource_id = wish.resource or (None, None)
        number = self._db.insert(
            "tokens",
            {
                "user_id": wish.user["id"],
                "resource_type": resource_type,
                "resource_id": resource_id,
                "name": wish.name,
                "description": wish.description if self._lab.at_least("17.7") else None,
                "scopes": json.dumps(wish.scopes),
                "granular_scopes": json.dumps(wish.granular_scopes) if wish.granular_scopes is not None else None,
                "granular": int(wish.granular_scopes is not None),
                "created_at": now,
                "updated_at": now,
                "expires_at": wish.expires_at.isoformat() if wish.expires_at else None,
                "impersonation": int(wish.impersonation),
                "previous_id": wish.previous_id,
                "digest": secret_format.digest(secret),
            },
        )
        row = self.find(number)
        assert row is not None
        return row, secret

    def _errors(self, wish: Wish) -> Errors:
        errors: Errors = {}
        if not (wish.name or "").strip():
            errors["name"] = ["can't be blank"]
        if not wish.scopes:
            errors["scopes"] = ["can't be blank"]
        if wish.description is not None and len(wish.description) > LONGEST_DESCRIPTION and self._lab.at_least("17.7"):
            errors["description"] = [f"is too long (maximum is {LONGEST_DESCRIPTION} characters)"]
        faults = self._lab.expiry.faults(wish.expires_at, wish.user)
        if faults:
            errors["expires_at"] = faults
        return errors

    def _refuse_legacy(self, wish: Wish, what: str) -> None:
        if self._lab.switches["enforce_granular_tokens"] and wish.user["kind"] == "human" and not wish.granular_scopes:
            raise ModelError({"base": [LEGACY_OFF.format(what=what)]})

    def _distorted(self, wish: Wish) -> Wish:
        """The wish as a server would keep it that does not keep what it is told; see the switches of that name."""
        switches = self._lab.switches
        scopes = list(wish.scopes or [])
        if switches["scope_order"] != "request":
            scopes = list(dict.fromkeys(scopes))
        if switches["scope_order"] == "sorted":
            scopes.sort()
        if switches["extra_scope"] and scopes and switches["extra_scope"] not in scopes:
            scopes.append(switches["extra_scope"])
        return Wish(
            user=wish.user,
            name=wish.name.strip() if wish.name and switches["trim_names"] else wish.name,
            scopes=scopes,
            expires_at=self._clamped(wish.expires_at),
            description=wish.description,
            impersonation=wish.impersonation,
            granular_scopes=wish.granular_scopes,
            resource=wish.resource,
            previous_id=wish.previous_id,
        )

    def _clamped(self, expires_at: dt.date | None) -> dt.date | None:
        days = self._lab.switches["clamp_expiry_days"]
        if days is None:
            return expires_at
        latest = self._lab.clock.today() + dt.timedelta(days=days)
        return latest if expires_at is None or expires_at > latest else expires_at
