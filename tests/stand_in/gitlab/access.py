# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees what, and who ranks how high where."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .errors import Refusal, not_found
from .lab import Lab

GUEST, PLANNER, REPORTER, SECURITY, DEVELOPER, MAINTAINER, OWNER = 10, 15, 20, 25, 30, 40, 50

LINEAGE = """
WITH RECURSIVE lineage (id, parent_id) AS (
    SELECT id, parent_id FROM groups WHERE id = :group
    UNION ALL SELECT g.id, g.parent_id FROM groups g JOIN lineage l ON g.id = l.parent_id
)
"""
BELOW = """
WITH RECURSIVE below (id) AS (
    SELECT id FROM groups WHERE id = :group
    UNION ALL SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
)
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the user, the row of the token or other credential, and what it amounts to.

    ``admin`` is already narrowed: with admin mode on, it takes the scope ``admin_mode``, too.
    """

    user: sqlite3.Row
    kind: str
    token: sqlite3.Row | None
    scopes: tuple[str, ...]
    admin: bool

    @property
    def id(self) -> int:
        """The user's id."""
        return int(self.user["id"])

    @property
    def is_bot(self) -> bool:
        """Whether this is a project's or group's bot."""
        return bool(self.user["kind"] == "project_bot")


@dataclass(frozen=True, slots=True)
class Resource:
    """A project or a group."""

    type: str
    row: sqlite3.Row

    @property
    def id(self) -> int:
        """Its id."""
        return int(self.row["id"])


class Access:
    """Look-ups of users, projects and groups, with visibility and rank."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._db = lab.db

    def user(self, user_id: int | str | None) -> sqlite3.Row | None:
        """A user by id."""
        return self._db.one("SELECT * FROM users WHERE id = ?", (user_id,))

    def user_named(self, name: str) -> sqlite3.Row | None:
        """A user by id or by name."""
        if name.isdecimal():
            return self.user(int(name))
        return self._db.one("SELECT * FROM users WHERE username = ?", (name,))

    def resource(self, kind: str, name: str, caller: Caller | None) -> Resource:
        """A project or group by id or full path. Raises the 404 for one that is not there or not visible."""
        table = "projects" if kind == "project" else "groups"
        column = "id" if name.isdecimal() else "full_path"
        row = self._db.one(f"SELECT * FROM {table} WHERE {column} = ?", (name,))
        if row is None and kind == "project":
            self._point_to_new_path(name, caller)
        found = None if row is None else Resource(kind, row)
        if found is None or not self.sees(caller, found):
            raise not_found("Project" if kind == "project" else "Group")
        return found

    def sees(self, caller: Caller | None, resource: Resource) -> bool:
        """Whether the resource exists for the caller."""
        visibility = resource.row["visibility"]
        if visibility == "public":
            return True
        if caller is None:
            return False
        if caller.admin or (visibility == "internal" and not caller.user["external"]):
            return True
        if self.rank(caller.id, resource) > 0:
            return True
        return resource.type == "group" and self._member_below(caller.id, resource.id)

    def level(self, caller: Caller, resource: Resource) -> int:
        """The caller's rank; an administrator's is the owner's."""
        return OWNER if caller.admin else self.rank(caller.id, resource)

    def rank(self, user_id: int, resource: Resource) -> int:
        """A user's rank by membership there or further up."""
        group = resource.row["group_id"] if resource.type == "project" else resource.id
        best: int = self._db.value(
            LINEAGE
            + """SELECT coalesce(max(access_level), 0) FROM members WHERE user_id = :user AND (
                 (source_type = 'group' AND source_id IN (SELECT id FROM lineage))
                 OR (source_type = :type AND source_id = :id))""",
            {"group": group, "user": user_id, "type": resource.type, "id": resource.id},
        )
        owns = resource.type == "project" and resource.row["owner_id"] == user_id
        return OWNER if owns else best

    def level_here(self, user_id: int, resource_type: str, resource_id: int) -> int:
        """A direct membership's level, or 0."""
        return int(
            self._db.value(
                "SELECT access_level FROM members WHERE user_id = ? AND source_type = ? AND source_id = ?",
                (user_id, resource_type, resource_id),
            )
            or 0
        )

    def root_of(self, resource: Resource) -> sqlite3.Row | None:
        """The top-level group above a resource, or None for a person's own project."""
        group = resource.row["group_id"] if resource.type == "project" else resource.id
        return self._db.one(
            LINEAGE + "SELECT * FROM groups WHERE id = (SELECT id FROM lineage WHERE parent_id IS NULL)",
            {"group": group},
        )

    def may_manage_tokens(self, caller: Caller, resource: Resource) -> bool:
        """Whether the rank suffices to read a resource's tokens."""
        return self.level(caller, resource) >= (MAINTAINER if resource.type == "project" else OWNER)

    def may_manage_accounts(self, caller: Caller, resource: Resource) -> bool:
        """Whether the caller may manage a resource's service accounts."""
        if caller.admin:
            return True
        if resource.type == "project":
            return self.level(caller, resource) >= MAINTAINER
        allowed = (
            self._lab.at_least("17.6")
            and (self._lab.settings["allow_top_level_group_owners_to_create_service_accounts"])
        )
        return bool(allowed) and self.level(caller, resource) >= OWNER

    def home_of(self, user: sqlite3.Row) -> Resource | None:
        """The project or group that a service account or bot belongs to."""
        for kind in ("group", "project"):
            if user[f"{kind}_id"] is not None:
                row = self._db.one(f"SELECT * FROM {kind}s WHERE id = ?", (user[f"{kind}_id"],))
                return None if row is None else Resource(kind, row)
        return None

    def _member_below(self, user_id: int, group_id: int) -> bool:
        return bool(
            self._db.value(
                BELOW
                + """SELECT EXISTS (SELECT 1 FROM members WHERE user_id = :user AND (
                     (source_type = 'group' AND source_id IN (SELECT id FROM below))
                     OR (source_type = 'project' AND source_id IN (
                         SELECT id FROM projects WHERE group_id IN (SELECT id FROM below)))))""",
                {"group": group_id, "user": user_id},
            )
        )

    def _point_to_new_path(self, name: str, caller: Caller | None) -> None:
        row = self._db.one(
            "SELECT p.* FROM moved_projects m JOIN projects p ON p.id = m.project_id WHERE m.old_path = ?", (name,)
        )
        if row is not None and self._lab.at_least("16.4") and self.sees(caller, Resource("project", row)):
            raise Moved(row["id"])


class Moved(Refusal):
    """The project has another path now; the endpoint layer turns this into 301 or 405."""

    def __init__(self, project_id: int) -> None:
        super().__init__(301, None)
        self.project_id = project_id
