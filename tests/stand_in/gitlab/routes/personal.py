# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/personal_access_tokens``, ``/users/:id/personal_access_tokens``, ``/user/personal_access_tokens``."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import Any

from .. import entities, scopes
from ..access import Resource
from ..auth import ANY, TOO_SMALL
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import (
    Refusal,
    bad_request,
    guard,
    method_not_allowed,
    no_record,
    not_found,
    refused,
    unauthorized,
    unprocessable,
)
from ..filters import LATE_FILTERS, MIDDLE_FILTERS, SORT, USER_FILTER, Listing, filtered
from ..lab import Lab
from ..paging import PAGING
from ..params import Declared, Param, Together, as_comma_list, as_date, as_integer, as_objects
from ..tokens import ModelError, Wish

routes = Routes()

ROTATION = (Param("expires_at", as_date),)
NAME = (Param("name", required=True), Param("description", since="17.7"))
OAUTH_SELF = "This endpoint requires token type to be a personal access token"
GRANULAR_ACCESS = ("user", "instance", "all_memberships", "personal_projects", "selected_memberships")


def list_filters(lab: Lab) -> Declared:
    """The filters that this release knows."""
    known: list[Any] = [*USER_FILTER, *PAGING]
    if lab.at_least("15.5"):
        known += MIDDLE_FILTERS
    if lab.since("expiry_filters_since"):
        known += LATE_FILTERS
    if lab.since("sort_since"):
        known += SORT
    return known


def refuse_strangers(call: Call) -> None:
    """Anyone but an administrator may name no user but himself."""
    wanted = call.params.get("user_id")
    if not call.caller.admin and wanted not in (None, "") and str(wanted) != str(call.caller.id):
        raise unauthorized()


@routes.on(
    "GET",
    "/personal_access_tokens",
    since="13.6",
    params=list_filters,
    before=refuse_strangers,
    permission="read_personal_access_token",
)
def list_tokens(call: Call) -> Answer:
    """An administrator's list has everything, anybody else's only his own."""
    listing = Listing()
    if not call.caller.admin:
        listing.add("user_id = :user AND impersonation = 0", user=call.caller.id)
    elif "user_id" in call.params:
        user = call.lab.access.user(call.params["user_id"])
        if user is None:
            raise not_found()
        listing.add("user_id = :user", user=user["id"])
    page = call.page("tokens", filtered(call.lab, listing, call.params))
    return page_of(page, lambda row: entities.token(call.lab, row, entities.LISTED))


@routes.on("GET", "/personal_access_tokens/self", since="15.5", scopes=ANY)
def show_self(call: Call) -> Answer:
    """The token that asks."""
    return Answer(200, entities.token(call.lab, own_token(call), entities.SINGLE))


@routes.on(
    "GET",
    "/personal_access_tokens/self/associations",
    since="17.4",
    scopes=ANY,
    params=(Param("min_access_level", as_integer, values=(5, 10, 15, 20, 25, 30, 40, 50)), *PAGING),
)
def show_associations(call: Call) -> Answer:
    """The groups and projects that the token's user is a member of."""
    own_token(call)
    least = call.params.get("min_access_level") or 0
    listing = Listing()
    listing.add("user_id = :user AND access_level >= :least", user=call.caller.id, least=least)
    found: dict[str, list[Any]] = {"group": [], "project": []}
    for member in call.lab.db.all(f"SELECT * FROM members WHERE {listing.condition}", listing.values):
        kind = member["source_type"]
        row = call.lab.db.one(f"SELECT * FROM {kind}s WHERE id = ?", (member["source_id"],))
        if row is not None:
            found[kind].append(_association(call, Resource(kind, row), member["access_level"]))
    return Answer(200, {"groups": found["group"], "projects": found["project"]})


def _association(call: Call, resource: Resource, level: int) -> dict[str, Any]:
    if resource.type == "group":
        whole = entities.group(call.lab, resource.row, call.base)
        keys = ("id", "web_url", "name", "parent_id", "organization_id", "visibility")
        return {key: whole[key] for key in keys} | {"access_levels": level}
    whole = entities.project(call.lab, resource.row, call.base)
    dropped = ("default_branch", "archived")
    levels = {"project_access_level": level, "group_access_level": None}
    return {key: value for key, value in whole.items() if key not in dropped} | {"access_levels": levels}


