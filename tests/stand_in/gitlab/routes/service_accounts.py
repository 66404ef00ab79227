# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service accounts of the instance, of groups and of projects, and their tokens."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from typing import Any

from .. import entities, scopes
from ..access import OWNER, Resource
from ..auth import READ
from ..endpoint import Answer, Call, Routes, page_of
from ..errors import Refusal, bad_request, forbidden, no_record, not_found, refused
from ..filters import ALL_FILTERS, Listing, filtered
from ..lab import Lab
from ..paging import PAGING
from ..params import Param, as_boolean, as_comma_list, as_date, as_integer
from .personal import NAME, created, revoked, rotated, service_accounts_available, wished

routes = Routes()

ACCOUNT = (Param("name", since="16.10"), Param("username", since="16.10"), Param("email", since="17.9"))
ORDER = (
    Param("order_by", values=("id", "username"), default="id"),
    Param("sort", values=("asc", "desc"), default="desc"),
    Param("pagination"),
)
USER = Param("user_id", as_integer, required=True)
ROTATION = (Param("expires_at", as_date, since="17.9"),)
TOO_OFTEN = {"message": {"error": "This endpoint has been requested too many times. Try again later."}}
SOLE_OWNER = "User cannot be removed while is the sole-owner of a group"
KEYSET = "Keyset pagination is not yet available for this type of request"
NO_ACCOUNT = "User is not of type Service Account"


def require_feature(lab: Lab) -> None:
    """Refuse where neither the licence nor the release brings service accounts."""
    if not service_accounts_available(lab):
        raise not_found() if lab.switches["service_account_gate"] == "not_found" else forbidden()


def refuse_keyset(call: Call) -> None:
    """Refuse a way of paging that these lists do not have."""
    if call.params.get("pagination") == "keyset" and call.lab.switches["keyset"] == "refused":
        raise Refusal(405, {"error": KEYSET})


def listed(call: Call, listing: Listing) -> Answer:
    """A page of service accounts in the order asked for."""
    refuse_keyset(call)
    listing.add("kind = 'service_account'")
    listing.order = f"{call.params['order_by']} {call.params['sort']}"
    return page_of(call.page("users", listing), lambda row: entities.service_account(call.lab, row))


def make(call: Call, home: Resource | None) -> Answer:
    """A new service account."""
    lab, given = call.lab, call.params
    _limit(call)
    place = f"_{home.type}_{home.id}" if home else ""
    username = given.get("username") or f"service_account{place}_{secrets.token_hex(16)}"
    email = given.get("email") or f"{username}@noreply.gitlab.example.com"
    fault = _taken(lab, username, email, 0)
    if fault:
        raise bad_request(fault)
    row: dict[str, Any] = {
        "username": username,
        "name": given.get("name") or "Service account user",
        "email": email,
        "kind": "service_account",
        "created_at": lab.now(),
    }
    if home is not None:
        row[f"{home.type}_id"] = home.id
    return Answer(201, entities.service_account(lab, _user(lab, lab.db.insert("users", row))))


def change(call: Call, user: sqlite3.Row) -> Answer:
    """Name, user name or address; a new address waits for its confirmation."""
    lab, given = call.lab, call.params
    fault = _taken(lab, given.get("username"), given.get("email"), user["id"])
    if fault:
        raise refused(400, fault)
    for name, column in (("name", "name"), ("username", "username"), ("email", "unconfirmed_email")):
        if given.get(name):
            lab.db.run(f"UPDATE users SET {column} = ? WHERE id = ?", (given[name], user["id"]))
    return Answer(200, entities.service_account(lab, _user(lab, user["id"])))


def _user(lab: Lab, user_id: int) -> sqlite3.Row:
    row = lab.access.user(user_id)
    assert row is not None
    return row


def _limit(call: Call) -> None:
    lab = call.lab
    rate = lab.switches["service_account_rate"]
    minute = lab.now() - 60 * 1_000_000
    count = "SELECT count(*) FROM users WHERE kind = 'service_account'"
    if rate is not None and lab.db.value(count + " AND created_at > ?", (minute,)) >= rate:
        raise Refusal(429, TOO_OFTEN)
    if not lab.licensed("premium") and lab.db.value(count) >= lab.switches["service_account_limit"]:
        raise bad_request("Service account limit reached")


def _taken(lab: Lab, username: str | None, email: str | None, own_id: int) -> str | None:
    for label, column, value in (("Username", "username", username), ("Email", "email", email)):
        if value and lab.db.value(f"SELECT 1 FROM users WHERE {column} = ? AND id != ?", (value, own_id)):
            return f"{label} has already been taken"
    return None


@routes.on("GET", "/service_accounts", since="17.1", admin=True, params=(*ORDER, *PAGING))
def list_all(call: Call) -> Answer:
    """Every service account, those of groups and projects included."""
    require_feature(call.lab)
    return listed(call, Listing())


@routes.on("POST", "/service_accounts", since="16.1", admin=True, params=ACCOUNT)
def create_instance(call: Call) -> Answer:
    """One of the instance."""
    require_feature(call.lab)
    return make(call, None)


@routes.on("PATCH", "/service_accounts/{user_id:segment}", since="18.2", admin=True, params=(USER, *ACCOUNT))
def change_instance(call: Call) -> Answer:
    """Change one."""
    require_feature(call.lab)
    user = call.lab.access.user(call.params["user_id"])
    if user is None:
        raise no_record()
    if user["kind"] != "service_account":
        raise refused(400, NO_ACCOUNT)
    return change(call, user)


