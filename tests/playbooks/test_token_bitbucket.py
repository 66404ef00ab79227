# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bitbucket's tokens through real playbooks: each kind of owner, each way in, and what people get wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Control, Page, Scene, Story, Task, advance, check, seed, switch, token
from stand_in.bitbucket import fixtures
from stand_in.launch import StandIn

REST = "/rest/access-tokens/latest"
ALICE = {"kind": "user", "id": "3", "name": fixtures.ALICE}
NIGHTLY = {"name": "nightly deploy", "permissions": ["REPO_WRITE", "REPO_READ"], "expires_in": "90d"}
RELEASE = {"owner": {"project": "PAY"}, "name": "release", "permissions": ["PROJECT_ADMIN"], "expires_in": "1y"}


def password_of(user: str) -> dict[str, str]:
    """The options of a user with a password; it comes from the environment, because Ansible quotes a play's lines."""
    return {"auth_username": user, "auth_password": f"{{{{ lookup('ansible.builtin.env', 'PASSWORD_OF_{user}') }}}}"}


class Bitbucket:
    """Stories against the stand-in Bitbucket, with an administrator's password unless a step says otherwise."""

    def __init__(self, scene: Scene) -> None:
        self.server = scene.server
        self._scene = scene

    def play(self, **steps: Task | Control) -> Story:
        """Run the steps in order."""
        env = {f"PASSWORD_OF_{user}": password for user, password in fixtures.PASSWORDS.items()}
        env |= {
            "OF_NOBODY": "not-the-password-of-anybody",
            "LAPTOP": fixtures.ALICE_SECRET,
            "DEPLOY": fixtures.CI_BOT_SECRET,
        }
        return self._scene.play(env={**env, "OAUTH": fixtures.ALICE_OAUTH}, **steps)


@pytest.fixture
def bitbucket(playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path) -> Bitbucket:
    """Return the stand-in Bitbucket, as new."""
    server = stand_in("bitbucket")
    connection = {"platform": "bitbucket", "url": server.url, **password_of(fixtures.ADMIN)}
    return Bitbucket(Scene(playbook, server, tmp_path, connection))


