# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""token_policy through the real ansible-playbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playbooks.support import Scene, Task, advance, seed, switch
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn

MODULE = "tokensmith.access.token_policy"
SETTINGS = "/application/settings"
DEFAULTS = {
    "max_lifetime_days": None,
    "require_expiry": True,
    "service_account_require_expiry": True,
    "token_prefix": "glpat-",
    "delete_inactive_after_days": 30,
}
ULTIMATE = switch(licence="ultimate")


def policy(options: dict[str, Any] | None = None, /, **more: Any) -> Task:
    """A step: token_policy with these options."""
    return Task({**(options or {}), **more}, module=MODULE)


def check(options: dict[str, Any], /, **more: Any) -> Task:
    """The same in check mode and with a diff."""
    return Task({**options, **more}, {"check_mode": True, "diff": True}, module=MODULE)


def test_a_policy_from_its_plan_to_its_end(scene: Scene) -> None:
    wish = {"token_prefix": "acme-", "require_expiry": False, "delete_inactive_after_days": 0}
    story = scene.play(
        first=policy(),
        planned=check(wish),
        done=Task(wish, {"diff": True}, module=MODULE),
        again=policy(wish),
        planned_again=check(wish),
        back_planned=check({"token_prefix": "acme-", "state": "absent"}),
        back=policy(token_prefix="whatever it is", state="absent"),
        all_back=policy(state="absent"),
        nothing_left=policy(state="absent"),
    )
    before = {name: DEFAULTS[name] for name in wish}
    assert (story["first"]["settings"], story["first"]["changed"]) == (DEFAULTS, False)
    for step in ("planned", "done"):
        assert story[step]["changed"] is True
        assert story[step]["settings"] == {**DEFAULTS, **wish}
        assert story[step]["changes"] == {name: {"before": before[name], "after": wish[name]} for name in wish}
        assert story[step]["diff"] == {"before": before, "after": wish}
    assert story["done"].sent == [f"GET {SETTINGS}", f"PUT {SETTINGS}"]
    for step in ("again", "planned_again"):
        assert (story[step]["changed"], story[step]["changes"]) == (False, {})
        assert story[step].sent == [f"GET {SETTINGS}"]
    for step in ("back_planned", "back"):
        assert story[step]["settings"] == {**DEFAULTS, **wish, "token_prefix": "glpat-"}
    assert story["all_back"]["settings"] == story["nothing_left"]["settings"] == DEFAULTS
    assert (story["all_back"]["changed"], story["nothing_left"]["changed"]) == (True, False)


def test_nothing_is_changed_that_was_not_asked_for(scene: Scene) -> None:
    """The settings are last writer wins, for the whole instance: only what is managed may be sent."""
    story = scene.play(change=policy(token_prefix="acme-", require_expiry=True))
    put = next(each for each in story["change"].requests if each["method"] == "PUT")
    assert put["body"] == {"personal_access_token_prefix": "acme-"}


def test_the_other_settings_are_never_shown(scene: Scene) -> None:
    """There are keys and passwords of integrations among them; the harness knows them as secrets, too."""
    story = scene.play("-vvvv", "--diff", change=policy(token_prefix="acme-"), again=policy(token_prefix="acme-"))
    assert "acme-" in story.output
    assert "akismet" not in story.output
    assert "signup_enabled" not in story.output
    assert set(story["change"]["settings"]) == set(DEFAULTS)


