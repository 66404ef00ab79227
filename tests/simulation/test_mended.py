# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Histories that the exploration found in earlier versions of the engine, each with the row that mends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import effects, errors

from .dialects import GORULES, OLD_GITLAB
from .histories import KEEP_NEWEST, RENEWED_IN_PLACE, ROTATED
from .playing import DAY, MINUTE, Play
from .scenarios import NOTHING, WISH

SETTLED = timedelta(minutes=17)
ABSENT = WISH.with_values(state="absent")


def test_row_8_times_cut_to_the_second_are_inside_the_window() -> None:
    """The list was read at .3 s, the token made at .9 s, and the server says: at .0 s."""
    play = Play(OLD_GITLAB)
    play.stored()
    play.later(timedelta(milliseconds=300))
    play.strike(play.until(play.begin(ROTATED), effects.Write, "record", nth=2), "killed")
    play.later(MINUTE)
    play.run()
    assert play.live == ["1"]


def test_row_10_without_a_store_too() -> None:
    play = Play(OLD_GITLAB)
    play.later(timedelta(milliseconds=300))
    run = play.begin_alone(presenting=False)
    play.strike(play.until(run, effects.Create), "lost, done")
    play.finish(run)
    assert play.live == ["2"]


def test_row_12_killed_with_a_revocation_on_its_way() -> None:
    """What is about to be revoked must not be let in by the next run."""
    play = Play()
    play.stored()
    run = play.until(play.begin(ROTATED), effects.Verify)
    play.strike(run, "unreachable")
    play.strike(play.until(run, effects.Revoke), "killed, carried out later")
    assert play.world.slots.get("next") is None
    play.later(MINUTE)
    play.run(ROTATED)
    play.later(SETTLED)
    assert play.in_entry() == "3"


def test_row_12_what_cannot_be_taken_out_of_the_store_stays_alive() -> None:
    play = Play()
    play.stored()
    run = play.until(play.begin(ROTATED), effects.Verify)
    play.strike(run, "unreachable")
    play.strike(play.until(run, effects.Erase), "failed")
    assert isinstance(run.error, effects.Undelivered)
    assert play.live == ["1", "2"]
    play.later(MINUTE)
    play.run()
    assert play.in_entry() == "2"


@pytest.mark.parametrize("atomic", [True, False])
def test_row_2_a_store_that_lags_behind_hides_that_it_gives_a_secret_out(*, atomic: bool) -> None:
    """Killed after the entry was written; the next run reads the entry as it was before."""
    play = Play(atomic=atomic)
    play.stored()
    play.strike(play.step(play.until(play.begin(ROTATED), effects.Promote)), "killed")
    run = play.until(play.begin(), effects.Read, "entry")
    play.strike(run, "stale")
    if not atomic:
        play.strike(play.until(run, effects.Read, "next"), "stale")
    play.finish(run)
    assert isinstance(run.error, errors.StoreError)
    assert play.in_entry() == "2"
    play.later(MINUTE)
    assert play.run().error is None
    assert play.in_entry() == "2"


def test_row_17_a_secret_on_its_way_in_is_asked_for_twice_if_it_is_all_there_is() -> None:
    """A helper was killed between deleting and adding; the server refuses the new secret once."""
    play = Play(atomic=False)
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Promote), "half, killed")
    play.later(MINUTE)
    run = play.begin()
    play.strike(play.until(run, effects.Verify), "refused")
    play.finish(run)
    assert play.in_entry() == "2"


def test_row_11_a_mint_that_may_have_got_into_the_store_is_not_forgotten_over_the_next() -> None:
    """The first one is in the entry; the next run is shown an old entry and an old list, and mints another one."""
    play = Play()
    run = play.step(play.until(play.begin(), effects.Promote))
    play.strike(run, "stale")
    play.finish(run)
    again = play.begin()
    play.strike(again, "stale list")
    play.finish(again)
    assert play.in_entry() == "2"
    play.later(DAY + MINUTE)
    play.run()
    assert play.live == ["2"]


def test_row_14_a_secret_that_was_replaced_behind_our_back_is_not_taken_for_proven() -> None:
    """In place: the first request is carried out after the second one was answered and stored."""
    play = Play(GORULES)
    play.stored(days_left=5)
    play.strike(play.until(play.begin(RENEWED_IN_PLACE), effects.Rotate), "killed, carried out later")
    play.later(MINUTE)
    run = play.until(play.begin(RENEWED_IN_PLACE), effects.Promote)
    play.strike(play.until(run, effects.Write, "record"), "failed")
    play.later(SETTLED)
    assert play.in_entry() is None
    play.run(RENEWED_IN_PLACE)
    assert play.in_entry() == "1"


