# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotating and revoking personal tokens: the numbered assertions 25 to 38."""

from __future__ import annotations

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import EXPIRED, NOT_FOUND, REVOKED, TOO_SMALL, UNAUTHORIZED, GitLab

PATH = "/personal_access_tokens"
SELF = f"{PATH}/self/rotate"


def rotate(api: GitLab, token_id: int, token: str = org.USER_TOKEN, **fields: str) -> dict[str, object]:
    """Rotate by id; the answer, which must be 200."""
    answer = api.post(f"{PATH}/{token_id}/rotate", token, **fields)
    assert answer.status_code == 200, answer.text
    result: dict[str, object] = answer.json()
    return result


def test_25_rotate_own(api: GitLab) -> None:
    old = api.personal(name="ci", scopes=["api", "read_user"], description="why")
    new = rotate(api, old["id"])
    assert new["expires_at"] == api.day(7)
    kept = ("name", "scopes", "description", "user_id")
    assert {key: new[key] for key in kept} == {key: old[key] for key in kept}
    assert new["id"] != old["id"]
    assert new["last_used_at"] is None
    assert api.works(str(new["token"]))
    assert not api.works(old["token"])
    assert api.row(new["id"])["previous_id"] == old["id"]  # type: ignore[arg-type]


def test_26_rotate_to_a_date(api: GitLab) -> None:
    assert rotate(api, api.personal()["id"], expires_at=api.day(31))["expires_at"] == api.day(31)


def test_27_rotate_where_no_date_is_needed(api: GitLab) -> None:
    api.server.seed({"settings": {"require_personal_access_token_expiry": False}})
    assert rotate(api, api.personal()["id"])["expires_at"] is None


def test_28_rotate_what_is_not_ones_own(api: GitLab) -> None:
    for token_id in (api.named("laptop")["id"], 999999):
        answer = api.post(f"{PATH}/{token_id}/rotate", org.USER_TOKEN)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    answer = api.post(f"{PATH}/999999/rotate")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_29_a_service_error(api: GitLab) -> None:
    old = api.personal()
    answer = api.post(f"{PATH}/{old['id']}/rotate", expires_at=api.day(366))
    sentence = f"Expiration date must be before {api.day(365)}"
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - {sentence}"})
    assert api.works(old["token"])


def test_30_rotate_a_revoked_token(api: GitLab) -> None:
    first = api.personal()
    second = rotate(api, first["id"])
    answer = api.post(f"{PATH}/{first['id']}/rotate")
    assert (answer.status_code, answer.json()) == (400, {"message": "400 Bad request - Token already revoked"})
    assert api.works(str(second["token"]))


@pytest.mark.parametrize("scopes", [["api"], ["self_rotate"], ["read_user", "self_rotate"]])
def test_31_self_rotate(api: GitLab, scopes: list[str]) -> None:
    old = api.personal(scopes=scopes)
    answer = api.post(SELF, old["token"])
    assert (answer.status_code, answer.json()["scopes"]) == (200, scopes)
    assert api.row(old["id"])["revoked"]


def test_31_self_rotate_with_another_scope(api: GitLab) -> None:
    old = api.personal(scopes=["read_api"])
    answer = api.post(SELF, old["token"])
    assert (answer.status_code, answer.json()) == (403, TOO_SMALL | {"scope": "api self_rotate"})
    assert api.works(old["token"])


def test_32_self_rotate_of_other_kinds(api: GitLab) -> None:
    new = api.post(SELF, org.IMPERSONATION_TOKEN).json()
    assert api.row(new["id"])["impersonation"]
    bot = api.named("deploy")["user_id"]
    assert api.post(SELF, org.PROJECT_TOKEN).json()["user_id"] == bot


