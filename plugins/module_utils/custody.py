# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one token whose secret is kept in a store: the whole state machine.

The store has three slots for a token: `entry` (K: the bare secret, what consumers read), `next` (a secret on its way in)
and `record` (see `record`). What holds at every moment, whatever dies or is lost: once `entry` held a working secret, it or
`next` holds one. Three laws carry that:

  `entry` only ever gets a secret that was minted and verified by this run, or `next`;
  an old secret is never put back;
  what `entry` or `next` may still give out is never revoked.

Rows mentioned in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from . import choosing, comparing, planning
from ._custody_absent import make_absent
from ._custody_held import STALE_READ, find, id_of, let_in, read_held, save, settle
from ._custody_mint import mint
from .choosing import SETTLE, Account, Holding, Predecessor
from .effects import Erase, Listing, Look, Now, Outcome, Read, Revoke, Verify, Wait
from .errors import SecretUndecided, StoreError
from .minting import is_elsewhere, spared_ids, update
from .record import Known
from .redaction import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from ._custody_held import Held
    from .effects import Steps
    from .minting import Terms
    from .planning import Judgement
    from .record import Place, Record
    from .tokens import Evidence, MintSpec, Owner, Token, WantedToken


@dataclass(frozen=True, slots=True)
class Proof:
    """What the entry turned out to be, and whether predecessors may be retired in this run."""

    holding: Holding
    may_retire: bool = True


def keep(wish: WantedToken, owner: Owner, terms: Terms, place: Place) -> Steps[Outcome]:
    """One run for one token with a store, under its lock. Raises a `TokensmithError`."""
    listing: Listing = yield Look()
    held = yield from read_held(place)
    if wish.state == "absent":
        return (yield from make_absent(wish, owner, listing, held, terms, place))
    held = yield from _finish_what_died(wish, held, listing, terms, place)
    held, proof, listing = yield from prove(wish, owner, held, listing, terms, place)
    held = _note_child(wish, held, proof, listing, terms)
    held, listing = yield from _end_orphans(held, listing, proof, place)
    held = _forget(held, listing)
    if held.dirty:
        # Also where what follows is refused: windows have to close, whatever else is in the way.
        yield from save(held.record, place)
    account = Account(
        current=held.child or (held.record.current.id if held.record.current else None),
        retiring=dict(held.record.retiring),
        may_retire=proof.may_retire,
    )
    judgement = planning.judge(wish, listing.tokens, proof.holding, terms, listing.at, account)
    if judgement.mint is not None:
        return (yield from _renew(wish, owner, held, proof, listing, judgement, judgement.mint, terms, place))
    return (yield from _leave(wish, owner, held, listing, judgement, terms, place))


def _leave(
    wish: WantedToken, owner: Owner, held: Held, listing: Listing, judgement: Judgement, terms: Terms, place: Place
) -> Steps[Outcome]:
    """Nothing to mint: change what can be changed, retire what is due."""
    outcome = Outcome(action="unchanged", now=listing.at, token=judgement.current)
    if judgement.action == "update" and judgement.current is not None:
        outcome = yield from update(wish, listing, judgement, judgement.current, terms)
    record, later = held.record, judgement.later
    if judgement.strangers and wish.duplicates == "keep_newest":
        # Row 25: not in this run.
        after = wish.overlap.after(listing.at)
        record = record.retire_later((token.id for token in judgement.strangers), after)
        yield from save(record, place)
        later = (*later, *(Predecessor(token, after) for token in judgement.strangers))
    _record, ended, spared, warnings = yield from retire(wish, owner, record, judgement.retire, place)
    if ended and outcome.action == "unchanged":
        outcome = replace(outcome, action="retire", reasons=judgement.reasons)
    return replace(
        outcome,
        retired=ended,
        superseded=(*later, *(Predecessor(token, None) for token in spared)),
        warnings=(*_strangers_in_words(wish, judgement), *warnings),
    )


def _renew(
    wish: WantedToken,
    owner: Owner,
    held: Held,
    proof: Proof,
    listing: Listing,
    judgement: Judgement,
    spec: MintSpec,
    terms: Terms,
    place: Place,
) -> Steps[Outcome]:
    """A new secret; then what is due is retired, but only by a run that has seen the old one work."""
    held, minted = yield from mint(wish, owner, held, listing, judgement, spec, terms, place)
    now = yield Now()
    dates = dict(held.record.retiring)
    may_retire = proof.may_retire and proof.holding.state == "proven"
    gone = (judgement.current,) if judgement.in_place else ()
    due = tuple(
        token
        for token in listing.tokens
        if may_retire
        and token.live(now)
        and token not in (*judgement.strangers, *gone)
        and _is_due(dates.get(token.id), now)
    )
    record, ended, _spared, warnings = yield from retire(wish, owner, held.record, due, place)
    dates = dict(record.retiring)
    return Outcome(
        action=judgement.action,
        before=judgement.current,
        reasons=judgement.reasons,
        now=listing.at,
        token=minted.token,
        secret=minted.secret if wish.return_secret else None,
        changes=judgement.changes,
        spec=spec,
        retired=ended,
        superseded=tuple(Predecessor(token, dates[token.id]) for token in listing.tokens if token.id in dates),
        warnings=warnings,
        stored=True,
    )