def test_the_community_edition(scene: Scene) -> None:
    refused = {
        "max_lifetime_days": "max_lifetime_days: this server has no such setting (GitLab's Enterprise Edition has it, and "
        "enforces it with an Ultimate licence). Nothing was changed. It has: require_expiry, token_prefix, "
        "delete_inactive_after_days.",
        "service_account_require_expiry": "service_account_require_expiry: this server has no such setting (GitLab's "
        "Enterprise Edition has it). Nothing was changed.",
    }
    story = scene.play(
        edition=switch(edition="ce"),
        lifetime=policy(max_lifetime_days=90, token_prefix="acme-"),
        planned=check({"max_lifetime_days": 90}),
        accounts=policy(service_account_require_expiry=True),
        absent=policy(max_lifetime_days=90, state="absent"),
        rest=policy(require_expiry=False, token_prefix="acme-", delete_inactive_after_days=7),
        all_absent=policy(state="absent"),
    )
    assert story["lifetime"]["msg"] == story["planned"]["msg"] == refused["max_lifetime_days"]
    assert story["accounts"]["msg"].startswith(refused["service_account_require_expiry"])
    assert story["absent"]["msg"] == refused["max_lifetime_days"]
    assert all(story[step].writes == [] for step in ("lifetime", "accounts", "absent"))
    assert story["rest"]["settings"] == {
        "require_expiry": False,
        "token_prefix": "acme-",
        "delete_inactive_after_days": 7,
    }
    assert story["all_absent"]["settings"] == {
        "require_expiry": True,
        "token_prefix": "glpat-",
        "delete_inactive_after_days": 30,
    }


def test_an_enterprise_edition_without_a_licence_keeps_what_it_does_not_enforce(scene: Scene) -> None:
    wish = {"max_lifetime_days": 90, "service_account_require_expiry": False}
    story = scene.play(
        done=policy(wish),
        again=policy(wish),
        planned=check(wish, max_lifetime_days=60),
        other=policy(require_expiry=True),
        off=policy(wish, state="absent"),
        # What is kept and not enforced does not make the other modules refuse what the server lets through.
        mint=Task({"name": "long", "permissions": ["api"], "expires_in": "200d"}),
    )
    for step in ("done", "again", "planned"):
        assert story[step]["without_effect"] == ["max_lifetime_days", "service_account_require_expiry"]
        assert story[step]["warnings"] == [
            "max_lifetime_days: the server keeps it without acting on it: GitLab enforces it with an Ultimate licence, "
            "and this server has none.",
            "service_account_require_expiry: the server keeps it without acting on it: GitLab lets tokens of service "
            "accounts live for ever with a Premium or Ultimate licence, and this server has none.",
        ]
    assert story["done"]["settings"]["max_lifetime_days"] == 90
    assert (story["other"]["without_effect"], story["off"]["without_effect"]) == ([], [])
    assert story["mint"]["action"] == "create"


def test_with_a_licence_there_is_nothing_to_warn_of(scene: Scene) -> None:
    story = scene.play(
        licence=ULTIMATE,
        done=policy(max_lifetime_days=365, service_account_require_expiry=False),
    )
    assert story["done"]["without_effect"] == []
    assert "warnings" not in story["done"].result


def test_older_versions_lack_some(scene: Scene) -> None:
    story = scene.play(
        gitlab_17_2=switch(version="17.2"),
        require_expiry=policy(require_expiry=True),
        gitlab_17_11=switch(version="17.11"),
        delete_inactive_after_days=policy(delete_inactive_after_days=30),
        gitlab_13_6=switch(version="13.6"),
        token_prefix=policy(token_prefix="acme-"),
    )
    since = {"require_expiry": "17.3", "delete_inactive_after_days": "18", "token_prefix": "13.7"}
    for name, page in story.items():
        needs = f"GitLab has it from {since[name]} on"
        assert page["msg"].startswith(
            f"{name}: this server has no such setting ({needs}). Nothing was changed. It has: "
        )
        assert page.sent == [f"GET {SETTINGS}"]


