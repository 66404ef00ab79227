# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making personal and impersonation tokens: the numbered assertions 39 to 50."""

from __future__ import annotations

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import FORBIDDEN, UNAUTHORIZED, GitLab

OWN = "/user/personal_access_tokens"
GRANT = {"access": "selected_memberships", "permissions": ["read_job"]}


def path_of(api: GitLab, user: str = org.USER, kind: str = "personal_access") -> str:
    """Where a user's tokens are made."""
    return f"/users/{api.user(user)}/{kind}_tokens"


def test_39_create_for_a_user(api: GitLab) -> None:
    wish = {"name": "ci", "description": "why", "scopes": ["read_user", "api"], "expires_at": api.day(10)}
    answer = api.post(path_of(api), **wish)
    assert answer.status_code == 201
    token = answer.json()
    assert {key: token[key] for key in wish} == wish
    assert token["active"]
    assert not token["revoked"]
    assert api.works(token["token"])
    assert token["token"].startswith("glpat-")


def test_39_scopes_may_be_one_text(api: GitLab) -> None:
    assert api.personal(scopes="api,read_user")["scopes"] == ["api", "read_user"]
    assert api.personal(scopes=["api,read_user", "sudo"])["scopes"] == ["api", "read_user", "sudo"]
    answer = api.call("POST", path_of(api), data={"name": "form", "scopes[]": ["api", "sudo"]})
    assert answer.json()["scopes"] == ["api", "sudo"]


def test_40_create_without_parameters(api: GitLab) -> None:
    answer = api.post(path_of(api))
    assert (answer.status_code, answer.json()) == (400, {"error": "name is missing, scopes is missing"})
    answer = api.post(path_of(api), name="n", scopes=["nonsense"])
    assert (answer.status_code, answer.json()) == (400, {"error": "scopes does not have a valid value"})


def test_41_create_by_or_for_the_wrong_one(api: GitLab) -> None:
    wish = {"name": "n", "scopes": ["api"]}
    answer = api.post("/users/999999/personal_access_tokens", **wish)
    assert (answer.status_code, answer.json()) == (404, {"message": "404 User Not Found"})
    answer = api.post(path_of(api), None, **wish)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    # The body is bad, too, but nobody looks at it.
    answer = api.post(path_of(api), org.USER_TOKEN)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)


def test_42_the_model_refuses(api: GitLab) -> None:
    answer = api.post(path_of(api), name="n", scopes=[])
    assert (answer.status_code, answer.json()) == (422, {"message": "Scopes can't be blank"})
    answer = api.post(path_of(api), name="n", scopes=["api"], expires_at=api.day(366))
    assert answer.json() == {"message": f"Expiration date must be before {api.day(365)}"}
    answer = api.post(path_of(api), name="", scopes=[], description="x" * 256)
    sentence = "Name can't be blank, Scopes can't be blank, and Description is too long (maximum is 255 characters)"
    assert (answer.status_code, answer.json()) == (422, {"message": sentence})


@pytest.mark.parametrize("scopes", [["k8s_proxy"], ["self_rotate"], ["k8s_proxy", "self_rotate"]])
def test_43_create_own(api: GitLab, scopes: list[str]) -> None:
    assert api.fresh(OWN, org.USER_TOKEN, scopes=scopes)["user_id"] == api.user(org.USER)


@pytest.mark.parametrize("scopes", [["api"], ["k8s_proxy", "api"]])
def test_43_create_own_with_more(api: GitLab, scopes: list[str]) -> None:
    answer = api.post(OWN, org.USER_TOKEN, name="n", scopes=scopes)
    assert (answer.status_code, answer.json()) == (400, {"error": "scopes does not have a valid value"})


def test_43_create_own_with_nothing(api: GitLab) -> None:
    answer = api.post(OWN, org.USER_TOKEN, name="n", scopes=[])
    assert (answer.status_code, answer.json()) == (422, {"message": "Scopes can't be blank"})


def test_44_exactly_one_kind_of_scopes(api: GitLab) -> None:
    answer = api.post(OWN, org.USER_TOKEN)
    rule = "scopes, granular_scopes are missing, exactly one parameter must be provided"
    assert (answer.status_code, answer.json()) == (400, {"error": f"name is missing, {rule}"})
    answer = api.post(OWN, org.USER_TOKEN, name="n", scopes=["k8s_proxy"], granular_scopes=[GRANT])
    assert (answer.status_code, answer.json()) == (400, {"error": "scopes, granular_scopes are mutually exclusive"})