def test_33_self_rotate_with_dead_tokens(api: GitLab) -> None:
    assert api.post(SELF, "glpat-unknown00000000000000").json() == UNAUTHORIZED
    for secret, body in ((org.EXPIRED_TOKEN, EXPIRED), (org.REVOKED_TOKEN, REVOKED)):
        answer = api.post(SELF, secret)
        assert (answer.status_code, answer.json()) == (401, body)


def test_33_reuse_of_a_revoked_token_revokes_its_descendants(api: GitLab) -> None:
    first = api.personal()
    second = api.post(SELF, first["token"]).json()
    third = api.post(SELF, second["token"]).json()
    assert api.works(third["token"])
    assert api.get("/user", first["token"]).status_code == 401
    assert api.works(third["token"])
    assert api.post(SELF, first["token"]).json() == REVOKED
    assert not api.works(third["token"])
    assert not api.row(third["id"])["active"]


def test_33_reuse_by_way_of_a_numeric_path(api: GitLab) -> None:
    first = api.personal()
    second = api.post(SELF, first["token"]).json()
    assert api.post(f"{PATH}/{first['id']}/rotate", first["token"]).status_code == 401
    assert not api.works(second["token"])


def test_34_self_rotate_with_other_credentials(api: GitLab) -> None:
    assert api.call("POST", SELF, None, bearer=org.OAUTH_TOKEN).status_code == 405
    api.server.seed(
        {"credentials": [{"kind": "oauth", "secret": "oauth-read", "user": org.USER, "scopes": ["read_api"]}]}
    )
    assert api.call("POST", SELF, None, bearer="oauth-read").status_code == 403
    assert api.call("POST", SELF, None, headers={"Deploy-Token": org.DEPLOY_TOKEN}).status_code == 401
    assert api.call("POST", SELF, None, headers={"JOB-TOKEN": org.JOB_TOKEN}).status_code == 401


def test_35_delete_own(api: GitLab) -> None:
    token = api.personal(name="short-lived")
    answer = api.delete(f"{PATH}/{token['id']}", org.USER_TOKEN)
    assert (answer.status_code, answer.content) == (204, b"")
    listed = {item["id"]: item for item in api.get(PATH, org.USER_TOKEN).json()}
    assert listed[token["id"]]["revoked"]
    assert not listed[token["id"]]["active"]


def test_36_delete_what_is_not_ones_own(api: GitLab) -> None:
    refusal = {"message": "400 Bad request - Not permitted to revoke"}
    other, own = api.named("laptop")["id"], api.named("support")["id"]
    for token_id in (other, own):
        answer = api.delete(f"{PATH}/{token_id}", org.USER_TOKEN)
        assert (answer.status_code, answer.json()) == (400, refusal)
        assert api.delete(f"{PATH}/{token_id}").status_code == 204
    answer = api.delete(f"{PATH}/999999", org.USER_TOKEN)
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Not found"})


def test_37_an_administrators_small_scope_does_not_do(api: GitLab) -> None:
    secret = api.fresh(f"/users/{api.user(org.ROOT)}/personal_access_tokens", scopes=["read_repository"])["token"]
    victim = api.personal()
    assert api.delete(f"{PATH}/{victim['id']}", secret).status_code == 403
    assert api.works(victim["token"])


@pytest.mark.parametrize("scope", ["api", "read_repository", "k8s_proxy"])
def test_38_delete_self(api: GitLab, scope: str) -> None:
    secret = api.personal(scopes=[scope])["token"]
    assert api.delete(f"{PATH}/self", secret).status_code == 204
    assert api.delete(f"{PATH}/self", secret).json() == REVOKED


def test_38_delete_self_of_impersonation_tokens(api: GitLab) -> None:
    assert api.delete(f"{PATH}/self", org.IMPERSONATION_TOKEN).status_code == 400
    assert api.works(org.IMPERSONATION_TOKEN)
    secret = api.fresh(f"/users/{api.user(org.ROOT)}/impersonation_tokens")["token"]
    assert api.delete(f"{PATH}/self", secret).status_code == 204
