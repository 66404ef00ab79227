# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The six permissions that a token may have, and the levels they stand for."""

from __future__ import annotations

from enum import IntEnum

NAMES = ("REPO_READ", "REPO_WRITE", "REPO_ADMIN", "PROJECT_READ", "PROJECT_WRITE", "PROJECT_ADMIN")
GLOBAL_NAMES = ("LICENSED_USER", "PROJECT_CREATE", "REPO_CREATE", "ADMIN", "SYS_ADMIN")


class Level(IntEnum):
    """What one may do in a project or repository."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


def level_of(name: str) -> Level:
    """``REPO_WRITE`` is WRITE."""
    return Level[name.partition("_")[2]]


def project_level(names: list[str]) -> Level:
    """The most that a set of permissions allows in a project."""
    return max((level_of(name) for name in names if name.startswith("PROJECT_")), default=Level.NONE)


def repo_level(names: list[str]) -> Level:
    """The most that a set of permissions allows in a repository: project permissions reach into it."""
    return max((level_of(name) for name in names), default=Level.NONE)


def normalised(names: list[str], how: str) -> list[str]:
    """What the server stores for the names sent, by the switch ``normalise_permissions``; ``none`` is as sent."""
    if how == "add_repo":
        added = [f"REPO_{level_of(name).name}" for name in names if name.startswith("PROJECT_")]
    elif how == "closure":
        added = [f"{kind}_{level.name}" for kind, level in _closure(names)]
    elif how == "raise_repo":
        least = f"REPO_{project_level(names).name}"
        weak = [name for name in names if name.startswith("REPO_") and level_of(name) < project_level(names)]
        names = [name for name in names if name not in weak]
        added = [least] if weak else []
    else:
        added = []
    return list(dict.fromkeys(names + added))


def _closure(names: list[str]) -> list[tuple[str, Level]]:
    return [
        (kind, level)
        for kind in ("PROJECT", "REPO")
        for level in (Level.READ, Level.WRITE, Level.ADMIN)
        if any(name.startswith(kind) and level_of(name) > level for name in names)
    ]
