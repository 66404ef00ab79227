# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting objects in. The document, every part optional::

    {
      "users": [{"name": "alice", "password": "...", "slug": "alice", "display_name": "...", "email": "...",
                 "global_permission": "" | "ADMIN" | "SYS_ADMIN", "licensed": true, "active": true}],
      "projects": [{"key": "PAY", "name": "...", "public": false, "users": {"alice": "PROJECT_ADMIN"},
                    "repos": [{"slug": "api", "name": "...", "public": false, "users": {"carol": "REPO_ADMIN"}}]}],
      "tokens": [{"owner": {"user": "<slug>"} | {"project": "PAY"} | {"repository": "PAY/api"}, "name": "...",
                  "permissions": ["REPO_READ"], "id": "048201337715", "secret": "...",
                  "created_at": "2026-01-31T10:00:00Z" | "created_days_ago": 30, "expiry_days": 90,
                  "last_used_at": "..." | "last_used_days_ago": 1, "revoked": false}],
      "oauth_tokens": [{"user": "alice", "secret": "..."}],
      "policy": {"max_expiry_days": 30} | null,
      "bulk": {"owner": {...}, "count": 100000, "name": "bulk-{n}", "permissions": ["REPO_READ"], "expiry_days": 90,
               "created_at": "..." | "created_days_ago": 30}
    }

Without a name of its own a project or repository is called like its key or slug. A user or project that exists
already is changed. A project whose key is ``~slug`` is that user's personal one. Without an id a token gets a random
one; without a secret it has ``made_up_secret(id)``, with the prefix that the switch ``secret_prefix`` asks for. A token
with ``revoked`` is not stored (revoking deletes here), only its secret is remembered as one that must not leak. Bulk
tokens have consecutive ids. The answer has the ids: ``{"users": {name: id}, "projects": {key: id}, "repos":
{"KEY/slug": id}, "tokens": [{"id", "secret"}]}``; of bulk tokens only the first and the last.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ..common.clock import parse_instant
from ..common.platform import Bench
from .directory import Directory, slug_of
from .errors import Refusal
from .secret_format import digest, made_up_secret, new_id
from .token_store import DAY_MS, Owner, TokenStore

USER_FIELDS = {"name", "slug", "display_name", "email", "type", "global_permission", "licensed", "active"}


