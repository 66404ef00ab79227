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
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from . import planning
from .effects import (
    Create,
    Erase,
    Listing,
    Look,
    MakeSureOfTime,
    Now,
    Outcome,
    Promote,
    Read,
    ReadPolicy,
    Reserve,
    Revoke,
    Undelivered,
    Verify,
    Wait,
    Write,
)
from .errors import AnswerLost, NotKept, SecretUndecided, SelfGuard, StoreError, TokensmithError
from .minting import end, guarded, is_elsewhere, rotate, spared_ids, undo, update, what_to_declare
from .planning import SETTLE, Account, Holding, Judgement, Predecessor
from .record import Known, Place, Record, Window, parse_record
from .redaction import Secret

if TYPE_CHECKING:
    from .effects import Steps
    from .minting import Terms
    from .tokens import Evidence, Minted, MintSpec, Owner, Policy, Token, WantedToken

#: How long a store may give stale answers before what it says is taken for the truth (row 30).
_STALE_READ = 30.0


@dataclass(frozen=True, slots=True)
class _Held:
    """What the store held when it was read, and what was made of it since."""

    entry: Secret | None
    next: Secret | None
    record: Record
    #: whether there was a record at all
    known: bool
    #: whether something in the record has changed that is not written yet
    dirty: bool = False

    def noting(self, record: Record) -> _Held:
        return self if record == self.record else replace(self, record=record, dirty=True)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the entry turned out to be, and whether predecessors may be retired in this run."""

    holding: Holding
    may_retire: bool = True


def keep(wish: WantedToken, owner: Owner, terms: Terms, place: Place) -> Steps[Outcome]:
    """One run for one token with a store, under its lock. Raises a `TokensmithError`."""
    listing: Listing = yield Look()
    held = yield from _read(place)
    if wish.state == "absent":
        return (yield from _make_absent(wish, owner, listing, held, terms, place))
    held = yield from _finish_what_died(wish, held, listing, terms, place)
    held, proof, listing = yield from _prove(wish, owner, held, listing, terms, place)
    held, listing = yield from _end_orphans(held, listing, proof, place)
    account = Account(
        current=held.record.current.id if held.record.current else None,
        retiring=dict(held.record.retiring),
        may_retire=proof.may_retire,
    )
    judgement = planning.judge(wish, listing.tokens, proof.holding, terms, listing.at, account)
    held = _close_window(held, listing)
    if judgement.mint is not None:
        return (yield from _mint(wish, owner, held, proof, listing, judgement, judgement.mint, terms, place))
    if held.dirty:
        yield from _save(held.record, place)
    if judgement.action == "update" and judgement.current is not None:
        return (yield from update(wish, listing, judgement, judgement.current, terms))
    _record, ended, spared, warnings = yield from _retire(wish, owner, held.record, judgement.retire, place)
    return Outcome(
        action=judgement.action if ended or not judgement.retire else "unchanged",
        reasons=judgement.reasons if ended else (),
        now=listing.at,
        token=judgement.current,
        retired=ended,
        superseded=(*judgement.later, *(Predecessor(token, None) for token in spared)),
        warnings=(*_strangers_in_words(judgement), *warnings),
    )


# --- the store --------------------------------------------------------------------------------------------------------


def _read(place: Place) -> Steps[_Held]:
    """Row 7: entry, next, record, in this order."""
    entry: str | None = yield Read("entry")
    following: str | None = yield Read("next")
    record = parse_record((yield Read("record")), place)
    return _Held(
        entry=Secret(entry) if entry else None,
        next=Secret(following) if following else None,
        record=record or Record(),
        known=record is not None,
    )


def _save(record: Record, place: Place) -> Steps[None]:
    """Write the record and read it back: what follows relies on it."""
    text = record.to_json(place)
    yield Write("record", Secret(text))
    back: str | None = yield Read("record")
    if back != text:
        raise StoreError("store: the record was written, and reads back as something else. Nothing else was done.")


# --- what an earlier run left ---------------------------------------------------------------------------------------------


def _finish_what_died(wish: WantedToken, held: _Held, listing: Listing, terms: Terms, place: Place) -> Steps[_Held]:
    """Rows 16 to 19: roll forward what an earlier run had in hand."""
    record = held.record
    if record.window is not None and record.window.end is None:
        held = held.noting(replace(record, window=replace(record.window, end=listing.at + SETTLE)))
    if held.next is not None and held.next != held.entry:
        evidence: Evidence = yield Verify(held.next)
        if evidence.verdict == "undecided":
            _undecided("the secret on its way into the store", evidence)
        if evidence.verdict == "rejected":
            yield Erase("next")
            return replace(held, next=None)
        token_id = _id_of(held.next, evidence, held.record.minted, terms, place)
        if token_id is None or evidence.name not in (None, wish.name):
            raise SecretUndecided(
                "store: a secret on its way in works, and it cannot be told that it is this token's. Nothing was changed. "
                "Put it where it belongs, and empty that slot."
            )
        yield from _let_in(held.next)
        return (yield from _settle(wish, held, held.next, token_id, listing, place, also=()))
    if held.next is not None or _is_minted(held, place):
        # The entry is there already, and only the record is not written.
        entry = held.entry if held.entry is not None else Secret("")
        token_id = held.record.minted.id if held.record.minted else None
        if token_id is None:
            yield Erase("next")
            return replace(held, next=None)
        return (yield from _settle(wish, held, entry, token_id, listing, place, also=()))
    return held


def _is_minted(held: _Held, place: Place) -> bool:
    minted = held.record.minted
    return minted is not None and held.entry is not None and place.fingerprint(held.entry) == minted.fingerprint


def _id_of(secret: Secret, evidence: Evidence, known: Known | None, terms: Terms, place: Place) -> str | None:
    """Row 5: the id behind a secret that works."""
    told = evidence.id or terms.secret_id(secret)
    if told is None and known is not None and place.fingerprint(secret) == known.fingerprint:
        return known.id
    return told


# --- what the entry is ----------------------------------------------------------------------------------------------------


def _prove(
    wish: WantedToken, owner: Owner, held: _Held, listing: Listing, terms: Terms, place: Place
) -> Steps[tuple[_Held, _Proof, Listing]]:
    """Rows 7 and 26 to 32: whose secret the entry is."""
    current = held.record.current
    if held.entry is None:
        # Empty, or so the store says: never a reason to retire anything in this run.
        return held, _Proof(Holding("missing"), may_retire=False), listing
    mark = place.fingerprint(held.entry)
    if current is not None and mark == current.fingerprint:
        token = _find(listing, current.id)
        if token is not None and token.live(listing.at) and token.updated_at == current.changed:
            return held, _Proof(Holding("proven", current.id)), listing
    evidence: Evidence = yield Verify(held.entry)
    if evidence.verdict == "undecided":
        _undecided("the stored secret", evidence)
    if evidence.verdict == "rejected":
        return held, _Proof(Holding("rejected")), listing
    token_id = _id_of(held.entry, evidence, current, terms, place) or wish.id
    if evidence.name not in (None, wish.name) or is_elsewhere(evidence, owner):
        raise SecretUndecided(
            f"store: the stored secret works, and is that of token {evidence.name!r} (id {evidence.id}), not of "
            f"{wish.name!r} of {owner}. It is not overwritten. Give this token a key of its own."
        )
    if token_id is None:
        raise SecretUndecided(
            "store: the stored secret works, and the server does not tell which token it belongs to. Give the token's id."
        )
    if _find(listing, token_id) is None:
        # A list may lag behind: never mint or revoke on the strength of one (row 31).
        listing = yield Look()
    token = _find(listing, token_id)
    if token is None or not token.live(listing.at):
        raise SecretUndecided(
            f"store: the stored secret works and is that of token {token_id}, which is not among the live tokens named "
            f"{wish.name!r} of {owner} that this credential is shown. Nothing was changed."
        )
    return (yield from _adopt(wish, held, held.entry, token, listing, place))


def _adopt(
    wish: WantedToken, held: _Held, entry: Secret, token: Token, listing: Listing, place: Place
) -> Steps[tuple[_Held, _Proof, Listing]]:
    """The entry is the truth about which token is current; the record follows (row 30 where they disagree)."""
    before = held.record.current
    record = held.record.without(token.id)
    surprising = before is not None and before.id != token.id
    if surprising and before is not None:
        yield Wait(_STALE_READ)
        again: str | None = yield Read("entry")
        if again != entry.reveal():
            raise StoreError("store: the entry changed while it was looked at. Nothing was changed; run again.")
        record = record.retire_later([before.id], wish.overlap.after(listing.at))
    record = replace(record, current=Known(token.id, place.fingerprint(entry), token.updated_at))
    held = replace(held.noting(record), known=True)
    return held, _Proof(Holding("proven", token.id), may_retire=not surprising), listing


# --- orphans, windows, predecessors -----------------------------------------------------------------------------------------


def _end_orphans(held: _Held, listing: Listing, proof: _Proof, place: Place) -> Steps[tuple[_Held, Listing]]:
    """Row 23: what a mint of ours left behind, and nothing else."""
    spare = frozenset({proof.holding.token_id}) if proof.holding.token_id else frozenset()
    orphans = held.record.orphans(listing.tokens, listing.at, spare=spare)
    for token in orphans:
        yield Revoke(token.id)
    ended = {token.id for token in orphans}
    listing = Listing(tuple(token for token in listing.tokens if token.id not in ended), listing.at)
    minted = held.record.minted
    if minted is not None and minted.id not in spare:
        held = held.noting(replace(held.record, minted=None))
    return held, listing


def _close_window(held: _Held, listing: Listing) -> _Held:
    """Row 20: nothing of a mint can appear any more, and nothing of it is left."""
    window = held.record.window
    if window is not None and window.end is not None and listing.at >= window.end:
        held = held.noting(replace(held.record, window=None))
    return held


def _retire(
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
        yield from _save(record, place)
    return record, tuple(ended), spared, warnings


# --- a new secret -----------------------------------------------------------------------------------------------------------


def _mint(
    wish: WantedToken,
    owner: Owner,
    held: _Held,
    proof: _Proof,
    listing: Listing,
    judgement: Judgement,
    spec: MintSpec,
    terms: Terms,
    place: Place,
) -> Steps[Outcome]:
    """Rows 8 to 14: note, mint, verify, let in, settle; then retire what is due."""
    policy: Policy | None = yield ReadPolicy()
    planning.refuse_by_policy(spec, policy, listing.at)
    own = yield from guarded(wish, owner, judgement)
    yield MakeSureOfTime()
    held = yield from _open_window(held, listing, place)
    expires_at = terms.end(spec.expiry, listing.at)
    minted = yield from _send(judgement, held, listing, spec, expires_at, own=own, terms=terms, place=place)
    held = yield from _bring_in(held, minted, place, undoable=not judgement.in_place)
    yield from _let_in(minted.secret, minted)
    before = [judgement.current.id] if judgement.current is not None and not judgement.in_place else []
    also = [*before, *(token.id for token in judgement.strangers)]
    held = yield from _settle(
        wish, held, minted.secret, minted.token.id, listing, place, also=also, minted=minted.token
    )
    now: datetime = yield Now()
    dates = dict(held.record.retiring)
    may_retire = proof.may_retire and proof.holding.state == "proven"
    due = tuple(
        token
        for token in listing.tokens
        if may_retire
        and token.live(now)
        and token.id in dates
        and dates[token.id] <= now
        and token not in judgement.strangers
    )
    record, ended, _spared, warnings = yield from _retire(wish, owner, held.record, due, place)
    dates = dict(record.retiring)
    return Outcome(
        action=judgement.action,
        reasons=judgement.reasons,
        now=listing.at,
        token=minted.token,
        before=judgement.current,
        secret=minted.secret if wish.return_secret else None,
        changes=judgement.changes,
        spec=spec,
        retired=ended,
        superseded=tuple(Predecessor(token, dates[token.id]) for token in listing.tokens if token.id in dates),
        warnings=warnings,
        stored=True,
    )


def _open_window(held: _Held, listing: Listing, place: Place) -> Steps[_Held]:
    """Row 8: what is there now is not ours to clean up; what appears from now on may be. Space is made sure of first."""
    window = held.record.window
    known = frozenset(token.id for token in listing.tokens if token.live(listing.at))
    window = Window(listing.at, known) if window is None else replace(window, end=None)
    record = replace(held.record, window=window)
    yield Reserve()
    yield from _save(record, place)
    return replace(held, record=record, dirty=False, known=True)


def _send(
    judgement: Judgement,
    held: _Held,
    listing: Listing,
    spec: MintSpec,
    expires_at: datetime | None,
    *,
    own: bool,
    terms: Terms,
    place: Place,
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
    changes = planning.not_kept(spec, expires_at, minted.token, terms)
    if changes:
        yield from undo(minted, NotKept(what_to_declare(spec, changes)))
    return minted


def _end_candidates(record: Record, listing: Listing) -> Steps[None]:
    """What a lost mint made, as far as it can be seen by now."""
    now: Listing = yield Look()
    spare = frozenset(token.id for token in listing.tokens)
    for token in record.orphans(now.tokens, now.at, spare=spare):
        yield Revoke(token.id)


def _bring_in(held: _Held, minted: Minted, place: Place, *, undoable: bool) -> Steps[_Held]:
    """Rows 11 and 12: the new secret into `next`, and proof that it works, before consumers can see it."""
    known = Known(minted.token.id, place.fingerprint(minted.secret), minted.token.updated_at)
    record = replace(held.record, minted=known)
    try:
        yield from _save(record, place)
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
        # It was never in the entry, so nobody has it.
        try:
            yield from undo(minted, error)
        finally:
            yield from _try_to_erase_next()
    return replace(held, record=record, next=minted.secret)


def _try_to_erase_next() -> Steps[None]:
    try:
        yield Erase("next")
    except TokensmithError:
        # The next run finds it rejected and clears it.
        return


def _let_in(secret: Secret, minted: Minted | None = None) -> Steps[None]:
    """Row 13: `entry` := `next`. From here on the new token is never revoked: the store may give its secret out."""
    try:
        yield Promote(secret)
        back: str | None = yield Read("entry")
        if back != secret.reveal():
            raise StoreError("store: the entry was written, and reads back as something else.")
    except StoreError as error:
        if minted is None:
            raise
        raise Undelivered(
            f"{error} The old and the new token both stay live; the next run goes on from there. The new secret is in this "
            "hidden result.",
            minted,
        ) from None


def _settle(
    wish: WantedToken,
    held: _Held,
    secret: Secret,
    token_id: str,
    listing: Listing,
    place: Place,
    *,
    also: list[str] | tuple[str, ...],
    minted: Token | None = None,
) -> Steps[_Held]:
    """Row 14: the record follows the entry; what the entry gave out before is to be retired after its overlap."""
    now: datetime = yield Now()
    token = minted or _find(listing, token_id)
    before = {*also, *([held.record.current.id] if held.record.current else [])} - {token_id}
    window = held.record.window
    record = replace(
        held.record.without(token_id).retire_later(sorted(before), wish.overlap.after(now)),
        current=Known(token_id, place.fingerprint(secret), token.updated_at if token else None),
        minted=None,
        window=None if window is None else replace(window, end=now + SETTLE),
    )
    yield from _save(record, place)
    yield Erase("next")
    return _Held(entry=secret, next=None, record=record, known=True)


# --- absent -----------------------------------------------------------------------------------------------------------------


def _make_absent(
    wish: WantedToken, owner: Owner, listing: Listing, held: _Held, terms: Terms, place: Place
) -> Steps[Outcome]:
    """Row 33: revoke what is ours, and when the list shows none of it any more, erase what the store holds."""
    live = [token for token in listing.tokens if token.live(listing.at)]
    ours = yield from _ours(wish, owner, held, listing, terms, place)
    strangers = [token for token in live if token.id not in ours]
    if strangers and wish.duplicates == "fail" and wish.id is None:
        planning.refuse_strangers(wish, strangers)
    chosen = [token for token in live if wish.id is None or token.id == wish.id]
    ended, spared, warnings = yield from end(wish, owner, tuple(chosen))
    if spared:
        raise SelfGuard(
            f"allow_self: token {', '.join(token.id for token in spared)} is the credential of this very run (or may be); "
            "allow_self: true revokes it all the same."
        )
    after: Listing = (yield Look()) if ended else listing
    left = [token for token in after.tokens if token.live(after.at) and token.id not in ended]
    erased = False
    if not left and (held.entry or held.next or held.known):
        for slot in ("next", "entry", "record"):
            yield Erase(slot)
        erased = True
    token = replace(chosen[-1], revoked=True) if chosen else None
    return Outcome(
        action="revoke" if ended or erased else "unchanged",
        reasons=("requested",) if ended or erased else (),
        now=listing.at,
        token=token,
        retired=ended,
        warnings=warnings,
    )


def _ours(
    wish: WantedToken, owner: Owner, held: _Held, listing: Listing, terms: Terms, place: Place
) -> Steps[set[str]]:
    """Ids that the record, its window or the stored secret itself account for."""
    record = held.record
    ours = {token_id for token_id, _after in record.retiring}
    ours |= {known.id for known in (record.current, record.minted) if known is not None}
    ours |= {token.id for token in record.orphans(listing.tokens, listing.at, spare=frozenset())}
    live = [token for token in listing.tokens if token.live(listing.at)]
    if held.entry is not None and any(token.id not in ours for token in live):
        evidence: Evidence = yield Verify(held.entry)
        if evidence.verdict == "accepted" and evidence.name in (None, wish.name) and not is_elsewhere(evidence, owner):
            told = _id_of(held.entry, evidence, record.current, terms, place)
            ours |= {told} if told else set()
    return ours


# --- words ------------------------------------------------------------------------------------------------------------------


def _find(listing: Listing, token_id: str) -> Token | None:
    return next((token for token in listing.tokens if token.id == token_id), None)


def _undecided(what: str, evidence: Evidence) -> NoReturn:
    raise SecretUndecided(
        f"store: whether {what} works could not be found out: {evidence.detail}. Nothing was changed."
    )


def _strangers_in_words(judgement: Judgement) -> tuple[str, ...]:
    if not judgement.strangers:
        return ()
    return (
        f"There are live tokens of the same name that are none of ours: "
        f"{', '.join(map(planning.describe, judgement.strangers))}. They are left alone.",
    )
