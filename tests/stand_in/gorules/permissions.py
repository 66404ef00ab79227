# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permissions that a token may have, in the order of the vendor's reference."""

from __future__ import annotations

NAMES = (
    "owner",
    "documents",
    "releases",
    "releases:manage",
    "releases:deploy",
    "releases:delete",
    "integrations:manage",
    "documents:full",
    "documents:view-content",
    "documents:edit-content",
    "documents:edit-view",
    "branches",
    "branches:create",
    "branches:merge",
    "branches:delete",
    "project:manage",
    "environments",
    "environments:manage",
    "environments:delete",
)


def normalised(names: list[str], how: str) -> list[str]:
    """What the server stores for the names sent, by the switch ``normalise_permissions``: no name twice.

    ``add_area`` adds ``releases`` to ``releases:deploy``; ``expand_area`` adds every ``releases:...`` to ``releases``.
    """
    added: list[str] = []
    if how == "add_area":
        areas = [name.partition(":")[0] for name in names if ":" in name]
        added = [area for area in areas if area in NAMES]
    elif how == "expand_area":
        added = [name for area in names for name in NAMES if name.startswith(f"{area}:")]
    return list(dict.fromkeys(names + added))
