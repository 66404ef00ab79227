# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What undisturbed runs have to leave behind: guarantee A (2)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.tokensmith.access.plugins.module_utils import comparing, errors

from . import invariants
from .invariants import Violation, record_of
from .runs import Run, live
from .world import World

if TYPE_CHECKING:
    from .scenarios import Scenario

#: What a scenario without a store is, if its runs present what the consumer holds.
PRESENTING = "presenting"

#: After which time an undisturbed run comes, and what it has to leave.
AT_ONCE = timedelta(minutes=1)
AFTER_SETTLE = timedelta(minutes=17)
AFTER_OVERLAP = timedelta(days=1, minutes=1)
CHAINS = (
    ((AT_ONCE, "tidy"), (AFTER_SETTLE, "settled"), (AFTER_OVERLAP, "over"), (AT_ONCE, "still")),
    ((AFTER_SETTLE, "settled"), (AFTER_OVERLAP, "over"), (AFTER_SETTLE, "still")),
)


def pass_time(world: World, span: timedelta) -> None:
    """Let time go by, and with it what is under way."""
    end = world.clock + span
    while (late := world.due(end)) is not None:
        before = world.copy()
        world.pass_time(late.until - world.clock)
        invariants.check_step(before, world, None, late.effect)
    before = world.copy()
    world.pass_time(end - world.clock)
    invariants.check_step(before, world, None, None)


def check_run(scenario: Scenario, world: World, run: Run, stage: str) -> None:
    """Judge what an undisturbed run left. Raises `Violation`."""
    if isinstance(run.error, scenario.refuses):
        return
    _check_end(world, run)
    if run.wish.state == "absent":
        _check_gone(world, run, stage)
        return
    known = invariants.accounted(world) | _waiting(world, run)
    _nothing_left(world, [row.token.id for row in world.live() if row.maker != "someone" and row.token.id not in known])
    if world.slots.get("next") is not None:
        raise Violation("A (2)", "there is still a secret on its way into the store", run.result)
    if run.error is not None:
        return
    record = record_of(world)
    row = world.row_of(world.entry)
    if row is None or record.current is None or record.current.id != row.token.id:
        raise Violation("A (2)", "the entry is not that of the current token", run.result)
    if comparing.differences(run.wish, row.token, world.dialect):
        raise Violation("A (2)", "the current token is not as wanted")
    if stage in ("over", "still"):
        waiting = {token_id for token_id, after in record.retiring if after and after > world.clock}
        fine = {row.token.id, *waiting, run.credential}
        if stage == "over" or run.wish.duplicates != "keep_newest":
            fine |= {each.token.id for each in world.live() if each.maker == "someone"}
        _nothing_left(world, [each.token.id for each in world.live() if each.token.id not in fine])
    if stage == "still":
        _check_still(world, run)


def _waiting(world: World, run: Run) -> set[str]:
    """What a rotation in place left that is to be rotated again, by id (row 36)."""
    minted = record_of(world).minted
    refused = run.wish.rotation == "in_place" and isinstance(run.error, errors.Unaccounted)
    return {minted.id} if refused and minted is not None else set()


def _check_end(world: World, run: Run) -> None:
    """It succeeds, or refuses because of what is not ours."""
    if run.error is None:
        return
    if isinstance(run.error, errors.Unaccounted) and run.error.tokens:
        named = {token.id for token in run.error.tokens}
        if all(world.rows[token_id].maker == "someone" for token_id in named):
            return
    raise Violation("A (2)", "an undisturbed run failed", run.result)


def _check_gone(world: World, run: Run, stage: str) -> None:
    if run.error is not None:
        return
    _nothing_left(world, [row.token.id for row in world.live() if row.maker != "someone"])
    if world.slots and stage in ("over", "still"):
        raise Violation("A (2)", "the store still holds something", ", ".join(sorted(world.slots)))


def _check_still(world: World, run: Run) -> None:
    """All is done: nothing more happens."""
    if run.outcome is not None and run.outcome.changed:
        raise Violation("A (2)", "nothing was to be done any more, and it was", run.result)
    record = record_of(world)
    if record.window is not None or record.minted is not None:
        raise Violation("A (2)", "the window of the mint is still open")
    live = {row.token.id for row in world.live()}
    if any(token_id not in live and after and after <= world.clock for token_id, after in record.retiring):
        raise Violation("A (2)", "the record grows: it names tokens that are gone")


def _nothing_left(world: World, ids: list[str]) -> None:
    if ids:
        record = record_of(world)
        raise Violation(
            "A (2)", "tokens are left behind", f"{', '.join(ids)}; retiring: {[each[0] for each in record.retiring]}"
        )


def check_alone(scenario: Scenario, world: World) -> int:
    """C: undisturbed runs go on, or stop and name what is left; keep_newest clears it. D claims nothing."""
    if scenario.alone != PRESENTING:
        return 0
    steps = 0
    for span in (AT_ONCE, AFTER_SETTLE, AFTER_OVERLAP, AT_ONCE):
        pass_time(world, span)
        run = live(world, scenario.run(world, later=True))
        steps += len(run.told)
        if run.error is not None and not isinstance(run.error, errors.Unaccounted):
            raise Violation("C", "an undisturbed run failed", run.result)
    for span in (AT_ONCE, AFTER_OVERLAP, AT_ONCE):
        pass_time(world, span)
        run = scenario.run(world, later=True)
        run = live(world, Run(run.wish.with_values(duplicates="keep_newest"), world.dialect, place=None))
        steps += len(run.told)
    held = world.row_of(world.held)
    if held is None or comparing.differences(run.wish, held.token, world.dialect):
        raise Violation("C", "the consumer holds no secret of a token as wanted", run.result)
    if len(world.live()) > 1:
        raise Violation("C", "tokens are left behind", ", ".join(row.token.id for row in world.live()))
    return steps


def check_chain(scenario: Scenario, world: World, chain: tuple[tuple[timedelta, str], ...]) -> int:
    """Undisturbed runs from here on; how many steps they took."""
    if scenario.alone is not None:
        return check_alone(scenario, world)
    steps = 0
    for span, stage in chain:
        pass_time(world, span)
        run = scenario.run(world, later=True)
        live(world, run)
        steps += len(run.told)
        check_run(scenario, world, run, stage)
    return steps
