# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fifteen histories end well, and without a lock those that need one end as docs/lifecycle.md says."""

from __future__ import annotations

import pytest

from . import histories
from .dialects import GITLAB, GORULES, Dialect
from .invariants import Violation


def test_f1_a_killed_mint_is_cleaned_up_after() -> None:
    histories.f1()


def test_f2_keep_newest_keeps_what_the_store_holds() -> None:
    histories.f2()


@pytest.mark.parametrize("fault", ["unreachable", "refused", "born dead"])
def test_f3_nothing_unproven_gets_into_the_store(fault: str) -> None:
    histories.f3(fault)


@pytest.mark.parametrize(("fault", "atomic"), [("failed, done", True), ("failed, done", False), ("stale", True)])
def test_f4_a_store_that_errs_costs_nothing(fault: str, *, atomic: bool) -> None:
    histories.f4(fault, atomic=atomic)


def test_f5_a_run_with_nothing_to_do_waits_for_the_lock() -> None:
    histories.f5()


def test_f6_a_lost_mint_is_not_found_in_another_runs_work() -> None:
    histories.f6()


def test_f7_other_peoples_tokens_are_left_alone() -> None:
    histories.f7()


def test_f8_a_helper_cut_short_loses_nothing() -> None:
    histories.f8()


def test_f9_the_record_tells_whose_a_secret_is() -> None:
    histories.f9()


def test_f10_each_predecessor_has_its_own_date() -> None:
    histories.f10()


def test_f11_a_play_that_dies_before_it_saves_loses_nothing() -> None:
    histories.f11()


def test_f12_without_store_and_secret_a_dead_mint_goes_unnoticed_and_nothing_is_ended() -> None:
    histories.f12()


def test_f13_what_another_node_saved_a_moment_ago_is_left_alone() -> None:
    histories.f13()


@pytest.mark.parametrize("dialect", [GITLAB, GORULES], ids=repr)
def test_f14_what_dies_in_place_is_repaired_by_the_next_run(dialect: Dialect) -> None:
    histories.f14(dialect)


def test_f15_two_nodes_that_rotate_their_own_credential_take_turns() -> None:
    histories.f15()


@pytest.mark.parametrize("history", [histories.f5, histories.f6, histories.f15], ids=["f5", "f6", "f15"])
def test_without_a_lock_the_secret_is_lost(history: object) -> None:
    with pytest.raises(Violation):
        history(locked=False)  # type: ignore[operator]
