# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A helper may delete an entry and then add it. The record is there all the same, whenever the helper is killed.

The other tests of this folder take that for granted (`whole_record`); the last one here shows that they have to.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils._store_helper import HelperStore

from .dialects import GITLAB, GORULES, Dialect
from .explore import Explorer
from .scenarios import BY_NAME


class Killed(BaseException):
    """The run is no more."""


class TwoStepStore(HelperStore):
    """The real store, with a helper in memory that can be killed before each of its steps."""

    def __init__(self, entries: dict[str, str], life: int) -> None:
        super().__init__("two-step", "key", {})
        self.entries = entries
        self.life = life

    def _call(self, verb: str, text: str) -> tuple[int, str]:
        if verb == "store":
            entry = json.loads(text)
            self._live()
            self.entries.pop(entry["ServerURL"], None)
            self._live()
            self.entries[entry["ServerURL"]] = entry["Secret"]
            return 0, ""
        if verb == "erase":
            self._live()
        found = self.entries.get(text) if verb == "get" else self.entries.pop(text, None)
        return (1, "credentials not found in native keychain") if found is None else (0, json.dumps({"Secret": found}))

    def _live(self) -> None:
        self.life -= 1
        if self.life < 0:
            raise Killed


def read(entries: dict[str, str]) -> str | None:
    return TwoStepStore(entries, 0).read("record")


@pytest.mark.parametrize("life", range(4))
def test_a_record_is_the_old_or_the_new_one_whenever_its_write_is_killed(life: int) -> None:
    entries: dict[str, str] = {}
    TwoStepStore(entries, 4).write("record", "old")
    with pytest.raises(Killed):
        TwoStepStore(entries, life).write("record", "new")
    assert read(entries) in ("old", "new")


def test_a_record_that_was_written_is_the_new_one() -> None:
    entries: dict[str, str] = {}
    TwoStepStore(entries, 4).write("record", "old")
    TwoStepStore(entries, 4).write("record", "new")
    assert read(entries) == "new"


@pytest.mark.parametrize("life", range(2))
def test_a_record_is_there_until_it_is_erased_for_good(life: int) -> None:
    entries: dict[str, str] = {}
    TwoStepStore(entries, 4).write("record", "old")
    with pytest.raises(Killed):
        TwoStepStore(entries, life).erase("record")
    assert read(entries) == "old"
    TwoStepStore(entries, 2).erase("record")
    assert read(entries) is None
    assert entries == {}


@pytest.mark.parametrize("dialect", [GITLAB, GORULES], ids=repr)
def test_a_record_in_two_steps_would_not_do(dialect: Dialect) -> None:
    tally = Explorer(BY_NAME["rotated"], dialect, atomic=False, whole_record=False, enough=1).explore(1)
    assert tally.violations
