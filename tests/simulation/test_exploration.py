# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the exploration that fits into a test run; `make simulate` goes through all of it."""

from __future__ import annotations

import pytest

from . import chance
from .dialects import BITBUCKET, GITLAB, GORULES, Dialect
from .explore import Explorer, Tally
from .interleave import Interleaver
from .scenarios import ALONE, BY_NAME, SCENARIOS, Scenario

#: Of each scenario on each server, with a store that replaces at once, and with one that does not.
SINGLE = [(scenario, dialect) for scenario in SCENARIOS for dialect in scenario.dialects]
PAIRS = [
    ("rotated", GITLAB, False),
    ("adopted", GORULES, True),
    ("absent", BITBUCKET, False),
]


def check(tally: Tally) -> None:
    """Nothing was violated, and something was gone through."""
    print(f"{tally.histories:,} histories, {tally.worlds:,} worlds, {tally.steps:,} steps")
    assert tally.violations == {}, "\n\n".join(tally.violations.values())
    assert tally.histories > 1


@pytest.mark.parametrize(("scenario", "dialect"), SINGLE, ids=[f"{each.name}, {dialect}" for each, dialect in SINGLE])
def test_every_single_fault(scenario: Scenario, dialect: Dialect) -> None:
    tally = Tally()
    for atomic in (True, False):
        tally.add(Explorer(scenario, dialect, atomic=atomic, eager=not atomic).explore(1))
    check(tally)


@pytest.mark.parametrize(("name", "dialect", "atomic"), PAIRS, ids=[each[0] for each in PAIRS])
def test_every_pair_of_faults(name: str, dialect: Dialect, *, atomic: bool) -> None:
    check(Explorer(BY_NAME[name], dialect, atomic=atomic).explore(2))


@pytest.mark.parametrize("scenario", ALONE, ids=lambda scenario: scenario.name)
def test_without_a_store(scenario: Scenario) -> None:
    tally = Tally()
    for dialect in scenario.dialects:
        tally.add(Explorer(scenario, dialect).explore(1))
    check(tally)


@pytest.mark.parametrize("name", ["first mint", "rotated", "in place"])
def test_two_runs_at_once_and_a_fault(name: str) -> None:
    check(Interleaver(BY_NAME[name], GITLAB, locked=True).explore(1))


@pytest.mark.parametrize("name", ["presented: drift", "presented: drift, no overlap", "presented: rotated"])
def test_two_nodes_that_present_a_secret(name: str) -> None:
    check(Interleaver(BY_NAME[name], GITLAB, locked=False).explore(0))


def test_random_histories() -> None:
    check(chance.play(range(1_000)))