@routes.on("GET", "/personal_access_tokens/{id:segment}", since="15.1", permission="read_personal_access_token")
def show_token(call: Call) -> Answer:
    """One token; what is missing and what is forbidden look alike."""
    token = call.lab.tokens.find(call.token_number("id"))
    if token is None or not _reaches(call, token):
        raise _hidden(call)
    return Answer(200, entities.token(call.lab, token, entities.SINGLE))


@routes.on("POST", "/personal_access_tokens/self/rotate", since="16.10", scopes=("api", "self_rotate"), params=ROTATION)
def rotate_self(call: Call) -> Answer:
    """The token that asks, replaced."""
    if call.caller.kind != "token" or call.caller.token is None:
        raise method_not_allowed()
    return rotated(call, call.caller.token, entities.token)


@routes.on(
    "POST",
    "/personal_access_tokens/{id:segment}/rotate",
    since="16.0",
    params=ROTATION,
    permission="rotate_personal_access_token",
)
def rotate_token(call: Call) -> Answer:
    """One token, replaced; 200 and not 201."""
    token = call.lab.tokens.find(call.token_number("id"))
    if token is None or not (_reaches(call, token) or _manages(call, token)) or _is_own_of_old_account(call, token):
        raise _hidden(call)
    return rotated(call, token, entities.token)


@routes.on("DELETE", "/personal_access_tokens/self", since="15.0", scopes=ANY)
def revoke_self(call: Call) -> Answer:
    """The token that asks; up to 15.3 it had to have the scope api."""
    token = own_token(call)
    if not call.lab.at_least("15.4") and "api" not in call.caller.scopes:
        raise guard(403, "insufficient_scope", TOO_SMALL, scope="api")
    return revoked(call, token)


@routes.on("DELETE", "/personal_access_tokens/{id:segment}", since="13.6", permission="revoke_personal_access_token")
def revoke_token(call: Call) -> Answer:
    """One token; unlike with GET, a missing one is told from a forbidden one."""
    token = call.lab.tokens.find(call.token_number("id"))
    if token is None:
        raise no_record()
    return revoked(call, token)


def _people_scopes(lab: Lab) -> list[str]:
    return scopes.for_people(lab)


@routes.on(
    "POST",
    "/users/{user_id:segment}/personal_access_tokens",
    since="13.6",
    admin=True,
    params=(
        Param("user_id", as_integer, required=True),
        *NAME,
        Param("scopes", as_comma_list, required=True, values=_people_scopes),
        Param("expires_at", as_date),
    ),
    permission="create_user_personal_access_token",
)
def create_for_user(call: Call) -> Answer:
    """A personal token for anybody, made by an administrator."""
    user = call.lab.access.user(call.params["user_id"])
    if user is None:
        raise not_found("User")
    return created(call, wished(call, user))


def _own_params(lab: Lab) -> Declared:
    granular = lab.since("granular_since")
    listed = Param("scopes", as_comma_list, required=not granular, values=scopes.for_self_service)
    if not granular:
        return [*NAME, listed, Param("expires_at", as_date)]
    return [
        *NAME,
        listed,
        Param("granular_scopes", as_objects),
        Param("expires_at", as_date),
        Together(("scopes", "granular_scopes"), "exactly_one"),
    ]


@routes.on(
    "POST",
    "/user/personal_access_tokens",
    since="16.5",
    params=_own_params,
    permission="create_personal_access_token",
)
def create_own(call: Call) -> Answer:
    """A token of one's own, with next to no scopes or with fine-grained ones."""
    grants = call.params.get("granular_scopes")
    if grants is not None:
        call.params["scopes"] = ["granular"]
        call.params["granular_scopes"] = _checked_grants(call, grants)
    return created(call, wished(call, call.caller.user, own=True))


