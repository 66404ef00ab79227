# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bitbucket Data Center (formerly Server): HTTP access tokens of users, projects and repositories.

Sources: Atlassian's REST reference (access-tokens), manual (HTTP access tokens, Managing HTTP access tokens) and
knowledge base (How to renew personal access tokens via REST API's); where these are silent, what public clients record
about running servers.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import (
    AnswerLost,
    InvalidOption,
    NotKept,
    NotPermitted,
    NotTheApi,
    ServiceError,
    TokensmithError,
    Unsupported,
)
from ..lifetimes import count_days, in_whole_days
from ..redaction import Secret
from ..tokens import Evidence, Minted, MintSpec, Owner, OwnerRef, Policy, Token, WantedToken
from ..transport import Connection, HeaderAuth, Refusal, Transport
from . import _bitbucket_answers as answers
from ._admission import user_named
from ._bitbucket_login import Credential, Login, bearer
from ._bitbucket_owners import WHO_AM_I, Owners, check_place
from .base import LIVE, Capabilities, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..lifetimes import Expiry

PERMISSIONS = frozenset({"REPO_READ", "REPO_WRITE", "REPO_ADMIN", "PROJECT_READ", "PROJECT_WRITE", "PROJECT_ADMIN"})
_POLICY = "/rest/access-tokens/latest/admin"
#: The server's integers have 32 bits, and a larger one has been seen to come out negative. No date is that far away.
_MOST_DAYS = 2**31 - 1
#: What may follow the base address when people copy it from a request.
_API_SUFFIX = re.compile(r"/rest(/[a-z-]+(/(latest|1\.0))?)?$")


class Bitbucket(Platform):
    """Bitbucket Server 5.5 and later, Data Center up to 10."""

    name: ClassVar[str] = "bitbucket"
    title: ClassVar[str] = "Bitbucket"
    capabilities: ClassVar[Capabilities] = Capabilities(
        owner_kinds=frozenset({"self", "user", "project", "repository"}),
        attributes=frozenset(),
        required={},
        updates=frozenset({"permissions"}),
        # Days are counted from the mint, a while after it was planned; some servers may round up to the day's end.
        expiry_tolerance=timedelta(days=1, minutes=15),
        known_permissions=PERMISSIONS,
        settings={"max_lifetime_days": None},
        auth_methods=frozenset({"auto", "token", "basic", "session"}),
    )

    def __init__(self, transport: Transport, connection: Connection, credential: Credential) -> None:
        super().__init__(transport, connection)
        self._login = Login(transport, connection, credential)
        self._owners = Owners(self._login, None if credential.method == "token" else connection.auth_username)
        self._policy: tuple[Policy | None] | None = None

    @classmethod
    def connect(cls, connection: Connection) -> Bitbucket:
        cls.check_auth(connection)
        credential = Credential(connection)
        transport = Transport(
            connection,
            _API_SUFFIX.sub("", connection.url),
            credential,
            answers.speaks,
            # Without it, a write may be taken for a forged one.
            headers={"X-Atlassian-Token": "no-check", **connection.http_headers},
        )
        if connection.auth_username and connection.auth_password:
            transport.redactor.learn(f"{connection.auth_username}:{connection.auth_password.reveal()}")
        _learn(transport, connection.auth_token)
        return cls(transport, connection, credential)

    def check(self, wish: WantedToken) -> None:
        super().check(wish)
        if wish.id is not None and not re.fullmatch(rf"[0-9]{{{answers.ID_DIGITS}}}", wish.id):
            raise InvalidOption(
                "id",
                f"{wish.id!r} is no id of Bitbucket's, which have {answers.ID_DIGITS} digits.",
                'Quote it in YAML ("012345670123"): a number loses its leading zeros.',
            )
        if wish.permissions is not None:
            _check_permissions(wish.permissions, wish.owner.kind)

    def check_owner(self, ref: OwnerRef) -> None:
        super().check_owner(ref)
        if ref.kind != "self":
            check_place(ref)

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        return in_whole_days(expiry.moment(now), now)

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        return self._owners.resolve(ref)

    def expect(self, refs: Sequence[OwnerRef]) -> None:
        self._owners.expect(refs)

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        for row in answers.pages(self._login.get, self._owners.tokens_path(owner), overlap=True):
            yield answers.token(row)

    def check_mint(self, owner: Owner) -> None:
        if owner.kind == "user" and not owner.caller:
            raise Unsupported(
                f"owner.user: Bitbucket makes a user's tokens for that user alone, not even for administrators, and "
                f"this run's credential is {self._login.user or 'another user'}'s. Log in as {owner.name}, or use a "
                "project's or repository's token. Nothing was changed."
            )

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        self.check_mint(owner)
        if not spec.permissions:
            raise InvalidOption(
                "permissions", "Bitbucket makes no token without any, and the old one's are not shown.", "Give them."
            )
        body: dict[str, Any] = {"name": spec.name, "permissions": sorted(spec.permissions)}
        if expires_at is not None:
            body["expiryDays"] = count_days(expires_at, self.transport.now())
        try:
            return self._minted(self._login.mint("PUT", self._owners.tokens_path(owner), body).body, spec)
        except Refusal as refusal:
            raise _explained(refusal, spec) from None

    def update(self, owner: Owner, token: Token, changes: Mapping[str, object]) -> Token:
        wanted = changes["permissions"]
        names = sorted(wanted) if isinstance(wanted, frozenset) else []
        path = f"{self._owners.tokens_path(owner)}/{token.id}"
        row = self._login.write("POST", path, {"permissions": names}).body
        if not isinstance(row, dict) or "id" not in row:
            raise NotTheApi(f"POST {path}: the server answered with something else than the token.")
        changed = answers.token(row)
        if (changed.id, changed.name, changed.expires_at) != (token.id, token.name, token.expires_at):
            raise NotKept(f"POST {path}: the server changed more of token {token.id} than its permissions. Look at it.")
        return changed

    def revoke(self, owner: Owner, token_id: str) -> None:
        try:
            self._login.delete(f"{self._owners.tokens_path(owner)}/{token_id}")
        except Refusal as refusal:
            # An owner that is gone, or moved, is no proof that the token is.
            if refusal.status != 404 or answers.is_route(refusal) or answers.is_owner_missing(refusal):
                raise

    def verify(self, secret: Secret) -> Evidence:
        if not self._login.begun:
            self._login.get(WHO_AM_I)
        if self._login.user is None:
            return Evidence(
                verdict="undecided",
                detail="the server's answers do not say whom it lets in (X-AUSERNAME; does a proxy remove it?)",
            )
        return self.believed(secret, self._ask_who, _made_up)

    def own_token_id(self, owner: Owner) -> str | None:
        return self._login.token_id

    def secret_id(self, secret: Secret) -> str | None:
        return answers.secret_id(secret)

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool:
        # No token is without any: none means that this server does not show them.
        return not found or wanted == found

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        return answers.diagnose(refusal, by_token=self._login.token_id is not None)

    def policy(self, owner: Owner, until: datetime | None = None) -> Policy | None:
        if self._policy is None:
            self._policy = (self._read_policy(),)
        return self._policy[0]

    def below(self, owner: Owner) -> Iterator[Owner]:
        return self._owners.repositories(owner) if owner.kind == "project" else iter(())

    def check_settings(self, wanted: Mapping[str, Any]) -> None:
        super().check_settings(wanted)
        days = wanted.get("max_lifetime_days")
        if days is not None and not 0 < days <= _MOST_DAYS:
            raise InvalidOption("max_lifetime_days", f"{days} is not between 1 and {_MOST_DAYS}.")

    def read_settings(self) -> dict[str, Any]:
        try:
            body = self._login.get(_POLICY).body
        except Refusal as refusal:
            if refusal.status == 404 and not answers.is_route(refusal):
                body = None
            elif refusal.status == 404:
                raise Unsupported(
                    f"max_lifetime_days: {refusal}. This server has no policy for tokens that can be read or set by REST."
                ) from None
            else:
                raise
        if body not in (None, {}) and not (isinstance(body, dict) and "maxExpiryDays" in body):
            raise NotTheApi(f"GET {_POLICY}: the server answered with something else than its policy.")
        return {"max_lifetime_days": (body or {}).get("maxExpiryDays")}

    def write_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        days = changes["max_lifetime_days"]
        try:
            if days is None:
                self._login.delete(_POLICY)
            else:
                self._login.write("PUT", _POLICY, {"maxExpiryDays": days})
        except Refusal as refusal:
            # No policy to lift; a server without the route says so when asked below.
            if days is not None or refusal.status != 404:
                raise
        except NotTheApi as error:
            # The form of this answer is documented nowhere; what counts is what is read back.
            if not 200 <= (error.status or 0) < 300:
                raise
        return self.read_settings()

    def every_token(self, relevant: Callable[[Token], bool]) -> Iterator[tuple[Owner, Token]]:
        for owner in self._owners.everybody():
            for place in (owner, *self.below(owner)):
                for token in self.tokens(place):
                    if token.live(self.transport.now()) and relevant(token):
                        yield place, token

    def _read_policy(self) -> Policy | None:
        """A policy means that every new token has to end. For system administrators; nobody else can read it."""
        try:
            most = self.read_settings()["max_lifetime_days"]
        except (ServiceError, Unsupported, NotPermitted):
            return None
        return Policy(max_lifetime_days=most, require_expiry=True) if isinstance(most, int) and most > 0 else None

    def _minted(self, body: Any, spec: MintSpec) -> Minted:
        if not isinstance(body, dict) or not body.get("id"):
            raise AnswerLost("The server's answer to the mint has no token in it; whether one was made is not known.")
        if not body.get("token"):
            raise AnswerLost(
                f"The server made token {body['id']} and did not send its secret.", token_id=str(body["id"])
            )
        secret = Secret(body["token"])
        _learn(self.transport, secret)
        token = answers.token(body)
        return Minted(token=token if token.permissions else replace(token, permissions=spec.permissions), secret=secret)

    def _ask_who(self, secret: Secret) -> Evidence:
        """Whom the server takes the bearer of a secret for: a dead one it lets in as nobody, without a complaint."""
        _learn(self.transport, secret)
        session = self.transport.with_auth(HeaderAuth("Authorization", bearer(secret)))
        try:
            headers = session.get(WHO_AM_I).headers
        except Refusal as refusal:
            # An account without a licence is refused as well, and a new token would not help it.
            headers, account = refusal.headers, answers.exception_of(refusal) == "NoAccessAuthenticationException"
            if user_named(headers) is None and (refusal.status != 401 or account):
                return Evidence(verdict="undecided", detail=str(refusal))
        except TokensmithError as error:
            return Evidence(verdict="undecided", detail=str(error))
        finally:
            session.close()
        name = user_named(headers)
        if name is None:
            return Evidence(verdict="rejected")
        return Evidence(verdict="accepted", id=answers.secret_id(secret), owner_id=self._owners.user_id(name))


def _check_permissions(permissions: frozenset[str], kind: str) -> None:
    """What the server would refuse, or what would mean something else than it says."""
    if not permissions:
        raise InvalidOption("permissions", "Bitbucket makes no token without any.", "Give at least one.")
    lower = sorted(name for name in permissions if name not in PERMISSIONS and name.upper() in PERMISSIONS)
    if lower:
        raise InvalidOption(
            "permissions", f"Bitbucket has no {', '.join(lower)}.", f"Give {', '.join(lower).upper()}, in capitals."
        )
    beyond = sorted(name for name in permissions if not name.startswith("REPO_"))
    if kind == "repository" and beyond:
        raise InvalidOption(
            "permissions",
            f"a repository's token cannot have {', '.join(beyond)}.",
            f"Give some of {', '.join(sorted(name for name in PERMISSIONS if name.startswith('REPO_')))}, or make it a "
            "token of the project.",
        )


def _explained(refusal: Refusal, spec: MintSpec) -> TokensmithError:
    """A refused mint, with the option that it is about."""
    reason = refusal.reason.lower()
    if refusal.status not in (400, 409):
        return refusal
    if "permission" in reason:
        return ServiceError(
            f"permissions: the server refuses {', '.join(sorted(spec.permissions))}: {refusal.reason}. Bitbucket's are "
            f"{', '.join(sorted(PERMISSIONS))}.",
            status=refusal.status,
        )
    if "maximum number" in reason:
        return ServiceError(
            f"name: {refusal.reason}. Revoke tokens that nobody uses; expired ones count as well.",
            status=refusal.status,
        )
    if "expir" in reason:
        return ServiceError(f"expires_in: the server refuses {spec.expiry}: {refusal.reason}.", status=refusal.status)
    return refusal


def _learn(transport: Transport, secret: Secret | None) -> None:
    """Keep a secret out of messages, with and without the prefix that only newer releases write."""
    if secret:
        value = secret.reveal()
        transport.redactor.learn(value, value.removeprefix(answers.SECRET_PREFIX))


def _made_up() -> Secret:
    """What looks like a secret and is none."""
    number = "".join(secrets.choice("0123456789") for _unused in range(answers.ID_DIGITS))
    return Secret(base64.b64encode(f"{number}:".encode() + secrets.token_bytes(20)).decode())
