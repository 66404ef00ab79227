# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/version``, ``/metadata``, ``/application/settings``, ``/features``."""

from __future__ import annotations

from typing import Any

from ..endpoint import Answer, Call, Routes
from ..lab import Lab
from ..params import Declared

routes = Routes()

READ_USER = ("api", "read_api", "read_user")
REVISION = "ceb07b24cb0"


def _version(call: Call) -> dict[str, Any]:
    suffix = "-ee" if call.lab.switches["edition"] == "ee" else ""
    return {"version": f"{call.lab.switches['version']}.0{suffix}", "revision": REVISION}


@routes.on("GET", "/version", scopes=READ_USER)
def show_version(call: Call) -> Answer:
    """Release and revision."""
    return Answer(200, _version(call))


@routes.on("GET", "/metadata", since="15.2", scopes=READ_USER)
def show_metadata(call: Call) -> Answer:
    """Release, revision, agent server and edition."""
    body = _version(call)
    body["kas"] = {"enabled": False, "externalUrl": None, "version": None}
    if call.lab.at_least("15.6"):
        body["enterprise"] = call.lab.switches["edition"] == "ee"
    return Answer(200, body)


@routes.on("GET", "/application/settings", admin=True)
def show_settings(call: Call) -> Answer:
    """Every setting."""
    return Answer(200, call.lab.settings.shown())


def _settings(lab: Lab) -> Declared:
    return lab.settings.declared()


@routes.on("PUT", "/application/settings", admin=True, params=_settings)
def change_settings(call: Call) -> Answer:
    """Change any of them; unknown ones are passed over."""
    call.lab.settings.change(call.params)
    return Answer(200, call.lab.settings.shown())


@routes.on("GET", "/features", admin=True)
def show_features(call: Call) -> Answer:
    """The feature flags that were ever set."""
    names = [name for name in ("buffered_token_expiration_limit",) if call.lab.switches[name]]
    gates = [{"key": "boolean", "value": True}]
    return Answer(200, [{"name": name, "state": "on", "gates": gates, "definition": None} for name in names])
