# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/projects`` and ``/groups``, as far as finding token owners needs them."""

from __future__ import annotations

import json
from typing import Any

from .. import entities
from ..access import OWNER, Caller, Resource
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import forbidden
from ..filters import Listing
from ..paging import PAGING, Page
from ..params import Param, as_boolean, as_integer, as_text

routes = Routes()

FINDING = (
    Param("search"),
    Param("order_by", as_text),
    Param("sort", values=("asc", "desc")),
    Param("simple", as_boolean),
    Param("archived", as_boolean),
    Param("min_access_level", as_integer),
    *PAGING,
)
MEMBERSHIP = (Param("membership", as_boolean), Param("owned", as_boolean))
PROJECT_ORDERS = {"id": "id", "name": "name", "path": "path", "created_at": "created_at"}
GROUP_ORDERS = {"id": "id", "name": "name", "path": "path"}
MEMBER_PLACES = "SELECT source_id FROM members WHERE user_id = :caller AND source_type = '{type}'"
REACHED_GROUPS = f"""WITH RECURSIVE mine (id) AS ({MEMBER_PLACES.format(type="group")}
    UNION SELECT g.id FROM groups g JOIN mine m ON g.parent_id = m.id) SELECT id FROM mine"""
BELOW = """WITH RECURSIVE below (id) AS (SELECT :top
    UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id) SELECT id FROM below"""


def _visible_projects(caller: Caller | None, *, membership: bool = False) -> Listing:
    listing = Listing()
    if caller is None:
        listing.add("visibility = 'public'")
    elif membership or not caller.admin:
        open_to_all = "0" if membership else "visibility = 'public'"
        if not membership and not caller.user["external"]:
            open_to_all = "visibility IN ('public', 'internal')"
        listing.add(
            f"({open_to_all} OR owner_id = :caller OR group_id IN ({REACHED_GROUPS})"
            f" OR id IN ({MEMBER_PLACES.format(type='project')}))",
            caller=caller.id,
        )
    return listing


def _visible_groups(call: Call) -> Listing:
    """Groups that the caller sees; checked one by one, for a project below may be what makes one visible."""
    listing = Listing()
    caller = call.caller_or_none
    if caller is None or not caller.admin:
        rows = call.lab.db.all("SELECT * FROM groups")
        seen = [row["id"] for row in rows if call.lab.access.sees(caller, Resource("group", row))]
        listing.add("id IN (SELECT value FROM json_each(:seen))", seen=json.dumps(seen))
    return listing


def _narrowed(call: Call, listing: Listing, orders: dict[str, str], default: str) -> Listing:
    given = call.params
    if given.get("search"):
        listing.add(
            "(instr(lower(path), lower(:search)) OR instr(lower(name), lower(:search)))", search=given["search"]
        )
    column = orders.get(given.get("order_by") or default, default)
    direction = given.get("sort") or ("asc" if default == "name" else "desc")
    listing.order = f"{column} {direction}, id {direction}"
    return listing


def _projects(call: Call, page: Page) -> Answer:
    return page_of(page, lambda row: entities.project(call.lab, row, call.base))


def _groups(call: Call, listing: Listing) -> Answer:
    page = call.page("groups", _narrowed(call, listing, GROUP_ORDERS, "name"))
    return page_of(page, lambda row: entities.group(call.lab, row, call.base))


@routes.on("GET", "/projects", anonymous=True, params=(*FINDING, *MEMBERSHIP))
def list_projects(call: Call) -> Answer:
    """The projects that the caller sees, newest first."""
    member = bool(call.params.get("membership") or call.params.get("owned")) and call.caller_or_none is not None
    listing = _visible_projects(call.caller_or_none, membership=member)
    if call.params.get("archived") is not None:
        listing.add("archived = :archived", archived=int(call.params["archived"]))
    return _projects(call, call.page("projects", _narrowed(call, listing, PROJECT_ORDERS, "created_at")))


@routes.on("GET", "/projects/{id:segment}", anonymous=True)
def show_project(call: Call) -> Answer:
    """One project."""
    resource = call.resource("project")
    body = entities.project(call.lab, resource.row, call.base)
    if call.caller_or_none is not None:
        level = call.lab.access.rank(call.caller.id, resource)
        direct = call.lab.access.level_here(call.caller.id, "project", resource.id)
        body["permissions"] = {"project_access": _level(direct), "group_access": _level(0 if direct else level)}
    return Answer(200, body)


def _level(level: int) -> dict[str, int] | None:
    return {"access_level": level, "notification_level": 3} if level else None


@routes.on("GET", "/groups", anonymous=True, params=(*FINDING, *MEMBERSHIP, Param("top_level_only", as_boolean)))
def list_groups(call: Call) -> Answer:
    """The groups that the caller sees, by name."""
    listing = _visible_groups(call)
    if call.params.get("top_level_only"):
        listing.add("parent_id IS NULL")
    return _groups(call, listing)


@routes.on("GET", "/groups/{id:segment}", anonymous=True)
def show_group(call: Call) -> Answer:
    """One group."""
    return Answer(200, _group_body(call, call.resource("group")))


def _group_body(call: Call, resource: Resource) -> dict[str, Any]:
    return entities.group(call.lab, resource.row, call.base) | {"projects": [], "shared_with_groups": []}


@routes.on(
    "PUT",
    "/groups/{id:segment}",
    params=(Param("name"), Param("description"), Param("service_access_tokens_expiration_enforced", as_boolean)),
)
def change_group(call: Call) -> Answer:
    """The one part of the token policy that a group has by the API, beside name and description."""
    resource = call.resource("group")
    if call.lab.access.level(call.caller, resource) < OWNER:
        raise forbidden()
    columns = {"name": "name", "description": "description"}
    if call.lab.switches["edition"] == "ee":
        columns["service_access_tokens_expiration_enforced"] = "sa_expiry_enforced"
    for name, column in columns.items():
        if call.params.get(name) is not None:
            call.lab.db.run(f"UPDATE groups SET {column} = ? WHERE id = ?", (call.params[name], resource.id))
    return Answer(200, _group_body(call, call.resource("group")))


@routes.on("GET", "/groups/{id:segment}/subgroups", anonymous=True, params=FINDING)
def list_subgroups(call: Call) -> Answer:
    """The groups right below."""
    top = call.resource("group")
    listing = _visible_groups(call)
    listing.add("parent_id = :top", top=top.id)
    return _groups(call, listing)


@routes.on("GET", "/groups/{id:segment}/descendant_groups", since="13.5", anonymous=True, params=FINDING)
def list_descendants(call: Call) -> Answer:
    """The groups at any depth below."""
    top = call.resource("group")
    listing = _visible_groups(call)
    listing.add(f"id != :top AND id IN ({BELOW})", top=top.id)
    return _groups(call, listing)


@routes.on(
    "GET",
    "/groups/{id:segment}/projects",
    anonymous=True,
    params=(*FINDING, Param("include_subgroups", as_boolean), Param("with_shared", as_boolean)),
)
def list_group_projects(call: Call) -> Answer:
    """A group's projects, newest first, with or without those of the groups below."""
    top = call.resource("group")
    listing = _visible_projects(call.caller_or_none)
    below = f"group_id IN ({BELOW})" if call.params.get("include_subgroups") else "group_id = :top"
    listing.add(below, top=top.id)
    if call.params.get("archived") is not None:
        listing.add("archived = :archived", archived=int(call.params["archived"]))
    return _projects(call, call.page("projects", _narrowed(call, listing, PROJECT_ORDERS, "created_at")))
