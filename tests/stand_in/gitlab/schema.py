# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables. Instants are whole microseconds since 1970, dates are ISO text, lists are JSON."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_id INTEGER REFERENCES groups (id),
    path TEXT NOT NULL,
    full_path TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    full_name TEXT NOT NULL,
    description TEXT,
    visibility TEXT NOT NULL DEFAULT 'private',
    tokens_allowed INTEGER NOT NULL DEFAULT 1,
    sa_expiry_enforced INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
);
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    email TEXT NOT NULL COLLATE NOCASE,
    unconfirmed_email TEXT,
    kind TEXT NOT NULL DEFAULT 'human' CHECK (kind IN ('human', 'service_account', 'project_bot')),
    admin INTEGER NOT NULL DEFAULT 0,
    external INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'active',
    group_id INTEGER REFERENCES groups (id),
    project_id INTEGER REFERENCES projects (id),
    created_at INTEGER NOT NULL
);
CREATE INDEX users_by_email ON users (email);
CREATE INDEX users_by_kind ON users (kind, id);
CREATE INDEX users_by_group ON users (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX users_by_project ON users (project_id) WHERE project_id IS NOT NULL;
CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER REFERENCES groups (id),
    owner_id INTEGER REFERENCES users (id),
    path TEXT NOT NULL,
    full_path TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    description TEXT,
    visibility TEXT NOT NULL DEFAULT 'private',
    archived INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
CREATE INDEX projects_by_group ON projects (group_id);
CREATE TABLE moved_projects (
    old_path TEXT PRIMARY KEY COLLATE NOCASE,
    project_id INTEGER NOT NULL REFERENCES projects (id)
);
CREATE TABLE members (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source_type TEXT NOT NULL CHECK (source_type IN ('project', 'group')),
    source_id INTEGER NOT NULL,
    access_level INTEGER NOT NULL,
    PRIMARY KEY (user_id, source_type, source_id)
) WITHOUT ROWID;
CREATE INDEX members_by_source ON members (source_type, source_id);
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    resource_type TEXT,
    resource_id INTEGER,
    name TEXT NOT NULL,
    description TEXT,
    scopes TEXT NOT NULL,
    granular_scopes TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at TEXT,
    revoked INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER,
    last_used_ips TEXT NOT NULL DEFAULT '[]',
    last_ip_at INTEGER,
    impersonation INTEGER NOT NULL DEFAULT 0,
    granular INTEGER NOT NULL DEFAULT 0,
    previous_id INTEGER,
    digest TEXT UNIQUE
);
CREATE INDEX tokens_by_user ON tokens (user_id, id, impersonation, revoked, expires_at);
CREATE INDEX tokens_by_resource ON tokens (resource_type, resource_id, id, revoked, expires_at)
    WHERE resource_type IS NOT NULL;
CREATE INDEX tokens_by_previous ON tokens (previous_id) WHERE previous_id IS NOT NULL;
CREATE TABLE credentials (
    digest TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('oauth', 'deploy', 'job')),
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL
);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE jobs (id INTEGER PRIMARY KEY, due_at INTEGER NOT NULL, kind TEXT NOT NULL, subject INTEGER NOT NULL);
"""
