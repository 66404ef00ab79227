# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of GoRules through real runs of ansible-playbook."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Page, Scene, advance, check, fault, switch, token
from stand_in import launch
from stand_in.gorules.fixtures import (
    ADAM_SECRET,
    MIA,
    MIA_ID,
    MIA_SECRET,
    P1,
    P3,
    SVC_ADMIN,
    SVC_CI,
    SVC_CI_ID,
    SVC_EMPTY,
    SVC_EMPTY_ID,
    T1,
    T4,
    T5,
    T6_SECRET,
    TWIN_NAME,
)

LIST = f"GET /api/users/service/{SVC_EMPTY_ID}/personal-access-tokens"
CREATE = LIST.replace("GET", "POST")
WISH: dict[str, Any] = {
    "owner": {"service_account": SVC_EMPTY},
    "name": "deploy rules",
    "permissions": ["releases", "releases:deploy"],
    "projects": ["pricing"],
    "expires_in": "3mo",
}
IN_PLACE = {"state": "rotated", "rotation": "in_place", "overlap": "0"}


@pytest.fixture
def scene(playbook: Callable[..., Any], stand_in: Callable[[str], launch.StandIn], tmp_path: Path) -> Scene:
    """Return the stand-in GoRules, as new, with an administrator's connection to it."""
    server = stand_in("gorules")
    return Scene(playbook, server, tmp_path, {"platform": "gorules", "url": server.url, "auth_token": ADAM_SECRET})


def test_a_token_of_a_service_user_from_its_plan_to_its_end(scene: Scene) -> None:
    story = scene.play(
        planned=check(WISH),
        made=token(WISH),
        again=token(WISH, permissions=["releases:deploy", "releases", "releases"], projects=[P1]),
        less_said=token({"owner": WISH["owner"], "name": WISH["name"]}),
        replaced=token(WISH, permissions=["documents:view-content"]),
        later=advance(days=2),
        still=token(WISH, permissions=["documents:view-content"], duplicates="keep_newest"),
        renewed=token(WISH, **IN_PLACE, permissions=["documents:view-content"], expires_in="1y"),
        ended=token(WISH, state="absent"),
        ended_again=token(WISH, state="absent"),
    )

    planned, made = story["planned"], story["made"]
    assert planned.verdict == made.verdict == ("create", ["missing"])
    assert planned.sent == ["GET /api/users", "GET /api/projects", LIST]
    assert made.writes == [CREATE]
    assert made["requests"] == 4
    assert f"+ create  service account {SVC_EMPTY}  deploy rules" in planned["diff"]["prepared"]
    [row] = _live(made)
    shown = {**made["token"]}
    assert shown.pop("secret") in scene.server.secrets()
    assert 80 <= shown.pop("days_left") <= 92
    assert shown == {
        "id": row["id"],
        "name": "deploy rules",
        "owner": {"kind": "service_account", "id": SVC_EMPTY_ID, "name": SVC_EMPTY},
        "permissions": ["releases", "releases:deploy"],
        "access_level": None,
        "projects": [P1],
        "all_projects": False,
        "description": None,
        "created_at": row["created_at"][:19] + "Z",
        "expires_at": row["expires_at"][:10],
        "last_used_at": None,
        "status": "live",
    }

    for step, requests in (("again", 3), ("less_said", 2)):
        assert story[step].verdict == ("unchanged", [])
        assert story[step]["requests"] == requests
        assert "secret" not in story[step]["token"]

    replaced = story["replaced"]
    assert replaced.verdict == ("replace", ["permissions_differ"])
    assert [each["id"] for each in replaced["superseded"]] == [row["id"]]
    assert len(_live(replaced)) == 2, "consumers may still use the first one"
    assert story["still"].verdict == ("retire", ["duplicate"])
    assert story["still"]["retired"] == [row["id"]]

    renewed = story["renewed"]
    assert renewed.verdict == ("rotate", ["requested"])
    assert renewed["token"]["id"] == replaced["token"]["id"]
    assert renewed["token"]["secret"] != replaced["token"]["secret"]
    assert renewed["token"]["days_left"] > 360

    assert story["ended"].verdict == ("revoke", ["requested"])
    assert _live(story["ended"]) == []
    assert story["ended_again"].verdict == ("unchanged", [])


