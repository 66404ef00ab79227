# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab access tokens: personal, impersonation, project, group and service account ones.

Sources: GitLab's REST API documentation (personal_access_tokens, user_tokens, project_access_tokens,
group_access_tokens, service_accounts, settings) and, where it says something else, GitLab's code.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import AnswerLost, InvalidOption, NotPermitted, ServiceError, TokensmithError, Unsupported
from ..lifetimes import midnight, parse_date, parse_instant
from ..redaction import Secret
from ..tokens import Evidence, Minted, MintSpec, Owner, OwnerRef, Policy, Token, WantedToken
from ..transport import Connection, HeaderAuth, Refusal, Transport
from . import _gitlab_answers as answers
from . import _gitlab_settings as settings
from ._gitlab_directory import Directory
from ._gitlab_owners import Owners
from .base import LIVE, Capabilities, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Of all token kinds together, in GitLab 19; a server may know fewer (a registry switched off) or more.
SCOPES = frozenset(
    {
        *(
            "api",
            "read_api",
            "read_user",
            "create_runner",
            "manage_runner",
            "k8s_proxy",
            "self_rotate",
            "mcp",
            "mcp_orbit",
        ),
        *(
            "granular",
            "read_repository",
            "write_repository",
            "read_registry",
            "write_registry",
            "read_virtual_registry",
        ),
        *("write_virtual_registry", "read_observability", "write_observability", "ai_features", "sudo", "admin_mode"),
        "read_service_ping",
    }
)
_BOT_OWNERS = frozenset({"project", "group"})
#: What POST /user/personal_access_tokens accepts, the only way in which an ordinary user makes a token by API.
_OWN_SCOPES = frozenset({"k8s_proxy", "self_rotate"})
_DESCRIPTION_LENGTH = 255


