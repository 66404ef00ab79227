# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A register of every secret that a stand-in has minted or accepted, so that tests can look for leaks."""

from __future__ import annotations

from .database import Database

SHORTEST_MASKED = 8


class SecretRegister:
    """Secrets by value. Kept in memory and in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = {row["value"] for row in database.all("SELECT value FROM stand_in_secrets")}

    def add(self, value: str, kind: str = "token") -> None:
        """Note a secret: a minted token, a password, a session id, a fixture's credential."""
        if value and value not in self._known:
            self._known.add(value)
            self._database.run("INSERT OR IGNORE INTO stand_in_secrets VALUES (?, ?)", (value, kind))

    def all(self) -> list[str]:
        """Every secret noted."""
        return sorted(self._known)

    def masked(self, value: str) -> str:
        """The value, or ``***`` where it is a secret (one too short to be told from a word stays as it is)."""
        return "***" if len(value) >= SHORTEST_MASKED and value in self._known else value

    def forget(self) -> None:
        """Empty the register."""
        self._known.clear()
        self._database.run("DELETE FROM stand_in_secrets")
