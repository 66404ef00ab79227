# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that every mint and every retirement has in common, with a store or without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from . import comparing
from .effects import Outcome, Revoke, Rotate, Undelivered, Update, WhoAmI
from .errors import AnswerLost, NotKept, SelfGuard, TokensmithError, Unsupported
from .lifetimes import iso

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .comparing import Change
    from .effects import Listing, Steps
    from .lifetimes import Expiry
    from .planning import Judgement
    from .redaction import Secret
    from .tokens import Evidence, Minted, MintSpec, Owner, Token, WantedToken

#: The own credential is one of the owner's tokens, and which one cannot be found out.
_ANY = "*"


class Terms(comparing.Terms, Protocol):
    """What the life cycle asks of a platform without a request."""

    def end(self, expiry: Expiry, now: datetime) -> datetime | None: ...

    def secret_id(self, secret: Secret) -> str | None: ...


def update(wish: WantedToken, listing: Listing, judgement: Judgement, current: Token, terms: Terms) -> Steps[Outcome]:
    wanted = {name: change.wanted for name, change in judgement.changes.items()}
    token: Token = yield Update(current, wanted)
    left = comparing.differences(wish, token, terms)
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


def rotate(current: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool, terms: Terms) -> Steps[Minted]:
    try:
        minted: Minted = yield Rotate(current, spec, expires_at, own)
    except AnswerLost as lost:
        raise AnswerLost(
            f"{lost} The secret of token {current.id} may be dead by now. Look at the owner's tokens; where it was "
            "rotated, use rotation: successor to make another one.",
            token_id=lost.token_id,
        ) from None
    changes = comparing.not_kept(spec, expires_at, minted.token, terms)
    if changes:
        # The old secret is dead: this one is the only one, whatever the server made of its date.
        raise Undelivered(
            f"{what_to_declare(spec, changes)} A rotation cannot be undone; the new secret is in this hidden result.",
            minted,
        )
    return minted


def undo(minted: Minted, error: TokensmithError) -> Steps[None]:
    """End what was just minted and nobody has yet, then fail with `error`."""
    try:
        yield Revoke(minted.token.id)
    except TokensmithError as trouble:
        raise Undelivered(
            f"{error} The new token {minted.token.id} could not be revoked ({trouble}); its secret is in this hidden result.",
            minted,
        ) from None
    raise type(error)(f"{error} The new token {minted.token.id} was revoked.") from None


def end(
    wish: WantedToken, owner: Owner, tokens: tuple[Token, ...]
) -> Steps[tuple[tuple[str, ...], tuple[Token, ...], tuple[str, ...]]]:
    """Revoke tokens, the run's own credential excepted (row 37): what was ended, what was spared, what to say of it."""
    spared, warnings = yield from spared_ids(wish, owner, tokens)
    ended = tuple(token.id for token in tokens if token not in spared)
    for token_id in ended:
        yield Revoke(token_id)
    return ended, spared, warnings


def spared_ids(
    wish: WantedToken, owner: Owner, tokens: tuple[Token, ...]
) -> Steps[tuple[tuple[Token, ...], tuple[str, ...]]]:
    """Those of the tokens that are, or may be, the run's own credential and so stay, and what to say of each."""
    if not tokens or wish.allow_self:
        return (), ()
    own = yield from own_id(owner, tokens)
    spared = tuple(token for token in tokens if own in (token.id, _ANY))
    warnings = tuple(
        f"Token {token.id} is the credential of this run (or may be), so it was left. allow_self: true retires it too."
        for token in spared
    )
    return spared, warnings


def guarded(wish: WantedToken, owner: Owner, judgement: Judgement) -> Steps[bool]:
    """Whether the token to be rotated in place is the run's own credential; refused unless allowed (row 36, 37)."""
    if not judgement.in_place or judgement.current is None:
        return False
    own = yield from own_id(owner, (judgement.current,))
    if own not in (judgement.current.id, _ANY):
        return False
    if not wish.allow_self:
        raise SelfGuard(
            f"allow_self: token {judgement.current.id} is the credential of this very run (or may be). Rotated in place it "
            "is dead at once, and if this run is then killed nobody has its successor: use another credential, or say "
            "allow_self: true to accept that."
        )
    return own == judgement.current.id


def own_id(owner: Owner, tokens: tuple[Token, ...]) -> Steps[str | None]:
    try:
        own: str | None = yield WhoAmI()
    except Unsupported:
        return _ANY
    return own


def is_elsewhere(evidence: Evidence, owner: Owner) -> bool:
    """Whether the secret is another owner's. A project's or group's token acts as a bot with an id of its own."""
    return owner.kind in ("user", "service_account") and evidence.owner_id not in (None, owner.id)


def what_to_declare(spec: MintSpec, changes: Mapping[str, Change]) -> str:
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
