# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON of each thing, by release."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .lab import Lab, stamp

Json = dict[str, Any]
SINGLE, LISTED, CREATED = "single", "listed", "created"


def token(lab: Lab, row: sqlite3.Row, where: str) -> Json:
    """A token as the personal token endpoints show it. ``where``: by itself, in a list, or fresh."""
    result: Json = {
        "id": row["id"],
        "name": row["name"],
        "active": lab.tokens.is_active(row),
        "revoked": bool(row["revoked"]),
    }
    if lab.since("token_flags_since"):
        result |= {"expired": lab.tokens.is_expired(row), "granular": bool(row["granular"])}
    result["created_at"] = stamp(row["created_at"])
    if lab.at_least("17.7"):
        result["description"] = row["description"]
    result |= {"scopes": json.loads(row["scopes"]), "user_id": row["user_id"]}
    if lab.at_least("14.0"):
        result["last_used_at"] = stamp(row["last_used_at"])
    result["expires_at"] = row["expires_at"]
    if shows_ips(lab, where):
        result["last_used_ips"] = json.loads(row["last_used_ips"])
    if row["granular"] and lab.at_least("19.6" if where == CREATED or row["impersonation"] else "19.2"):
        result["granular_scopes"] = json.loads(row["granular_scopes"])
    return result


def shows_ips(lab: Lab, where: str) -> bool:
    """Whether a token's addresses are shown there."""
    if lab.at_least("19.4"):
        return True
    if where == CREATED:
        return False
    if lab.at_least("19.2") and lab.switches["expose_last_used_ips"]:
        return True
    return where == SINGLE and lab.at_least("17.8")


def impersonation_token(lab: Lab, row: sqlite3.Row, where: str) -> Json:
    """A token as the impersonation endpoints show it."""
    return token(lab, row, LISTED if where == SINGLE else where) | {"impersonation": bool(row["impersonation"])}


def resource_token(lab: Lab, row: sqlite3.Row, where: str) -> Json:
    """A token as the endpoints of projects and groups show it."""
    result = token(lab, row, LISTED if where == SINGLE else where)
    result["access_level"] = lab.access.level_here(row["user_id"], row["resource_type"], row["resource_id"])
    if lab.at_least("17.10"):
        result |= {"resource_type": row["resource_type"], "resource_id": row["resource_id"]}
    return result


def service_account(lab: Lab, row: sqlite3.Row) -> Json:
    """A service account."""
    result: Json = {"id": row["id"], "username": row["username"], "name": row["name"], "email": row["email"]}
    if row["unconfirmed_email"]:
        result["unconfirmed_email"] = row["unconfirmed_email"]
    if lab.at_least("19.5"):
        result["external"] = bool(row["external"])
    if lab.switches["service_account_public_email"]:
        result["public_email"] = None
    return result


def user(lab: Lab, row: sqlite3.Row, base: str, *, private: bool, for_admin: bool) -> Json:
    """A user: to everybody, to itself (``private``), to an administrator."""
    result: Json = {
        "id": row["id"],
        "username": row["username"],
        "public_email": None,
        "name": row["name"],
        "state": row["state"],
        "locked": False,
        "avatar_url": None,
        "web_url": f"{base}/{row['username']}",
        "created_at": stamp(row["created_at"]),
        "bio": "",
        # Service accounts count as bots, too (source: GitLab's list of bot user types).
        "bot": row["kind"] != "human",
    }
    if private or for_admin:
        result |= {"email": row["email"], "commit_email": row["email"], "external": bool(row["external"])}
        result |= {"two_factor_enabled": False, "confirmed_at": stamp(row["created_at"])}
    if for_admin:
        result["is_admin"] = bool(row["admin"])
    return result


def group(lab: Lab, row: sqlite3.Row, base: str) -> Json:
    """A group."""
    return {
        "id": row["id"],
        "web_url": f"{base}/groups/{row['full_path']}",
        "name": row["name"],
        "path": row["path"],
        "description": row["description"] or "",
        "visibility": row["visibility"],
        "full_name": row["full_name"],
        "full_path": row["full_path"],
        "created_at": stamp(row["created_at"]),
        "parent_id": row["parent_id"],
        "organization_id": 1,
    }


def project(lab: Lab, row: sqlite3.Row, base: str) -> Json:
    """A project."""
    space = namespace(lab, row, base)
    return {
        "id": row["id"],
        "description": row["description"],
        "name": row["name"],
        "name_with_namespace": f"{space['full_name']} / {row['name']}",
        "path": row["path"],
        "path_with_namespace": row["full_path"],
        "created_at": stamp(row["created_at"]),
        "default_branch": "main",
        "web_url": f"{base}/{row['full_path']}",
        "archived": bool(row["archived"]),
        "visibility": row["visibility"],
        "namespace": {name: value for name, value in space.items() if name != "full_name"},
    }


def namespace(lab: Lab, row: sqlite3.Row, base: str) -> Json:
    """What a project lies in, with the name as it is shown."""
    home = lab.db.one("SELECT * FROM groups WHERE id = ?", (row["group_id"],))
    if home is not None:
        kind, path, name, full_name, parent = (
            "group",
            home["full_path"],
            home["name"],
            home["full_name"],
            home["parent_id"],
        )
        address = f"{base}/groups/{path}"
    else:
        owner = lab.access.user(row["owner_id"])
        assert owner is not None
        kind, path, name, full_name, parent = "user", owner["username"], owner["name"], owner["name"], None
        address = f"{base}/{path}"
    return {
        "id": row["group_id"] or 1_000_000 + row["owner_id"],
        "name": name,
        "path": path.rpartition("/")[2],
        "kind": kind,
        "full_path": path,
        "full_name": full_name,
        "parent_id": parent,
        "avatar_url": None,
        "web_url": address,
    }
