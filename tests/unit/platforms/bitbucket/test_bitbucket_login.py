# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in: a bearer, a password, a login session, and no more attempts than one with what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    CredentialRefused,
    InvalidOption,
    NotPermitted,
    NotTheApi,
    TokensmithError,
    Unreachable,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.bitbucket import Bitbucket
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.bitbucket.fixtures import (
    ALICE,
    ALICE_EXPIRED_SECRET,
    ALICE_OAUTH,
    ALICE_PASSWORD,
    ALICE_SECRET,
    ALICE_TOKEN,
    DORA,
    PROJECT_SECRET,
    PUBLIC_PROJECT,
)
from unit.platforms.bitbucket.bench import LAPTOP, OF_PROJECT, RELEASE, Bench, as_alice

RESOLVE, LIST = "GET /rest/api/latest/projects/PAY", "GET /projects/PAY"
PAGE, REST, FORM = "GET /login", "POST /rest/tsv/1.0/authenticate", "POST /j_atl_security_check"
WRONG = Secret("not-the-password-of-anybody")


def look(bench: Bench, platform: Bitbucket) -> None:
    """What a run with nothing to do does."""
    bench.apply(RELEASE, run=platform)


@pytest.mark.parametrize("method", ["auto", "basic"])
def test_a_password_costs_no_request_where_basic_authentication_is_on(bench: Bench, method: str) -> None:
    look(bench, bench.platform(auth_method=method))
    assert bench.sent == [RESOLVE, LIST]
    assert {each["headers"]["authorization"] for each in bench.server.requests()} == {"Basic ***"}


@pytest.mark.parametrize(
    ("method", "forms", "first"),
    [
        ("auto", "both", [RESOLVE, PAGE, REST]),
        ("auto", "tsv", [RESOLVE, PAGE, REST]),
        ("auto", "legacy", [RESOLVE, PAGE, REST, FORM]),
        ("session", "both", [PAGE, REST]),
        ("session", "legacy", [PAGE, REST, FORM]),
    ],
)
@pytest.mark.parametrize("path", ["", "/bitbucket"])
def test_a_session_is_opened_once(bench: Bench, method: str, forms: str, first: list[str], path: str) -> None:
    bench.server.switch(basic_auth_enabled=False, session_login=forms, xsrf="always", context_path=path)
    platform = bench.platform(auth_method=method, path=path)
    look(bench, platform)
    assert bench.sent == [line.replace(" ", f" {path}", 1) if path else line for line in [*first, RESOLVE, LIST]]
    assert all("authorization" not in each["headers"] for each in bench.server.requests()[-2:])
    made = bench.apply(run=platform)
    assert (made.action, bench.sent[-1][:3]) == ("create", "PUT")
    assert not any("login" in line or "security" in line for line in bench.sent)


def test_session_is_kept_to_although_basic_authentication_is_on(bench: Bench) -> None:
    look(bench, bench.platform(auth_method="session"))
    assert bench.sent == [PAGE, REST, RESOLVE, LIST]


def test_basic_alone_does_not_fall_back(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False)
    platform = bench.platform(auth_method="basic")
    for _again in range(2):
        with pytest.raises(CredentialRefused, match="auth_method: basic authentication is switched off"):
            look(bench, platform)
    assert bench.sent == []


@pytest.mark.parametrize("method", ["auto", "basic"])
def test_a_wrong_password_is_tried_once(bench: Bench, method: str) -> None:
    platform = bench.platform(auth_method=method, auth_password=WRONG)
    bench.server.clear_requests()
    for _again in range(3):
        with pytest.raises(CredentialRefused, match="auth_password: the server refuses user name and password"):
            bench.owner(platform)
    assert bench.failed_logins() == len(bench.sent) == 1


@pytest.mark.parametrize("method", ["auto", "session"])
@pytest.mark.parametrize("status", ["401", "200"])
@pytest.mark.parametrize("forms", ["tsv", "legacy"])
def test_a_wrong_password_is_tried_once_with_a_session(bench: Bench, method: str, status: str, forms: str) -> None:
    bench.server.switch(basic_auth_enabled=False, session_login=forms, failed_login_status=status)
    platform = bench.platform(ALICE, auth_method=method, auth_password=WRONG)
    bench.server.clear_requests()
    for _again in range(3):
        with pytest.raises(CredentialRefused, match="auth_password"):
            bench.owner(platform)
    assert len([line for line in bench.sent if line in (REST, FORM)]) == (1 if forms == "tsv" else 2)
    # The one that was sent is all that counts towards a CAPTCHA.
    bench.server.switch(captcha_after=2)
    assert bench.owner(as_alice(bench)).name == "PAY"


