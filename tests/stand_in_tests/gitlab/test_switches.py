# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches that no other file turns: readings of the documentation, and servers that do not keep what they are told."""

from __future__ import annotations

import pytest
from stand_in.gitlab import fixtures as org
from stand_in.gitlab.switches import SWITCHES
from stand_in.launch import ControlError
from stand_in_tests.gitlab.client import FORBIDDEN, GROUP, PROJECT, GitLab

LIST = "/personal_access_tokens"


def people(api: GitLab) -> str:
    """Where the ordinary user's tokens are made."""
    return f"/users/{api.user(org.USER)}/personal_access_tokens"


def test_every_switch_is_described_and_known(api: GitLab) -> None:
    described = api.server.switches(describe=True)
    assert set(described) == {switch.name for switch in SWITCHES}
    assert all(item["help"] and item["value"] == item["default"] for item in described.values())


@pytest.mark.parametrize("change", [{"version": "new"}, {"edition": "me"}, {"total_count_limit": -1}, {"admin": True}])
def test_a_switch_refuses_what_it_does_not_take(api: GitLab, change: dict[str, object]) -> None:
    with pytest.raises(ControlError) as caught:
        api.server.switch(licence="premium", **change)
    assert caught.value.status == 400
    assert caught.value.answer["valid"]
    assert api.server.switches()["licence"] == "none", "all or nothing"


# Switch, what is asked for in the query, and whether the answer then leaves anything out.
SINCE = [
    ("expiry_filters_since", LIST, {"expires_before": "2000-01-01"}),
    ("resource_filters_since", PROJECT, {"search": "no such name"}),
]


@pytest.mark.parametrize(("switch", "path", "params"), SINCE)
def test_when_filters_came(api: GitLab, switch: str, path: str, params: dict[str, str]) -> None:
    assert api.names(path, **params) == []
    api.server.switch(**{switch: "19.7"})
    assert api.names(path, **params) == api.names(path) != []


def test_when_the_rest_came(api: GitLab) -> None:
    api.server.switch(sort_since="19.7", token_flags_since="19.7", granular_since="19.7")
    assert api.names(LIST, sort="id_desc") == api.names(LIST)
    assert not {"expired", "granular"} & set(api.get(LIST).json()[0])
    answer = api.post("/user/personal_access_tokens", org.USER_TOKEN)
    assert answer.json() == {"error": "name is missing, scopes is missing"}
    api.server.switch(user_create_self_rotate_since="19.7", retention_setting_since="19.7")
    answer = api.post("/user/personal_access_tokens", org.USER_TOKEN, name="n", scopes=["self_rotate"])
    assert answer.status_code == 400
    assert "inactive_resource_access_tokens_delete_after_days" not in api.get("/application/settings").json()
    assert api.post(PROJECT, name="n", scopes=["api"]).status_code == 400
    api.server.switch(resource_expiry_compulsory_since="19.7")
    assert api.post(PROJECT, name="n", scopes=["api"]).json()["expires_at"] == api.day(365)


def test_trim_names(api: GitLab) -> None:
    assert api.personal(name="  ci ")["name"] == "  ci "
    api.server.switch(trim_names=True)
    for path in (people(api), PROJECT, GROUP, f"/users/{api.user(org.USER)}/impersonation_tokens"):
        assert api.fresh(path, name="  ci ")["name"] == "ci"


def test_clamp_expiry_days(api: GitLab) -> None:
    api.server.switch(clamp_expiry_days=10)
    for path in (people(api), PROJECT):
        assert api.fresh(path, expires_at=api.day(30))["expires_at"] == api.day(10)
        assert api.fresh(path, expires_at=api.day(5))["expires_at"] == api.day(5)
    token = api.personal()
    assert api.post(f"{LIST}/{token['id']}/rotate", expires_at=api.day(30)).json()["expires_at"] == api.day(10)


def test_extra_scope(api: GitLab) -> None:
    api.server.switch(extra_scope="read_user")
    assert api.personal(scopes=["api"])["scopes"] == ["api", "read_user"]
    assert api.fresh(PROJECT, scopes=["api"])["scopes"] == ["api", "read_user"]
    assert api.personal(scopes=["read_user"])["scopes"] == ["read_user"]


@pytest.mark.parametrize(
    ("order", "scopes"),
    [
        ("request", ["read_user", "api", "read_user"]),
        ("deduplicated", ["read_user", "api"]),
        ("sorted", ["api", "read_user"]),
    ],
)
def test_scope_order(api: GitLab, order: str, scopes: list[str]) -> None:
    api.server.switch(scope_order=order)
    assert api.personal(scopes=["read_user", "api", "read_user"])["scopes"] == scopes


@pytest.mark.parametrize("scope", ["read_registry", "read_virtual_registry"])
def test_scopes_of_what_is_off(api: GitLab, scope: str) -> None:
    api.personal(scopes=[scope])
    api.server.switch(registry=False, dependency_proxy=False)
    answer = api.post(people(api), name="n", scopes=[scope])
    assert (answer.status_code, answer.json()) == (400, {"error": "scopes does not have a valid value"})


def test_bot_name_limit(api: GitLab) -> None:
    wish = {"scopes": ["api"], "expires_at": api.day(3)}
    answer = api.post(PROJECT, name="n" * 256, **wish)
    text = "400 Bad request - Name is too long (maximum is 255 characters)"
    assert (answer.status_code, answer.json()) == (400, {"message": text})
    api.server.switch(bot_name_limit=300)
    assert api.post(PROJECT, name="n" * 256, **wish).status_code == 201
    assert api.personal(name="n" * 256)["name"] == "n" * 256


