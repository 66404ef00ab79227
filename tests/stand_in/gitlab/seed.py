# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a seed document. ``fixtures.SEED`` is one; every part may be left out.

{
  "settings": {"require_personal_access_token_expiry": false, ...},
  "users": [{"username", "name"?, "email"?, "admin"?, "external"?, "state"? ("active", "blocked"), "id"?}],
  "groups": [{"path", "name"?, "visibility"? ("private"), "tokens_allowed"? (true), "id"?}],        parents first
  "projects": [{"path", "name"?, "visibility"?, "archived"?, "id"?}],      in a group, or under a user's name
  "moved": [{"from": old path, "to": path}],
  "members": [{"user", "project" or "group", "access_level"}],
  "service_accounts": [{"username", "name"?, "email"?, "group" or "project"?, "id"?}],
  "tokens": [{
      "user" (a service account, too), "project" or "group",
      "name", "scopes"? (["api"]), "description"?, "access_level"? (40, of a project's or group's), "impersonation"?,
      "secret"? (else one is minted), "id"?, "revoked"?, "previous"? (name of an earlier token in this list),
      "expires_at"? (date or null) or "expires_in_days"?, "created_at"? (instant) or "created_days_ago"?,
      "updated_at"? / "updated_days_ago"?, "last_used_at"? / "last_used_days_ago"?, "last_used_ips"?,
      "granular_scopes"? (makes it a fine-grained token)}],
  "credentials": [{"kind" ("oauth", "deploy", "job"), "secret", "user"?, "scopes"?}],
  "bulk": one or several of
      {"owner": {"user" or "project" or "group": name}, "count", "name"? ("bulk-{n}"), "scopes"?, "access_level"?,
       "expires_in_days"? (90), "revoked_every"? (0: none), "expired_every"? (0)}
      {"group": path, "projects": how many, "tokens_each": N, "path"? ("bulk-{n}"), ... as above}
}

Without an expiry a token expires in 90 days. Bulk tokens have no secret: nobody could know it. The answer gives the ids:
``{"users": {name: id}, "groups": {path: id}, "projects": {path: id}, "tokens": [{"id", "name", "secret"}]}``.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from ..common.clock import parse_instant
from . import secret_format
from .access import Resource
from .bulk import Bulk
from .lab import Lab, microseconds
from .routes.resources import new_bot

Document = dict[str, Any]
PARTS = ("settings", "users", "groups", "projects", "moved", "members", "service_accounts", "tokens", "credentials")
DEFAULT_DAYS = 90