@pytest.mark.parametrize("basic_is_on", [True, False])
def test_a_wrong_password_is_tried_once_by_many_threads(bench: Bench, basic_is_on: bool) -> None:
    bench.server.switch(basic_auth_enabled=basic_is_on)
    bench.server.latency(0.02)
    platform = bench.platform(auth_password=WRONG)
    bench.server.clear_requests()

    def ask(number: int) -> str:
        with pytest.raises(CredentialRefused) as refused:
            bench.owner(platform, value=f"P{number}")
        return str(refused.value)

    with ThreadPoolExecutor(8) as threads:
        words = set(threads.map(ask, range(8)))
    assert len(words) == 1
    assert bench.failed_logins() == 1


def test_a_good_password_that_meets_many_threads_logs_in_once(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False)
    bench.server.latency(0.02)
    platform = bench.platform()
    bench.server.clear_requests()
    with ThreadPoolExecutor(8) as threads:
        owners = list(threads.map(lambda kind: bench.owner(platform, *kind), [("project", "PAY"), ("user", "bob")] * 4))
    assert {owner.name for owner in owners} == {"PAY", "bob"}
    assert bench.sent.count(REST) == 1


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("basic_is_on", [True, False])
def test_a_captcha_stops_everything(bench: Bench, header: bool, basic_is_on: bool) -> None:
    with pytest.raises(CredentialRefused):
        bench.owner(bench.platform(auth_password=WRONG))
    bench.server.switch(
        captcha_after=1, captcha_header=header, captcha_cleared_by="nothing", basic_auth_enabled=basic_is_on
    )
    platform = bench.platform()
    for _again in range(2):
        with pytest.raises(
            CredentialRefused, match=r"auth_username: admin is locked behind a CAPTCHA .* with a browser"
        ):
            look(bench, platform)
    assert bench.sent == []


def test_a_captcha_that_comes_in_the_middle_stops_everything(bench: Bench) -> None:
    platform = bench.platform()
    bench.owner(platform)
    bench.server.fault(
        "status",
        status=403,
        content_type="application/json",
        body='{"errors": [{"message": "CAPTCHA required", "exceptionName": '
        '"com.atlassian.bitbucket.auth.CaptchaRequiredAuthenticationException"}]}',
    )
    bench.server.clear_requests()
    for _again in range(2):
        with pytest.raises(CredentialRefused, match="CAPTCHA"):
            bench.owner(platform, "user", "bob")
    assert len(bench.sent) == 1


def test_an_account_without_a_licence_is_named_as_such(bench: Bench) -> None:
    with pytest.raises(CredentialRefused, match=r"auth_username: .* not currently licensed"):
        look(bench, bench.platform(DORA))


def test_single_sign_on_has_no_way_in(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False, session_login="none")
    with pytest.raises(CredentialRefused, match=r"no login form for programs .single sign-on.*OAuth 2"):
        look(bench, bench.platform())
    bench.server.fault("redirect", path="/login$", location="https://sso.example.com/")
    with pytest.raises(NotTheApi, match=r"sso\.example\.com.*login page"):
        look(bench, bench.platform())


def test_a_login_that_does_not_take_is_noticed(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False)
    bench.server.fault(
        "status", path="authenticate", status=200, content_type="application/json", body='{"status": "SUCCESS"}'
    )
    with pytest.raises(CredentialRefused, match=r"takes the run for nobody's .*a second step"):
        look(bench, bench.platform())


def test_a_broken_connection_does_not_close_the_way_in(bench: Bench) -> None:
    platform = bench.platform(retries=0)
    bench.server.fault("drop_before")
    with pytest.raises(Unreachable):
        bench.owner(platform)
    assert bench.owner(platform).name == "PAY"


@pytest.mark.parametrize("anonymous", ["absent", "anonymous"])
@pytest.mark.parametrize("dead", ["anonymous", "401"])
@pytest.mark.parametrize("secret", ["made-up-token", ALICE_EXPIRED_SECRET])
@pytest.mark.parametrize("owner", [OF_PROJECT, {"project": PUBLIC_PROJECT}, None])
def test_a_dead_token_is_nobodys(bench: Bench, anonymous: str, dead: str, secret: str, owner: Any) -> None:
    bench.server.switch(anonymous_header=anonymous, expired_bearer=dead)
    with pytest.raises(CredentialRefused, match=r"auth_token: .*does not know the token"):
        bench.apply(run=bench.by_token(secret), owner=owner)


def test_an_access_token_is_told_that_it_cannot_manage_tokens(bench: Bench) -> None:
    with pytest.raises(NotPermitted, match="no HTTP access token manage tokens: use auth_username and auth_password"):
        bench.apply(LAPTOP, run=bench.by_token(ALICE_SECRET))
    with pytest.raises(NotPermitted, match="no HTTP access token manage tokens"):
        bench.apply(LAPTOP, run=bench.platform(ALICE, auth_password=Secret(ALICE_SECRET)))


