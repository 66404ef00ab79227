# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything at a glance, for assertions in tests."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .lab import Lab, stamp


def overview(lab: Lab) -> dict[str, Any]:
    """Tokens and owners as plain rows, by id. No secret is in it."""
    tokens = lab.db.all(
        """SELECT t.*, u.username, u.kind, coalesce(p.full_path, g.full_path) AS resource, m.access_level FROM tokens t
           JOIN users u ON u.id = t.user_id
           LEFT JOIN projects p ON t.resource_type = 'project' AND p.id = t.resource_id
           LEFT JOIN groups g ON t.resource_type = 'group' AND g.id = t.resource_id
           LEFT JOIN members m ON m.user_id = t.user_id AND m.source_type = t.resource_type
               AND m.source_id = t.resource_id
           ORDER BY t.id"""
    )
    users = lab.db.all("SELECT id, username, kind, admin, state FROM users WHERE kind != 'project_bot' ORDER BY id")
    owners = [{"type": "user", **dict(row)} for row in users]
    for kind in ("group", "project"):
        rows = lab.db.all(f"SELECT id, full_path FROM {kind}s ORDER BY id")
        owners += [{"type": kind, "id": row["id"], "path": row["full_path"]} for row in rows]
    return {"tokens": [_token(lab, row) for row in tokens], "owners": owners}


def _token(lab: Lab, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "user": row["username"],
        "user_id": row["user_id"],
        "user_kind": row["kind"],
        "resource_type": row["resource_type"],
        "resource": row["resource"],
        "access_level": row["access_level"],
        "scopes": json.loads(row["scopes"]),
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["updated_at"]),
        "expires_at": row["expires_at"],
        "revoked": bool(row["revoked"]),
        "active": lab.tokens.is_active(row),
        "last_used_at": stamp(row["last_used_at"]),
        "impersonation": bool(row["impersonation"]),
        "previous_id": row["previous_id"],
    }
