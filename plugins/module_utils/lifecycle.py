# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one token through one run: the state machine that keeps a secret from being lost.

`live_through` is a generator. It decides, and yields what is to be done to the world outside as an *effect*; whoever
drives it carries the effect out and sends the outcome back, or throws the error that came of it. So the very code that
runs in production can be driven against an in-memory world, step by step, with a fault at any of them.

Rows mentioned in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from . import planning
from .errors import AnswerLost, InvalidOption, NotKept, SecretUndecided, SelfGuard, TokensmithError, Unsupported
from .lifetimes import iso
from .planning import Change, Holding, Judgement, Predecessor
from .tokens import Evidence, Minted, MintSpec, Policy, Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .lifetimes import Expiry
    from .redaction import Secret
    from .tokens import Owner, WantedToken


class Terms(planning.Terms, Protocol):
    """What the life cycle asks of a platform without a request."""

    def end(self, expiry: Expiry, now: datetime) -> datetime | None: ...

    def secret_id(self, secret: Secret) -> str | None: ...


# --- effects: what a run does to the world, and what comes back -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """List the owner's tokens of that name -> `Listing`."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Ask the server whether a secret works -> `Evidence`."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """The server's rules about lifetimes -> `Policy` or None."""


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """The id of the token that this run authenticates with -> str, None if it is none; `Unsupported` if unknowable."""


