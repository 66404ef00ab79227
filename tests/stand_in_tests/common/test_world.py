# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clock, log, register of secrets, seeds, restart, command line."""

from __future__ import annotations

import email.utils
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from stand_in.common.world import read_settings
from stand_in.gitlab import fixtures as org
from stand_in.launch import TREE, ControlError, StandIn, start
from stand_in_tests.http_client import Client

USER = "/api/v4/user"
HEADERS = {"PRIVATE-TOKEN": org.USER_TOKEN}


def ask(server: StandIn, path: str = USER, method: str = "GET", **more: Any) -> Any:
    """One request as the ordinary user."""
    return Client(server.url).send(method, path, headers=HEADERS, **more)


def test_the_clock(server: StandIn) -> None:
    assert server.clock()["real"]
    server.set_clock("2030-01-02T03:04:05Z", frozen=True)
    assert server.clock() == {"now": "2030-01-02T03:04:05.000Z", "frozen": True, "real": False}
    assert ask(server).headers["Date"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    server.advance(86_400)
    assert server.clock()["now"] == "2030-01-03T03:04:05.000Z"
    server.set_clock("2030-01-02T03:04:05+01:00")
    assert not server.clock()["frozen"]
    assert server.clock()["now"].startswith("2030-01-02T02:04:0")
    server.control("PUT", "/clock", {"frozen": True})
    assert server.clock()["frozen"]
    server.real_clock()
    assert server.clock()["real"]


@pytest.mark.parametrize("wish", [{}, {"later": 3}, {"now": "tomorrow"}])
def test_a_clock_that_makes_no_sense(server: StandIn, wish: dict[str, Any]) -> None:
    with pytest.raises(ControlError) as caught:
        server.control("PUT", "/clock", wish)
    assert caught.value.status == 400


def test_every_answer_has_the_clocks_date(server: StandIn) -> None:
    server.advance(40 * 86_400)
    server.control("PUT", "/clock", {"frozen": True})
    server.fault("html", path="/html")
    server.rate_limit(0.001, 3)
    answers = [ask(server), ask(server, "/html"), ask(server, "/nonsense"), ask(server)]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 429]
    for answer in answers:
        told = email.utils.parsedate_to_datetime(answer.headers["Date"])
        assert told.strftime("%Y-%m-%dT%H:%M:%S") == server.clock()["now"][:19]


def test_the_log(server: StandIn) -> None:
    ask(server, "/api/v4/projects/platform%2Fapp?private_token=hidden-secret&x=y")
    wish = {"name": "n", "scopes": ["api"], "note": org.ROOT_TOKEN, "password": "short"}
    ask(server, "/api/v4/projects/platform%2Fapp/access_tokens", "POST", json=wish)
    first, second = server.requests()
    assert (first["n"], first["method"], first["path"]) == (1, "GET", "/api/v4/projects/platform%2Fapp")
    assert (first["query"], first["status"]) == ("private_token=***&x=y", 404)
    assert first["headers"]["private-token"] == "***"
    assert second["body"] == {"name": "n", "scopes": ["api"], "note": "***", "password": "***"}
    text = str(server.requests())
    assert not [secret for secret in server.secrets() if secret in text]
    server.clear_requests()
    assert server.requests() == []
    Client(server.url).send("GET", USER, bearer=org.USER_TOKEN)
    assert server.requests()[0]["headers"]["authorization"] == "Bearer ***"


def test_the_register_has_everything_that_was_minted(server: StandIn) -> None:
    answer = ask(server, "/api/v4/personal_access_tokens/self/rotate", "POST")
    assert answer.json()["token"] in server.secrets()
    assert {org.ROOT_TOKEN, org.OAUTH_TOKEN, org.DEPLOY_TOKEN} <= set(server.secrets())
    server.reset()
    assert answer.json()["token"] not in server.secrets()


