# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials, administrators, the state of the instance, and what is no endpoint at all."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in.launch import start
from stand_in_tests.gitlab.client import EXPIRED, FORBIDDEN, PROJECT, REVOKED, UNAUTHORIZED, GitLab

LIST = "/personal_access_tokens"


def settings(api: GitLab, **values: Any) -> None:
    """Change application settings without going through the API."""
    api.server.seed({"settings": values})


def test_where_a_secret_may_stand(api: GitLab) -> None:
    assert api.call("GET", "/user", None, bearer=org.USER_TOKEN).json()["username"] == org.USER
    assert api.get("/user", None, private_token=org.USER_TOKEN).json()["username"] == org.USER
    assert api.call("GET", "/user", None, bearer=org.OAUTH_TOKEN).json()["username"] == org.USER
    assert api.call("GET", "/user", org.OAUTH_TOKEN).status_code == 401
    assert api.call("GET", "/user", None, basic=("sam", org.USER_TOKEN)).status_code == 401


@pytest.mark.parametrize(("secret", "body"), [(org.EXPIRED_TOKEN, EXPIRED), (org.REVOKED_TOKEN, REVOKED)])
def test_dead_tokens_say_so(api: GitLab, secret: str, body: dict[str, str]) -> None:
    answer = api.get(LIST, secret)
    assert (answer.status_code, answer.json()) == (401, body)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Protected by OAuth 2.0"')


def test_unknown_tokens_do_not(api: GitLab) -> None:
    answer = api.get(LIST, "glpat-unknown00000000000000")
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_impersonation_can_be_off(api: GitLab) -> None:
    assert api.get("/user", org.IMPERSONATION_TOKEN).json()["username"] == org.USER
    api.server.switch(impersonation_enabled=False)
    answer = api.get("/user", org.IMPERSONATION_TOKEN)
    text = "Token is an impersonation token but impersonation was disabled."
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token", "error_description": text})


def test_blocked_users(api: GitLab) -> None:
    made = api.server.seed(
        {"users": [{"username": "gone", "state": "blocked"}], "tokens": [{"user": "gone", "name": "n"}]}
    )
    assert api.get("/user", made["tokens"][0]["secret"]).status_code == 403


def test_admin_mode_narrows_without_a_word(api: GitLab) -> None:
    settings(api, admin_mode=True)
    assert len(api.names(LIST, org.ROOT_TOKEN)) == 18
    assert api.names(LIST, org.ROOT_API_TOKEN) == ["root", "root-api", "root-read"]
    assert api.get("/user", org.ROOT_TOKEN).json()["is_admin"] is True
    # It does not say so where one would look (source: lib/api/users.rb asks for the column, not for the permission).
    assert api.get("/user", org.ROOT_API_TOKEN).json()["is_admin"] is True
    answer = api.get("/application/settings", org.ROOT_API_TOKEN)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    settings(api, admin_mode=False)
    assert len(api.names(LIST, org.ROOT_API_TOKEN)) == 18


def test_is_admin_is_for_administrators(api: GitLab) -> None:
    assert "is_admin" not in api.get("/user", org.USER_TOKEN).json()
    other = api.get(f"/users/{api.user(org.USER)}").json()
    assert other["is_admin"] is False
    assert "email" not in api.get(f"/users/{api.user(org.USER)}", org.MAINTAINER_TOKEN).json()


@pytest.mark.parametrize("who", [org.USER, "id"])
def test_sudo(api: GitLab, who: str) -> None:
    name = str(api.user(org.USER)) if who == "id" else who
    answer = api.call("GET", "/user", org.ROOT_TOKEN, headers={"Sudo": name})
    assert answer.json()["username"] == org.USER


def test_sudo_refusals(api: GitLab) -> None:
    def sudo(token: str, name: str) -> Any:
        return api.call("GET", "/user", token, headers={"Sudo": name})

    answer = sudo(org.USER_TOKEN, org.ROOT)
    assert (answer.status_code, answer.json()) == (403, {"message": "403 Forbidden - Must be admin to use sudo"})
    answer = sudo(org.ROOT_API_TOKEN, org.USER)
    assert (answer.status_code, answer.json()["error"], answer.json()["scope"]) == (403, "insufficient_scope", "sudo")
    answer = sudo(org.ROOT_TOKEN, "123")
    text = "404 User with ID or username '123' Not Found"
    assert (answer.status_code, answer.json()) == (404, {"message": text})


def test_disabled_personal_tokens_lock_everybody_out(api: GitLab) -> None:
    settings(api, disable_personal_access_tokens=True)
    assert api.get("/user").status_code == 200, "it takes a licence"
    api.server.switch(licence="premium")
    for secret in (org.ROOT_TOKEN, org.PROJECT_TOKEN, org.BUILD_BOT_TOKEN):
        answer = api.get("/user", secret)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_proof_of_possession(api: GitLab) -> None:
    api.server.switch(dpop_required=True)
    answer = api.get("/user", org.USER_TOKEN)
    assert (answer.status_code, answer.json()["error"]) == (401, "dpop_error")
    assert api.get("/user", org.BUILD_BOT_TOKEN).status_code == 200


def test_writes_take_the_scope_api(api: GitLab) -> None:
    answer = api.post(PROJECT, org.USER_READ_TOKEN)
    assert (answer.status_code, answer.json()["scope"]) == (403, "api")
    assert api.get("/user", org.USER_REPOSITORY_TOKEN).status_code == 403


