# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab's users, service accounts, projects and groups, by what people call them. Used by `gitlab` alone."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ..errors import InvalidOption, NotTheApi, OwnerNotFound
from ..tokens import Owner, OwnerRef
from ..transport import Refusal
from ._gitlab_answers import PAGE, admin_hint, pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..transport import Transport

#: How GitLab calls the users that project and group tokens act as (project_12_bot, group_12_bot_ab34...).
_BOT = re.compile(r"(project|group)_[0-9]+_bot")


class Owners:
    """Finds owners; each is asked for once a run."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._found: dict[tuple[OwnerRef, str], Owner] = {}

    def resolve(self, ref: OwnerRef, shelf: str) -> Owner:
        """The owner behind a name or an id; `OwnerNotFound` if there is none, or none that the credential may see."""
        if (ref, shelf) not in self._found:
            self._found[ref, shelf] = self._resolve(ref, shelf)
        return self._found[ref, shelf]

    def expect(self, refs: Sequence[OwnerRef]) -> None:
        """Read many projects or users by the page, where that takes fewer requests than one by one.

        Best effort: what is not found here is asked for by its name, and so is everything if a list is refused.
        """
        homes: dict[str, list[OwnerRef]] = {}
        for ref in refs:
            if ref.kind == "project" and "/" in ref.value:
                homes.setdefault(ref.value.split("/")[0], []).append(ref)
        for home, wanted in homes.items():
            query = {"include_subgroups": "true", "with_shared": "false", "simple": "true"}
            self._read_ahead(f"/groups/{quote(home, safe='')}/projects", query, "path_with_namespace", wanted)
        users = [ref for ref in refs if ref.kind in ("user", "service_account") and ref.within is None]
        self._read_ahead("/users", {}, "username", [ref for ref in users if "@" not in ref.value])

    def _read_ahead(self, path: str, query: dict[str, str], name: str, refs: Sequence[OwnerRef]) -> None:
        """As many pages as pay: a page must be worth at least two single requests."""
        wanted = {ref.value.lower(): ref for ref in refs if not ref.value.isdigit()}
        try:
            for rows_read, row in enumerate(pages(self._transport, path, query) if len(wanted) > 2 else ()):
                ref = wanted.pop(str(row.get(name)).lower(), None)
                if ref is not None:
                    self._found[ref, ""] = Owner(ref.kind, str(row["id"]), row[name])
                if len(wanted) < 2 * (1 + rows_read // PAGE):
                    return
        except (Refusal, NotTheApi):
            return

    @cached_property
    def _caller(self) -> dict[str, Any]:
        body = self._transport.get("/user").body
        if not isinstance(body, dict) or "username" not in body:
            raise NotTheApi("GET /user: the answer is not GitLab's. Check that url is GitLab's address.")
        return body

    @property
    def caller_is_admin(self) -> bool:
        return bool(self._caller.get("is_admin"))

    @property
    def caller_id(self) -> str:
        return str(self._caller["id"])

    @property
    def caller_is_bot(self) -> bool:
        """Whether the caller is what a project's or group's token acts as."""
        return bool(_BOT.match(self._caller["username"]))

    def below(self, group: Owner) -> Iterator[Owner]:
        """The groups and projects inside a group, at any depth.

        The server may add what is only shared with the group, or seen by it, and older ones do so whatever they are
        asked: only what has the group in its path counts.
        """
        home = f"{group.name}/".lower()
        path = f"/groups/{group.id}"
        for row in pages(self._transport, f"{path}/descendant_groups", {"all_available": "true"}):
            if row["full_path"].lower().startswith(home):
                yield Owner("group", str(row["id"]), row["full_path"])
        query = {"include_subgroups": "true", "with_shared": "false", "simple": "true"}
        for row in pages(self._transport, f"{path}/projects", query):
            if row["path_with_namespace"].lower().startswith(home):
                yield Owner("project", str(row["id"]), row["path_with_namespace"])

    def _resolve(self, ref: OwnerRef, shelf: str) -> Owner:
        if ref.kind == "self":
            return Owner("user", str(self._caller["id"]), self._caller["username"], shelf=shelf, caller=True)
        if ref.kind in ("project", "group"):
            return self._namespace(ref)
        if ref.within is not None:
            return self._member_account(ref, self._namespace(ref.within))
        row = self._user(ref)
        return Owner(ref.kind, str(row["id"]), row["username"], shelf=shelf)

    def _namespace(self, ref: OwnerRef) -> Owner:
        """A project or group. Digits are an id; GitLab itself never takes them for a path."""
        collection = f"/{ref.kind}s"
        by_id = self._get(f"{collection}/{quote(ref.value, safe='')}")
        if ref.kind == "group" and ref.value.isdigit():
            named = pages(self._transport, "/groups", {"search": ref.value})
            by_name = next((row for row in named if row.get("full_path") == ref.value), None)
            by_id = _one_of(ref, by_id, by_name)
        if by_id is None:
            raise self._not_found(ref)
        return Owner(
            ref.kind, str(by_id["id"]), by_id.get("path_with_namespace") or by_id.get("full_path") or ref.value
        )

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            body = self._transport.get(path).body
        except NotTheApi as error:
            moved = self._moved(error)
            if moved is None:
                raise
            body = self._transport.get(moved).body
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise
        if not isinstance(body, dict) or "id" not in body:
            raise NotTheApi(f"GET {path}: the answer is not GitLab's. Check that url is GitLab's address.")
        return body

    def _moved(self, error: NotTheApi) -> str | None:
        """Where a renamed project lives now: its id, taken from the redirect, asked for at the same server."""
        if error.status != 301 or error.location is None:
            return None
        segment = urlsplit(error.location).path.rpartition("/projects/")[2]
        return f"/projects/{segment}" if segment.isdigit() else None

    def _user(self, ref: OwnerRef) -> dict[str, Any]:
        if "@" in ref.value:
            found = [row for row in self._users({"search": ref.value}) if _has_mail(row, ref.value)]
            return self._single(ref, found)
        found = [row for row in self._users({"username": ref.value}) if row["username"].lower() == ref.value.lower()]
        by_name = found[0] if found else None
        by_id = self._get(f"/users/{ref.value}") if ref.value.isdigit() else None
        row = _one_of(ref, by_id, by_name)
        if row is None:
            raise self._not_found(ref)
        return row

    def _users(self, query: dict[str, str]) -> list[dict[str, Any]]:
        return list(pages(self._transport, "/users", query))

    def _member_account(self, ref: OwnerRef, home: Owner) -> Owner:
        rows = pages(self._transport, f"/{home.kind}s/{home.id}/service_accounts", {})
        wanted = ref.value.lower()
        found = [
            row for row in rows if wanted in (str(row["id"]), row["username"].lower(), str(row.get("email")).lower())
        ]
        row = self._single(ref, found)
        return Owner(ref.kind, str(row["id"]), row["username"], within=home)

    def _single(self, ref: OwnerRef, found: list[dict[str, Any]]) -> dict[str, Any]:
        if len(found) > 1:
            ids = ", ".join(f"{row['username']} (id {row['id']})" for row in found)
            raise InvalidOption(f"owner.{ref.kind}", f"{ref.value!r} may be any of {ids}.", "Give the id.")
        if not found:
            raise self._not_found(ref)
        return found[0]

    def _not_found(self, ref: OwnerRef) -> OwnerNotFound:
        return OwnerNotFound(
            f"owner.{ref.kind}: {ref.value!r} does not exist, or the credential of this run cannot see it."
            f"{admin_hint(self._transport)}"
        )


def _one_of(ref: OwnerRef, by_id: dict[str, Any] | None, by_name: dict[str, Any] | None) -> dict[str, Any] | None:
    if by_id is not None and by_name is not None and by_id["id"] != by_name["id"]:
        raise InvalidOption(
            f"owner.{ref.kind}",
            f"{ref.value} is the id of one {ref.kind.replace('_', ' ')} and the name of another (id {by_name['id']}).",
            "Give the id of the one that is meant.",
        )
    return by_id or by_name


def _has_mail(row: dict[str, Any], mail: str) -> bool:
    return mail.lower() in (str(row.get(name)).lower() for name in ("email", "commit_email", "public_email"))
