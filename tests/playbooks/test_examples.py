# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation, run as they stand, against servers of the host names that they have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playbooks.conftest import COLLECTIONS
from playbooks.support import Scene, assert_no_leak
from playbooks.tls_front import Front, tls_front
from stand_in.bitbucket import fixtures as bitbucket_org
from stand_in.gitlab import fixtures as gitlab_org
from stand_in.gorules import fixtures as gorules_org
from stand_in.launch import StandIn

VARIABLES = {
    "gitlab_admin_token": gitlab_org.ROOT_TOKEN,
    "bitbucket_password": bitbucket_org.ADMIN_PASSWORD,
    "gorules_admin_token": gorules_org.ADAM_SECRET,
}
WEEKS = {"created_days_ago": 30, "expires_in_days": 50}
#: A small organisation on GitLab: what the examples speak of, and a token or two that nobody needs.
GITLAB: dict[str, Any] = {
    "users": [{"username": "root", "admin": True}, {"username": "alice"}],
    "groups": [{"path": "platform"}],
    "projects": [{"path": "platform/app"}],
    "service_accounts": [{"username": "build-bot"}],
    "tokens": [
        {"user": "root", "name": "admin", "scopes": ["api"], "secret": gitlab_org.ROOT_TOKEN, **WEEKS},
        {"user": "alice", "name": "forgotten", **WEEKS, "created_days_ago": 200},
        {"group": "platform", "name": "old-ci", **WEEKS, "expires_in_days": 20},
        {"project": "platform/app", "name": "left over", **WEEKS},
    ],
}


@pytest.fixture
def servers(stand_in: Callable[[str], StandIn]) -> dict[str, StandIn]:
    """The servers of the examples."""
    gitlab, bitbucket, gorules = map(stand_in, ("gitlab", "bitbucket", "gorules"))
    gitlab.reset(GITLAB)
    gitlab.switch(edition="ee", licence="ultimate")
    admin = {"name": "ci-admin", "global_permission": "ADMIN", "password": bitbucket_org.ADMIN_PASSWORD}
    bitbucket.seed({"users": [admin]})
    return {"gitlab.example.com": gitlab, "bitbucket.example.com": bitbucket, "acme.gorules.io": gorules}


@pytest.fixture
def front(servers: dict[str, StandIn], tmp_path: Path) -> Iterator[Front]:
    """Leads those host names to them."""
    with tls_front(tmp_path, {name: server.url for name, server in servers.items()}) as opened:
        yield opened


def examples_of(module: str, interpreter: Path) -> list[dict[str, Any]]:
    """The tasks of a module's EXAMPLES, as ansible-doc shows them."""
    name = f"tokensmith.access.{module}"
    command = [interpreter.with_name("ansible-doc"), "--type", "module", "--json", name]
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "LC_ALL": "C.UTF-8"}
    found = json.loads(subprocess.check_output(command, env=environment, text=True))
    tasks = yaml.safe_load(found[name]["examples"])
    assert tasks
    return list(tasks)


# How many tasks change something in a first run, and in a second one.
CHANGES = {"token": (6, 0), "token_set": (1, 0), "token_info": (0, 0), "token_policy": (2, 2)}


@pytest.mark.parametrize("module", CHANGES)
def test_the_examples_run_as_they_stand(
    scene: Scene, servers: dict[str, StandIn], front: Front, interpreter: Path, tmp_path: Path, module: str
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    tasks = examples_of(module, interpreter)
    variables = {**VARIABLES, "secrets_folder": str(folder)}
    environment = {"HTTPS_PROXY": front.proxy, "REQUESTS_CA_BUNDLE": str(front.ca_path)}
    runs = [scene.run(tasks, env=environment, extra_vars=variables, module_defaults={}) for _unused in CHANGES[module]]
    for run, changes in zip(runs, CHANGES[module], strict=True):
        assert run.rc == 0, run.output
        assert f"changed={changes} " in run.stdout, run.output
        for server in servers.values():
            assert_no_leak(server, run.output)


def test_every_module_has_its_examples_run() -> None:
    modules = Path(__file__).parents[2] / "plugins" / "modules"
    assert {path.stem for path in modules.glob("*.py")} == set(CHANGES)
