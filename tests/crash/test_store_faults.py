# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store fails at one of its steps, any step, or from there on: no room, no permission, a broken disk, a bad helper."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from . import victims
from .conftest import FULL, PART, PLATFORMS, every
from .operations import OPERATIONS, Bench, can, set_up
from .plights import no_room, nothing_allowed_below
from .report import Row
from .trial import Trial
from .worlds import Folder, Helper, World

_SAMPLE = ("rotate, overlap 0",)
_CASES = [
    (platform, name)
    for platform in PLATFORMS
    for name in OPERATIONS
    if can(platform, name)
    if FULL or ((name in _SAMPLE or not PART) and platform in ("gitlab", "gorules"))
]
STRIDE = every(13, 4)
#: A helper's runs take long, and have little to do with the platform.
_OF_HELPERS = [
    (platform, name, how)
    for platform, name in _CASES
    for how in ("once", "from then on")
    if platform in ("gitlab", "gorules")
    if FULL or name in _SAMPLE
    if not PART or (platform, how) in (("gitlab", "once"), ("gorules", "from then on"))
]

#: From the step on, for good.
PLIGHTS: dict[str, Callable[[Bench], AbstractContextManager[None]]] = {
    "no room": lambda bench: no_room(0),
    "read-only": lambda bench: nothing_allowed_below(Path(bench.keep.options["path"])),
}
#: What the helper does at one call: first what it was asked for or not, and then this.
MISDEEDS = {
    "fails": ("no", 'echo "error: glpat-secret"; exit 1'),
    "fails when it is done": ("yes", "exit 1"),
    "says nothing": ("no", "exit 0"),
    "prints rubbish": ("no", 'echo "{\\"Secret\\": glpat"; exit 0'),
    "prints rubbish when it is done": ("yes", 'echo "?"; exit 0'),
    "hangs": ("no", "sleep 1000"),
    "hangs when it is done": ("yes", "sleep 1000"),
    "says that it has nothing": ("no", 'echo "credentials not found in native keychain"; exit 1'),
    "dies with the run, half-way": ("no", 'rm -f "$file"; kill -9 $PPID; kill -9 $$'),
}


@pytest.mark.parametrize(("platform", "name"), _CASES)
@pytest.mark.parametrize("what", [*PLIGHTS, "error, not done", "error, but done"])
def test_the_directory_fails(
    world: Callable[[str], World],
    homes: Iterator[Path],
    row: Callable[..., Row],
    platform: str,
    name: str,
    what: str,
) -> None:
    operation = OPERATIONS[name]
    bench = set_up(operation, world(platform), Folder, next(homes))
    ending, labels = victims.count_steps(bench.options(operation.changes(bench.world)), bench.home)
    assert not ending.failed, ending
    table_row = row(platform, "directory", name, what)
    steps = [number for number, label in enumerate(labels, 1) if _concerns(label, what)]
    for step in steps[PLATFORMS.index(platform) % STRIDE :: STRIDE]:
        bench = set_up(operation, world(platform), Folder, next(homes))
        trial = Trial(bench, operation)

        def interfere(number: int, label: str, bench: Bench = bench, step: int = step) -> None:
            if number == step and what in PLIGHTS:
                # Never left: the process ends with it.
                PLIGHTS[what](bench).__enter__()
            elif number == step:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        trial.disturbed(interfere=interfere)
        trial.recover("at once")
        table_row.add(f"step {step}", trial.verdict, labels[step - 1])
    assert not table_row.failures, "\n".join(table_row.failures)


def _concerns(label: str, what: str) -> bool:
    """Whether this is a step of the store at which that can begin."""
    verb, _unused, rest = label.partition(" ")
    of_store = rest.partition(" ")[0] not in ("GET", "POST", "PUT", "DELETE", "PATCH")
    if what == "error, but done":
        return of_store and verb == "after"
    return of_store and verb in ("before", "read")


@pytest.mark.parametrize(("platform", "name", "how"), _OF_HELPERS)
def test_the_helper_misbehaves(
    world: Callable[[str], World],
    homes: Iterator[Path],
    row: Callable[..., Row],
    platform: str,
    name: str,
    how: str,
) -> None:
    for_ever = how == "from then on"
    operation = OPERATIONS[name]
    bench = set_up(operation, world(platform), Helper, next(homes))
    ending, labels = victims.count_steps(bench.options(operation.changes(bench.world)), bench.home)
    assert not ending.failed, ending
    calls = [label.split()[-1] for label in labels if label.startswith("before helper")]
    failures = []
    for what, (first, then) in MISDEEDS.items():
        if for_ever and "dies" in what:
            continue
        table_row = row(platform, "credential_helper", name, f"{what}{', and goes on so' if for_ever else ''}")
        for call in range(PLATFORMS.index(platform) % STRIDE, len(calls), STRIDE):
            bench = set_up(operation, world(platform), Helper, next(homes))
            trial = Trial(bench, operation)
            assert isinstance(bench.keep, Helper)
            bench.keep.order(at=call, first=first == "yes", then=then, for_ever=for_ever)
            trial.disturbed(helper_timeout=0.3 if "hangs" in what else 20.0)
            trial.recover("at once")
            table_row.add(f"call {call}", trial.verdict, calls[call])
        failures += table_row.failures
    assert not failures, "\n".join(failures)