def test_an_access_token_works_where_the_server_lets_it(bench: Bench) -> None:
    bench.server.switch(tokens_may_manage_tokens="all")
    platform = bench.by_token(ALICE_SECRET)
    assert bench.apply(LAPTOP, run=platform).action == "unchanged"
    assert bench.sent == [
        "GET /rest/api/latest/application-properties",
        "GET /rest/api/latest/users",
        "GET /users/alice",
    ]
    assert platform.own_token_id(bench.owner(platform, "self", "")) == ALICE_TOKEN
    assert bench.apply(run=platform, owner=None, permissions=["REPO_READ"]).action == "create"


def test_the_token_of_an_oauth_application(bench: Bench) -> None:
    bench.server.switch(oauth_apps="allow")
    platform = bench.by_token(ALICE_OAUTH)
    assert bench.apply(run=platform, owner=None, permissions=["REPO_READ"]).action == "create"
    assert platform.own_token_id(bench.owner(platform, "self", "")) is None
    bench.server.switch(oauth_apps="deny")
    with pytest.raises(NotPermitted, match="it may not do this"):
        bench.apply(LAPTOP, run=bench.by_token(ALICE_OAUTH))


def test_a_projects_token_has_no_tokens_of_its_own(bench: Bench) -> None:
    with pytest.raises(TokensmithError, match=r"owner: .*which is no user .*Give an owner"):
        bench.apply(LAPTOP, run=bench.by_token(PROJECT_SECRET))


def test_a_password_beats_a_token(bench: Bench) -> None:
    look(bench, bench.platform(auth_token=Secret("made-up-token")))
    assert {each["headers"]["authorization"] for each in bench.server.requests()} == {"Basic ***"}


@pytest.mark.parametrize("basic_off", ["reject", "accept"])
def test_an_access_token_as_password_where_basic_authentication_is_off(bench: Bench, basic_off: str) -> None:
    bench.server.switch(basic_auth_enabled=False, basic_off_user_tokens=basic_off, tokens_may_manage_tokens="all")
    platform = bench.platform(ALICE, auth_password=Secret(ALICE_SECRET))
    if basic_off == "accept":
        assert bench.apply(LAPTOP, run=platform).action == "unchanged"
        return
    # The login form is for real passwords.
    with pytest.raises(CredentialRefused, match="auth_password"):
        bench.apply(LAPTOP, run=platform)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "auth_password: Bitbucket needs auth_username and auth_password"),
        ({"auth_username": "alice"}, "auth_password: Bitbucket needs"),
        ({"auth_method": "basic", "auth_username": "alice"}, "auth_method: basic needs it"),
        ({"auth_method": "session", "auth_password": Secret("x")}, "auth_method: session needs it"),
        ({"auth_method": "token", "auth_username": "a", "auth_password": Secret("x")}, "auth_token: .* needs it"),
    ],
)
def test_half_a_credential_is_refused_before_anything_is_sent(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        Bitbucket.connect(Connection(url="https://bitbucket.example.com", **options))


@pytest.mark.parametrize("suffix", ["", "/rest", "/rest/api", "/rest/api/1.0", "/rest/access-tokens/latest"])
@pytest.mark.parametrize("path", ["", "/bitbucket", "/tools/rest-house/bb"])
def test_the_address_is_taken_with_a_context_path_and_with_the_apis_own_suffix(
    bench: Bench, path: str, suffix: str
) -> None:
    bench.server.switch(context_path=path)
    look(bench, bench.platform(path=path + suffix))
    assert bench.server.requests()[-1]["path"] == f"{path}/rest/access-tokens/latest/projects/PAY"


def test_a_missing_context_path_is_named(bench: Bench) -> None:
    bench.server.switch(context_path="/bitbucket")
    with pytest.raises(NotTheApi, match="Check that url"):
        look(bench, bench.platform())
    with pytest.raises(NotTheApi, match="no such route: check that url"):
        look(bench, bench.platform(path="/bitbucket/rest/api/v2/oops"))


def test_every_request_says_that_it_is_no_browsers(bench: Bench) -> None:
    bench.server.switch(xsrf="always")
    bench.apply(run=bench.platform(http_headers={"X-Proxy-Key": "open sesame, please"}))
    for each in bench.server.requests():
        assert each["headers"]["x-atlassian-token"] == "no-check"
        assert each["headers"]["user-agent"] == "tokensmith.access"
        assert each["headers"]["accept"] == "application/json"
        assert each["headers"]["x-proxy-key"]


@pytest.mark.parametrize("wrong", [True, False])
def test_no_message_has_a_password_or_a_token_in_it(bench: Bench, wrong: bool) -> None:
    platform = as_alice(bench, **({"auth_password": WRONG} if wrong else {}))
    password = WRONG.reveal() if wrong else ALICE_PASSWORD
    bench.server.fault(
        "status", status=400, content_type="application/json", body=f'{{"errors": [{{"message": "no {password}"}}]}}'
    )
    with pytest.raises(TokensmithError) as error:
        bench.owner(platform)
    assert "no ********" in str(error.value)
    assert password not in str(error.value)
