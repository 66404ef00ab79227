# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every switch does what it says: each position other than the default, which the numbered tests are about."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.bitbucket import fixtures as org
from stand_in_tests.bitbucket.client import ADMIN, ALICE, PROJECT, REPO, TOKENS, WHOAMI, Bitbucket

DAY = 86_400
# Those tested here by name; the test below compares the list with what the server has.
IN_OTHER_FILES = {
    "basic_auth_enabled",
    "captcha_after",
    "captcha_cleared_by",
    "captcha_header",
    "context_path",
    "failed_login_status",
    "leading_zero_ids",
    "page_limit_cap",
    "secret_prefix",
    "session_login",
    "tokens_outside_rest",
    "unknown_owner",
}


def test_every_switch_has_a_test(api: Bitbucket) -> None:
    here = {name.removeprefix("test_switch_") for name in globals() if name.startswith("test_switch_")}
    assert here | IN_OTHER_FILES == set(api.server.switches())
    assert not here & IN_OTHER_FILES


def test_switch_emit_expiry_date(api: Bitbucket) -> None:
    api.server.switch(emit_expiry_date=False)
    made = api.create(expiryDays=7)
    assert made["expiryDays"] == 7
    assert "expiryDate" not in made


def test_switch_tokens_may_manage_tokens(api: Bitbucket) -> None:
    body = {"name": "n", "permissions": ["REPO_READ"]}
    item = f"{ALICE}/{org.ALICE_TOKEN}"
    api.server.switch(tokens_may_manage_tokens="read")
    assert api.get(item, bearer=org.ALICE_SECRET).status_code == 200
    assert api.call("PUT", ALICE, bearer=org.ALICE_SECRET, json=body).status_code == 401
    api.server.switch(tokens_may_manage_tokens="all")
    assert api.call("PUT", ALICE, bearer=org.ALICE_SECRET, json=body).status_code == 200
    assert api.call("DELETE", item, bearer=org.ALICE_SECRET).status_code == 204
    # A project token reaches its project's tokens and nobody's user tokens; a permission caps the user's rights.
    assert api.call("PUT", PROJECT, bearer=org.PROJECT_SECRET, json=body).status_code == 200
    assert api.call("PUT", REPO, bearer=org.PROJECT_SECRET, json=body).status_code == 200
    assert api.get(ALICE, bearer=org.PROJECT_SECRET).status_code == 401
    assert api.get(PROJECT, bearer=org.REPO_SECRET).status_code == 401
    reader = api.create(permissions=["PROJECT_READ"])["token"]
    assert api.get(PROJECT, bearer=reader).status_code == 401


def test_switch_oauth_apps(api: Bitbucket) -> None:
    assert api.get(WHOAMI, bearer=org.ALICE_OAUTH).headers["X-AUSERNAME"] == org.ALICE
    assert api.get(ALICE, bearer=org.ALICE_OAUTH).status_code == 401
    api.server.switch(oauth_apps="allow")
    assert api.get(ALICE, bearer=org.ALICE_OAUTH).status_code == 200


def test_switch_expiry_on_modify(api: Bitbucket) -> None:
    made = api.create(expiryDays=7)
    item = f"{ALICE}/{made['id']}"
    assert api.call("POST", item, json={"expiryDays": 30}).json()["expiryDays"] == 7
    api.server.switch(expiry_on_modify="reject")
    assert api.call("POST", item, json={"expiryDays": 30}).status_code == 400
    assert api.call("POST", item, json={"name": "m"}).status_code == 200
    api.server.switch(expiry_on_modify="apply")
    changed = api.call("POST", item, json={"expiryDays": 30}).json()
    assert changed["expiryDate"] == made["createdDate"] + 30 * DAY * 1000
    assert "expiryDays" not in api.call("POST", item, json={"expiryDays": None}).json()


def test_switch_modified_expiry_from(api: Bitbucket) -> None:
    made = api.create(expiryDays=7)
    api.server.switch(expiry_on_modify="apply", modified_expiry_from="now")
    api.server.advance(5 * DAY)
    changed = api.call("POST", f"{ALICE}/{made['id']}", json={"expiryDays": 7}).json()
    assert changed["createdDate"] == made["createdDate"]
    assert changed["expiryDate"] >= made["expiryDate"] + 5 * DAY * 1000


def test_switch_max_tokens(api: Bitbucket) -> None:
    api.server.switch(max_tokens=6)
    api.create()
    assert "maximum number of tokens" in api.refused(400)["message"]
    api.create(PROJECT, org.ADMIN)


def test_switch_restrict_repo_admins(api: Bitbucket) -> None:
    assert api.get(REPO, org.CAROL).status_code == 200
    api.server.switch(restrict_repo_admins=True)
    assert api.get(REPO, org.CAROL).status_code == 401
    assert api.get(REPO, org.ALICE).status_code == 200