def test_45_scope_and_date(api: GitLab) -> None:
    assert api.post(OWN, org.USER_READ_TOKEN, name="n", scopes=["k8s_proxy"]).status_code == 403
    token = api.fresh(OWN, org.USER_TOKEN, scopes=["k8s_proxy"], expires_at=api.day(-3))
    assert not token["active"]
    assert token["expired"]


def test_46_granular_scopes(api: GitLab) -> None:
    answer = api.post(OWN, org.USER_TOKEN, name="n", granular_scopes=[])
    assert (answer.status_code, answer.json()) == (422, {"message": "At least one granular scope must be provided"})
    foreign = GRANT | {"project_ids": [api.project(org.FOREIGN_PROJECT)]}
    assert api.post(OWN, org.MAINTAINER_TOKEN, name="n", granular_scopes=[foreign]).status_code == 404


def test_46_a_granular_token_makes_no_wider_one(api: GitLab) -> None:
    own = GRANT | {"permissions": ["create_personal_access_token"], "project_ids": [api.project()]}
    token = api.post(OWN, org.MAINTAINER_TOKEN, name="narrow", granular_scopes=[own]).json()
    assert token["granular"]
    assert token["granular_scopes"][0]["project_id"] == api.project()
    answer = api.post(OWN, token["token"], name="wide", granular_scopes=[GRANT])
    sentence = "A granular token can only create tokens with equal or lesser permissions."
    assert (answer.status_code, answer.json()) == (403, {"message": sentence})
    assert api.post(OWN, token["token"], name="same", granular_scopes=[own]).status_code == 201
    answer = api.get("/personal_access_tokens", token["token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_granular_scope")
    assert "[read_personal_access_token]" in answer.json()["error_description"]


def test_47_impersonation_list(api: GitLab) -> None:
    path = path_of(api, kind="impersonation")
    dead = api.impersonation(name="dead", expires_at="2016-12-28")["id"]
    assert api.names(path) == ["support", "dead"] == api.names(path, state="all")
    active = api.get(path, state="active").json()
    assert [(token["name"], token["active"], token["impersonation"]) for token in active] == [("support", True, True)]
    assert [token["id"] for token in api.get(path, state="inactive").json()] == [dead]
    answer = api.get("/users/999999/impersonation_tokens")
    assert (answer.status_code, answer.json()) == (404, {"message": "404 User Not Found"})
    for where in (path, "/users/999999/impersonation_tokens"):
        answer = api.get(where, org.USER_TOKEN)
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)


def test_48_impersonation_create(api: GitLab) -> None:
    path = path_of(api, kind="impersonation")
    answer = api.post(path, scopes=["api"])
    assert (answer.status_code, answer.json()) == (400, {"error": "name is missing"})
    token = api.impersonation(expires_at="2016-12-28")
    assert (token["active"], token["impersonation"]) == (False, True)


def test_48_the_impersonation_model_speaks_by_attribute(api: GitLab) -> None:
    path = path_of(api, kind="impersonation")
    answer = api.post(path, name="n", scopes=["api"])
    assert (answer.status_code, answer.json()) == (400, {"message": {"expires_at": ["can't be blank"]}})
    answer = api.post(path, name="n", expires_at=api.day(3))
    assert (answer.status_code, answer.json()) == (400, {"message": {"scopes": ["can't be blank"]}})
    answer = api.post(path, name="n", scopes=["nonsense"], expires_at=api.day(3))
    assert answer.json() == {"message": {"scopes": ["can only contain available scopes"]}}


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_49_a_personal_token_is_no_impersonation_token(api: GitLab, verb: str) -> None:
    answer = api.call(verb, f"{path_of(api, kind='impersonation')}/{api.named('shell')['id']}")
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Impersonation Token Not Found"})
    assert api.works(org.USER_TOKEN)


def test_50_impersonation_tokens_are_in_no_own_list(api: GitLab) -> None:
    api.impersonation(name="hidden")
    assert "hidden" not in api.names("/personal_access_tokens", org.USER_TOKEN)
    assert "hidden" not in api.names("/personal_access_tokens", user_id=api.user(org.ROOT))
    assert "hidden" in api.names("/personal_access_tokens")


def test_50_impersonation_revoke(api: GitLab) -> None:
    path = f"{path_of(api, kind='impersonation')}/{api.named('support')['id']}"
    early = {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
    answer = api.delete(path, headers=early)
    assert (answer.status_code, answer.json()) == (412, {"message": "412 Precondition Failed"})
    assert api.get(path).json()["active"]
    assert api.delete(path, headers={"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}).status_code == 204
    assert api.get(path).json()["revoked"]