class Seeder:
    """Reads seed documents."""

    def __init__(self, bench: Bench, directory: Directory, tokens: TokenStore) -> None:
        self._bench = bench
        self._db = bench.database
        self._directory = directory
        self._tokens = tokens

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add what a document has; return ids. Raises ValueError for what it cannot read."""
        unknown = set(document) - {"users", "projects", "tokens", "oauth_tokens", "policy", "bulk"}
        if unknown:
            raise ValueError(f"a seed does not take {', '.join(sorted(unknown))}")
        made: dict[str, Any] = {"users": {}, "projects": {}, "repos": {}, "tokens": []}
        try:
            for user in document.get("users", []):
                made["users"][user["name"]] = self._user(user)
            for project in document.get("projects", []):
                self._project(project, made)
            for token in document.get("tokens", []):
                made["tokens"].append(self._token(token))
            for oauth in document.get("oauth_tokens", []):
                self._oauth(oauth)
            if "policy" in document:
                self._tokens.set_policy((document["policy"] or {}).get("max_expiry_days"))
            if "bulk" in document:
                made["tokens"] += self._bulk(document["bulk"])
        except Refusal as refusal:
            raise ValueError(str(refusal)) from refusal
        except sqlite3.IntegrityError as error:
            raise ValueError(f"already there, or refers to something that is not: {error}") from error
        return made

    def _user(self, user: dict[str, Any]) -> int:
        unknown = set(user) - USER_FIELDS - {"password"}
        if unknown:
            raise ValueError(f"a user does not take {', '.join(sorted(unknown))}")
        known = self._directory.user_by_name(user["name"])
        row: dict[str, Any] = {name: user[name] for name in USER_FIELDS if name in user}
        if "password" in user or known is None:
            password = user.get("password", f"standin-{user['name']}-password")
            self._bench.secrets.add(password, "password")
            row["password_digest"] = digest(password)
        if known is not None:
            for column, value in row.items():
                self._db.run(f"UPDATE users SET {column} = ? WHERE id = ?", (value, known["id"]))
            return int(known["id"])
        name = user["name"]
        defaults = {"slug": slug_of(name), "display_name": name, "email": f"{slug_of(name)}@example.com"}
        return self._db.insert("users", defaults | row)

    def _project(self, project: dict[str, Any], made: dict[str, Any]) -> None:
        key = project["key"]
        row = self._db.one("SELECT * FROM projects WHERE key = ?", (key,))
        if row is None:
            row = self._directory.add_project(key, project.get("name", key), public=project.get("public", False))
        self._grant(project.get("users", {}), "project", row["id"])
        made["projects"][row["key"]] = row["id"]
        for repo in project.get("repos", []):
            name = repo.get("name", repo["slug"])
            added = self._directory.add_repository(row, name, slug=repo["slug"], public=repo.get("public", False))
            self._grant(repo.get("users", {}), "repository", added["id"])
            made["repos"][f"{row['key']}/{added['slug']}"] = added["id"]

    def _grant(self, users: dict[str, str], scope: str, subject_id: int) -> None:
        for name, permission in users.items():
            user = self._directory.user_by_name(name)
            if user is None:
                raise ValueError(f"there is no user {name}")
            self._directory.grant(user, scope, subject_id, permission)

    def _oauth(self, oauth: dict[str, Any]) -> None:
        user = self._directory.user_by_name(oauth["user"])
        if user is None:
            raise ValueError(f"there is no user {oauth['user']}")
        self._bench.secrets.add(oauth["secret"])
        self._db.run("INSERT INTO oauth_tokens VALUES (?, ?)", (digest(oauth["secret"]), user["id"]))

    def owner(self, place: dict[str, str]) -> Owner:
        """The owner that a seed names."""
        if "user" in place:
            user = self._directory.user_by_slug(place["user"])
            return Owner("user", user["id"], user["slug"])
        if "project" in place:
            project = self._directory.project(place["project"])
            return Owner("project", project["id"], project["key"])
        key, _unused, slug = place["repository"].partition("/")
        project = self._directory.project(key)
        repo = self._directory.repository(project, slug)
        return Owner("repository", repo["id"], f"{project['key']}/{repo['slug']}")

    def _instant(self, item: dict[str, Any], what: str) -> int | None:
        if f"{what}_at" in item:
            return int(parse_instant(item[f"{what}_at"]).timestamp() * 1000)
        if f"{what}_days_ago" in item:
            return self._tokens.now_ms() - int(float(item[f"{what}_days_ago"]) * DAY_MS)
        return None

    def _token(self, token: dict[str, Any]) -> dict[str, str]:
        token_id = str(token.get("id") or new_id(leading_zero=False))
        secret = token.get("secret") or made_up_secret(token_id, self._bench.switches["secret_prefix"])
        if token.get("revoked"):
            self._bench.secrets.add(secret)
        else:
            self._tokens.add(
                self.owner(token["owner"]),
                token_id,
                secret,
                token["name"],
                list(token["permissions"]),
                self._instant(token, "created") or self._tokens.now_ms(),
                token.get("expiry_days"),
                self._instant(token, "last_used"),
            )
        return {"id": token_id, "secret": secret}

    def _bulk(self, bulk: dict[str, Any]) -> list[dict[str, str]]:
        owner, count = self.owner(bulk["owner"]), int(bulk["count"])
        pattern = bulk.get("name", "bulk-{n}")
        first = int(new_id(leading_zero=False)) % (10**12 - count)
        created = self._instant(bulk, "created") or self._tokens.now_ms()
        prefix = self._bench.switches["secret_prefix"]
        permissions = list(bulk.get("permissions", ["REPO_READ"]))
        ends = []
        for n in range(count):
            token_id = f"{first + n:012d}"
            secret = made_up_secret(token_id, prefix)
            name = pattern.replace("{n}", str(n))
            self._tokens.add(owner, token_id, secret, name, permissions, created, bulk.get("expiry_days"))
            if n in (0, count - 1):
                ends.append({"id": token_id, "secret": secret})
        return ends