def test_switch_project_token_support(api: Bitbucket) -> None:
    api.server.switch(project_token_support="404")
    for path in (PROJECT, REPO):
        assert "errors" not in api.get(path, org.ADMIN).json()
    api.server.switch(project_token_support="401")
    assert api.get(PROJECT, org.ADMIN).status_code == 401
    assert api.get(ALICE).status_code == 200


def test_switch_public_access(api: Bitbucket) -> None:
    api.server.switch(public_access=False)
    assert api.get("/rest/api/latest/projects", None).json()["values"] == []
    assert api.get(f"/rest/api/latest/projects/{org.PUBLIC_PROJECT}", org.BOB).status_code == 200
    assert api.get(f"/rest/api/latest/projects/{org.PUBLIC_PROJECT}", None).status_code == 401


def test_switch_expired_bearer(api: Bitbucket) -> None:
    api.server.switch(expired_bearer="401")
    answer = api.get(WHOAMI, bearer=org.ALICE_EXPIRED_SECRET)
    assert answer.status_code == 401
    assert api.get(WHOAMI, bearer="garbage").status_code == 200


def test_switch_anonymous_header(api: Bitbucket) -> None:
    api.server.switch(anonymous_header="anonymous")
    assert api.get(WHOAMI, bearer="garbage").headers["X-AUSERNAME"] == "anonymous"
    assert api.get(WHOAMI).headers["X-AUSERNAME"] == org.ALICE


def test_switch_basic_off_user_tokens(api: Bitbucket) -> None:
    api.server.switch(basic_auth_enabled=False, basic_off_user_tokens="accept")
    assert api.get(WHOAMI, basic=(org.ALICE, org.ALICE_SECRET)).status_code == 200
    assert api.get(WHOAMI, org.ALICE).status_code == 403


def test_switch_xsrf(api: Bitbucket) -> None:
    def create(**headers: str) -> int:
        body = {"name": "n", "permissions": ["REPO_READ"]}
        return api.call("PUT", ALICE, json=body, headers=headers).status_code

    assert create(Origin="http://elsewhere") == 200
    api.server.switch(xsrf="browser")
    assert create(Origin="http://elsewhere") == 403
    assert create(**{"User-Agent": "Mozilla/5.0"}) == 403
    assert create(**{"Origin": "http://elsewhere", "X-Atlassian-Token": "no-check"}) == 200
    assert create() == 200
    api.server.switch(xsrf="always")
    assert create() == 403
    assert create(**{"X-Atlassian-Token": "no-check"}) == 200
    assert api.get(ALICE).status_code == 200


def test_switch_invisible_project(api: Bitbucket) -> None:
    hidden = f"{TOKENS}/projects/{org.HIDDEN_PROJECT}"
    assert api.get(hidden, org.ALICE).status_code == 401
    api.server.switch(invisible_project="404")
    assert api.get(hidden, org.ALICE).status_code == 404
    assert api.get(PROJECT, org.BOB).status_code == 401


@pytest.mark.parametrize("status", [403, 400])
def test_switch_create_for_other(api: Bitbucket, status: int) -> None:
    api.server.switch(create_for_other=str(status))
    api.refused(status, ALICE, org.ADMIN)
    api.refused(401, ALICE, org.BOB)


def test_switch_unknown_token_body(api: Bitbucket) -> None:
    api.server.switch(unknown_token_body="empty")
    answer = api.call("DELETE", f"{ALICE}/000000000000")
    assert (answer.status_code, answer.content) == (404, b"")


def test_switch_token_user(api: Bitbucket) -> None:
    assert api.create(PROJECT, org.ADMIN)["user"]["type"] == "SERVICE"
    api.server.switch(token_user="omit")
    assert "user" not in api.create(PROJECT, org.ADMIN)
    assert "user" in api.create()


def test_switch_empty_expiry(api: Bitbucket) -> None:
    assert "expiryDays" not in api.create(expiryDays="")
    api.server.switch(empty_expiry="reject")
    api.refused(400, expiryDays="")
    api.create(expiryDays=None)


def test_switch_zero_expiry(api: Bitbucket) -> None:
    for days in (0, -5):
        api.refused(400, expiryDays=days)
    for bad in ("30", 1.5, True, 2**31):
        api.refused(400, expiryDays=bad)
    api.server.switch(zero_expiry="never")
    assert "expiryDays" not in api.create(expiryDays=0)


def test_switch_expiry_instant(api: Bitbucket) -> None:
    api.server.set_clock("2026-11-22T10:00:00Z", frozen=True)
    api.server.switch(expiry_instant="end_of_day")
    made = api.create(expiryDays=1)
    assert made["expiryDate"] == 1795478400000  # 2026-11-24T00:00:00Z
    api.server.set_clock("2026-11-23T23:59:00Z", frozen=True)
    assert "X-AUSERNAME" in api.get(WHOAMI, bearer=made["token"]).headers
    api.server.set_clock("2026-11-24T00:00:00Z", frozen=True)
    assert "X-AUSERNAME" not in api.get(WHOAMI, bearer=made["token"]).headers


