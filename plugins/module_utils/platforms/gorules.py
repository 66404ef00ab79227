# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules BRMS: personal access tokens of service users, and of the caller itself.

Source: the vendor's API reference (personal access token, user, project). It documents successes only, and says little
about them; so answers are read tolerantly, and what the server made of a wish is always compared with the wish.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from ..errors import AnswerLost, InvalidOption, NotKept, ServiceError, TokensmithError, Unsupported
from ..lifetimes import NEVER, Lifetime
from ..redaction import Secret
from ..tokens import Evidence, Minted, Token
from ..transport import Connection, HeaderAuth, Refusal, Transport
from . import _gorules_answers as answers
from ._gorules_answers import OWN, Api, is_route
from ._gorules_directory import Directory, is_uuid
from .base import LIVE, Capabilities, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from ..lifetimes import Expiry
    from ..tokens import MintSpec, Owner, OwnerRef, WantedToken

#: In the order of the reference. The list has grown before: others are passed through.
PERMISSIONS = frozenset(
    {
        *("owner", "documents", "releases", "releases:manage", "releases:deploy", "releases:delete"),
        *("integrations:manage", "documents:full", "documents:view-content", "documents:edit-content"),
        *("documents:edit-view", "branches", "branches:create", "branches:merge", "branches:delete"),
        *("project:manage", "environments", "environments:manage", "environments:delete"),
    }
)
#: What the API calls the lifetimes that it grants.
PERIODS = {"1w": "week", "1mo": "month", "3mo": "three_months", "1y": "year", "never": "indefinite"}
_LIFETIMES = (
    (Lifetime(1, "w"), timedelta(days=7)),
    (Lifetime(1, "mo"), timedelta(days=30)),
    (Lifetime(3, "mo"), timedelta(days=91)),
    (Lifetime(1, "y"), timedelta(days=365)),
)


