# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables. Instants are seconds since 1970."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active',
    first_name TEXT,
    last_name TEXT,
    is_service INTEGER NOT NULL DEFAULT 0,
    roles TEXT NOT NULL DEFAULT '[]',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE TABLE projects (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    key TEXT UNIQUE,
    version TEXT NOT NULL DEFAULT 'v2',
    protected INTEGER,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    deleted_at REAL
);
CREATE TABLE members (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, user_id)
) WITHOUT ROWID;
CREATE TABLE tokens (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    note TEXT NOT NULL,
    permissions TEXT NOT NULL,
    all_projects INTEGER NOT NULL,
    projects TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    expires_at REAL,
    last_used_at REAL,
    secret_digest TEXT NOT NULL UNIQUE
);
CREATE INDEX tokens_by_user ON tokens (user_id, number);
CREATE TABLE old_secrets (secret_digest TEXT PRIMARY KEY, token_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    secret_digest TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
) WITHOUT ROWID;
"""
