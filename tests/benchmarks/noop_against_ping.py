# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CPU time of a playbook with one `token` that has nothing to do, against the same with one `ansible.builtin.ping`.

Both sides take turns, so that what else the machine does hits both. Fails if the ratio of the medians is over the bound.
With --remote both run on another host, as far as Ansible knows, so that the module has to be packed up; no bound is set there.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playbooks.elsewhere import remote_host
from stand_in.gitlab import fixtures
from stand_in.launch import start

BOUND = 1.3


def cpu_seconds() -> float:
    """What all ended children took so far, in user and system time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(playbook: Path, *arguments: str) -> float:
    """Run a playbook; return the CPU time of its whole process tree."""
    before = cpu_seconds()
    command = ["ansible-playbook", *arguments, str(playbook)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "changed=0" not in done.stdout:
        sys.exit(done.stdout + done.stderr)
    return cpu_seconds() - before


def playbook(folder: Path, name: str, host: str, task: dict[str, Any]) -> Path:
    """Write a playbook with one task."""
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump([{"hosts": host, "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    return path


def main() -> int:
    """Measure and print; return 1 if it takes too much."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=11, help="of each side")
    arguments.add_argument("--remote", action="store_true", help="on another host than the controller")
    given = arguments.parse_args()
    host = "remote" if given.remote else "localhost"
    os.environ["ANSIBLE_LOCALHOST_WARNING"] = os.environ["ANSIBLE_INVENTORY_UNPARSED_WARNING"] = "False"
    with start("gitlab") as server, tempfile.TemporaryDirectory() as folder:
        options = {
            "platform": "gitlab",
            "url": server.url,
            "auth_token": fixtures.ROOT_TOKEN,
            "owner": {"project": fixtures.PROJECT},
            "name": "deploy",
            "permissions": ["api"],
            "access_level": 40,
            "expires_in": "90d",
        }
        sides = {
            "ping": playbook(Path(folder), "ping", host, {"ansible.builtin.ping": {}}),
            "token": playbook(Path(folder), "token", host, {"tokensmith.access.token": options}),
        }
        inventory: list[str] = []
        if given.remote:
            path = Path(folder, "inventory.ini")
            path.write_text(remote_host(Path(folder), Path(sys.executable)), encoding="utf-8")
            inventory = ["--inventory", str(path)]
        for path in sides.values():
            run(path, *inventory)
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _unused in range(given.runs):
            for name, path in sides.items():
                found[name].append(run(path, *inventory))
    medians = {name: statistics.median(times) for name, times in found.items()}
    for name, times in found.items():
        print(f"{name:6} {medians[name]:.3f} s of CPU (median of {given.runs}; {min(times):.3f} to {max(times):.3f})")
    ratio = medians["token"] / medians["ping"]
    print(f"ratio  {ratio:.2f} ({'no bound' if given.remote else f'bound {BOUND}'})")
    return int(ratio > BOUND and not given.remote)


if __name__ == "__main__":
    sys.exit(main())
