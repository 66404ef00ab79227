# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is promised is promised in the same words wherever it is promised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def guarantees(name: str) -> dict[str, str]:
    """The guarantees in a file of the documentation, by their letters."""
    text = (DOCS / name).read_text(encoding="utf-8")
    found = re.findall(r"^\*\*([A-Z])\. (.*?)(?=^\*\*[A-Z]\. |^#|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    return {letter: " ".join(words.split()) for letter, words in found}


def test_the_guarantees_are_there() -> None:
    assert "".join(guarantees("lifecycle.md")) == "ABCDEF"


@pytest.mark.parametrize("letter", "ABCDEF")
def test_they_are_the_same_everywhere(letter: str) -> None:
    assert guarantees("security.md")[letter] == guarantees("lifecycle.md")[letter]


def test_every_command_that_is_said_to_test_one_names_something() -> None:
    """Targets of make, and files of tests, that the documentation sends its readers to."""
    root = DOCS.parent
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for name in ("security.md", "reliability.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        commands = re.findall(r"`make ([a-z-]+)", text)
        files = re.findall(r"(?<![\w/])(tests/[\w/]+(?:\.py)?)", text)
        assert commands
        assert files
        assert set(commands) <= targets
        assert [path for path in files if not (root / path).exists()] == []
