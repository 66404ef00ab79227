# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jira and Confluence Data Center: one's own personal access tokens. Nobody can make or see those of others.

Sources: Atlassian's manual (Using personal access tokens), and what public clients record about running servers.
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from ..errors import AnswerLost, InvalidOption, NotPermitted, NotTheApi, ServiceError, Unsupported
from ..lifetimes import count_days, in_whole_days, parse_instant
from ..redaction import Secret
from ..tokens import Evidence, Minted, Owner, Token
from ..transport import HeaderAuth, Refusal, Transport
from ._admission import NO_MORE, Admission, is_basic_off, is_captcha, user_named
from .base import LIVE, Capabilities, Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..errors import TokensmithError
    from ..lifetimes import Expiry
    from ..tokens import MintSpec, OwnerRef, WantedToken
    from ..transport import Connection

_TOKENS = "/rest/pat/latest/tokens"
#: Jira's, then Confluence's.
_WHO_AM_I = ("/rest/api/2/myself", "/rest/api/user/current")
#: What may follow the base address when people copy it from a request.
_API_SUFFIX = re.compile(r"/rest(/.*)?$")


class AtlassianPat(Platform):
    """Jira Data Center from 8.14, Jira Service Management from 4.15, Confluence Data Center from 7.9."""

    name: ClassVar[str] = "atlassian_pat"
    title: ClassVar[str] = "Jira or Confluence"
    capabilities: ClassVar[Capabilities] = Capabilities(
        owner_kinds=frozenset({"self"}),
        attributes=frozenset(),
        required={},
        # Days are counted from the mint, a while after it was planned.
        expiry_tolerance=timedelta(days=1, minutes=15),
        empty_permissions=True,
        auth_methods=frozenset({"auto", "basic", "token"}),
    )

    def __init__(self, transport: Transport, connection: Connection) -> None:
        super().__init__(transport, connection)
        self._door = _Door(transport, connection)
        self._caller: Owner | None = None
        self._says_last_use = True

    @classmethod
    def connect(cls, connection: Connection) -> AtlassianPat:
        cls.check_auth(connection)
        headers = {"X-Atlassian-Token": "no-check", **connection.http_headers}
        base = _API_SUFFIX.sub("", connection.url)
        return cls(Transport(connection, base, _credential(connection), _speaks, headers=headers), connection)

    def check(self, wish: WantedToken) -> None:
        super().check(wish)
        if wish.permissions:
            raise Unsupported(
                f"permissions: tokens of {self.title} have none, they may do what their user may. Leave them out."
            )
        if wish.id is not None and not wish.id.isdecimal():
            raise InvalidOption(
                "id", f"{wish.id!r} is no id of Jira's or Confluence's.", "Give the number of the token."
            )

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        return in_whole_days(expiry.moment(now), now)

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        with self.once:
            if self._caller is None:
                self._caller = self._who_am_i()
            return self._caller

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        for row in _rows(self._door.get(_TOKENS).body):
            self._says_last_use = self._says_last_use and "lastAccessedAt" in row
            yield _token(row)

    @property
    def shows_last_use(self) -> bool:
        return self._says_last_use

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        body: dict[str, Any] = {"name": spec.name}
        if expires_at is not None:
            body["expirationDuration"] = count_days(expires_at, self.transport.now())
        try:
            row = self._door.mint("POST", _TOKENS, body).body
        except Refusal as refusal:
            raise _explained(refusal, spec) from None
        if not isinstance(row, dict) or not row.get("id"):
            raise AnswerLost("The server's answer to the mint has no token in it; whether one was made is not known.")
        value = row.get("rawToken") or row.get("token")
        if not value:
            raise AnswerLost(f"The server made token {row['id']} and did not send its secret.", token_id=str(row["id"]))
        self.transport.redactor.learn(value)
        return Minted(token=_token(row), secret=Secret(value))

    def revoke(self, owner: Owner, token_id: str) -> None:
        try:
            self._door.delete(f"{_TOKENS}/{quote(token_id, safe='')}")
        except Refusal as refusal:
            if refusal.status != 404 or _is_route(refusal):
                raise

    def verify(self, secret: Secret) -> Evidence:
        return self.believed(secret, self._let_in, _made_up)

    def own_token_id(self, owner: Owner) -> str | None:
        if self._door.by_password:
            return None
        raise Unsupported("Neither Jira nor Confluence tells which of its user's tokens a run uses.")

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        if _is_route(refusal):
            return NotTheApi(
                f"{refusal}. There is no such route: check that url is the base address, its context path included, of Jira "
                "(from 8.14) or Confluence (from 7.9) Data Center.",
                status=404,
            )
        return NotPermitted(f"{refusal}.") if refusal.status in (401, 403) else refusal

    def _who_am_i(self) -> Owner:
        for path in _WHO_AM_I:
            try:
                row = self._door.get(path).body
            except Refusal as refusal:
                if refusal.status != 404:
                    raise
                continue
            name = row.get("name") or row.get("username") if isinstance(row, dict) else None
            if name:
                # A name can be changed; the key stays, where there is one.
                return Owner("user", str(row.get("key") or row.get("userKey") or name), str(name), caller=True)
        raise NotTheApi("The server does not tell who the caller is. Check that url is Jira's or Confluence's address.")

    def _let_in(self, secret: Secret) -> Evidence:
        """Whether a secret may list its user's tokens, as every token may; whose they are, and which it is if it is alone."""
        self.transport.redactor.learn(secret)
        session = self.transport.with_auth(_bearer(secret))
        try:
            answer = session.get(_TOKENS)
            tokens = [_token(row) for row in _rows(answer.body)]
        except Refusal as refusal:
            dead = refusal.status == 401 and user_named(refusal.headers) is None
            return Evidence(verdict="rejected" if dead else "undecided", detail=str(refusal))
        except ServiceError as error:
            return Evidence(verdict="undecided", detail=str(error))
        finally:
            session.close()
        live = [token for token in tokens if token.live(self.transport.now())]
        only = live[0] if len(live) == 1 else None
        return Evidence(
            verdict="accepted",
            id=only.id if only else None,
            name=only.name if only else None,
            owner_id=self._owner_id(user_named(answer.headers)),
        )

    def _owner_id(self, name: str | None) -> str | None:
        """The caller's own id, or what is nobody's; None where the server does not name whom it lets in."""
        if name is None or self._caller is None:
            return None
        return self._caller.id if name.casefold() == self._caller.name.casefold() else f"user {name}"


