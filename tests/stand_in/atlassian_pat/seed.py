# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting objects in. The document, every part optional::

    {
      "users": [{"name": "alice", "password": "...", "display_name": "...", "email": "...", "active": true}],
      "tokens": [{"owner": "alice", "name": "...", "id": 7, "secret": "...",
                  "created_at": "2026-01-31T10:00:00Z" | "created_days_ago": 30,
                  "expires_at": "..." | null | "expires_in_days": 30,
                  "last_used_at": "..." | "last_used_days_ago": 1, "revoked": false}],
      "bulk": {"owner": "alice", "count": 100000, "name": "bulk-{n}", "expires_in_days": 90, "created_days_ago": 30}
    }

A user that exists already is changed. A token with ``revoked`` is not stored (revoking deletes), only its secret is
remembered as one that must not leak. The answer: ``{"users": {name: id}, "tokens": [{"id", "secret"}]}``; of bulk
tokens only the first and the last.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ..common.clock import parse_instant
from ..common.platform import Bench
from .store import DAY, Row, Store, new_secret

USER_FIELDS = {"display_name", "email", "active"}


class Seeder:
    """Reads seed documents."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self._bench = bench
        self._store = store

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add what a document has; return ids. Raises ValueError for what it cannot read."""
        unknown = set(document) - {"users", "tokens", "bulk"}
        if unknown:
            raise ValueError(f"a seed does not take {', '.join(sorted(unknown))}")
        made: dict[str, Any] = {"users": {}, "tokens": []}
        try:
            for user in document.get("users", []):
                made["users"][user["name"]] = self._user(user)
            made["tokens"] += [self._token(token) for token in document.get("tokens", [])]
            if "bulk" in document:
                made["tokens"] += self._bulk(document["bulk"])
        except sqlite3.IntegrityError as error:
            raise ValueError(f"already there, or refers to something that is not: {error}") from error
        return made

    def _user(self, user: dict[str, Any]) -> int:
        unknown = set(user) - USER_FIELDS - {"name", "password"}
        if unknown:
            raise ValueError(f"a user does not take {', '.join(sorted(unknown))}")
        fields = {name: user[name] for name in USER_FIELDS if name in user}
        return int(self._store.put_user(user["name"], user.get("password"), fields)["id"])

    def _instant(self, item: dict[str, Any], what: str) -> float | None:
        if item.get(f"{what}_at") is not None:
            return parse_instant(item[f"{what}_at"]).timestamp()
        if f"{what}_days_ago" in item:
            return self._store.now() - float(item[f"{what}_days_ago"]) * DAY
        if f"{what}_in_days" in item:
            return self._store.now() + float(item[f"{what}_in_days"]) * DAY
        return None

    def _token(self, token: dict[str, Any], owner: Row | None = None) -> dict[str, Any]:
        secret = token.get("secret") or new_secret()
        if token.get("revoked"):
            self._bench.secrets.add(secret)
            return {"id": None, "secret": secret}
        owner = owner or self._store.user_by_name(token["owner"])
        if owner is None:
            raise ValueError(f"there is no user {token['owner']}")
        more = {"id": token["id"]} if "id" in token else {}
        more["created_at"] = self._instant(token, "created") or self._store.now()
        more["last_used_at"] = self._instant(token, "last_used")
        row = self._store.add_token(owner, secret, token["name"], self._instant(token, "expires"), **more)
        return {"id": row["id"], "secret": secret}

    def _bulk(self, bulk: dict[str, Any]) -> list[dict[str, Any]]:
        owner, count, pattern = (
            self._store.user_by_name(bulk["owner"]),
            int(bulk["count"]),
            bulk.get("name", "bulk-{n}"),
        )
        ends = []
        for n in range(count):
            made = self._token(bulk | {"name": pattern.replace("{n}", str(n))}, owner)
            if n in (0, count - 1):
                ends.append(made)
        return ends
