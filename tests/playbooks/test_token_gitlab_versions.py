# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GitLab's releases and editions differ in, from 13.6 to 19.6."""

from __future__ import annotations

from typing import Any

import pytest
from playbooks.support import Control, Scene, Task, check, seed, switch, token
from stand_in.gitlab import fixtures

pytestmark = pytest.mark.any_core

USER: dict[str, Any] = {"owner": {"user": fixtures.USER}, "permissions": ["read_api"], "expires_in": "90d"}
PROJECT: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "90d",
}
LADDER = ("13.6", "14.10", "15.4", "16.0", "17.2", "18.2", "19.6")


def name_of(version: str) -> str:
    return "v" + version.replace(".", "_")


def test_a_users_token_on_every_release(scene: Scene) -> None:
    """Made, found again, and ended; `allow_self` where the server cannot tell which token a run uses (before 15.5)."""
    steps: dict[str, Task | Control] = {}
    for version in LADDER:
        wish = {**USER, "name": version}
        steps |= {
            f"{name_of(version)}_is": switch(version=version),
            f"{name_of(version)}_made": token(wish),
            f"{name_of(version)}_again": token(wish),
            f"{name_of(version)}_gone": token(wish, state="absent"),
        }
    story = scene.play(**steps)
    actions = {name: page.verdict[0] for name, page in story.items()}
    expected = {
        f"{name_of(version)}_{step}": action
        for version in LADDER
        for step, action in (("made", "create"), ("again", "unchanged"), ("gone", "revoke"))
    }
    assert actions == expected, [page.result.get("msg") for page in story.values() if page.get("failed")]


def test_a_projects_token_on_every_release_that_has_them(scene: Scene) -> None:
    versions = [version for version in LADDER if version != "13.6"]
    steps: dict[str, Task | Control] = {
        "first": switch(version="13.6"),
        "too_early": token(PROJECT, name="13.6"),
        "level": switch(version="13.12"),
    }
    for version in versions:
        steps |= {
            f"{name_of(version)}_is": switch(version=version),
            f"{name_of(version)}_made": token(PROJECT, name=version),
            f"{name_of(version)}_gone": token(PROJECT, name=version, state="absent"),
        }
    story = scene.play(**steps)
    assert story["too_early"].verdict[0] == "FAILED"
    assert story["too_early"].writes == []
    for version in versions:
        made, gone = story[f"{name_of(version)}_made"], story[f"{name_of(version)}_gone"]
        assert (made.verdict[0], gone.verdict[0]) == ("create", "revoke"), (version, made.verdict, gone.verdict)
        assert gone.live(version) == []


def test_a_presented_secret_where_the_server_does_not_tell_whose_it_is(scene: Scene) -> None:
    """Before 15.5 a secret either works or does not; the id has to be given, and a live one is never taken for dead."""
    steps: dict[str, Task | Control] = {}
    releases = ("13.12", "15.0", "15.4")
    for version in releases:
        v, wish = name_of(version), {**USER, "name": version}
        secret = f"{{{{ {v}_made.token.secret }}}}"
        steps |= {
            f"{v}_is": switch(version=version),
            f"{v}_made": token(wish),
            f"{v}_held": token(wish, secret=secret, id=f"{{{{ {v}_made.token.id }}}}"),
            f"{v}_whose": token(wish, secret=secret),
            f"{v}_dead": token(wish, secret=fixtures.REVOKED_TOKEN, id=f"{{{{ {v}_made.token.id }}}}"),
        }
    story = scene.play(**steps)
    for v in map(name_of, releases):
        assert story[f"{v}_made"].verdict[0] == "create"
        assert story[f"{v}_held"].verdict == ("unchanged", []), v
        assert story[f"{v}_whose"].verdict[0] == "FAILED", v
        assert "Give the token's id" in story[f"{v}_whose"]["msg"]
        assert story[f"{v}_dead"].verdict == ("rotate", ["secret_rejected"]), v


def test_people_without_an_administrators_rights_on_old_releases(scene: Scene) -> None:
    """Before 15.5 the server does not say which token a run uses: one's own are left alone, a project's can be ended."""
    maintainer = scene.as_user(fixtures.MAINTAINER_TOKEN)
    steps: dict[str, Task | Control] = {}
    releases = ("15.0", "15.4")
    for version in releases:
        v = name_of(version)
        steps |= {
            f"{v}_is": switch(version=version),
            f"{v}_made": token(PROJECT, name=version),
            f"{v}_gone": token(PROJECT, name=version, state="absent"),
            f"{v}_own": token(name="laptop", state="absent"),
            f"{v}_forbidden": token(PROJECT, name=version, owner={"project": fixtures.FOREIGN_PROJECT}),
        }
    story = maintainer.play(**steps)
    for version in releases:
        v = name_of(version)
        assert story[f"{v}_made"].verdict[0] == "create"
        assert story[f"{v}_gone"].verdict[0] == "revoke", story[f"{v}_gone"].verdict
        assert story[f"{v}_own"]["error"] == "SelfGuard", story[f"{v}_own"].verdict
        assert story[f"{v}_forbidden"]["error"] == "OwnerNotFound", story[f"{v}_forbidden"].verdict


