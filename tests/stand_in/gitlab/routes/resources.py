# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/projects/:id/access_tokens`` and ``/groups/:id/access_tokens``."""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable

from .. import entities, scopes
from ..access import MAINTAINER, Resource
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import bad_request, method_not_allowed, not_found, unauthorized
from ..filters import ALL_FILTERS, STATE_FILTER, Listing, filtered
from ..lab import Lab
from ..paging import PAGING
from ..params import Declared, Param, as_date, as_integer, as_list
from ..tokens import ModelError, Wish
from .personal import NAME, ROTATION, rotated

routes = Routes()

SINCE = {"project": "13.9", "group": "14.7"}
NOT_ALLOWED = "User does not have permission to create {type} access token"
TOO_HIGH_TO_ROTATE = (
    ("18.0", "Not eligible to rotate tokens with permissions not held by the user"),
    ("13.0", "Not eligible to rotate token with access level higher than the user"),
)
TOO_HIGH_TO_CREATE = (
    ("18.0", "Access level of the token contains permissions not held by the creating user"),
    ("16.0", "Access level of the token can't be greater the access level of the user who created the token"),
    ("13.0", "Could not provision owner access to {type} access token"),
)


def _filters(lab: Lab) -> Declared:
    if lab.since("resource_filters_since"):
        return [*ALL_FILTERS, *PAGING]
    return [*STATE_FILTER, *PAGING] if lab.at_least("17.2") else PAGING


def _levels(lab: Lab) -> list[int]:
    later = {15: "17.7", 25: "18.5"}
    return [level for level in (10, 15, 20, 25, 30, 40, 50) if lab.at_least(later.get(level, "13.0"))]


def _create_params(lab: Lab) -> Declared:
    return [
        *NAME,
        Param("scopes", as_list, required=True, values=scopes.for_bots),
        Param("expires_at", as_date),
        Param("access_level", as_integer, values=_levels, default=MAINTAINER),
    ]


def _wording(lab: Lab, texts: tuple[tuple[str, str], ...], kind: str) -> str:
    return next(text for since, text in texts if lab.at_least(since)).format(type=kind)


def _declare(kind: str) -> None:
    """Declare the endpoints of projects or of groups."""
    path = f"/{kind}s/{{id:segment}}/access_tokens"
    one = path + "/{token_id:segment}"
    since = SINCE[kind]

    def on(verb: str, where: str, handler: Callable[[Call, Resource], Answer], **more: object) -> None:
        more.setdefault("since", since)
        routes.on(verb, where, **more)(lambda call: handler(call, call.resource(kind)))  # type: ignore[arg-type]

    on("GET", path, list_tokens, params=_filters, permission="read_resource_access_token")
    on("POST", path, create_token, params=_create_params, permission="create_resource_access_token")
    on("GET", one, show_token, since="14.10", permission="read_resource_access_token")
    on("DELETE", one, revoke_token, permission="delete_resource_access_token")
    on("POST", one + "/rotate", rotate_token, since="16.0", params=ROTATION, permission="rotate_resource_access_token")
    on("POST", path + "/self/rotate", rotate_self, since="17.9", params=ROTATION, scopes=("api", "self_rotate"))


def list_tokens(call: Call, resource: Resource) -> Answer:
    """All of a resource's tokens, dead ones included."""
    _require_rank(call, resource)
    listing = Listing()
    listing.add("resource_type = :kind AND resource_id = :resource", kind=resource.type, resource=resource.id)
    page = call.page("tokens", filtered(call.lab, listing, call.params))
    return page_of(page, lambda row: entities.resource_token(call.lab, row, entities.LISTED))


def show_token(call: Call, resource: Resource) -> Answer:
    """One of them."""
    _require_rank(call, resource)
    return Answer(200, entities.resource_token(call.lab, _token(call, resource), entities.SINGLE))


