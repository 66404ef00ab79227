# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with one rule taken out at a time. A simulation that does not notice proves nothing.

Each function takes one rule of docs/lifecycle.md out; its row is in the first line.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.tokensmith.access.plugins.module_utils import (
    _custody_absent,
    _custody_held,
    _custody_mint,
    choosing,
    custody,
    planning,
)
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Erase, Revoke, Undelivered, Verify, Write
from ansible_collections.tokensmith.access.plugins.module_utils.errors import SecretUndecided, TokensmithError
from ansible_collections.tokensmith.access.plugins.module_utils.record import Known, Record, Window

if TYPE_CHECKING:
    import pytest


def no_window(patch: pytest.MonkeyPatch) -> None:
    """Row 23: only what the record names is ours, not what appeared inside the window."""
    patch.setattr(Record, "_is_ours", lambda self, token, _now: self.minted is not None and token.id == self.minted.id)


def newest_is_kept(patch: pytest.MonkeyPatch) -> None:
    """Rows 23 and 25: no window, and keep_newest keeps the newest rather than the proven one."""
    no_window(patch)
    real = planning.scene_by_account

    def scene(wish: Any, live: Any, holding: Any, account: Any, now: Any) -> Any:
        if wish.duplicates == "keep_newest" and holding.state == "proven":
            holding = replace(holding, token_id=live[-1].id)
        return real(wish, live, holding, account, now)

    patch.setattr(planning, "scene_by_account", scene)


def entry_before_verification(patch: pytest.MonkeyPatch) -> None:
    """Rows 12 and 13: consumers get the new secret before it is known to work, and it is revoked if it does not."""
    let_in = _custody_mint.let_in

    def bring_in(held: Any, minted: Any, place: Any, *, undoable: bool) -> Any:
        record = replace(held.record, minted=_known(minted, place))
        yield from _custody_mint.save(record, place)
        yield Write("next", minted.secret)
        yield from let_in(minted.secret, minted)
        evidence = yield Verify(minted.secret)
        if evidence.verdict != "accepted":
            yield from _custody_mint.undo(minted, SecretUndecided("The new secret was not accepted."))
        return replace(held, record=record, next=minted.secret)

    patch.setattr(_custody_mint, "bring_in", bring_in)
    patch.setattr(_custody_mint, "let_in", _nothing)


def revoked_after_a_failed_write(patch: pytest.MonkeyPatch) -> None:
    """Row 13: what could not be written for certain is revoked."""
    real = _custody_mint.let_in

    def let_in(secret: Any, minted: Any) -> Any:
        try:
            yield from real(secret, minted)
        except Undelivered:
            yield Revoke(minted.token.id)
            raise

    patch.setattr(_custody_mint, "let_in", let_in)


def entry_is_not_read_back(patch: pytest.MonkeyPatch) -> None:
    """Row 13, the other way round: an error of the store is taken for a success."""
    real = _custody_mint.let_in

    def let_in(secret: Any, minted: Any) -> Any:
        try:
            yield from real(secret, minted)
        except Undelivered:
            return

    patch.setattr(_custody_mint, "let_in", let_in)


def used_ones_too(patch: pytest.MonkeyPatch) -> None:
    """Row 23: an orphan need not be unused."""
    real = Record._is_ours
    patch.setattr(Record, "_is_ours", lambda self, token, now: real(self, replace(token, last_used_at=None), now))


def everything_unknown_is_ours(patch: pytest.MonkeyPatch) -> None:
    """Rows 23 and 25: whatever the record does not explain is taken for an orphan."""
    patch.setattr(Record, "_is_ours", lambda _self, _token, _now: True)


def no_next(patch: pytest.MonkeyPatch) -> None:
    """Row 11: the new secret is nowhere until it is in the entry."""

    def bring_in(held: Any, minted: Any, place: Any, *, undoable: bool) -> Any:
        record = replace(held.record, minted=_known(minted, place))
        yield from _custody_mint.save(record, place)
        yield Verify(minted.secret)
        return replace(held, record=record)

    patch.setattr(_custody_mint, "bring_in", bring_in)