class GoRules(Platform):
    """GoRules BRMS, cloud and self-hosted."""

    name: ClassVar[str] = "gorules"
    title: ClassVar[str] = "GoRules"
    capabilities: ClassVar[Capabilities] = Capabilities(
        owner_kinds=frozenset({"self", "service_account"}),
        attributes=frozenset({"projects", "all_projects"}),
        required={},
        required_one_of=("projects", "all_projects"),
        kinds=frozenset({"personal"}),
        rotate_in_place=True,
        rotation_keeps_id=True,
        # A month of the server's may be a calendar month or 30 days, a year 365 or 366.
        expiry_tolerance=timedelta(days=3),
        periods=frozenset(PERIODS),
        known_permissions=PERMISSIONS,
        empty_permissions=True,
        shows_last_use=False,
        name_length=100,
    )

    def __init__(self, transport: Transport, connection: Connection) -> None:
        super().__init__(transport, connection)
        self._api = Api(transport, settled=answers.place(connection.url)[1])
        self._directory = Directory(self._api)

    @classmethod
    def connect(cls, connection: Connection) -> GoRules:
        cls.check_auth(connection)
        if not connection.auth_token:
            raise InvalidOption(
                "auth_token", "GoRules needs one.", "Give a personal access token, or a login session's token."
            )
        base, _settled = answers.place(connection.url)
        auth = _credential(connection.auth_token)
        return cls(Transport(connection, base, auth, answers.speaks, headers=connection.http_headers), connection)

    def check(self, wish: WantedToken) -> None:
        super().check(wish)
        if wish.id is not None and not is_uuid(wish.id):
            raise InvalidOption("id", f"{wish.id!r} is no id of GoRules'.", "Give the uuid of the token.")
        if wish.all_projects and wish.projects:
            raise InvalidOption("projects", "they contradict all_projects: true.", "Give one of the two.")
        if wish.projects is not None and not wish.projects and not wish.all_projects:
            raise InvalidOption(
                "projects", "a token without any reaches nothing.", "Give projects, or say all_projects: true."
            )

    def check_owner(self, ref: OwnerRef) -> None:
        super().check_owner(ref)
        if ref.within is not None:
            kind = ref.within.kind
            raise Unsupported(f"owner.{kind}: service users of GoRules live in no {kind}. Leave it out.")

    def prepare(self, wish: WantedToken, owner: Owner) -> WantedToken:
        if wish.id is not None:
            wish = wish.with_values(id=wish.id.lower())
        if wish.projects and wish.state != "absent":
            with self.once:
                projects = self._directory.project_ids(wish.projects)
            wish = wish.with_values(projects=projects, all_projects=False)
        return wish

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool:
        """Whether what is there beyond the wish is no more than the server's own completion of it.

        `releases` may come with `releases:deploy`, or `releases:deploy` with `releases`: how the names of areas and of
        actions in them are stored is not documented.
        """
        if not wanted <= found:
            return False
        areas = {name.partition(":")[0] for name in wanted if ":" in name}
        return all(extra in areas or extra.partition(":")[0] in wanted for extra in found - wanted)

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        lifetime = _granted(expiry)
        return None if lifetime.never else lifetime.after(now)

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        with self.once:
            return self._directory.resolve(ref)

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        for row in answers.token_rows(self._api, _path(owner)):
            if name is None or row.get("note") == name:
                yield _token(row)

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        body: dict[str, Any] = {
            "note": spec.name,
            "allProjects": bool(spec.all_projects),
            "expiry": PERIODS[str(_granted(spec.expiry))],
            "permissions": sorted(spec.permissions),
        }
        if not spec.all_projects:
            body["projects"] = sorted(spec.projects or ())
        try:
            row, secret = self._minted(_path(owner), body)
        except Refusal as refusal:
            raise _create_refused(refusal, spec) from None
        try:
            return Minted(token=_token(row), secret=secret)
        except ServiceError as error:
            raise self._unreadable(owner, str(row["id"]), error) from None

    def rotate(self, owner: Owner, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        path = f"{_path(owner, token.id)}/regenerate"
        row, secret = self._minted(path, {"expiry": PERIODS[str(_granted(spec.expiry))]})
        try:
            return Minted(token=_token(row), secret=secret)
        except ServiceError:
            # The old secret is dead, so whatever the server says of its end, the new one has to be delivered.
            return Minted(token=_token({**row, "expiresAt": expires_at and expires_at.isoformat()}), secret=secret)

    def revoke(self, owner: Owner, token_id: str) -> None:
        try:
            self._api.delete(_path(owner, token_id))
        except Refusal as refusal:
            if refusal.status != 404 or is_route(refusal):
                raise

    def verify(self, secret: Secret) -> Evidence:
        evidence = self._ask(OWN, secret)
        if evidence.verdict == "rejected":
            # The reference is not clear on whether a token may list its owner's tokens; that it may list projects, it is.
            evidence = self._ask("/projects", secret)
        return evidence

    def own_token_id(self, owner: Owner) -> str | None:
        try:
            with self.once:
                rows = self._directory.own_tokens
        except Refusal as refusal:
            raise Unsupported(f"The server does not tell whose credential this run uses ({refusal}).") from None
        caller = _user_id(rows)
        if caller not in (None, owner.id):
            return None
        live = self._live(rows)
        if len(live) > 1:
            raise Unsupported("GoRules does not tell which of its user's tokens a run uses.")
        return live[0].id if live else None

    def every_token(self, relevant: Callable[[Token], bool]) -> Iterator[tuple[Owner, Token]]:
        """Those of all service users. People's tokens are for themselves alone: not even an administrator sees them."""
        for owner in self._directory.service_users:
            for token in self._live(answers.token_rows(self._api, _path(owner))):
                if relevant(token):
                    yield owner, token

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        return answers.diagnose(refusal, self._api)

    def _live(self, rows: Iterable[Mapping[str, Any]]) -> list[Token]:
        return [token for token in map(_token, rows) if token.live(self.transport.now())]

    def _minted(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], Secret]:
        row = self._api.mint(path, body).body
        if not isinstance(row, dict) or not row.get("id"):
            raise AnswerLost("The server's answer to the mint has no token in it; whether one was made is not known.")
        if not isinstance(row.get("token"), str) or not row["token"]:
            raise AnswerLost(f"The server made token {row['id']} and did not send its secret.", token_id=str(row["id"]))
        secret = Secret(row["token"])
        self.transport.redactor.learn(secret)
        return row, secret

    def _unreadable(self, owner: Owner, token_id: str, error: ServiceError) -> TokensmithError:
        """End a new token of which nobody could ever tell whether it is live."""
        try:
            self.revoke(owner, token_id)
        except TokensmithError as trouble:
            return NotKept(f"{error} It is new, and could not be revoked ({trouble}): revoke it by hand.")
        return NotKept(f"{error} It was new, and was revoked. Only expires_in: never works with this server.")

    def _ask(self, path: str, secret: Secret) -> Evidence:
        """Whether a secret is let in at a place where a made-up one is not."""

        def made_up() -> Secret:
            return Secret(f"control-{secrets.token_urlsafe(15)}")

        return self.believed(secret, lambda each: self._let_in(path, each), made_up, door=path)

    def _let_in(self, path: str, secret: Secret) -> Evidence:
        self.transport.redactor.learn(secret)
        session = self._api.with_auth(_credential(secret))
        try:
            rows = list(answers.token_rows(session, path)) if path == OWN else None
            if rows is None:
                session.get(path, {"page": 1, "perPage": 1})
        except Refusal as refusal:
            if refusal.status in (401, 403):
                return Evidence(verdict="rejected" if refusal.status == 401 else "accepted")
            return Evidence(verdict="undecided", detail=str(refusal))
        except TokensmithError as error:
            return Evidence(verdict="undecided", detail=str(error))
        finally:
            session.close()
        return self._told_by(rows or [])

    def _told_by(self, rows: list[dict[str, Any]]) -> Evidence:
        """What the list of its owner's tokens tells of a secret: whose it is, and which one if there is only one."""
        try:
            live = self._live(rows)
        except ServiceError:
            live = []
        only = live[0] if len(live) == 1 else None
        return Evidence(
            verdict="accepted",
            id=only.id if only else None,
            name=only.name if only else None,
            owner_id=_user_id(rows),
        )