def _is_due(after: datetime | None, now: datetime) -> bool:
    return after is not None and after <= now


# --- what an earlier run left ---------------------------------------------------------------------------------------------


def _finish_what_died(wish: WantedToken, held: Held, listing: Listing, terms: Terms, place: Place) -> Steps[Held]:
    """Rows 16 to 19: roll forward what an earlier run had in hand."""
    record = held.record
    if record.window is not None and record.window.end is None:
        held = held.noting(replace(record, window=replace(record.window, end=listing.at + SETTLE)))
    if held.next is not None and held.next != held.entry:
        evidence = yield from _believe(held.next, held.entry)
        if evidence.verdict == "undecided":
            _undecided("the secret on its way into the store", evidence)
        if evidence.verdict == "rejected":
            yield Erase("next")
            return replace(held, next=None)
        token_id = id_of(held.next, evidence, held.record.minted, terms, place)
        if token_id is None or evidence.name not in (None, wish.name):
            raise SecretUndecided(
                "store: a secret on its way in works, and it cannot be told that it is this token's. Nothing was changed. "
                "Put it where it belongs, and empty that slot."
            )
        yield from let_in(held.next)
        return (yield from settle(wish, held, held.next, token_id, listing, place))
    minted = held.record.minted
    if minted is not None and held.entry is not None and place.fingerprint(held.entry) == minted.fingerprint:
        # The entry is there already, and only the record is not written.
        return (yield from settle(wish, held, held.entry, minted.id, listing, place))
    if held.next is not None:
        yield Erase("next")
    return replace(held, next=None)


def _believe(following: Secret, entry: Secret | None) -> Steps[Evidence]:
    """Row 17. If a two-step replacement of the entry was cut short, this is all there is: ask twice before it goes."""
    evidence: Evidence = yield Verify(following)
    if evidence.verdict == "rejected" and entry is None:
        yield Wait(STALE_READ)
        evidence = yield Verify(following)
    return evidence


# --- what the entry is ----------------------------------------------------------------------------------------------------


def prove(
    wish: WantedToken, owner: Owner, held: Held, listing: Listing, terms: Terms, place: Place
) -> Steps[tuple[Held, Proof, Listing]]:
    """Rows 7 and 26 to 32: whose secret the entry is."""
    current = held.record.current
    if held.entry is None:
        # Empty, or so the store says: never a reason to retire anything in this run.
        return held, Proof(Holding("missing"), may_retire=False), listing
    mark = place.fingerprint(held.entry)
    if current is not None and mark == current.fingerprint:
        token = find(listing, current.id)
        if token is not None and token.live(listing.at) and token.updated_at == current.changed:
            return held, Proof(Holding("proven", current.id)), listing
    evidence: Evidence = yield Verify(held.entry)
    if evidence.verdict == "undecided":
        _undecided("the stored secret", evidence)
    if evidence.verdict == "rejected":
        return held, Proof(Holding("rejected")), listing
    token_id = id_of(held.entry, evidence, current, terms, place) or wish.id
    if evidence.name not in (None, wish.name) or is_elsewhere(evidence, owner):
        raise SecretUndecided(
            f"store: the stored secret works, and is that of token {evidence.name!r} (id {evidence.id}), not of "
            f"{wish.name!r} of {owner}. It is not overwritten. Give this token a key of its own."
        )
    if token_id is None:
        raise SecretUndecided(
            "store: the stored secret works, and the server does not tell which token it belongs to. Give the token's id."
        )
    if find(listing, token_id) is None:
        # A list may lag behind: never mint or revoke on the strength of one (row 31).
        listing = yield Look()
    token = find(listing, token_id)
    if token is None or not token.live(listing.at):
        raise SecretUndecided(
            f"store: the stored secret works and is that of token {token_id}, which is not among the live tokens named "
            f"{wish.name!r} of {owner} that this credential is shown. Nothing was changed."
        )
    return (yield from _adopt(wish, held, held.entry, token, listing, place))


def _adopt(
    wish: WantedToken, held: Held, entry: Secret, token: Token, listing: Listing, place: Place
) -> Steps[tuple[Held, Proof, Listing]]:
    """The entry is the truth about which token is current; the record follows (row 30 where they disagree)."""
    before = held.record.current
    record = held.record.without(token.id)
    surprising = before is not None and before.id != token.id
    if surprising and before is not None:
        yield Wait(STALE_READ)
        again: str | None = yield Read("entry")
        if again != entry.reveal():
            raise StoreError("store: the entry changed while it was looked at. Nothing was changed; run again.")
        record = record.retire_later([before.id], wish.overlap.after(listing.at))
    record = replace(record, current=Known(token.id, place.fingerprint(entry), token.updated_at))
    held = replace(held.noting(record), known=True)
    return held, Proof(Holding("proven", token.id), may_retire=not surprising), listing


