# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeding tokens by the thousand, in a few statements."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from .lab import Lab

if TYPE_CHECKING:
    from .seed import Seeder

TOKEN = """INSERT INTO tokens (user_id, resource_type, resource_id, name, scopes, created_at, updated_at, expires_at, revoked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Bulk:
    """Adds many tokens of one owner, or many projects with some tokens each."""

    def __init__(self, lab: Lab, seeder: Seeder) -> None:
        self._lab = lab
        self._db = lab.db
        self._seeder = seeder

    def add(self, order: dict[str, Any]) -> None:
        """Carry out one order; see ``seed.py`` for its form."""
        if "projects" not in order:
            self._tokens(order, order["owner"], order["count"])
            return
        pattern = order.get("path", "bulk-{n}")
        for number in range(1, order["projects"] + 1):
            path = f"{order['group']}/{pattern.format(n=number)}"
            self._seeder.project({"path": path})
            self._tokens(order, {"project": path}, order["tokens_each"])

    def _tokens(self, order: dict[str, Any], owner: dict[str, Any], count: int) -> None:
        names = [order.get("name", "bulk-{n}").format(n=number) for number in range(1, count + 1)]
        resource = None if "user" in owner else self._seeder.resource(owner)
        if resource is None:
            users = [self._seeder.user(owner["user"])["id"]] * count
            kind, number = None, None
        else:
            kind, number = resource.type, resource.id
            users = self._bots(kind, number, names, order.get("access_level", 40))
        scopes, now = json.dumps(order.get("scopes", ["api"])), self._lab.now()
        rows = (
            (user, kind, number, name, scopes, now, now, expires_at, revoked)
            for user, name, (expires_at, revoked) in zip(users, names, self._fates(order, count), strict=True)
        )
        self._db.many(TOKEN, rows)

    def _fates(self, order: dict[str, Any], count: int) -> list[tuple[str, int]]:
        today = self._lab.clock.today()
        live = (today + dt.timedelta(days=order.get("expires_in_days", 90))).isoformat()
        dead = (today - dt.timedelta(days=1)).isoformat()
        revoked_every, expired_every = order.get("revoked_every", 0), order.get("expired_every", 0)
        return [
            (
                dead if expired_every and number % expired_every == 0 else live,
                int(bool(revoked_every) and number % revoked_every == 0),
            )
            for number in range(1, count + 1)
        ]

    def _bots(self, kind: str, resource_id: int, names: list[str], level: int) -> list[int]:
        first = (self._db.value("SELECT seq FROM sqlite_sequence WHERE name = 'users'") or 0) + 1
        ids = list(range(first, first + len(names)))
        now = self._lab.now()
        self._db.many(
            f"INSERT INTO users (id, username, name, email, kind, {kind}_id, created_at)"
            " VALUES (?, ?, ?, ?, 'project_bot', ?, ?)",
            (
                (number, f"{kind}_{resource_id}_bot_{number}", name, f"bot_{number}@noreply", resource_id, now)
                for number, name in zip(ids, names, strict=True)
            ),
        )
        self._db.many("INSERT INTO members VALUES (?, ?, ?, ?)", ((number, kind, resource_id, level) for number in ids))
        return ids
