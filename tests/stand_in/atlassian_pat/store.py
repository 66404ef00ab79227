# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and their tokens as rows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

from ..bitbucket import secret_format
from ..common.platform import Bench

Row = sqlite3.Row
DAY = 86_400
SCHEMA = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL,
    email TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    password_digest TEXT NOT NULL,
    failed_logins INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    last_used_at REAL,
    secret_digest TEXT NOT NULL UNIQUE
);
CREATE INDEX tokens_by_user ON tokens (user_id, id);
"""


def new_secret() -> str:
    """A secret as the server mints it: Bitbucket's scheme, around a number that is not the token's id."""
    return secret_format.new_secret(secret_format.new_id(leading_zero=False), "")


class Store:
    """Everything that the stand-in keeps."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._db = bench.database

    def now(self) -> float:
        """The present instant."""
        return self._bench.clock.timestamp()

    def user(self, user_id: int) -> Row | None:
        """The user of that id."""
        return self._db.one("SELECT * FROM users WHERE id = ?", (user_id,))

    def user_by_name(self, name: str) -> Row | None:
        """The user of that name, in any case."""
        return self._db.one("SELECT * FROM users WHERE name = ?", (name,))

    def users(self) -> list[Row]:
        """Every user."""
        return self._db.all("SELECT * FROM users ORDER BY id")

    def put_user(self, name: str, password: str | None, fields: dict[str, Any]) -> Row:
        """Add or change a user."""
        known = self.user_by_name(name)
        if password is None and known is None:
            password = f"standin-{name}-password"
        if password is not None:
            self._bench.secrets.add(password, "password")
            fields = fields | {"password_digest": secret_format.digest(password)}
        if known is None:
            defaults = {"name": name, "display_name": name, "email": f"{name}@example.com"}
            self._db.insert("users", defaults | fields)
        else:
            for column, value in fields.items():
                self._db.run(f"UPDATE users SET {column} = ? WHERE id = ?", (value, known["id"]))
        user = self.user_by_name(name)
        if user is None:
            raise LookupError(name)
        return user

    def count_login(self, user: Row, *, failed: bool) -> None:
        """Note how a login ended."""
        self._db.run(
            "UPDATE users SET failed_logins = CASE WHEN ? THEN failed_logins + 1 ELSE 0 END WHERE id = ?",
            (failed, user["id"]),
        )

    def tokens(self, user: Row) -> list[Row]:
        """A user's tokens, the oldest first, expired ones among them."""
        self._purge()
        return self._db.all("SELECT * FROM tokens WHERE user_id = ? ORDER BY id", (user["id"],))

    def every_token(self) -> list[Row]:
        """All tokens, with the name of their user as ``owner``."""
        return self._db.all("SELECT t.*, u.name AS owner FROM tokens t JOIN users u ON u.id = user_id ORDER BY t.id")

    def token(self, user: Row, token_id: int) -> Row | None:
        """The user's token of that id."""
        self._purge()
        return self._db.one("SELECT * FROM tokens WHERE id = ? AND user_id = ?", (token_id, user["id"]))

    def live_token(self, secret: str) -> Row | None:
        """The token of that secret, unless it has expired."""
        token = self._db.one("SELECT * FROM tokens WHERE secret_digest = ?", (secret_format.digest(secret),))
        return None if token is None or self.is_expired(token) else token

    def add_token(self, user: Row, secret: str, name: str, expires_at: float | None, **more: Any) -> Row:
        """A new token."""
        self._bench.secrets.add(secret)
        row = {"user_id": user["id"], "name": name, "expires_at": expires_at, "created_at": self.now()} | more
        number = self._db.insert("tokens", row | {"secret_digest": secret_format.digest(secret)})
        token = self.token(user, number)
        if token is None:
            raise LookupError(number)
        return token

    def remove(self, token: Row) -> None:
        """Revoke a token."""
        self._db.run("DELETE FROM tokens WHERE id = ?", (token["id"],))

    def note_use(self, token: Row) -> None:
        """It was used just now."""
        self._db.run("UPDATE tokens SET last_used_at = ? WHERE id = ?", (self.now(), token["id"]))

    def is_expired(self, token: Row) -> bool:
        """Whether it has expired."""
        return token["expires_at"] is not None and token["expires_at"] <= self.now()

    def _purge(self) -> None:
        if self._bench.switches["expired_tokens"] == "purged":
            self._db.run("DELETE FROM tokens WHERE expires_at <= ?", (self.now(),))


def instant(value: float | None, form: str = "zulu") -> str | None:
    """An instant as ISO 8601, ending in ``+0000`` (basic_offset), ``+00:00`` (extended_offset) or ``Z`` (zulu)."""
    if value is None:
        return None
    text = dt.datetime.fromtimestamp(value, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", {"basic_offset": "+0000", "extended_offset": "+00:00", "zulu": "Z"}[form])
