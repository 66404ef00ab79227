# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of GitLab token, and every way to name its owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from playbooks.support import Scene, check, seed, switch, token
from stand_in.gitlab import fixtures

pytestmark = pytest.mark.any_core


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of token: how to ask for it, whom it then belongs to, and which routes it lives on."""

    options: dict[str, Any]
    owner: dict[str, Any]
    created_at: str
    listed_at: str
    rotated_at: str = ""
    more: dict[str, Any] = field(default_factory=dict)


ROOT = {"kind": "user", "id": "1", "name": fixtures.ROOT}
SAM = {"kind": "user", "id": "5", "name": fixtures.USER}
PAT = "/personal_access_tokens"
KINDS = {
    "personal, one's own": Kind({}, ROOT, f"/users/1{PAT}", PAT),
    "personal, of another user": Kind({"owner": {"user": fixtures.USER}}, SAM, f"/users/5{PAT}", PAT),
    "impersonation": Kind(
        {"owner": {"user": fixtures.USER}, "kind": "impersonation"},
        SAM,
        "/users/5/impersonation_tokens",
        "/users/5/impersonation_tokens",
        rotated_at=PAT,
    ),
    "project": Kind(
        {"owner": {"project": fixtures.PROJECT}, "access_level": 20},
        {"kind": "project", "id": "1", "name": fixtures.PROJECT},
        "/projects/1/access_tokens",
        "/projects/1/access_tokens",
    ),
    "group": Kind(
        {"owner": {"group": fixtures.SUBGROUP}, "access_level": 10},
        {"kind": "group", "id": "2", "name": fixtures.SUBGROUP},
        "/groups/2/access_tokens",
        "/groups/2/access_tokens",
    ),
    "service account of the instance": Kind(
        {"owner": {"service_account": fixtures.BUILD_BOT}},
        {"kind": "service_account", "id": "6", "name": fixtures.BUILD_BOT},
        f"/users/6{PAT}",
        PAT,
    ),
    "service account of a group": Kind(
        {"owner": {"service_account": fixtures.RELEASE_BOT, "group": fixtures.GROUP}},
        {"kind": "service_account", "id": "7", "name": fixtures.RELEASE_BOT, "group": fixtures.GROUP},
        f"/groups/1/service_accounts/7{PAT}",
        f"/groups/1/service_accounts/7{PAT}",
    ),
    "service account of a project": Kind(
        {"owner": {"service_account": fixtures.APP_BOT, "project": fixtures.PROJECT}},
        {"kind": "service_account", "id": "8", "name": fixtures.APP_BOT, "project": fixtures.PROJECT},
        f"/projects/1/service_accounts/8{PAT}",
        f"/projects/1/service_accounts/8{PAT}",
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_token_of_each_kind_from_its_plan_to_its_end(scene: Scene, kind: Kind) -> None:
    wish = {
        **kind.options,
        "name": "nightly build",
        "description": "Builds at night",
        "permissions": ["read_repository", "read_api"],
        "expires_in": "90d",
    }
    in_place = {**wish, "rotation": "in_place", "overlap": "0", "state": "rotated"}
    gone = {**kind.options, "name": "nightly build", "state": "absent"}
    story = scene.play(
        planned=check(wish),
        made=token(wish),
        again=token(wish, permissions=["read_api", "read_repository", "read_api"]),
        renewed=token(in_place),
        ended=token(gone),
    )

    made = story["made"]
    assert story["planned"].verdict == made.verdict == ("create", ["missing"])
    assert made.writes == [f"POST {kind.created_at}"]
    assert made.result["token"]["owner"] == kind.owner
    (row,) = made.live("nightly build")
    assert made["token"]["id"] == str(row["id"])
    assert row["scopes"] == made["token"]["permissions"] == ["read_api", "read_repository"]
    assert (row["description"], row["expires_at"]) == ("Builds at night", made["token"]["expires_at"])
    assert row["access_level"] == made["token"]["access_level"] == kind.options.get("access_level")
    assert row["impersonation"] == ("kind" in kind.options)

    assert story["again"].verdict == ("unchanged", [])
    assert "secret" not in story["again"]["token"]

    renewed = story["renewed"]
    assert renewed.verdict == ("rotate", ["requested"])
    assert renewed.writes == [f"POST {kind.rotated_at or kind.listed_at}/{row['id']}/rotate"]
    (successor,) = renewed.live("nightly build")
    # What hangs on it (a bot user, for one) is kept, and so is the lifetime.
    assert (successor["user_id"], successor["previous_id"]) == (row["user_id"], row["id"])
    assert successor["expires_at"] == row["expires_at"]
    assert renewed["token"]["secret"] != made["token"]["secret"]

    assert story["ended"].verdict == ("revoke", ["requested"])
    assert story["ended"].writes == [f"DELETE {kind.listed_at}/{successor['id']}"]
    assert story["ended"]["token"]["status"] == "revoked"
    assert story["ended"].live("nightly build") == []


def test_an_owner_by_every_name_that_it_has(scene: Scene) -> None:
    """Paths, ids, user names and e-mail addresses in any case; a project also by the path that it had before."""
    sam, app = SAM, KINDS["project"].owner
    expected = {
        "user_by_name": ({"user": "sam"}, sam),
        "user_by_name_in_capitals": ({"user": "SAM"}, sam),
        "user_by_id": ({"user": "5"}, sam),
        "user_by_number": ({"user": 5}, sam),
        "user_by_mail": ({"user": "Sam@Example.com"}, sam),
        "service_account_by_id": ({"service_account": "6"}, KINDS["service account of the instance"].owner),
        "service_account_of_group_by_id": (
            {"service_account": "7", "group": "1"},
            KINDS["service account of a group"].owner,
        ),
        "service_account_of_group_by_mail": (
            {"service_account": "release-bot@noreply.gitlab.example.com", "group": "platform"},
            KINDS["service account of a group"].owner,
        ),
        "project_by_path": ({"project": fixtures.PROJECT}, app),
        "project_by_id": ({"project": 1}, app),
        "project_by_former_path": ({"project": fixtures.MOVED_PROJECT}, app),
        "project_with_empty_neighbours": ({"project": 1, "group": None, "user": None}, app),
        "group_by_path": ({"group": fixtures.SUBGROUP}, KINDS["group"].owner),
        "group_by_id": ({"group": "2"}, KINDS["group"].owner),
    }
    wish = {"name": "not there", "permissions": ["read_api"], "expires_in": "7d"}
    levels = {name: {"access_level": 10} if name.startswith(("project", "group")) else {} for name in expected}
    story = scene.play(
        **{name: check(wish, owner=owner, **levels[name]) for name, (owner, _unused) in expected.items()},
    )
    found = {name: page["token"]["owner"] for name, page in story.items()}
    assert found == {name: owner for name, (_wish, owner) in expected.items()}


def test_a_number_that_is_one_owners_id_and_anothers_name_is_not_guessed(scene: Scene) -> None:
    wish = {"name": "ci", "permissions": ["read_api"], "expires_in": "7d"}
    story = scene.play(
        clash=seed({"users": [{"username": "4"}], "groups": [{"path": "2"}]}),
        user=token(wish, owner={"user": "4"}),
        group=token(wish, owner={"group": "2"}, access_level=10),
    )
    for name in ("user", "group"):
        assert story[name]["failed"]
        assert f"owner.{name}: " in story[name]["msg"]
        assert "is the id of one" in story[name]["msg"]
        assert story[name].writes == []


def test_what_people_without_an_administrators_rights_can_do(scene: Scene) -> None:
    """A maintainer makes project tokens, a group's owner group tokens, everybody narrow personal ones."""
    project = {"owner": {"project": fixtures.PROJECT}, "name": "ci", "permissions": ["read_api"], "access_level": 30}
    group = {"owner": {"group": fixtures.GROUP}, "name": "ci", "permissions": ["read_api"], "access_level": 40}
    own = {"name": "refresher", "permissions": ["self_rotate"]}
    maintainer, owner = ({"auth_token": secret} for secret in (fixtures.MAINTAINER_TOKEN, fixtures.OWNER_TOKEN))
    story = scene.play(
        project=token({**project, **maintainer}, expires_in="30d"),
        project_again=token({**project, **maintainer}),
        project_gone=token({**project, **maintainer}, state="absent"),
        group=token({**group, **owner}, expires_in="30d"),
        own=token({**own, **maintainer}, expires_in="30d"),
        own_as_user=token({**own, **maintainer}, owner={"user": fixtures.MAINTAINER}),
        own_gone=token({**own, **maintainer}, state="absent"),
    )
    actions = {name: page.verdict[0] for name, page in story.items()}
    assert actions == {
        "project": "create",
        "project_again": "unchanged",
        "project_gone": "revoke",
        "group": "create",
        "own": "create",
        "own_as_user": "unchanged",
        "own_gone": "revoke",
    }
    assert story["own"].writes == ["POST /user/personal_access_tokens"]


