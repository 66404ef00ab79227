# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go through everything, and say how much it was; or through one random history, step by step.

python -m simulation                      all pairs of faults, two runs at once, 100,000 random histories
python -m simulation --faults 1 --histories 1000
python -m simulation --seed 72734         this history alone, every step of it
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import Pool

from . import chance
from .explore import Explorer, Tally, told
from .interleave import Interleaver
from .invariants import Violation
from .scenarios import ALONE, BY_NAME, SCENARIOS

_BLOCK = 2_000
#: Two runs at once, with the lock.
_AT_ONCE = ("first mint", "rotated", "rotated without overlap", "in place", "adopted")
#: Two runs at once that present a secret, on nodes that know nothing of each other: each crash may leave an orphan (C).
_NODES = ("presented: drift", "presented: drift, no overlap", "presented: rotated")


@dataclass(frozen=True)
class Work:
    """A part that can be gone through by itself."""

    part: str
    what: str
    go: Callable[[], Tally]


@dataclass(frozen=True)
class _Explore:
    name: str
    number: int
    atomic: bool
    eager: bool
    faults: int

    def __call__(self) -> Tally:
        scenario = BY_NAME[self.name]
        dialect = scenario.dialects[self.number]
        return Explorer(scenario, dialect, atomic=self.atomic, eager=self.eager).explore(self.faults)


@dataclass(frozen=True)
class _Interleave:
    name: str
    locked: bool
    faults: int

    def __call__(self) -> Tally:
        tally = Tally()
        scenario = BY_NAME[self.name]
        for dialect in scenario.dialects:
            tally.add(Interleaver(scenario, dialect, locked=self.locked).explore(self.faults))
        return tally


@dataclass(frozen=True)
class _Chance:
    first: int
    end: int

    def __call__(self) -> Tally:
        return chance.play(range(self.first, self.end))


def parts(faults: int, first: int, histories: int) -> Iterable[Work]:
    """All there is to go through."""
    for scenario in SCENARIOS:
        for number, dialect in enumerate(scenario.dialects):
            for atomic in (True, False):
                # Consumers use the entry at once where the store takes two steps, and not at all where it does not.
                what = f"{scenario.name}, {dialect}, {'atomic' if atomic else 'two-step'}"
                yield Work("with a store", what, _Explore(scenario.name, number, atomic, not atomic, faults))
    for scenario in ALONE:
        for number, dialect in enumerate(scenario.dialects):
            yield Work(
                "without a store", f"{scenario.name}, {dialect}", _Explore(scenario.name, number, True, False, faults)
            )
    for name in _AT_ONCE:
        yield Work("two runs at once, locked", name, _Interleave(name, True, faults))
    for name in _NODES:
        yield Work("two runs at once, presenting", name, _Interleave(name, False, min(faults, 1)))
    for start in range(first, first + histories, _BLOCK):
        end = min(start + _BLOCK, first + histories)
        yield Work("random histories", f"seeds {start} to {end - 1}", _Chance(start, end))


def _go(work: Work) -> tuple[Work, Tally, float]:
    begun = time.process_time()
    return work, work.go(), time.process_time() - begun


def go_through(faults: int, first: int, histories: int, jobs: int) -> bool:
    """Print what each part comes to, then all of it; whether nothing was violated."""
    totals: dict[str, tuple[Tally, float]] = {}
    with Pool(jobs) as pool:
        for work, tally, seconds in pool.imap_unordered(_go, parts(faults, first, histories)):
            whole, spent = totals.get(work.part, (Tally(), 0.0))
            whole.add(tally)
            totals[work.part] = (whole, spent + seconds)
            print(f"{work.part}: {work.what}: {_counts(tally)}, {seconds:.1f} s", flush=True)
            for kind, history in tally.violations.items():
                print(f"\n** {kind} ({tally.found[kind]} times); the first:\n{history}\n", flush=True)
    print(f"\nUp to {faults} faults, random histories from seed {first} on:")
    for part, (tally, seconds) in totals.items():
        print(f"  {part}: {_counts(tally)}, {sum(tally.found.values())} violations, {seconds:.0f} s of CPU")
    return not any(tally.found for tally, _seconds in totals.values())


def _counts(tally: Tally) -> str:
    worlds = f", {tally.worlds:,} worlds" if tally.worlds else ""
    return f"{tally.histories:,} histories{worlds}, {tally.steps:,} steps"


def replay(seed: int) -> bool:
    """Print a random history; whether it ends well."""
    history = chance.History(seed, verbose=True)
    try:
        history.play()
    except Violation as violation:
        print("\n".join([*told(history.trail), f"** {violation}"]))
        return False
    print("\n".join(told(history.trail)))
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faults", type=int, default=2, help="faults in each history of the exhaustive part (2)")
    parser.add_argument("--histories", type=int, default=100_000, help="random histories (100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--seed", type=int, help="go through this random history alone, and print it")
    options = parser.parse_args()
    if options.seed is not None:
        return 0 if replay(options.seed) else 1
    return 0 if go_through(options.faults, options.first, options.histories, options.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
