# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""community.general's GitLab modules, unchanged, against the stand-in.

They come with the package ``ansible``, which is large: TEST_ANSIBLE_PLAYBOOK names the ``ansible-playbook`` of an
environment that has it and python-gitlab; `make community` sets one up.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from pathlib import Path

import pytest
from stand_in.gitlab import fixtures as org
from stand_in.launch import StandIn, start

PLAYBOOK = Path(__file__).with_name("gitlab_tokens.yml")
NEEDED = "import ansible_collections.community.general, gitlab"


@pytest.fixture
def ansible_playbook() -> Path:
    """The program, in an environment that has what is needed."""
    named = os.environ.get("TEST_ANSIBLE_PLAYBOOK")
    if not named:
        pytest.skip("TEST_ANSIBLE_PLAYBOOK names no ansible-playbook: run make community")
    program = Path(named).absolute()
    probe = [str(program.with_name("python")), "-c", NEEDED]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"the environment of {named} lacks the package ansible or python-gitlab")
    return program


def play(program: Path, server: StandIn, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the playbook as the group's owner."""
    today = dt.datetime.fromisoformat(server.clock()["now"]).date()
    variables = {
        "url": server.url,
        "secret": org.OWNER_TOKEN,
        "project": org.PROJECT,
        "group": org.GROUP,
        "expires_at": (today + dt.timedelta(days=60)).isoformat(),
        "ansible_python_interpreter": str(program.with_name("python")),
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    return subprocess.run(
        [program, "-i", "localhost,", "-c", "local", "-e", f"@{folder / 'variables.json'}", PLAYBOOK],
        env={**environment, "ANSIBLE_LOCAL_TEMP": str(folder), "ANSIBLE_REMOTE_TEMP": str(folder), "NO_PROXY": "*"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", ["19.6", "18.0", "17.0"])
def test_a_tokens_life(ansible_playbook: Path, tmp_path: Path, version: str) -> None:
    with start("gitlab", switches={"version": version}) as server:
        # Enough dead tokens that the modules have to turn the page.
        owners = [{"project": org.PROJECT}, {"group": org.GROUP}]
        server.seed({"bulk": [{"owner": owner, "count": 45, "revoked_every": 1} for owner in owners]})
        done = play(ansible_playbook, server, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        left = [token for token in server.state()["tokens"] if token["name"] == "community"]
        assert not [token for token in left if token["active"]]
        # Up to 17.8 a revoked token's row goes with its bot.
        assert [token["resource_type"] for token in left] == (
            [] if version == "17.0" else ["project"] * 2 + ["group"] * 2
        )
        assert {entry["status"] for entry in server.requests()} <= {200, 201, 204}
