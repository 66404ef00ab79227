# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules' service users and projects, by what people call them. Used by `gorules` alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..errors import InvalidOption, OwnerNotFound
from ..redaction import printable
from ..tokens import Owner
from ..transport import Refusal
from ._gorules_answers import OWN, pages, token_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..tokens import OwnerRef
    from ._gorules_answers import Api


class Directory:
    """Finds owners and projects; each list is read once a run."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @cached_property
    def service_users(self) -> list[Owner]:
        """All service users. The server is asked for them alone; if it sends others too, these are left out."""
        rows = pages(self._api, "/users", {"isService": "true"})
        return [
            Owner("service_account", str(row["id"]), str(row.get("email") or row["id"]))
            for row in rows
            if row.get("isService") is not False
        ]

    def resolve(self, ref: OwnerRef) -> Owner:
        """The owner behind an id or an e-mail address, or the caller."""
        if ref.kind == "self":
            return self._caller()
        wanted = ref.value.lower()
        found = [user for user in self.service_users if wanted in (user.id.lower(), user.name.lower())]
        if len(found) > 1:
            raise InvalidOption("owner.service_account", f"{ref.value!r} may be any of {_ids(found)}.", "Give the id.")
        if not found:
            raise OwnerNotFound(
                f"owner.service_account: {ref.value!r} is none of the {len(self.service_users)} service users that the "
                "credential of this run is shown. Give the e-mail address or the id of one; people's tokens are for "
                "themselves alone."
            )
        return found[0]

    def _caller(self) -> Owner:
        """The caller, by its own tokens: the API has no other way to ask who one is."""
        for row in self.own_tokens:
            user = row.get("user")
            if isinstance(user, dict) and user.get("id"):
                return Owner("user", str(user["id"]), str(user.get("email") or user["id"]), caller=True)
        # A login session of somebody without a token.
        return Owner("user", "self", "the caller itself", caller=True)

    @cached_property
    def own_tokens(self) -> list[dict[str, Any]]:
        """The caller's tokens when they were first asked for: if there is only one, it is the credential."""
        return list(token_rows(self._api, OWN))

    def project_ids(self, wanted: Iterable[str]) -> frozenset[str]:
        """The ids of projects given by id, key or name, in this order of preference."""
        return frozenset(self._project_id(each) for each in wanted)

    def _project_id(self, wanted: str) -> str:
        rows, everything = self._projects
        for field in ("id", "key", "name"):
            text = wanted.lower() if field == "id" else wanted
            found = sorted({str(row["id"]) for row in rows if row.get(field) == text})
            if len(found) > 1:
                raise InvalidOption(
                    "projects", f"{wanted!r} is the {field} of several: {', '.join(found)}.", "Give the id."
                )
            if found:
                return found[0]
        if not everything and is_uuid(wanted):
            # It may be there, out of the caller's sight: the server knows, and what it keeps is compared.
            return wanted.lower()
        seen = "" if everything else " The credential of this run is shown only the projects that it has access to."
        raise InvalidOption(
            "projects",
            f"{printable(wanted)!r} is the id, key or name of none of the {len(rows)} projects that were found.{seen}",
            "Give the id, the key or the exact name.",
        )

    @cached_property
    def _projects(self) -> tuple[list[dict[str, Any]], bool]:
        """The live projects, and whether these are all of the organisation."""
        everything = True
        try:
            rows = list(pages(self._api, "/projects", {"all": "true"}))
        except Refusal as refusal:
            # For administrators and the owner alone. (401 is for who may not on some servers, and comes again otherwise.)
            if refusal.status not in (400, 401, 403):
                raise
            everything = False
            rows = list(pages(self._api, "/projects", {}))
        return [row for row in rows if not row.get("deletedAt")], everything


def is_uuid(text: str) -> bool:
    """Whether a text is an id, in its usual spelling."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _ids(owners: list[Owner]) -> str:
    return ", ".join(f"{owner.name} (id {owner.id})" for owner in owners)