class Home:
    """The endpoints under one kind of home: groups or projects."""

    # Minimum releases: group, project. Projects had everything behind a flag in 18.9.
    SINCE = {  # noqa: RUF012
        "list": ("17.1", "18.11"),
        "create": ("16.1", "18.11"),
        "change": ("17.10", "18.11"),
        "delete": ("17.1", "18.11"),
        "tokens": ("17.11", "18.11"),
        "create_token": ("16.1", "18.11"),
        "revoke": ("17.11", "18.11"),
        "rotate": ("16.1", "18.11"),
    }

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def declare(self) -> None:
        """Declare them all."""
        base = f"/{self.kind}s/{{id:segment}}/service_accounts"
        user = base + "/{user_id:segment}"
        tokens = user + "/personal_access_tokens"
        one = tokens + "/{token_id:segment}"
        pat = (USER, *NAME, Param("scopes", as_comma_list, required=True, values=scopes.for_people))
        self._on("list", "GET", base, self.list, (*ORDER, *PAGING))
        self._on("create", "POST", base, self.create, ACCOUNT)
        self._on("change", "PATCH", user, self.change, (USER, *ACCOUNT))
        self._on("delete", "DELETE", user, self.delete, (USER, Param("hard_delete", as_boolean)))
        self._on("tokens", "GET", tokens, self.tokens, (USER, *ALL_FILTERS, Param("pagination"), *PAGING))
        self._on("create_token", "POST", tokens, self.create_token, (*pat, Param("expires_at", as_date)))
        self._on("revoke", "DELETE", one, self.revoke, (USER,))
        self._on("rotate", "POST", one + "/rotate", self.rotate, (USER, *ROTATION))

    def _on(self, what: str, verb: str, path: str, handler: Callable[[Call], Answer], params: tuple[Any, ...]) -> None:
        since = self.SINCE[what][self.kind == "project"]
        routes.on(verb, path, since=since, params=params, before=self._before, scopes=READ if verb == "GET" else None)(
            handler
        )

    def _before(self, call: Call) -> None:
        home = call.resource(self.kind)
        require_feature(call.lab)
        if not call.lab.access.may_manage_accounts(call.caller, home):
            raise forbidden()
        if self.kind == "group" and home.row["parent_id"] is not None and not call.lab.at_least("18.11"):
            raise forbidden()

    def list(self, call: Call) -> Answer:
        """The home's own service accounts."""
        listing = Listing()
        listing.add(f"{self.kind}_id = :home", home=call.resource(self.kind).id)
        return listed(call, listing)

    def create(self, call: Call) -> Answer:
        """A new one there."""
        return make(call, call.resource(self.kind))

    def change(self, call: Call) -> Answer:
        """Change one."""
        return change(call, self._account(call))

    def delete(self, call: Call) -> Answer:
        """Delete one with its tokens."""
        user = self._account(call)
        if self.kind == "group" and not call.params.get("hard_delete") and _owns_alone(call.lab, user["id"]):
            raise refused(409, SOLE_OWNER)
        call.lab.upkeep.remove_user(user["id"])
        return Answer(204)

    def tokens(self, call: Call) -> Answer:
        """One's tokens."""
        user = self._account(call)
        refuse_keyset(call)
        listing = Listing()
        listing.add("user_id = :user AND impersonation = 0", user=user["id"])
        page = call.page("tokens", filtered(call.lab, listing, call.params))
        return page_of(page, lambda row: entities.token(call.lab, row, entities.LISTED))

    def create_token(self, call: Call) -> Answer:
        """A new token for one."""
        return created(call, wished(call, self._account(call)))

    def revoke(self, call: Call) -> Answer:
        """Revoke one's token."""
        token = self._token(call, self._account(call))
        if token is None:
            raise not_found("Personal Access Token")
        return revoked(call, token)

    def rotate(self, call: Call) -> Answer:
        """Replace one's token."""
        token = self._token(call, self._account(call))
        if token is None:
            raise not_found("Personal Access Token" if self.kind == "project" else None)
        return rotated(call, token, entities.token)

    def _account(self, call: Call) -> sqlite3.Row:
        home = call.resource(self.kind)
        user = call.lab.access.user(call.params["user_id"])
        if user is None or user[f"{self.kind}_id"] != home.id:
            raise not_found("User")
        if user["kind"] != "service_account":
            raise bad_request(NO_ACCOUNT) if self.kind == "group" else not_found("User")
        return user

    def _token(self, call: Call, user: sqlite3.Row) -> sqlite3.Row | None:
        token = call.lab.tokens.find(call.path["token_id"])
        return token if token is not None and token["user_id"] == user["id"] else None


def _owns_alone(lab: Lab, user_id: int) -> bool:
    return bool(
        lab.db.value(
            """SELECT EXISTS (SELECT 1 FROM members m WHERE user_id = ? AND source_type = 'group' AND access_level = ?
               AND NOT EXISTS (SELECT 1 FROM members o WHERE o.source_type = 'group' AND o.source_id = m.source_id
                               AND o.access_level = m.access_level AND o.user_id != m.user_id))""",
            (user_id, OWNER),
        )
    )


for _kind in ("group", "project"):
    Home(_kind).declare()