def test_lowering_the_lifetime_under_live_tokens(scene: Scene) -> None:
    """GitLab would revoke them three hours later. Row 15 of the attacks on the life cycle."""
    wish = {"max_lifetime_days": 90}
    more = {"tokens": [{"user": "sam", "name": "short", "expires_in_days": 90}]}
    story = scene.play(
        licence=ULTIMATE,
        prepare=seed(more),
        refused=policy(wish),
        planned=check(wish),
        reported=policy(wish, report_violations=True),
        looked=check(wish, report_violations=True, allow_violations=True),
        allowed=policy(wish, allow_violations=True),
        again=policy(wish),
        after=policy(wish, report_violations=True),
        lower=check(wish, max_lifetime_days=89),
        later=advance(seconds=4 * 3600),
        gone=policy(wish),
    )
    message = (
        "max_lifetime_days: GitLab revokes live tokens that end later than the lowered lifetime allows, some hours after "
        "the change. 14 would be: root of user root (id 1), root-api of user root (id 2), root-read of user root (id 3), "
        "automation of user grace (id 4), laptop of user ada (id 7) and 9 more. One of them is the credential of this very "
        "run. Nothing was changed. Replace these first (report_violations: true lists all of them), or say "
        "allow_violations: true."
    )
    for step in ("refused", "planned", "reported"):
        assert (story[step]["msg"], story[step]["error"]) == (message, "WouldRevoke")
        assert story[step].writes == []
    assert "violations" not in story["refused"].result
    listed = {each["name"]: each["violates"] for each in story["reported"]["violations"]}
    assert len(listed) == 14
    assert listed["deploy"] == ["max_lifetime_days"]
    assert "short" not in listed
    assert {each["name"] for each in story["looked"]["violations"]} == set(listed)
    assert story["looked"]["changed"] is True
    assert story["looked"].writes == []
    assert (story["allowed"]["changed"], story["again"]["changed"]) == (True, False)
    assert len(story["again"].sent) == 1
    assert {each["name"] for each in story["after"]["violations"]} == set(listed)
    assert "15 would be" in story["lower"]["msg"]
    # The very credential is gone, as the refusal said.
    assert "Token was revoked" in story["gone"]["msg"]
    assert {each["name"] for each in story["gone"].tokens if each["active"]} == {"short"}


def test_what_a_policy_would_forbid(scene: Scene) -> None:
    more = {
        "tokens": [
            {"user": fixtures.BUILD_BOT, "name": "bot for ever", "expires_at": None},
            {"project": fixtures.PROJECT, "name": "app for ever", "expires_at": None},
            {"user": "sam", "name": "dead for ever", "expires_at": None, "revoked": True},
        ]
    }
    story = scene.play(
        prepare=seed(more),
        as_it_is=policy(report_violations=True),
        relaxed=check({"require_expiry": False}, report_violations=True),
        strict=check({"max_lifetime_days": 300}, report_violations=True),
    )

    def rows(step: str) -> dict[str, tuple[str, list[str]]]:
        return {each["name"]: (each["owner"]["name"], each["violates"]) for each in story[step]["violations"]}

    bot = (fixtures.BUILD_BOT, ["service_account_require_expiry"])
    assert rows("as_it_is") == {"bot for ever": bot, "app for ever": (fixtures.PROJECT, ["require_expiry"])}
    assert rows("relaxed") == {"bot for ever": bot}
    assert rows("strict")["app for ever"] == (fixtures.PROJECT, ["max_lifetime_days", "require_expiry"])
    assert len(rows("strict")) == 2
    assert not any(page["changed"] for name, page in story.items() if name in ("as_it_is",))
    assert story["strict"]["violations"][0].keys() - {"violates"} == {
        *("id", "name", "owner", "permissions", "access_level", "projects", "all_projects", "description"),
        *("created_at", "expires_at", "days_left", "last_used_at", "status"),
    }


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"max_lifetime_days": 0}, "max_lifetime_days: 0 is too small. Give 1 or more, or state: absent for no limit."),
    (
        {"max_lifetime_days": 401},
        "max_lifetime_days: GitLab does not take 401. Give 1 to 365 (400 where its feature flag",
    ),
    ({"max_lifetime_days": "soon"}, "argument 'max_lifetime_days' is of type"),
    (
        {"delete_inactive_after_days": -1},
        "delete_inactive_after_days: -1 is too small. Give 1 or more, or 0 for never.",
    ),
    ({"token_prefix": ""}, "token_prefix: it is empty."),
    ({"token_prefix": "a b"}, "token_prefix: GitLab does not take 'a b'. Give at most 20 characters of"),
    ({"token_prefix": "a" * 21}, "Give at most 20 characters of A-Z, a-z, 0-9 and _ + = / @ : . -"),
    ({"require_expiry": "perhaps"}, "argument 'require_expiry' is of type"),
    ({"state": "rotated"}, "value of state must be one of: present, absent, got: rotated"),
]


