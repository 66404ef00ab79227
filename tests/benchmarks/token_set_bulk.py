# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`token_set` with a thousand tokens: nothing to do, all to be made, a rate limit; and how it grows.

Real playbooks against the GitLab stand-in. The peer is a loop of community.general's gitlab_project_access_token over the
same server, which takes the environment that `make community` makes; without it that line is left out, and says so.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _measuring import Playbooks, Run, judge, machine, token_set
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn, start

OWNERS, EACH = 50, 20
TOKENS = OWNERS * EACH
#: of the peer, whose time is stated per token
LOOPED = 50
LATENCY, PARALLELISM, LIMIT, LIMITED = 0.05, 10, 20, 400
COMMUNITY = Path(__file__).resolve().parents[2] / ".venv-matrix/community/bin/ansible-playbook"
Check = tuple[str, bool, str]


def wanted(group: str, each: int, *, name: str = "bulk-{n}") -> list[dict[str, Any]]:
    """What a manifest says: so many tokens of each project."""
    return [
        {"owner": {"project": f"{group}/app-{project}"}, "name": name.format(n=number)}
        for project in range(1, OWNERS + 1)
        for number in range(1, each + 1)
    ]


def seed(server: StandIn, group: str, each: int) -> None:
    """Projects of a group, with so many tokens each, as `wanted` wants them."""
    server.seed({"groups": [{"path": group}]})
    server.seed({"bulk": {"group": group, "projects": OWNERS, "tokens_each": each, "path": "app-{n}"}})


class Bench:
    """One server, and the playbooks."""

    def __init__(self, server: StandIn, folder: Path) -> None:
        self.server = server
        self.playbooks = Playbooks(folder)
        self.connection = {"platform": "gitlab", "url": server.url, "auth_token": "{{ auth_token }}", "max_wait": 600}

    def run(self, tokens: list[dict[str, Any]], **options: Any) -> Run:
        defaults = {"permissions": ["api"], "access_level": 40, "expires_in": "90d"}
        tasks = token_set(self.connection, "{{ tokens }}", defaults=defaults, **options)
        return self.playbooks.run(tasks, {"tokens": tokens, "auth_token": fixtures.ROOT_TOKEN})

    def empty(self) -> Run:
        return self.playbooks.run([{"ansible.builtin.debug": {"msg": "x"}}], {"tokens": wanted("many", EACH)})


def nothing_to_do(bench: Bench, runs: int) -> list[Check]:
    """A thousand tokens that are as wanted, against the loop."""
    tokens = wanted("many", EACH)
    sides: dict[str, Callable[[], Run]] = {"empty": bench.empty, "token_set": lambda: bench.run(tokens)}
    with tempfile.TemporaryDirectory() as folder:
        if COMMUNITY.exists():
            peer = Playbooks(Path(folder), COMMUNITY)
            sides["empty, peer's"] = lambda: peer.run([{"ansible.builtin.debug": {"msg": "x"}}], {})
            sides["peer's loop"] = lambda: peer.run(loop(bench.server), {"auth_token": fixtures.ROOT_TOKEN})
        found: dict[str, list[Run]] = {name: [] for name in sides}
        for number in range(runs):
            for name, side in sides.items():
                if number == 0 or "peer" not in name:
                    found[name].append(side())
    print(
        f"nothing to do: {TOKENS:,} tokens of {OWNERS} owners; medians of {runs}; the peer's loop: {LOOPED} tokens, once"
    )
    seconds = {name: statistics.median(run.seconds for run in each) for name, each in found.items()}
    cpu = {name: statistics.median(run.cpu for run in each) for name, each in found.items()}
    for name in sides:
        print(f"  {name:14} {seconds[name]:8.2f} s elapsed {cpu[name]:8.2f} s CPU")
    above = cpu["token_set"] - cpu["empty"]
    requests = found["token_set"][0].result["requests"]
    ours = (seconds["token_set"] - seconds["empty"]) / TOKENS
    checks = [
        (f"at most {OWNERS + 3} requests: one per owner and page, and 3", requests <= OWNERS + 3, str(requests)),
        ("at most 3 s of CPU above an empty playbook", above <= 3, f"{above:.2f} s"),
    ]
    if "peer's loop" in seconds:
        theirs = (seconds["peer's loop"] - seconds["empty, peer's"]) / LOOPED
        checks.append(
            (
                "at least 100 times faster per token than the loop",
                theirs >= 100 * ours,
                f"{ours * 1000:.1f} ms against {theirs * 1000:.0f} ms: {theirs / ours:.0f} times",
            )
        )
    else:
        print("  (no peer: make community makes its environment)")
    return checks


def loop(server: StandIn) -> list[dict[str, Any]]:
    """The peer: one module run for each token, one token of each project."""
    today = dt.datetime.fromisoformat(server.clock()["now"]).date()
    return [
        {
            "community.general.gitlab_project_access_token": {
                "api_url": server.url,
                "api_token": "{{ auth_token }}",
                "project": "many/app-{{ item }}",
                "name": "bulk-1",
                "scopes": ["api"],
                "access_level": "maintainer",
                "expires_at": (today + dt.timedelta(days=90)).isoformat(),
            },
            "loop": list(range(1, LOOPED + 1)),
            "register": "looped",
            # A peer that does something else than nothing would be no comparison.
            "failed_when": "looped is failed or looped is changed",
        }
    ]


