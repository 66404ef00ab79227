# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""token_info through the real ansible-playbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playbooks.support import Page, Scene, Task, seed, switch
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn

MODULE = "tokensmith.access.token_info"
ALL = ["live", "expired", "revoked"]
PLATFORM = {"owner": {"group": fixtures.GROUP}}


def info(options: dict[str, Any] | None = None, /, **more: Any) -> Task:
    """A step: token_info with these options."""
    return Task({**(options or {}), **more}, module=MODULE)


def names(page: Page) -> list[str]:
    assert not page.get("failed"), page["msg"]
    return [each["name"] for each in page["tokens"]]


def test_what_may_be_asked(scene: Scene) -> None:
    """One look each at the seed's organisation."""
    more = {
        "tokens": [
            {"user": "sam", "name": "ending", "expires_in_days": 7, "last_used_days_ago": 1},
            {"user": "sam", "name": "for ever", "expires_at": None, "created_days_ago": 200, "last_used_days_ago": 100},
            {"user": "sam", "name": "shell", "created_days_ago": 1},
        ]
    }
    sam = {"owner": {"user": "sam"}}
    story = scene.play(
        prepare=seed(more),
        own=info(),
        everything=info(sam, status=ALL),
        named=info(sam, name="shell"),
        unknown=info(sam, name="nothing of the kind"),
        ending=info(sam, expires_within="1w"),
        for_ever=info(sam, never_expires=True),
        dated=info(sam, never_expires=False),
        unused=info(sam, unused_for="100d"),
        dead=info(owner={"user": "ada"}, status=["expired", "revoked"]),
        group=info(PLATFORM),
        inside=info(PLATFORM, include_descendants=True, status=ALL),
        several=info(owners=[{"project": fixtures.PROJECT}, {"user": "5"}, {"user": "sam"}, {"project": "1"}]),
        rehearsed=Task(sam, {"check_mode": True, "diff": True}, module=MODULE),
    )
    assert names(story["own"]) == ["root", "root-api", "root-read"]
    assert names(story["everything"]) == ["shell", "dashboard", "mirror", "ending", "for ever", "shell"]
    assert names(story["named"]) == ["shell", "shell"]
    assert names(story["unknown"]) == []
    assert names(story["ending"]) == ["ending"]
    assert names(story["for_ever"]) == ["for ever"]
    assert names(story["dated"]) == ["shell", "dashboard", "mirror", "ending", "shell"]
    assert names(story["unused"]) == ["for ever"]
    assert names(story["dead"]) == ["old-laptop", "stolen"]
    assert names(story["group"]) == ["reporter"]
    assert names(story["inside"]) == ["reporter", "nightly", "old-ci", "deploy"]
    assert names(story["several"]) == ["deploy", "shell", "dashboard", "mirror", "ending", "for ever", "shell"]
    assert story["rehearsed"]["tokens"] == story["everything"]["tokens"]
    assert all(page.result["changed"] is False for page in story.values())
    assert all(page.writes == [] for page in story.values())


def test_a_row_is_what_token_returns_of_it(scene: Scene) -> None:
    owner = {"owner": {"project": fixtures.PROJECT}}
    story = scene.play(token=Task({**owner, "name": "deploy"}), info=info(owner, name="deploy"))
    assert story["info"]["tokens"] == [story["token"]["token"]]
    assert story["info"]["tokens"][0]["owner"] == {"kind": "project", "id": "1", "name": fixtures.PROJECT}


def test_the_summary(scene: Scene) -> None:
    story = scene.play(look=info(PLATFORM, include_descendants=True, status=ALL))
    summary = story["look"]["summary"]
    by_owner = summary.pop("by_owner")
    assert summary == {
        "tokens": 4,
        "live": 2,
        "expired": 1,
        "revoked": 1,
        "expiring": 0,
        "never_used": 2,
        "never_expiring": 0,
        "owners": 4,
    }
    assert {each["owner"]["name"]: (each["tokens"], each["live"]) for each in by_owner} == {
        "platform": (1, 1),
        "platform/team": (0, 0),
        "platform/app": (3, 1),
        "platform/team/site": (0, 0),
    }
    # The group by its path, what is inside it, and one page for each of the four.
    assert story["look"]["requests"] == len(story["look"].requests) == 1 + 2 + 4


