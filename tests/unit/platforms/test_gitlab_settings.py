# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab's token policy, the tokens of a whole instance and what is inside a group, against the stand-in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import looking, policies
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotKept,
    NotPermitted,
    NotTheApi,
    ServiceError,
    TokensmithError,
    Unsupported,
    WouldRevoke,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms._gitlab_answers import Seen
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.gitlab import GitLab
from ansible_collections.tokensmith.access.plugins.module_utils.policies import WantedPolicy
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner, OwnerRef, Policy, Token
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection, Refusal
from hypothesis import given
from hypothesis import strategies as st
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn, start

PATH = "/api/v4/application/settings"
EVERYTHING = {
    "max_lifetime_days": None,
    "require_expiry": True,
    "service_account_require_expiry": True,
    "token_prefix": "glpat-",
    "delete_inactive_after_days": 30,
}
JSON = {"content_type": "application/json"}
ANY = frozenset({"live", "expired", "revoked"})


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with start("gitlab") as server:
        yield server


@pytest.fixture
def server(running: StandIn) -> StandIn:
    """The stand-in as new."""
    running.reset()
    return running


def connect(server: StandIn, token: str = fixtures.ROOT_TOKEN) -> GitLab:
    return GitLab.connect(Connection(url=server.url, auth_token=Secret(token), retries=0))


def settle(platform: GitLab, *, absent: bool = False, allow: bool = False, **settings: Any) -> policies.Ruling:
    wanted = WantedPolicy(settings=settings, absent=absent, report_violations=False, allow_violations=allow)
    return policies.settle(platform, wanted, rehearse=False)


def violations(platform: GitLab, **settings: Any) -> list[policies.Violation]:
    wanted = WantedPolicy(settings=settings, report_violations=True, allow_violations=True)
    found = policies.settle(platform, wanted, rehearse=True).violations
    assert found is not None
    return found


def writes(server: StandIn) -> list[dict[str, Any]]:
    return [each for each in server.requests() if each["method"] != "GET"]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in EVERYTHING.items() if name not in names}


# Reading


@pytest.mark.parametrize(
    ("switches", "settings"),
    [
        ({"edition": "ee", "licence": "none"}, EVERYTHING),
        ({"edition": "ee", "licence": "ultimate"}, EVERYTHING),
        ({"edition": "ce"}, without("max_lifetime_days", "service_account_require_expiry")),
        ({"version": "17.9"}, without("delete_inactive_after_days")),
        ({"version": "17.2"}, without("delete_inactive_after_days", "require_expiry")),
        (
            {"version": "14.0", "edition": "ce"},
            {"token_prefix": ""},
        ),
    ],
)
def test_what_is_there_depends_on_edition_and_version(
    server: StandIn, switches: dict[str, Any], settings: dict[str, Any]
) -> None:
    server.switch(**switches)
    assert connect(server).read_settings() == settings
    assert [(each["method"], each["path"]) for each in server.requests()] == [("GET", PATH)]


def test_nothing_else_of_the_settings_is_kept(server: StandIn) -> None:
    platform = connect(server)
    platform.read_settings()
    secrets = {value for key, value in _settings_of(server).items() if key.endswith("_key")}
    assert secrets
    kept = [json.dumps(vars(part), default=repr) for part in (platform, platform._settings)]
    assert not any(secret in text for secret in secrets for text in kept)


