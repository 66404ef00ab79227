# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds the token resources: logging in, CAPTCHA, users, projects, context path, seeds, faults, restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from stand_in import launch
from stand_in.bitbucket import fixtures as org
from stand_in.bitbucket.secret_format import made_up_secret
from stand_in_tests.bitbucket.client import ALICE, PROJECT, REPO, TOKENS, WHOAMI, Bitbucket, error_of
from stand_in_tests.http_client import session_of_its_own

CAPTCHA = "com.atlassian.bitbucket.auth.CaptchaRequiredAuthenticationException"


# -- logging in


def test_a_login_session_creates_tokens_where_basic_is_off(api: Bitbucket) -> None:
    api.server.switch(basic_auth_enabled=False)
    session, answer = api.log_in(org.ALICE, org.ALICE_PASSWORD)
    assert answer.status_code == 200
    made = api.call("PUT", ALICE, session=session, json={"name": "n", "permissions": ["REPO_READ"]})
    assert made.status_code == 200
    assert made.headers["X-AUSERNAME"] == org.ALICE
    api.get("/j_atl_security_logout", session=session)
    assert api.get(ALICE, session=session).status_code == 401


def test_the_older_login_form(api: Bitbucket) -> None:
    session = session_of_its_own()
    form = {"j_username": org.ALICE, "j_password": org.ALICE_PASSWORD}
    answer = api.send("POST", "/j_atl_security_check", session=session, data=form)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")
    assert api.get(WHOAMI, session=session).headers["X-AUSERNAME"] == org.ALICE
    other = session_of_its_own()
    wrong = api.send("POST", "/j_atl_security_check", session=other, data=form | {"j_password": "wrong password"})
    assert "auth_failed" in wrong.headers["Location"]
    assert "X-AUSERNAME" not in api.get(WHOAMI, session=other).headers
    logged = [entry["body"] for entry in api.server.requests() if entry["path"] == "/j_atl_security_check"]
    assert all(org.ALICE_PASSWORD not in body and "wrong password" not in body for body in logged)


@pytest.mark.parametrize("name", [org.ALICE, "nobody"])
def test_a_login_with_a_wrong_password(api: Bitbucket, name: str) -> None:
    session, answer = api.log_in(name, "wrong password")
    assert answer.status_code == 401
    assert "X-AUSERNAME" not in api.get(WHOAMI, session=session).headers
    api.server.switch(failed_login_status="200")
    session, answer = api.log_in(name, "wrong password")
    assert answer.status_code == 200
    assert "X-AUSERNAME" not in api.get(WHOAMI, session=session).headers


def test_a_login_without_a_licence(api: Bitbucket) -> None:
    _session, answer = api.log_in(org.DORA, org.DORA_PASSWORD)
    assert answer.status_code == 401
    assert "NoAccess" in error_of(answer)["exceptionName"]


def test_login_forms_can_be_missing(api: Bitbucket) -> None:
    form = {"j_username": org.ALICE, "j_password": org.ALICE_PASSWORD}
    api.server.switch(session_login="legacy")
    assert api.log_in(org.ALICE, org.ALICE_PASSWORD)[1].status_code == 404
    assert api.send("POST", "/j_atl_security_check", data=form).status_code == 302
    api.server.switch(session_login="tsv")
    assert api.log_in(org.ALICE, org.ALICE_PASSWORD)[1].status_code == 200
    assert api.send("POST", "/j_atl_security_check", data=form).status_code == 404
    api.server.switch(session_login="none")
    assert api.log_in(org.ALICE, org.ALICE_PASSWORD)[1].status_code == 404


def test_failed_logins_lead_to_a_captcha(api: Bitbucket) -> None:
    api.server.switch(captcha_after=2)
    for _unused in range(2):
        assert api.get(WHOAMI, basic=(org.ALICE, "wrong")).status_code == 401
    answer = api.get(WHOAMI, org.ALICE)
    assert answer.status_code == 403
    assert error_of(answer)["exceptionName"] == CAPTCHA
    assert "X-Authentication-Denied-Reason" not in answer.headers
    # A token as bearer is not a login.
    assert api.get(WHOAMI, bearer=org.ALICE_SECRET).headers["X-AUSERNAME"] == org.ALICE
    api.server.switch(captcha_header=True)
    assert "CAPTCHA_CHALLENGE" in api.get(WHOAMI, org.ALICE).headers["X-Authentication-Denied-Reason"]
    api.server.switch(captcha_cleared_by="nothing")
    assert api.log_in(org.ALICE, org.ALICE_PASSWORD)[1].status_code == 403
    api.server.switch(captcha_cleared_by="session_login")
    assert api.log_in(org.ALICE, org.ALICE_PASSWORD)[1].status_code == 200
    assert api.get(WHOAMI, org.ALICE).status_code == 200