class GitLab(Platform):
    """GitLab 13.6 to 19, every edition."""

    name: ClassVar[str] = "gitlab"
    title: ClassVar[str] = "GitLab"
    capabilities: ClassVar[Capabilities] = Capabilities(
        owner_kinds=frozenset({"self", "user", "service_account", "project", "group"}),
        attributes=frozenset({"access_level", "description"}),
        required={"project": frozenset({"access_level"}), "group": frozenset({"access_level"})},
        kinds=frozenset({"personal", "impersonation"}),
        rotate_in_place=True,
        expiry_tolerance=timedelta(0),
        known_permissions=SCOPES,
        settings=settings.DEFAULTS,
        setting_needs=settings.NEEDS,
        lowering_revokes=True,
    )

    def __init__(self, transport: Transport, connection: Connection) -> None:
        super().__init__(transport, connection)
        self._owners = Owners(transport)
        self._settings = settings.Settings(transport, lambda: self._version)
        self._says_last_use = True

    @classmethod
    def connect(cls, connection: Connection) -> GitLab:
        cls.check_auth(connection)
        if not connection.auth_token:
            raise InvalidOption(
                "auth_token", "GitLab needs one.", "Give a personal, project, group or OAuth access token."
            )
        base = connection.url.removesuffix("/v4").removesuffix("/api") + "/api/v4"
        return cls(
            Transport(
                connection, base, _credential(connection.auth_token), answers.speaks, headers=connection.http_headers
            ),
            connection,
        )

    def check(self, wish: WantedToken) -> None:
        super().check(wish)
        if wish.access_level is not None and wish.owner.kind not in _BOT_OWNERS:
            raise Unsupported(
                f"access_level: only project and group tokens have one, {wish.owner} has none. Leave it out."
            )
        if wish.kind == "impersonation" and wish.owner.kind != "user":
            raise Unsupported("kind: impersonation tokens belong to a user. Give owner.user, or leave kind out.")
        if wish.kind is not None and wish.owner.kind in _BOT_OWNERS:
            raise Unsupported(f"kind: tokens of a {wish.owner.kind} have none. Leave it out.")
        if wish.id is not None and not wish.id.isdigit():
            raise InvalidOption("id", f"{wish.id!r} is no id of GitLab's.", "Give the number of the token.")
        if wish.description is not None and len(wish.description) > _DESCRIPTION_LENGTH:
            raise InvalidOption(
                "description", f"it has {len(wish.description)} characters, and GitLab allows {_DESCRIPTION_LENGTH}."
            )

    def end(self, expiry: Any, now: datetime) -> datetime | None:
        moment = expiry.moment(now)
        return None if moment is None else midnight(moment.date())

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        shelf = "impersonation" if kind == "impersonation" else ""
        return self._owners.resolve(ref, shelf)

    def expect(self, refs: Sequence[OwnerRef]) -> None:
        self._owners.expect(refs)

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        impersonation: set[str] | None = None
        for row in self._rows(owner, name, statuses):
            token = self._token(row)
            if name is not None and token.name != name:
                continue
            if self._may_be_impersonation(owner):
                # An administrator's list of a user's tokens has them mixed, and no field tells them apart.
                if impersonation is None:
                    impersonation = {str(each["id"]) for each in self._impersonation_rows(owner, statuses)}
                if token.id in impersonation:
                    continue
            yield token

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        body: dict[str, Any] = {"name": spec.name, "scopes": sorted(spec.permissions)}
        if expires_at is not None:
            body["expires_at"] = expires_at.date().isoformat()
        if spec.description is not None:
            body["description"] = spec.description
        if spec.access_level is not None:
            body["access_level"] = spec.access_level
        path = self._create_path(owner)
        try:
            return self._minted(self.transport.mint("POST", path, body).body)
        except Refusal as refusal:
            raise self._create_refused(refusal, spec, path) from None

    def rotate(self, owner: Owner, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        self._check_rotation(owner)
        # Impersonation tokens have no route of their own; with its own numeric id a token cannot rotate itself.
        everyone = owner.shelf or (own and owner.kind not in _BOT_OWNERS)
        collection = "/personal_access_tokens" if everyone else self._tokens_path(owner)
        path = f"{collection}/{'self' if own else token.id}/rotate"
        body = {} if expires_at is None else {"expires_at": expires_at.date().isoformat()}
        return self._minted(self.transport.mint("POST", path, body).body)

    def revoke(self, owner: Owner, token_id: str) -> None:
        try:
            self.transport.delete(f"{self._tokens_path(owner)}/{token_id}")
        except Refusal as refusal:
            if refusal.status == 404 and not answers.is_route(refusal):
                return None
            if answers.is_route(refusal) and owner.within is not None:
                # Service accounts of groups and projects have routes of their own from 17.11 on.
                return self.revoke(_alone(owner), token_id)
            if refusal.status == 400:
                raise NotPermitted(f"{refusal}. The credential may not revoke tokens of {owner}.") from None
            raise

    def verify(self, secret: Secret) -> Evidence:
        return self.believed(secret, self._ask_self, lambda: Secret(f"control-{secrets.token_urlsafe(15)}"))

    def own_token_id(self, owner: Owner) -> str | None:
        try:
            return self._own_id
        except Unsupported:
            # A project's or group's token acts as a bot of its own.
            own = self._owners.caller_is_bot if owner.kind in _BOT_OWNERS else owner.id == self._owners.caller_id
            if own:
                raise
            return None

    def policy(self, owner: Owner, until: datetime | None = None) -> Policy | None:
        return self._settings.policy(service_account=owner.kind == "service_account", until=until)

    @property
    def shows_last_use(self) -> bool:
        # GitLab 13 does not say.
        return self._says_last_use

    def below(self, owner: Owner) -> Iterator[Owner]:
        return self._owners.below(owner) if owner.kind == "group" else iter(())

    def check_settings(self, wanted: Mapping[str, Any]) -> None:
        super().check_settings(wanted)
        settings.check(wanted)

    def read_settings(self) -> dict[str, Any]:
        return self._settings.read()

    def write_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return self._settings.write(changes)

    def without_effect(self, settings: Mapping[str, Any]) -> dict[str, str]:
        return self._settings.without_effect(settings)

    def every_token(self, relevant: Callable[[Token], bool]) -> Iterator[tuple[Owner, Token]]:
        directory = Directory(self.transport)
        for row in answers.rows(self.transport, "/personal_access_tokens", {}):
            token = self._token(row)
            if token.live(self.transport.now()) and relevant(token):
                yield directory.owner_of_user(str(row["user_id"])), token

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        return answers.diagnose(refusal, self.transport)

    @cached_property
    def _own_id(self) -> str | None:
        try:
            return str(self.transport.get("/personal_access_tokens/self").body["id"])
        except Refusal as refusal:
            if refusal.status == 400:
                return None
            # The route came with 15.5; from 15.1 on it looks like one for a token that does not exist.
            if refusal.status in (404, 405) or (refusal.status == 401 and self._version < (15, 5)):
                raise Unsupported("GitLab tells which token a run uses from 15.5 on.") from None
            raise

    def _tokens_path(self, owner: Owner) -> str:
        """Where tokens of this owner are listed; below it lie `/:id` and `/:id/rotate`."""
        if owner.kind in _BOT_OWNERS:
            return f"/{owner.kind}s/{owner.id}/access_tokens"
        if owner.shelf == "impersonation":
            return f"/users/{owner.id}/impersonation_tokens"
        if owner.within is not None:
            return f"/{owner.within.kind}s/{owner.within.id}/service_accounts/{owner.id}/personal_access_tokens"
        return "/personal_access_tokens"

    def _create_path(self, owner: Owner) -> str:
        path = self._tokens_path(owner)
        if path != "/personal_access_tokens":
            return path
        if owner.caller and not self._owners.caller_is_admin:
            return "/user/personal_access_tokens"
        return f"/users/{owner.id}/personal_access_tokens"

    def _rows(self, owner: Owner, name: str | None, statuses: frozenset[str]) -> Iterator[dict[str, Any]]:
        path = self._tokens_path(owner)
        # Without user_id an administrator would be shown the tokens of the whole instance.
        query = {"user_id": owner.id} if path == "/personal_access_tokens" else {}
        try:
            yield from answers.rows(self.transport, path, query, name=None if owner.shelf else name, statuses=statuses)
        except Refusal as refusal:
            if owner.within is None or not answers.is_route(refusal):
                raise
            yield from self._rows(_alone(owner), name, statuses)

    def _may_be_impersonation(self, owner: Owner) -> bool:
        return (
            owner.kind in ("user", "service_account") and not owner.shelf and not owner.caller and owner.within is None
        )

    def _impersonation_rows(self, owner: Owner, statuses: frozenset[str]) -> list[dict[str, Any]]:
        path = f"/users/{owner.id}/impersonation_tokens"
        try:
            return list(answers.rows(self.transport, path, {}, statuses=statuses))
        except Refusal as refusal:
            # Not an administrator: then there were none in the list.
            if refusal.status in (403, 404):
                return []
            raise

    def _token(self, row: Mapping[str, Any]) -> Token:
        self._says_last_use = self._says_last_use and "last_used_at" in row
        expires_at = midnight(parse_date("expires_at", row["expires_at"])) if row.get("expires_at") else None
        # Not active, though neither revoked nor at its end: switched off some other way. It does not count either.
        off = row.get("active") is False and (expires_at is None or expires_at > self.transport.now())
        return Token(
            id=str(row["id"]),
            name=row["name"],
            permissions=frozenset(row.get("scopes") or ()),
            access_level=row.get("access_level"),
            description=row.get("description"),
            created_at=parse_instant(row.get("created_at")),
            expires_at=expires_at,
            last_used_at=parse_instant(row.get("last_used_at")),
            revoked=bool(row.get("revoked")) or off,
        )

    def _minted(self, body: Any) -> Minted:
        if not isinstance(body, dict) or not body.get("id"):
            raise AnswerLost("The server's answer to the mint has no token in it; whether one was made is not known.")
        if not body.get("token"):
            raise AnswerLost(
                f"The server made token {body['id']} and did not send its secret.", token_id=str(body["id"])
            )
        secret = Secret(body["token"])
        self.transport.redactor.learn(secret)
        return Minted(token=self._token(body), secret=secret)

    def _create_refused(self, refusal: Refusal, spec: MintSpec, path: str) -> TokensmithError:
        if refusal.status not in (400, 422):
            return refusal
        if "scopes" in refusal.reason.lower():
            asked = ", ".join(sorted(spec.permissions))
            hint = f" GitLab's scopes are: {', '.join(sorted(SCOPES))}; which of them a server takes depends on it and on the owner."
            if path == "/user/personal_access_tokens":
                hint = (
                    f" By API an ordinary user can make tokens with {' and '.join(sorted(_OWN_SCOPES))} only: use an "
                    "administrator's credential, a service account, or a project or group token."
                )
            return ServiceError(
                f"permissions: the server refuses {asked}: {refusal.reason}.{hint}", status=refusal.status
            )
        if "permission" in refusal.reason.lower():
            return NotPermitted(f"{refusal}. The credential may not make such a token here.")
        if "expires_at" in refusal.reason or "Expiration" in refusal.reason:
            return ServiceError(
                f"expires_in: the server refuses {spec.expiry}: {refusal.reason}.", status=refusal.status
            )
        return refusal

    def _ask_self(self, secret: Secret) -> Evidence:
        self.transport.redactor.learn(secret)
        session = self.transport.with_auth(_credential(secret))
        try:
            body = session.get("/personal_access_tokens/self").body
        except Refusal as refusal:
            if refusal.status == 403:
                return Evidence(verdict="accepted")
            # Before 15.5 there is no such route, and 15.1 to 15.4 take it for a token that does not exist.
            if refusal.status in (404, 405) or (refusal.status == 401 and self._version < (15, 5)):
                return self._ask_user(session)
            if refusal.status == 401:
                return Evidence(verdict="rejected")
            return Evidence(verdict="undecided", detail=str(refusal))
        except TokensmithError as error:
            return Evidence(verdict="undecided", detail=str(error))
        finally:
            session.close()
        return Evidence(verdict="accepted", id=str(body["id"]), name=body["name"], owner_id=str(body["user_id"]))

    def _ask_user(self, session: Transport) -> Evidence:
        """Before 15.5 a token cannot ask for itself: whether it is let in is all that can be found out."""
        try:
            session.get("/user")
        except Refusal as refusal:
            if refusal.status in (401, 403):
                return Evidence(verdict="rejected" if refusal.status == 401 else "accepted")
            return Evidence(verdict="undecided", detail=str(refusal))
        except TokensmithError as error:
            return Evidence(verdict="undecided", detail=str(error))
        return Evidence(verdict="accepted")

    @cached_property
    def _version(self) -> tuple[int, int]:
        text = self.transport.get("/version").body.get("version", "0.0")
        major, minor = text.split(".")[:2]
        return int(major), int(minor)

    def _check_rotation(self, owner: Owner) -> None:
        """A rotation cannot be undone, so what a server would silently leave out is refused before it is sent."""
        needed = (17, 9) if owner.within is not None else (16, 6)
        if self._version < needed:
            raise Unsupported(
                f"rotation: GitLab {'.'.join(map(str, self._version))} cannot rotate this token to a given date "
                f"(from {'.'.join(map(str, needed))} on). Use rotation: successor."
            )


def _credential(token: Secret) -> HeaderAuth:
    """PRIVATE-TOKEN, unless it looks like an OAuth access token (64 hexadecimal digits): those are Bearer only."""
    value = token.reveal()
    if len(value) == 64 and all(char in "0123456789abcdef" for char in value):
        return HeaderAuth("Authorization", f"Bearer {value}")
    return HeaderAuth("PRIVATE-TOKEN", value)


def _alone(owner: Owner) -> Owner:
    """A group's or project's service account as the user that it also is (an administrator's way to its tokens)."""
    return Owner(owner.kind, owner.id, owner.name)
