# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/users/:id/impersonation_tokens``, for administrators only."""

from __future__ import annotations

import email.utils
import sqlite3

from .. import entities, scopes
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import not_found, refused
from ..filters import Listing, filtered
from ..lab import Lab
from ..paging import PAGING
from ..params import Declared, Param, as_comma_list, as_date, as_integer, as_objects
from ..tokens import ModelError, Wish

routes = Routes()

PATH = "/users/{user_id:segment}/impersonation_tokens"
USER = Param("user_id", as_integer, required=True)
NUMBER = Param("impersonation_token_id", as_integer, required=True)


@routes.on("GET", PATH, admin=True, params=(USER, Param("state", values=("all", "active", "inactive")), *PAGING))
def list_tokens(call: Call) -> Answer:
    """A user's impersonation tokens; the usual filters are not known here."""
    listing = Listing()
    listing.add("user_id = :user AND impersonation = 1", user=_user(call)["id"])
    state = call.params.get("state")
    wanted = {} if state in (None, "all") else {"state": state}
    page = call.page("tokens", filtered(call.lab, listing, wanted))
    return page_of(page, lambda row: entities.impersonation_token(call.lab, row, entities.LISTED))


@routes.on("GET", PATH + "/{impersonation_token_id:segment}", admin=True, params=(USER, NUMBER))
def show_token(call: Call) -> Answer:
    """One of them."""
    return Answer(200, entities.impersonation_token(call.lab, _token(call), entities.SINGLE))


def _create_params(lab: Lab) -> Declared:
    known = [
        USER,
        Param("name", required=True),
        Param("description", since="17.7"),
        Param("expires_at", as_date),
        Param("scopes", as_comma_list),
    ]
    return [*known, Param("granular_scopes", as_objects)] if lab.since("granular_since") else known


@routes.on("POST", PATH, admin=True, params=_create_params)
def create_token(call: Call) -> Answer:
    """A new one. The model speaks for itself here: 400, with the errors by attribute."""
    lab, given = call.lab, call.params
    user = _user(call)
    wanted = given.get("scopes")
    expires_at = given.get("expires_at")
    if expires_at is None and lab.switches["impersonation_default_expiry"] == "max":
        expires_at = lab.expiry.for_create(user)
    grants = given.get("granular_scopes")
    if set(wanted or []) - set(scopes.for_people(lab)):
        raise refused(400, {"scopes": ["can only contain available scopes"]})
    wish = Wish(
        user=user,
        name=given["name"],
        scopes=["granular"] if grants else wanted,
        expires_at=expires_at,
        description=given.get("description"),
        impersonation=True,
        granular_scopes=grants,
    )
    try:
        row, secret = lab.tokens.create(wish)
    except ModelError as error:
        raise refused(400, error.errors) from error
    return Answer(201, entities.impersonation_token(lab, row, entities.CREATED) | {"token": secret})


@routes.on("DELETE", PATH + "/{impersonation_token_id:segment}", admin=True, params=(USER, NUMBER))
def revoke_token(call: Call) -> Answer:
    """Revoke one, unless it changed since the time that the caller names."""
    token = _token(call)
    limit = call.request.headers.get("if-unmodified-since")
    if limit is not None and token["updated_at"] // 1_000_000 > _seconds(limit):
        raise refused(412, "412 Precondition Failed")
    call.lab.tokens.revoke(token)
    return Answer(204)


def _seconds(http_date: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(http_date).timestamp()
    except (TypeError, ValueError):
        return float("inf")


def _user(call: Call) -> sqlite3.Row:
    user = call.lab.access.user(call.params["user_id"])
    if user is None:
        raise not_found("User")
    return user


def _token(call: Call) -> sqlite3.Row:
    user = _user(call)
    token = call.lab.tokens.find(call.params["impersonation_token_id"] or 0)
    if token is None or token["user_id"] != user["id"] or not token["impersonation"]:
        raise not_found("Impersonation Token")
    return token
