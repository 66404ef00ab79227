# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scopes that a release knows, and who may have which."""

from __future__ import annotations

from .lab import Lab

# In the order in which the documentation lists them; the second word is the release that brought one.
KNOWN = {
    "api": "13.0",
    "read_api": "13.0",
    "read_user": "13.0",
    "create_runner": "16.0",
    "manage_runner": "17.1",
    "k8s_proxy": "16.4",
    "self_rotate": "17.9",
    "mcp": "18.3",
    "mcp_orbit": "19.0",
    "granular": "19.0",
    "read_repository": "13.0",
    "write_repository": "13.0",
    "read_registry": "13.0",
    "write_registry": "13.0",
    "read_virtual_registry": "18.0",
    "write_virtual_registry": "18.0",
    "read_observability": "16.0",
    "write_observability": "16.0",
    "ai_features": "16.5",
    "sudo": "13.0",
    "admin_mode": "15.8",
    "read_service_ping": "17.1",
}
REGISTRY = {"read_registry", "write_registry"}
VIRTUAL_REGISTRY = {"read_virtual_registry", "write_virtual_registry"}
PEOPLE_ONLY = {"read_user", "sudo", "admin_mode", "read_service_ping"}


def for_people(lab: Lab) -> list[str]:
    """What a person's or service account's token may have."""
    off = set() if lab.switches["registry"] else REGISTRY
    if not lab.switches["dependency_proxy"]:
        off = off | VIRTUAL_REGISTRY
    return [name for name, since in KNOWN.items() if lab.at_least(since) and name not in off]


def for_bots(lab: Lab) -> list[str]:
    """What a project's or group's token may have."""
    return [name for name in for_people(lab) if name not in PEOPLE_ONLY]


def for_self_service(lab: Lab) -> list[str]:
    """What people may give their own tokens by the API."""
    return ["k8s_proxy", "self_rotate"] if lab.since("user_create_self_rotate_since") else ["k8s_proxy"]