def test_only_the_owners_own_tokens_are_looked_at(scene: Scene) -> None:
    """An administrator's list has the whole instance's tokens, and impersonation ones among a user's own."""
    same = {"name": "support", "permissions": ["read_api"], "expires_in": "30d"}
    story = scene.play(
        # USER has an impersonation token of that name already, others have personal ones.
        others=seed({"tokens": [{"user": fixtures.DEVELOPER, "name": "support"}]}),
        own=token(same),
        user=token(same, owner={"user": fixtures.USER}),
        impersonation=token({"name": "support"}, owner={"user": fixtures.USER}, kind="impersonation"),
        gone=token({"name": "support"}, owner={"user": fixtures.USER}, state="absent"),
        impersonation_gone=token(
            {"name": "support"}, owner={"user": fixtures.USER}, kind="impersonation", state="absent"
        ),
    )
    assert story["own"].verdict == story["user"].verdict == ("create", ["missing"])
    assert story["impersonation"].verdict == ("unchanged", [])
    assert story["gone"]["retired"] == [story["user"]["token"]["id"]]
    assert story["impersonation_gone"]["retired"] == [story["impersonation"]["token"]["id"]]
    left = {(each["user"], each["impersonation"]) for each in story["impersonation_gone"].live("support")}
    assert left == {(fixtures.ROOT, False), (fixtures.DEVELOPER, False)}


