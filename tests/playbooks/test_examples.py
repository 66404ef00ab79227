# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worked examples, as they are but for the server's address: an Ansible Vault file, AWS Secrets Manager."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from playbooks.fleet import Fleet
from playbooks.support import assert_no_leak
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn

ROOT = Path(__file__).parents[2]
#: Made by `make playbooks`: the AWS CLI and moto do not agree with all of our own tools on their libraries.
AWS = ROOT / ".venv-matrix/aws/bin"
KEY = "gitlab/project/platform/app/deploy"
HOUR = 3600


@pytest.fixture
def fleet(playbook: Callable[..., Any], gitlab: StandIn, tmp_path: Path) -> Fleet:
    return Fleet(playbook, tmp_path, gitlab)


class Example:
    """An example in a folder of its own, and a place to look what consumers would find."""

    def __init__(self, fleet: Fleet, name: str, env: Mapping[str, str]) -> None:
        shutil.copytree(ROOT / "examples" / name, fleet.folder, dirs_exist_ok=True)
        manifest = fleet.folder / "manifest.yml"
        text = manifest.read_text()
        assert "https://gitlab.example.com" in text
        manifest.write_text(text.replace("https://gitlab.example.com", fleet.server.url))
        self.fleet = fleet
        self.env = {"GITLAB_ADMIN_TOKEN": fixtures.ROOT_TOKEN, **env}

    def run(self, book: str, *args: str) -> Any:
        return self.fleet.run(book, args=("-e", "@manifest.yml", "-vvv", *args), env=self.env)

    def lives(self, held: Callable[[], str | None], break_it: Callable[[], Any]) -> None:
        """Made, rotated without an overlap, revoked, refused where the place is out of order."""
        assert held() is None
        made = self.run("apply")
        assert made.rc == 0, made.output
        first = held()
        assert first in self.fleet.server.secrets()
        self.fleet.server.advance(HOUR)
        rotated = self.run("rotate", "-e", "tokens_overlap=0")
        assert rotated.rc == 0, rotated.output
        assert held() not in (None, first)
        assert len(self.fleet.live("deploy")) == 1
        revoked = self.run("revoke", "-e", "tokens_only_names=deploy")
        assert revoked.rc == 0, revoked.output
        assert held() is None
        break_it()
        refused = self.run("apply")
        assert refused.rc == 2
        assert self.fleet.writes() == []


def test_an_ansible_vault_file(fleet: Fleet) -> None:
    _forget_the_seeds_own(fleet)
    password = fleet.folder / "password"
    password.write_text("correct horse battery staple\n")
    env = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
    file = fleet.folder / "secrets.yml"
    program = Path(sys.executable).with_name("ansible-vault")

    def held() -> str | None:
        if not file.exists():
            return None
        assert file.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
        assert file.stat().st_mode & 0o777 == 0o600
        text = subprocess.check_output([program, "view", file], env={**os.environ, **env}, text=True)
        found: str | None = yaml.safe_load(text)["access_tokens"].get(KEY)
        return found

    Example(fleet, "ansible_vault", env).lives(held, lambda: password.write_text("another one\n"))
    assert not (fleet.folder / "secrets.yml.new").exists()


@pytest.fixture(scope="session")
def secrets_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which the AWS CLI talks to moto, and writes down how it was called."""
    folder = tmp_path_factory.mktemp("moto")
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([AWS / "moto_server", "-p", "0"], stderr=output, stdout=output) as server,
    ):
        try:
            yield {
                "AWS_ENDPOINT_URL": _address(server, log),
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "eu-central-1",
            }
        finally:
            server.terminate()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    while server.poll() is None:
        found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found[1]
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.05)
    raise RuntimeError(log.read_text())


def test_aws_secrets_manager(fleet: Fleet, secrets_manager: dict[str, str]) -> None:
    _forget_the_seeds_own(fleet)
    calls = fleet.folder / "calls"
    (fleet.folder / "bin").mkdir()
    noting = fleet.folder / "bin" / "aws"
    noting.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {AWS / "aws"} "$@"\n')
    noting.chmod(0o700)
    path = os.pathsep.join([str(noting.parent), str(Path(sys.executable).parent), "/usr/bin", "/bin"])

    def held() -> str | None:
        done = subprocess.run(
            [AWS / "aws", "secretsmanager", "get-secret-value", "--secret-id", KEY],
            env={**os.environ, **secrets_manager},
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(done.stdout)["SecretString"] if done.returncode == 0 else None

    example = Example(fleet, "aws_secrets_manager", {**secrets_manager, "PATH": path})
    example.lives(held, lambda: example.env.update(AWS_ENDPOINT_URL="http://127.0.0.1:9"))
    assert "put-secret-value" in calls.read_text()
    assert_no_leak(fleet.server, calls.read_text())


def _forget_the_seeds_own(fleet: Fleet) -> None:
    """Nothing of the example's name is there yet."""
    fleet.server.reset(
        {**fixtures.SEED, "tokens": [each for each in fixtures.SEED["tokens"] if each["name"] != "deploy"]}
    )