def test_admin_reaches_all_tokens(api: GitLab) -> None:
    bot, impersonation = api.named("deploy")["id"], api.named("support")["id"]
    for token_id in (bot, impersonation):
        assert api.get(f"{LIST}/{token_id}").status_code == 200
    assert api.post(f"{LIST}/{bot}/rotate").json()["user_id"] == api.row(bot)["user_id"]
    api.server.switch(admin_reaches_all_tokens=False)
    for token_id in (bot, impersonation):
        assert api.get(f"{LIST}/{token_id}").status_code == 404
        assert api.delete(f"{LIST}/{token_id}").status_code == 400


def test_admin_check(api: GitLab) -> None:
    assert api.post(people(api), org.USER_TOKEN).json() == FORBIDDEN
    api.server.switch(admin_check="after_validation")
    assert api.post(people(api), org.USER_TOKEN).json() == {"error": "name is missing, scopes is missing"}
    assert api.post(people(api), org.USER_TOKEN, name="n", scopes=["api"]).json() == FORBIDDEN


def test_user_create_default_expiry(api: GitLab) -> None:
    wish = {"name": "n", "scopes": ["k8s_proxy"]}
    path = "/user/personal_access_tokens"

    def given() -> object:
        return api.post(path, org.USER_TOKEN, **wish).json()["expires_at"]

    assert given() == api.day(365)
    api.server.switch(user_create_default_expiry="tomorrow")
    assert given() == api.day(1)
    api.server.switch(user_create_default_expiry="by_version", version="18.11")
    assert given() == api.day(1)
    api.server.switch(user_create_default_expiry="max")
    assert given() == api.day(365)


def test_impersonation_default_expiry(api: GitLab) -> None:
    path = f"/users/{api.user(org.USER)}/impersonation_tokens"
    assert api.post(path, name="n", scopes=["api"]).status_code == 400
    api.server.switch(impersonation_default_expiry="max")
    assert api.post(path, name="n", scopes=["api"]).json()["expires_at"] == api.day(365)


def test_null_expiry(api: GitLab) -> None:
    wish = {"name": "n", "scopes": ["api"], "expires_at": None}
    assert api.post(people(api), **wish).json()["expires_at"] == api.day(365)
    api.server.switch(null_expiry="never")
    answer = api.post(people(api), **wish)
    assert (answer.status_code, answer.json()) == (422, {"message": "Expiration date can't be blank"})
    assert api.post(PROJECT, **wish).json() == {"message": "400 Bad request - Expiration date can't be blank"}
    api.server.seed({"settings": {"require_personal_access_token_expiry": False}})
    assert api.post(people(api), **wish).json()["expires_at"] is None


def test_rotate_revoked_by_id(api: GitLab) -> None:
    first = api.personal()
    second = api.post(f"{LIST}/{first['id']}/rotate").json()
    api.server.switch(rotate_revoked_by_id="refuse_and_revoke_family")
    assert api.post(f"{LIST}/{first['id']}/rotate").status_code == 400
    assert not api.works(second["token"])


def test_delete_revoked(api: GitLab) -> None:
    token = api.personal()["id"]
    assert [api.delete(f"{LIST}/{token}").status_code for _unused in range(2)] == [204, 204]
    api.server.switch(delete_revoked="bad_request")
    assert api.delete(f"{LIST}/{token}").status_code == 400


def test_record_usage(api: GitLab) -> None:
    api.server.switch(record_usage="never")
    api.get("/user", org.USER_TOKEN)
    assert api.named("shell")["last_used_at"] is None


def test_enforce_granular_tokens(api: GitLab) -> None:
    api.server.switch(enforce_granular_tokens=True)
    text = "of legacy personal access tokens is disabled. Use a fine-grained token instead."
    answer = api.post(people(api), name="n", scopes=["api"])
    assert (answer.status_code, answer.json()) == (422, {"message": f"Creation {text}"})
    answer = api.post(f"{LIST}/{api.named('shell')['id']}/rotate")
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - Rotation {text}"})
    assert api.fresh(PROJECT)["name"] == "fresh"
    assert "enforce_granular_tokens" not in api.get("/application/settings").json()
    api.server.switch(expose_enforce_granular_tokens=True)
    assert api.get("/application/settings").json()["enforce_granular_tokens"] is True


def test_pat_retention_days(api: GitLab) -> None:
    api.server.advance(86_400)
    assert "old-laptop" in api.names(LIST)
    api.server.switch(pat_retention_days=30)
    api.server.advance(86_400)
    assert "old-laptop" not in api.names(LIST)
    assert "shell" in api.names(LIST)


def test_lifetime_revokes_undated(api: GitLab) -> None:
    api.server.switch(licence="ultimate", lifetime_revokes_undated=True)
    api.server.seed({"tokens": [{"user": org.USER, "name": "eternal", "expires_at": None}]})
    api.call("PUT", "/application/settings", json={"max_personal_access_token_lifetime": 365})
    api.server.advance(3 * 3600 + 1)
    api.get("/user")
    assert api.named("eternal")["revoked"]
    assert not api.named("shell")["revoked"]


def test_service_account_public_email(api: GitLab) -> None:
    assert "public_email" not in api.get("/service_accounts").json()[0]
    api.server.switch(service_account_public_email=True)
    assert "public_email" in api.get("/service_accounts").json()[0]
    api.server.switch(version="19.4")
    assert "external" not in api.get("/service_accounts").json()[0]


def test_realm(api: GitLab) -> None:
    api.server.switch(realm="GitLab")
    header = api.get("/user", org.EXPIRED_TOKEN).headers["WWW-Authenticate"]
    assert header.startswith('Bearer realm="GitLab", error="invalid_token"')
