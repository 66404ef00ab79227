# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own papers agree with each other and with what is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def names_in(folder: str) -> set[str]:
    """Return the plugins of that kind."""
    return {path.stem for path in (ROOT / "plugins" / folder).glob("*.py") if not path.stem.startswith("_")}


def read(name: str) -> dict[str, Any]:
    """Return a YAML file of the checkout."""
    content = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_the_action_group_all_has_every_module() -> None:
    assert set(read("meta/runtime.yml")["action_groups"]["all"]) == names_in("modules")


def test_every_module_has_an_action_plugin() -> None:
    """Without one, a module's result would show its secrets."""
    assert names_in("modules") <= names_in("action")


def test_the_execution_environment_gets_what_the_modules_need() -> None:
    requirements = ROOT / read("meta/execution-environment.yml")["dependencies"]["python"]
    assert re.findall(r"^[a-z][\w-]*", requirements.read_text(encoding="utf-8"), re.MULTILINE) == ["requests"]


def test_the_collection_depends_on_no_other() -> None:
    assert read("galaxy.yml")["dependencies"] == {}


@pytest.mark.parametrize("requirements", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_tool_is_pinned(requirements: Path) -> None:
    lines = [line for line in requirements.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.match(r"[a-z0-9][a-z0-9.-]*==[\w.]+( ;|$)", line)] == []
