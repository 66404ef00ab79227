# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own rule about lifetimes, the whole server's tokens, and what depends on them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotPermitted,
    NotTheApi,
    ServiceError,
    Unsupported,
)
from stand_in.bitbucket.fixtures import ADAM, ALICE, PERSONAL_PROJECT
from unit.platforms.bitbucket.bench import LAPTOP, RELEASE, WISH, Bench, as_alice

POLICY = "GET /admin"
SET = {"policy": {"max_expiry_days": 30}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "expires_in: 90d is 90 days from now, and the server allows 30. Give expires_in: 30d or less"),
        ({"expires_in": "31d"}, "the server allows 30"),
        (
            {"expires_in": "never"},
            "expires_in: the server refuses tokens that never expire. Give a lifetime of at most 30",
        ),
        ({"expires_in": None, "expires_at": "2099-01-01"}, "expires_at: 2099-01-01 is"),
    ],
)
def test_a_lifetime_beyond_the_policy_is_refused_before_anything_is_written(
    bench: Bench, more: dict[str, Any], message: str
) -> None:
    bench.server.seed(SET)
    with pytest.raises(InvalidOption) as refused:
        bench.apply(**more)
    assert message in str(refused.value)
    assert bench.writes == []


def test_a_lifetime_within_the_policy(bench: Bench) -> None:
    bench.server.seed(SET)
    assert bench.apply(expires_in="30d").action == "create"


def test_the_policy_is_asked_once_and_only_for_a_mint(bench: Bench) -> None:
    bench.server.seed(SET)
    platform = bench.platform()
    bench.apply(RELEASE, run=platform)
    assert POLICY not in bench.sent
    bench.apply(run=platform, expires_in="1w")
    assert bench.sent.count(POLICY) == 1
    bench.apply(run=platform, name="another", expires_in="1w")
    assert POLICY not in bench.sent


@pytest.mark.parametrize("status", ["400", "409"])
def test_a_policy_that_cannot_be_read_is_the_servers_to_enforce(bench: Bench, status: str) -> None:
    bench.server.switch(policy_refusal_status=status)
    bench.server.seed(SET)
    platform = as_alice(bench)
    with pytest.raises(ServiceError, match=r"expires_in: the server refuses 90d: The token must expire within 30 days"):
        bench.apply({**WISH, "owner": None}, run=platform)
    assert bench.sent[-2:] == [POLICY, "PUT /users/alice"]


@pytest.mark.parametrize(
    "switch",
    [
        {"policy_route": "404"},
        {"policy_route": "401"},
        {"policy_get_unset": "as_null"},
        {"policy_get_unset": "404"},
        {"policy_get_unset": "204"},
    ],
)
def test_no_policy_in_any_form_is_none(bench: Bench, switch: dict[str, str]) -> None:
    bench.server.switch(**switch)
    assert bench.apply(expires_in="never").action == "create"
    assert bench.apply(LAPTOP, run=as_alice(bench)).action == "unchanged"


@pytest.mark.parametrize("body", ["[]", '{"policy": {"maxExpiryDays": 1}}', '"30"', "{", '{"maxExpiryDays": "1"}'])
def test_a_policy_in_an_unknown_form_is_no_reason_to_fail(bench: Bench, body: str) -> None:
    bench.server.fault("status", path="/admin$", status=200, content_type="application/json", body=body)
    assert bench.apply().action == "create"


# --- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unset", ["empty", "as_null", "404", "204"])
@pytest.mark.parametrize("reply", ["object", "empty"])
@pytest.mark.parametrize("deleted", ["204", "200"])
def test_the_policy_is_set_changed_and_lifted(bench: Bench, unset: str, reply: str, deleted: str) -> None:
    bench.server.switch(policy_get_unset=unset, policy_put_reply=reply, policy_delete_status=deleted)
    platform = bench.platform()
    assert platform.read_settings() == {"max_lifetime_days": None}
    assert platform.write_settings({"max_lifetime_days": 30}) == {"max_lifetime_days": 30}
    assert platform.write_settings({"max_lifetime_days": 2154}) == {"max_lifetime_days": 2154}
    assert bench.server.state()["policy"] == {"max_expiry_days": 2154}
    for _again in range(2):
        assert platform.write_settings({"max_lifetime_days": None}) == {"max_lifetime_days": None}
    assert bench.server.state()["policy"] == {"max_expiry_days": None}
    assert bench.bodies("PUT") == [{"maxExpiryDays": 30}, {"maxExpiryDays": 2154}]