def test_row_8_what_gives_way_is_known_to_the_run_that_settles() -> None:
    """The current token was chosen by id; the run that mints its successor dies before it can note that."""
    play = Play(GORULES)
    row = play.stored()
    play.world.put("record", None)
    run = play.begin(ROTATED.with_values(id=row.token.id))
    play.strike(play.until(run, effects.Verify), "refused")
    play.strike(play.step(play.until(run, effects.Promote)), "killed")
    play.later(MINUTE)
    play.run()
    assert dict(play.record.retiring).keys() == {row.token.id}
    play.later(DAY + MINUTE)
    play.run()
    assert play.live == ["2"]


def test_row_19_a_window_closes_also_where_a_mint_is_refused() -> None:
    """Otherwise what others mint days later would still count as our own."""
    play = Play()
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Create), "killed")
    play.later(MINUTE)
    play.foreign(last_used_at=play.world.clock)
    assert isinstance(play.run(ROTATED).error, errors.Unaccounted)
    play.later(2 * SETTLED)
    assert isinstance(play.run(ROTATED).error, errors.Unaccounted)
    assert play.record.window is None
    play.later(DAY)
    play.foreign()
    play.run(ROTATED)
    assert play.live == ["1", "2", "3"]


def test_row_20_what_is_gone_leaves_the_record() -> None:
    """Night after night the run is killed when it has retired a predecessor, and has not noted that."""
    play = Play()
    play.stored()
    for _night in range(5):
        run = play.begin(ROTATED.with_values(overlap=NOTHING))
        play.strike(play.step(play.until(run, effects.Revoke)), "killed")
        play.later(DAY)
    assert len(play.record.retiring) == 1


def test_row_25_keep_newest_retires_the_others_also_where_nothing_is_to_be_minted() -> None:
    play = Play()
    play.stored()
    play.foreign()
    play.run(KEEP_NEWEST)
    assert play.live == ["1", "2"]
    play.later(DAY + MINUTE)
    play.run(KEEP_NEWEST)
    assert play.live == ["1"]


def test_row_33_absent_remembers_a_mint_that_may_still_be_carried_out() -> None:
    play = Play()
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Create), "killed, carried out later")
    play.later(MINUTE)
    play.run(ABSENT)
    assert play.live == []
    assert set(play.world.slots) == {"record"}
    play.later(SETTLED)
    assert play.live == ["2"]
    assert play.run(ABSENT).error is None
    assert play.live == []
    assert play.world.slots == {}


def test_row_33_absent_does_not_believe_an_empty_list_while_the_secret_works() -> None:
    play = Play()
    play.run()
    run = play.begin(ABSENT)
    play.strike(run, "stale list")
    play.finish(run)
    assert isinstance(run.error, errors.SecretUndecided)
    play.later(MINUTE)
    play.run(ABSENT)
    assert play.live == []
    assert "entry" not in play.world.slots


def test_row_33_absent_spares_all_before_it_refuses_to_end_its_own_credential() -> None:
    play = Play()
    play.stored()
    play.run(ROTATED)
    run = play.finish(play.begin(ABSENT, credential="2"))
    assert isinstance(run.error, errors.SelfGuard)
    assert play.live == ["1", "2"]


def test_row_36_what_it_left_stays_ours_however_long_a_strangers_token_is_in_the_way() -> None:
    play = Play()
    play.stored(days_left=5)
    play.strike(play.until(play.begin(RENEWED_IN_PLACE), effects.Rotate), "lost, done")
    stranger = play.foreign(last_used_at=play.world.clock)
    for _night in range(3):
        play.later(DAY)
        assert isinstance(play.run(RENEWED_IN_PLACE).error, errors.Unaccounted)
    play.world.revoke(stranger.token.id)
    play.run(RENEWED_IN_PLACE)
    row = play.world.row_of(play.world.entry)
    assert row is not None
    assert row.family == "1"
    assert play.live == [row.token.id]


def test_row_36_a_rotation_in_place_that_died_keeps_its_family() -> None:
    """However often it dies."""
    play = Play()
    play.stored(days_left=5)
    for fault in ("lost, done", "late", "killed, carried out later"):
        play.strike(play.until(play.begin(RENEWED_IN_PLACE), effects.Rotate), fault)
        play.later(SETTLED)
    play.run(RENEWED_IN_PLACE)
    row = play.world.row_of(play.world.entry)
    assert row is not None
    assert row.family == "1"
    assert len(play.live) == 1
