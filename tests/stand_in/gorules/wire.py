# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as JSON, and pages of them."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import Any

from starlette.responses import Response

from ..common.platform import Bench
from .errors import invalid, json_response
from .http_layer import Call
from .store import Store, made_up_id

Row = sqlite3.Row
ORGANISATION = made_up_id("organisation")
DEFAULT_PER_PAGE = 10


class Wire:
    """Turns rows into the objects that GoRules sends."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self._bench = bench
        self._store = store

    def instant(self, value: float | None) -> str | None:
        """An instant, as the switch ``timestamps`` wants it."""
        if value is None:
            return None
        moment = dt.datetime.fromtimestamp(value, dt.UTC)
        form = self._bench.switches["timestamps"]
        if form == "unreadable":
            return moment.strftime("%A, %d of %B %Y at %H.%M")
        text = moment.isoformat(timespec="seconds" if form == "seconds" else "milliseconds")
        return text if form == "offset" else text.replace("+00:00", "Z")

    def _dates(self, row: Row) -> dict[str, Any]:
        return {"createdAt": self.instant(row["created_at"]), "updatedAt": self.instant(row["updated_at"])}

    def project(self, project: Row) -> dict[str, Any]:
        """A project as a token shows it."""
        result = {
            "id": project["id"],
            "name": project["name"],
            "organisationId": ORGANISATION,
            "version": project["version"],
        } | self._dates(project)
        if project["key"] is not None:
            result["key"] = project["key"]
        if project["protected"] is not None:
            result["protected"] = bool(project["protected"])
        return result

    def whole_project(self, project: Row) -> dict[str, Any]:
        """A project as the project routes show it."""
        return self.project(project) | {
            "deletedAt": self.instant(project["deleted_at"]),
            "decisionsApprovalMode": "none",
            "decisionsApprovalGroups": [],
            "members": [self.user(member) for member in self._store.members(project)],
        }

    def user(self, user: Row) -> dict[str, Any]:
        """A user as a token shows it."""
        result = {"id": user["id"], "email": user["email"], "type": user["type"], "status": user["status"]}
        names = {"firstName": user["first_name"], "lastName": user["last_name"]}
        return result | self._dates(user) | names | {"isService": bool(user["is_service"])}

    def user_with_roles(self, user: Row) -> dict[str, Any]:
        """A user as the user routes show it."""
        roles = [{"id": role, "name": "role", "description": None} for role in json.loads(user["roles"])]
        return self.user(user) | {"roles": roles}

    def token(self, token: Row, owner: Row, *, secret: str | None = None) -> dict[str, Any]:
        """A token; its secret only where it was just made."""
        switches = self._bench.switches
        result: dict[str, Any] = {
            "id": token["id"],
            "note": token["note"],
            "permissions": self._ordered(json.loads(token["permissions"])),
            "allProjects": bool(token["all_projects"]),
            "projects": self._projects(json.loads(token["projects"])),
            "user": self.user(owner),
        } | self._dates(token)
        if secret is not None and not switches["omit_secret"]:
            result["token"] = secret
        if token["expires_at"] is not None or not switches["omit_null_expires"]:
            result["expiresAt"] = self.instant(token["expires_at"])
        if switches["extra_fields"]:
            result |= {"futureField": {"nested": [1, 2, 3]}, "scopes": None}
        return result

    def _projects(self, ids: list[str]) -> list[dict[str, Any]]:
        found = [self._store.project(project_id) for project_id in ids]
        return [self.project(project) for project in found if project is not None]

    def _ordered(self, names: list[str]) -> list[str]:
        order = self._bench.switches["permission_order"]
        if order == "sorted":
            return sorted(names)
        return names[::-1] if order == "reversed" else names


def paged(call: Call, bench: Bench, items: list[dict[str, Any]]) -> Response:
    """A page of a list: ``results`` and ``paginate``."""
    page, size = _number(call, "page", 1), _number(call, "perPage", DEFAULT_PER_PAGE)
    most = bench.switches["max_per_page"]
    size = size if most is None else min(size, most)
    page = 1 if bench.switches["page_ignored"] else page
    start = (page - 1) * size
    results = items[start : start + size]
    first, last = (start + 1, start + len(results)) if results else (0, 0)
    place = {"current": page, "from": first, "to": last, "total": len(items), "pageSize": size}
    return json_response({"results": results, "paginate": place})


def _number(call: Call, name: str, default: int) -> int:
    value = call.query(name)
    if value is None:
        return default
    if not value.isdecimal():
        raise invalid(f"querystring/{name} must be number")
    if int(value) < 1:
        raise invalid(f"querystring/{name} must be >= 1")
    return int(value)
