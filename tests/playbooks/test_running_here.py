# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module runs on the controller itself, or packed up as Ansible does it: the same comes of both."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene, Task
from stand_in.gitlab import fixtures

MODULE = "tokensmith.access.token"
OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "name": "ci", "permissions": ["read_api"], "access_level": 20}


@pytest.fixture(params=["here", "packed"])
def way(request: pytest.FixtureRequest, packed_only: Path, interpreter: Path) -> Path:
    """An interpreter with which modules run on the controller itself, or packed up."""
    return interpreter if request.param == "here" else packed_only


def test_both_ways_take_options_and_give_results_alike(scene: Scene, way: Path, packed_only: Path) -> None:
    """Lists, booleans, dates that YAML reads as such, warnings, errors, names with all kinds of characters."""
    with_way = {"vars": {"ansible_python_interpreter": str(way)}}
    odd = "ümläut 'quoted' \"twice\" {{ '{{' }} 7*7 }}"
    # Somebody writes a template into a description: it is text, here and later.
    scene.server.seed({"tokens": [{"project": fixtures.PROJECT, "name": "odd", "description": "{{ 7*7 }}"}]})
    story = scene.play(
        "-vvv",
        dated=Task({**WISH, "expires_at": "{{ '2999-01-01' }}"}, with_way),
        made=Task({**WISH, "expires_in": "30d", "description": odd, "validate_certs": False}, with_way),
        warned=Task(
            {**WISH, "expires_in": "30d", "permissions": ["no_such_scope"], "name": "x"},
            {**with_way, "check_mode": True},
        ),
        checked=Task({**WISH, "name": "y", "expires_in": "30d"}, {**with_way, "check_mode": True, "diff": True}),
        templated=Task({**OWNER, "name": "odd", "permissions": ["api"]}, with_way),
        misspelt=Task({**WISH, "expires": "30d"}, with_way),
        through_a_proxy=Task(
            {**WISH, "expires_in": "30d", "url": "https://gitlab.example.com", "retries": 0},
            {**with_way, "environment": {"HTTPS_PROXY": "http://127.0.0.1:9"}},
        ),
    )
    assert "the server allows 365" in story["dated"]["msg"]
    made = story["made"]
    assert made.verdict == ("create", ["missing"])
    assert made["token"]["description"] == "ümläut 'quoted' \"twice\" {{ 7*7 }}"
    assert made["token"]["secret"] in scene.server.secrets()
    assert any("no_such_scope" in str(warning) for warning in story["warned"]["warnings"])
    assert "no_such_scope: not among those known" in story.output
    assert "Plan: 1 to create." in story["checked"]["diff"]["prepared"]
    assert story["templated"]["token"]["description"] == "{{ 7*7 }}"
    assert "Unsupported parameters" in story["misspelt"]["msg"]
    assert "proxy" in story["through_a_proxy"]["msg"]
    packed = way == packed_only
    assert ("Using module file" in story.output) == packed


def test_a_date_that_is_not_quoted(scene: Scene, way: Path) -> None:
    """YAML makes a date of it, Ansible a text of that again."""
    scene.server.set_clock("2026-12-01T10:00:00Z")
    with_way = {"vars": {"ansible_python_interpreter": str(way)}}
    story = scene.play(made=Task({**WISH, "expires_at": dt.date(2027, 3, 1)}, with_way))
    assert story["made"].verdict == ("create", ["missing"])
    assert story["made"]["token"]["expires_at"] == "2027-03-01"


def test_a_credential_from_a_vault(scene: Scene, way: Path, interpreter: Path, tmp_path: Path) -> None:
    """A single value that is encrypted, as it stands in a file of variables."""
    password = tmp_path / "vault-password"
    password.write_text("correct horse\n")
    sealed = subprocess.run(
        [
            interpreter.with_name("ansible-vault"),
            "encrypt_string",
            "--vault-password-file",
            password,
            "--stdin-name",
            "sealed",
        ],
        input=fixtures.ROOT_TOKEN,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)},
    ).stdout
    variables = tmp_path / "sealed.yml"
    variables.write_text(sealed)
    task = {
        MODULE: {**WISH, "auth_token": "{{ sealed }}", "expires_in": "30d"},
        "vars": {"ansible_python_interpreter": str(way)},
    }
    run = scene.run([task], "--vault-password-file", str(password), "-e", f"@{variables}")
    assert run.rc == 0, run.output
    assert "changed=1" in run.stdout
    assert fixtures.ROOT_TOKEN not in run.output


def test_becoming_somebody_else_takes_ansibles_own_way(scene: Scene) -> None:
    """Who is to be asked for a password, or may not be allowed, is Ansible's business."""
    gone = {**WISH, "state": "absent"}
    became = scene.run([{MODULE: gone, "become": True, "ignore_errors": True}], "-vvv")
    assert "Using module file" in became.stdout
    assert "Using module file" not in scene.run([{MODULE: gone}], "-vvv").stdout
