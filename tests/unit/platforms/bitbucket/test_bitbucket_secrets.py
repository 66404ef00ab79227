# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a secret tells by itself, what the server says about it, and what follows."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    SecretUndecided,
    Unaccounted,
)
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from stand_in.bitbucket.fixtures import (
    ALICE,
    ALICE_EXPIRED_SECRET,
    ALICE_OAUTH,
    ALICE_SECRET,
    ALICE_TOKEN,
    CI_BOT_SECRET,
    CI_BOT_TOKEN,
    DORA,
    PROJECT_SECRET,
    PROJECT_TOKEN,
    REPO_SECRET,
    REPO_TOKEN,
)
from stand_in.bitbucket.secret_format import made_up_secret
from unit.platforms.bitbucket.bench import DAY, LAPTOP, RELEASE, SYNC, Bench, as_alice

WHO = "GET /rest/api/latest/application-properties"
VENDORS_SAMPLE = "MjUyOTczNTE1MDY5On2rDbID2EgYpH8AVOECHv0saruQ"


@pytest.mark.parametrize(
    ("secret", "token_id"),
    [
        (VENDORS_SAMPLE, "252973515069"),
        (f"BBDC-{VENDORS_SAMPLE}", "252973515069"),
        (made_up_secret("048201337715", "BBDC-"), "048201337715"),
        (ALICE_OAUTH, None),
        ("", None),
        ("glpat-AbCdEfGhIjKlMnOpQrSt", None),
        (base64.b64encode(b"25297351506:random").decode(), None),
        (base64.b64encode(b"2529735150691:random").decode(), None),
        (base64.b64encode(b"25297351506x:random").decode(), None),
        (base64.b64encode("\u0662\u0665:random".encode()).decode(), None),
        ("MjUyOTczNTE1MDY5On2\n", None),
        ("ünïcödé", None),
    ],
)
def test_the_id_is_in_the_secret(bench: Bench, secret: str, token_id: str | None) -> None:
    assert bench.platform().secret_id(Secret(secret)) == token_id
    assert bench.sent == []


@pytest.mark.parametrize("prefix", ["", "BBDC-"])
def test_a_new_secret_is_known_and_kept_out_of_messages(bench: Bench, prefix: str) -> None:
    bench.server.switch(secret_prefix=prefix)
    platform = bench.platform()
    made = bench.apply(run=platform)
    assert made.secret is not None
    assert made.token is not None
    assert made.secret.reveal().startswith(prefix or made.secret.reveal()[:1])
    assert platform.secret_id(made.secret) == made.token.id
    for form in (made.secret.reveal(), made.secret.reveal().removeprefix("BBDC-")):
        assert platform.transport.redactor.clean(f"<{form}>") in ("<********>", "<BBDC-********>")


# --- verification -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anonymous", ["absent", "anonymous"])
@pytest.mark.parametrize("dead", ["anonymous", "401"])
def test_whom_the_server_takes_it_for(bench: Bench, anonymous: str, dead: str) -> None:
    bench.server.switch(anonymous_header=anonymous, expired_bearer=dead)
    platform = as_alice(bench)
    alice = bench.owner(platform, "self", "")

    def asked(secret: str) -> tuple[str, str | None]:
        evidence = platform.verify(Secret(secret))
        return evidence.verdict, evidence.id

    assert asked(ALICE_SECRET) == ("accepted", ALICE_TOKEN)
    assert asked(PROJECT_SECRET) == ("accepted", PROJECT_TOKEN)
    assert asked(REPO_SECRET) == ("accepted", REPO_TOKEN)
    assert asked(ALICE_OAUTH) == ("accepted", None)
    assert asked(ALICE_EXPIRED_SECRET) == ("rejected", None)
    assert asked(made_up_secret("999999999999")) == ("rejected", None)
    assert platform.verify(Secret(ALICE_SECRET)).owner_id == alice.id
    assert platform.verify(Secret(CI_BOT_SECRET)).owner_id != alice.id
    platform.revoke(alice, ALICE_TOKEN)
    assert asked(ALICE_SECRET) == ("rejected", None)


def test_a_verification_has_a_session_of_its_own_and_one_control(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False)
    platform = as_alice(bench, http_headers={"X-Proxy-Key": "open sesame, please"})
    bench.owner(platform)
    bench.server.clear_requests()
    for secret in (ALICE_SECRET, CI_BOT_SECRET):
        assert platform.verify(Secret(secret)).verdict == "accepted"
    assert bench.sent == [WHO] * 3
    for each in bench.server.requests():
        assert each["headers"]["authorization"] == "Bearer ***"
        assert {"cookie", "x-proxy-key", "x-atlassian-token"} & each["headers"].keys() == set()


def test_a_verification_alone_asks_first_whether_the_run_is_somebody(bench: Bench) -> None:
    assert as_alice(bench).verify(Secret(ALICE_SECRET)).verdict == "accepted"
    assert bench.sent == [WHO] * 3


def test_nothing_is_concluded_where_anything_gets_in(bench: Bench) -> None:
    platform = as_alice(bench)
    bench.owner(platform)
    bench.server.fault(
        "status",
        path="application-properties",
        times=None,
        status=200,
        content_type="application/json",
        body="{}",
        headers={"X-AUSERNAME": "proxy"},
    )
    for _again in range(2):
        evidence = platform.verify(Secret("dead"))
        assert evidence.verdict == "undecided"
        assert "lets a made-up token in too" in evidence.detail