def test_older_servers_that_do_not_filter_give_the_same_answer(scene: Scene) -> None:
    """They pass over what they do not know, so the client looks at everything again."""
    versions = ["19.6", "18.0", "17.1", "15.4", "14.10"]
    steps: dict[str, Any] = {}
    for number, version in enumerate(versions):
        steps |= {
            f"switch{number}": switch(version=version),
            f"group{number}": info(PLATFORM, include_descendants=True),
            f"user{number}": info(owner={"user": "ada"}, name="laptop"),
            f"dead{number}": info(owner={"user": "ada"}, status=["expired"]),
        }
    story = scene.play(**steps)
    for number, version in enumerate(versions):
        assert names(story[f"group{number}"]) == ["reporter", "deploy"], version
        assert names(story[f"user{number}"]) == ["laptop"], version
        assert names(story[f"dead{number}"]) == ["old-laptop"], version


def test_gitlab_13_does_not_say_when_a_token_was_used(scene: Scene) -> None:
    story = scene.play(older=switch(version="13.12"), look=info(owner={"user": "sam"}), ask=info(unused_for="30d"))
    assert story["look"]["summary"]["never_used"] is None
    assert story["ask"]["msg"] == (
        "unused_for: this GitLab server does not say when a token was last used. Leave it out."
    )


def test_all_pages(scene: Scene) -> None:
    story = scene.play(
        many=seed({"bulk": {"owner": {"user": "sam"}, "count": 450, "name": "mass-{n}", "revoked_every": 3}}),
        live=info(owner={"user": "sam"}),
        all=info(owner={"user": "sam"}, status=ALL),
    )
    ids = [each["id"] for each in story["all"]["tokens"]]
    assert len(ids) == len(set(ids)) == 453
    assert story["live"]["summary"]["live"] == 303
    assert [each["query"] for each in story["all"].requests if "page=5" in each["query"]]


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"owner": {}}, "owner: it is there but names nobody (an omitted or undefined value?). Give one of user, "),
    ({"owner": {"user": ""}}, "owner.user: it is empty. Give a name, a path or an id."),
    ({"owners": []}, "owners: it is there but empty. Give owners, or leave it out for the caller's own tokens."),
    ({"owners": [{"user": "sam"}, {}]}, "owners[1]: it is there but names nobody"),
    ({"owner": {"user": "sam"}, "owners": [{"user": "ada"}]}, "parameters are mutually exclusive: owner|owners"),
    (
        {"owner": {"user": "nobody"}},
        "owner.user: 'nobody' does not exist, or the credential of this run cannot see it.",
    ),
    ({"owners": [{"group": "platform"}, {"group": "platfrom"}]}, "owner.group: 'platfrom' does not exist, or the"),
    (
        {"owner": {"repository": "A/b"}},
        "owner.repository: GitLab has no tokens of that kind of owner. It has them for: ",
    ),
    ({"status": []}, "status: it is empty. Give one or more of live, expired and revoked."),
    (
        {"status": ["dead"]},
        "value of status must be one or more of: live, expired, revoked. Got no match for: dead",
    ),
    ({"name": " "}, "name: it is empty. Leave it out"),
    (
        {"expires_within": "30"},
        "expires_within: '30' is not a duration. Give a number of days, weeks, months or years such",
    ),
    ({"unused_for": "never"}, "unused_for: 'never' is not a duration."),
    ({"expires_within": "7d", "never_expires": True}, "expires_within: it contradicts never_expires: true."),
]


