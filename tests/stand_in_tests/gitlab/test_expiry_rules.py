# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expiry dates, rotation and retention, release by release."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import GROUP, PROJECT, GitLab

DAY = 86_400


def settings(api: GitLab, **values: Any) -> None:
    """Change application settings without going through the API."""
    api.server.seed({"settings": values})


def create(api: GitLab, path: str = "", **fields: Any) -> Any:
    """Create without a date; the whole answer."""
    where = path or f"/users/{api.user(org.USER)}/personal_access_tokens"
    return api.post(where, name="n", scopes=["api"], **fields)


@pytest.mark.parametrize(
    ("version", "days"), [("15.11", None), ("16.0", 365), ("17.2", 365), ("17.3", 365), ("19.6", 365)]
)
def test_default_of_a_personal_token(api: GitLab, version: str, days: int | None) -> None:
    api.server.switch(version=version)
    assert create(api).json()["expires_at"] == (None if days is None else api.day(days))


def test_default_where_no_date_is_needed(api: GitLab) -> None:
    settings(api, require_personal_access_token_expiry=False)
    assert create(api).json()["expires_at"] is None
    assert create(api, expires_at=api.day(4000)).status_code == 201
    # The setting came with 17.3; before, a date was always needed.
    api.server.switch(version="17.2")
    assert create(api).json()["expires_at"] == api.day(365)


@pytest.mark.parametrize("version", ["16.0", "17.2", "19.6"])
def test_the_last_day_of_a_year_will_do(api: GitLab, version: str) -> None:
    api.server.switch(version=version)
    assert create(api, expires_at=api.day(365)).status_code == 201
    assert create(api, expires_at=api.day(366)).status_code == 422


def test_no_limit_before_16(api: GitLab) -> None:
    api.server.switch(version="15.11")
    assert create(api, expires_at=api.day(4000)).status_code == 201


def test_the_buffered_limit(api: GitLab) -> None:
    api.server.switch(buffered_token_expiration_limit=True)
    assert create(api, expires_at=api.day(400)).status_code == 201
    assert create(api, expires_at=api.day(401)).status_code == 422
    assert create(api).json()["expires_at"] == api.day(400)
    api.server.switch(version="17.5")
    assert create(api, expires_at=api.day(400)).status_code == 422


@pytest.mark.parametrize("required", [True, False])
def test_the_lifetime_of_ultimate(api: GitLab, required: bool) -> None:
    settings(api, max_personal_access_token_lifetime=30, require_personal_access_token_expiry=required)
    assert create(api, expires_at=api.day(300)).status_code == 201, "not licensed, not enforced"
    api.server.switch(licence="ultimate")
    answer = create(api, expires_at=api.day(31))
    assert answer.json() == {"message": f"Expiration date must be before {api.day(30)}"}
    assert create(api).json()["expires_at"] == api.day(30)
    settings(api, max_personal_access_token_lifetime=3, require_personal_access_token_expiry=True)
    token = create(api).json()
    rotated = api.post(f"/personal_access_tokens/{token['id']}/rotate")
    assert rotated.json()["expires_at"] == api.day(3)


def test_the_forms_of_a_date(api: GitLab) -> None:
    assert create(api, expires_at="2027-01-31T12:00:00").json()["expires_at"] == "2027-01-31"
    assert create(api, expires_at="20270131").json()["expires_at"] == "2027-01-31"
    answer = create(api, expires_at="garbage")
    assert (answer.status_code, answer.json()) == (400, {"error": "expires_at is invalid"})
    for nothing in (None, ""):
        assert create(api, expires_at=nothing).json()["expires_at"] == api.day(365)


def test_a_token_dies_at_the_start_of_its_last_day(api: GitLab) -> None:
    token = create(api, expires_at=api.day(1)).json()
    api.server.set_clock(f"{api.day()}T23:59:59Z", frozen=True)
    assert api.works(token["token"])
    api.server.advance(1)
    assert not api.works(token["token"])
    assert create(api, expires_at=api.day()).json()["active"] is False