class Seeder:
    """Adds a document's objects."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._db = lab.db

    def add(self, document: Document) -> Document:
        """Add everything; return the ids. Raises ValueError or KeyError for what makes no sense."""
        unknown = set(document) - {*PARTS, "bulk"}
        if unknown:
            raise ValueError(f"a seed does not have {', '.join(sorted(unknown))}")
        made: Document = {"users": {}, "groups": {}, "projects": {}, "tokens": []}
        for name, value in document.get("settings", {}).items():
            self._lab.settings.set(name, value)
        self._owners(document, made)
        self._tokens(document.get("tokens", []), made)
        for item in document.get("credentials", []):
            self._credential(item)
        bulk = document.get("bulk", [])
        for item in bulk if isinstance(bulk, list) else [bulk]:
            Bulk(self._lab, self).add(item)
        return made

    def _owners(self, document: Document, made: Document) -> None:
        for item in document.get("users", []):
            made["users"][item["username"]] = self._user(item, "human")
        for item in document.get("groups", []):
            made["groups"][item["path"]] = self._group(item)
        for item in document.get("projects", []):
            made["projects"][item["path"]] = self.project(item)
        for item in document.get("moved", []):
            target = self.resource({"project": item["to"]})
            self._db.run("INSERT INTO moved_projects VALUES (?, ?)", (item["from"], target.id))
        for item in document.get("service_accounts", []):
            made["users"][item["username"]] = self._user(item, "service_account")
        for item in document.get("members", []):
            where = self.resource(item)
            values = (self.user(item["user"])["id"], where.type, where.id, item["access_level"])
            self._db.run("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)", values)

    def user(self, name: str) -> Any:
        """The row of a user that must be there."""
        row = self._lab.access.user_named(name)
        if row is None:
            raise ValueError(f"there is no user {name!r}")
        return row

    def resource(self, item: Document) -> Resource:
        """The project or group that an item names, which must be there."""
        kind = "project" if item.get("project") is not None else "group"
        path = item[kind]
        row = self._db.one(f"SELECT * FROM {kind}s WHERE full_path = ?", (path,))
        if row is None:
            raise ValueError(f"there is no {kind} {path!r}")
        return Resource(kind, row)

    def project(self, item: Document) -> int:
        """Add a project."""
        parent, _unused, path = item["path"].rpartition("/")
        group = self._db.value("SELECT id FROM groups WHERE full_path = ?", (parent,))
        row = {
            "path": path,
            "full_path": item["path"],
            "name": item.get("name", path),
            "visibility": item.get("visibility", "private"),
            "archived": int(item.get("archived", False)),
            "group_id": group,
            "owner_id": None if group is not None else self.user(parent)["id"],
            "created_at": self._instant(item, "created") or self._lab.now(),
        }
        return self._insert("projects", row, item)

    def _user(self, item: Document, kind: str) -> int:
        username = item["username"]
        home = self.resource(item) if {"group", "project"} & set(item) else None
        row = {
            "username": username,
            "name": item.get("name", username),
            "email": item.get("email", f"{username}@noreply.gitlab.example.com"),
            "kind": kind,
            "admin": int(item.get("admin", False)),
            "external": int(item.get("external", False)),
            "state": item.get("state", "active"),
            "created_at": self._instant(item, "created") or self._lab.now(),
        }
        if home is not None:
            row[f"{home.type}_id"] = home.id
        return self._insert("users", row, item)

    def _group(self, item: Document) -> int:
        parent_path, _unused, path = item["path"].rpartition("/")
        parent = self._db.one("SELECT * FROM groups WHERE full_path = ?", (parent_path,))
        if parent_path and parent is None:
            raise ValueError(f"there is no group {parent_path!r}")
        name = item.get("name", path)
        row = {
            "path": path,
            "full_path": item["path"],
            "name": name,
            "full_name": f"{parent['full_name']} / {name}" if parent else name,
            "parent_id": parent["id"] if parent else None,
            "visibility": item.get("visibility", "private"),
            "tokens_allowed": int(item.get("tokens_allowed", True)),
            "created_at": self._instant(item, "created") or self._lab.now(),
        }
        return self._insert("groups", row, item)

    def _tokens(self, items: list[Document], made: Document) -> None:
        by_name: dict[str, int] = {}
        for item in items:
            number, secret = self._token(item, by_name)
            by_name[item["name"]] = number
            made["tokens"].append({"id": number, "name": item["name"], "secret": secret})

    def _token(self, item: Document, earlier: dict[str, int]) -> tuple[int, str]:
        resource = None if item.get("user") is not None else self.resource(item)
        level = item.get("access_level", 40)
        user = new_bot(self._lab, resource, item["name"], level) if resource else self.user(item["user"])
        secret = item.get("secret") or self._lab.tokens.mint(user["id"])
        self._lab.secrets.add(secret)
        created = self._instant(item, "created") or self._lab.now()
        grants = item.get("granular_scopes")
        row = {
            "user_id": user["id"],
            "resource_type": resource.type if resource else None,
            "resource_id": resource.id if resource else None,
            "name": item["name"],
            "description": item.get("description"),
            "scopes": json.dumps(["granular"] if grants is not None else item.get("scopes", ["api"])),
            "granular": int(grants is not None),
            "granular_scopes": json.dumps(grants) if grants is not None else None,
            "created_at": created,
            "updated_at": self._instant(item, "updated") or created,
            "expires_at": self._date(item),
            "revoked": int(item.get("revoked", False)),
            "last_used_at": self._instant(item, "last_used"),
            "last_used_ips": json.dumps(item.get("last_used_ips", [])),
            "impersonation": int(item.get("impersonation", False)),
            "previous_id": earlier[item["previous"]] if item.get("previous") else None,
            "digest": secret_format.digest(secret),
        }
        return self._insert("tokens", row, item), secret

    def _credential(self, item: Document) -> None:
        self._lab.secrets.add(item["secret"], item["kind"])
        row = {
            "digest": secret_format.digest(item["secret"]),
            "kind": item["kind"],
            "user_id": self.user(item["user"])["id"] if item.get("user") else None,
            "scopes": json.dumps(item.get("scopes", [])),
        }
        self._db.insert("credentials", row)

    def _insert(self, table: str, row: Document, item: Document) -> int:
        if item.get("id") is not None:
            row = {"id": int(item["id"]), **row}
        return self._db.insert(table, row)

    def _instant(self, item: Document, name: str) -> int | None:
        if item.get(f"{name}_at") is not None:
            return microseconds(parse_instant(item[f"{name}_at"]))
        if item.get(f"{name}_days_ago") is not None:
            return self._lab.now() - int(float(item[f"{name}_days_ago"]) * 86_400 * 1_000_000)
        return None

    def _date(self, item: Document) -> str | None:
        if "expires_at" in item:
            return None if item["expires_at"] is None else dt.date.fromisoformat(item["expires_at"]).isoformat()
        days = dt.timedelta(days=item.get("expires_in_days", DEFAULT_DAYS))
        return (self._lab.clock.today() + days).isoformat()
