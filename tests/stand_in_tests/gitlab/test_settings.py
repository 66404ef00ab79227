# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application settings, feature flags, version."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import FORBIDDEN, UNAUTHORIZED, GitLab

PATH = "/application/settings"
LIFETIME = "max_personal_access_token_lifetime"


def put(api: GitLab, **values: Any) -> Any:
    """Change settings by the API."""
    return api.call("PUT", PATH, json=values)


def test_who_may(api: GitLab) -> None:
    for verb in ("GET", "PUT"):
        answer = api.call(verb, PATH, org.OWNER_TOKEN)
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
        answer = api.call(verb, PATH, None)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert api.get(PATH, org.ROOT_READ_TOKEN).status_code == 200


def test_put_takes_any_subset_and_answers_with_everything(api: GitLab) -> None:
    answer = put(api, require_personal_access_token_expiry="false", nonsense=1)
    assert (answer.status_code, answer.json()) == (200, api.get(PATH).json())
    assert answer.json()["require_personal_access_token_expiry"] is False
    assert put(api, admin_mode="maybe").json() == {"error": "admin_mode is invalid"}
    assert answer.json()["personal_access_token_prefix"] == "glpat-"


def test_put_of_nothing_known(api: GitLab) -> None:
    for values in ({}, {"nonsense": 1}):
        answer = put(api, **values)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("admin_mode, ")
        assert answer.json()["error"].endswith(" are missing, at least one parameter must be provided")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (366, "must be less than or equal to 365"),
        (0, "must be greater than or equal to 1"),
        ("abc", "is not a number"),
    ],
)
def test_the_lifetime_is_checked(api: GitLab, value: Any, fault: str) -> None:
    answer = put(api, **{LIFETIME: value})
    assert (answer.status_code, answer.json()) == (400, {"message": {LIFETIME: [fault]}})


def test_the_lifetime_is_kept_without_a_licence(api: GitLab) -> None:
    assert put(api, **{LIFETIME: "90"}).json()[LIFETIME] == 90
    assert api.personal(expires_at=api.day(300))["expires_at"] == api.day(300)
    for nothing in (None, ""):
        assert put(api, **{LIFETIME: nothing}).json()[LIFETIME] is None
    api.server.switch(buffered_token_expiration_limit=True)
    assert put(api, **{LIFETIME: 400}).status_code == 200


def test_ce_drops_the_lifetime(api: GitLab) -> None:
    api.server.switch(edition="ce")
    assert LIFETIME not in api.get(PATH).json()
    answer = put(api, **{LIFETIME: 90})
    assert answer.status_code == 400
    assert "at least one parameter must be provided" in answer.json()["error"]
    answer = put(api, **{LIFETIME: 90}, admin_mode=False)
    assert answer.status_code == 200
    assert LIFETIME not in answer.json()


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("x" * 21, "is too long (maximum is 20 characters)"),
        (
            "no spaces",
            "can contain only letters of the Base64 alphabet (RFC4648) with the addition of '@', ':' and '.'",
        ),
    ],
)
def test_the_prefix_is_checked(api: GitLab, value: str, fault: str) -> None:
    answer = put(api, personal_access_token_prefix=value)
    assert (answer.status_code, answer.json()) == (400, {"message": {"personal_access_token_prefix": [fault]}})


def test_one_fault_stops_them_all(api: GitLab) -> None:
    put(api, admin_mode=True, **{LIFETIME: 999})
    assert api.get(PATH).json()["admin_mode"] is False


def test_disabling_tokens_takes_a_licence(api: GitLab) -> None:
    answer = put(api, disable_personal_access_tokens=True)
    assert answer.status_code == 200
    assert "disable_personal_access_tokens" not in answer.json()
    api.server.switch(licence="premium")
    assert api.get(PATH).json()["disable_personal_access_tokens"] is False
    assert put(api, disable_personal_access_tokens=True).status_code == 200
    assert api.get(PATH).status_code == 401


KEYS = [
    ("13.6", "personal_access_token_prefix", False),
    ("13.7", "personal_access_token_prefix", True),
    ("17.2", "require_personal_access_token_expiry", False),
    ("17.3", "require_personal_access_token_expiry", True),
    ("17.5", "allow_top_level_group_owners_to_create_service_accounts", False),
    ("17.6", "allow_top_level_group_owners_to_create_service_accounts", True),
    ("17.11", "inactive_resource_access_tokens_delete_after_days", False),
    ("18.0", "inactive_resource_access_tokens_delete_after_days", True),
    ("19.6", "enforce_granular_tokens", False),
]


@pytest.mark.parametrize(("version", "key", "there"), KEYS)
def test_keys_by_release(api: GitLab, version: str, key: str, there: bool) -> None:
    api.server.switch(version=version)
    assert (key in api.get(PATH).json()) is there


def test_ee_keys(api: GitLab) -> None:
    keys = {"service_access_tokens_expiration_enforced", "allow_top_level_group_owners_to_create_service_accounts"}
    assert keys <= set(api.get(PATH).json())
    api.server.switch(edition="ce")
    assert not keys & set(api.get(PATH).json())


def test_settings_hold_secrets(api: GitLab) -> None:
    assert api.get(PATH).json()["akismet_api_key"] in api.server.secrets()


def test_features(api: GitLab) -> None:
    assert api.get("/features").json() == []
    assert api.get("/features", org.OWNER_TOKEN).status_code == 403
    api.server.switch(buffered_token_expiration_limit=True)
    [flag] = api.get("/features").json()
    assert (flag["name"], flag["state"]) == ("buffered_token_expiration_limit", "on")


@pytest.mark.parametrize(("edition", "version"), [("ee", "18.1.0-ee"), ("ce", "18.1.0")])
def test_version(api: GitLab, edition: str, version: str) -> None:
    api.server.switch(version="18.1", edition=edition)
    assert api.get("/version", org.USER_TOKEN).json()["version"] == version
    metadata = api.get("/metadata", org.USER_TOKEN).json()
    assert (metadata["version"], metadata["enterprise"]) == (version, edition == "ee")
    assert "kas" in metadata
    assert api.get("/version", None).status_code == 401
    api.server.switch(version="15.5")
    assert "enterprise" not in api.get("/metadata").json()
    api.server.switch(version="15.1")
    assert api.get("/metadata").status_code == 404


def test_a_group_has_one_setting(api: GitLab) -> None:
    answer = api.call("PUT", "/groups/platform", org.OWNER_TOKEN, json={"description": "ours"})
    assert (answer.status_code, answer.json()["description"]) == (200, "ours")
    fields = {"service_access_tokens_expiration_enforced": False, LIFETIME: 3}
    answer = api.call("PUT", "/groups/platform", org.OWNER_TOKEN, json=fields)
    assert answer.status_code == 200
    assert LIFETIME not in answer.json()
    assert api.call("PUT", "/groups/platform", org.MAINTAINER_TOKEN, json=fields).status_code == 403
    assert api.call("PUT", "/groups/platform", org.USER_TOKEN, json=fields).status_code == 404
