# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and time of `token_info` over many tokens: one page in memory at a time, and what the question drops is gone.

Runs real playbooks against the GitLab stand-in. The interpreter that Ansible is given for the module measures it: it runs
the module's process, notes its peak memory and its time, and hands its output on.

Usage: tools/run python tests/benchmarks/token_info_memory.py
TEST_ANSIBLE_PLAYBOOK chooses the ansible-playbook of another ansible-core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stand_in.gitlab import fixtures
from stand_in.launch import StandIn, start

MOST_IN_ALL = 300
MOST_ABOVE_START = 80
#: How much longer ten times as many rows may take: the stand-in itself has to skip more rows for later pages.
STEEPEST = 1.3
SIZES = (10_000, 50_000, 100_000)
ENDING = 10

MEASURING_PYTHON = """#!{python}
import json, os, subprocess, sys, time
started = time.monotonic()
process = subprocess.Popen([{python!r}, *sys.argv[1:]])
_unused, status, usage = os.wait4(process.pid, 0)
note = {{"peak": usage.ru_maxrss / 1024, "cpu": usage.ru_utime + usage.ru_stime, "seconds": time.monotonic() - started}}
with open({log!r}, "a") as log:
    log.write(json.dumps(note) + "\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - tokensmith.access.token_info:
        platform: gitlab
        url: "{{ url }}"
        auth_token: "{{ auth_token }}"
        owner: "{{ owner }}"
        expires_within: "{{ expires_within | default(omit) }}"
      register: found
    - ansible.builtin.copy:
        content: "{{ {'tokens': found.tokens | length, 'requests': found.requests, 'live': found.summary.live} }}"
        dest: "{{ count_file }}"
        mode: "0600"
      vars:
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the module took. `peak` in MB, `playbook` with everything around it."""

    rows: int
    returned: int
    requests: int
    peak: float
    cpu: float
    seconds: float
    playbook: float


class Bench:
    """A stand-in and a folder for playbooks."""

    def __init__(self, server: StandIn, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.log = folder / "measured.jsonl"
        self.python = folder / "python"
        self.python.write_text(MEASURING_PYTHON.format(python=sys.executable, log=str(self.log)), encoding="utf-8")
        self.python.chmod(0o700)
        (folder / "inventory.ini").write_text(
            f'localhost ansible_connection=local ansible_python_interpreter="{self.python}"\n', encoding="utf-8"
        )
        (folder / "playbook.yml").write_text(PLAYBOOK, encoding="utf-8")

    def run(self, user: str, rows: int, **more: Any) -> Run:
        """Look at a user's tokens."""
        count_file = self.folder / "count.json"
        variables = {"url": self.server.url, "auth_token": fixtures.ROOT_TOKEN, "owner": {"user": user}, **more}
        (self.folder / "variables.json").write_text(json.dumps({**variables, "count_file": str(count_file)}))
        program = os.environ.get("TEST_ANSIBLE_PLAYBOOK", "ansible-playbook")
        command = [program, "-i", "inventory.ini", "-e", "@variables.json", "playbook.yml"]
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_PIPELINING": "True"},
            capture_output=True,
            text=True,
            check=False,
        )
        playbook = time.monotonic() - started
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        counts = json.loads(count_file.read_text().replace("'", '"'))
        measured = json.loads(self.log.read_text().splitlines()[-1])
        return Run(rows, counts["tokens"], counts["requests"], playbook=playbook, **measured)


def main() -> int:
    """Print the figures; 1 if one of them is out of bounds."""
    with start("gitlab") as server, tempfile.TemporaryDirectory() as name:
        bench = Bench(server, Path(name))
        seed(server)
        empty = bench.run("nobody", 0)
        runs = [bench.run(f"user{size}", size) for size in SIZES]
        narrow = [bench.run(f"user{size}", size, expires_within="7d") for size in SIZES]
    print("token_info                      returned  requests  peak MB  above start    CPU s  module s  playbook s")
    for run in (empty, *runs, *narrow):
        print(
            f"{run.rows:>9,} rows{'':17}{run.returned:>9,} {run.requests:>9,} {run.peak:>8.1f} {run.peak - empty.peak:>12.1f} "
            f"{run.cpu:>8.2f} {run.seconds:>9.2f} {run.playbook:>11.2f}"
        )
    return judge(empty, runs, narrow)


def seed(server: StandIn) -> None:
    """One user for each size, of whose tokens a few end soon."""
    users = ["nobody", *(f"user{size}" for size in SIZES)]
    server.seed({"users": [{"username": each} for each in users]})
    for size in SIZES:
        owner = {"owner": {"user": f"user{size}"}}
        server.seed({"bulk": [{**owner, "count": size - ENDING}, {**owner, "count": ENDING, "expires_in_days": 3}]})


def judge(empty: Run, runs: list[Run], narrow: list[Run]) -> int:
    """Say whether the figures are within the bounds."""
    per_row = [(run.cpu - empty.cpu) / run.rows for run in (*runs, *narrow)]
    growth = (narrow[-1].peak - narrow[0].peak) * 1024 * 1024 / (narrow[-1].rows - narrow[0].rows)
    checks = [
        ("every row is returned", all(run.returned == run.rows for run in runs), ""),
        ("only what is asked for is returned", all(run.returned == ENDING for run in narrow), ""),
        (
            "each page is read once",
            all(run.requests == run.rows // 100 + 2 for run in (*runs, *narrow)),
            "beside them the user's name and impersonation tokens",
        ),
        (f"all rows: under {MOST_IN_ALL} MB", runs[-1].peak < MOST_IN_ALL, f"{runs[-1].peak:.0f} MB"),
        (
            f"narrow question: under {MOST_ABOVE_START} MB above start",
            narrow[-1].peak - empty.peak < MOST_ABOVE_START,
            f"{narrow[-1].peak - empty.peak:.1f} MB, {growth:.0f} bytes a row that is dropped",
        ),
        (
            "time is linear",
            all(many < STEEPEST * few for few, many in ((per_row[0], per_row[2]), (per_row[3], per_row[5]))),
            "CPU per row "
            + ", ".join(f"{each * 1e6:.0f} µs" for each in per_row)
            + f"; elapsed 100,000 against 10,000: {runs[-1].seconds / runs[0].seconds:.1f} times",
        ),
    ]
    for name, good, detail in checks:
        print(f"{'ok  ' if good else 'FAIL'} {name}{f' ({detail})' if detail else ''}")
    return 0 if all(good for _name, good, _detail in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
