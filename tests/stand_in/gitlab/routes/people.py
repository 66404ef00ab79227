# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/user`` and ``/users``."""

from __future__ import annotations

from .. import entities
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import not_found
from ..filters import Listing
from ..paging import PAGING
from ..params import Param, as_boolean, as_integer

routes = Routes()

READ_USER = ("api", "read_api", "read_user")
USER = Param("id", as_integer, required=True)


@routes.on("GET", "/user", scopes=READ_USER)
def show_caller(call: Call) -> Answer:
    """The caller; ``is_admin`` only for an administrator, whatever its token may do."""
    row = call.caller.user
    # Admin Mode makes no difference here (source: GitLab asks for the column, not for the permission).
    return Answer(200, entities.user(call.lab, row, call.base, private=True, for_admin=bool(row["admin"])))


@routes.on(
    "GET",
    "/users",
    scopes=READ_USER,
    anonymous=True,
    params=(
        Param("username"),
        Param("search"),
        Param("active", as_boolean),
        Param("without_project_bots", as_boolean),
        *PAGING,
    ),
)
def list_users(call: Call) -> Answer:
    """Users, newest first; without a credential only by their exact name."""
    given = call.params
    if call.caller_or_none is None and not given.get("username"):
        call.caller  # noqa: B018 - raises the 401
    admin = call.caller_or_none is not None and call.caller.admin
    listing = Listing(order="id DESC")
    if given.get("username"):
        listing.add("username = :username", username=given["username"])
    if given.get("search"):
        text = given["search"]
        listing.add(
            "(instr(lower(username), lower(:search)) OR instr(lower(name), lower(:search)) OR email = :search)",
            search=text,
        )
    if given.get("active"):
        listing.add("state = 'active'")
    if given.get("without_project_bots"):
        listing.add("kind != 'project_bot'")
    return page_of(
        call.page("users", listing), lambda row: entities.user(call.lab, row, call.base, private=False, for_admin=admin)
    )


@routes.on("GET", "/users/{id:segment}", scopes=READ_USER, params=(USER,))
def show_user(call: Call) -> Answer:
    """One user."""
    row = call.lab.access.user(call.params["id"])
    if row is None:
        raise not_found("User")
    return Answer(200, entities.user(call.lab, row, call.base, private=False, for_admin=call.caller.admin))


@routes.on("DELETE", "/users/{id:segment}", admin=True, params=(USER, Param("hard_delete", as_boolean)))
def delete_user(call: Call) -> Answer:
    """Delete a user with all its tokens; the only way to be rid of a service account of the instance."""
    row = call.lab.access.user(call.params["id"])
    if row is None:
        raise not_found("User")
    call.lab.upkeep.remove_user(row["id"])
    return Answer(204)