def test_a_good_login_forgives_the_failed_ones(api: Bitbucket) -> None:
    api.server.switch(captcha_after=2)
    for password in ("wrong", org.ALICE_PASSWORD, "wrong", org.ALICE_PASSWORD):
        api.get(WHOAMI, basic=(org.ALICE, password))
    assert api.get(WHOAMI, org.ALICE).status_code == 200


def test_tokens_as_passwords_outside_rest_lock_the_account(api: Bitbucket) -> None:
    api.server.switch(captcha_after=2)
    page = "/plugins/servlet/applinks/whoami"
    for status in (401, 401, 403):
        assert api.get(page, basic=(org.ALICE, org.ALICE_SECRET)).status_code == status


# -- who am I


def test_who_am_i(api: Bitbucket) -> None:
    page = "/plugins/servlet/applinks/whoami"
    assert api.get(page, org.ALICE).text == org.ALICE
    assert (api.get(page, None).status_code, api.get(page, None).text) == (200, "")
    assert api.get(page, bearer=org.ALICE_SECRET).status_code == 302
    api.server.switch(tokens_outside_rest="accept")
    answer = api.get(page, bearer=org.ALICE_SECRET)
    assert (answer.text, answer.headers["X-AUSERNAME"]) == (org.ALICE, org.ALICE)


def test_identity_headers(api: Bitbucket) -> None:
    answer = api.get(WHOAMI, org.CI_BOT)
    assert answer.headers["X-AUSERNAME"] == "ci.bot%40example.com"
    assert all(name in answer.headers for name in ("X-AREQUESTID", "X-ASESSIONID", "X-ASEN", "X-AUSERID"))
    assert answer.headers["Vary"] == "X-AUSERNAME,Accept-Encoding"
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    name = api.get(WHOAMI, bearer=org.PROJECT_SECRET).headers["X-AUSERNAME"]
    assert name
    assert name not in {user["name"] for user in api.get("/rest/api/1.0/users?limit=1000").json()["values"]}


def test_pages_outside_rest(api: Bitbucket) -> None:
    def raw(project: str, repo: str) -> str:
        return f"/projects/{project}/repos/{repo}/raw/f"

    assert api.get(raw(org.PUBLIC_PROJECT, org.PUBLIC_REPO), None).status_code == 200
    assert api.get(raw(org.PROJECT, org.REPO), None).headers["Location"].startswith("/login")
    assert api.get(raw(org.PROJECT, org.SECOND_REPO), org.CAROL).status_code == 403
    assert api.get(raw(org.PROJECT, "nope")).status_code == 404
    assert api.get("/dashboard").status_code == 200
    assert api.get("/dashboard", None).headers["Location"].startswith("/login")
    assert api.get("/dashboard", bearer=org.ALICE_SECRET).headers["Location"].startswith("/login")
    assert api.get("/dashboard", basic=(org.ALICE, "wrong")).status_code == 401
    assert api.get("/nothing").headers["Content-Type"].startswith("text/html")


def test_what_is_left_of_a_user_who_was_switched_off(api: Bitbucket) -> None:
    session, _answer = api.log_in(org.ALICE, org.ALICE_PASSWORD)
    api.server.seed({"users": [{"name": org.ALICE, "active": False}]})
    assert "X-AUSERNAME" not in api.get(WHOAMI, bearer=org.ALICE_SECRET).headers
    assert "X-AUSERNAME" not in api.get(WHOAMI, session=session).headers
    assert api.get(WHOAMI, basic=(org.ALICE, org.ALICE_SECRET)).status_code == 401
    assert api.get(WHOAMI).status_code == 401
    assert org.ALICE_TOKEN in [token["id"] for token in api.listed(ALICE, org.ADMIN)]


def test_a_token_never_exceeds_its_user(api: Bitbucket) -> None:
    secret = api.create(permissions=["PROJECT_ADMIN"])["token"]
    grants = f"/rest/api/latest/projects/{org.PROJECT}/permissions/users"
    assert api.get(grants, bearer=secret).status_code == 200
    assert (
        api.call("PUT", grants, org.ADMIN, params={"name": org.ALICE, "permission": "PROJECT_READ"}).status_code == 204
    )
    assert api.get(grants, bearer=secret).status_code == 401
    assert api.get(f"/rest/api/latest/projects/{org.PROJECT}", bearer=secret).status_code == 200


