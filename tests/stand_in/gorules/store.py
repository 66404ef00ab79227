# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, projects and tokens as rows."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import string
import uuid
from typing import Any

from ..common.platform import Bench

Row = sqlite3.Row
SECRET_PREFIX = "grl_emulated_"
SECRET_LENGTH = 40
ALPHABET = string.ascii_letters + string.digits


def new_secret() -> str:
    """A secret as this stand-in mints it (what the real ones look like is not known)."""
    return SECRET_PREFIX + "".join(secrets.choice(ALPHABET) for _unused in range(SECRET_LENGTH))


def made_up_secret(name: str) -> str:
    """The same secret for the same name every time, for seeds."""
    return SECRET_PREFIX + hashlib.sha256(f"stand-in {name}".encode()).hexdigest()[:SECRET_LENGTH]


def made_up_id(name: str) -> str:
    """The same id for the same name every time, for seeds."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"stand-in:{name}"))


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Store:
    """Everything that the stand-in keeps."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._db = bench.database

    def now(self) -> float:
        """The present instant."""
        return self._bench.clock.timestamp()

    # -- users

    def user(self, user_id: str) -> Row | None:
        """The user of that id."""
        return self._db.one("SELECT * FROM users WHERE id = ?", (user_id,))

    def user_by_email(self, email: str) -> Row | None:
        """The user of that address, in any case."""
        return self._db.one("SELECT * FROM users WHERE email = ?", (email,))

    def users(self, *, is_service: bool | None, search: str) -> list[Row]:
        """Users, the oldest first."""
        rows = self._db.all("SELECT * FROM users ORDER BY number")
        return [row for row in rows if is_service in (None, bool(row["is_service"])) and _matches(row, search)]

    def add_user(self, email: str, kind: str, *, is_service: bool, **more: Any) -> Row:
        """A new user."""
        now = self.now()
        row: dict[str, Any] = {"id": str(uuid.uuid4()), "email": email, "type": kind, "is_service": int(is_service)}
        row |= {"created_at": now, "updated_at": now} | more
        self._db.insert("users", row)
        return self._there("users", row["id"])

    def change_user(self, user: Row, changes: dict[str, Any]) -> Row:
        """Overwrite some columns; the row afterwards."""
        for column, value in changes.items():
            self._db.run(f"UPDATE users SET {column} = ?, updated_at = ? WHERE id = ?", (value, self.now(), user["id"]))
        return self._there("users", user["id"])

    def count_service_users(self) -> int:
        """How many service accounts there are."""
        return int(self._db.value("SELECT count(*) FROM users WHERE is_service"))

    # -- projects

    def project(self, project_id: str) -> Row | None:
        """The live project of that id."""
        return self._db.one("SELECT * FROM projects WHERE id = ? AND deleted_at IS NULL", (project_id,))

    def projects(self, *, deleted: bool, search: str = "") -> list[Row]:
        """Live or deleted projects, the oldest first."""
        rows = self._db.all("SELECT * FROM projects WHERE (deleted_at IS NOT NULL) = ? ORDER BY number", (deleted,))
        return [row for row in rows if search.lower() in row["name"].lower()]

    def add_project(self, name: str, **more: Any) -> Row:
        """A new project."""
        now = self.now()
        row: dict[str, Any] = {"id": str(uuid.uuid4()), "name": name, "created_at": now, "updated_at": now} | more
        self._db.insert("projects", row)
        return self._there("projects", row["id"])

    def members(self, project: Row) -> list[Row]:
        """The users who are members of a project."""
        return self._db.all(
            "SELECT users.* FROM members JOIN users ON users.id = user_id WHERE project_id = ? ORDER BY number",
            (project["id"],),
        )

    def is_member(self, project: Row, user: Row) -> bool:
        """Whether a user is a member of a project."""
        query = "SELECT 1 FROM members WHERE project_id = ? AND user_id = ?"
        return self._db.value(query, (project["id"], user["id"])) is not None

    # -- tokens

    def tokens(self, user: Row) -> list[Row]:
        """A user's tokens, the oldest first, expired ones among them."""
        self.purge()
        return self._db.all("SELECT * FROM tokens WHERE user_id = ? ORDER BY number", (user["id"],))

    def every_token(self) -> list[Row]:
        """All tokens with the address of their user."""
        return self._db.all(
            "SELECT tokens.*, users.email FROM tokens JOIN users ON users.id = user_id ORDER BY tokens.number"
        )

    def token(self, token_id: str) -> Row | None:
        """The token of that id."""
        self.purge()
        return self._db.one("SELECT * FROM tokens WHERE id = ?", (token_id,))

    def token_by_secret(self, secret: str) -> Row | None:
        """The token of that secret, expired or not."""
        known = digest(secret)
        former = "SELECT token_id FROM old_secrets WHERE secret_digest = ?"
        return self._db.one(f"SELECT * FROM tokens WHERE secret_digest = ? OR id = ({former})", (known, known))

    def add_token(self, user: Row, secret: str, fields: dict[str, Any], **more: Any) -> Row:
        """A new token. ``fields``: note, permissions, all_projects, projects (ids), expires_at."""
        self._bench.secrets.add(secret)
        now = self.now()
        row: dict[str, Any] = {"id": str(uuid.uuid4()), "user_id": user["id"], "secret_digest": digest(secret)}
        row |= {"created_at": now, "updated_at": now} | fields | more
        row |= {"permissions": json.dumps(row["permissions"]), "projects": json.dumps(row["projects"])}
        self._db.insert("tokens", row)
        return self._there("tokens", row["id"])

    def regenerate(self, token: Row, secret: str, expires_at: float | None) -> Row:
        """Another secret and end for a token."""
        self._bench.secrets.add(secret)
        if self._bench.switches["old_secret"] == "lives":
            self._db.run("INSERT INTO old_secrets VALUES (?, ?)", (token["secret_digest"], token["id"]))
        token_id = token["id"] if self._bench.switches["regenerate_keeps_id"] else str(uuid.uuid4())
        self._db.run("UPDATE old_secrets SET token_id = ? WHERE token_id = ?", (token_id, token["id"]))
        self._db.run(
            "UPDATE tokens SET id = ?, secret_digest = ?, updated_at = ?, expires_at = ? WHERE number = ?",
            (token_id, digest(secret), self.now(), expires_at, token["number"]),
        )
        return self._there("tokens", token_id)

    def remove_token(self, token: Row) -> None:
        """Delete a token; its secrets are dead from now on."""
        self._db.run("DELETE FROM old_secrets WHERE token_id = ?", (token["id"],))
        self._db.run("DELETE FROM tokens WHERE id = ?", (token["id"],))

    def note_use(self, token: Row) -> None:
        """It was used just now. Only ``/_stand_in/state`` shows this: the API has no such field."""
        self._db.run("UPDATE tokens SET last_used_at = ? WHERE id = ?", (self.now(), token["id"]))

    def is_expired(self, token: Row) -> bool:
        """Whether it has expired."""
        return token["expires_at"] is not None and token["expires_at"] <= self.now()

    def purge(self) -> None:
        """Drop expired tokens where the switch says so."""
        if self._bench.switches["expired_tokens"] == "purged":
            self._db.run("DELETE FROM tokens WHERE expires_at <= ?", (self.now(),))

    # -- sessions

    def session_user(self, secret: str) -> Row | None:
        """The user of a login session."""
        return self._db.one(
            "SELECT users.* FROM sessions JOIN users ON users.id = user_id WHERE secret_digest = ?", (digest(secret),)
        )

    def add_session(self, user: Row, secret: str) -> None:
        """A login session."""
        self._bench.secrets.add(secret, "session")
        self._db.run("INSERT INTO sessions VALUES (?, ?)", (digest(secret), user["id"]))

    def _there(self, table: str, row_id: str) -> Row:
        row = self._db.one(f"SELECT * FROM {table} WHERE id = ?", (row_id,))
        if row is None:
            raise LookupError(row_id)
        return row


def _matches(user: Row, search: str) -> bool:
    texts = (user["email"], user["first_name"], user["last_name"])
    return any(search.lower() in (text or "").lower() for text in texts)
