# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform is: single calls to one vendor's API, and a table of what that vendor can do.

A platform knows no plan and keeps no state of a run; everything that decides is in `planning` and `lifecycle`.
"""

from __future__ import annotations

import abc
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import InvalidOption, TokensmithError, Unsupported
from ..tokens import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from ..lifetimes import Expiry
    from ..redaction import Secret
    from ..tokens import Minted, MintSpec, Owner, OwnerRef, Policy, Token, WantedToken
    from ..transport import Connection, Refusal, Transport


LIVE = frozenset({"live"})
STATUSES = frozenset({"live", "expired", "revoked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform can do, asked before the first request.

    `expiry_tolerance` is how far the granted end may lie from the wanted one: nothing where the server takes a date,
    a day where it counts days from the mint, more where it grants named periods.
    `required` says what a first mint must be told, by kind of owner; of `required_one_of` one thing has to be true of it.
    """

    owner_kinds: frozenset[str]
    attributes: frozenset[str]
    required: Mapping[str, frozenset[str]]
    required_one_of: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    rotate_in_place: bool = False
    #: whether a token that was rotated in place is the same one with another secret, not a child of it
    rotation_keeps_id: bool = False
    expiry_tolerance: timedelta
    periods: frozenset[str] = frozenset()
    known_permissions: frozenset[str] = frozenset()
    empty_permissions: bool = False
    shows_last_use: bool = True
    name_length: int = 255
    #: what `token_policy` can set, and what its `state: absent` goes back to
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: where a server has these, said when one has not
    setting_needs: Mapping[str, str] = field(default_factory=dict)
    #: whether the server itself revokes tokens that live longer than a lowered `max_lifetime_days` allows
    lowering_revokes: bool = False
    auth_methods: frozenset[str] = frozenset({"auto", "token"})


