# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bitbucket's users, projects and repositories, by what people call them. Used by `bitbucket` alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import CredentialRefused, InvalidOption, NotTheApi, OwnerNotFound, TokensmithError
from ..tokens import Owner, OwnerRef
from ..transport import Refusal
from ._bitbucket_answers import chunks, is_route, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._bitbucket_login import Login

_API = "/rest/api/latest"
_TOKENS = "/rest/access-tokens/latest"
#: Never fails and needs no login, so it tells whom the server takes the caller for.
WHO_AM_I = f"{_API}/application-properties"


def check_place(ref: OwnerRef) -> None:
    """Refuse what can be no name of a project or repository, before anything is sent."""
    segments = ref.value.split("/")
    if ref.kind == "repository" and (len(segments) != 2 or not all(segments)):
        raise InvalidOption(
            "owner.repository",
            f"{ref.value!r} does not name a repository.",
            "Give PROJECT/slug, or ~user/slug for one of a personal project.",
        )
    if (ref.kind != "repository" and len(segments) > 1) or any(segment in (".", "..") for segment in segments):
        raise InvalidOption(
            f"owner.{ref.kind}", f"{ref.value!r} is no {'key of a project' if ref.kind == 'project' else 'name'}."
        )


class Owners:
    """Finds owners, each once a run, and knows where their tokens are."""

    def __init__(self, login: Login, username: str | None) -> None:
        self._login = login
        self._username = username
        self._found: dict[OwnerRef, Owner] = {}
        #: A user's slug is what paths take; it is not always the user name.
        self._slugs: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def resolve(self, ref: OwnerRef) -> Owner:
        """The owner behind a name; `OwnerNotFound` if there is none that the credential can see."""
        if ref not in self._found:
            self._found[ref] = self._resolve(ref)
        return self._found[ref]

    def expect(self, refs: Sequence[OwnerRef]) -> None:
        """Read many projects, repositories or users by the page, where that takes fewer requests than one by one.

        Best effort: what is not found here is asked for by its name.
        """
        projects = [ref for ref in refs if ref.kind == "project" and not ref.value.startswith("~")]
        self._read_ahead(f"{_API}/projects", projects, self._project)
        homes: dict[str, list[OwnerRef]] = {}
        for ref in refs:
            if ref.kind == "repository":
                homes.setdefault(ref.value.partition("/")[0], []).append(ref)
        for key, repositories in homes.items():
            place = f"{_API}/projects/{_quoted(key)}/repos"
            self._read_ahead(place, repositories, partial(self._repository, key=key))
        # An address may be one user's name and another's e-mail.
        users = [ref for ref in refs if ref.kind == "user" and "@" not in ref.value]
        self._read_ahead(f"{_API}/users", users, self._user)

    def _read_ahead(self, path: str, refs: Sequence[OwnerRef], owner_of: Callable[[dict[str, Any]], Owner]) -> None:
        """As many pages as pay: a page must be worth at least two single requests."""
        wanted = {ref.value.casefold(): ref for ref in refs}
        try:
            for count, rows in enumerate(chunks(self._login.get, path) if len(wanted) > 2 else (), 1):
                for owner, row in ((owner_of(row), row) for row in rows):
                    # Somebody else's slug may be this user's name: that is looked into one by one.
                    certain = owner.kind != "user" or _same(row.get("slug"), owner.name)
                    ref = wanted.pop(owner.name.casefold(), None) if certain else None
                    if ref is not None:
                        self._found[ref] = owner
                if len(wanted) < 2 * (count + 1):
                    return
        except TokensmithError:
            # Whatever is wrong is said when an owner is asked for.
            return

    def tokens_path(self, owner: Owner) -> str:
        """Where this owner's tokens are listed and made; below it lies `/:id`."""
        if owner.kind == "user":
            return f"{_TOKENS}/users/{_quoted(self._slugs[owner.id])}"
        key, _unused, slug = owner.name.partition("/")
        return f"{_TOKENS}/projects/{_quoted(key)}" + (f"/repos/{_quoted(slug)}" if slug else "")

    def user_id(self, name: str) -> str:
        """The id of a user met in this run, by name; for any other, what is no user's id."""
        return self._ids.get(name.casefold(), f"user {name}")

    def repositories(self, project: Owner) -> Iterator[Owner]:
        """The repositories of a project."""
        for row in pages(self._login.get, f"{_API}/projects/{_quoted(project.name)}/repos"):
            yield self._repository(row, project.name)

    def everybody(self) -> Iterator[Owner]:
        """Every user, with the personal project where there is one; then every other project. For administrators."""
        for row in pages(self._login.get, f"{_API}/admin/users"):
            user = self._user(row)
            yield user
            personal = self._get(f"{_API}/projects/~{_quoted(self._slugs[user.id])}")
            if personal is not None:
                yield self._project(personal)
        for row in pages(self._login.get, f"{_API}/projects"):
            yield self._project(row)

    def _resolve(self, ref: OwnerRef) -> Owner:
        if ref.kind == "self":
            return self._caller()
        if ref.kind == "user":
            return self._user(self._named_user(ref))
        found = None
        # Keys are upper case and slugs lower case, except where a server keeps them otherwise.
        for key, slug in _spellings(ref.value):
            place = f"{_API}/projects/{_quoted(key)}" + (f"/repos/{_quoted(slug)}" if slug else "")
            found = found or self._get(place)
        if found is None:
            raise _not_found(ref)
        return self._repository(found, key) if ref.kind == "repository" else self._project(found)

    def _caller(self) -> Owner:
        name = self._username
        if name is None:
            self._login.get(WHO_AM_I)
            name = self._login.user
        if name is None:
            raise CredentialRefused(
                "auth_token: the server does not know the token (revoked, expired or mistyped): it takes the run for "
                "nobody's. (Or a proxy removes the header X-AUSERNAME: then give owner.user.)"
            )
        rows = [row for row in self._users(name) if _same(row.get("name"), name)]
        if not rows:
            raise OwnerNotFound(
                f"owner: the credential of this run is {name!r}, which is no user (a project's or repository's token?), so "
                "it has no tokens of its own. Give an owner."
            )
        return self._user(rows[0])

    def _named_user(self, ref: OwnerRef) -> dict[str, Any]:
        rows = [row for row in self._users(ref.value) if _is_user(row, ref.value)]
        if not any(_same(row.get("slug"), ref.value) for row in rows) and "@" not in ref.value:
            # The filter does not look at slugs, and somebody else's may be just this.
            by_slug = self._get(f"{_API}/users/{_quoted(ref.value)}")
            rows += [by_slug] if by_slug is not None else []
        found = {row["id"]: row for row in rows}
        if len(found) > 1:
            names = ", ".join(f"{row.get('name')} (slug {row.get('slug')})" for row in found.values())
            raise InvalidOption("owner.user", f"{ref.value!r} may be any of {names}.", "Give another name or the slug.")
        if not found:
            raise _not_found(ref)
        return rows[0]

    def _users(self, text: str) -> Iterator[dict[str, Any]]:
        return pages(self._login.get, f"{_API}/users", {"filter": text})

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            body = self._login.get(path).body
        except Refusal as refusal:
            if refusal.status == 404 and not is_route(refusal):
                return None
            raise
        if not isinstance(body, dict) or "id" not in body:
            raise NotTheApi(f"GET {path}: the answer is not Bitbucket's. Check that url is Bitbucket's address.")
        return body

    def _user(self, row: dict[str, Any]) -> Owner:
        number, name = str(row["id"]), str(row.get("name"))
        self._slugs[number] = str(row.get("slug") or name)
        self._ids[name.casefold()] = number
        return Owner("user", number, name, caller=_same(name, self._login.user or self._username))

    def _project(self, row: dict[str, Any]) -> Owner:
        return Owner("project", str(row["id"]), str(row["key"]))

    def _repository(self, row: dict[str, Any], key: str) -> Owner:
        project = row.get("project")
        key = str(project["key"]) if isinstance(project, dict) and "key" in project else key
        return Owner("repository", str(row["id"]), f"{key}/{row['slug']}")


def _spellings(value: str) -> list[tuple[str, str]]:
    """A key, and a slug if there is one: as given, then as Bitbucket writes them."""
    key, _unused, slug = value.partition("/")
    usual = (key if key.startswith("~") else key.upper(), slug.lower())
    return [(key, slug)] if usual == (key, slug) else [(key, slug), usual]


def _is_user(row: dict[str, Any], value: str) -> bool:
    return _same(row.get("name"), value) or ("@" in value and _same(row.get("emailAddress"), value))


def _same(name: Any, other: str | None) -> bool:
    return other is not None and str(name).casefold() == other.casefold()


def _quoted(segment: str) -> str:
    return quote(segment, safe="~")


def _not_found(ref: OwnerRef) -> OwnerNotFound:
    return OwnerNotFound(
        f"owner.{ref.kind}: {ref.value!r} does not exist, or the credential of this run cannot see it. "
        + (
            "Give the user name, the slug or the e-mail address."
            if ref.kind == "user"
            else "Give PROJECT/slug."
            if ref.kind == "repository"
            else "Give the project's key, or ~user for a personal project."
        )
    )
