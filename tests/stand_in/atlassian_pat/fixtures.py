# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default users: names and credentials, for tests and demonstrations.

Every credential is made up here and works nowhere else. Instants are counted from the moment of seeding.
"""

from __future__ import annotations

from typing import Any

from ..bitbucket.secret_format import made_up_secret

ADMIN, ADMIN_PASSWORD = "admin", "standin-admin-password"
ALICE, ALICE_PASSWORD = "alice", "standin-alice-password"
BOB, BOB_PASSWORD = "bob", "standin-bob-password"  # has no tokens

# Tokens of alice, with ids 1 to 4 in this order.
ALICE_TOKEN, ALICE_SECRET = 1, made_up_secret("301882764115")  # "laptop", never expires, used yesterday
ALICE_SOON, ALICE_SOON_SECRET = 2, made_up_secret("440127765309")  # "nightly build", 4 days left
ALICE_EXPIRED, ALICE_EXPIRED_SECRET = 3, made_up_secret("158933047762")  # "old build", expired 10 days ago
ALICE_UNUSED = 4  # "spare", 60 days left, never used
ADMIN_TOKEN, ADMIN_SECRET = 5, made_up_secret("905561283374")  # of admin, "automation", never expires


def default_seed() -> dict[str, Any]:
    """The users and tokens, in the seed format of ``seed.py``."""
    return {
        "users": [
            {"name": ADMIN, "password": ADMIN_PASSWORD, "display_name": "Administrator"},
            {"name": ALICE, "password": ALICE_PASSWORD, "display_name": "Alice Moreau"},
            {"name": BOB, "password": BOB_PASSWORD, "display_name": "Bob Lindqvist"},
        ],
        "tokens": [
            {
                "owner": ALICE,
                "name": "laptop",
                "secret": ALICE_SECRET,
                "created_days_ago": 200,
                "last_used_days_ago": 1,
            },
            {
                "owner": ALICE,
                "name": "nightly build",
                "secret": ALICE_SOON_SECRET,
                "created_days_ago": 86,
                "expires_in_days": 4,
            },
            {
                "owner": ALICE,
                "name": "old build",
                "secret": ALICE_EXPIRED_SECRET,
                "created_days_ago": 40,
                "expires_in_days": -10,
            },
            {"owner": ALICE, "name": "spare", "created_days_ago": 30, "expires_in_days": 60},
            {"owner": ADMIN, "name": "automation", "secret": ADMIN_SECRET, "created_days_ago": 10},
        ],
    }
