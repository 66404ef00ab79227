# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to the world outside, as values, and what it comes to.

The life cycle yields an effect; whoever drives it carries it out and sends back what came of it, or throws the error. So
the very code that runs in production can be driven against an in-memory world, with a fault at any step.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import TokensmithError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .choosing import Predecessor
    from .comparing import Change
    from .redaction import Secret
    from .tokens import Minted, MintSpec, Token


class Effect:
    """Something that a run does to the world outside."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Look(Effect):
    """List the owner's tokens of that name -> `Listing`."""


@dataclass(frozen=True, slots=True)
class Verify(Effect):
    """Ask the server whether a secret works -> `Evidence`."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class ReadPolicy(Effect):
    """The server's rules about lifetimes, for a token that is to end then (None: never) -> `Policy` or None."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class WhoAmI(Effect):
    """The id of the token that this run authenticates with -> str, None if it is none; `Unsupported` if unknowable."""


@dataclass(frozen=True, slots=True)
class MakeSureOfTime(Effect):
    """Raise `OutOfTime` if the task may be over before the next mint is safe, or already is."""

    minted: bool = False


@dataclass(frozen=True, slots=True)
class Create(Effect):
    """Mint -> `Minted`; `AnswerLost` if it may have been done."""

    spec: MintSpec
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rotate(Effect):
    """Give a token a new secret in place -> `Minted`; `AnswerLost` if it may have been done."""

    token: Token
    spec: MintSpec
    expires_at: datetime | None
    own: bool


@dataclass(frozen=True, slots=True)
class Update(Effect):
    """Change attributes in place -> `Token`."""

    token: Token
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revoke(Effect):
    """End a token for good; gone already counts as done -> None."""

    token_id: str


@dataclass(frozen=True, slots=True)
class Read(Effect):
    """Read a slot of the store -> its text, None if there is nothing."""

    slot: str


@dataclass(frozen=True, slots=True)
class Write(Effect):
    """Write a slot of the store, and have it on disk when it returns -> None."""

    slot: str
    text: Secret


@dataclass(frozen=True, slots=True)
class Erase(Effect):
    """Empty a slot of the store; empty already counts as done -> None."""

    slot: str


@dataclass(frozen=True, slots=True)
class Promote(Effect):
    """Make the next secret the entry that consumers read, at once where the store can -> None."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class Reserve(Effect):
    """Make sure that the store can take another secret before there is one -> None."""


@dataclass(frozen=True, slots=True)
class Now(Effect):
    """The server's time -> datetime."""


@dataclass(frozen=True, slots=True)
class Wait(Effect):
    """Let so many seconds go by -> None."""

    seconds: float


Result = TypeVar("Result")
Steps = Generator[Effect, Any, Result]


@dataclass(frozen=True, slots=True)
class Listing:
    """The owner's tokens of the wanted name (dead ones where they came along), and the server's time of the list."""

    tokens: tuple[Token, ...]
    at: datetime
    #: ids of the owner's other tokens, as far as they came along (those of `tokens` may be among them)
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to. `action` and `reasons` are those of docs; `secret` is there only if this run minted it."""

    action: str
    now: datetime
    reasons: tuple[str, ...] = ()
    token: Token | None = None
    #: the one that a newly minted token takes over from
    before: Token | None = None
    secret: Secret | None = None
    changes: Mapping[str, Change] = field(default_factory=dict)
    spec: MintSpec | None = None
    #: ended in this run
    retired: tuple[str, ...] = ()
    #: still there, and from when on each may go
    superseded: tuple[Predecessor, ...] = ()
    warnings: tuple[str, ...] = ()
    #: whether the new secret is in the store
    stored: bool = False

    @property
    def changed(self) -> bool:
        return self.action != "unchanged"


class Undelivered(TokensmithError):
    """A run failed with a secret in hand that could not be revoked: it is handed over, hidden, with the failure."""

    def __init__(self, message: str, minted: Minted) -> None:
        super().__init__(message)
        self.minted = minted