def create_token(call: Call, resource: Resource) -> Answer:
    """A bot user, its membership and its token; all or none."""
    lab, given = call.lab, call.params
    root = lab.access.root_of(resource)
    allowed = root is None or bool(root["tokens_allowed"])
    if call.caller.is_bot or not allowed or not lab.access.may_manage_tokens(call.caller, resource):
        raise bad_request(NOT_ALLOWED.format(type=resource.type))
    level = given["access_level"]
    if level > lab.access.level(call.caller, resource):
        raise bad_request(_wording(lab, TOO_HIGH_TO_CREATE, resource.type))
    limit = lab.switches["bot_name_limit"]
    if len(given["name"] or "") > limit:
        raise bad_request(f"Name is too long (maximum is {limit} characters)")
    expires_at = _expiry(call)
    try:
        with lab.db.transaction():
            bot = new_bot(lab, resource, given["name"], level)
            row, secret = lab.tokens.create(
                Wish(
                    user=bot,
                    name=given["name"],
                    scopes=given["scopes"],
                    expires_at=expires_at,
                    description=given.get("description"),
                    resource=(resource.type, resource.id),
                )
            )
    except ModelError as error:
        raise bad_request(error.sentence) from error
    return Answer(201, entities.resource_token(lab, row, entities.CREATED) | {"token": secret})


def new_bot(lab: Lab, resource: Resource, name: str | None, level: int) -> sqlite3.Row:
    """The hidden user behind a token, made a member of the resource."""
    username = f"{resource.type}_{resource.id}_bot_{secrets.token_hex(16)}"
    number = lab.db.insert(
        "users",
        {
            "username": username,
            "name": name or "",
            "email": f"{username}@noreply.gitlab.example.com",
            "kind": "project_bot",
            f"{resource.type}_id": resource.id,
            "created_at": lab.now(),
        },
    )
    lab.db.run("INSERT INTO members VALUES (?, ?, ?, ?)", (number, resource.type, resource.id, level))
    bot = lab.access.user(number)
    assert bot is not None
    return bot


def _expiry(call: Call) -> dt.date | None:
    lab = call.lab
    given: dt.date | None = call.params.get("expires_at")
    if given is not None or not lab.at_least("16.0"):
        return given
    if "expires_at" in call.params and lab.switches["null_expiry"] == "never":
        return None
    if not lab.since("resource_expiry_compulsory_since"):
        return lab.expiry.at_boot()
    if lab.settings["require_personal_access_token_expiry"]:
        raise bad_request("expires_at is missing")
    return None


def revoke_token(call: Call, resource: Resource) -> Answer:
    """Revoke one. Up to 17.8 its bot goes, too, and with it the token's row."""
    lab = call.lab
    token = _token(call, resource)
    if not lab.access.may_manage_tokens(call.caller, resource):
        bot = lab.access.user(token["user_id"])
        raise bad_request(f"{call.caller.user['name']} cannot delete {bot['name'] if bot else ''}")
    if not token["revoked"]:
        lab.tokens.revoke(token)
    if not lab.at_least("17.9"):
        lab.upkeep.remove_user_later(token["user_id"], lab.switches["bot_removal_seconds"])
    return Answer(204)


def rotate_token(call: Call, resource: Resource) -> Answer:
    """One of them, replaced by a person; bots have an endpoint of their own."""
    lab = call.lab
    may = not call.caller.is_bot and lab.access.may_manage_tokens(call.caller, resource)
    token = lab.tokens.find(call.path["token_id"]) if may else None
    if token is None or (token["resource_type"], token["resource_id"]) != (resource.type, resource.id):
        raise not_found() if call.caller.admin else unauthorized()
    level = lab.access.level_here(token["user_id"], resource.type, resource.id)
    if level > lab.access.level(call.caller, resource):
        raise bad_request(_wording(lab, TOO_HIGH_TO_ROTATE, resource.type))
    return rotated(call, token, entities.resource_token)


def rotate_self(call: Call, resource: Resource) -> Answer:
    """The bot token that asks, replaced."""
    token = call.caller.token
    if token is None or not call.caller.is_bot:
        raise method_not_allowed()
    if (token["resource_type"], token["resource_id"]) != (resource.type, resource.id):
        raise unauthorized()
    return rotated(call, token, entities.resource_token)


def _require_rank(call: Call, resource: Resource) -> None:
    if not call.lab.access.may_manage_tokens(call.caller, resource):
        raise unauthorized()


def _token(call: Call, resource: Resource) -> sqlite3.Row:
    token = call.lab.tokens.find(call.path["token_id"])
    if token is None or (token["resource_type"], token["resource_id"]) != (resource.type, resource.id):
        if call.lab.at_least("19.0"):
            raise not_found(f"{resource.type} Access Token")
        raise not_found(f"Could not find {resource.type} access token with token_id: {call.path['token_id']}")
    return token


for _kind in SINCE:
    _declare(_kind)
