# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts three stand-in servers and runs the organisation's playbook through a token's life. Run by `make demo`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stand_in import launch
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures as gitlab
from stand_in.gorules import fixtures as gorules

HERE = Path(__file__).resolve().parent
CREDENTIALS = {
    "gitlab": {"token": gitlab.ROOT_TOKEN},
    "bitbucket": {"username": bitbucket.ADMIN, "password": bitbucket.ADMIN_PASSWORD},
    "gorules": {"token": gorules.ADAM_SECRET},
}
DAY = 86_400


class Tour:
    """The servers, the folder of secrets, and the playbook that is run again and again."""

    def __init__(self, servers: dict[str, launch.StandIn], folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.shown = ""
        self.step = 0
        # Credentials go into a file of our own, never into the arguments of a process.
        self.variables = folder / "servers.json"
        self.variables.touch(mode=0o600)
        reach = {name: {"url": server.url, **CREDENTIALS[name]} for name, server in servers.items()}
        self.variables.write_text(json.dumps({"servers": reach, "secrets_folder": str(folder / "secrets")}))

    def chapter(self, title: str, words: str) -> None:
        """A heading and what is going to be seen."""
        self.step += 1
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
        print(f"\n{bold}{self.step}. {title}{plain}\n")
        print(textwrap.fill(words, 96), flush=True)

    def run(self, *arguments: str, **variables: Any) -> None:
        """The real ansible-playbook, with --diff; whatever it prints is kept for the search at the end."""
        settings = {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_STDOUT_CALLBACK": "tour",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_FORCE_COLOR": "true" if sys.stdout.isatty() else "false",
        }
        command = ["ansible-playbook", str(HERE / "apply.yml"), "--diff", "-e", f"@{self.variables}", *arguments]
        if variables:
            command += ["-e", json.dumps(variables)]
        done = subprocess.run(
            command,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.shown += done.stdout
        # An empty line between servers, and none besides.
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        print("\n".join(f"\n{line}" if line.startswith(tuple(self.servers)) else line for line in lines), flush=True)
        if done.returncode != 0:
            raise SystemExit(f"ansible-playbook ended with {done.returncode}")

    def days_later(self, days: int) -> None:
        """The servers' clocks go on; the machine's does not matter."""
        for server in self.servers.values():
            server.advance(days * DAY)

    def files(self) -> list[Path]:
        """The secrets in the store, as consumers find them."""
        return sorted(
            path
            for path in (self.folder / "secrets").rglob("*")
            if path.is_file() and path.suffix not in (".record", ".locks") and not path.name.startswith(".")
        )

    def leaks(self) -> tuple[int, int]:
        """How many of the servers' secrets can be found in all that was printed, and how many there are."""
        secrets = {secret for server in self.servers.values() for secret in server.secrets()}
        return sum(secret in self.shown for secret in secrets), len(secrets)


def tour(stage: Tour) -> None:
    """The chapters, in order."""
    stage.chapter(
        "Plan",
        "Seven tokens are declared in demo/organisation.yml, on three servers. ansible-playbook --check --diff says what it "
        "would do. Nothing but reads is sent.",
    )
    stage.run("--check")
    stage.chapter("Apply", "The same without --check: each secret is minted, verified and stored, mode 0600.")
    stage.run()
    print()
    for path in stage.files():
        print(f"     {path.stat().st_mode & 0o777:04o}  {path.relative_to(stage.folder)}")
    stage.chapter("Again", "A second run finds everything as declared. This is what a nightly run looks like.")
    stage.run()
    stage.chapter(
        "Eight days later",
        "The nightly token lived seven days. Nobody ran the playbook meanwhile, so it has ended, and is replaced.",
    )
    stage.days_later(8)
    stage.run()
    stage.chapter(
        "A change",
        "The pipeline has to write as well. Bitbucket can change that in place; the secret stays as it is.",
    )
    stage.run(pipeline_permissions=["PROJECT_READ", "REPO_WRITE"])
    stage.chapter(
        "Seventy days later",
        "What has less than its rotate_before left gets a successor. The old tokens stay valid for the overlap of a day.",
    )
    stage.days_later(70)
    stage.run(pipeline_permissions=["PROJECT_READ", "REPO_WRITE"])
    stage.chapter(
        "Two days later", "The overlap is over: predecessors are retired, now that their successors are in the store."
    )
    stage.days_later(2)
    stage.run(pipeline_permissions=["PROJECT_READ", "REPO_WRITE"])
    stage.chapter(
        "The end of a token", "The dashboard is gone, and so is its token, from the server and from the store."
    )
    stage.run(wanted_state="absent", only="grafana")
    found, planted = stage.leaks()
    print(f"\nOf the {planted} secrets that the servers made or took, {found} can be found in what was printed above.")
    if found:
        raise SystemExit("That should be none.")


def main() -> None:
    """Everything lives in a folder that is removed at the end, and the servers are always stopped."""
    folder = Path(tempfile.mkdtemp(prefix="tokensmith-demo-"))
    try:
        with ExitStack() as open_servers:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            servers = {name: open_servers.enter_context(launch.start(name, now=now)) for name in CREDENTIALS}
            tour(Tour(servers, folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