class Platform(abc.ABC):
    """One vendor's token service.

    Every method raises a `TokensmithError`: `OwnerNotFound`, `NotPermitted`, `CredentialRefused`, `ServiceError`,
    `Unreachable`; those that mint may raise `AnswerLost` and then may or may not have been carried out.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(self, transport: Transport, connection: Connection) -> None:
        self.transport = transport
        self.connection = connection
        #: held while something is read that a whole run shares, so that many threads read it once
        self.once = threading.RLock()
        self._doors: dict[str, bool] = {}

    @classmethod
    @abc.abstractmethod
    def connect(cls, connection: Connection) -> Platform:
        """The platform behind a connection. Sends nothing yet; refuses a connection that cannot serve."""

    @classmethod
    def check_auth(cls, connection: Connection) -> None:
        """Refuse a way to authenticate that the platform does not have, or that lacks its options."""
        if connection.auth_method not in cls.capabilities.auth_methods:
            ways = ", ".join(sorted(cls.capabilities.auth_methods))
            raise InvalidOption("auth_method", f"{cls.title} has no {connection.auth_method}.", f"Use one of {ways}.")
        if connection.auth_method == "token" and not connection.auth_token:
            raise InvalidOption("auth_token", "auth_method: token needs it.")
        if connection.auth_method in ("basic", "session") and not (
            connection.auth_username and connection.auth_password
        ):
            raise InvalidOption(
                "auth_username", f"auth_method: {connection.auth_method} needs it, and auth_password beside it."
            )

    @abc.abstractmethod
    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        """The owner that the server knows under this name or id; `kind` is the token kind where owners keep several."""

    def expect(self, refs: Sequence[OwnerRef]) -> None:
        """These owners are going to be asked for: a platform that can read many at once may do so. Never fails."""
        del refs

    @abc.abstractmethod
    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        """The owner's tokens, page by page as they come: every one of these statuses, each once.

        `name` and `statuses` allow to let the server look for them; others may come all the same.
        """

    @abc.abstractmethod
    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        """Mint a token. Sent once; `AnswerLost` if it may have been done without a usable answer."""

    def check_mint(self, owner: Owner) -> None:
        """Refuse a mint that this run's credential cannot make for this owner; asked before each, in check mode too."""
        return

    @abc.abstractmethod
    def revoke(self, owner: Owner, token_id: str) -> None:
        """End a token for good. Gone already counts as done."""

    @abc.abstractmethod
    def verify(self, secret: Secret) -> Evidence:
        """Ask the server whether a secret works, in a session of its own, with nothing else that could let it in."""

    @abc.abstractmethod
    def own_token_id(self, owner: Owner) -> str | None:
        """The id of the token that this run authenticates with; None if it is none of this owner's.

        It may be another owner's id: ids are compared. Raises `Unsupported` where it may be one of this owner's, and which
        one cannot be found out.
        """

    @abc.abstractmethod
    def diagnose(self, refusal: Refusal) -> TokensmithError:
        """What a refusal means on this platform; may read once more to find out. Returns what to raise."""

    def believed(
        self, secret: Secret, ask: Callable[[Secret], Evidence], made_up: Callable[[], Secret], *, door: str = ""
    ) -> Evidence:
        """What `ask` says of a secret, where it turns a made-up one away: a server that lets everybody in proves nothing.

        The made-up one is presented once a run for each `door` (one way of asking).
        """
        evidence = ask(secret)
        if evidence.verdict != "accepted":
            return evidence
        with self.once:
            if door not in self._doors:
                control = ask(made_up())
                if control.verdict == "undecided":
                    return control
                self._doors[door] = control.verdict == "rejected"
        if self._doors[door]:
            return evidence
        return Evidence(
            verdict="undecided", detail="the server lets a made-up token in too, so nothing can be verified"
        )

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        """When a token minted `now` is asked to end, as exactly as the platform can be asked; None for never."""
        return expiry.moment(now)

    def rotate(self, owner: Owner, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        """Give a token a new secret and end, killing the old secret at once; `own`: the credential of this run."""
        raise Unsupported(f"rotation: {self.title} cannot rotate a token in place.")

    def update(self, owner: Owner, token: Token, changes: Mapping[str, object]) -> Token:
        """Change what the platform can change in place; the secret stays."""
        raise Unsupported(f"{', '.join(changes)}: {self.title} cannot change a token in place.")

    def secret_id(self, secret: Secret) -> str | None:
        """The id of the token behind a secret where the secret itself tells, without a request."""
        return None

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool:
        """Whether a token that was asked for the one set and shows the other is as wanted."""
        return wanted == found

    def prepare(self, wish: WantedToken, owner: Owner) -> WantedToken:
        """The wish in the server's own terms (project names as ids); may read, never writes."""
        return wish

    def check(self, wish: WantedToken) -> None:
        """Refuse what this platform can never do, before the first request; extend for the platform's own rules."""
        can = self.capabilities
        self.check_owner(wish.owner)
        for option in sorted(wish.managed().keys() - can.attributes - {"permissions"}):
            raise Unsupported(f"{option}: tokens of {self.title} have no {option.replace('_', ' ')}. Leave it out.")
        if wish.kind is not None and wish.kind not in can.kinds:
            raise Unsupported(f"kind: {self.title} has no {wish.kind} tokens. Leave it out.")
        if wish.rotation == "in_place" and not can.rotate_in_place:
            raise Unsupported(f"rotation: {self.title} cannot rotate a token in place. Use successor.")
        if can.periods and wish.expiry is not None and str(wish.expiry) not in can.periods:
            raise InvalidOption(
                "expires_at" if wish.expiry.on else "expires_in",
                f"{wish.expiry} is none of the periods that {self.title} grants.",
                f"Give expires_in: one of {', '.join(sorted(can.periods))}.",
            )

    def check_owner(self, ref: OwnerRef) -> None:
        """Refuse a kind of owner that has no tokens here, before the first request."""
        kinds = self.capabilities.owner_kinds
        if ref.kind not in kinds:
            others = ", ".join(sorted(kinds - {"self"}))
            raise Unsupported(
                f"owner.{ref.kind}: {self.title} has no tokens of that kind of owner. "
                + (f"It has them for: {others}." if others else "It has the caller's own alone: leave owner out.")
            )

    @property
    def shows_last_use(self) -> bool:
        """Whether the tokens seen so far say when they were last used."""
        return self.capabilities.shows_last_use

    def policy(self, owner: Owner, until: datetime | None = None) -> Policy | None:
        """The server's own rules about lifetimes for tokens of this owner; None where they cannot be read.

        Read at most once a run, and only where it may be read: never a reason to fail. `until` is the end that is going
        to be asked for (None: never); what only bears on longer lives need not be found out.
        """
        return None

    def below(self, owner: Owner) -> Iterator[Owner]:
        """The owners inside another one, at any depth (a group's subgroups and projects); none for most."""
        return iter(())

    def check_settings(self, wanted: Mapping[str, Any]) -> None:
        """Refuse what can never be set here, before the first request; extend for the platform's own rules."""
        can = self.capabilities.settings
        if not can:
            raise Unsupported(f"token_policy: {self.title} has no such policy.")
        for name in wanted:
            if name not in can:
                raise Unsupported(f"{name}: {self.title} has no such setting. It has: {', '.join(sorted(can))}.")

    def read_settings(self) -> dict[str, Any]:
        """The server's token policy, by `token_policy`'s option names; only what this server and edition has."""
        raise Unsupported(f"token_policy: {self.title} has no such policy.")

    def write_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change the policy (None: back to the server's default) and return what it is afterwards, as read back."""
        raise Unsupported(f"token_policy: {self.title} has no such policy.")

    def without_effect(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Those settings that the server is known to keep without acting on them, each with the reason."""
        return {}

    def every_token(self, relevant: Callable[[Token], bool]) -> Iterator[tuple[Owner, Token]]:
        """The live tokens of the whole server that are `relevant`, with their owners, for an administrator.

        The owners of others need not be looked up.
        """
        raise Unsupported(f"report_violations: {self.title} cannot list the tokens of all owners.")
