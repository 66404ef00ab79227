# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    slug TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL,
    email TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT 'NORMAL',
    global_permission TEXT NOT NULL DEFAULT '',
    licensed INTEGER NOT NULL DEFAULT 1,
    active INTEGER NOT NULL DEFAULT 1,
    password_digest TEXT NOT NULL,
    failed_logins INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    public INTEGER NOT NULL DEFAULT 0,
    owner_id INTEGER REFERENCES users (id)
);
CREATE TABLE repos (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    slug TEXT NOT NULL COLLATE NOCASE,
    name TEXT NOT NULL,
    public INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project_id, slug)
);
CREATE TABLE grants (
    user_id INTEGER NOT NULL REFERENCES users (id),
    scope TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (user_id, scope, subject_id)
) WITHOUT ROWID;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    owner_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expiry_days INTEGER,
    expiry_from_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    service_name TEXT NOT NULL DEFAULT '',
    secret_digest TEXT NOT NULL UNIQUE
);
CREATE INDEX tokens_by_owner ON tokens (scope, owner_id, created_ms, id);
CREATE TABLE sessions (cookie TEXT PRIMARY KEY, user_id INTEGER REFERENCES users (id)) WITHOUT ROWID;
CREATE TABLE oauth_tokens (secret_digest TEXT PRIMARY KEY, user_id INTEGER REFERENCES users (id)) WITHOUT ROWID;
CREATE TABLE policy (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), max_expiry_days INTEGER NOT NULL);
"""