# --- orphans, windows, predecessors -----------------------------------------------------------------------------------------


def _note_child(wish: WantedToken, held: Held, proof: Proof, listing: Listing, terms: Terms) -> Held:
    """Row 36: what a rotation in place made, whose answer nobody got. It is minted, by an empty fingerprint: nobody's."""
    record = held.record
    before = None if record.current is None else find(listing, record.current.id)
    if wish.rotation != "in_place" or proof.holding.state != "rejected" or (before and before.live(listing.at)):
        return held
    window = record.window
    over = window is None or (window.end is not None and listing.at >= window.end)
    if over and record.minted is None:
        # That rotation was brought to its end: whatever appeared meanwhile is no child of it.
        return held
    children = record.orphans(listing.tokens, listing.at, spare=frozenset())
    if len(children) != 1 or terms.capabilities.rotation_keeps_id:
        return held
    child = children[0]
    if not comparing.differences(wish, child, terms).keys() <= {"expiry"}:
        # It will not be rotated but replaced, and so is an orphan.
        return held
    if record.minted is not None and record.minted.id == child.id:
        return replace(held, child=child.id)
    return replace(held.noting(replace(record, minted=Known(child.id, "", child.updated_at))), child=child.id)


def _end_orphans(held: Held, listing: Listing, proof: Proof, place: Place) -> Steps[tuple[Held, Listing]]:
    """Row 23: what a mint of ours left behind, and nothing else."""
    spare = frozenset(filter(None, (proof.holding.token_id, held.child)))
    orphans = held.record.orphans(listing.tokens, listing.at, spare=spare)
    ended = {token.id for token in orphans}
    minted = held.record.minted
    if minted is not None and minted.id in ended:
        if minted.fingerprint:
            yield from _make_sure_that_nobody_has(minted, place)
        held = held.noting(replace(held.record, minted=None))
    for token in orphans:
        yield Revoke(token.id)
    return held, replace(listing, tokens=tuple(token for token in listing.tokens if token.id not in ended))


def _make_sure_that_nobody_has(minted: Known, place: Place) -> Steps[None]:
    """Row 2: this one's secret was on its way into the store, and what was read there may be of the past."""
    yield Wait(STALE_READ)
    entry: str | None = yield Read("entry")
    following: str | None = yield Read("next")
    if following is not None or (entry is not None and place.fingerprint(Secret(entry)) == minted.fingerprint):
        raise StoreError("store: it does not give the same answer twice. Nothing was changed; run again.")


def _forget(held: Held, listing: Listing) -> Held:
    """Row 20: nothing of a mint can appear any more, and nothing of it is left; nor of predecessors that were due."""
    record, minted = held.record.without_gone(listing.tokens, listing.at), held.record.minted
    window = record.window
    if window is not None and (window.end is None or listing.at < window.end):
        return held.noting(record)
    token = None if minted is None else find(listing, minted.id)
    left = minted if token is not None and token.live(listing.at) else None
    return held.noting(replace(record.closed(), minted=left))


def retire(
    wish: WantedToken, owner: Owner, record: Record, due: tuple[Token, ...], place: Place
) -> Steps[tuple[Record, tuple[str, ...], tuple[Token, ...], tuple[str, ...]]]:
    """Row 15: end predecessors, each only while the store gives out the secret of the current token."""
    if not due or record.current is None:
        return record, (), (), ()
    spared, warnings = yield from spared_ids(wish, owner, due)
    ended: list[str] = []
    for token in due:
        if token in spared:
            continue
        entry: str | None = yield Read("entry")
        if not entry or place.fingerprint(Secret(entry)) != record.current.fingerprint:
            warnings = (*warnings, "The store's entry changed meanwhile, so nothing more was retired in this run.")
            break
        yield Revoke(token.id)
        ended.append(token.id)
        record = record.without(token.id)
        yield from save(record, place)
    return record, tuple(ended), spared, warnings


# --- words ------------------------------------------------------------------------------------------------------------


def _undecided(what: str, evidence: Evidence) -> NoReturn:
    raise SecretUndecided(
        f"store: whether {what} works could not be found out: {evidence.detail}. Nothing was changed."
    )


def _strangers_in_words(wish: WantedToken, judgement: Judgement) -> tuple[str, ...]:
    if not judgement.strangers or wish.duplicates == "keep_newest":
        return ()
    return (
        f"There are live tokens of the same name that are none of ours: "
        f"{', '.join(map(choosing.describe, judgement.strangers))}. They are left alone.",
    )
