# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One disturbed run and those after it, and what of the guarantees did not hold.

What is looked at, at every moment at which anything may have changed, from outside and not with the plugins' eyes: whether
the store's secret works, and which tokens live. Guarantees are those of docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .operations import DAY, MINUTE, Bench, Operation
from .victims import Ending

#: When the next run comes: at once, when nothing can land late any more, when predecessors are due.
DELAYS = {"at once": 0, "after settle": 16 * MINUTE, "after the overlap": 1.5 * DAY}
_CHANGES = (
    "after POST",
    "after PUT",
    "after DELETE",
    "after rename",
    "after unlink",
    "after helper store",
    "after helper erase",
)
#: One new token while the old one lives: never two new ones (guarantee A 3).
_MOST_EXTRA = 1


@dataclass(slots=True)
class Verdict:
    """What went wrong: nothing, if all of these are empty."""

    lost: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    #: how many moments were looked at
    moments: int = 0

    @property
    def problems(self) -> list[str]:
        return [
            f"{name}: {text}" for name in ("lost", "orphaned", "surplus", "unsettled") for text in getattr(self, name)
        ]


class Trial:
    """Watches the runs of one bench."""

    def __init__(self, bench: Bench, operation: Operation, *, most_extra: int = _MOST_EXTRA) -> None:
        self.bench = bench
        self.operation = operation
        self.verdict = Verdict()
        self._most = max(operation.live[0], 1) + most_extra
        self._had = bench.store_works()
        if self._had != operation.keeps and not operation.absent:
            raise AssertionError(f"{operation.name}: the store's secret works before: {self._had}")
        self._first = bench.world.live()
        self._old = bench.keep.entry()
        self._bystanders = bench.world.bystanders()
        self._left_entry_at: float | None = None
        self._elapsed = 0.0

    def disturbed(self, **more: Any) -> Ending:
        """The run that something happens to; `changes` are options for this run alone."""
        ending = self._run(**more)
        self.bench.keep.wait()
        self.bench.keep.mend()
        self._look("after the disturbed run")
        return ending

    def signature(self) -> tuple[object, ...]:
        """What the next run will find, without the values that differ between one trial and another."""
        keep, live = self.bench.keep, self.bench.world.live()
        record = keep.record()
        ids = {
            token: number
            for number, token in enumerate([*self._first, *(each for each in live if each not in self._first)])
        }
        return (
            tuple(ids[token] for token in live),
            self._kind_of(keep.entry()),
            self._kind_of(keep.following()),
            tuple(sorted((name, self._kind_of(text)) for name, text in keep.leftovers().items())),
            None if record is None else _shape(record, ids),
        )

    def _kind_of(self, text: str | None) -> str:
        if not text:
            return "none"
        if text == self._old:
            return "the old one"
        return "works" if text.isprintable() and " " not in text and self.bench.world.works(text) else "another"

    def recover(self, delay: str) -> list[Ending]:
        """Runs after it, undisturbed, until everything has to be settled: the first one comes after `delay`."""
        endings: list[Ending] = []
        for seconds, stage in ((DELAYS[delay], 1), (16 * MINUTE, 1), (2 * DAY, 2)):
            self.bench.later(seconds)
            self._elapsed += seconds
            endings.append(self._run())
            self._look(f"after the run {self._elapsed / MINUTE:.0f} minutes later")
            self._check_settled(endings[-1], stage, first=len(endings) == 1)
        return endings

    def _run(self, changes: Mapping[str, Any] | None = None, **more: Any) -> Ending:
        wish = {**self.operation.changes(self.bench.world), **(changes or {})}
        ending = self.bench.run(wish, observe=self._observer(), **more)
        for note in ending.notes:
            self._judge(note["works"], note["live"], note["label"])
        return ending

    def _observer(self) -> Callable[[str], dict[str, Any] | None]:
        def observe(label: str) -> dict[str, Any] | None:
            if not label.startswith(_CHANGES):
                return None
            return {"label": label, "works": self.bench.store_works(), "live": len(self.bench.world.live())}

        return observe

    def _look(self, when: str) -> None:
        self._judge(self.bench.store_works(), len(self.bench.world.live()), when)
        if self._old is not None and self._left_entry_at is None and self.bench.keep.entry() != self._old:
            self._left_entry_at = self._elapsed
        overlapping = self._left_entry_at is None or self._elapsed - self._left_entry_at < self.operation.overlap
        if self.operation.overlap and overlapping and self._old is not None and not self.bench.world.works(self._old):
            self.verdict.lost.append(f"{when}: the predecessor is dead within its overlap")
        if self.bench.world.bystanders() != self._bystanders:
            self.verdict.lost.append(f"{when}: other tokens than these went or came")

    def _judge(self, works: bool, live: int, when: str) -> None:
        self.verdict.moments += 1
        if live > self._most:
            self.verdict.surplus.append(f"{when}: {live} live tokens")
        if self.operation.absent or self.operation.in_place:
            # The entry is to go; or it is dead from the server's commit until the entry is written (guarantee E).
            return
        if self._had and not works:
            self.verdict.lost.append(f"{when}: the store has no working secret any more")
        self._had = self._had or works

    def _check_settled(self, ending: Ending, stage: int, *, first: bool) -> None:
        when = f"{self._elapsed / MINUTE:.0f} minutes later"
        problems = self.verdict.unsettled
        if ending.failed:
            problems.append(f"{when}: the run failed: {ending.message} {ending.errors[-500:]}")
        live = self.bench.world.live()
        record = self.bench.keep.record()
        if self.operation.absent:
            # The record stays until nothing of an earlier mint can land any more.
            if live or self.bench.keep.entry() or (record and self._elapsed >= 16 * MINUTE):
                problems.append(f"{when}: live {live}, record {record}")
            return
        if not self.bench.entry_works():
            problems.append(f"{when}: the entry does not work")
        accounted = _accounted(record)
        self.verdict.orphaned.extend(f"{when}: {token} is in no record" for token in live if token not in accounted)
        if len(live) not in self._right_numbers(stage, first=first):
            problems.append(f"{when}: {len(live)} live tokens")
        spare = {name: text for name, text in self.bench.keep.leftovers().items() if name.endswith((".space", ".tmp"))}
        if self.bench.keep.leftovers().keys() - spare.keys():
            problems.append(f"{when}: left over: {sorted(self.bench.keep.leftovers())}")
        if any(self._kind_of(text) == "works" for text in spare.values()):
            problems.append(f"{when}: a secret that works is left over")

    def _right_numbers(self, stage: int, *, first: bool) -> tuple[int, ...]:
        """How many tokens may live after a run: it is never more than the operation itself leaves."""
        if first and self.operation.keeps and not self.operation.overlap and not self.operation.in_place:
            # A run that finishes what another one began notes the predecessor; the one after it retires it.
            return (1, 2)
        if stage == 1 and self._elapsed > self.operation.overlap > 0:
            # Whether the disturbed run had minted already decides when the overlap began.
            return self.operation.live[1:]
        return (self.operation.live[stage],)


def _shape(record: dict[str, Any], ids: dict[str, int]) -> tuple[object, ...]:
    """A record with the tokens' numbers in the place of their ids, and without dates."""

    def number(known: dict[str, Any] | None) -> object:
        return None if known is None else ids.get(known["id"], "gone")

    window = record["window"]
    return (
        number(record["current"]),
        number(record["minted"]),
        None if window is None else (window["until"] is None, len(window["known"])),
        tuple(number(each) for each in record["retiring"]),
    )


def _accounted(record: dict[str, Any] | None) -> set[str]:
    if record is None:
        return set()
    current = {record["current"]["id"]} if record["current"] else set()
    return current | {each["id"] for each in record["retiring"]}