def test_credentials_that_make_no_sense(api: Bitbucket) -> None:
    assert api.get(WHOAMI, None, headers={"Authorization": "Basic !"}).status_code == 401
    assert api.get(WHOAMI, None, headers={"Authorization": "Digest x"}).status_code == 200


# -- users, projects, repositories


def test_users_can_be_searched_and_paged(api: Bitbucket) -> None:
    found = api.get("/rest/api/latest/users", params={"filter": "CI.BOT"}).json()["values"]
    assert [(user["name"], user["slug"]) for user in found] == [(org.CI_BOT, org.CI_BOT_SLUG)]
    assert api.get("/rest/api/latest/users?filter=100%25").json()["values"] == []
    first = api.get("/rest/api/1.0/users").json()
    assert (first["size"], first["isLastPage"]) == (25, False)
    rest = api.get("/rest/api/1.0/users", params={"start": first["nextPageStart"]}).json()
    assert rest["isLastPage"]
    assert first["size"] + rest["size"] == 7 + org.CROWD
    assert api.get("/rest/api/1.0/users?limit=x").status_code == 400


def test_a_user_is_found_by_slug_not_by_name(api: Bitbucket) -> None:
    assert api.get(f"/rest/api/latest/users/{org.CI_BOT_SLUG}").json()["emailAddress"] == org.CI_BOT
    assert api.get(f"/rest/api/latest/users/{org.CI_BOT}").status_code == 404
    assert api.get(f"{TOKENS}/users/{org.CI_BOT_SLUG}", org.CI_BOT).json()["size"] == 1
    assert api.get(f"/rest/api/latest/users/{org.ALICE}", None).status_code == 401


def test_projects_are_shown_to_whom_they_concern(api: Bitbucket) -> None:
    def keys(**credential: object) -> list[str]:
        page = api.get("/rest/api/latest/projects", **credential).json()
        return sorted(project["key"] for project in page["values"])

    assert keys(who=org.ADMIN) == ["OPS", "PAY", "PUB"]
    assert keys(who=org.ALICE) == keys(who=org.CAROL) == ["PAY", "PUB"]
    assert keys(who=None) == ["PUB"]
    assert keys(bearer=org.REPO_SECRET) == ["PAY", "PUB"]
    assert api.get(f"/rest/api/latest/projects/{org.HIDDEN_PROJECT}").status_code == 401
    assert api.get("/rest/api/latest/projects/NOPE").status_code == 404
    assert api.get("/rest/api/latest/projects?name=pay").json()["size"] == 1


def test_repositories(api: Bitbucket) -> None:
    repos = api.get(f"/rest/api/1.0/projects/{org.PROJECT}/repos").json()["values"]
    assert [repo["slug"] for repo in repos] == [org.REPO, org.SECOND_REPO]
    carols = api.get(f"/rest/api/1.0/projects/{org.PROJECT}/repos", org.CAROL).json()["values"]
    assert [repo["slug"] for repo in carols] == [org.REPO]
    repo = api.get(f"/rest/api/1.0/projects/{org.PROJECT}/repos/{org.REPO}").json()
    assert repo["project"]["key"] == org.PROJECT
    assert api.get(f"/rest/api/1.0/projects/{org.PROJECT}/repos/nope").status_code == 404


@pytest.mark.parametrize("key", ["~alice", "%7Ealice", "~ALICE"])
def test_personal_projects(api: Bitbucket, key: str) -> None:
    project = api.get(f"/rest/api/latest/projects/{key}").json()
    assert (project["type"], project["owner"]["slug"]) == ("PERSONAL", org.ALICE)
    made = api.create(f"{TOKENS}/projects/{key}", permissions=["PROJECT_READ"])
    assert made["id"] in [token["id"] for token in api.listed(f"{TOKENS}/projects/{org.PERSONAL_PROJECT}")]
    assert api.get(f"{TOKENS}/projects/{key}", org.BOB).status_code == 401
    api.create(f"{TOKENS}/projects/{key}/repos/{org.PERSONAL_REPO}")


