# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guarantees of docs/lifecycle.md, as judges of what a step did to the world.

They look at the world alone, and know what no run can know: whose each secret is, who made each token, what was ever in
the entry.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ansible_collections.tokensmith.access.plugins.module_utils import effects
from ansible_collections.tokensmith.access.plugins.module_utils.record import Record, parse_record

from .world import PLACE, START, Deliver, Row, World

if TYPE_CHECKING:
    from .runs import Run

#: Servers tell the time in whole seconds.
_SECOND = timedelta(seconds=1)
#: Extra live tokens that a mint may leave behind for a while.
EXTRA = 1


class Violation(AssertionError):
    """A guarantee does not hold. The detail differs from history to history."""

    def __init__(self, guarantee: str, what: str, detail: str = "") -> None:
        super().__init__(f"{guarantee}: {what}" + (f" ({detail})" if detail else ""))
        self.guarantee = guarantee
        self.kind = f"{guarantee}: {what}"


@lru_cache(maxsize=4096)
def _parsed(text: str | None) -> Record:
    return parse_record(text, PLACE) or Record()


def record_of(world: World) -> Record:
    """What the store's record really says."""
    return _parsed(world.slots.get("record"))


def check_step(before: World, after: World, run: Run | None, effect: effects.Effect | Deliver | None) -> None:
    """Judge one step: of a run, or (without one) of what happens by itself. Raises `Violation`."""
    if run is not None and (run.wish.state == "absent" or (run.place is None and run.wish.secret is None)):
        # The user gives the token up, and with it what the guarantees are about; or (D) they claim nothing.
        after.memory = replace(after.memory, given_up=True)
    if run is not None and (overlap := run.wish.overlap.after(START) - START) < after.memory.overlap:
        after.memory = replace(after.memory, overlap=overlap)
    if run is not None and before.slots.get("record") != after.slots.get("record"):
        _check_noted(before, after, run)
    if before.entry != after.entry:
        if run is not None and after.entry is not None:
            _check_entry(before, after, run)
        _remember_what_left(before, after)
    if before.rows != after.rows:
        for row in before.rows.values():
            if not row.token.revoked and after.rows[row.token.id].token.revoked:
                _check_ended(before, after, row, run, effect)
        if run is not None and isinstance(effect, effects.Rotate):
            _check_rotated(before, after, run, effect.token.id)
        _check_extra(after, run)
    _check_never_lost(before, after, effect)


# --- rows 2 and 13: what the entry gets -------------------------------------------------------------------------------


def _check_entry(before: World, after: World, run: Run) -> None:
    secret = after.slots["entry"]
    if secret not in run.accepted:
        raise Violation("row 2", "the entry got a secret that this run did not verify")
    if secret != before.slots.get("next"):
        raise Violation("row 2", "the entry got a secret that was not on its way in")
    if secret in before.memory.been:
        raise Violation("row 2", "an old secret was put back into the entry")


def _remember_what_left(before: World, after: World) -> None:
    memory, new = after.memory, after.entry
    left = dict(memory.left)
    for row in after.rows.values():
        if row.secret == before.entry:
            left[row.token.id] = after.clock
        elif row.secret == new:
            left.pop(row.token.id, None)
    last = before.entry or memory.last
    replaced = {last} if last is not None and new not in (None, last) else set()
    after.memory = replace(memory, last=new or last, been=memory.been | replaced, left=tuple(sorted(left.items())))


# --- A (1): never lost ------------------------------------------------------------------------------------------------