@dataclass(frozen=True, slots=True)
class MakeSureOfTime:
    """Raise `OutOfTime` if the task may be over before the next mint is safe, or already is."""

    minted: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Mint -> `Minted`; `AnswerLost` if it may have been done."""

    spec: MintSpec
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Give a token a new secret in place -> `Minted`; `AnswerLost` if it may have been done."""

    token: Token
    spec: MintSpec
    expires_at: datetime | None
    own: bool


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes in place -> `Token`."""

    token: Token
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revoke:
    """End a token for good; gone already counts as done -> None."""

    token_id: str


Effect = Look | Verify | ReadPolicy | WhoAmI | MakeSureOfTime | Create | Rotate | Update | Revoke
Result = TypeVar("Result")
Steps = Generator[Effect, Any, Result]


@dataclass(frozen=True, slots=True)
class Listing:
    """The owner's tokens of the wanted name (dead ones where they came along), and the server's time of the list."""

    tokens: tuple[Token, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to. `action` and `reasons` are those of docs; `secret` is there only if this run minted it."""

    action: str
    now: datetime
    reasons: tuple[str, ...] = ()
    token: Token | None = None
    secret: Secret | None = None
    changes: Mapping[str, Change] = field(default_factory=dict)
    spec: MintSpec | None = None
    #: ended in this run
    retired: tuple[str, ...] = ()
    #: still there, and from when on each may go
    superseded: tuple[Predecessor, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.action != "unchanged"


class Undelivered(TokensmithError):
    """A run failed with a secret in hand that could not be revoked: it is handed over, hidden, with the failure."""

    def __init__(self, message: str, minted: Minted) -> None:
        super().__init__(message)
        self.minted = minted


# --- the run ----------------------------------------------------------------------------------------------------------


def live_through(wish: WantedToken, owner: Owner, terms: Terms) -> Steps[Outcome]:
    """One run for one token, under its lock. Raises a `TokensmithError`; what was done until then is undone or named."""
    listing: Listing = yield Look()
    holding = yield from _what_is_held(wish, owner, listing, terms)
    judgement = planning.judge(wish, listing.tokens, holding, terms, listing.at)
    unknown = sorted((wish.permissions or frozenset()) - terms.capabilities.known_permissions)
    warnings = (
        (f"permissions: {', '.join(unknown)}: not among those known of the platform; passed through as given.",)
        if unknown
        else ()
    )
    if judgement.mint is not None:
        outcome = yield from _mint(wish, owner, listing, judgement, judgement.mint, terms)
    elif judgement.action == "update" and judgement.current is not None:
        outcome = yield from _update(wish, listing, judgement, judgement.current, terms)
    else:
        outcome = yield from _retire(wish, owner, listing, judgement)
    return replace(outcome, warnings=(*warnings, *outcome.warnings))


def _what_is_held(wish: WantedToken, owner: Owner, listing: Listing, terms: Terms) -> Steps[Holding]:
    """Row 34: what the secret proves that the consumer presented."""
    if wish.secret is None or wish.state == "absent":
        return planning.UNKNOWN
    if not wish.secret:
        return Holding("missing")
    told = terms.secret_id(wish.secret)
    if not wish.verify:
        return _holding(wish, listing, told) if told else planning.UNKNOWN
    evidence: Evidence = yield Verify(wish.secret)
    if evidence.verdict == "undecided":
        raise SecretUndecided(
            f"secret: whether it works could not be found out: {evidence.detail}. Nothing was changed. "
            "verify: never goes without asking."
        )
    if evidence.verdict == "rejected":
        return Holding("rejected")
    token_id = evidence.id or told
    if token_id is None:
        if wish.id is None:
            raise InvalidOption(
                "secret", "it works, but this server does not tell which token it belongs to.", "Give the token's id."
            )
        token_id = wish.id
    if (evidence.name or wish.name) != wish.name or _is_elsewhere(evidence, owner):
        return Holding("foreign")
    if not any(token.id == token_id for token in listing.tokens):
        # A list may lag behind: never mint or revoke on the strength of one (row 31).
        listing = yield Look()
    return _holding(wish, listing, token_id)


def _holding(wish: WantedToken, listing: Listing, token_id: str) -> Holding:
    token = next((each for each in listing.tokens if each.id == token_id), None)
    if token is None:
        raise SecretUndecided(
            f"secret: it works and is that of token {token_id}, which is not among the tokens named {wish.name!r} of "
            f"{wish.owner} that this credential is shown. Check owner, name and the credential; nothing was changed."
        )
    return Holding("proven", token_id) if token.live(listing.at) else Holding("rejected")


def _is_elsewhere(evidence: Evidence, owner: Owner) -> bool:
    """Whether the secret is another owner's. A project's or group's token acts as a bot with an id of its own."""
    return owner.kind in ("user", "service_account") and evidence.owner_id not in (None, owner.id)


def _mint(
    wish: WantedToken, owner: Owner, listing: Listing, judgement: Judgement, spec: MintSpec, terms: Terms
) -> Steps[Outcome]:
    """A new secret: refuse what cannot end well first, then send once, then compare what came of it."""
    policy: Policy | None = yield ReadPolicy()
    planning.refuse_by_policy(spec, policy, listing.at)
    own = yield from _guarded(wish, owner, judgement)
    yield MakeSureOfTime()
    expires_at = terms.end(spec.expiry, listing.at)
    if judgement.in_place and judgement.current is not None:
        minted = yield from _rotate(judgement.current, spec, expires_at, own=own, terms=terms)
    else:
        minted = yield from _create(wish, listing, spec, expires_at, terms)
    retired, spared, warnings = yield from _end(wish, owner, judgement.retire_after_mint)
    superseded = [
        Predecessor(each.token, each.after or wish.overlap.after(listing.at))
        for each in (*judgement.later, *(Predecessor(token, None) for token in spared))
    ]
    return Outcome(
        action=judgement.action,
        reasons=judgement.reasons,
        now=listing.at,
        token=minted.token,
        secret=minted.secret,
        changes=judgement.changes,
        spec=spec,
        retired=retired,
        superseded=tuple(superseded),
        warnings=warnings,
    )


def _create(
    wish: WantedToken, listing: Listing, spec: MintSpec, expires_at: datetime | None, terms: Terms
) -> Steps[Minted]:
    known = {token.id for token in listing.tokens}
    try:
        minted: Minted = yield Create(spec, expires_at)
    except AnswerLost as lost:
        minted = yield from _after_a_lost_answer(wish, listing, lost, Create(spec, expires_at), known)
    changes = planning.not_kept(spec, expires_at, minted.token, terms)
    try:
        yield MakeSureOfTime(minted=True)
    except TokensmithError as error:
        yield from _undo(minted, error)
    if changes:
        yield from _undo(minted, NotKept(_what_to_declare(spec, changes)))
    return minted


def _after_a_lost_answer(
    wish: WantedToken, listing: Listing, lost: AnswerLost, again: Create, known: set[str]
) -> Steps[Minted]:
    """Never simply send again: look what came of it, end it, and only then send once more (row 10).

    With `secret:` another node may be minting for the same consumer, and what appeared may be its work: fail (row 34).
    """
    candidates = yield from _candidates(listing, lost, known, again.spec)
    if wish.secret is not None:
        appeared = (
            f"Since then {', '.join(map(planning.describe, candidates))} appeared; if no other run made it, revoke it by id"
            if candidates
            else "No token has appeared since; one still may"
        )
        raise AnswerLost(f"{lost} {appeared}. Then run again.", token_id=lost.token_id) from None
    for token in candidates:
        yield Revoke(token.id)
    ended = {token.id for token in candidates}
    try:
        minted: Minted = yield Create(again.spec, again.expires_at)
    except AnswerLost as lost_again:
        rest = yield from _candidates(listing, lost_again, known | ended, again.spec)
        for token in rest:
            yield Revoke(token.id)
        raise AnswerLost(
            f"{lost_again} It was the second time. {_ended_in_words(rest)}Run again when the server is well.",
            token_id=lost_again.token_id,
        ) from None
    # The first one may have been carried out late, after the look.
    for token in (yield from _candidates(listing, lost, known | ended | {minted.token.id}, again.spec)):
        yield Revoke(token.id)
    return minted


def _candidates(listing: Listing, lost: AnswerLost, known: set[str], spec: MintSpec) -> Steps[list[Token]]:
    """What the lost mint may have made: new since the listing, as asked, and never used (row 23)."""
    now: Listing = yield Look()
    return [
        token
        for token in now.tokens
        if token.id not in known
        and token.live(now.at)
        and token.last_used_at is None
        and (token.created_at is None or token.created_at >= listing.at)
        and (token.id == lost.token_id or token.permissions >= spec.permissions)
    ]


def _ended_in_words(tokens: list[Token]) -> str:
    return f"What it made was revoked: {', '.join(token.id for token in tokens)}. " if tokens else ""


def _rotate(current: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool, terms: Terms) -> Steps[Minted]:
    try:
        minted: Minted = yield Rotate(current, spec, expires_at, own)
    except AnswerLost as lost:
        raise AnswerLost(
            f"{lost} The secret of token {current.id} may be dead by now. Look at the owner's tokens; where it was "
            "rotated, use rotation: successor to make another one.",
            token_id=lost.token_id,
        ) from None
    changes = planning.not_kept(spec, expires_at, minted.token, terms)
    if changes:
        # The old secret is dead: this one is the only one, whatever the server made of its date.
        raise Undelivered(
            f"{_what_to_declare(spec, changes)} A rotation cannot be undone; the new secret is in this hidden result.",
            minted,
        )
    return minted


def _undo(minted: Minted, error: TokensmithError) -> Steps[None]:
    """End what was just minted and nobody has yet, then fail with `error`."""
    try:
        yield Revoke(minted.token.id)
    except TokensmithError as trouble:
        raise Undelivered(
            f"{error} The new token {minted.token.id} could not be revoked ({trouble}); its secret is in this hidden result.",
            minted,
        ) from None
    raise type(error)(f"{error} The new token {minted.token.id} was revoked.") from None


def _update(wish: WantedToken, listing: Listing, judgement: Judgement, current: Token, terms: Terms) -> Steps[Outcome]:
    wanted = {name: change.wanted for name, change in judgement.changes.items()}
    token: Token = yield Update(current, wanted)
    left = planning.differences(wish, token, terms)
    if left:
        raise NotKept(_not_kept_in_words(left))
    return Outcome(
        action="update",
        reasons=judgement.reasons,
        now=listing.at,
        token=token,
        changes=judgement.changes,
        superseded=judgement.later,
    )


def _retire(wish: WantedToken, owner: Owner, listing: Listing, judgement: Judgement) -> Steps[Outcome]:
    """Nothing to mint: end what is due, or what was asked to go."""
    ended, spared, warnings = yield from _end(wish, owner, judgement.retire)
    if judgement.action == "revoke" and spared:
        raise SelfGuard(
            f"allow_self: token {', '.join(token.id for token in spared)} is the credential of this very run (or may be); "
            "allow_self: true revokes it all the same."
        )
    token = judgement.current
    if judgement.action == "revoke" and token is not None:
        token = replace(token, revoked=True)
    return Outcome(
        action=judgement.action if ended or not judgement.retire else "unchanged",
        reasons=judgement.reasons if ended else (),
        now=listing.at,
        token=token,
        retired=ended,
        superseded=(*judgement.later, *(Predecessor(each, None) for each in spared)),
        warnings=warnings,
    )


def _end(
    wish: WantedToken, owner: Owner, tokens: tuple[Token, ...]
) -> Steps[tuple[tuple[str, ...], tuple[Token, ...], tuple[str, ...]]]:
    """Revoke tokens, the run's own credential excepted (row 37): what was ended, what was spared, what to say of it."""
    if not tokens:
        return (), (), ()
    if not wish.allow_self:
        own = yield from _own_id(owner, tokens)
        spared = tuple(token for token in tokens if own in (token.id, _ANY))
    else:
        spared = ()
    ended = tuple(token.id for token in tokens if token not in spared)
    for token_id in ended:
        yield Revoke(token_id)
    warnings = tuple(
        f"Token {token.id} is the credential of this run (or may be), so it was left. allow_self: true retires it too."
        for token in spared
    )
    return ended, spared, warnings


#: The own credential is one of the owner's tokens, and which one cannot be found out.
_ANY = "*"


def _own_id(owner: Owner, tokens: tuple[Token, ...]) -> Steps[str | None]:
    try:
        own: str | None = yield WhoAmI()
    except Unsupported:
        # Only tokens of the caller's own can be its credential.
        return _ANY if owner.caller else None
    return own


def _guarded(wish: WantedToken, owner: Owner, judgement: Judgement) -> Steps[bool]:
    """Whether the token to be rotated in place is the run's own credential; refused unless allowed (row 36, 37)."""
    if not judgement.in_place or judgement.current is None:
        return False
    own = yield from _own_id(owner, (judgement.current,))
    if own not in (judgement.current.id, _ANY):
        return False
    if not wish.allow_self:
        raise SelfGuard(
            f"allow_self: token {judgement.current.id} is the credential of this very run (or may be). Rotated in place it "
            "is dead at once, and if this run is then killed nobody has its successor: use another credential, or say "
            "allow_self: true to accept that."
        )
    return own == judgement.current.id


def _what_to_declare(spec: MintSpec, changes: Mapping[str, Change]) -> str:
    return f"The server made something else of the wish: {_not_kept_in_words(changes)}"


def _not_kept_in_words(changes: Mapping[str, Change]) -> str:
    return " ".join(
        f"{name}: asked for {_shown(change.wanted)}, got {_shown(change.found)}; declare what the server keeps."
        for name, change in changes.items()
    )


def _shown(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if value is None:
        return "none"
    return (iso(value) or "") if hasattr(value, "tzinfo") else repr(value) if isinstance(value, str) else str(value)
