# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting objects in. The document, every part optional::

    {
      "users": [{"email": "svc@example.com", "type": "member", "status": "active", "is_service": true,
                 "first_name": null, "last_name": null, "id": "<uuid>"}],
      "projects": [{"name": "Pricing", "key": "pricing", "version": "v1" | "v2", "protected": true, "deleted": false,
                    "members": ["<e-mail>"], "id": "<uuid>"}],
      "sessions": [{"user": "<e-mail>", "secret": "..."}],
      "tokens": [{"owner": "<e-mail>", "note": "...", "permissions": ["releases"], "all_projects": false,
                  "projects": ["<project id>"], "id": "<uuid>", "secret": "...",
                  "created_at": "2026-01-31T10:00:00Z" | "created_days_ago": 30,
                  "expires_at": "..." | null | "expires_in_days": 30,
                  "last_used_at": "..." | "last_used_days_ago": 1, "revoked": false}],
      "bulk": {"owner": "<e-mail>", "count": 100000, "note": "bulk-{n}", "permissions": ["releases"],
               "all_projects": true, "expires_in_days": 90, "created_days_ago": 30}
    }

A user that exists already is changed. Without an id a user has ``made_up_id(email)``, a project a random one. Without a
secret a token has ``made_up_secret(id)``. A token with ``revoked`` is not stored (deleting is all there is), only its
secret is remembered as one that must not leak. The answer has the ids: ``{"users": {email: id}, "projects": {key or
name: id}, "tokens": [{"id", "secret"}]}``; of bulk tokens only the first and the last.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from ..common.clock import parse_instant
from ..common.platform import Bench
from .store import Store, made_up_id, made_up_secret

DAY = 86_400
Row = sqlite3.Row
USER_FIELDS = {"type", "status", "first_name", "last_name", "is_service"}


class Seeder:
    """Reads seed documents."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self._bench = bench
        self._store = store

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add what a document has; return ids. Raises ValueError for what it cannot read."""
        unknown = set(document) - {"users", "projects", "sessions", "tokens", "bulk"}
        if unknown:
            raise ValueError(f"a seed does not take {', '.join(sorted(unknown))}")
        made: dict[str, Any] = {"users": {}, "projects": {}, "tokens": []}
        try:
            for user in document.get("users", []):
                made["users"][user["email"]] = self._user(user)
            for project in document.get("projects", []):
                made["projects"][project.get("key", project["name"])] = self._project(project)
            for session in document.get("sessions", []):
                self._store.add_session(self._owner(session["user"]), session["secret"])
            for token in document.get("tokens", []):
                made["tokens"].append(self._token(token))
            if "bulk" in document:
                made["tokens"] += self._bulk(document["bulk"])
        except sqlite3.IntegrityError as error:
            raise ValueError(f"already there, or refers to something that is not: {error}") from error
        return made

    def _user(self, user: dict[str, Any]) -> str:
        unknown = set(user) - USER_FIELDS - {"email", "id"}
        if unknown:
            raise ValueError(f"a user does not take {', '.join(sorted(unknown))}")
        fields = {name: user[name] for name in USER_FIELDS if name in user}
        known = self._store.user_by_email(user["email"])
        if known is not None:
            return str(self._store.change_user(known, fields)["id"])
        kind, is_service = fields.pop("type", "member"), bool(fields.pop("is_service", False))
        user_id = user.get("id", made_up_id(user["email"]))
        return str(self._store.add_user(user["email"], kind, is_service=is_service, id=user_id, **fields)["id"])

    def _project(self, project: dict[str, Any]) -> str:
        row = self._store.add_project(
            project["name"],
            id=project.get("id", str(uuid.uuid4())),
            key=project.get("key"),
            version=project.get("version", "v2"),
            protected=project.get("protected"),
            deleted_at=self._store.now() if project.get("deleted") else None,
        )
        for email in project.get("members", []):
            member = self._owner(email)
            self._bench.database.run("INSERT INTO members VALUES (?, ?)", (row["id"], member["id"]))
        return str(row["id"])

    def _owner(self, email: str) -> Row:
        user = self._store.user_by_email(email)
        if user is None:
            raise ValueError(f"there is no user {email}")
        return user

    def _instant(self, item: dict[str, Any], what: str) -> float | None:
        if item.get(f"{what}_at") is not None:
            return parse_instant(item[f"{what}_at"]).timestamp()
        if f"{what}_days_ago" in item:
            return self._store.now() - float(item[f"{what}_days_ago"]) * DAY
        if f"{what}_in_days" in item:
            return self._store.now() + float(item[f"{what}_in_days"]) * DAY
        return None

    def _token(self, token: dict[str, Any], owner: Row | None = None) -> dict[str, str]:
        token_id = token.get("id") or str(uuid.uuid4())
        secret = token.get("secret") or made_up_secret(token_id)
        if token.get("revoked"):
            self._bench.secrets.add(secret)
            return {"id": token_id, "secret": secret}
        created = self._instant(token, "created") or self._store.now()
        fields = {
            "note": token["note"],
            "permissions": list(token.get("permissions", [])),
            "all_projects": int(token.get("all_projects", False)),
            "projects": list(token.get("projects", [])),
            "expires_at": self._instant(token, "expires"),
        }
        dates = {"created_at": created, "updated_at": created, "last_used_at": self._instant(token, "last_used")}
        self._store.add_token(owner or self._owner(token["owner"]), secret, fields, id=token_id, **dates)
        return {"id": token_id, "secret": secret}

    def _bulk(self, bulk: dict[str, Any]) -> list[dict[str, str]]:
        owner, count, pattern = self._owner(bulk["owner"]), int(bulk["count"]), bulk.get("note", "bulk-{n}")
        common = {"permissions": ["releases"], "all_projects": True} | bulk
        ends = []
        for n in range(count):
            made = self._token(common | {"note": pattern.replace("{n}", str(n))}, owner)
            if n in (0, count - 1):
                ends.append(made)
        return ends