def test_seeds_add_all_or_nothing(server: StandIn) -> None:
    made = server.seed({"users": [{"username": "new"}], "tokens": [{"user": "new", "name": "n"}]})
    assert ask(server, "/api/v4/user").status_code == 200
    secret = made["tokens"][0]["secret"]
    answer = Client(server.url).send("GET", USER, headers={"PRIVATE-TOKEN": secret})
    assert answer.json()["id"] == made["users"]["new"]
    before = server.state()
    for document in ({"users": [{"username": "newer"}], "tokens": [{"user": "nobody", "name": "n"}]}, {"people": []}):
        with pytest.raises(ControlError) as caught:
            server.seed(document)
        assert caught.value.status == 400
    assert server.state() == before


def test_reset_takes_another_seed(server: StandIn) -> None:
    server.switch(licence="premium")
    server.fault("html", times=None)
    server.reset({"users": [{"username": "only"}]})
    assert [owner["username"] for owner in server.state()["owners"]] == ["only"]
    assert (server.switches()["licence"], server.faults(), server.requests()) == ("none", [], [])
    server.reset()
    assert len(server.state()["owners"]) == 14


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    data = tmp_path / "kept.sqlite"
    with start("gitlab", data=data, switches={"licence": "premium"}) as first:
        first.set_clock("2030-01-02T03:04:05Z", frozen=True)
        first.switch(version="17.0")
        first.seed({"users": [{"username": "kept"}], "tokens": [{"user": "kept", "name": "n", "expires_at": None}]})
        state, secrets = first.state(), first.secrets()
        assert first.kill() == -9
    with start("gitlab", data=data, switches={"edition": "ce"}) as second:
        assert (second.state(), second.secrets()) == (state, secrets)
        assert second.clock() == {"now": "2030-01-02T03:04:05.000Z", "frozen": True, "real": False}
        switches = second.switches()
        assert (switches["version"], switches["licence"], switches["edition"]) == ("17.0", "premium", "ce")
        assert second.requests() == []
        assert second.stop() == 0
    with start("gitlab", data=data, now="2031-01-01T00:00:00Z") as third:
        assert third.clock()["now"].startswith("2031-01-01T00:00:0")


def test_a_seed_and_a_time_to_start_with() -> None:
    seed = {"users": [{"username": "only", "admin": True}], "tokens": [{"user": "only", "name": "n"}]}
    with start("gitlab", seed=seed, switches={"version": "16.10", "total_count_limit": 5}, now="2026-02-03") as server:
        [token] = server.state()["tokens"]
        assert token["created_at"].startswith("2026-02-03T00:00:0")
        assert (server.switches()["version"], server.switches()["total_count_limit"]) == ("16.10", 5)
        server.switch(version="17.0")
        server.real_clock()
        server.reset()
        assert len(server.state()["tokens"]) == 1
        assert server.switches()["version"] == "16.10"
        assert server.clock()["now"].startswith("2026-02-03")


def test_a_bad_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="there is no switch 'nonsense'"):
        start("gitlab", switches={"nonsense": 1})


def test_it_ends_with_whoever_started_it() -> None:
    code = "from stand_in.launch import start; server = start('gitlab'); print(server.url, flush=True); import os; os._exit(1)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(TREE)}, capture_output=True, text=True, check=False
    )
    deadline = time.monotonic() + 10
    while answers(done.stdout.strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether anybody listens there."""
    try:
        return Client(url).send("GET", "/_stand_in/clock").ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("pair", "value"),
    [("a=true", True), ("a=5", 5), ("a=16.10", "16.10"), ("a=null", None), ("a=x=y", "x=y"), ("a=", "")],
)
def test_settings_of_the_command_line(pair: str, value: Any) -> None:
    assert read_settings([pair]) == {"a": value}


def test_what_is_no_setting() -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        read_settings(["version"])


def test_control_routes_that_are_none(server: StandIn) -> None:
    for method, path, status in (("GET", "/nonsense", 404), ("DELETE", "/clock", 405)):
        with pytest.raises(ControlError) as caught:
            server.control(method, path)
        assert caught.value.status == status
