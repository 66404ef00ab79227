# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of fault, latency and the rate limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from stand_in.gitlab import fixtures as org
from stand_in.launch import ControlError, StandIn
from stand_in_tests.http_client import Client

PATH = "/api/v4/projects/platform%2Fapp/access_tokens"
HEADERS = {"PRIVATE-TOKEN": org.MAINTAINER_TOKEN}
Create = Callable[[], requests.Response]


@pytest.fixture
def create(server: StandIn) -> Create:
    """Ask for a token."""
    today = server.clock()["now"][:4]
    wish = {"name": "fault", "scopes": ["api"], "expires_at": f"{today}-12-31"}
    return lambda: Client(server.url).send("POST", PATH, headers=HEADERS, json=wish)


def made(server: StandIn) -> int:
    """How many tokens came of it."""
    return sum(token["name"] == "fault" for token in server.state()["tokens"])


def test_no_fault(server: StandIn, create: Create) -> None:
    assert create().status_code == 201
    assert made(server) == 1


@pytest.mark.parametrize(("kind", "count"), [("status", 0), ("status_after", 1)])
def test_status(server: StandIn, create: Create, kind: str, count: int) -> None:
    server.fault(kind, status=503, body="<p>busy</p>", headers={"Retry-After": "7"})
    answer = create()
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "<p>busy</p>", "7")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert made(server) == count
    assert create().status_code == 201


@pytest.mark.parametrize(("kind", "count"), [("drop_before", 0), ("drop_after", 1)])
def test_drop(server: StandIn, create: Create, kind: str, count: int) -> None:
    server.fault(kind, method="POST")
    with pytest.raises(requests.ConnectionError):
        create()
    assert made(server) == count
    [entry] = server.requests()
    assert (entry["fault"], entry["status"]) == (kind, None if kind == "drop_before" else 201)


def test_delay(server: StandIn, create: Create) -> None:
    server.fault("delay", seconds=0.2)
    server.fault("delay", seconds=0.1)
    server.fault("status", status=500)
    begin = time.monotonic()
    assert create().status_code == 500
    assert time.monotonic() - begin >= 0.3


def test_truncate(server: StandIn, create: Create) -> None:
    server.fault("truncate", keep=10)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="10 bytes read"):
        create()
    assert made(server) == 1


def test_truncate_clean(server: StandIn, create: Create) -> None:
    server.fault("truncate_clean", keep=10)
    answer = create()
    assert (answer.status_code, len(answer.content), answer.headers["Content-Length"]) == (201, 10, "10")
    assert made(server) == 1


def test_html(server: StandIn, create: Create) -> None:
    server.fault("html")
    answer = create()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<html>" in answer.text
    assert made(server) == 0


def test_redirect(server: StandIn, create: Create) -> None:
    server.fault("redirect", location="http://127.0.0.2/elsewhere", status=307)
    answer = create()
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.2/elsewhere")
    assert made(server) == 0


def test_late(server: StandIn, create: Create) -> None:
    server.fault("late", seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        create()
    until(lambda: made(server) == 1)
    assert server.requests()[0]["status"] == 201


def test_a_reset_calls_off_what_was_to_come_late(server: StandIn, create: Create) -> None:
    server.fault("late", seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        create()
    server.reset()
    server.fault("late", seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        create()
    # The second was ordered later and has come: the first, were it still to come, would be there.
    until(lambda: made(server) == 1)
    assert len(server.requests()) == 1


def test_resend(server: StandIn, create: Create) -> None:
    server.fault("resend")
    answer = create()
    assert answer.status_code == 201
    assert made(server) == 2
    assert answer.json()["id"] == max(token["id"] for token in server.state()["tokens"])
    assert [entry["fault"] for entry in server.requests()] == ["resend", "resend"]


def test_shift_page(server: StandIn) -> None:
    server.fault("shift_page", method="GET", path="access_tokens$")
    client = Client(server.url)
    before = len(server.state()["tokens"])
    assert len(client.send("GET", PATH, headers=HEADERS).json()) == 2
    assert len(server.state()["tokens"]) == before - 1


def test_which_requests_are_struck(server: StandIn) -> None:
    server.fault("status", status=500, path=r"platform%2Fapp/access", method="GET", skip=1, times=2)
    client = Client(server.url)
    assert client.send("GET", "/api/v4/user", headers=HEADERS).status_code == 200
    statuses = [client.send("GET", PATH, headers=HEADERS).status_code for _unused in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert [fault["fired"] for fault in server.faults()] == [2]


def test_for_ever_until_cleared(server: StandIn) -> None:
    server.fault("status", status=500, times=None)
    client = Client(server.url)
    assert {client.send("GET", PATH, headers=HEADERS).status_code for _unused in range(4)} == {500}
    server.clear_faults()
    assert client.send("GET", PATH, headers=HEADERS).status_code == 200
    assert server.faults() == []


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "nonsense"},
        {"kind": "status"},
        {"kind": "delay", "seconds": 1, "status": 500},
        {"kind": "drop_before", "path": "("},
    ],
)
def test_orders_that_make_no_sense(server: StandIn, order: dict[str, Any]) -> None:
    with pytest.raises(ControlError) as caught:
        server.control("POST", "/faults", order)
    assert caught.value.status == 400
    assert server.faults() == []


def test_faults_spare_the_control_routes(server: StandIn) -> None:
    server.fault("drop_before", times=None)
    assert server.clock()["real"]
    assert server.faults()[0]["fired"] == 0


def test_latency(server: StandIn) -> None:
    server.latency(0.1)
    begin = time.monotonic()
    Client(server.url).send("GET", PATH, headers=HEADERS)
    assert time.monotonic() - begin >= 0.1
    server.reset()
    assert server.control("GET", "/latency")["seconds"] == 0


def test_rate_limit(server: StandIn) -> None:
    client = Client(server.url)
    server.rate_limit(0.001, 3)
    statuses = [client.send("GET", PATH, headers=HEADERS).status_code for _unused in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    server.rate_limit()
    assert client.send("GET", PATH, headers=HEADERS).status_code == 200
    with pytest.raises(ControlError):
        server.rate_limit(-1)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
