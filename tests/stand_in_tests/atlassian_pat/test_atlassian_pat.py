# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Personal access tokens of Jira and Confluence: what the sources say, and every switch."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path

import pytest
from stand_in import launch
from stand_in.atlassian_pat import fixtures as org
from stand_in_tests.atlassian_pat.client import ALICE, BOB, MYSELF, TOKENS, Jira

FORMAT = "%Y-%m-%dT%H:%M:%S.%f%z"


def span(token: dict[str, str]) -> dt.timedelta:
    """How long a token lives."""
    return dt.datetime.strptime(token["expiringAt"], FORMAT) - dt.datetime.strptime(token["createdAt"], FORMAT)


def test_create(api: Jira) -> None:
    answer = api.try_create(expirationDuration=90)
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"id", "name", "createdAt", "expiringAt", "rawToken"}
    assert isinstance(made["id"], int)
    assert span(made) == dt.timedelta(days=90)
    assert made["createdAt"].endswith("+0000")


def test_the_secret_has_bitbuckets_form(api: Jira) -> None:
    raw = base64.b64decode(api.create()["rawToken"], validate=True)
    assert len(raw) == 33
    assert raw[:12].isdigit()
    assert raw[12:13] == b":"


def test_list_is_a_bare_array_without_secrets(api: Jira) -> None:
    assert api.get().json() == []
    made = api.create()
    made.pop("rawToken")
    assert api.get().json() == [made]
    assert [token["name"] for token in api.get(TOKENS, ALICE).json()] == [
        "laptop",
        "nightly build",
        "old build",
        "spare",
    ]


def test_the_numbered_version_is_the_same(api: Jira) -> None:
    numbered = TOKENS.replace("latest", "1.0")
    made = api.call("POST", numbered, json={"name": "n"}).json()
    assert api.get(numbered).json() == api.get().json()
    assert api.call("DELETE", f"{numbered}/{made['id']}").status_code == 204


def test_without_a_duration_a_token_never_expires(api: Jira) -> None:
    assert api.create()["expiringAt"] is None


def test_delete(api: Jira) -> None:
    made = api.create()
    item = f"{TOKENS}/{made['id']}"
    answer = api.call("DELETE", item)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.call("DELETE", item).status_code == 404
    assert api.get(MYSELF, bearer=made["rawToken"]).status_code == 401
    assert api.call("DELETE", f"{TOKENS}/x").status_code == 404


def test_tokens_are_ones_own(api: Jira) -> None:
    assert api.call("DELETE", f"{TOKENS}/{org.ALICE_TOKEN}").status_code == 404
    assert api.get(MYSELF, bearer=org.ALICE_SECRET).json()["name"] == org.ALICE


def test_a_token_may_make_and_revoke_tokens(api: Jira) -> None:
    first = api.create()
    second = api.call("POST", TOKENS, bearer=first["rawToken"], json={"name": "successor"}).json()
    assert api.call("DELETE", f"{TOKENS}/{first['id']}", bearer=second["rawToken"]).status_code == 204
    assert [token["id"] for token in api.get(TOKENS, bearer=second["rawToken"]).json()] == [second["id"]]


def test_tokens_cannot_be_changed(api: Jira) -> None:
    item = f"{TOKENS}/{api.create()['id']}"
    for method in ("GET", "PUT", "PATCH", "POST"):
        answer = api.call(method, item, json={"name": "m"})
        assert answer.status_code in (404, 405)
        assert "status-code" in answer.json()


def test_at_most_ten_tokens(api: Jira) -> None:
    for _unused in range(10):
        api.create()
    assert api.try_create().status_code == 400
    assert len(api.get().json()) == 10


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": None}, {"name": 5}, {"name": "n" * 256}, {"expirationDuration": 0}]
)
def test_bad_requests(api: Jira, body: dict[str, object]) -> None:
    answer = api.try_create(**body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]
    for more in ({"data": "{"}, {"json": []}):
        assert api.call("POST", TOKENS, headers={"Content-Type": "application/json"}, **more).status_code == 400
    assert api.call("POST", TOKENS, data="name=n").status_code == 415
    assert api.get().json() == []