def record_without_fingerprints(patch: pytest.MonkeyPatch) -> None:
    """Row 5: only the server tells whose a secret is."""

    def id_of(secret: Any, evidence: Any, _known: Any, terms: Any, _place: Any) -> str | None:
        told: str | None = evidence.id or terms.secret_id(secret)
        return told

    patch.setattr(custody, "id_of", id_of)
    patch.setattr(Record, "to_json", _without_fingerprints(Record.to_json))


def one_date_for_all(patch: pytest.MonkeyPatch) -> None:
    """Row 14: the overlap of every predecessor is counted from the newest successor."""
    real = Record.succeeded_by

    def succeeded_by(self: Record, token_id: str, after: datetime) -> Record:
        record = real(self, token_id, after)
        return replace(record, retiring=tuple((each, after) for each, _date in record.retiring))

    patch.setattr(Record, "succeeded_by", succeeded_by)


def no_overlap(patch: pytest.MonkeyPatch) -> None:
    """Row 14: predecessors are due at once."""
    real = Record.succeeded_by
    patch.setattr(Record, "succeeded_by", lambda self, token_id, after: real(self, token_id, after - timedelta(days=1)))


def retired_by_the_minting_run(patch: pytest.MonkeyPatch) -> None:
    """Row 34: overlap 0 is taken at its word although a secret was presented."""
    real = planning._judge_mint

    def judge_mint(wish: Any, current: Any, *rest: Any) -> Any:
        return replace(real(wish, current, *rest), retire_after_mint=(current,))

    patch.setattr(planning, "_judge_mint", judge_mint)


def strangers_may_be_young(patch: pytest.MonkeyPatch) -> None:
    """Row 34: what is not recorded is retired however young it is."""
    patch.setattr(choosing, "SETTLE", timedelta(0))


def children_are_orphans(patch: pytest.MonkeyPatch) -> None:
    """Row 36: what a rotation in place left is revoked, and its family with it."""
    patch.setattr(custody, "_note_child", lambda _wish, held, *_rest: held)


def revoked_before_it_is_out_of_the_store(patch: pytest.MonkeyPatch) -> None:
    """Row 12: the new token is revoked first, then its secret is taken out of the store."""

    def take_back(minted: Any, error: Any) -> Any:
        yield Revoke(minted.token.id)
        yield Erase("next")
        raise error

    patch.setattr(_custody_mint, "take_back", take_back)


def store_is_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    """Row 2: a minted token is revoked on the strength of one look into the store."""
    patch.setattr(custody, "_make_sure_that_nobody_has", _nothing)


def first_refusal_counts(patch: pytest.MonkeyPatch) -> None:
    """Row 17: what is on its way in is cleared at the first refusal, whatever is in the entry."""
    patch.setattr(custody, "_believe", lambda secret, _entry: (yield Verify(secret)))


def window_to_the_millisecond(patch: pytest.MonkeyPatch) -> None:
    """Row 8: the window begins at the very moment of the list."""

    def window(start: datetime, known: frozenset[str], end: datetime | None = None) -> Window:
        return Window(start + timedelta(milliseconds=1), known, end)

    patch.setattr(_custody_mint, "Window", window)


def no_settling_time(patch: pytest.MonkeyPatch) -> None:
    """Rows 14, 19 and 20: a window is closed as soon as its mint is over."""
    for module in (custody, _custody_held):
        patch.setattr(module, "SETTLE", timedelta(0))