@pytest.mark.parametrize(("version", "listed"), [("18.11", False), ("19.0", True)])
def test_whoever_expires_today_was_in_neither_list(api: GitLab, version: str, listed: bool) -> None:
    api.server.switch(version=version)
    api.personal(name="today", expires_at=api.day())
    api.personal(name="yesterday", expires_at=api.day(-1))
    inactive = api.names("/personal_access_tokens", org.USER_TOKEN, state="inactive")
    assert inactive == (["today", "yesterday"] if listed else ["yesterday"])
    assert "today" not in api.names("/personal_access_tokens", org.USER_TOKEN, state="active")


@pytest.mark.parametrize(("version", "days"), [("15.11", None), ("16.0", 365), ("18.11", 365)])
def test_default_of_a_resource_token(api: GitLab, version: str, days: int | None) -> None:
    api.server.switch(version=version, boot_days_ago=0)
    assert create(api, PROJECT).json()["expires_at"] == (None if days is None else api.day(days))
    if days is not None:
        # The default was worked out when the process started.
        api.server.switch(boot_days_ago=20)
        assert create(api, GROUP).json()["expires_at"] == api.day(days - 20)


def test_a_date_in_the_past_is_accepted(api: GitLab) -> None:
    for path in ("", PROJECT, f"/users/{api.user(org.USER)}/impersonation_tokens"):
        answer = create(api, path, expires_at="2020-01-01")
        assert (answer.status_code, answer.json()["active"]) == (201, False)


def test_expired_tokens_can_be_rotated_by_others(api: GitLab) -> None:
    dead = api.personal(expires_at=api.day(-1))
    answer = api.post(f"/personal_access_tokens/{dead['id']}/rotate", org.USER_TOKEN)
    assert answer.status_code == 200
    assert api.works(answer.json()["token"])


def test_rotation_knows_no_date_before_16_6(api: GitLab) -> None:
    token = api.personal()
    api.server.switch(version="16.5")
    answer = api.post(f"/personal_access_tokens/{token['id']}/rotate", expires_at=api.day(60))
    assert answer.json()["expires_at"] == api.day(7)


def test_reuse_is_detected_since_16_3(api: GitLab) -> None:
    api.server.switch(version="16.2")
    first = api.personal()
    path = f"/personal_access_tokens/{first['id']}/rotate"
    second = api.post(path).json()
    assert api.post(path, first["token"]).status_code == 401
    assert not api.row(second["id"])["revoked"]
    api.server.switch(version="16.3")
    assert api.post(path, first["token"]).status_code == 401
    assert api.row(second["id"])["revoked"]


def test_a_token_both_expired_and_revoked_counts_as_expired(api: GitLab) -> None:
    first = api.personal(expires_at=api.day(2))
    second = api.post("/personal_access_tokens/self/rotate", first["token"], expires_at=api.day(60)).json()
    api.server.advance(3 * DAY)
    answer = api.post("/personal_access_tokens/self/rotate", first["token"])
    assert "expired" in answer.json()["error_description"]
    assert api.works(second["token"])
    api.server.switch(dead_token_order="revoked_first")
    answer = api.post("/personal_access_tokens/self/rotate", first["token"])
    assert "revoked" in answer.json()["error_description"]
    assert not api.works(second["token"])


def test_revoking_leaves_the_family_alone(api: GitLab) -> None:
    first = api.personal()
    second = api.post("/personal_access_tokens/self/rotate", first["token"]).json()
    assert api.delete(f"/personal_access_tokens/{first['id']}").status_code == 204
    assert api.works(second["token"])


