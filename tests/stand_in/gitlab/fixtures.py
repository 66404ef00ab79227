# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The organisation that an empty server starts with: names, credentials and the seed document.

Everybody's secret works at once and for a year, unless its name says otherwise.
"""

from __future__ import annotations

from typing import Any

# People. ROOT is the administrator, OWNER owns the group "platform", MAINTAINER and DEVELOPER are members of the
# project "platform/app", USER is a member of nothing.
ROOT, OWNER, MAINTAINER, DEVELOPER, USER = "root", "grace", "ada", "linus", "sam"

# Scopes: api, admin_mode, sudo and all that an administrator's token can have; api alone; read_api alone.
ROOT_TOKEN = "glpat-rootEverything-001xY"
ROOT_API_TOKEN = "glpat-rootApiOnly-00002abZ"
ROOT_READ_TOKEN = "glpat-rootReadApi-00003cdW"
# Scope api, each.
OWNER_TOKEN = "glpat-graceOwner-000004efV"
MAINTAINER_TOKEN = "glpat-adaMaintainer-0005Gh"
DEVELOPER_TOKEN = "glpat-linusDeveloper-006Jk"
USER_TOKEN = "glpat-samOrdinary-00007LmN"
# Scope read_api; scope read_repository.
USER_READ_TOKEN = "glpat-samReadApi-000008PqR"
USER_REPOSITORY_TOKEN = "glpat-samRepository-0009St"
# Credentials that no longer work, and an impersonation token of USER that does.
EXPIRED_TOKEN = "glpat-adaExpired-000010UvW"
REVOKED_TOKEN = "glpat-adaRevoked-000011XyZ"
IMPERSONATION_TOKEN = "glpat-samImpersonated-12Ab"
# Tokens of a project, a group and the service accounts. The scope is api.
PROJECT_TOKEN = "glpat-appDeploy-0000013CdE"
GROUP_TOKEN = "glpat-platformGroup-0014Fg"
BUILD_BOT_TOKEN = "glpat-buildBot-00000015HiJ"
# An OAuth token of USER (scope api), a deploy token, a job token.
OAUTH_TOKEN = "oauth-sam-5f0f2d8c1b7e4a93"
DEPLOY_TOKEN = "gldt-deploy-8c1b7e4a935f0f2d"
JOB_TOKEN = "glcbt-job-4a935f0f2d8c1b7e"

# Service accounts: of the instance, of the group "platform", of the project "platform/app".
BUILD_BOT, RELEASE_BOT, APP_BOT = "build-bot", "release-bot", "app-bot"
GROUP, SUBGROUP, FOREIGN_GROUP = "platform", "platform/team", "research"
PROJECT, SECOND_PROJECT, FOREIGN_PROJECT = "platform/app", "platform/team/site", "research/lab"
MOVED_PROJECT = "legacy/app"

ALL_SCOPES = ["api", "read_api", "read_user", "read_repository", "sudo", "admin_mode"]
YEAR = {"created_days_ago": 90, "expires_in_days": 300}


def _token(name: str, scopes: list[str], **more: Any) -> dict[str, Any]:
    return {"name": name, "scopes": scopes, **YEAR, **more}


SEED: dict[str, Any] = {
    "users": [
        {"username": ROOT, "name": "Administrator", "email": "admin@example.com", "admin": True},
        {"username": OWNER, "name": "Grace Hopper", "email": "grace@example.com"},
        {"username": MAINTAINER, "name": "Ada Lovelace", "email": "ada@example.com"},
        {"username": DEVELOPER, "name": "Linus Pauling", "email": "linus@example.com"},
        {"username": USER, "name": "Sam Sample", "email": "sam@example.com"},
    ],
    "groups": [
        {"path": GROUP, "name": "Platform"},
        {"path": SUBGROUP, "name": "Team"},
        {"path": FOREIGN_GROUP, "name": "Research"},
    ],
    "projects": [
        {"path": PROJECT, "name": "App"},
        {"path": SECOND_PROJECT, "name": "Site"},
        {"path": FOREIGN_PROJECT, "name": "Lab"},
    ],
    "moved": [{"from": MOVED_PROJECT, "to": PROJECT}],
    "members": [
        {"user": OWNER, "group": GROUP, "access_level": 50},
        {"user": MAINTAINER, "project": PROJECT, "access_level": 40},
        {"user": DEVELOPER, "project": PROJECT, "access_level": 30},
    ],
    "service_accounts": [
        {"username": BUILD_BOT, "name": "Build bot"},
        {"username": RELEASE_BOT, "name": "Release bot", "group": GROUP},
        {"username": APP_BOT, "name": "App bot", "project": PROJECT},
    ],
    "tokens": [
        _token("root", ALL_SCOPES, user=ROOT, secret=ROOT_TOKEN),
        _token("root-api", ["api"], user=ROOT, secret=ROOT_API_TOKEN),
        _token("root-read", ["read_api"], user=ROOT, secret=ROOT_READ_TOKEN),
        _token("automation", ["api"], user=OWNER, secret=OWNER_TOKEN),
        _token("old-laptop", ["api"], user=MAINTAINER, secret=EXPIRED_TOKEN, created_days_ago=400, expires_in_days=-35),
        _token("stolen", ["api"], user=MAINTAINER, secret=REVOKED_TOKEN, revoked=True),
        _token("laptop", ["api"], user=MAINTAINER, secret=MAINTAINER_TOKEN, last_used_days_ago=1),
        _token("editor", ["api"], user=DEVELOPER, secret=DEVELOPER_TOKEN),
        _token("shell", ["api"], user=USER, secret=USER_TOKEN),
        _token("dashboard", ["read_api"], user=USER, secret=USER_READ_TOKEN),
        _token("mirror", ["read_repository"], user=USER, secret=USER_REPOSITORY_TOKEN),
        _token("support", ["api"], user=USER, secret=IMPERSONATION_TOKEN, impersonation=True),
        _token("nightly", ["read_api"], project=PROJECT, access_level=20, created_days_ago=70, expires_in_days=-10),
        _token("old-ci", ["api"], project=PROJECT, access_level=30, revoked=True, updated_days_ago=5),
        _token("deploy", ["api"], project=PROJECT, access_level=40, secret=PROJECT_TOKEN, description="Deployments"),
        _token("reporter", ["api"], group=GROUP, access_level=50, secret=GROUP_TOKEN),
        _token("build", ["api"], user=BUILD_BOT, secret=BUILD_BOT_TOKEN),
        _token("release", ["write_repository"], user=RELEASE_BOT),
    ],
    "credentials": [
        {"kind": "oauth", "secret": OAUTH_TOKEN, "user": USER, "scopes": ["api"]},
        {"kind": "deploy", "secret": DEPLOY_TOKEN, "scopes": ["read_repository"]},
        {"kind": "job", "secret": JOB_TOKEN, "user": DEVELOPER, "scopes": []},
    ],
}