def test_a_stored_secret_and_its_successors(scene: Scene) -> None:
    """The store's record is what tells one token of a service user from another: the server does not."""
    secrets = scene.folder / "secrets"
    stored = {**WISH, "owner": {"service_account": SVC_CI}, "store": {"type": "directory", "path": str(secrets)}}
    story = scene.play(
        made=token(stored),
        again=token(stored),
        rotated=token(stored, state="rotated", overlap="1d"),
        tomorrow=advance(days=1, seconds=60),
        retired=token(stored),
        renewed=token(stored, **IN_PLACE),
        lost=fault("drop_after", method="POST"),
        unknown=token(stored, **IN_PLACE),
        mended=token(stored, rotation="in_place", overlap="0"),
        in_the_end=token(stored),
    )
    assert {name: page.verdict[0] for name, page in story.items()} == {
        "made": "create",
        "again": "unchanged",
        "rotated": "rotate",
        "retired": "retire",
        "renewed": "rotate",
        "unknown": "FAILED",
        "mended": "rotate",
        "in_the_end": "unchanged",
    }
    _fails(story["unknown"], "AnswerLost", "may be dead by now")
    assert story["mended"].verdict == ("rotate", ["secret_rejected"]), "regenerated again: nobody had the new secret"
    assert [name for name, page in story.items() if "secret" in (page.get("token") or {})] == []
    assert story["again"]["requests"] == 3, "the fingerprint proves the secret without asking the server"
    [row] = _live(story["in_the_end"])
    [kept] = [path.read_text() for path in secrets.rglob("*") if path.is_file() and _is_secret(scene, path)]
    assert _owner_of(scene, kept) == SVC_CI_ID
    assert story["in_the_end"]["token"]["id"] == row["id"]


def test_own_tokens(scene: Scene) -> None:
    own = {"name": "laptop", "permissions": ["documents"], "projects": ["pricing"], "expires_in": "1w"}
    story = scene.as_user(MIA_SECRET).play(
        made=token(own),
        again=token(own),
        another_ones=token(own, owner={"service_account": SVC_CI}),
        spared=token({"name": "my token", "state": "absent"}),
        ended=token(own, state="absent"),
        the_last_one=token({"name": "my token", "state": "absent"}),
    )
    assert story["made"].verdict == ("create", ["missing"])
    assert story["made"]["token"]["owner"] == {"kind": "user", "id": MIA_ID, "name": MIA}
    assert story["again"].verdict == ("unchanged", [])
    _fails(story["another_ones"], "NotPermitted", "for administrators and the owner of the organisation")
    # With two of them nobody can tell which one the run uses, so neither is touched.
    _fails(story["spared"], "SelfGuard", "allow_self")
    _fails(story["ended"], "SelfGuard", "or may be")
    _fails(story["the_last_one"], "SelfGuard", "allow_self")
    allowed = scene.as_user(MIA_SECRET).play(ended=token(own, state="absent", allow_self=True))
    assert allowed["ended"].verdict == ("revoke", ["requested"])


def test_bad_input_is_told_by_its_name_before_anything_is_written(scene: Scene) -> None:
    story = scene.play(
        lifetime=token(WISH, expires_in="90d"),
        date=token(_without("expires_in"), expires_at="2099-01-01"),
        no_lifetime=token(_without("expires_in")),
        no_reach=token(_without("projects")),
        contradiction=token(WISH, all_projects=True),
        no_projects=token(WISH, projects=[]),
        blank_project=token(WISH, projects=""),
        twins=token(WISH, projects=[TWIN_NAME]),
        no_such_project=token(WISH, projects=["prcing"]),
        no_such_user=token(WISH, owner={"service_account": "svc-ic@example.com"}),
        nobody=token(WISH, owner={"service_account": None}),
        person=token(WISH, owner={"user": MIA}),
        description=token(WISH, description="for deployments"),
        level=token(WISH, access_level=30),
        long_name=token(WISH, name="n" * 101),
        no_id=token(WISH, id="4711"),
        method=token(WISH, auth_method="basic", auth_username="adam", auth_password="opensesame"),
        duplicates=token(WISH, owner={"service_account": SVC_CI}, name="deploy", permissions=["documents"]),
        permission=token(WISH, permissions=["releases:fly"]),
        dead=token(WISH, auth_token="no-such-token"),
        place=token(WISH, url=f"{scene.server.url}/elsewhere"),
        place_absent=token(WISH, url=f"{scene.server.url}/elsewhere", state="absent"),
    )
    expected = {
        "lifetime": ("InvalidOption", "expires_in: 90d is none of the periods that GoRules grants"),
        "date": ("InvalidOption", "expires_at: 2099-01-01 is none"),
        "no_lifetime": ("InvalidOption", "expires_in: needed"),
        "no_reach": ("InvalidOption", "needs projects or all_projects"),
        "contradiction": ("InvalidOption", "projects: they contradict all_projects: true"),
        "no_projects": ("InvalidOption", "projects: a token without any reaches nothing"),
        "blank_project": ("InvalidOption", "projects: an item of it is blank"),
        "twins": ("InvalidOption", f"'{TWIN_NAME}' is the name of several: {', '.join(sorted([P1, P3]))}"),
        "no_such_project": ("InvalidOption", "projects: 'prcing' is the id, key or name of none"),
        "no_such_user": (
            "OwnerNotFound",
            "owner.service_account: 'svc-ic@example.com' is none of the 14 service users",
        ),
        "person": ("Unsupported", "owner.user: GoRules has no tokens of that kind of owner"),
        "description": ("Unsupported", "description: tokens of GoRules have no description"),
        "level": ("Unsupported", "access_level: "),
        "long_name": ("InvalidOption", "name: it has 101 characters, and the platform allows 100"),
        "no_id": ("InvalidOption", "id: '4711' is no id of GoRules'"),
        "method": ("InvalidOption", "auth_method: GoRules has no basic"),
        "duplicates": ("Unaccounted", f"{T4} (created"),
        "permission": ("ServiceError", "permissions: the server refuses releases:fly"),
        "dead": ("CredentialRefused", "auth_token: the server does not take the credential of this run"),
        "place": ("NotTheApi", "Check url"),
        "place_absent": ("NotTheApi", "Check url"),
    }
    for step, (kind, words) in expected.items():
        _fails(story[step], kind, words)
    assert story["nobody"]["failed"]
    assert "owner" in story["nobody"]["msg"]
    assert T5 in story["duplicates"]["msg"]
    writing = {name for name, page in story.items() if page.writes}
    assert writing == {"permission"}, "which only the server can refuse"
    assert _live(story["place_absent"]) == []