def test_bots_vanish_when_all_their_tokens_were_dead_for_long(api: GitLab) -> None:
    live = api.post(f"{PROJECT}/{api.named('deploy')['id']}/rotate", expires_at=api.day(300)).json()
    assert api.names(PROJECT) == ["nightly", "old-ci", "deploy", "deploy"]
    api.server.advance(20 * DAY)
    assert api.names(PROJECT) == ["nightly", "old-ci", "deploy", "deploy"]
    api.server.advance(11 * DAY)
    # The bot of "deploy" has one live token: its dead one stays, too.
    assert [token["id"] for token in api.get(PROJECT).json()][1:] == [live["id"]]
    assert "stolen" in api.names("/personal_access_tokens"), "personal tokens stay for ever"


def test_retention_can_be_changed_or_turned_off(api: GitLab) -> None:
    settings(api, inactive_resource_access_tokens_delete_after_days=None)
    api.server.advance(100 * DAY)
    assert "nightly" in api.names(PROJECT)
    settings(api, inactive_resource_access_tokens_delete_after_days=200)
    api.server.advance(DAY)
    assert "nightly" in api.names(PROJECT)
    settings(api, inactive_resource_access_tokens_delete_after_days=50)
    api.server.advance(DAY)
    assert "nightly" not in api.names(PROJECT)


def test_before_17_9_a_revoked_tokens_bot_goes_too(api: GitLab) -> None:
    api.server.switch(version="17.8")
    token = api.named("deploy")
    assert api.delete(f"{PROJECT}/{token['id']}", org.MAINTAINER_TOKEN).status_code == 204
    assert "deploy" not in api.names(PROJECT, org.MAINTAINER_TOKEN)
    assert api.get(f"/users/{token['user_id']}").status_code == 404
    api.server.switch(bot_removal_seconds=3600)
    other = api.fresh(PROJECT, org.MAINTAINER_TOKEN, name="slow")
    assert api.delete(f"{PROJECT}/{other['id']}").status_code == 204
    assert "slow" in api.names(PROJECT)
    api.server.advance(3601)
    assert "slow" not in api.names(PROJECT)


def test_a_lower_lifetime_revokes_some_hours_later(api: GitLab) -> None:
    api.server.switch(licence="ultimate")
    api.server.seed({"tokens": [{"user": org.USER, "name": "eternal", "expires_at": None}]})
    answer = api.call("PUT", "/application/settings", json={"max_personal_access_token_lifetime": 310})
    assert answer.status_code == 200
    assert api.call("PUT", "/application/settings", json={"max_personal_access_token_lifetime": 100}).status_code == 200
    assert api.works(org.USER_TOKEN)
    api.server.advance(3 * 3600 + 1)
    assert not api.works(org.USER_TOKEN)
    assert not api.named("eternal")["revoked"]


def test_last_used_is_recorded_seldom(api: GitLab) -> None:
    api.server.set_clock("2026-11-22T12:00:00Z", frozen=True)
    assert api.get("/personal_access_tokens/self", org.USER_TOKEN).json()["last_used_at"] is None
    assert api.named("shell")["last_used_at"] == "2026-11-22T12:00:00.000Z"
    api.server.advance(599)
    api.get("/user", org.USER_TOKEN)
    assert api.named("shell")["last_used_at"] == "2026-11-22T12:00:00.000Z"
    api.server.advance(1)
    api.get("/user", org.USER_TOKEN)
    assert api.named("shell")["last_used_at"] == "2026-11-22T12:10:00.000Z"
    api.server.switch(version="16.0")
    api.server.advance(3600)
    api.get("/user", org.USER_TOKEN)
    assert api.named("shell")["last_used_at"] == "2026-11-22T12:10:00.000Z"


def test_addresses_are_five_at_most(api: GitLab) -> None:
    for number in range(1, 8):
        api.call("GET", "/user", org.USER_TOKEN, headers={"X-Forwarded-For": f"10.0.0.{number}"})
        api.server.advance(61)
    shown = api.get(f"/personal_access_tokens/{api.named('shell')['id']}").json()["last_used_ips"]
    assert shown == [f"10.0.0.{number}" for number in range(3, 8)]