def _check_never_lost(before: World, after: World, effect: effects.Effect | Deliver | None) -> None:
    if after.memory.given_up:
        return
    if after.held is not None:
        _check_saved(before, after, effect)
    works = after.row_of(after.entry) is not None
    if works:
        if not after.memory.worked:
            after.memory = replace(after.memory, worked=True)
    elif after.memory.worked:
        there = after.entry or (None if after.atomic else after.slots.get("next"))
        in_place = isinstance(effect, effects.Rotate) and _is_of(before, before.entry, effect.token.id)
        if _ended_by_itself(after, there) or in_place:
            # Expired; or E: in place, consumers are dead from the server's commit until the entry is written.
            after.memory = replace(after.memory, worked=False)
        elif after.atomic or after.row_of(after.slots.get("next")) is None:
            raise Violation("A (1)", "the store held a working secret, and holds none now")
    if not after.atomic and isinstance(effect, effects.Promote) and before.entry != after.entry:
        between = before.copy()
        between.slots.pop("entry", None)
        if before.memory.worked and between.row_of(between.slots.get("next")) is None:
            raise Violation("A (1)", "the entry is replaced, and there is no other working secret meanwhile")


def _check_saved(before: World, after: World, effect: effects.Effect | Deliver | None) -> None:
    """C: what the consumer holds, where its secret is presented and not stored by us."""
    if before.held not in (None, after.held):
        after.memory = replace(after.memory, been=after.memory.been | {before.held})
    if after.row_of(after.held) is not None:
        after.memory = replace(after.memory, saved=True)
    elif after.memory.saved:
        if (
            before.held == after.held
            and not _ended_by_itself(after, after.held)
            and not isinstance(effect, effects.Rotate)
        ):
            raise Violation("C", "the consumer held a working secret, and it was ended")
        after.memory = replace(after.memory, saved=False)


def _is_of(world: World, secret: str | None, token_id: str) -> bool:
    return world.rows[token_id].secret == secret


def _ended_by_itself(world: World, secret: str | None) -> bool:
    return any(
        row.secret == secret and not row.token.revoked and not row.token.live(world.clock)
        for row in world.rows.values()
    )


# --- what is revoked --------------------------------------------------------------------------------------------------


def _check_ended(
    before: World, after: World, row: Row, run: Run | None, effect: effects.Effect | Deliver | None
) -> None:
    if not row.token.live(after.clock) or isinstance(effect, effects.Rotate):
        return
    if run is not None:
        if row.token.id == run.credential and not run.wish.allow_self:
            raise Violation("row 37", "a run revoked its own credential")
        if row.maker == "someone" and not _may_end_foreign(before, row, run):
            raise Violation("A (4)", "a token of someone else was revoked", f"token {row.token.id}")
        if run.wish.state == "absent":
            return
        if run.place is None:
            _check_ended_alone(before, row, run)
            return
        left = dict(before.memory.left).get(row.token.id)
        if left is not None and before.clock < left + after.memory.overlap - _SECOND:
            raise Violation("A (5)", "a token was revoked before its overlap was over", f"token {row.token.id}")
    if after.memory.given_up:
        return
    if row.secret in (before.slots.get("entry"), before.slots.get("next")):
        raise Violation("row 2", "a token was revoked while the store holds its secret", f"token {row.token.id}")


def _check_rotated(before: World, after: World, run: Run, token_id: str) -> None:
    """In place, the old secret ends."""
    row, record = before.rows[token_id], record_of(before)
    told = run.wish.duplicates == "keep_newest" or run.wish.id == token_id
    told = told or (record.current is not None and record.current.id == token_id)
    if row.maker == "someone" and row != after.rows[token_id] and not told and not _in_window(before, row, record):
        raise Violation("A (4)", "a token of someone else was rotated", f"token {token_id}")


def _may_end_foreign(before: World, row: Row, run: Run) -> bool:
    record = record_of(before)
    wish = run.wish
    if run.place is None:
        keeping = wish.duplicates == "keep_newest"
        return keeping or _appeared(row, run) or _older_than_presented(before, row, run)
    if wish.state == "absent" and (wish.duplicates == "keep_newest" or wish.id == row.token.id):
        return True
    return row.token.id in dict(record.retiring) or _in_window(before, row, record)