@pytest.mark.parametrize("kind", ["truncate_clean", "truncate"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_broken_answer_is_not_quoted(server: StandIn, kind: str, method: str) -> None:
    """The settings are the one answer that is full of other people's secrets."""
    secret = _settings_of(server)["akismet_api_key"]
    keep = json.dumps(_settings_of(server)).index(secret) + len(secret) + 20
    server.fault(kind, method=method, path="application/settings", times=None, keep=keep)
    with pytest.raises(TokensmithError) as caught:
        settle(connect(server), token_prefix="acme-")
    assert server.faults()[0]["fired"] > 0
    assert secret not in str(caught.value)
    assert "akismet" not in str(caught.value)


@pytest.mark.parametrize("body", ["[]", "{}", '{"version": 1}', '"text"'])
def test_an_answer_of_something_else_is_no_policy(server: StandIn, body: str) -> None:
    server.fault("status", path="application/settings", status=200, body=body, **JSON)
    with pytest.raises(NotTheApi, match=r"^/application/settings: the answer is not GitLab's\. Check that url"):
        connect(server).read_settings()


@pytest.mark.parametrize("token", [fixtures.OWNER_TOKEN, fixtures.USER_TOKEN, fixtures.GROUP_TOKEN])
def test_others_than_administrators_are_told_so(server: StandIn, token: str) -> None:
    with pytest.raises(NotPermitted, match=r"^GET /application/settings: the server answered 403"):
        settle(connect(server, token), token_prefix="acme-")
    assert writes(server) == []


def test_an_administrator_who_lacks_the_scope_of_admin_mode_is_told_so(server: StandIn) -> None:
    server.seed({"settings": {"admin_mode": True}})
    with pytest.raises(NotPermitted, match="lacks the scope admin_mode"):
        settle(connect(server, fixtures.ROOT_API_TOKEN), token_prefix="acme-")
    assert settle(connect(server), token_prefix="acme-").changes


def test_a_read_only_token_reads_and_cannot_write(server: StandIn) -> None:
    platform = connect(server, fixtures.ROOT_READ_TOKEN)
    assert settle(platform, token_prefix="glpat-").settings == EVERYTHING
    with pytest.raises(NotPermitted, match=r"^PUT /application/settings: auth_token: .* too narrow; it has read_api"):
        settle(platform, token_prefix="acme-")


# Writing


def test_a_change_sends_what_changes_and_takes_the_answer_for_what_is(server: StandIn) -> None:
    ruling = settle(connect(server), token_prefix="acme-", require_expiry=False, service_account_require_expiry=True)
    assert [each["method"] for each in server.requests()] == ["GET", "PUT"]
    assert writes(server)[0]["body"] == {
        "personal_access_token_prefix": "acme-",
        "require_personal_access_token_expiry": False,
    }
    assert ruling.settings == {**EVERYTHING, "token_prefix": "acme-", "require_expiry": False}
    assert connect(server).read_settings() == ruling.settings


def test_never_deleting_is_nought_days(server: StandIn) -> None:
    assert settle(connect(server), delete_inactive_after_days=0).settings["delete_inactive_after_days"] == 0
    assert writes(server)[0]["body"] == {"inactive_resource_access_tokens_delete_after_days": None}
    assert not settle(connect(server), delete_inactive_after_days=0).changes
    assert settle(connect(server), absent=True, delete_inactive_after_days=1).settings == EVERYTHING
    assert writes(server)[1]["body"] == {"inactive_resource_access_tokens_delete_after_days": 30}


def test_absent_brings_the_defaults_back(server: StandIn) -> None:
    server.seed(
        {
            "settings": {
                "max_personal_access_token_lifetime": 90,
                "require_personal_access_token_expiry": False,
                "service_access_tokens_expiration_enforced": False,
                "personal_access_token_prefix": "acme-",
                "inactive_resource_access_tokens_delete_after_days": None,
            }
        }
    )
    assert settle(connect(server), absent=True).settings == EVERYTHING
    assert writes(server)[0]["body"]["max_personal_access_token_lifetime"] is None
    assert not settle(connect(server), absent=True).changes


@pytest.mark.parametrize("settings", [{"max_lifetime_days": 90}, {"service_account_require_expiry": False}])
@pytest.mark.parametrize("absent", [False, True])
def test_what_the_community_edition_has_not_is_refused_before_a_write(
    server: StandIn, settings: dict[str, Any], absent: bool
) -> None:
    server.switch(edition="ce")
    with pytest.raises(Unsupported, match=r"this server has no such setting \(GitLab's Enterprise Edition has it"):
        settle(connect(server), absent=absent, token_prefix="acme-", **settings)
    assert writes(server) == []


def test_the_community_edition_drops_a_lifetime_silently_and_that_is_noticed(server: StandIn) -> None:
    """As where a proxy or another node of an instance in the middle of an upgrade answered the first request."""
    listing = json.dumps(_settings_of(server))
    server.switch(edition="ce")
    server.fault("status", method="GET", path="application/settings", status=200, body=listing, times=2, **JSON)
    with pytest.raises(NotKept, match="max_lifetime_days was to be 90 and is gone"):
        settle(connect(server), allow=True, max_lifetime_days=90, token_prefix="acme-")
    with pytest.raises(ServiceError, match="at least one parameter must be provided") as caught:
        settle(connect(server), allow=True, max_lifetime_days=90)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("days", "buffered", "complaint"),
    [
        (366, False, r"^max_lifetime_days: the server refuses 366: it must be less than or equal to 365\.$"),
        (366, True, None),
        (401, True, r"^max_lifetime_days: GitLab does not take 401\. Give 1 to 365 \(400 where"),
    ],
)
def test_lifetimes_that_are_too_long(server: StandIn, days: int, buffered: bool, complaint: str | None) -> None:
    server.switch(buffered_token_expiration_limit=buffered)
    if complaint is None:
        assert settle(connect(server), allow=True, max_lifetime_days=days).settings["max_lifetime_days"] == days
        return
    with pytest.raises(InvalidOption, match=complaint):
        settle(connect(server), allow=True, max_lifetime_days=days)
    assert connect(server).read_settings() == EVERYTHING


@pytest.mark.parametrize("prefix", ["a" * 21, "two words", "ünï", "a#b"])
def test_prefixes_that_no_gitlab_takes_are_refused_before_the_first_request(server: StandIn, prefix: str) -> None:
    with pytest.raises(InvalidOption, match=r"^token_prefix: GitLab does not take .*Give at most 20 characters"):
        settle(connect(server), token_prefix=prefix)
    assert server.requests() == []


def test_the_client_takes_every_prefix_that_the_server_takes(server: StandIn) -> None:
    for prefix in ("A-Za_z0+9=/@:.", "a" * 20):
        assert settle(connect(server), token_prefix=prefix).settings["token_prefix"] == prefix


def test_a_lost_answer_is_told_and_the_next_run_finds_it_done(server: StandIn) -> None:
    server.fault("drop_after", method="PUT", path="application/settings")
    with pytest.raises(TokensmithError, match="It may have been carried out"):
        settle(connect(server), token_prefix="acme-")
    assert not settle(connect(server), token_prefix="acme-").changes
    assert len(writes(server)) == 1


# What has no effect


@pytest.mark.parametrize(
    ("switches", "idle"),
    [
        ({"licence": "none"}, {"max_lifetime_days", "service_account_require_expiry"}),
        ({"licence": "premium"}, set()),
        ({"licence": "ultimate"}, set()),
        # Before 15.7 nothing shows whether there is a licence.
        ({"licence": "ultimate", "version": "15.6"}, set()),
    ],
)
def test_what_is_known_to_have_no_effect(server: StandIn, switches: dict[str, Any], idle: set[str]) -> None:
    server.switch(**switches)
    settings = {"max_lifetime_days": 90}
    if "version" not in switches:
        settings["service_account_require_expiry"] = False
    assert settle(connect(server), allow=True, **settings).without_effect.keys() == idle
    # It concerns those who ask for it.
    assert settle(connect(server), token_prefix="acme-").without_effect == {}


def test_no_request_is_spent_on_it_where_it_makes_no_difference(server: StandIn) -> None:
    settle(connect(server), token_prefix="glpat-", require_expiry=True)
    assert [each["path"] for each in server.requests()] == [PATH]


# Lowering


@pytest.mark.parametrize("undated", [False, True])
def test_what_is_named_is_what_gitlab_revokes(server: StandIn, undated: bool) -> None:
    server.switch(licence="ultimate", lifetime_revokes_undated=undated)
    server.seed(
        {
            "tokens": [
                *({"user": fixtures.USER, "name": f"in {days}", "expires_in_days": days} for days in (89, 90, 91, 365)),
                {"user": fixtures.BUILD_BOT, "name": "for ever", "expires_at": None},
            ]
        }
    )
    platform = connect(server)
    with pytest.raises(WouldRevoke, match=r"^max_lifetime_days: GitLab revokes live tokens that end later") as caught:
        settle(platform, max_lifetime_days=90)
    assert "One of them is the credential of this very run. Nothing was changed." in str(caught.value)
    assert writes(server) == []
    named = {each.token.id for each in violations(platform, max_lifetime_days=90)}
    before = _live(server)
    assert settle(platform, allow=True, max_lifetime_days=90).settings["max_lifetime_days"] == 90
    server.advance(2 * 3600)
    assert _live(server) == before
    server.advance(2 * 3600)
    revoked = before - _live(server)
    spared = {each["name"] for each in server.state()["tokens"] if str(each["id"]) in named - revoked}
    assert len(revoked) > 10
    assert spared == (set() if undated else {"for ever"})
    assert revoked <= named


def test_lowering_without_a_licence_is_no_danger(server: StandIn) -> None:
    ruling = settle(connect(server), max_lifetime_days=90)
    assert ruling.without_effect.keys() == {"max_lifetime_days"}
    before = _live(server)
    server.advance(4 * 3600)
    assert _live(server) == before


# The policy as `token` reads it

SAM, BOT = Owner("user", "5", "sam"), Owner("service_account", "6", "build-bot")
LIMIT = {"max_personal_access_token_lifetime": 90, "service_access_tokens_expiration_enforced": False}


@pytest.mark.parametrize(
    ("switches", "settings", "for_people", "for_accounts"),
    [
        ({"licence": "ultimate"}, LIMIT, Policy(max_lifetime_days=90, require_expiry=True), (90, False)),
        # Kept and not enforced: what the server lets through must not be refused here.
        ({"licence": "none"}, LIMIT, Policy(max_lifetime_days=365, require_expiry=True), (365, True)),
        ({"edition": "ce"}, {}, Policy(max_lifetime_days=365, require_expiry=True), (365, True)),
        (
            {"buffered_token_expiration_limit": True},
            *({}, Policy(max_lifetime_days=400, require_expiry=True), (400, True)),
        ),
        (
            {"licence": "premium"},
            {"require_personal_access_token_expiry": False},
            *(Policy(max_lifetime_days=None, require_expiry=False), (None, True)),
        ),
    ],
)
def test_the_rules_for_new_tokens(
    server: StandIn,
    switches: dict[str, Any],
    settings: dict[str, Any],
    for_people: Policy,
    for_accounts: tuple[int | None, bool],
) -> None:
    server.seed({"settings": settings})
    server.switch(**switches)
    platform = connect(server)
    most, require = for_accounts
    for _again in range(2):
        assert platform.policy(SAM) == for_people
        assert platform.policy(BOT) == Policy(max_lifetime_days=most, require_expiry=require)
    assert [each["path"] for each in server.requests()].count(PATH) == 1
    assert len(server.requests()) <= 2


def test_who_may_not_read_the_rules_knows_none_and_asks_once(server: StandIn) -> None:
    platform = connect(server, fixtures.OWNER_TOKEN)
    assert (platform.policy(SAM), platform.policy(BOT)) == (None, None)
    assert len(server.requests()) == 1


# Every token of the instance


def _everything(platform: GitLab) -> list[tuple[Owner, Token]]:
    return list(platform.every_token(lambda _token: True))


@pytest.mark.parametrize("version", ["19.6", "17.2", "15.4", "14.0"])
def test_every_live_token_with_its_owner(server: StandIn, version: str) -> None:
    server.switch(version=version, retention_setting_since="18.0")
    found = _everything(connect(server))
    owners = {each.name: (owner.kind, owner.name) for owner, each in found}
    assert owners["root"] == ("user", "root")
    # An administrator cannot tell impersonation tokens apart here; their rules are the same.
    assert owners["support"] == ("user", "sam")
    assert owners["deploy"] == ("project", "platform/app")
    assert owners["reporter"] == ("group", "platform")
    assert owners["build"] == ("service_account", "build-bot")
    assert owners["release"] == ("service_account", "release-bot")
    assert {each.id for _owner, each in found} == _live(server)


def test_owners_are_looked_up_for_relevant_tokens_only_and_once_each(server: StandIn) -> None:
    platform = connect(server)
    found = list(platform.every_token(lambda token: token.name in ("shell", "dashboard", "deploy")))
    assert sorted(each.name for _owner, each in found) == ["dashboard", "deploy", "shell"]
    paths = [each["path"].removeprefix("/api/v4") for each in server.requests()]
    assert paths[:2] == ["/personal_access_tokens", "/users/5"]
    assert len(paths) == 4


def test_many_owners_are_read_by_the_page(server: StandIn) -> None:
    users = [{"username": f"u{number:03}"} for number in range(250)]
    server.seed({"users": users, "tokens": [{"user": each["username"], "name": "mass"} for each in users]})
    server.clear_requests()
    found = list(connect(server).every_token(lambda token: token.name == "mass"))
    assert [owner.name for owner, _token in found] == [each["username"] for each in users]
    # Three pages of tokens, twenty single users, three pages of users.
    assert len(server.requests()) == 3 + 20 + 3


def test_the_page_by_page_reading_is_not_repeated_for_those_whom_it_lacks(server: StandIn) -> None:
    users = [{"username": f"u{number:02}"} for number in range(25)]
    server.seed({"users": users, "tokens": [{"user": each["username"], "name": "mass"} for each in users]})
    server.fault("status", path="/users$", status=200, body="[]", times=None, **JSON)
    server.clear_requests()
    found = list(connect(server).every_token(lambda token: token.name == "mass"))
    assert [owner.name for owner, _token in found] == [each["username"] for each in users]
    assert len(server.requests()) == 1 + 25 + 1


def test_an_owner_that_is_gone_is_called_by_its_id(server: StandIn) -> None:
    server.fault("status", path="/users/5$", status=404, body='{"message":"404 User Not Found"}', times=None, **JSON)
    found = list(connect(server).every_token(lambda token: token.name == "shell"))
    assert [(owner.kind, owner.id, owner.name) for owner, _token in found] == [("user", "5", "5")]


def test_a_person_called_like_a_bot_is_a_person(server: StandIn) -> None:
    server.seed({"users": [{"username": "project_1_bot"}], "tokens": [{"user": "project_1_bot", "name": "odd"}]})
    found = list(connect(server).every_token(lambda token: token.name == "odd"))
    assert [(owner.kind, owner.name) for owner, _token in found] == [("user", "project_1_bot")]


def test_service_accounts_have_a_rule_of_their_own(server: StandIn) -> None:
    server.switch(licence="premium")
    server.seed(
        {
            "tokens": [
                {"user": fixtures.BUILD_BOT, "name": "bot's", "expires_at": None},
                {"user": fixtures.USER, "name": "sam's", "expires_at": None},
                {"project": fixtures.PROJECT, "name": "app's", "expires_at": None},
            ]
        }
    )
    platform = connect(server)
    found = violations(platform, require_expiry=True, service_account_require_expiry=False)
    assert {each.token.name: each.settings for each in found} == {
        "sam's": ("require_expiry",),
        "app's": ("require_expiry",),
    }
    found = violations(platform, require_expiry=False, service_account_require_expiry=True)
    assert {each.token.name: each.settings for each in found} == {"bot's": ("service_account_require_expiry",)}


# Inside a group


def names_below(platform: GitLab, group: str) -> list[str]:
    owner = platform.resolve(OwnerRef("group", group), None)
    return [str(each) for each in platform.below(owner)]


def test_subgroups_and_projects_at_any_depth(server: StandIn) -> None:
    server.seed(
        {
            "groups": [{"path": "platform/team/deep"}, {"path": "platform-two"}],
            "projects": [{"path": "platform/team/deep/well", "archived": True}, {"path": "platform-two/app"}],
        }
    )
    below = names_below(connect(server), "platform")
    assert sorted(below) == [
        *("group platform/team", "group platform/team/deep"),
        *("project platform/app", "project platform/team/deep/well", "project platform/team/site"),
    ]
    assert names_below(connect(server), "platform/team/deep") == ["project platform/team/deep/well"]


def test_nothing_is_inside_other_owners(server: StandIn) -> None:
    platform = connect(server)
    server.clear_requests()
    assert list(platform.below(SAM)) == list(platform.below(Owner("project", "1", "platform/app"))) == []
    assert server.requests() == []


def test_what_is_only_shared_with_a_group_is_not_inside(server: StandIn) -> None:
    """`with_shared` is on by default, and servers that do not know it send shared projects whatever they are asked."""
    rows = [
        {"id": 1, "path_with_namespace": "Platform/app"},
        {"id": 3, "path_with_namespace": "research/lab"},
        {"id": 9, "path_with_namespace": "platform-two/app"},
    ]
    groups = [{"id": 2, "full_path": "platform/team"}, {"id": 3, "full_path": "research"}]
    for path, body in (("/groups/1/projects", rows), ("/groups/1/descendant_groups", groups)):
        server.fault("status", path=path, status=200, body=json.dumps(body), **JSON)
    assert names_below(connect(server), "platform") == ["group platform/team", "project Platform/app"]
    queries = [each["query"] for each in server.requests() if each["path"].endswith("/groups/1/projects")]
    assert "with_shared=false" in str(queries)
    assert "include_subgroups=true" in str(queries)


def test_all_pages_of_a_large_group(server: StandIn) -> None:
    server.seed({"bulk": {"group": "platform", "projects": 230, "tokens_each": 1}})
    below = names_below(connect(server), "platform")
    assert len(below) == len(set(below)) == 230 + 3


# Looking


def look(platform: GitLab, *refs: OwnerRef, **question: Any) -> looking.Findings:
    asked = looking.Question(**{"statuses": ANY, **question})
    return looking.look(platform, refs, asked, include_descendants=True)


def test_a_whole_group_by_its_owner(server: StandIn) -> None:
    found = look(connect(server, fixtures.OWNER_TOKEN), OwnerRef("group", "platform"))
    assert [(row["owner"]["name"], row["name"], row["status"]) for row in found.rows] == [
        ("platform", "reporter", "live"),
        ("platform/app", "nightly", "expired"),
        ("platform/app", "old-ci", "revoked"),
        ("platform/app", "deploy", "live"),
    ]
    assert found.rows[3]["access_level"] == 40


def test_one_who_may_not_read_them_all_is_told_which(server: StandIn) -> None:
    with pytest.raises(
        NotPermitted, match=r"^The tokens of group platform could not be read\. GET /groups/1/access_to"
    ):
        look(connect(server, fixtures.MAINTAINER_TOKEN), OwnerRef("group", "platform"))


@pytest.mark.parametrize("version", ["13.12", "14.0"])
def test_gitlab_13_does_not_say_when_a_token_was_used(server: StandIn, version: str) -> None:
    server.switch(version=version)
    platform = connect(server)
    found = look(platform, OwnerRef("user", "sam"))
    assert platform.shows_last_use is (version == "14.0")
    summary = found.summary(shows_last_use=platform.shows_last_use)
    assert summary["never_used"] == (3 if version == "14.0" else None)


def test_the_many_pages_of_one_owner(server: StandIn) -> None:
    server.seed(
        {"bulk": {"owner": {"user": "sam"}, "count": 1234, "name": "mass-{n}", "revoked_every": 5, "expired_every": 7}}
    )
    server.clear_requests()
    found = look(connect(server), OwnerRef("user", "sam"))
    rows = [row for row in found.rows if row["name"].startswith("mass-")]
    assert len(rows) == len({row["id"] for row in rows}) == 1234
    listed = [each for each in server.requests() if each["path"] == "/api/v4/personal_access_tokens"]
    assert len(listed) == 13
    status = {row["name"]: row["status"] for row in rows}
    assert (status["mass-777"], status["mass-778"]) == ("expired", "live")
    narrow = look(connect(server), OwnerRef("user", "sam"), name="mass-778", statuses=frozenset({"live"}))
    assert [row["name"] for row in narrow.rows] == ["mass-778"]


@given(st.lists(st.integers(0, 30) | st.just(2**63) | st.text(max_size=2)))
def test_ids_are_known_again_in_any_order(numbers: list[Any]) -> None:
    seen, known = Seen(), set()
    for number in numbers:
        assert seen.add(number) == (number not in known)
        known.add(number)


def test_a_platform_without_a_policy_says_so(server: StandIn) -> None:
    class Plain(GitLab):
        capabilities = GitLab.capabilities.__class__(
            owner_kinds=frozenset(),
            attributes=frozenset(),
            required={},
            expiry_tolerance=GitLab.capabilities.expiry_tolerance,
        )

    with pytest.raises(Unsupported, match=r"^token_policy: GitLab has no such policy\.$"):
        settle(Plain.connect(Connection(url=server.url, auth_token=Secret("x"))), token_prefix="a-")
    assert server.requests() == []


def _settings_of(server: StandIn) -> dict[str, Any]:
    body = connect(server).transport.get("/application/settings").body
    assert isinstance(body, dict)
    server.clear_requests()
    return body


def _live(server: StandIn) -> set[str]:
    # What is due by the clock is done when the next request comes, before its credential is looked at.
    with contextlib.suppress(Refusal):
        connect(server).transport.get("/version")
    return {str(each["id"]) for each in server.state()["tokens"] if each["active"]}


def test_the_longer_limit_is_asked_for_only_by_those_who_want_more(server: StandIn) -> None:
    """The feature flag that allows 400 days takes a request of its own."""
    platform = connect(server)
    server.clear_requests()
    usual = platform.policy(SAM, platform.transport.now() + timedelta(days=364))
    assert usual == Policy(max_lifetime_days=365, require_expiry=True)
    assert [each["path"] for each in server.requests()] == [PATH]
    platform.policy(SAM, platform.transport.now() + timedelta(days=380))
    assert server.requests()[-1]["path"] == "/api/v4/features"