def test_expired_tokens_are_listed_and_dead(api: Jira) -> None:
    assert org.ALICE_EXPIRED in [token["id"] for token in api.get(TOKENS, ALICE).json()]
    assert api.get(MYSELF, bearer=org.ALICE_EXPIRED_SECRET).status_code == 401
    assert api.get(MYSELF, bearer=org.ALICE_SOON_SECRET).status_code == 200
    api.server.advance(5 * 86_400)
    assert api.get(MYSELF, bearer=org.ALICE_SOON_SECRET).status_code == 401


def test_who_am_i(api: Jira) -> None:
    answer = api.get(MYSELF, ALICE)
    assert (answer.json()["name"], answer.headers["X-AUSERNAME"]) == (org.ALICE, org.ALICE)
    nobody = api.get(MYSELF, None)
    assert (nobody.status_code, nobody.headers["X-AUSERNAME"]) == (401, "anonymous")
    assert nobody.json()["status-code"] == 401


@pytest.mark.parametrize("basic", [(org.BOB, "wrong"), ("nobody", "wrong")])
def test_wrong_credentials_get_a_page(api: Jira, basic: tuple[str, str]) -> None:
    answer = api.get(MYSELF, basic)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"


def test_unknown_paths(api: Jira) -> None:
    assert api.get("/rest/nothing").json()["status-code"] == 404
    assert "dead link" in api.get("/nothing").text


def test_rate_limit(api: Jira) -> None:
    api.server.rate_limit(0.01, 1)
    api.get()
    answer = api.get()
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert api.get(TOKENS, ALICE).status_code == 200


# -- switches


def test_every_switch_has_a_test(api: Jira) -> None:
    here = {name.removeprefix("test_switch_") for name in globals() if name.startswith("test_switch_")}
    assert here == set(api.server.switches())


def test_switch_product(api: Jira) -> None:
    api.server.switch(product="confluence")
    assert api.get("/rest/api/user/current").json()["username"] == org.BOB
    assert api.get(MYSELF).status_code == 404
    api.server.switch(product="jira")
    assert api.get("/rest/api/user/current").status_code == 404


def test_switch_context_path(api: Jira) -> None:
    api.server.switch(context_path="/jira")
    assert api.get(f"/jira{TOKENS}").status_code == 200
    assert api.get().status_code == 404


def test_switch_basic_auth_enabled(api: Jira) -> None:
    api.server.switch(basic_auth_enabled=False)
    assert api.get().status_code == 403
    assert api.get(TOKENS, bearer=org.ALICE_SECRET).status_code == 200


def test_switch_captcha_after(api: Jira) -> None:
    api.server.switch(captcha_after=2)
    for password in ("wrong", BOB[1], "wrong", "wrong"):
        api.get(MYSELF, (org.BOB, password))
    answer = api.get(MYSELF)
    assert answer.status_code == 403
    assert "CAPTCHA_CHALLENGE" in answer.headers["X-Authentication-Denied-Reason"]
    api.server.switch(captcha_after=0)
    assert api.get(MYSELF).status_code == 200


def test_switch_max_tokens(api: Jira) -> None:
    api.server.switch(max_tokens=1)
    api.create()
    assert api.try_create().status_code == 400


def test_switch_too_many_status(api: Jira) -> None:
    api.server.switch(max_tokens=0, too_many_status="409")
    assert api.try_create().status_code == 409


def test_switch_max_days(api: Jira) -> None:
    assert span(api.create(expirationDuration=9999)) == dt.timedelta(days=365)
    api.server.switch(max_days=30)
    assert span(api.create(expirationDuration=31)) == dt.timedelta(days=30)


def test_switch_over_long(api: Jira) -> None:
    api.server.switch(over_long="reject")
    assert api.try_create(expirationDuration=366).status_code == 400
    assert span(api.create(expirationDuration=365)) == dt.timedelta(days=365)


def test_switch_eternal_tokens(api: Jira) -> None:
    api.server.switch(eternal_tokens=False)
    assert api.try_create().status_code == 400
    api.create(expirationDuration=1)


def test_switch_create_status(api: Jira) -> None:
    api.server.switch(create_status="200")
    assert api.try_create().status_code == 200


@pytest.mark.parametrize(("position", "end"), [("extended_offset", "+00:00"), ("zulu", "Z")])
def test_switch_timestamps(api: Jira, position: str, end: str) -> None:
    api.server.switch(timestamps=position)
    made = api.create(expirationDuration=1)
    assert made["createdAt"].endswith(end)
    assert made["expiringAt"].endswith(end)


def test_switch_no_expiry(api: Jira) -> None:
    api.server.switch(no_expiry="absent")
    assert "expiringAt" not in api.create()
    assert "expiringAt" in api.create(expirationDuration=1)


