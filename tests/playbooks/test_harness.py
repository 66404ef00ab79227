# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other tests here rely on: the right release runs, apart from the rest of the machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.command:
        argv: ["{{ ansible_python_interpreter }}", -c, "import os, json; print(json.dumps(dict(os.environ)))"]
      register: result
    - ansible.builtin.copy:
        dest: "{{ outcome }}"
        content: "{{ dict(release=ansible_version.full, environment=result.stdout | from_json) | to_json }}"
        mode: "0600"
"""


def test_the_chosen_release_runs_in_an_environment_of_its_own(
    playbook: Callable[..., Any], core_version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_URL", "http://127.0.0.1:1")
    outcome = tmp_path / "outcome.json"
    result = playbook(PLAY, extra_vars={"outcome": str(outcome)}, env={"ADDED": "yes"})
    assert result.rc == 0, result.output
    found = json.loads(outcome.read_text())
    assert found["release"] == core_version
    assert Path(found["environment"]["HOME"]).is_relative_to(tmp_path)
    assert found["environment"]["ADDED"] == "yes"
    assert "TOKENSMITH_URL" not in found["environment"]


def test_a_failing_playbook_is_reported_as_such(playbook: Callable[..., Any]) -> None:
    result = playbook("tokensmith.access.no_such_playbook")
    assert result.rc != 0
    assert "no_such_playbook" in result.output
