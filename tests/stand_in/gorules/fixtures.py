# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default organisation: ids and credentials, for tests and demonstrations.

Every credential is made up here and works nowhere else. Instants are counted from the moment of seeding.
"""

from __future__ import annotations

from typing import Any

from .store import made_up_id, made_up_secret

# -- people: e-mail, id, credential
ALICE = "alice@example.com"  # the owner; a login session and a token
ADAM = "adam@example.com"  # an administrator; a token; member of pricing and lending
MIA = "mia@example.com"  # a member; a token; member of pricing
SVC_CI = "svc-ci@example.com"  # a service user of type member, with five tokens
SVC_ADMIN = "svc-admin@example.com"  # a service user of type admin, with one
CROWD = 12  # further service users svc-01@example.com and so on: 14 in all, so that the second page matters

ALICE_ID, ADAM_ID, MIA_ID = made_up_id(ALICE), made_up_id(ADAM), made_up_id(MIA)
SVC_CI_ID, SVC_ADMIN_ID = made_up_id(SVC_CI), made_up_id(SVC_ADMIN)
SVC_EMPTY = "svc-01@example.com"  # a service user without tokens
SVC_EMPTY_ID = made_up_id(SVC_EMPTY)

ALICE_SESSION = "standin-session-of-alice"
ALICE_SECRET, ADAM_SECRET, MIA_SECRET = (made_up_secret(email) for email in (ALICE, ADAM, MIA))

# -- projects
PRICING, LENDING = "pricing", "lending"  # keys of P1 (v2) and P2 (v1)
P1, P2, P3, P_DELETED = (made_up_id(name) for name in ("project P1", "project P2", "project P3", "project deleted"))
TWIN_NAME = "Pricing"  # the name of both P1 and P3
MORE_PROJECTS = 10

# -- tokens of svc-ci and svc-admin
T1 = made_up_id("T1")  # "ci", P1 only, releases and releases:deploy, 30 days left
T2 = made_up_id("T2")  # "root", every project, owner, never expires
T3 = made_up_id("T3")  # "old ci", expired 10 days ago
T4, T5 = made_up_id("T4"), made_up_id("T5")  # both "deploy"
T6 = made_up_id("T6")  # "admin", of svc-admin
T1_SECRET, T2_SECRET, T3_SECRET, T6_SECRET = (made_up_secret(name) for name in ("T1", "T2", "T3", "T6"))


def default_seed() -> dict[str, Any]:
    """The organisation, in the seed format of ``seed.py``."""
    people = [
        {"email": ALICE, "type": "owner", "first_name": "Alice", "last_name": "Moreau"},
        {"email": ADAM, "type": "admin", "first_name": "Adam", "last_name": "Osei"},
        {"email": MIA, "type": "member", "first_name": "Mia", "last_name": "Tanaka"},
        {"email": SVC_CI, "type": "member", "is_service": True},
        {"email": SVC_ADMIN, "type": "admin", "is_service": True},
        *({"email": f"svc-{n:02}@example.com", "is_service": True} for n in range(1, CROWD + 1)),
    ]
    projects: list[dict[str, Any]] = [
        {"id": P1, "name": TWIN_NAME, "key": PRICING, "protected": True, "members": [ADAM, MIA, SVC_CI, SVC_ADMIN]},
        {"id": P2, "name": "Lending", "key": LENDING, "version": "v1", "protected": False, "members": [ADAM]},
        {"id": P3, "name": TWIN_NAME},
        *({"name": f"Project {n:02}", "key": f"project-{n:02}"} for n in range(1, MORE_PROJECTS + 1)),
        {"id": P_DELETED, "name": "Retired", "key": "retired", "deleted": True},
    ]
    return {
        "users": people,
        "projects": projects,
        "sessions": [{"user": ALICE, "secret": ALICE_SESSION}],
        "tokens": [*_own_tokens(), *_service_tokens()],
    }


def _own_tokens() -> list[dict[str, Any]]:
    secrets = {ALICE: ALICE_SECRET, ADAM: ADAM_SECRET, MIA: MIA_SECRET}
    common = {"note": "my token", "permissions": ["owner"], "all_projects": True, "created_days_ago": 50}
    return [{"owner": email, "secret": secret, **common} for email, secret in secrets.items()]


def _service_tokens() -> list[dict[str, Any]]:
    deploy = {"owner": SVC_CI, "note": "deploy", "permissions": ["releases:deploy"], "projects": [P1]}
    return [
        {
            "id": T1,
            "owner": SVC_CI,
            "note": "ci",
            "permissions": ["releases", "releases:deploy"],
            "projects": [P1],
            "created_days_ago": 60,
            "expires_in_days": 30,
            "secret": T1_SECRET,
        },
        {
            "id": T2,
            "owner": SVC_CI,
            "note": "root",
            "permissions": ["owner"],
            "all_projects": True,
            "secret": T2_SECRET,
        },
        {
            "id": T3,
            "owner": SVC_CI,
            "note": "old ci",
            "permissions": ["releases"],
            "projects": [P1],
            "created_days_ago": 40,
            "expires_in_days": -10,
            "secret": T3_SECRET,
        },
        {"id": T4, "created_days_ago": 9, **deploy},
        {"id": T5, "created_days_ago": 3, **deploy},
        {
            "id": T6,
            "owner": SVC_ADMIN,
            "note": "admin",
            "permissions": ["owner"],
            "all_projects": True,
            "secret": T6_SECRET,
        },
    ]