def sent(page: Page) -> list[str]:
    """The requests without the API's prefix."""
    return [line.replace(REST, "") for line in page.sent]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of owner: how to name it, who may do so, whom the token then belongs to, and where."""

    owner: dict[str, Any] | None
    user: str
    found: Mapping[str, Any]
    lookup: str
    place: str


KINDS = {
    "one's own": Kind(None, fixtures.ALICE, ALICE, "GET /rest/api/latest/users", "/users/alice"),
    "of oneself by name": Kind({"user": "Alice"}, fixtures.ALICE, ALICE, "GET /rest/api/latest/users", "/users/alice"),
    "project": Kind(
        {"project": "pay"},
        fixtures.ADMIN,
        {"kind": "project", "id": "1", "name": "PAY"},
        "GET /rest/api/latest/projects/pay",
        "/projects/PAY",
    ),
    "personal project": Kind(
        {"project": "~alice"},
        fixtures.ALICE,
        {"kind": "project", "id": "4", "name": "~alice"},
        "GET /rest/api/latest/projects/~alice",
        "/projects/~alice",
    ),
    "repository": Kind(
        {"repository": "PAY/api"},
        "carol",
        {"kind": "repository", "id": "1", "name": "PAY/api"},
        "GET /rest/api/latest/projects/PAY/repos/api",
        "/projects/PAY/repos/api",
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_token_of_each_kind_from_its_plan_to_its_end(bitbucket: Bitbucket, kind: Kind) -> None:
    owner = {} if kind.owner is None else {"owner": kind.owner}
    wish = {**password_of(kind.user), **owner, **NIGHTLY}
    story = bitbucket.play(
        planned=check(wish),
        made=token(wish),
        again=token(wish, permissions=["REPO_READ", "REPO_WRITE", "REPO_READ"]),
        changed=token(wish, permissions=["REPO_ADMIN"]),
        renewed=token(wish, permissions=["REPO_ADMIN"], state="rotated", overlap="0"),
        ended=token(**password_of(kind.user), **owner, name=wish["name"], state="absent"),
    )
    planned, made, changed, renewed = (story[name] for name in ("planned", "made", "changed", "renewed"))
    assert planned.verdict == made.verdict == ("create", ["missing"])
    assert sent(made) == [kind.lookup, f"GET {kind.place}", "GET /admin", f"PUT {kind.place}"]
    assert made["token"]["owner"] == kind.found
    assert made["token"]["permissions"] == ["REPO_READ", "REPO_WRITE"]
    assert (made["token"]["days_left"], made["requests"]) == (90, 4)

    assert story["again"].verdict == ("unchanged", [])
    assert sent(story["again"]) == [kind.lookup, f"GET {kind.place}"]
    assert "secret" not in story["again"]["token"]

    number = made["token"]["id"]
    assert changed.verdict == ("update", ["permissions_differ"])
    assert sent(changed) == [kind.lookup, f"GET {kind.place}", f"POST {kind.place}/{number}"]
    assert (changed["token"]["id"], changed["token"]["expires_at"]) == (number, made["token"]["expires_at"])
    assert "secret" not in changed["token"]

    assert (renewed.verdict, renewed["retired"]) == (("rotate", ["requested"]), [number])
    assert renewed["token"]["secret"] != made["token"]["secret"]
    assert story["ended"].verdict == ("revoke", ["requested"])
    assert not [each for each in story["ended"].tokens if each["name"] == wish["name"]]


def test_every_way_in(bitbucket: Bitbucket) -> None:
    of_nobody = {"auth_password": "{{ lookup('ansible.builtin.env', 'OF_NOBODY') }}"}
    no_password = {"auth_username": None, "auth_password": None}
    story = bitbucket.play(
        by_password=token(RELEASE),
        by_session=token(RELEASE, auth_method="session"),
        with_a_wrong_password=token(RELEASE, **of_nobody),
        off=switch(basic_auth_enabled=False),
        found_out=token(RELEASE),
        not_allowed=token(RELEASE, auth_method="basic"),
        with_a_wrong_password_again=token(RELEASE, **of_nobody),
        older=switch(session_login="legacy"),
        by_form=token(RELEASE),
        none=switch(session_login="none"),
        nowhere=token(RELEASE),
        oauth=switch(oauth_apps="allow"),
        by_oauth=token(NIGHTLY, **no_password, auth_token="{{ lookup('ansible.builtin.env', 'OAUTH') }}"),
        by_token=token(NIGHTLY, **no_password, auth_token="{{ lookup('ansible.builtin.env', 'LAPTOP') }}"),
        by_nothing=token(NIGHTLY, **no_password, auth_token=None),
        half=token(NIGHTLY, auth_password=None),
    )
    page, rest, form = "GET /login", "POST /rest/tsv/1.0/authenticate", "POST /j_atl_security_check"
    look = ["GET /rest/api/latest/projects/PAY", "GET /projects/PAY"]
    assert sent(story["by_password"]) == look
    assert sent(story["by_session"]) == [page, rest, *look]
    assert sent(story["found_out"]) == [look[0], page, rest, *look]
    assert sent(story["by_form"]) == [look[0], page, rest, form, *look]
    for name in ("by_password", "by_session", "found_out", "by_form"):
        assert story[name].verdict == ("unchanged", []), name
    assert story["by_oauth"].verdict == ("create", ["missing"])
    assert story["by_oauth"]["token"]["owner"] == ALICE

    assert sent(story["with_a_wrong_password"]) == look[:1]
    assert sent(story["with_a_wrong_password_again"]) == [look[0], page, rest]
    assert failure(story, "with_a_wrong_password").startswith(
        "auth_password: the server refuses user name and password"
    )
    assert "CAPTCHA" in failure(story, "with_a_wrong_password_again")
    assert failure(story, "not_allowed").startswith("auth_method: basic authentication is switched off on this server.")
    assert "single sign-on" in failure(story, "nowhere")
    assert "use auth_username and auth_password" in failure(story, "by_token")
    assert failure(story, "by_nothing").startswith("auth_token: there is no credential.")
    assert failure(story, "half").startswith("auth_password: Bitbucket needs auth_username and auth_password.")


def test_what_people_get_wrong(bitbucket: Bitbucket) -> None:
    wish = {**NIGHTLY, "owner": {"project": "PAY"}}
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "id_as_number": (
            {"id": 48201337715},
            "id: '48201337715' is no id of Bitbucket's, which have 12 digits. Quote it",
        ),
        "repository_alone": ({"owner": {"repository": "api"}}, "owner.repository: 'api' does not name a repository."),
        "permission_of_project": (
            {"owner": {"repository": "PAY/api"}, "permissions": ["PROJECT_READ"]},
            "permissions: a repository's token cannot have PROJECT_READ. Give some of REPO_ADMIN, REPO_READ, REPO_WRITE",
        ),
        "small_letters": ({"permissions": ["repo_read"]}, "permissions: Bitbucket has no repo_read. Give REPO_READ"),
        "no_permissions": ({"permissions": []}, "permissions: Bitbucket makes no token without any."),
        "blank_permission": ({"permissions": ""}, "permissions: an item of it is blank."),
        "group": ({"owner": {"group": "platform"}}, "owner.group: Bitbucket has no tokens of that kind of owner."),
        "empty_owner": ({"owner": {"project": None}}, "owner: it is there but names nobody"),
        "in_place": ({"rotation": "in_place", "overlap": "0"}, "rotation: Bitbucket cannot rotate a token in place."),
        "access_level": ({"access_level": 30}, "access_level: tokens of Bitbucket have no access level."),
    }
    refused = {
        "instance_permission": ({"permissions": ["ADMIN"]}, "Tokens may not have the following permission: ADMIN"),
        "nobody": ({"owner": {"user": "nobody"}}, "owner.user: 'nobody' does not exist"),
        "another_user": (
            {"owner": {"user": "alice"}},
            "owner.user: Bitbucket makes a user's tokens for that user alone",
        ),
        "without_rights": (password_of("bob"), "It takes PROJECT_ADMIN on the project."),
    }
    steps = {name: token({**wish, **options}) for name, (options, _message) in {**wrong, **refused}.items()}
    steps["another_user_checked"] = check({**wish, "owner": {"user": "alice"}})
    story = bitbucket.play(**steps)
    for name, (_options, message) in {**wrong, **refused}.items():
        assert message in failure(story, name), name
        if name in wrong:
            assert story[name].requests == [], name
    assert [line.split()[0] for name in steps for line in story[name].writes] == ["PUT"]
    assert story["instance_permission"].writes
    assert failure(story, "another_user_checked") == failure(story, "another_user")


def test_a_secret_is_followed_until_its_predecessor_is_gone(bitbucket: Bitbucket) -> None:
    laptop = {**password_of("alice"), "name": "laptop", "permissions": ["REPO_READ"], "expires_in": "never"}
    held = {**laptop, "secret": "{{ lookup('ansible.builtin.env', 'LAPTOP') }}"}
    arrived = {**laptop, "secret": "{{ renewed.token.secret }}"}
    story = bitbucket.play(
        proven=token(held),
        renewed=token(held, state="rotated"),
        waiting=token(arrived),
        later=advance(days=1, seconds=1),
        retired=token(arrived),
        prefixed=token(laptop, secret="{{ 'BBDC-' ~ renewed.token.secret }}", verify="never"),
        rejected=token(held, duplicates="keep_newest"),
        foreign=token(laptop, secret="{{ lookup('ansible.builtin.env', 'DEPLOY') }}", duplicates="keep_newest"),
    )
    who = "GET /rest/api/latest/application-properties"
    assert sent(story["proven"]) == ["GET /rest/api/latest/users", "GET /users/alice", who, who]
    assert story["renewed"].verdict == ("rotate", ["requested"])
    assert story["waiting"].verdict == ("unchanged", [])
    assert [each["id"] for each in story["waiting"]["superseded"]] == [fixtures.ALICE_TOKEN]
    assert story["retired"].verdict == ("retire", ["superseded"])
    assert story["retired"]["retired"] == [fixtures.ALICE_TOKEN]
    assert story["prefixed"].verdict == ("unchanged", [])
    assert sent(story["prefixed"]) == ["GET /rest/api/latest/users", "GET /users/alice"]
    assert story["rejected"].verdict == ("rotate", ["secret_rejected"])
    assert story["foreign"].verdict == ("rotate", ["secret_foreign"])


def test_the_servers_policy_is_known_before_it_refuses(bitbucket: Bitbucket) -> None:
    wish = {**NIGHTLY, "owner": {"repository": "~alice/dotfiles"}}
    story = bitbucket.play(
        policy=seed({"policy": {"max_expiry_days": 30}}),
        too_long=token(wish),
        for_ever=token(wish, expires_in="never"),
        checked=check(wish),
        fits=token(wish, expires_in="30d"),
        not_readable=token({**wish, **password_of("alice"), "name": "another"}),
    )
    assert failure(story, "too_long") == failure(story, "checked")
    assert "expires_in: 90d is 90 days from now, and the server allows 30." in failure(story, "too_long")
    assert failure(story, "for_ever").startswith("expires_in: the server refuses tokens that never expire.")
    assert story["fits"].verdict == ("create", ["missing"])
    assert failure(story, "not_readable").startswith("expires_in: the server refuses 90d: ")


def failure(story: Story, step: str) -> str:
    """The message of a step that failed."""
    page = story[step]
    assert page.get("failed"), (step, page.verdict)
    return str(page["msg"])