def _check_noted(before: World, after: World, run: Run) -> None:
    """What is retired one day has to be noted by a run that was told so."""
    wish = run.wish
    noted = dict(record_of(after).retiring).keys() - dict(record_of(before).retiring).keys()
    nobodys = _nobodys(record_of(after))
    if nobodys is not None and nobodys != _nobodys(record_of(before)):
        row = after.rows[nobodys]
        if row.maker == "someone" and not _in_window(before, row, record_of(before)):
            raise Violation("A (4)", "a token of someone else is taken for ours", f"token {nobodys}")
    for token_id in noted:
        row = after.rows[token_id]
        told = wish.duplicates == "keep_newest" or wish.id == token_id
        kept = row.secret in after.memory.been | {after.entry, after.memory.last}
        if row.maker == "someone" and row.token.live(after.clock) and not told and not kept:
            raise Violation("A (4)", "a token of someone else is to be retired", f"token {token_id}")


def _older_than_presented(before: World, row: Row, run: Run) -> bool:
    """Row 34: with a proven secret, any older token of the name counts as taken over from. C claims no more."""
    presented = before.row_of(run.wish.secret.reveal()) if run.wish.secret else None
    if presented is None or presented.token.created_at is None or row.token.created_at is None:
        return False
    return row.token.created_at < presented.token.created_at


def _nobodys(record: Record) -> str | None:
    """Row 36: the token that a rotation in place left, to be rotated again."""
    minted = record.minted
    return minted.id if minted is not None and not minted.fingerprint else None


def _in_window(before: World, row: Row, record: Record) -> bool:
    """The exception of A (4)."""
    window, created = record.window, row.token.created_at
    if _nobodys(record) == row.token.id:
        # It was when that was noted (see `_check_noted`).
        return row.token.last_used_at is None or not before.dialect.shows_last_use
    if window is None or created is None or row.token.id in window.known:
        return False
    used = before.dialect.shows_last_use and row.token.last_used_at is not None
    return not used and window.start <= created <= (window.end or before.clock)


def _check_ended_alone(before: World, row: Row, run: Run) -> None:
    """C and D: without a store."""
    token_id = row.token.id
    if token_id in run.minted or _appeared(row, run):
        return
    if run.wish.secret:
        presented = before.row_of(run.wish.secret.reveal())
        if presented is None or token_id == presented.token.id:
            raise Violation("C", "a token was revoked without a successor that was presented", f"token {token_id}")
        if run.minted:
            raise Violation("C", "a token was retired by the very run that minted", f"token {token_id}")
    elif run.wish.secret is None and run.wish.duplicates != "keep_newest" and not run.minted:
        others = [each for each in before.live() if each.token.id != token_id and each.token.last_used_at]
        if not before.dialect.shows_last_use or not others:
            raise Violation("D", "a token was revoked without evidence", f"token {token_id}")


def _appeared(row: Row, run: Run) -> bool:
    """Whether the run saw it appear, never used, after it had sent a mint."""
    listings = [each.value for each in run.told if isinstance(getattr(each, "value", None), effects.Listing)]
    return len(listings) > 1 and row.token.id not in {token.id for token in listings[0].tokens}


# --- A (3): at most one extra -----------------------------------------------------------------------------------------


def accounted(world: World) -> set[str]:
    """Ids of the tokens that the store can explain without a window."""
    record = record_of(world)
    ids = {token_id for token_id, _after in record.retiring}
    if record.current is not None:
        ids.add(record.current.id)
    if (child := _nobodys(record)) is not None:
        ids.add(child)
    secrets = {world.slots.get("entry"), world.slots.get("next"), world.held}
    if not world.slots:
        secrets |= world.memory.been
    return ids | {row.token.id for row in world.rows.values() if row.secret in secrets}


def _check_extra(world: World, run: Run | None) -> None:
    if not world.slots and (world.memory.given_up or not world.memory.saved):
        return
    known = accounted(world)
    if run is not None and run.place is None:
        # C: what is on its way to the consumer comes beside what a crash left.
        known |= run.minted | {max(world.rows, key=int)}
    extra = [row.token.id for row in world.live() if row.maker == "run" and row.token.id not in known]
    if len(extra) > EXTRA + world.memory.excused:
        raise Violation("A (3)", "there are too many extra live tokens", f"tokens {', '.join(extra)}")