def _credential(token: Secret) -> HeaderAuth:
    return HeaderAuth("Authorization", f"Bearer {token.reveal()}")


def _path(owner: Owner, token_id: str | None = None) -> str:
    path = f"/users/service/{quote(owner.id, safe='')}{OWN}" if owner.kind == "service_account" else OWN
    return path if token_id is None else f"{path}/{quote(token_id, safe='')}"


def _granted(expiry: Expiry) -> Lifetime:
    """The lifetime that the API is asked for: the one wanted, or the nearest to that of a token to be copied."""
    if expiry.after is None or expiry.never:
        return NEVER
    if str(expiry.after) in PERIODS:
        return expiry.after
    days = timedelta(days=expiry.after.count)
    return min(_LIFETIMES, key=lambda each: abs(each[1] - days))[0]


def _token(row: Mapping[str, Any]) -> Token:
    ends = row.get("expiresAt")
    expires_at = answers.moment(ends)
    if ends is not None and expires_at is None:
        raise ServiceError(
            f"Token {row['id']}: the server says {str(ends)[:40]!r} of its end, which is no time that can be read, so whether "
            "it is live cannot be told."
        )
    every = bool(row.get("allProjects"))
    projects = [] if every else row.get("projects") or []
    return Token(
        id=str(row["id"]),
        name=str(row.get("note") or ""),
        permissions=frozenset(row.get("permissions") or ()),
        projects=frozenset(str(each["id"] if isinstance(each, dict) else each) for each in projects),
        all_projects=every,
        created_at=answers.moment(row.get("createdAt")),
        updated_at=answers.moment(row.get("updatedAt")),
        expires_at=expires_at,
    )


def _user_id(rows: list[dict[str, Any]]) -> str | None:
    """Whose tokens these are; None if they do not say so with one voice."""
    ids = {str(user["id"]) for row in rows if isinstance(user := row.get("user"), dict) and user.get("id")}
    return ids.pop() if len(ids) == 1 else None


def _create_refused(refusal: Refusal, spec: MintSpec) -> TokensmithError:
    """A refused mint in terms of the options, where the server's words tell which one it is about."""
    unknown = sorted(spec.permissions - PERMISSIONS)
    if refusal.status == 400 and "permission" in refusal.reason.lower():
        known = f" Not among those documented: {', '.join(unknown)}." if unknown else ""
        return ServiceError(
            f"permissions: the server refuses {', '.join(sorted(spec.permissions))}: {refusal.reason}.{known}",
            status=400,
        )
    if refusal.status in (400, 404) and "project" in refusal.reason.lower() and not is_route(refusal):
        return ServiceError(f"projects: the server refuses them: {refusal.reason}.", status=refusal.status)
    return refusal
