# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something goes wrong with one request, any request, in every way that the network, proxies and servers know."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from stand_in.launch import StandIn

from .conftest import FULL, PART, PLATFORMS
from .operations import OPERATIONS, can, set_up
from .report import Row
from .trial import Trial
from .worlds import Folder, World

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
#: What happens; anything with `late` in it comes about when the run may be over.
FAULTS: dict[str, dict[str, Any]] = {
    "cut before": {"kind": "drop_before"},
    "cut after": {"kind": "drop_after"},
    "cut, carried out later": {"kind": "late", "seconds": 0.3},
    "timeout": {"kind": "delay", "seconds": 1.3},
    "sent twice by a proxy": {"kind": "resend"},
    "500": {"kind": "status", "status": 500, "body": "{}", "content_type": "application/json"},
    "500, carried out": {"kind": "status_after", "status": 500, "body": "{}", "content_type": "application/json"},
    "502 in HTML": {"kind": "status", "status": 502, "body": HTML},
    "502 in HTML, carried out": {"kind": "status_after", "status": 502, "body": HTML},
    "200 in HTML": {"kind": "html"},
    "a redirect": {"kind": "redirect", "location": "https://login.example.com/"},
    "429, seconds": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "429, a date": {"kind": "status", "status": 429, "headers": {"Retry-After": "DATE"}},
    "429, absurd": {"kind": "status", "status": 429, "headers": {"Retry-After": "9223372036854775807"}},
    "half of the answer": {"kind": "truncate", "keep": 40},
    "an answer cut clean": {"kind": "truncate_clean", "keep": 40},
}
#: These make a token appear that this run does not know of (guarantee A 3).
TWO_EXTRA = ("cut, carried out later", "timeout", "sent twice by a proxy")
SLOW = ("timeout", "429, seconds", "429, a date")
#: Of the part that runs always: these on every platform, the others on one.
_EVERYWHERE = ("cut after", "500, carried out", "half of the answer")
_SAMPLE = ("rotate, overlap 0", "rotate in place")
_CASES = [(platform, name) for platform in PLATFORMS for name in OPERATIONS if can(platform, name)]


@pytest.mark.parametrize(("platform", "name"), [case for case in _CASES if not PART or case[1] in _SAMPLE])
def test_one_request_goes_wrong(
    world: Callable[[str], World], homes: Iterator[Path], row: Callable[..., Row], platform: str, name: str
) -> None:
    operation = OPERATIONS[name]
    server = world(platform).server
    bench = set_up(operation, world(platform), Folder, next(homes))
    server.clear_requests()
    ending = bench.run(operation.changes(bench.world))
    assert not ending.failed, ending
    mine = re.compile(world(platform).others_requests)
    requests = [(each["method"], each["path"]) for each in server.requests() if mine.search(each["path"])]
    failures = []
    for what, fault in FAULTS.items():
        table_row = row(platform, "directory", name, what)
        for place, (method, path) in enumerate(requests):
            if not _is_tried(platform, what, method, place):
                continue
            trial = Trial(
                set_up(operation, world(platform), Folder, next(homes)),
                operation,
                most_extra=2 if what in TWO_EXTRA else 1,
            )
            order(world(platform), fault, place)
            trial.disturbed(changes={"timeout": 1} if what == "timeout" else {})
            assert server.faults()[0]["fired"], (what, method, path)
            server.clear_faults()
            if what in TWO_EXTRA:
                _wait_until_it_has_landed(server)
            trial.recover("at once")
            table_row.add(f"request {place}", trial.verdict, f"{method} {path}")
        failures += table_row.failures
    assert not failures, "\n".join(failures)


def _is_tried(platform: str, what: str, method: str, place: int) -> bool:
    """Everything in the full matrix, except that what costs time is tried with writes and one read."""
    writes = method != "GET"
    if FULL:
        return writes or place == 0 or what not in SLOW
    return writes and what != "429, a date" and (platform == "gitlab" or what in _EVERYWHERE or not PART)


def order(world: World, fault: dict[str, Any], place: int) -> None:
    """Order it for request number `place` of the run."""
    fault, server = {**fault}, world.server
    if fault.get("headers", {}).get("Retry-After") == "DATE":
        now = datetime.fromisoformat(server.clock()["now"])
        fault["headers"] = {"Retry-After": format_datetime(now + timedelta(seconds=1.5), usegmt=True)}
    server.fault(fault.pop("kind"), skip=place, path=world.others_requests, **fault)


def _wait_until_it_has_landed(server: StandIn) -> None:
    """What is carried out late is in the log when it is."""
    quiet, before = 0, -1
    while quiet < 2:
        time.sleep(0.2)
        now = len(server.requests())
        quiet, before = (quiet + 1 if now == before else 0), now