def test_what_the_server_will_not_do_is_explained(scene: Scene) -> None:
    story = scene.play(
        off=switch(pat_writes="deny"),
        write=token(WISH),
        planned=check(WISH),
        on=switch(pat_writes="allow", duplicate_notes="reject"),
        second=token(WISH, owner={"service_account": SVC_CI}, name="ci", permissions=["documents"]),
        again=switch(duplicate_notes="allow", normalise_permissions="add_area"),
        widened=token(WISH, permissions=["releases:deploy"]),
        settled=token(WISH, permissions=["releases:deploy"]),
    )
    _fails(story["write"], "NotPermitted", "use an administrator's login session as auth_token")
    assert story["planned"].verdict == ("create", ["missing"])
    _fails(story["second"], "ServiceError", "use rotation: in_place with overlap: 0")
    assert [row["id"] for row in story["second"].tokens if row["note"] == "ci"] == [T1]
    assert story["widened"].verdict == ("create", ["missing"])
    assert story["settled"].verdict == ("unchanged", [])
    assert "the token has releases as well" in story.output


@pytest.mark.parametrize("verbosity", ["-v", "-vvvv"])
def test_57_no_secret_is_ever_shown(scene: Scene, verbosity: str) -> None:
    admin = {"owner": {"service_account": SVC_ADMIN}, "name": "admin", "all_projects": True}
    story = scene.play(
        verbosity,
        "--diff",
        made=token(WISH),
        held=token(WISH, secret=T6_SECRET, duplicates="keep_newest"),
        renewed=token(WISH, **IN_PLACE, duplicates="keep_newest", secret=None),
        broken=fault("truncate_clean", method="POST", times=2, keep=600),
        lost=token(WISH, name="other"),
        refused=token(WISH, permissions=[ADAM_SECRET]),
        own=token(admin, state="absent", auth_token=T6_SECRET),
    )
    assert story["made"]["token"]["secret"] in scene.server.secrets()
    assert story["lost"]["failed"]
    assert [secret for secret in scene.server.secrets() if secret in story.output] == []
    logged = str([page.requests for page in story.values()])
    assert [secret for secret in scene.server.secrets() if secret in logged] == []
    assert "create   service account" in story.output or "+ create" in story.output


def _without(option: str) -> dict[str, Any]:
    return {name: value for name, value in WISH.items() if name != option}


def _live(page: Page) -> list[dict[str, Any]]:
    return [row for row in page.tokens if row["note"] == WISH["name"] and not row["expired"]]


def _fails(page: Page, kind: str, words: str) -> None:
    assert page.get("failed"), page.result
    assert page["error"] == kind, page["msg"]
    assert words in page["msg"]
    assert not page["msg"].startswith("Internal error")


def _is_secret(scene: Scene, path: Path) -> bool:
    return path.read_text(errors="replace").strip() in scene.server.secrets()


def _owner_of(scene: Scene, secret: str) -> str:
    """Whose tokens a secret may list: proof that it works."""
    request = urllib.request.Request(
        f"{scene.server.url}/api/personal-access-tokens", headers={"Authorization": f"Bearer {secret}"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return str(json.load(answer)[0]["user"]["id"])
