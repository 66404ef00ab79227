# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access tokens as rows: minting, finding, listing, changing, removing, and when they expire."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from ..common.clock import iso_instant
from ..common.platform import Bench
from . import secret_format

Row = sqlite3.Row
Scope = Literal["user", "project", "repository"]
DAY_MS = 86_400_000
ORDERS = {"newest": "created_ms DESC, id DESC", "oldest": "created_ms, id", "id": "id"}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose tokens: a user, a project or a repository. ``label`` is its slug, key or ``KEY/slug``."""

    scope: Scope
    id: int
    label: str


class TokenStore:
    """The tokens of the stand-in."""

    def __init__(self, bench: Bench) -> None:
        self._db = bench.database
        self._bench = bench

    def now_ms(self) -> int:
        """The present instant in milliseconds."""
        return int(self._bench.clock.timestamp() * 1000)

    # -- policy

    def policy(self) -> int | None:
        """The longest lifetime in days that may be asked for, or None."""
        value: int | None = self._db.value("SELECT max_expiry_days FROM policy")
        return value

    def set_policy(self, days: int | None) -> None:
        """Set or lift it."""
        self._db.run("DELETE FROM policy")
        if days is not None:
            self._db.run("INSERT INTO policy VALUES (1, ?)", (days,))

    # -- reading

    def find(self, owner: Owner, token_id: str) -> Row | None:
        """The owner's token of that id. Ids are text: ``75905477751`` is not ``075905477751``."""
        self._purge()
        return self._db.one(
            "SELECT * FROM tokens WHERE id = ? AND scope = ? AND owner_id = ?", (token_id, owner.scope, owner.id)
        )

    def page(self, owner: Owner, start: int, count: int) -> list[Row]:
        """Some of the owner's tokens, expired ones among them."""
        self._purge()
        order = ORDERS[self._bench.switches["sort"]]
        return self._db.all(
            f"SELECT * FROM tokens WHERE scope = ? AND owner_id = ? ORDER BY {order} LIMIT ? OFFSET ?",
            (owner.scope, owner.id, count, start),
        )

    def count(self, owner: Owner) -> int:
        """How many tokens the owner has."""
        query = "SELECT count(*) FROM tokens WHERE scope = ? AND owner_id = ?"
        return int(self._db.value(query, (owner.scope, owner.id)))

    def has_name(self, owner: Owner, name: str) -> bool:
        """Whether the owner has a token of that name."""
        query = "SELECT 1 FROM tokens WHERE scope = ? AND owner_id = ? AND name = ?"
        return self._db.value(query, (owner.scope, owner.id, name)) is not None

    def every(self) -> list[Row]:
        """All tokens of all owners."""
        return self._db.all("SELECT * FROM tokens ORDER BY scope, owner_id, created_ms, id")

    def by_secret(self, secret: str) -> Row | None:
        """The token of that secret, expired or not."""
        return self._db.one("SELECT * FROM tokens WHERE secret_digest = ?", (secret_format.digest(secret),))

    def expires_ms(self, token: Row) -> int | None:
        """When the token expires, or None for never."""
        days = self.expiry_days(token)
        if days is None:
            return None
        instant: int = token["expiry_from_ms"] + days * DAY_MS
        if self._bench.switches["expiry_instant"] == "end_of_day":
            instant = (instant // DAY_MS + 1) * DAY_MS
        return instant

    def expiry_days(self, token: Row) -> int | None:
        """The token's lifetime in days, or None for never."""
        days: int | None = token["expiry_days"]
        policy = self.policy() if self._bench.switches["policy_existing"] == "capped" else None
        return days if policy is None else min(days or policy, policy)

    def is_expired(self, token: Row) -> bool:
        """Whether it has expired."""
        instant = self.expires_ms(token)
        return instant is not None and instant <= self.now_ms()

    # -- writing

    def mint(self, owner: Owner, name: str, permissions: list[str], expiry_days: int | None) -> tuple[Row, str]:
        """A new token and its secret."""
        token_id = self._free_id()
        secret = secret_format.new_secret(token_id, self._bench.switches["secret_prefix"])
        self.add(owner, token_id, secret, name, permissions, self.now_ms(), expiry_days)
        row = self._db.one("SELECT * FROM tokens WHERE id = ?", (token_id,))
        if row is None:
            raise LookupError(token_id)
        return row, secret

    def add(
        self,
        owner: Owner,
        token_id: str,
        secret: str,
        name: str,
        permissions: list[str],
        created_ms: int,
        expiry_days: int | None,
        last_used_ms: int | None = None,
    ) -> None:
        """Put a token in, from a request or a seed."""
        self._bench.secrets.add(secret)
        row: dict[str, Any] = {
            "id": token_id,
            "scope": owner.scope,
            "owner_id": owner.id,
            "name": name,
            "permissions": json.dumps(permissions),
            "created_ms": created_ms,
            "expiry_days": expiry_days,
            "expiry_from_ms": created_ms,
            "last_used_ms": last_used_ms,
            "service_name": "" if owner.scope == "user" else f"access-token-user/{owner.id}/{token_id}",
            "secret_digest": secret_format.digest(secret),
        }
        self._db.insert("tokens", row)

    def change(self, token: Row, changes: dict[str, Any]) -> Row:
        """Overwrite some columns; the row afterwards."""
        for column, value in changes.items():
            self._db.run(f"UPDATE tokens SET {column} = ? WHERE id = ?", (value, token["id"]))
        changed = self._db.one("SELECT * FROM tokens WHERE id = ?", (token["id"],))
        if changed is None:
            raise LookupError(token["id"])
        return changed

    def remove(self, token: Row) -> None:
        """Delete a token; its secret is dead from now on."""
        self._db.run("DELETE FROM tokens WHERE id = ?", (token["id"],))

    def note_use(self, token: Row) -> None:
        """It was used just now."""
        self._db.run("UPDATE tokens SET last_used_ms = ? WHERE id = ?", (self.now_ms(), token["id"]))

    def _free_id(self) -> str:
        while True:
            token_id = secret_format.new_id(leading_zero=self._bench.switches["leading_zero_ids"])
            if self._db.value("SELECT 1 FROM tokens WHERE id = ?", (token_id,)) is None:
                return token_id

    def _purge(self) -> None:
        if self._bench.switches["purge_expired"] == "always":
            self._db.run(
                "DELETE FROM tokens WHERE expiry_days IS NOT NULL AND expiry_from_ms + expiry_days * ? <= ?",
                (DAY_MS, self.now_ms()),
            )


def iso(milliseconds: int | None) -> str | None:
    """Milliseconds as an ISO 8601 instant."""
    if milliseconds is None:
        return None
    return iso_instant(dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC))
