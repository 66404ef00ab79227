# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default organisation: names and credentials, for tests and demonstrations.

Every credential is made up here and works nowhere else. Instants are counted from the moment of seeding.
"""

from __future__ import annotations

from typing import Any

from .secret_format import made_up_secret

# -- people: user name, slug, password. Slugs differ from names where a name has special characters.
ADMIN, ADMIN_PASSWORD = "admin", "standin-admin-password"  # system administrator
ADAM, ADAM_PASSWORD = "adam", "standin-adam-password"  # administrator, but not of the system
ALICE, ALICE_PASSWORD = "alice", "standin-alice-password"  # PROJECT_ADMIN of PAY; has a personal project
BOB, BOB_PASSWORD = "bob", "standin-bob-password"  # PROJECT_READ on PAY, nothing else
CAROL, CAROL_PASSWORD = "carol", "standin-carol-password"  # REPO_ADMIN of PAY/api
DORA, DORA_PASSWORD = "dora", "standin-dora-password"  # a good account without a licence
CI_BOT, CI_BOT_SLUG, CI_BOT_PASSWORD = "ci.bot@example.com", "ci.bot_example.com", "standin-ci-bot-password"
# 26 more people, person-01 to person-26, so that listings of users have a second page.
CROWD = 26
PASSWORDS = {
    ADMIN: ADMIN_PASSWORD,
    ADAM: ADAM_PASSWORD,
    ALICE: ALICE_PASSWORD,
    BOB: BOB_PASSWORD,
    CAROL: CAROL_PASSWORD,
    DORA: DORA_PASSWORD,
    CI_BOT: CI_BOT_PASSWORD,
}

# -- projects: PAY (private; api, web), OPS (only for administrators; infra), PUB (public; docs), ~alice (dotfiles)
PROJECT, REPO, SECOND_REPO = "PAY", "api", "web"
HIDDEN_PROJECT, HIDDEN_REPO = "OPS", "infra"
PUBLIC_PROJECT, PUBLIC_REPO = "PUB", "docs"
PERSONAL_PROJECT, PERSONAL_REPO = "~alice", "dotfiles"

# -- tokens: ids; the secret is ``made_up_secret(id)``
ALICE_TOKEN = "048201337715"  # "laptop", REPO_READ, used yesterday, never expires; the id starts with 0
ALICE_BUILD_TOKEN = "310577204916"  # "nightly build", PROJECT_READ and REPO_WRITE, 25 of 90 days left, never used
ALICE_EXPIRED_TOKEN = "771064382059"  # "old build", expired 10 days ago
ALICE_TWINS = ("502913846670", "502913846671")  # two tokens called "deploy"
CI_BOT_TOKEN = "665120048817"  # "pipeline", REPO_WRITE
PROJECT_TOKEN = "184400251763"  # of PAY, "release", PROJECT_ADMIN
REPO_TOKEN = "093318457260"  # of PAY/api, "sync", REPO_WRITE
HIDDEN_REPO_TOKEN = "457721063398"  # of OPS/infra, "mirror", REPO_READ

ALICE_SECRET = made_up_secret(ALICE_TOKEN)
ALICE_EXPIRED_SECRET = made_up_secret(ALICE_EXPIRED_TOKEN)
CI_BOT_SECRET = made_up_secret(CI_BOT_TOKEN)
PROJECT_SECRET = made_up_secret(PROJECT_TOKEN)
REPO_SECRET = made_up_secret(REPO_TOKEN)

# An OAuth 2 access token of alice (incoming application link).
ALICE_OAUTH = "standin-oauth-bearer-of-alice"


def default_seed() -> dict[str, Any]:
    """The organisation, in the seed format of ``seed.py``."""
    return {
        "users": [
            {"name": ADMIN, "password": ADMIN_PASSWORD, "global_permission": "SYS_ADMIN", "display_name": "Root"},
            {"name": ADAM, "password": ADAM_PASSWORD, "global_permission": "ADMIN", "display_name": "Adam Osei"},
            {"name": ALICE, "password": ALICE_PASSWORD, "display_name": "Alice Moreau"},
            {"name": BOB, "password": BOB_PASSWORD, "display_name": "Bob Lindqvist"},
            {"name": CAROL, "password": CAROL_PASSWORD, "display_name": "Carol Ibarra"},
            {"name": DORA, "password": DORA_PASSWORD, "display_name": "Dora Haas", "licensed": False},
            {"name": CI_BOT, "password": CI_BOT_PASSWORD, "display_name": "CI bot", "email": CI_BOT},
            *({"name": f"person-{n:02}", "display_name": f"Person {n}"} for n in range(1, CROWD + 1)),
        ],
        "projects": [
            {
                "key": PROJECT,
                "name": "Payments",
                "users": {ALICE: "PROJECT_ADMIN", BOB: "PROJECT_READ", CI_BOT: "PROJECT_WRITE"},
                "repos": [{"slug": REPO, "users": {CAROL: "REPO_ADMIN"}}, {"slug": SECOND_REPO}],
            },
            {"key": HIDDEN_PROJECT, "name": "Operations", "repos": [{"slug": HIDDEN_REPO}]},
            {"key": PUBLIC_PROJECT, "name": "Public", "public": True, "repos": [{"slug": PUBLIC_REPO, "public": True}]},
            {"key": PERSONAL_PROJECT, "name": "Alice Moreau", "repos": [{"slug": PERSONAL_REPO}]},
        ],
        "tokens": _tokens(),
        "oauth_tokens": [{"user": ALICE, "secret": ALICE_OAUTH}],
    }


def _tokens() -> list[dict[str, Any]]:
    alice, api = {"user": ALICE}, {"repository": f"{PROJECT}/{REPO}"}
    return [
        _token(ALICE_TOKEN, alice, "laptop", ["REPO_READ"], 200, last_used_days_ago=1),
        _token(ALICE_BUILD_TOKEN, alice, "nightly build", ["PROJECT_READ", "REPO_WRITE"], 65, expiry_days=90),
        _token(ALICE_EXPIRED_TOKEN, alice, "old build", ["REPO_READ"], 40, expiry_days=30, last_used_days_ago=12),
        *(_token(twin, alice, "deploy", ["REPO_WRITE"], 5 + n) for n, twin in enumerate(ALICE_TWINS)),
        _token(CI_BOT_TOKEN, {"user": CI_BOT_SLUG}, "pipeline", ["REPO_WRITE"], 20, last_used_days_ago=2),
        _token(PROJECT_TOKEN, {"project": PROJECT}, "release", ["PROJECT_ADMIN"], 100, expiry_days=365),
        _token(REPO_TOKEN, api, "sync", ["REPO_WRITE"], 30, last_used_days_ago=3),
        _token(HIDDEN_REPO_TOKEN, {"repository": f"{HIDDEN_PROJECT}/{HIDDEN_REPO}"}, "mirror", ["REPO_READ"], 30),
    ]


def _token(
    token_id: str, owner: dict[str, str], name: str, permissions: list[str], created_days_ago: int, **more: int
) -> dict[str, Any]:
    return {
        "id": token_id,
        "owner": owner,
        "name": name,
        "permissions": permissions,
        "created_days_ago": created_days_ago,
        **more,
    }