def test_dead_tokens_do_not_count(scene: Scene) -> None:
    """Hundreds of revoked and expired ones of the very name, on several pages, before the live one and after it."""
    wish = {"owner": {"project": fixtures.PROJECT}, "name": "release", "permissions": ["read_api"], "access_level": 20}
    dead = {"owner": {"project": fixtures.PROJECT}, "name": "release", "scopes": ["read_api"], "access_level": 20}
    story = scene.play(
        expired=seed({"bulk": {**dead, "count": 130, "expired_every": 1}}),
        made=token(wish, expires_in="30d"),
        revoked=seed({"bulk": {**dead, "count": 130, "revoked_every": 1}}),
        again=token(wish),
        gone=token(wish, state="absent"),
        nothing=token(wish, state="absent"),
    )
    assert story["made"].verdict[0] == "create"
    assert story["again"].verdict == ("unchanged", [])
    assert story["again"]["token"]["id"] == story["made"]["token"]["id"]
    assert story["gone"]["retired"] == [story["made"]["token"]["id"]]
    assert story["nothing"].verdict == ("unchanged", [])


def test_why_a_token_is_missing(scene: Scene) -> None:
    """What the last one of the name ended of is said, where the server still lists it."""
    project = {"owner": {"project": fixtures.PROJECT}, "permissions": ["read_api"], "access_level": 20}
    plans = {name: check(project, name=name, expires_in="30d") for name in ("nightly", "old-ci", "brand-new")}
    story = scene.play(**{name.replace("-", "_"): plan for name, plan in plans.items()})
    assert story["nightly"].verdict == ("create", ["expired"])
    assert story["old_ci"].verdict == ("create", ["revoked"])
    assert story["brand_new"].verdict == ("create", ["missing"])


def test_the_address_with_or_without_the_api_and_a_context_path(scene: Scene) -> None:
    wish = {"owner": {"project": fixtures.PROJECT}, "name": "ci", "state": "absent"}
    base = scene.server.url
    story = scene.play(
        plain=token(wish, url=f"{base}/"),
        api=token(wish, url=f"{base}/api"),
        version=token(wish, url=f"{base}/api/v4/"),
        moved=switch(relative_url_root="/git/lab"),
        below=token(wish, url=f"{base}/git/lab"),
        below_api=token(wish, url=f"{base}/git/lab/api/v4"),
    )
    assert {name: page.verdict for name, page in story.items()} == dict.fromkeys(story, ("unchanged", []))