def test_what_came_with_later_releases(scene: Scene) -> None:
    """Descriptions, rotation in place, and service accounts: what a server would drop silently is refused."""
    in_place = {"rotation": "in_place", "overlap": "0", "state": "rotated"}
    account = {
        "permissions": ["read_api"],
        "expires_in": "90d",
        "owner": {"service_account": "release-bot", "group": "platform"},
    }
    story = scene.play(
        described_late=switch(version="17.6"),
        description_refused=token(PROJECT, name="one", description="Words"),
        described_now=switch(version="17.7"),
        description=token(PROJECT, name="one", description="Words"),
        rotation_without_date=switch(version="16.5"),
        in_place_refused=token(PROJECT, name="one", **in_place),
        rotation_with_date=switch(version="16.6"),
        in_place=token(PROJECT, name="one", **in_place),
        accounts_without_date=switch(version="17.8", edition="ee", licence="premium"),
        account_made=token(account, name="two"),
        account_in_place_refused=token(account, name="two", **in_place),
        accounts_with_date=switch(version="17.9"),
        account_in_place=token(account, name="two", **in_place),
        # Lists and revocations of group accounts' tokens came with 17.11; before, it takes an administrator.
        account_gone=token(account, name="two", state="absent"),
    )  # fmt: skip
    refused = story["description_refused"]
    assert refused.verdict[0] == "FAILED"
    assert "description" in refused["msg"]
    assert refused.live("one") == []
    assert story["description"].verdict[0] == "create"
    for name, since in (("in_place_refused", "16.6"), ("account_in_place_refused", "17.9")):
        assert story[name].get("error") == "Unsupported", story[name].result.get("msg")
        assert f"from {since} on" in story[name]["msg"]
        assert story[name].writes == []
    assert story["in_place"].verdict == story["account_in_place"].verdict == ("rotate", ["requested"])
    assert story["account_gone"].verdict[0] == "revoke"


def test_lifetimes_on_old_releases_and_where_no_end_is_asked_for(scene: Scene) -> None:
    """Before 16.0, and where the administrator allows it from 17.3 on, tokens may live for ever; in between not."""
    never = {"expires_in": "never"}
    story = scene.play(
        old=switch(version="15.11"),
        for_ever=token({**USER, **never}, name="one"),
        project_for_ever=token({**PROJECT, **never}, name="one"),
        strict=switch(version="16.0"),
        refused=token({**USER, **never}, name="two"),
        project_refused=token({**PROJECT, **never}, name="two"),
        newest=switch(version="19.6"),
        project_refused_now=token({**PROJECT, **never}, name="three"),
        lenient=seed({"settings": {"require_personal_access_token_expiry": False}}),
        allowed=token({**USER, **never}, name="three"),
        project_allowed=token({**PROJECT, **never}, name="three"),
        beyond_a_year=token({**USER, "expires_in": "2y"}, name="four"),
    )
    for name in ("for_ever", "project_for_ever", "allowed", "project_allowed"):
        assert story[name].verdict[0] == "create", (name, story[name].verdict)
        assert story[name]["token"]["expires_at"] is None
    for name in ("refused", "project_refused", "project_refused_now"):
        assert story[name].verdict[0] == "FAILED"
        assert "expires_" in story[name]["msg"], story[name]["msg"]
        assert [each for each in story[name].tokens if each["name"] in ("two", "three") and each["active"]] == []
    assert story["beyond_a_year"].verdict[0] == "create"


def test_the_instances_own_limit(scene: Scene) -> None:
    """Ultimate's `max_personal_access_token_lifetime`, and the feature flag that makes a year 400 days."""
    ultimate = {"edition": "ee", "licence": "ultimate"}
    story = scene.play(
        flag=switch(buffered_token_expiration_limit=True),
        long=check(USER, name="one", expires_in="400d"),
        too_long=check(USER, name="one", expires_in="401d"),
        no_flag=switch(buffered_token_expiration_limit=False, **ultimate),
        limit=seed({"settings": {"max_personal_access_token_lifetime": 30}}),
        within=check(USER, name="one", expires_in="30d"),
        beyond=check(USER, name="one", expires_in="31d"),
        months=check(USER, name="one", expires_in="3mo"),
    )
    assert story["long"].verdict[0] == story["within"].verdict[0] == "create"
    for name, most in (("too_long", 400), ("beyond", 30), ("months", 30)):
        assert story[name]["msg"].startswith("expires_in: ")
        assert f"the server allows {most}" in story[name]["msg"]


def test_an_administrator_whose_view_is_narrowed(scene: Scene) -> None:
    """With Admin Mode on, an administrator's token without that scope is an ordinary user's: said, never worked around."""
    narrow = {"auth_token": fixtures.ROOT_API_TOKEN}
    wish = {**USER, "name": "ci"}
    story = scene.play(
        admin_mode=seed({"settings": {"admin_mode": True}}),
        full=token(wish),
        user=token({**wish, **narrow}),
        impersonation=token({**wish, **narrow}, kind="impersonation"),
        account=token({**wish, **narrow}, owner={"service_account": fixtures.BUILD_BOT}),
        project=token({**PROJECT, **narrow}, name="ci", owner={"project": fixtures.FOREIGN_PROJECT}),
        own=token({"name": "ci", "permissions": ["read_api"], "expires_in": "7d", **narrow}),
    )
    assert story["full"].verdict[0] == "create"
    for name in ("user", "impersonation", "account", "project", "own"):
        assert story[name].verdict[0] == "FAILED", name
        assert "lacks the scope admin_mode" in story[name]["msg"], story[name]["msg"]
        assert not [each for each in story[name].tokens if each["name"] == "ci"][1:]


def test_ten_thousand_rows_and_more(scene: Scene) -> None:
    """Where totals are no longer sent, pages are followed to the end."""
    old = {**PROJECT, "name": "ci", "duplicates": "keep_newest"}
    story = scene.play(
        made=token(old),
        few_totals=switch(total_count_limit=50, version="17.1"),
        many=seed({"bulk": {"owner": {"project": fixtures.PROJECT}, "name": "ci", "count": 250, "revoked_every": 1}}),
        again=token(old),
    )
    assert story["again"].verdict == ("unchanged", [])
    assert story["again"]["token"]["id"] == story["made"]["token"]["id"]
