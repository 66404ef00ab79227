# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without a rule, its history ends badly, and the exploration finds one that does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import histories, mutants, test_mended
from .dialects import GITLAB, GORULES, OLD_GITLAB, Dialect
from .explore import Explorer
from .interleave import Interleaver
from .invariants import Violation
from .scenarios import BY_NAME

Mutant = Callable[[pytest.MonkeyPatch], None]

HISTORIES = [
    (histories.f1, mutants.no_window),
    (histories.f2, mutants.newest_is_kept),
    (histories.f3, mutants.entry_before_verification),
    (histories.f4, mutants.revoked_after_a_failed_write),
    (histories.f7, mutants.used_ones_too),
    (histories.f8, mutants.no_next),
    (histories.f9, mutants.record_without_fingerprints),
    (histories.f10, mutants.one_date_for_all),
    (histories.f11, mutants.retired_by_the_minting_run),
    (histories.f13, mutants.strangers_may_be_young),
    (histories.f14, mutants.children_are_orphans),
]


@pytest.mark.parametrize(("history", "mutant"), HISTORIES, ids=[each.__name__ for each, _mutant in HISTORIES])
def test_a_history_ends_badly_without_the_rule_that_mends_it(
    history: Callable[[], object], mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(Violation):
        history()


#: rule, scenario, server, atomic store, consumers use the entry at once, faults
FOUND = [
    (mutants.no_window, "first mint", GITLAB, True, False, 1),
    (mutants.newest_is_kept, "keep newest", GITLAB, True, False, 1),
    (mutants.entry_before_verification, "rotated", GITLAB, True, False, 1),
    (mutants.revoked_after_a_failed_write, "rotated", GITLAB, True, False, 1),
    (mutants.entry_is_not_read_back, "rotated", GITLAB, False, False, 1),
    (mutants.used_ones_too, "rotated", GITLAB, True, False, 2),
    (mutants.everything_unknown_is_ours, "duplicates", GITLAB, True, False, 0),
    (mutants.no_next, "rotated", GITLAB, False, False, 1),
    (mutants.record_without_fingerprints, "rotated", GORULES, True, False, 1),
    (mutants.no_overlap, "rotated", GITLAB, True, False, 0),
    (mutants.revoked_before_it_is_out_of_the_store, "rotated", GITLAB, True, False, 1),
    (mutants.store_is_believed_at_once, "rotated", GITLAB, True, False, 2),
    (mutants.first_refusal_counts, "rotated", GITLAB, False, False, 2),
    (mutants.window_to_the_millisecond, "rotated", OLD_GITLAB, True, False, 1),
    (mutants.no_settling_time, "rotated", GITLAB, True, False, 1),
    (mutants.change_is_taken_from_the_list, "in place", GORULES, True, False, 2),
    (mutants.nothing_is_forgotten, "secret rejected", GITLAB, True, False, 0),
    (mutants.refused_runs_save_nothing, "secret rejected", GITLAB, True, False, 1),
    (mutants.absent_erases_the_record, "rotated, then given up", GITLAB, True, False, 1),
    (mutants.missing_is_proof, "secret missing", GITLAB, True, False, 1),
    (mutants.next_before_the_record, "rotated", GORULES, True, False, 1),
    (mutants.mint_unannounced, "rotated", GITLAB, True, False, 1),
    (mutants.orphans_may_wait, "rotated", GITLAB, True, False, 1),
    (mutants.lost_means_nothing_was_done, "rotated", GITLAB, True, False, 1),
]


@pytest.mark.parametrize(
    ("mutant", "name", "dialect", "atomic", "eager", "budget"), FOUND, ids=[each[0].__name__ for each in FOUND]
)
def test_the_exploration_notices_when_a_rule_is_missing(
    mutant: Mutant,
    name: str,
    dialect: Dialect,
    *,
    atomic: bool,
    eager: bool,
    budget: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutant(monkeypatch)
    explorer = Explorer(BY_NAME[name], dialect, atomic=atomic, eager=eager, enough=1)
    assert explorer.explore(budget).violations


def test_what_gives_way_is_forgotten_where_only_the_minting_run_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mutants.those_who_give_way_are_forgotten(monkeypatch)
    with pytest.raises(AssertionError):
        test_mended.test_row_8_what_gives_way_is_known_to_the_run_that_settles()


@pytest.mark.parametrize("name", ["first mint", "rotated"])
def test_the_exploration_notices_when_the_lock_is_missing(name: str) -> None:
    """Rows 2 and 6: a run takes the other one's work for an orphan."""
    found = Interleaver(BY_NAME[name], GITLAB, locked=False, enough=3).explore().found
    assert found["row 2: a token was revoked while the store holds its secret"]