def test_making_projects_and_repositories(api: Bitbucket) -> None:
    projects = "/rest/api/latest/projects"
    assert api.call("POST", projects, org.ALICE, json={"key": "NEW", "name": "New"}).status_code == 401
    assert api.call("POST", projects, org.ADMIN, json={"name": "New"}).status_code == 400
    assert api.call("POST", projects, org.ADMIN, json={"key": "new", "name": "New"}).json()["key"] == "NEW"
    repos = f"{projects}/{org.PROJECT}/repos"
    assert api.call("POST", repos, json={"name": "Big Thing"}).json()["slug"] == "big-thing"
    assert api.call("POST", repos, json={"name": "Big Thing"}).status_code == 409
    assert api.call("POST", repos, json={}).status_code == 400
    assert api.call("POST", repos, org.BOB, json={"name": "x"}).status_code == 401
    grants = f"{repos}/big-thing/permissions/users"
    assert api.call("PUT", grants, params={"name": org.BOB, "permission": "PROJECT_READ"}).status_code == 400
    assert api.call("PUT", grants, params={"name": "nobody", "permission": "REPO_READ"}).status_code == 404


def test_a_repository_called_like_an_id_is_no_token(api: Bitbucket) -> None:
    api.server.seed({"projects": [{"key": org.PROJECT, "repos": [{"slug": org.PROJECT_TOKEN}]}]})
    assert api.get(f"{PROJECT}/repos/{org.PROJECT_TOKEN}").json()["values"] == []
    assert api.get(f"{PROJECT}/{org.PROJECT_TOKEN}").json()["name"] == "release"


# -- transport


def test_the_numbered_version_is_the_same(api: Bitbucket) -> None:
    assert api.get(ALICE.replace("latest", "1.0")).json() == api.get(ALICE).json()


def test_a_trailing_slash_makes_no_difference(api: Bitbucket) -> None:
    assert api.get(f"{ALICE}/").json() == api.get(ALICE).json()


def test_context_path(api: Bitbucket) -> None:
    api.server.switch(context_path="/bitbucket")
    assert api.get(f"/bitbucket{ALICE}").status_code == 200
    outside = api.get(ALICE)
    assert outside.status_code == 404
    assert "errors" not in outside.text
    session = session_of_its_own()
    api.send("GET", "/bitbucket/login", session=session)
    form = {"username": org.ALICE, "password": org.ALICE_PASSWORD}
    assert api.send("POST", "/bitbucket/rest/tsv/1.0/authenticate", session=session, json=form).status_code == 200
    assert api.get(f"/bitbucket{ALICE}", session=session).status_code == 200
    assert all(cookie.path == "/bitbucket" for cookie in session.cookies)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Accept": "text/csv"}, 406), ({"Content-Type": "text/plain"}, 415), ({"Content-Type": "application/json"}, 400)],
)
def test_content_negotiation(api: Bitbucket, headers: dict[str, str], status: int) -> None:
    answer = api.call("PUT", ALICE, data="{not json", headers=headers)
    assert answer.status_code == status
    assert status != 406 or answer.content == b""


def test_a_body_has_to_be_an_object(api: Bitbucket) -> None:
    for body in ([], "n", None):
        assert api.call("PUT", ALICE, json=body).status_code == 400
    assert api.call("PUT", ALICE).status_code == 400


# -- the harness


def test_state_shows_tokens_and_owners(api: Bitbucket) -> None:
    state = api.server.state()
    token = next(token for token in state["tokens"] if token["id"] == org.REPO_TOKEN)
    assert (token["scope"], token["owner"], token["permissions"]) == ("repository", "PAY/api", ["REPO_WRITE"])
    assert token["expires_at"] is None
    owners = {(owner["scope"], owner["owner"]) for owner in state["owners"]}
    assert {("project", "PAY"), ("project", "~alice"), ("repository", "PAY/api"), ("user", org.CI_BOT_SLUG)} <= owners
    expired = next(token for token in state["tokens"] if token["id"] == org.ALICE_EXPIRED_TOKEN)
    assert expired["expired"]
    assert not any(secret in str(state) for secret in api.server.secrets())


def test_every_secret_is_known_to_the_register(api: Bitbucket) -> None:
    made = api.create()
    api.log_in(org.ALICE, org.ALICE_PASSWORD)
    known = set(api.server.secrets())
    assert {made["token"], org.ALICE_SECRET, org.ALICE_PASSWORD, org.ALICE_OAUTH, org.PROJECT_SECRET} <= known
    assert not any(secret in str(api.server.requests()) for secret in known)