def test_nothing_is_concluded_where_nobody_is_named(bench: Bench) -> None:
    """As behind a proxy that removes the header: then even good secrets would look dead, and be replaced every night."""
    bench.server.fault(
        "status",
        times=None,
        status=200,
        content_type="application/json",
        body='{"id": 1, "key": "PAY"}',
    )
    evidence = as_alice(bench).verify(Secret(ALICE_SECRET))
    assert evidence.verdict == "undecided"
    assert "X-AUSERNAME" in evidence.detail


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "html", "status": 200},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 401},
        {"kind": "redirect", "location": "https://sso.example.com/"},
        {"kind": "drop_before"},
        {
            "kind": "status",
            "status": 403,
            "content_type": "application/json",
            "body": '{"errors": [{"message": "IP"}]}',
        },
    ],
)
@pytest.mark.parametrize("skip", [0, 1])
def test_trouble_is_no_verdict(bench: Bench, fault: dict[str, Any], skip: int) -> None:
    bench.server.fault(path="application-properties", times=None, skip=skip, **fault)
    with pytest.raises(SecretUndecided, match="secret: whether it works could not be found out"):
        bench.apply(LAPTOP, secret=ALICE_SECRET, run=as_alice(bench, retries=0))
    assert bench.writes == []


def test_a_token_of_an_account_without_a_licence_is_not_dead(bench: Bench) -> None:
    made = bench.server.seed({"tokens": [{"owner": {"user": DORA}, "name": "n", "permissions": ["REPO_READ"]}]})
    evidence = bench.platform().verify(Secret(made["tokens"][0]["secret"]))
    assert evidence.verdict == "undecided"
    assert "not currently licensed" in evidence.detail


# --- what follows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "user", "secret", "requests"),
    [(LAPTOP, ALICE, ALICE_SECRET, 4), (RELEASE, "admin", PROJECT_SECRET, 4), (SYNC, "admin", REPO_SECRET, 4)],
)
def test_a_proven_secret_changes_nothing(
    bench: Bench, options: dict[str, Any], user: str, secret: str, requests: int
) -> None:
    assert bench.apply(options, secret=secret, run=bench.platform(user)).action == "unchanged"
    assert bench.sent[2:] == [WHO, WHO]
    assert bench.apply(options, secret=f"BBDC-{secret}", verify="never", run=bench.platform(user)).action == "unchanged"
    assert len(bench.sent) == 2


def test_a_dead_secret_means_a_new_token(bench: Bench) -> None:
    outcome = bench.apply(LAPTOP, secret=ALICE_EXPIRED_SECRET, duplicates="keep_newest", run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("rotate", ("secret_rejected",))
    assert outcome.retired == ()
    with pytest.raises(Unaccounted, match="Nobody is known to hold the secret"):
        bench.apply({**LAPTOP, "name": "deploy"}, secret=ALICE_EXPIRED_SECRET, run=as_alice(bench))


def test_no_secret_yet_means_a_new_token(bench: Bench) -> None:
    outcome = bench.apply(LAPTOP, secret="", duplicates="keep_newest", run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("rotate", ("secret_missing",))
    assert [each.token.id for each in outcome.superseded] == [ALICE_TOKEN]


def test_another_users_secret_is_foreign(bench: Bench) -> None:
    outcome = bench.apply(LAPTOP, secret=CI_BOT_SECRET, duplicates="keep_newest", run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("rotate", ("secret_foreign",))
    assert {row["id"] for row in bench.tokens("ci.bot_example.com")} == {CI_BOT_TOKEN}


@pytest.mark.parametrize("verify", ["always", "never"])
def test_the_secret_of_another_of_the_owners_tokens_is_foreign(bench: Bench, verify: str) -> None:
    wish = {**LAPTOP, "name": "another", "secret": ALICE_SECRET, "verify": verify}
    outcome = bench.apply(wish, run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("create", ("missing", "secret_foreign"))
    assert len(bench.tokens(ALICE, "laptop")) == 1


@pytest.mark.parametrize(("options", "secret"), [(RELEASE, REPO_SECRET), (SYNC, CI_BOT_SECRET)])
def test_a_secret_that_is_none_of_the_owners_listed_ones_is_not_acted_upon(
    bench: Bench, options: dict[str, Any], secret: str
) -> None:
    with pytest.raises(SecretUndecided, match=r"it works and is that of token [0-9]{12}, which is not among"):
        bench.apply(options, secret=secret)
    assert bench.writes == []


def test_a_bearer_that_is_no_access_token_asks_for_an_id(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match="secret: it works, but this server does not tell which token"):
        bench.apply(LAPTOP, secret=ALICE_OAUTH, run=as_alice(bench))


@pytest.mark.parametrize(("options", "user"), [(LAPTOP, ALICE), (RELEASE, "admin"), (SYNC, "carol")])
def test_a_predecessor_goes_when_its_successor_has_arrived(bench: Bench, options: dict[str, Any], user: str) -> None:
    def run(**more: Any) -> Any:
        return bench.apply(options, run=bench.platform(user), **more)

    old = {ALICE: ALICE_SECRET, "admin": PROJECT_SECRET, "carol": REPO_SECRET}[user]
    rotated = run(state="rotated", secret=old)
    assert (rotated.action, rotated.retired) == ("rotate", ())
    new = rotated.secret.reveal()
    waiting = run(secret=new)
    assert (waiting.action, len(waiting.superseded)) == ("unchanged", 1)
    bench.server.advance(DAY + 60)
    retired = run(secret=new)
    assert (retired.action, retired.reasons) == ("retire", ("superseded",))
    assert retired.retired == (waiting.superseded[0].token.id,)
    assert run(secret=new).action == "unchanged"
    assert bench.platform(user).verify(Secret(old)).verdict == "rejected"