def test_switch_purge_expired(api: Bitbucket) -> None:
    api.server.switch(purge_expired="always")
    assert org.ALICE_EXPIRED_TOKEN not in [token["id"] for token in api.listed()]
    assert api.get(f"{ALICE}/{org.ALICE_EXPIRED_TOKEN}").status_code == 404


def test_switch_policy_route(api: Bitbucket) -> None:
    api.server.switch(policy_route="404")
    assert "errors" not in api.get(ADMIN, org.ADMIN).json()
    api.server.switch(policy_route="401")
    assert api.call("PUT", ADMIN, org.ADMIN, json={"maxExpiryDays": 1}).status_code == 401


@pytest.mark.parametrize(("position", "status", "body"), [("as_null", 200, {"maxExpiryDays": None}), ("404", 404, ...)])
def test_switch_policy_get_unset(api: Bitbucket, position: str, status: int, body: Any) -> None:
    api.server.switch(policy_get_unset=position)
    answer = api.get(ADMIN, org.ADMIN)
    assert answer.status_code == status
    assert body is ... or answer.json() == body
    api.server.switch(policy_get_unset="204")
    assert (api.get(ADMIN, org.ADMIN).status_code, api.get(ADMIN, org.ADMIN).content) == (204, b"")
    api.server.seed({"policy": {"max_expiry_days": 9}})
    assert api.get(ADMIN, org.ADMIN).json() == {"maxExpiryDays": 9}


def test_switch_policy_put_reply(api: Bitbucket) -> None:
    api.server.switch(policy_put_reply="empty")
    answer = api.call("PUT", ADMIN, org.ADMIN, json={"maxExpiryDays": 30})
    assert (answer.status_code, answer.content) == (200, b"")
    assert api.server.state()["policy"] == {"max_expiry_days": 30}


def test_switch_policy_delete_status(api: Bitbucket) -> None:
    api.server.switch(policy_delete_status="200")
    assert api.call("DELETE", ADMIN, org.ADMIN).status_code == 200


def test_switch_policy_refusal_status(api: Bitbucket) -> None:
    api.server.seed({"policy": {"max_expiry_days": 30}})
    api.server.switch(policy_refusal_status="409")
    api.refused(409, expiryDays=31)


def test_switch_policy_existing(api: Bitbucket) -> None:
    api.server.seed({"policy": {"max_expiry_days": 30}})
    api.server.switch(policy_existing="capped")
    tokens = {token["id"]: token for token in api.listed()}
    assert tokens[org.ALICE_BUILD_TOKEN]["expiryDays"] == 30
    assert tokens[org.ALICE_TOKEN]["expiryDays"] == 30
    assert "X-AUSERNAME" not in api.get(WHOAMI, bearer=org.ALICE_SECRET).headers


@pytest.mark.parametrize(
    ("position", "sent", "stored"),
    [
        ("add_repo", ["PROJECT_WRITE"], {"PROJECT_WRITE", "REPO_WRITE"}),
        ("closure", ["REPO_ADMIN"], {"REPO_ADMIN", "REPO_WRITE", "REPO_READ"}),
        ("closure", ["PROJECT_WRITE", "REPO_READ"], {"PROJECT_WRITE", "PROJECT_READ", "REPO_READ"}),
        ("raise_repo", ["REPO_READ", "PROJECT_WRITE"], {"REPO_WRITE", "PROJECT_WRITE"}),
        ("raise_repo", ["REPO_ADMIN", "PROJECT_WRITE"], {"REPO_ADMIN", "PROJECT_WRITE"}),
    ],
)
def test_switch_normalise_permissions(api: Bitbucket, position: str, sent: list[str], stored: set[str]) -> None:
    api.server.switch(normalise_permissions=position)
    assert set(api.create(permissions=sent)["permissions"]) == stored


def test_switch_permission_order(api: Bitbucket) -> None:
    sent = ["REPO_WRITE", "PROJECT_READ"]
    assert api.create(permissions=sent)["permissions"] == sent
    api.server.switch(permission_order="reversed")
    assert api.create(permissions=sent)["permissions"] == sent[::-1]
    api.server.switch(permission_order="sorted")
    assert api.create(permissions=sent)["permissions"] == sorted(sent)


def test_switch_duplicate_permissions(api: Bitbucket) -> None:
    twice = ["REPO_READ", "REPO_READ"]
    assert api.create(permissions=twice)["permissions"] == ["REPO_READ"]
    api.server.switch(duplicate_permissions="reject")
    api.refused(400, permissions=twice)
    api.server.switch(duplicate_permissions="keep")
    assert api.create(permissions=twice)["permissions"] == twice


