# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller a module is run from the installed collection; everywhere else Ansible takes a copy along."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playbooks.elsewhere import remote_host
from playbooks.support import Scene, Task, token
from stand_in.gitlab import fixtures

COLLECTION = Path(__file__).parents[2]
OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
LOCAL_MODULE = "tokensmith_access_here"


def steps(folder: Path) -> dict[str, Task]:
    """One step of every module, and what a store adds."""
    store = {"type": "directory", "path": str(folder / "secrets")}
    return {
        "one": token(WISH, name="ci", store=store),
        "again": token(WISH, name="ci", store=store),
        "many": Task({"tokens": [{**WISH, "name": "a"}, {**WISH, "name": "b"}]}, {}, "tokensmith.access.token_set"),
        "info": Task({"owners": [OWNER["owner"]]}, {}, "tokensmith.access.token_info"),
        "policy": Task({"require_expiry": False}, {"check_mode": True}, "tokensmith.access.token_policy"),
    }


@pytest.mark.parametrize("pipelining", ["True", "False"])
def test_on_another_host_every_module_is_a_copy(
    scene: Scene, tmp_path: Path, interpreter: Path, pipelining: str
) -> None:
    """With and without files on that host, which is all that differs: what comes of it is the same."""
    inventory = tmp_path / "elsewhere.ini"
    inventory.write_text(remote_host(tmp_path, interpreter))
    settings = {"ANSIBLE_PIPELINING": pipelining}
    story = scene.play("-i", str(inventory), "-vvv", env=settings, **steps(tmp_path))
    assert LOCAL_MODULE not in story.output
    check(story)


def test_here_it_is_the_installed_one_and_nothing_is_left_in_it(scene: Scene, tmp_path: Path) -> None:
    """No compiled files but those that Ansible itself makes of its action plugins: it may be another user's."""
    installed = tmp_path / "my collections" / "ansible_collections" / "tokensmith" / "access"
    for name in ("meta", "plugins"):
        shutil.copytree(COLLECTION / name, installed / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = files(installed)
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "my collections")}
    story = scene.play("-vvv", env=settings, **steps(tmp_path))
    assert str(installed / "plugins" / "modules" / "token.py") in story.output
    assert LOCAL_MODULE in story.output
    check(story)
    assert files(installed) == before


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if "action" not in path.parts)


def check(story: Any) -> None:
    assert [story[name].verdict[0] for name in ("one", "again")] == ["create", "unchanged"]
    assert story["many"]["changed"]
    assert {each["name"] for each in story["info"]["tokens"]} >= {"ci", "a", "b"}
    assert "settings" in story["policy"].result