class _Door(Admission):
    """The way in: a personal access token, or a password."""

    def __init__(self, transport: Transport, connection: Connection) -> None:
        super().__init__(transport)
        self._connection = connection

    @property
    def by_password(self) -> bool:
        return _uses_password(self._connection)

    def why_refused(self, error: ServiceError) -> str | None:
        if is_basic_off(error):
            return "auth_method: basic authentication is switched off on this server. Give auth_token."
        if is_captcha(error):
            return (
                f"auth_username: {self._connection.auth_username} is locked behind a CAPTCHA after failed logins. Log in with "
                "a browser once; nothing more is tried until then."
            )
        if error.status != 401 or not isinstance(error, Refusal) or user_named(error.headers) is not None:
            return None
        if self.by_password:
            return f"auth_password: the server refuses user name and password ({error.reason}). {NO_MORE}"
        return f"auth_token: the server does not know the token (revoked, expired or mistyped): {error.reason}"


def _uses_password(connection: Connection) -> bool:
    """A token beats a password: it cannot lock an account."""
    return connection.auth_method == "basic" or not connection.auth_token


def _credential(connection: Connection) -> HeaderAuth:
    if not _uses_password(connection) and connection.auth_token:
        return _bearer(connection.auth_token)
    if not (connection.auth_username and connection.auth_password):
        raise InvalidOption(
            "auth_token",
            "Jira and Confluence need one.",
            "Give a personal access token, or auth_username and auth_password.",
        )
    pair = f"{connection.auth_username}:{connection.auth_password.reveal()}"
    return HeaderAuth("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")


def _bearer(token: Secret) -> HeaderAuth:
    return HeaderAuth("Authorization", f"Bearer {token.reveal()}")


def _speaks(body: Any, headers: Mapping[str, str]) -> str | None:
    """The message in one of the three forms of errors: the API's, its framework's, and that of the login before both."""
    if isinstance(body, dict) and isinstance(body.get("errorMessages"), list):
        return "; ".join(map(str, body["errorMessages"])).rstrip(". ") or "no message"
    if isinstance(body, dict) and "status-code" in body:
        return str(body.get("message", "no message")).rstrip(". ")
    # The login answers with a page, and says in headers what is wrong.
    login = headers.get("X-Seraph-LoginReason", "OK")
    return headers.get("X-Authentication-Denied-Reason") or (login if login != "OK" else None)


def _is_route(refusal: Refusal) -> bool:
    """Whether a 404 says that there is no such address, and so nothing about a token."""
    return refusal.status == 404 and refusal.reason.startswith("null for uri")


def _rows(body: Any) -> list[dict[str, Any]]:
    """The rows of a list, which is bare, or one page of all."""
    rows = body.get("values") if isinstance(body, dict) else body
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        raise NotTheApi(f"GET {_TOKENS}: the server answered with something else than tokens. Check url.")
    return rows


def _token(row: Mapping[str, Any]) -> Token:
    ends = row.get("expiringAt")
    expires_at = parse_instant(ends)
    if ends is not None and expires_at is None:
        raise NotTheApi(f"The server says {str(ends)[:40]!r} of the end of token {row['id']}, which is no time.")
    return Token(
        id=str(row["id"]),
        name=str(row.get("name", "")),
        permissions=frozenset(),
        created_at=parse_instant(row.get("createdAt")),
        expires_at=expires_at,
        last_used_at=parse_instant(row.get("lastAccessedAt")),
    )


def _explained(refusal: Refusal, spec: MintSpec) -> TokensmithError:
    """A refused mint, with the option that it is about."""
    reason = refusal.reason.lower()
    if refusal.status not in (400, 409):
        return refusal
    if "maximum number" in reason:
        return ServiceError(
            f"name: {refusal.reason}. Revoke tokens that nobody uses; expired ones count as well.",
            status=refusal.status,
        )
    if "expir" in reason or "days" in reason:
        return ServiceError(f"expires_in: the server refuses {spec.expiry}: {refusal.reason}.", status=refusal.status)
    return refusal


def _made_up() -> Secret:
    """What looks like a secret and is none."""
    number = "".join(secrets.choice("0123456789") for _unused in range(12))
    return Secret(base64.b64encode(f"{number}:".encode() + secrets.token_bytes(20)).decode())