def all_to_be_made(bench: Bench) -> list[Check]:
    """A thousand mints against a server with a latency: the module's time less that of a run with nothing to do."""
    seed(bench.server, "made", 0)
    tokens = wanted("made", EACH, name="new-{n}")
    bench.server.control("PUT", "/latency", {"seconds": LATENCY})
    made = bench.run(tokens, parallelism=PARALLELISM)
    idle = bench.run(tokens, parallelism=PARALLELISM)
    bench.server.control("PUT", "/latency", {"seconds": 0})
    ideal = TOKENS * LATENCY / PARALLELISM
    took = made.module_seconds - idle.module_seconds
    print(f"all to be made: {TOKENS:,} mints, {LATENCY * 1000:.0f} ms latency, parallelism {PARALLELISM}")
    print(
        f"  {made.module_seconds:.2f} s, and {idle.module_seconds:.2f} s with nothing to do; CPU {made.module_cpu:.2f} s"
    )
    return [
        ("all were made", made.result["summary"] == {"create": TOKENS}, f"{made.result['requests']} requests"),
        (
            "at most 1.25 times the ideal",
            took <= 1.25 * ideal,
            f"{took:.2f} s, ideal {ideal:.2f} s: {took / ideal:.2f}",
        ),
    ]


def rate_limited(bench: Bench) -> list[Check]:
    """Mints under a limit: no failure, and hardly longer than the limit itself takes."""
    seed(bench.server, "limited", 0)
    tokens = wanted("limited", LIMITED // OWNERS, name="new-{n}")
    idle = bench.run([{**each, "state": "absent"} for each in tokens], parallelism=PARALLELISM)
    bench.server.clear_requests()
    bench.server.control("PUT", "/latency", {"seconds": LATENCY})
    bench.server.control("PUT", "/rate_limit", {"per_second": LIMIT, "burst": LIMIT})
    made = bench.run(tokens, parallelism=PARALLELISM)
    bench.server.control("PUT", "/rate_limit", {})
    bench.server.control("PUT", "/latency", {"seconds": 0})
    sent = bench.server.requests()
    served = sum(each["status"] != 429 for each in sent)
    # Lists and owners count against the limit too.
    own = (served - LIMIT) / LIMIT
    took = made.module_seconds - idle.module_seconds
    print(f"a limit of {LIMIT}/s: {LIMITED} mints ({served} requests that were served, {len(sent) - served} refused)")
    return [
        ("no failure", made.result["summary"] == {"create": LIMITED}, ""),
        (
            "at most 1.3 times the limit's own time",
            took <= 1.3 * own,
            f"{took:.1f} s, limit {own:.1f} s: {took / own:.2f}",
        ),
    ]


def growth(bench: Bench) -> list[Check]:
    """Nothing to do for 100, 1,000 and 10,000 declared tokens of fifty owners: the module's process."""
    print("growth: declared tokens, nothing to do; the module's own process")
    runs: dict[int, Run] = {}
    for each in (2, 20, 200):
        group = f"growth{each}"
        seed(bench.server, group, each)
        run = bench.run(wanted(group, each))
        count = OWNERS * each
        runs[count] = run
        print(
            f"  {count:>6,} tokens {run.module_seconds:7.2f} s elapsed {run.module_cpu:7.2f} s CPU {run.peak:7.1f} MB "
            f"{run.result['requests']:>4} requests; whole playbook {run.seconds:6.2f} s"
        )
    few, some, most = (runs[count] for count in (100, 1000, 10_000))
    steepness = (most.module_cpu - few.module_cpu) / (some.module_cpu - few.module_cpu) / 11
    per_token = (most.peak - some.peak) * 1024 / 9000
    return [
        ("10,000 tokens under 500 MB", most.peak < 500, f"{most.peak:.0f} MB, {per_token:.1f} KB a token"),
        ("CPU time is linear", steepness < 1.5, f"from 1,000 on {steepness:.2f} times as steep as before"),
    ]


def main() -> int:
    """Print the figures; 1 if one of them is out of bounds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3, help="of each side, with nothing to do")
    arguments.add_argument("--only", choices=["noop", "create", "limit", "growth"])
    chosen = arguments.parse_args()
    print(machine())
    checks: list[Check] = []
    with start("gitlab") as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder))
        if chosen.only in (None, "noop"):
            seed(server, "many", EACH)
            checks += nothing_to_do(bench, chosen.runs)
        if chosen.only in (None, "create"):
            checks += all_to_be_made(bench)
        if chosen.only in (None, "limit"):
            checks += rate_limited(bench)
        if chosen.only in (None, "growth"):
            checks += growth(bench)
    print(machine())
    return judge(checks)


if __name__ == "__main__":
    sys.exit(main())