def test_what_is_no_endpoint(api: GitLab) -> None:
    answer = api.get("/nonsense")
    assert (answer.status_code, answer.json()) == (404, {"error": "404 Not Found"})
    answer = api.call("PUT", f"{LIST}/1", json={})
    assert (answer.status_code, answer.json()) == (405, {"error": "405 Not Allowed"})
    assert "DELETE" in answer.headers["Allow"]
    answer = api.send("GET", "/api/v3/projects")
    assert (answer.status_code, answer.json()) == (
        410,
        {"error": "API V3 is no longer supported. Use API V4 instead."},
    )
    answer = api.send("GET", "/users/sign_in")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("token", [None, org.EXPIRED_TOKEN, org.ROOT_TOKEN])
def test_the_inventory_of_gitlab_com_is_not_there(api: GitLab, token: str | None) -> None:
    answer = api.get("/groups/platform/manage/personal_access_tokens", token)
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Not Found"})


def test_bodies_that_cannot_be_read(api: GitLab) -> None:
    path = f"/users/{api.user(org.USER)}/personal_access_tokens"
    answer = api.call("POST", path, data="{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"error": "message body does not match declared format"})
    answer = api.call("POST", path, data="x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_ids_that_are_no_numbers(api: GitLab) -> None:
    answer = api.get(f"{LIST}/abc")
    assert (answer.status_code, answer.json()) == (400, {"error": "id is invalid"})
    assert api.get("/users/abc").json() == {"error": "id is invalid"}
    api.server.switch(bad_token_id="not_found")
    assert api.get(f"{LIST}/abc").status_code == 404
    api.server.switch(bad_token_id="by_version", version="18.0")
    assert api.get(f"{LIST}/abc").status_code == 404
    assert api.get("/users/abc").status_code == 400


def test_maintenance(api: GitLab) -> None:
    api.server.switch(maintenance_mode=True)
    answer = api.post(f"{LIST}/1/rotate")
    text = "GitLab Maintenance: system is in maintenance mode"
    assert (answer.status_code, answer.json()) == (503, {"message": text})
    assert "Retry-After" not in answer.headers
    assert api.get(LIST).status_code == 200
    assert api.call("PUT", "/application/settings", json={"admin_mode": False}).status_code == 200
    api.server.switch(maintenance_retry_after=9)
    assert api.post(f"{LIST}/1/rotate").headers["Retry-After"] == "9"


def test_read_only(api: GitLab) -> None:
    api.server.switch(read_only="database")
    text = "You cannot perform write operations on a read-only instance"
    answer = api.post(f"{LIST}/1/rotate")
    assert (answer.status_code, answer.json()) == (403, {"message": text})
    assert api.call("POST", f"{LIST}/1/rotate", data={"x": "y"}).status_code == 301
    assert api.get(LIST).status_code == 200
    api.server.switch(read_only="organization_503")
    answer = api.post(f"{LIST}/1/rotate")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    api.server.switch(read_only="organization_403")
    assert api.post(f"{LIST}/1/rotate").status_code == 403


def test_moved_projects(api: GitLab) -> None:
    old = "/projects/legacy%2Fapp/access_tokens"
    answer = api.get(old, org.MAINTAINER_TOKEN, state="active")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{api.url}/api/v4/projects/{api.project()}/access_tokens?state=active"
    followed = api.send(
        "GET", answer.headers["Location"].removeprefix(api.url), headers={"PRIVATE-TOKEN": org.MAINTAINER_TOKEN}
    )
    assert [token["name"] for token in followed.json()] == ["deploy"]
    answer = api.post(old, name="n", scopes=["api"])
    assert (answer.status_code, answer.json()) == (
        405,
        {"message": "Non GET methods are not allowed for moved projects"},
    )
    assert api.get(old, org.USER_TOKEN).json() == {"message": "404 Project Not Found"}
    api.server.switch(version="16.3")
    assert api.get(old, org.MAINTAINER_TOKEN).status_code == 404


def test_a_path_of_its_own(api: GitLab) -> None:
    api.server.switch(relative_url_root="/gitlab")
    assert api.get("/user").status_code == 404
    answer = api.send("GET", "/gitlab/api/v4/user", headers={"PRIVATE-TOKEN": org.USER_TOKEN})
    assert answer.json()["web_url"] == f"{api.url}/gitlab/sam"
    answer = api.send("GET", "/gitlab/api/v4/personal_access_tokens", headers={"PRIVATE-TOKEN": org.USER_TOKEN})
    assert answer.links["first"]["url"].startswith(f"{api.url}/gitlab/api/v4/")


def test_too_many_requests(api: GitLab) -> None:
    api.server.rate_limit(0.5, 1)
    assert api.get("/user").status_code == 200
    answer = api.get("/user")
    assert (answer.status_code, answer.text) == (429, "Retry later\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Retry-After"] == "2"
    for name in ("Name", "Limit", "Observed", "Remaining", "Reset", "ResetTime"):
        assert answer.headers[f"RateLimit-{name}"]
    api.server.rate_limit()
    settings(api, rate_limiting_response_text="Slow down")
    assert "RateLimit-Limit" not in api.get("/user").headers
    api.server.switch(rate_limit_headers="always")
    assert "RateLimit-Limit" in api.get("/user").headers


def test_everything_survives_a_kill(tmp_path: Any) -> None:
    data = tmp_path / "gitlab.sqlite"
    with start("gitlab", data=data) as first:
        api = GitLab(first)
        secret = api.personal(name="kept")["token"]
        rows = first.state()["tokens"]
        assert first.kill() == -9
    with start("gitlab", data=data) as second:
        assert second.state()["tokens"] == rows
        assert GitLab(second).get(f"{LIST}/self", secret).json()["name"] == "kept"
        assert secret in second.secrets()
