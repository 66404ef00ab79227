# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, projects, repositories, and who may do what in them."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from ..common.platform import Bench
from .errors import no_such_project, no_such_repository, no_such_user, not_permitted
from .permissions import Level, level_of
from .secret_format import digest

Row = sqlite3.Row
ADMINISTRATORS = ("ADMIN", "SYS_ADMIN")


def slug_of(name: str) -> str:
    """The slug of a user name: what is special becomes an underscore, so ``a@b`` is ``a_b``."""
    return re.sub(r"[^a-z0-9._-]", "_", name.lower())


def is_admin(user: Row | None) -> bool:
    """Whether a user administers the instance."""
    return user is not None and user["global_permission"] in ADMINISTRATORS


class Directory:
    """What the stand-in knows about everybody and everything except tokens."""

    def __init__(self, bench: Bench) -> None:
        self._db = bench.database
        self._bench = bench

    # -- users

    def user_by_name(self, name: str) -> Row | None:
        """The user who logs in under that name (any case)."""
        return self._db.one("SELECT * FROM users WHERE name = ?", (name,))

    def user_by_id(self, user_id: int) -> Row | None:
        """The user of that id."""
        return self._db.one("SELECT * FROM users WHERE id = ?", (user_id,))

    def user_by_slug(self, slug: str) -> Row:
        """The user of that slug; Refusal where there is none."""
        user = self._db.one("SELECT * FROM users WHERE slug = ?", (slug,))
        if user is None:
            raise no_such_user(slug)
        return user

    def users(self, text: str | None, offset: int, count: int) -> list[Row]:
        """Active users whose name, display name or e-mail contains the text."""
        like = "%" + re.sub(r"([%_\\])", r"\\\1", text or "") + "%"
        return self._db.all(
            "SELECT * FROM users WHERE active AND type = 'NORMAL' AND (name LIKE :t ESCAPE '\\' OR display_name LIKE :t"
            " ESCAPE '\\' OR email LIKE :t ESCAPE '\\') ORDER BY name LIMIT :n OFFSET :o",
            {"t": like, "n": count, "o": offset},
        )

    def password_fits(self, user: Row, password: str) -> bool:
        """Whether that is the user's password."""
        return bool(user["password_digest"] == digest(password))

    def count_failure(self, user: Row) -> None:
        """One more failed login."""
        self._db.run("UPDATE users SET failed_logins = failed_logins + 1 WHERE id = ?", (user["id"],))

    def clear_failures(self, user: Row) -> None:
        """A login went well."""
        if user["failed_logins"]:
            self._db.run("UPDATE users SET failed_logins = 0 WHERE id = ?", (user["id"],))

    def needs_captcha(self, user: Row) -> bool:
        """Whether too many logins failed."""
        limit: int = self._bench.switches["captcha_after"]
        return bool(limit and user["failed_logins"] >= limit)

    # -- projects and repositories

    def project(self, key: str) -> Row:
        """The project of that key (a personal one is ``~slug``); Refusal where there is none."""
        project = self._db.one("SELECT * FROM projects WHERE key = ?", (key,))
        exact = self._bench.switches["project_keys"] == "sensitive"
        if project is None or (exact and project["key"] != key):
            raise no_such_project(key)
        return project

    def repository(self, project: Row, slug: str) -> Row:
        """The repository of that slug; Refusal where there is none."""
        found = self._db.one("SELECT * FROM repos WHERE project_id = ? AND slug = ?", (project["id"], slug))
        if found is None:
            raise no_such_repository(project["key"], slug)
        return found

    def project_by_id(self, project_id: int) -> Row:
        """The project of that id, which is there."""
        found = self._db.one("SELECT * FROM projects WHERE id = ?", (project_id,))
        if found is None:
            raise LookupError(project_id)
        return found

    def repository_by_id(self, repo_id: int) -> Row:
        """The repository of that id, which is there."""
        found = self._db.one("SELECT * FROM repos WHERE id = ?", (repo_id,))
        if found is None:
            raise LookupError(repo_id)
        return found

    def projects(self) -> list[Row]:
        """Every project, by name; personal ones are not listed."""
        return self._db.all("SELECT * FROM projects WHERE owner_id IS NULL ORDER BY name COLLATE NOCASE, id")

    def repositories(self, project: Row) -> list[Row]:
        """Every repository of a project, by name."""
        return self._db.all(
            "SELECT * FROM repos WHERE project_id = ? ORDER BY name COLLATE NOCASE, id", (project["id"],)
        )

    # -- grants

    def grants(self, scope: str, subject_id: int) -> list[Row]:
        """Users with a permission on a project or repository, with that permission."""
        return self._db.all(
            "SELECT users.*, grants.permission FROM grants JOIN users ON users.id = user_id"
            " WHERE scope = ? AND subject_id = ? ORDER BY name",
            (scope, subject_id),
        )

    def grant(self, user: Row, scope: str, subject_id: int, permission: str | None) -> None:
        """Give a user a permission on a project or repository, or take it away."""
        key = (user["id"], scope, subject_id)
        self._db.run("DELETE FROM grants WHERE user_id = ? AND scope = ? AND subject_id = ?", key)
        if permission is not None:
            self._db.run("INSERT INTO grants VALUES (?, ?, ?, ?)", (*key, permission))

    def user_project_level(self, user: Row | None, project: Row) -> Level:
        """What a user, or anybody (None), may do in a project."""
        public = project["public"] and (user is not None or self._bench.switches["public_access"])
        if user is None:
            return Level.READ if public else Level.NONE
        if is_admin(user) or project["owner_id"] == user["id"]:
            return Level.ADMIN
        return max(self._granted(user, "project", project["id"]), Level.READ if public else Level.NONE)

    def user_repo_level(self, user: Row | None, project: Row, repo: Row) -> Level:
        """What a user, or anybody (None), may do in a repository."""
        in_project = self.user_project_level(user, project)
        if user is None:
            return Level.READ if repo["public"] and self._bench.switches["public_access"] else in_project
        return max(in_project, self._granted(user, "repository", repo["id"]), Level(int(bool(repo["public"]))))

    def _granted(self, user: Row, scope: str, subject_id: int) -> Level:
        name = self._db.value(
            "SELECT permission FROM grants WHERE user_id = ? AND scope = ? AND subject_id = ?",
            (user["id"], scope, subject_id),
        )
        return Level.NONE if name is None else level_of(name)

    # -- making

    def add_project(self, key: str, name: str, description: str = "", *, public: bool = False) -> Row:
        """A new project; a personal one where the key is ``~slug``."""
        owner = self.user_by_slug(key[1:])["id"] if key.startswith("~") else None
        row: dict[str, Any] = {"key": key if owner is not None else key.upper(), "name": name, "public": int(public)}
        return self.project_by_id(self._db.insert("projects", row | {"description": description, "owner_id": owner}))

    def add_repository(self, project: Row, name: str, *, slug: str | None = None, public: bool = False) -> Row:
        """A new repository; without a slug it is made of the name."""
        row = {"project_id": project["id"], "slug": slug or slug_of(name.replace(" ", "-")), "name": name}
        return self.repository_by_id(self._db.insert("repos", row | {"public": int(public)}))


def require(allowed: bool) -> None:
    """Refuse a caller who lacks the right."""
    if not allowed:
        raise not_permitted()