def test_what_is_read_back_counts_and_not_what_is_answered(bench: Bench) -> None:
    bench.server.fault("status", method="PUT", status=200, content_type="text/plain", body="Saved.")
    assert bench.platform().write_settings({"max_lifetime_days": 30}) == {"max_lifetime_days": None}


def test_a_policy_in_an_unknown_form_is_not_guessed_at(bench: Bench) -> None:
    bench.server.fault("status", path="/admin$", status=200, content_type="application/json", body='{"days": 3}')
    with pytest.raises(NotTheApi, match="something else than its policy"):
        bench.platform().read_settings()


@pytest.mark.parametrize("user", [ALICE, ADAM])
def test_the_policy_is_for_system_administrators(bench: Bench, user: str) -> None:
    platform = bench.platform(user)
    for attempt in (platform.read_settings, lambda: platform.write_settings({"max_lifetime_days": 30})):
        with pytest.raises(ServiceError) as refused:
            attempt()
        error = platform.diagnose(refused.value)  # type: ignore[arg-type]
        assert isinstance(error, NotPermitted)
        assert "It takes a system administrator" in str(error)


def test_a_server_without_the_route(bench: Bench) -> None:
    bench.server.switch(policy_route="404")
    for attempt in (
        bench.platform().read_settings,
        lambda: bench.platform().write_settings({"max_lifetime_days": None}),
    ):
        with pytest.raises(Unsupported, match=r"max_lifetime_days: .* no policy for tokens that can be read or set"):
            attempt()


@pytest.mark.parametrize("days", [0, -1, 2**31])
def test_a_policy_of_days_that_cannot_be(bench: Bench, days: int) -> None:
    with pytest.raises(InvalidOption, match=rf"max_lifetime_days: {days} is not between 1 and 2147483647"):
        bench.platform().check_settings({"max_lifetime_days": days})
    bench.platform().check_settings({"max_lifetime_days": None})
    with pytest.raises(Unsupported, match=r"require_expiry: Bitbucket has no such setting. It has: max_lifetime_days"):
        bench.platform().check_settings({"require_expiry": True})
    assert bench.sent == []


# --- the whole server ---------------------------------------------------------------------------------------------------


def test_every_live_token_of_the_server(bench: Bench) -> None:
    bench.server.seed(
        {
            "tokens": [
                {"owner": {"project": PERSONAL_PROJECT}, "name": "mine", "permissions": ["REPO_READ"]},
                {"owner": {"repository": "~alice/dotfiles"}, "name": "dots", "permissions": ["REPO_READ"]},
            ]
        }
    )
    found = {token.id: str(owner) for owner, token in bench.platform().every_token(lambda _token: True)}
    kinds = {"user": "user", "project": "project", "repository": "repository"}
    expected = {
        row["id"]: f"{kinds[row['scope']]} {row['owner'].replace('ci.bot_', 'ci.bot@')}"
        for row in bench.server.state()["tokens"]
        if not row["expired"]
    }
    assert found == expected
    assert len(found) == 10


def test_only_the_relevant_ones(bench: Bench) -> None:
    platform = bench.platform()
    found = [(str(owner), token.name) for owner, token in platform.every_token(lambda token: token.name == "sync")]
    assert found == [("repository PAY/api", "sync")]


def test_the_whole_server_is_for_administrators(bench: Bench) -> None:
    platform = as_alice(bench)
    with pytest.raises(ServiceError) as refused:
        list(platform.every_token(lambda _token: True))
    assert "administrator" in str(platform.diagnose(refused.value))  # type: ignore[arg-type]


def test_the_tokens_of_all_owners_of_a_project(bench: Bench) -> None:
    platform = bench.platform()
    project = bench.owner(platform)
    names = [token.name for owner in (project, *platform.below(project)) for token in platform.tokens(owner)]
    assert names == ["release", "sync"]