def _checked_grants(call: Call, grants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not grants:
        raise unprocessable("At least one granular scope must be provided")
    result = []
    for grant in grants:
        if grant.get("access") not in GRANULAR_ACCESS:
            raise Refusal(400, {"error": "granular_scopes[0][access] does not have a valid value"})
        permissions = list(grant.get("permissions") or [])
        kinds = {"project": grant.get("project_ids") or [], "group": grant.get("group_ids") or []}
        targets = [(kind, number) for kind, numbers in kinds.items() for number in numbers]
        for kind, number in targets:
            resource = call.lab.access.resource(kind, str(number), call.caller)
            if call.lab.access.level(call.caller, resource) == 0:
                raise not_found(kind.capitalize())
        for kind, number in targets or [("", None)]:
            result.append(
                {
                    "access": grant["access"],
                    "permissions": permissions,
                    "project_id": number if kind == "project" else None,
                    "group_id": number if kind == "group" else None,
                }
            )
    _refuse_wider(call, result)
    return result


def _refuse_wider(call: Call, grants: list[dict[str, Any]]) -> None:
    token = call.caller.token
    if token is None or not token["granular"]:
        return
    held = {name for grant in json.loads(token["granular_scopes"]) for name in grant["permissions"]}
    if any(not held.issuperset(grant["permissions"]) for grant in grants):
        raise refused(403, "A granular token can only create tokens with equal or lesser permissions.")


def own_token(call: Call) -> sqlite3.Row:
    """The token that asks. Raises the 400 for OAuth."""
    if call.caller.token is None:
        raise bad_request(OAUTH_SELF)
    return call.caller.token


def wished(call: Call, user: sqlite3.Row, *, own: bool = False) -> Wish:
    """What a create asks for, with the expiry date filled in where none was given."""
    given = call.params
    expires_at: dt.date | None = given.get("expires_at")
    explicit = "expires_at" in given and call.lab.switches["null_expiry"] == "never"
    if expires_at is None and not explicit:
        expires_at = call.lab.expiry.for_create(user)
        how = call.lab.switches["user_create_default_expiry"]
        if own and (how == "tomorrow" or (how == "by_version" and not call.lab.at_least("19.0"))):
            expires_at = call.lab.clock.today() + dt.timedelta(days=1)
    return Wish(
        user=user,
        name=given["name"],
        scopes=given.get("scopes"),
        expires_at=expires_at,
        description=given.get("description"),
        granular_scopes=given.get("granular_scopes"),
    )


def created(call: Call, wish: Wish) -> Answer:
    """201 with the secret, or 422 with a sentence."""
    if wish.user["kind"] == "service_account" and not service_accounts_available(call.lab):
        raise unprocessable("Not permitted to create")
    try:
        row, secret = call.lab.tokens.create(wish)
    except ModelError as error:
        raise unprocessable(error.sentence) from error
    return Answer(201, entities.token(call.lab, row, entities.CREATED) | {"token": secret})


def service_accounts_available(lab: Lab) -> bool:
    """Whether the licence, or from 18.11 on the release, brings service accounts."""
    return lab.licensed("premium") or lab.at_least("18.11")


def rotated(call: Call, token: sqlite3.Row, entity: Any) -> Answer:
    """200 with the new secret, or 400 with a sentence."""
    try:
        row, secret = call.lab.tokens.rotate(token, call.params.get("expires_at"))
    except ModelError as error:
        raise bad_request(error.sentence) from error
    return Answer(200, entity(call.lab, row, entities.CREATED) | {"token": secret})


def revoked(call: Call, token: sqlite3.Row) -> Answer:
    """204, or 400 for whoever may not."""
    owns = token["user_id"] == call.caller.id and not token["impersonation"]
    if not (owns or _as_admin(call, token) or _manages(call, token)):
        raise bad_request("Not permitted to revoke" if call.lab.at_least("14.0") else None)
    if token["revoked"] and call.lab.switches["delete_revoked"] == "bad_request":
        raise bad_request("Not permitted to revoke")
    if not token["revoked"]:
        call.lab.tokens.revoke(token)
    return Answer(204)


def _as_admin(call: Call, token: sqlite3.Row) -> bool:
    special = token["impersonation"] or token["resource_type"] is not None
    return call.caller.admin and (not special or bool(call.lab.switches["admin_reaches_all_tokens"]))


def _reaches(call: Call, token: sqlite3.Row) -> bool:
    return token["user_id"] == call.caller.id or _as_admin(call, token)


def _is_own_of_old_account(call: Call, token: sqlite3.Row) -> bool:
    """Up to 16.9 a service account could not rotate its own token: 401."""
    same = token["user_id"] == call.caller.id
    return same and call.caller.user["kind"] == "service_account" and not call.lab.at_least("16.10")


def _manages(call: Call, token: sqlite3.Row) -> bool:
    """Whether the token is a service account's that the caller manages (from 18.0 on)."""
    user = call.lab.access.user(token["user_id"])
    if not call.lab.at_least("18.0") or user is None or user["kind"] != "service_account":
        return False
    home = call.lab.access.home_of(user)
    return home is not None and call.lab.access.may_manage_accounts(call.caller, home)


def _hidden(call: Call) -> Refusal:
    """Only administrators learn that a token does not exist, and they only from 15.3 on."""
    return not_found() if call.caller.admin and call.lab.at_least("15.3") else unauthorized()