def change_is_taken_from_the_list(patch: pytest.MonkeyPatch) -> None:
    """Rows 7 and 14: what the server shows now, not what it showed at the mint, is taken for the current secret's."""
    real = custody.settle

    def settle(wish: Any, held: Any, secret: Any, token_id: str, listing: Any, place: Any) -> Any:
        token = next((each for each in listing.tokens if each.id == token_id), None)
        minted = held.record.minted
        if minted is not None and token is not None:
            held = replace(held, record=replace(held.record, minted=replace(minted, changed=token.updated_at)))
        return (yield from real(wish, held, secret, token_id, listing, place))

    patch.setattr(custody, "settle", settle)


def those_who_give_way_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Row 8: only the run that mints knows which tokens are to go besides the current one."""
    real = _custody_mint.open_window
    patch.setattr(_custody_mint, "open_window", lambda held, listing, _ids, place: real(held, listing, (), place))


def nothing_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Row 20: what is gone stays in the record."""
    patch.setattr(Record, "without_gone", lambda self, _tokens, _now: self)


def refused_runs_save_nothing(patch: pytest.MonkeyPatch) -> None:
    """Row 19: a run that then refuses to mint leaves the window of the dead one open."""
    patch.setattr(custody, "save", _nothing)


def absent_erases_the_record(patch: pytest.MonkeyPatch) -> None:
    """Row 33: all that the store has goes at once, whatever may still appear."""

    def erase(held: Any, _listing: Any, _place: Any) -> Any:
        for slot in ("next", "entry", "record"):
            yield Erase(slot)
        return held.entry is not None

    patch.setattr(_custody_absent, "_erase", erase)


def missing_is_proof(patch: pytest.MonkeyPatch) -> None:
    """Rows 27 and 30: a run that was surprised retires all the same."""

    def proof(holding: Any, may_retire: bool = True) -> Any:
        return _Proof(choosing.Holding("proven", holding.token_id), True)

    patch.setattr(custody, "Proof", proof)


def next_before_the_record(patch: pytest.MonkeyPatch) -> None:
    """Row 11: the secret is on its way in before the record says whose it is."""

    def bring_in(held: Any, minted: Any, place: Any, *, undoable: bool) -> Any:
        record = replace(held.record, minted=_known(minted, place))
        try:
            yield Write("next", minted.secret)
            evidence = yield Verify(minted.secret)
            yield from _custody_mint.save(record, place)
            if evidence.verdict != "accepted":
                raise SecretUndecided("The new secret was not accepted.")
        except TokensmithError as error:
            yield from _custody_mint.take_back(minted, error)
        return replace(held, record=record, next=minted.secret)

    patch.setattr(_custody_mint, "bring_in", bring_in)


def mint_unannounced(patch: pytest.MonkeyPatch) -> None:
    """Row 8: nothing is noted before the mint."""

    def open_window(held: Any, _listing: Any, _ids: Any, _place: Any) -> Any:
        return held
        yield

    patch.setattr(_custody_mint, "open_window", open_window)


def orphans_may_wait(patch: pytest.MonkeyPatch) -> None:
    """Row 9: a mint is sent before what the last one left is ended."""

    def end_orphans(held: Any, listing: Any, _spare: Any, _place: Any) -> Any:
        return held, listing
        yield

    patch.setattr(custody, "_end_orphans", end_orphans)


def lost_means_nothing_was_done(patch: pytest.MonkeyPatch) -> None:
    """Row 10: a mint whose answer was lost is simply sent again."""
    patch.setattr(_custody_mint, "_end_candidates", _nothing)


_Proof = custody.Proof


def _nothing(*_arguments: Any) -> Any:
    return
    yield


def _known(minted: Any, place: Any) -> Known:
    return Known(minted.token.id, place.fingerprint(minted.secret), minted.token.updated_at)


def _without_fingerprints(to_json: Any) -> Any:
    def written(self: Record, place: Any) -> Any:
        def bare(known: Known | None) -> Known | None:
            return None if known is None else replace(known, fingerprint="")

        return to_json(replace(self, current=bare(self.current), minted=bare(self.minted)), place)

    return written
