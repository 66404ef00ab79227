# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage: one SQLite connection, in memory or in a file that survives a restart.

Calls are synchronous. The server has one event loop and one thread, so a handler that does not await between two
statements is never interrupted by another request.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OWN_TABLES = """
CREATE TABLE IF NOT EXISTS stand_in_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stand_in_secrets (value TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """A thin layer over ``sqlite3`` in autocommit mode, rows as ``sqlite3.Row``."""

    def __init__(self, path: Path | None = None) -> None:
        self.connection = sqlite3.connect(path or ":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        # A killed process loses nothing that was handed to the operating system; power cuts do not matter here.
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.execute("PRAGMA foreign_keys=ON")
        self.connection.executescript(OWN_TABLES)

    def run(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, values)

    def many(self, sql: str, rows: Iterable[Sequence[Any] | dict[str, Any]]) -> None:
        """Run one statement for each row."""
        self.connection.executemany(sql, rows)

    def one(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Every row."""
        return self.connection.execute(sql, values).fetchall()

    def value(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, values)
        return None if row is None else row[0]

    def insert(self, table: str, row: dict[str, Any]) -> int:
        """Insert a row; return its rowid."""
        columns = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        return int(self.run(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row).lastrowid or 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested (the inner one then belongs to the outer)."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def is_new(self, schema: str) -> bool:
        """Create the platform's tables unless they are there; say whether they were missing."""
        if self._platform_tables():
            return False
        self.connection.executescript(schema)
        return True

    def recreate(self, schema: str) -> None:
        """Drop the platform's tables and make them anew, empty."""
        self.connection.execute("PRAGMA foreign_keys=OFF")
        for name in self._platform_tables():
            self.connection.execute(f'DROP TABLE "{name}"')
        self.connection.execute("PRAGMA foreign_keys=ON")
        self.connection.executescript(schema)

    def remember(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name, across restarts."""
        self.run("INSERT OR REPLACE INTO stand_in_settings VALUES (?, ?)", (name, json.dumps(value)))

    def recall(self, name: str) -> Any:
        """What ``remember`` kept, or None."""
        found = self.value("SELECT value FROM stand_in_settings WHERE name = ?", (name,))
        return None if found is None else json.loads(found)

    def _platform_tables(self) -> list[str]:
        rows = self.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid DESC")
        return [row["name"] for row in rows if not row["name"].startswith(("stand_in_", "sqlite_"))]