def test_seeding(api: Bitbucket) -> None:
    answer = api.server.seed(
        {
            "users": [{"name": "erin@example.com"}, {"name": org.BOB, "licensed": False}],
            "projects": [{"key": "NEW", "users": {"erin@example.com": "PROJECT_ADMIN"}, "repos": [{"slug": "one"}]}],
            "tokens": [
                {"owner": {"repository": "NEW/one"}, "id": "000000000007", "name": "t", "permissions": ["REPO_READ"]},
                {"owner": {"user": org.ALICE}, "name": "gone", "permissions": ["REPO_READ"], "revoked": True},
            ],
        }
    )
    assert set(answer["users"]) == {"erin@example.com", org.BOB}
    assert answer["tokens"][0] == {"id": "000000000007", "secret": made_up_secret("000000000007")}
    assert api.get(WHOAMI, bearer=made_up_secret("000000000007")).headers["X-AUSERNAME"]
    assert answer["tokens"][1]["secret"] in api.server.secrets()
    assert "gone" not in [token["name"] for token in api.listed()]
    assert api.get(WHOAMI, org.BOB).status_code == 401
    assert api.get(f"{TOKENS}/projects/NEW", basic=("erin@example.com", "standin-erin@example.com-password")).ok


@pytest.mark.parametrize(
    "document",
    [
        {"surprise": []},
        {"users": [{"name": "x", "colour": "red"}]},
        {"tokens": [{"owner": {"user": "nobody"}, "name": "n", "permissions": []}]},
        {"tokens": [{"owner": {"user": "alice"}, "id": org.ALICE_TOKEN, "name": "n", "permissions": ["REPO_READ"]}]},
        {"oauth_tokens": [{"user": "nobody", "secret": "x"}]},
    ],
)
def test_a_bad_seed_changes_nothing(api: Bitbucket, document: dict[str, object]) -> None:
    before = api.server.state()
    with pytest.raises(launch.ControlError) as refused:
        api.server.seed({"users": [{"name": "frank"}]} | document)
    assert refused.value.status == 400
    assert api.server.state() == before


def test_bulk_seeding(api: Bitbucket) -> None:
    bulk = {"owner": {"repository": "PAY/api"}, "count": 5000, "name": "t{n}", "expiry_days": 9, "created_days_ago": 1}
    first, last = api.server.seed({"bulk": bulk})["tokens"]
    assert int(last["id"]) - int(first["id"]) == 4999
    assert api.get(WHOAMI, bearer=last["secret"]).headers["X-AUSERNAME"]
    names, start = [], 0
    while start is not None:
        page = api.get(REPO, params={"limit": 1000, "start": start}).json()
        names += [token["name"] for token in page["values"]]
        start = page.get("nextPageStart")
    assert len(names) == len(set(names)) == 5001


@pytest.mark.parametrize("path", [ALICE, PROJECT, REPO])
def test_pages_can_shift_under_a_reader(api: Bitbucket, path: str) -> None:
    owner = {ALICE: {"user": "alice"}, PROJECT: {"project": "PAY"}, REPO: {"repository": "PAY/api"}}[path]
    api.server.seed({"bulk": {"owner": owner, "count": 10}})
    before = [token["id"] for token in api.listed(path)]
    api.server.fault("shift_page", method="GET", path=path)
    assert [token["id"] for token in api.listed(path)] == before[1:]
    api.server.fault("shift_page", method="GET", path=path, by="insert")
    assert [token["id"] for token in api.listed(path)][1:] == before[1:]


def test_a_lost_answer_leaves_a_token_behind(api: Bitbucket) -> None:
    api.server.fault("drop_after", method="PUT", path="/users/alice$")
    with pytest.raises(requests.ConnectionError):
        api.create(name="orphan")
    assert "orphan" in [token["name"] for token in api.listed()]


def test_everything_survives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "bitbucket.sqlite"
    with launch.start("bitbucket", data=data) as first:
        api = Bitbucket(first)
        made = api.create(expiryDays=7)
        session, _answer = api.log_in(org.ALICE, org.ALICE_PASSWORD)
        api.call("PUT", f"{TOKENS}/admin", org.ADMIN, json={"maxExpiryDays": 30})
        first.switch(captcha_after=1)
        first.kill()
    with launch.start("bitbucket", data=data) as second:
        again = Bitbucket(second)
        assert again.get(WHOAMI, bearer=made["token"]).headers["X-AUSERNAME"] == org.ALICE
        assert again.get(WHOAMI, session=session).headers["X-AUSERNAME"] == org.ALICE
        assert second.state()["policy"] == {"max_expiry_days": 30}
        assert second.switches()["captcha_after"] == 1
        assert made["token"] in second.secrets()
        again.get(WHOAMI, basic=(org.ALICE, "wrong"))
        assert again.get(WHOAMI, org.ALICE).status_code == 403