def test_bad_input_says_what_would_do(scene: Scene) -> None:
    story = scene.play(**{f"step{number}": info(options) for number, (options, _message) in enumerate(BAD_INPUT)})
    for page, (_options, message) in zip(story.values(), BAD_INPUT, strict=True):
        assert page["failed"]
        assert message in page["msg"]
        assert "tokens" not in page.result
        assert not any(line.endswith("access_tokens") for line in page.sent)


def test_an_omitted_owner_is_not_the_caller(scene: Scene) -> None:
    page = scene.play(look=info(owners="{{ nobody_at_all | default(omit) }}"))["look"]
    assert "owners: it is there but came out empty" in page["msg"]
    assert page.requests == []


def test_an_owner_that_cannot_be_read_fails_and_nothing_is_left_out_silently(scene: Scene) -> None:
    ada = scene.as_user(fixtures.MAINTAINER_TOKEN)
    story = ada.play(
        allowed=info(owner={"project": fixtures.PROJECT}),
        partly=info(owners=[{"project": fixtures.PROJECT}, {"group": fixtures.GROUP}]),
        inside=info(PLATFORM, include_descendants=True),
        other=info(owner={"user": "sam"}),
    )
    assert names(story["allowed"]) == ["deploy"]
    for step in ("partly", "inside"):
        assert story[step]["msg"].startswith(
            "The tokens of group platform could not be read. GET /groups/1/access_tokens: the server takes the credential"
        )
        assert "tokens" not in story[step].result
    assert story["other"]["msg"].startswith("The tokens of user sam could not be read. ")


def test_a_group_owner_sees_the_whole_group(scene: Scene) -> None:
    grace = scene.as_user(fixtures.OWNER_TOKEN)
    assert names(grace.play(look=info(PLATFORM, include_descendants=True))["look"]) == ["reporter", "deploy"]


def test_nothing_is_hidden_and_nothing_leaks_however_loud_it_is(scene: Scene) -> None:
    """There is no secret in the result, so it may be seen; the harness searches the output for every secret there is."""
    task = Task({"owner": {"user": "{{ item }}"}, "status": ALL}, {"loop": ["ada", "sam"], "diff": True}, module=MODULE)
    story = scene.play("-vvvv", "--diff", look=task)
    assert "old-laptop" in story.output
    assert "_ansible_no_log" not in story["look"].result
    assert [each["summary"]["tokens"] for each in story["look"]["results"]] == [3, 3]


def test_bitbucket(playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path) -> None:
    server = stand_in("bitbucket")
    connection = {"auth_username": bitbucket.ADMIN, "auth_password": bitbucket.ADMIN_PASSWORD}
    scene = Scene(playbook, server, tmp_path, {"platform": "bitbucket", "url": server.url, **connection})
    story = scene.play(
        user=info(owner={"user": "alice"}, status=ALL),
        project=info(owner={"project": "PAY"}, include_descendants=True),
        repository=info(owner={"repository": "PAY/api"}),
    )
    rows = {each["name"]: each["status"] for each in story["user"]["tokens"]}
    assert rows == {"laptop": "live", "nightly build": "live", "old build": "expired", "deploy": "live"}
    assert story["user"]["summary"]["never_expiring"] >= 1
    assert {"release", "sync"} <= set(names(story["project"]))
    assert names(story["repository"]) == ["sync"]


def test_gorules(playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path) -> None:
    server = stand_in("gorules")
    connection = {"platform": "gorules", "url": server.url, "auth_token": gorules.ALICE_SESSION}
    scene = Scene(playbook, server, tmp_path, connection)
    story = scene.play(
        look=info(owner={"service_account": gorules.SVC_CI}, status=ALL),
        unused=info(owner={"service_account": gorules.SVC_CI}, unused_for="30d"),
    )
    assert sorted(names(story["look"])) == ["ci", "deploy", "deploy", "old ci", "root"]
    assert story["look"]["summary"]["never_used"] is None
    assert story["unused"]["msg"].startswith("unused_for: this GoRules")