def test_switch_tokens_may_manage_tokens(api: Jira) -> None:
    api.server.switch(tokens_may_manage_tokens="no")
    assert api.call("POST", TOKENS, bearer=org.ALICE_SECRET, json={"name": "n"}).status_code == 403
    assert api.call("DELETE", f"{TOKENS}/{org.ALICE_UNUSED}", bearer=org.ALICE_SECRET).status_code == 403
    assert api.get(TOKENS, bearer=org.ALICE_SECRET).status_code == 200


def test_switch_dead_bearer(api: Jira) -> None:
    api.server.switch(dead_bearer="anonymous")
    answer = api.get(MYSELF, bearer="garbage")
    assert (answer.status_code, answer.headers["X-AUSERNAME"]) == (401, "anonymous")


def test_switch_anonymous_header(api: Jira) -> None:
    api.server.switch(anonymous_header="absent")
    assert "X-AUSERNAME" not in api.get(MYSELF, None).headers


def test_switch_list_shape(api: Jira) -> None:
    api.server.switch(list_shape="page")
    assert api.get().json() == {"values": []}


def test_switch_secret_field(api: Jira) -> None:
    api.server.switch(secret_field="token")
    made = api.create()
    assert "rawToken" not in made
    assert api.get(MYSELF, bearer=made["token"]).status_code == 200


def test_switch_duplicate_names(api: Jira) -> None:
    api.create()
    api.create()
    api.server.switch(duplicate_names="reject")
    assert api.try_create().status_code == 400


def test_switch_expired_tokens(api: Jira) -> None:
    api.server.switch(expired_tokens="purged")
    assert org.ALICE_EXPIRED not in [token["id"] for token in api.get(TOKENS, ALICE).json()]


def test_switch_emit_last_accessed(api: Jira) -> None:
    api.server.switch(emit_last_accessed=True)
    last = {token["id"]: token["lastAccessedAt"] for token in api.get(TOKENS, ALICE).json()}
    assert last[org.ALICE_TOKEN]
    assert last[org.ALICE_UNUSED] is None


def test_switch_trim_names(api: Jira) -> None:
    assert api.create(name=" n ")["name"] == " n "
    api.server.switch(trim_names=True)
    assert api.create(name=" n ")["name"] == "n"


def test_switch_clamp_days(api: Jira) -> None:
    api.server.switch(clamp_days=5)
    assert span(api.create(expirationDuration=90)) == span(api.create()) == dt.timedelta(days=5)
    assert span(api.create(expirationDuration=2)) == dt.timedelta(days=2)


# -- the harness


def test_secrets_and_state(api: Jira) -> None:
    made = api.create()
    known = set(api.server.secrets())
    assert {made["rawToken"], org.ALICE_SECRET, org.BOB_PASSWORD} <= known
    text = str(api.server.state()) + str(api.server.requests())
    assert not any(secret in text for secret in known)
    assert [token["owner"] for token in api.server.state()["tokens"]].count(org.ALICE) == 4


def test_seeding(api: Jira) -> None:
    made = api.server.seed(
        {
            "users": [{"name": "erin"}, {"name": org.BOB, "active": False}],
            "tokens": [
                {"owner": "erin", "name": "t", "id": 77, "expires_in_days": 3},
                {"owner": "erin", "revoked": True},
            ],
            "bulk": {"owner": "erin", "count": 2000},
        }
    )
    assert api.get().status_code == 401
    tokens = api.get(TOKENS, bearer=made["tokens"][0]["secret"]).json()
    assert tokens[0]["id"] == 77
    assert len(tokens) == 2001
    assert api.get(MYSELF, bearer=made["tokens"][1]["secret"]).status_code == 401
    for bad in (
        {"surprise": 1},
        {"users": [{"name": "x", "colour": 1}]},
        {"tokens": [{"owner": "nobody", "name": "n"}]},
    ):
        with pytest.raises(launch.ControlError):
            api.server.seed(bad)


def test_everything_survives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "jira.sqlite"
    with launch.start("atlassian_pat", data=data) as first:
        made = Jira(first).create()
        first.kill()
    with launch.start("atlassian_pat", data=data) as second:
        assert Jira(second).get(MYSELF, bearer=made["rawToken"]).json()["name"] == org.BOB
        assert made["rawToken"] in second.secrets()
