# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new secret for a token that is kept in a store: rows 8 to 14. Used by `custody` alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import comparing, planning
from ._custody_held import let_in, save, settle
from .effects import Create, Erase, Look, MakeSureOfTime, ReadPolicy, Reserve, Revoke, Undelivered, Verify, Write
from .errors import AnswerLost, NotKept, SecretUndecided, StoreError, TokensmithError
from .minting import guarded, rotate, undo, what_to_declare
from .record import Known, Window

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ._custody_held import Held
    from .effects import Listing, Steps
    from .minting import Terms
    from .planning import Judgement
    from .record import Place, Record
    from .tokens import Evidence, Minted, MintSpec, Owner, Policy, Token, WantedToken


def mint(
    wish: WantedToken,
    owner: Owner,
    held: Held,
    listing: Listing,
    judgement: Judgement,
    spec: MintSpec,
    terms: Terms,
    place: Place,
) -> Steps[tuple[Held, Minted]]:
    """Note, mint, verify, let in, settle. What may be retired then is not touched yet."""
    expires_at = terms.end(spec.expiry, listing.at)
    policy: Policy | None = yield ReadPolicy(expires_at)
    planning.refuse_by_policy(spec, policy, listing.at)
    own = yield from guarded(wish, owner, judgement)
    yield MakeSureOfTime()
    giving_way = [token.id for token in judgement.strangers]
    if judgement.current is not None:
        if judgement.in_place:
            held = _noting_current(held, judgement.current)
        else:
            giving_way.append(judgement.current.id)
    held = yield from open_window(held, listing, giving_way, place)
    minted = yield from _send(judgement, held, listing, spec, expires_at, own=own, terms=terms)
    held = yield from bring_in(held, minted, place, undoable=not judgement.in_place)
    yield from let_in(minted.secret, minted)
    held = yield from settle(wish, held, minted.secret, minted.token.id, listing, place)
    return held, minted


def _noting_current(held: Held, token: Token) -> Held:
    """Row 8: what is rotated in place is current, or its own new secret would make it an orphan where it keeps its id."""
    current = held.record.current
    if token.id in (held.child, current.id if current else None):
        return held
    return held.noting(replace(held.record, current=Known(token.id, "", token.updated_at)))


def open_window(held: Held, listing: Listing, giving_way: Collection[str], place: Place) -> Steps[Held]:
    """Row 8: what is there now is not ours to clean up; what appears from now on may be. Space is made sure of first."""
    window = held.record.window
    known = frozenset(token.id for token in listing.tokens if token.live(listing.at))
    # To the second: some servers show no more of when a token was made.
    start = listing.at.replace(microsecond=0)
    window = Window(start, known) if window is None else replace(window, end=None)
    record = replace(held.record.giving_way(giving_way), window=window)
    yield Reserve()
    yield from save(record, place)
    return replace(held, record=record, dirty=False, known=True)


def _send(
    judgement: Judgement,
    held: Held,
    listing: Listing,
    spec: MintSpec,
    expires_at: datetime | None,
    *,
    own: bool,
    terms: Terms,
) -> Steps[Minted]:
    """Row 10, and the comparison of what came of it with what was asked."""
    if judgement.in_place and judgement.current is not None:
        return (yield from rotate(judgement.current, spec, expires_at, own=own, terms=terms))
    create = Create(spec, expires_at)
    try:
        minted: Minted = yield create
    except AnswerLost:
        yield from _end_candidates(held.record, listing)
        try:
            minted = yield create
        except AnswerLost as lost:
            yield from _end_candidates(held.record, listing)
            raise AnswerLost(
                f"{lost} It was the second time. The next run looks again for what may still appear, and ends it.",
                token_id=lost.token_id,
            ) from None
    changes = comparing.not_kept(spec, expires_at, minted.token, terms)
    if changes:
        yield from undo(minted, NotKept(what_to_declare(spec, changes)))
    return minted


def _end_candidates(record: Record, listing: Listing) -> Steps[None]:
    """What a lost mint made, as far as it can be seen by now."""
    now: Listing = yield Look()
    spare = frozenset(token.id for token in listing.tokens)
    for token in record.orphans(now.tokens, now.at, spare=spare):
        yield Revoke(token.id)


def bring_in(held: Held, minted: Minted, place: Place, *, undoable: bool) -> Steps[Held]:
    """Rows 11 and 12: the new secret into `next`, and proof that it works, before consumers can see it."""
    known = Known(minted.token.id, place.fingerprint(minted.secret), minted.token.updated_at)
    # What became of one that was minted before may not be known: it is to go as well, once this one is there.
    before = held.record.minted
    record = replace(held.record.giving_way([before.id] if before else []), minted=known)
    try:
        yield from save(record, place)
        yield Write("next", minted.secret)
        evidence: Evidence = yield Verify(minted.secret)
        if evidence.verdict != "accepted":
            said = f": {evidence.detail}" if evidence.detail else ""
            raise SecretUndecided(f"The new secret was not accepted by the server ({evidence.verdict}{said}).")
    except TokensmithError as error:
        if not undoable:
            raise Undelivered(
                f"{error} A rotation in place cannot be undone; the new secret is in this hidden result.", minted
            ) from None
        yield from take_back(minted, error)
    return replace(held, record=record, next=minted.secret)


def take_back(minted: Minted, error: TokensmithError) -> Steps[None]:
    """Row 12: out of the store first. The next run would let in what it finds there while a revocation is on its way."""
    try:
        yield Erase("next")
    except StoreError as trouble:
        raise Undelivered(
            f"{error} The new token {minted.token.id} was left as it is, for the store may still hold its secret ({trouble}): "
            "the next run goes on from there. It is in this hidden result as well.",
            minted,
        ) from None
    # It was never in the entry, so nobody has it.
    yield from undo(minted, error)