def test_bad_input_says_what_would_do(scene: Scene) -> None:
    story = scene.play(**{f"step{number}": policy(options) for number, (options, _message) in enumerate(BAD_INPUT)})
    for page, (_options, message) in zip(story.values(), BAD_INPUT, strict=True):
        assert page["failed"]
        assert message in page["msg"]
        assert page.requests == []


def test_what_only_the_server_can_refuse(scene: Scene) -> None:
    story = scene.play(
        licence=ULTIMATE,
        too_long=policy(max_lifetime_days=366, allow_violations=True),
        flag=switch(buffered_token_expiration_limit=True),
        not_too_long=policy(max_lifetime_days=366, allow_violations=True),
    )
    assert story["too_long"]["msg"] == (
        "max_lifetime_days: the server refuses 366: it must be less than or equal to 365."
    )
    assert story["not_too_long"]["settings"]["max_lifetime_days"] == 366


def test_others_than_administrators(scene: Scene) -> None:
    grace = scene.as_user(fixtures.OWNER_TOKEN).play(set=policy(token_prefix="acme-"))["set"]
    assert grace["msg"] == "GET /application/settings: the server answered 403: 403 Forbidden."
    assert grace.writes == []
    half = scene.as_user(fixtures.ROOT_API_TOKEN).play(
        mode=seed({"settings": {"admin_mode": True}}), set=policy(token_prefix="acme-")
    )["set"]
    assert "lacks the scope admin_mode" in half["msg"]


def test_token_heeds_the_policy_that_was_set(scene: Scene) -> None:
    wish = {"name": "long", "permissions": ["api"], "owner": {"user": "sam"}}
    story = scene.play(
        licence=ULTIMATE,
        limit=policy(max_lifetime_days=30, allow_violations=True),
        too_long=Task({**wish, "expires_in": "60d"}),
        good=Task({**wish, "expires_in": "30d"}),
    )
    assert story["too_long"]["msg"] == (
        "expires_in: 60d is 60 days from now, and the server allows 30. Give expires_in: 30d or less."
    )
    assert story["too_long"].writes == []
    assert story["good"]["action"] == "create"


def test_gorules_has_no_policy(
    playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path
) -> None:
    server = stand_in("gorules")
    connection = {"platform": "gorules", "url": server.url, "auth_token": gorules.ALICE_SESSION}
    page = Scene(playbook, server, tmp_path, connection).play(set=policy(max_lifetime_days=30))["set"]
    assert page["msg"].startswith("token_policy: GoRules")
    assert page["msg"].endswith("has no such policy.")
    assert page.requests == []


def test_bitbucket_has_a_lifetime_alone(
    playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path
) -> None:
    server = stand_in("bitbucket")
    connection = {"auth_username": bitbucket.ADMIN, "auth_password": bitbucket.ADMIN_PASSWORD}
    scene = Scene(playbook, server, tmp_path, {"platform": "bitbucket", "url": server.url, **connection})
    story = scene.play(
        first=policy(),
        planned=check({"max_lifetime_days": 30}),
        done=policy(max_lifetime_days=30, report_violations=True),
        again=policy(max_lifetime_days=30),
        prefix=policy(token_prefix="BBDC-"),
        back=policy(state="absent"),
    )
    assert story["first"]["settings"] == {"max_lifetime_days": None}
    assert story["planned"]["changes"] == {"max_lifetime_days": {"before": None, "after": 30}}
    # Bitbucket leaves existing tokens alone, so they do not stand in the way.
    assert (story["done"]["changed"], story["again"]["changed"]) == (True, False)
    assert "laptop" in {each["name"] for each in story["done"]["violations"]}
    assert story["prefix"]["msg"].startswith("token_prefix: Bitbucket")
    assert story["back"]["settings"] == {"max_lifetime_days": None}