def test_switch_repo_scope_permissions(api: Bitbucket) -> None:
    api.server.switch(repo_scope_permissions="any")
    mixed = ["REPO_ADMIN", "PROJECT_READ"]
    assert api.create(REPO, org.ADMIN, permissions=mixed)["permissions"] == mixed


def test_switch_lower_case_permissions(api: Bitbucket) -> None:
    api.server.switch(lower_case_permissions="accept")
    assert api.create(permissions=["repo_read"])["permissions"] == ["REPO_READ"]


def test_switch_modify_needs_permissions(api: Bitbucket) -> None:
    api.server.switch(modify_needs_permissions="yes")
    item = f"{ALICE}/{org.ALICE_TOKEN}"
    assert api.call("POST", item, json={"name": "m"}).status_code == 400
    assert api.call("POST", item, json={"name": "m", "permissions": ["REPO_READ"]}).status_code == 200


def test_switch_long_name_status(api: Bitbucket) -> None:
    api.server.switch(long_name_status="500")
    api.refused(500, name="n" * 256)


def test_switch_duplicate_names(api: Bitbucket) -> None:
    api.server.switch(duplicate_names="reject")
    api.create(name="once")
    api.refused(400, name="once")
    api.create(name="Once")


def test_switch_sort(api: Bitbucket) -> None:
    newest = [token["id"] for token in api.listed()]
    api.server.switch(sort="oldest")
    assert [token["id"] for token in api.listed()] == newest[::-1]
    api.server.switch(sort="id")
    assert [token["id"] for token in api.listed()] == sorted(newest)


def test_switch_last_page_next(api: Bitbucket) -> None:
    api.server.switch(last_page_next="as_null")
    assert api.get(ALICE).json()["nextPageStart"] is None
    assert api.get(ALICE, params={"limit": 2}).json()["nextPageStart"] == 2


def test_switch_unused_last_authenticated(api: Bitbucket) -> None:
    api.server.switch(unused_last_authenticated="as_null")
    assert api.create()["lastAuthenticated"] is None


def test_switch_project_keys(api: Bitbucket) -> None:
    lower = f"{TOKENS}/projects/pay"
    assert api.get(lower).status_code == 200
    api.server.switch(project_keys="sensitive")
    assert api.get(lower).status_code == 404
    assert api.get(PROJECT).status_code == 200


def _limited(api: Bitbucket) -> Any:
    api.server.rate_limit(0.01, 1)
    api.get(WHOAMI)
    answer = api.get(WHOAMI)
    assert answer.status_code == 429
    return answer


def test_switch_rate_limit_body(api: Bitbucket) -> None:
    api.server.switch(rate_limit_body="text")
    assert _limited(api).text == "Rate limit exceeded."


def test_switch_rate_limit_headers(api: Bitbucket) -> None:
    api.server.switch(rate_limit_headers=True)
    assert _limited(api).headers["X-RateLimit-Remaining"] == "0"


def test_switch_rate_limit_forever(api: Bitbucket) -> None:
    api.server.switch(rate_limit_forever=True)
    assert _limited(api).headers["Retry-After"] == "9223372036854775807"


def test_switch_created_date(api: Bitbucket) -> None:
    api.server.set_clock("2026-11-22T10:00:00Z", frozen=True)
    api.server.switch(created_date="iso")
    assert api.create()["createdDate"] == "2026-11-22T10:00:00.000Z"


def test_switch_emit_permissions(api: Bitbucket) -> None:
    api.server.switch(emit_permissions=False)
    assert "permissions" not in api.create()


def test_switch_emit_user(api: Bitbucket) -> None:
    api.server.switch(emit_user=False)
    assert "user" not in api.create()


def test_switch_extra_fields(api: Bitbucket) -> None:
    api.server.switch(extra_fields=True)
    assert "futureField" in api.create()


def test_switch_trim_names(api: Bitbucket) -> None:
    assert api.create(name=" n ")["name"] == " n "
    api.server.switch(trim_names=True)
    assert api.create(name=" n ")["name"] == "n"


def test_switch_extra_permission(api: Bitbucket) -> None:
    api.server.switch(extra_permission="PROJECT_READ")
    made = api.create()
    assert made["permissions"] == ["REPO_READ", "PROJECT_READ"]
    assert api.get(f"{ALICE}/{made['id']}").json()["permissions"] == made["permissions"]


def test_switch_clamp_expiry_days(api: Bitbucket) -> None:
    api.server.switch(clamp_expiry_days=30)
    assert api.create(expiryDays=90)["expiryDays"] == 30
    assert api.create(expiryDays=7)["expiryDays"] == 7
