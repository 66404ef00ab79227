# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lost answers and servers that do other than they are told: what is left behind."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from playbooks.support import Page, Scene, advance, fault, no_faults, seed, switch, token
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn

pytestmark = pytest.mark.any_core

OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
MINT = {"method": "POST", "path": "/access_tokens$"}
#: Ways in which the answer to a mint gets lost. Some are carried out by the server, some are not.
LOST: dict[str, dict[str, Any]] = {
    "drop_before": {"kind": "drop_before"},
    "drop_after": {"kind": "drop_after"},
    "status_500": {"kind": "status_after", "status": 500, "body": "<h1>500</h1>"},
    "status_502": {"kind": "status_after", "status": 502, "body": "<h1>Bad gateway</h1>"},
    "status_504": {"kind": "status", "status": 504, "body": "<h1>Gateway timeout</h1>"},
    "json_500": {
        "kind": "status_after",
        "status": 500,
        "body": '{"message":"500 Internal Server Error"}',
        "content_type": "application/json",
    },
    "cut_short": {"kind": "truncate", "keep": 200},
    "cut_cleanly": {"kind": "truncate_clean", "keep": 300},
    "page_of_a_proxy": {"kind": "html", "status": 200},
}


def works(server: StandIn, secret: str) -> bool:
    """Whether the server takes a secret."""
    request = urllib.request.Request(
        f"{server.url}/api/v4/personal_access_tokens/self", headers={"PRIVATE-TOKEN": secret}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
            return True
    except urllib.error.HTTPError:
        return False


def lost(way: str, times: int = 1) -> Any:
    """Order the loss of the next mint's answer."""
    options = dict(LOST[way])
    return fault(options.pop("kind"), times=times, **MINT, **options)


def methods(page: Page) -> list[str]:
    return [line.split()[0] for line in page.writes]


def test_a_lost_answer_leaves_one_token_and_its_secret(scene: Scene) -> None:
    """Looked at, what came of it is ended, and only then sent once more."""
    steps: dict[str, Any] = {}
    for way in LOST:
        steps |= {f"order_{way}": lost(way), way: token(WISH, name=way)}
    story = scene.play(**steps)
    for way, page in story.items():
        assert page.verdict == ("create", ["missing"]), way
        (row,) = page.live(way)
        assert page["token"]["id"] == str(row["id"]), way
        assert works(scene.server, page["token"]["secret"]), way
        made_before = [each for each in page.tokens if each["name"] == way and not each["active"]]
        carried_out = LOST[way]["kind"] not in ("drop_before", "status", "html")
        assert len(made_before) == carried_out, way
        assert methods(page) == ["POST"] + ["DELETE"] * carried_out + ["POST"], way


def test_an_answer_lost_twice_leaves_nothing(scene: Scene) -> None:
    steps: dict[str, Any] = {}
    for way in ("drop_before", "drop_after", "cut_short", "status_502"):
        steps |= {f"order_{way}": lost(way, times=2), way: token(WISH, name=way)}
    story = scene.play(**steps)
    for way, page in story.items():
        assert page["error"] == "AnswerLost", way
        assert "whether a token was made is not known" in page["msg"], way
        assert methods(page).count("POST") == 2, way
        assert page.live(way) == [], way


def test_with_a_secret_a_lost_answer_is_named_and_nothing_is_ended(scene: Scene) -> None:
    """Another node may mint for the same consumer, so what appeared may be its work."""
    wish = {**WISH, "name": "held", "secret": ""}
    story = scene.play(
        order=lost("drop_after"),
        lost=token(wish),
        next_run=token(wish),
        with_the_users_word=token(wish, duplicates="keep_newest"),
        order_nothing=lost("drop_before"),
        not_made=token(wish, name="other"),
        order_cut=lost("cut_cleanly"),
        cut=token(wish, name="third"),
    )
    page = story["lost"]
    assert page["error"] == "AnswerLost"
    (orphan,) = page.live("held")
    assert f"id {orphan['id']} " in page["msg"]
    assert methods(page) == ["POST"]
    assert story["next_run"]["error"] == "Unaccounted"
    assert f"id {orphan['id']} " in story["next_run"]["msg"]
    assert story["with_the_users_word"].verdict == ("rotate", ["secret_missing"])
    assert story["not_made"]["error"] == "AnswerLost"
    assert "No token has appeared" in story["not_made"]["msg"]
    cut = story["cut"]
    assert cut["token"] == {"id": str(cut.live("third")[0]["id"])}
    assert f"id {cut['token']['id']} " in cut["msg"]


def test_a_mint_that_is_carried_out_late_is_ended_too(scene: Scene) -> None:
    """Seen at the first look, or, where it comes only while the second one is under way, at the look after that."""
    mint, look = MINT, {"method": "GET", "path": "/access_tokens$"}
    story = scene.play(
        cut=fault("late", seconds=0.2, **mint),
        slow_look=fault("delay", seconds=1.5, skip=1, **look),
        by_the_first_look=token(WISH, name="first"),
        clean=no_faults(),
        cut_again=fault("late", seconds=0.7, **mint),
        slow_mint=fault("delay", seconds=2, skip=1, **mint),
        by_the_second_look=token(WISH, name="second"),
        clean_again=no_faults(),
    )
    for name, page in zip(("first", "second"), story.values(), strict=True):
        assert page.verdict == ("create", ["missing"])
        (row,) = page.live(name)
        assert page["token"]["id"] == str(row["id"])
        assert len([each for each in page.tokens if each["name"] == name]) == 2


def test_a_mint_without_an_answer_in_time(scene: Scene) -> None:
    """The server goes on with what the client has given up; the look waits long enough to see it."""
    story = scene.play(
        slow_mint=fault("delay", seconds=2, **MINT),
        slow_look=fault("delay", seconds=2, skip=1, method="GET", path="/access_tokens$"),
        made=token(WISH, name="slow", timeout=1, retries=4),
    )
    page = story["made"]
    assert page.verdict == ("create", ["missing"])
    (row,) = page.live("slow")
    assert page["token"]["id"] == str(row["id"])
    assert works(scene.server, page["token"]["secret"])


def test_a_request_that_a_proxy_sends_twice_is_not_hidden(scene: Scene) -> None:
    """Nothing can be seen of it in that run; the next one names both instead of calling it well."""
    story = scene.play(
        order=fault("resend", **MINT),
        made=token(WISH, name="twin"),
        next_run=token(WISH, name="twin"),
        cleaned=token(OWNER, name="twin", secret="{{ made.token.secret }}"),
        later=advance(days=2),
        kept=token(OWNER, name="twin", secret="{{ made.token.secret }}", duplicates="keep_newest"),
    )
    assert story["made"].verdict[0] == "create"
    assert story["next_run"]["error"] == "Unaccounted"
    for row in story["next_run"].live("twin"):
        assert f"id {row['id']} " in story["next_run"]["msg"]
    assert [str(row["id"]) for row in story["kept"].live("twin")] == [story["made"]["token"]["id"]]


def test_reads_and_revocations_are_sent_again(scene: Scene) -> None:
    """Passing troubles of the server, a limit on requests, and a revocation whose answer is lost."""
    page = {"status": 502, "body": "<html>Bad gateway</html>"}
    story = scene.play(
        order=fault("status", times=2, method="GET", **page),
        made=token(WISH, name="ci"),
        order_limit=fault("status", status=429, body="Retry later\n", content_type="text/plain", headers={"Retry-After": "1"}),
        limited=token(WISH, name="ci"),
        order_limited_mint=fault(
            "status", status=429, body="Retry later\n", content_type="text/plain", headers={"Retry-After": "1"}, **MINT
        ),
        limited_mint=token(WISH, name="other"),
        order_lost=fault("drop_after", method="DELETE"),
        ended=token(OWNER, name="ci", state="absent"),
        order_cut=fault("drop_before", method="DELETE"),
        ended_too=token(OWNER, name="other", state="absent"),
    )  # fmt: skip
    assert story["made"].verdict == ("create", ["missing"])
    assert story["limited"].verdict == ("unchanged", [])
    assert story["limited_mint"].verdict[0] == "create"
    assert len(story["limited_mint"].live("other")) == 1
    for name, token_name in (("ended", "ci"), ("ended_too", "other")):
        assert story[name].verdict == ("revoke", ["requested"])
        assert methods(story[name]) == ["DELETE", "DELETE"]
        assert story[name].live(token_name) == []


def test_a_server_that_asks_for_too_much_patience(scene: Scene) -> None:
    limit = {"status": 429, "body": "Retry later\n", "content_type": "text/plain", "headers": {"Retry-After": "3600"}}
    story = scene.play(
        order=fault("status", times=None, **limit), read=token(WISH, name="ci"), clean=no_faults(),
        order_mint=fault("status", times=None, **limit, **MINT), mint=token(WISH, name="ci", max_wait=5),
    )  # fmt: skip
    for name, allowed in (("read", 120), ("mint", 5)):
        assert story[name]["error"] == "RateLimited"
        assert "3600 s" in story[name]["msg"]
        assert f"max_wait allows {allowed} s" in story[name]["msg"]
        assert story[name].live("ci") == []


#: What the stand-in distorts, the name of the token, the field that has to be named, and what to declare instead.
DISTORTIONS = {
    "name": ({"trim_names": True}, " padded ", {"name": "padded"}),
    "expires_at": ({"clamp_expiry_days": 30}, "clamped", {"expires_in": "30d"}),
    "permissions": ({"extra_scope": "read_registry"}, "widened", {"permissions": ["read_api", "read_registry"]}),
}


def test_a_wish_that_the_server_does_not_keep_is_undone(scene: Scene) -> None:
    """The field is named; what was minted is revoked; what the message says to declare then works, and stays."""
    steps: dict[str, Any] = {}
    off = {"trim_names": False, "clamp_expiry_days": None, "extra_scope": None}
    for field, (distortion, name, declared) in DISTORTIONS.items():
        wish = {**WISH, "name": name}
        steps |= {
            f"{field}_order": switch(**{**off, **distortion}),
            f"{field}_refused": token(wish),
            f"{field}_declared": token(wish, **declared),
            f"{field}_again": token(wish, **declared),
        }
    story = scene.play(**steps)
    for field, (_switches, name, declared) in DISTORTIONS.items():
        refused = story[f"{field}_refused"]
        assert refused["error"] == "NotKept", refused.verdict
        assert f"{field}: asked for " in refused["msg"]
        assert methods(refused) == ["POST", "DELETE"]
        assert refused.live(name) == refused.live(name.strip()) == []
        assert "token" not in refused.result
        assert story[f"{field}_declared"].verdict[0] == "create", declared
        assert story[f"{field}_again"].verdict == ("unchanged", [])


def test_what_a_rotation_in_place_does_not_keep_is_handed_over_all_the_same(scene: Scene) -> None:
    """The old secret is dead, so the new one is never thrown away; the result is hidden, and the run fails."""
    wish = {**WISH, "name": "ci", "rotation": "in_place", "overlap": "0", "state": "rotated"}
    story = scene.play(
        made=token(WISH, name="ci"),
        order=switch(clamp_expiry_days=10),
        rotated=token(wish),
        works=token(OWNER, name="ci", secret="{{ rotated.token.secret }}"),
        unclamped=switch(clamp_expiry_days=None),
        order_lost=fault("drop_after", method="POST", path="/rotate$"),
        lost=token(wish),
    )
    rotated = story["rotated"]
    assert rotated["error"] == "Undelivered"
    assert "expires_at: asked for " in rotated["msg"]
    assert story["works"].verdict == ("unchanged", [])
    lost_one = story["lost"]
    assert lost_one["error"] == "AnswerLost"
    assert f"token {rotated['token']['id']} may be dead" in lost_one["msg"]
    assert methods(lost_one) == ["POST"]


def test_an_undoing_that_fails_hands_the_secret_over(scene: Scene) -> None:
    """What was minted and cannot be revoked is not lost silently: it comes with the failure, hidden."""
    refusal = {"status": 400, "body": '{"message":"400 Bad request - no"}', "content_type": "application/json"}
    story = scene.play(
        distort=switch(extra_scope="read_user"),
        order=fault("status", method="DELETE", times=None, **refusal),
        left=token(WISH, name="ci"),
    )
    left = story["left"]
    assert left["error"] == "Undelivered"
    assert "could not be revoked" in left["msg"]
    assert works(scene.server, left["token"]["secret"])
    assert left["changed"]


def test_pages_that_shift_while_they_are_read(scene: Scene) -> None:
    """A row that goes away between two pages makes another one slip through the gap; it is found all the same."""
    dead = {**OWNER, "name": "ci", "scopes": ["read_api"], "access_level": 20, "count": 230}
    story = scene.play(
        before=seed({"bulk": {**dead, "revoked_every": 1}}),
        made=token(WISH, name="ci"),
        shift=fault("shift_page", method="GET", path="/access_tokens$", skip=1, times=2),
        again=token(WISH, name="ci"),
    )
    assert story["again"].verdict == ("unchanged", [])
