# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms by name. Imports are static, because only what a module names that way is shipped with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Platform

NAMES = ("gitlab", "bitbucket", "gorules", "atlassian_pat")


def by_name(name: str) -> type[Platform]:
    """The platform's class; `name` is one of `NAMES`. Imported on demand: a run needs one of them."""
    if name == "gitlab":
        from .gitlab import GitLab

        return GitLab
    if name == "bitbucket":
        from .bitbucket import Bitbucket

        return Bitbucket
    if name == "gorules":
        from .gorules import GoRules

        return GoRules
    if name == "atlassian_pat":
        from .atlassian_pat import AtlassianPat

        return AtlassianPat
    raise AssertionError(f"the argument spec lets {name!r} through, and nothing implements it")
