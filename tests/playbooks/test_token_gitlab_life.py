# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token's life: drift, rotation with an overlap, the secret that is presented back, duplicates, the end."""

from __future__ import annotations

from typing import Any

import pytest
from playbooks.support import Scene, advance, seed, token
from stand_in.gitlab import fixtures

pytestmark = pytest.mark.any_core

OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "name": "ci", "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
#: A live token of that name that somebody else made.
OTHERS = {"project": fixtures.PROJECT, "name": "ci", "scopes": ["read_api"], "access_level": 20, "created_days_ago": 9}


def ids(page: Any) -> list[str]:
    """The live tokens of the name, the oldest first."""
    return [str(each["id"]) for each in page.live("ci")]


def test_a_successor_is_minted_in_time_and_its_predecessor_goes_when_it_is_in_use(scene: Scene) -> None:
    """The whole story with `secret`: each secret is presented back by the consumer that has it."""
    wish = {**WISH, "rotate_before": "30d", "overlap": "2d"}
    first, second = "{{ made.token.secret }}", "{{ renewed.token.secret }}"
    story = scene.play(
        made=token(wish, secret=""),
        arrived=token(wish, secret=first),
        two_months=advance(days=59.5),
        not_yet=token(wish, secret=first),
        a_day=advance(days=1),
        renewed=token(wish, secret=first),
        a_moment=advance(seconds=5),
        still_two=token(wish, secret=second),
        days=advance(days=3),
        old_one_in_use=token(wish, secret=first),
        retired=token(wish, secret=second),
        again=token(wish, secret=second),
    )
    made, renewed = story["made"], story["renewed"]
    assert made.verdict == ("create", ["missing"])
    assert story["arrived"].verdict == story["not_yet"].verdict == ("unchanged", [])
    assert renewed.verdict == ("rotate", ["expiring"])
    assert ids(renewed) == [made["token"]["id"], renewed["token"]["id"]]
    (predecessor,) = renewed["superseded"]
    assert predecessor["id"] == made["token"]["id"]
    assert story["still_two"].verdict == ("unchanged", [])
    assert [each["id"] for each in story["still_two"]["superseded"]] == [predecessor["id"]]
    # The overlap counts from the successor's birth.
    assert predecessor["retire_after"][:13] == story["still_two"]["superseded"][0]["retire_after"][:13]
    # Days later the consumer still presents the old one: the successor never arrived there, so nothing is ended.
    assert story["old_one_in_use"].verdict[0] == "FAILED"
    assert renewed["token"]["id"] in story["old_one_in_use"]["msg"]
    assert story["old_one_in_use"].writes == []
    assert story["retired"].verdict == ("retire", ["superseded"])
    assert story["retired"]["retired"] == [predecessor["id"]]
    assert ids(story["retired"]) == [renewed["token"]["id"]]
    assert story["again"].verdict == ("unchanged", [])
    assert story["again"]["superseded"] == []


def test_what_a_presented_secret_says(scene: Scene) -> None:
    """None yet, dead, somebody else's, or not asked about."""
    wish = {**WISH, "name": "held"}
    story = scene.play(
        none_yet=token(wish, secret=""),
        gone=token(OWNER, name="held", state="absent"),
        dead=token(wish, secret="{{ none_yet.token.secret }}"),
        gone_again=token(OWNER, name="held", state="absent"),
        made_up=token(wish, secret="glpat-neverMinted-000000000"),
        gone_once_more=token(OWNER, name="held", state="absent"),
        anothers=token(wish, secret=fixtures.PROJECT_TOKEN),
        a_users=token(wish, secret=fixtures.USER_TOKEN, duplicates="keep_newest"),
        not_asked=token(wish, secret="glpat-neverMinted-000000000", verify="never", duplicates="keep_newest"),
    )
    verdicts = {name: page.verdict for name, page in story.items() if not name.startswith("gone")}
    assert verdicts == {
        "none_yet": ("create", ["missing"]),
        "dead": ("create", ["revoked", "secret_rejected"]),
        "made_up": ("create", ["revoked", "secret_rejected"]),
        "anothers": ("create", ["revoked", "secret_foreign"]),
        # Beside a live token, a secret that is nobody's there means a successor, and the other one stays.
        "a_users": ("rotate", ["secret_foreign"]),
        "not_asked": ("unchanged", []),
    }
    assert "GET /personal_access_tokens/self" not in story["not_asked"].sent
    # Verifying asks with the secret alone, and then whether the server lets a made-up one in, too.
    asked = [each for each in story["anothers"].requests if each["path"].endswith("/self")]
    assert [each["status"] for each in asked] == [200, 401]


def test_a_live_token_beside_a_secret_that_is_not_its_own_stops_the_run(scene: Scene) -> None:
    """Nobody is known to hold the live one, so it takes the user's word to mint beside it; never is it revoked."""
    story = scene.play(
        made=token(WISH),
        missing=token(WISH, secret=""),
        dead=token(WISH, secret=fixtures.REVOKED_TOKEN),
        by_id=token(WISH, secret="", id="{{ made.token.id }}"),
    )
    for name in ("missing", "dead"):
        assert story[name].verdict[0] == "FAILED"
        assert story[name]["error"] == "Unaccounted"
        assert f"id {story['made']['token']['id']} " in story[name]["msg"]
        assert story[name].writes == []
    assert story["by_id"].verdict == ("rotate", ["secret_missing"])
    assert len(ids(story["by_id"])) == 2


def test_what_differs_is_replaced_and_named(scene: Scene) -> None:
    """One difference after the other; what is not declared is copied, and never a reason."""
    own = {**WISH, "duplicates": "keep_newest"}
    story = scene.play(
        made=token(own, description="CI of the app"),
        undeclared=token(OWNER, name="ci"),
        permissions=token(OWNER, name="ci", permissions=["read_api", "read_registry"], duplicates="keep_newest"),
        access_level=token(OWNER, name="ci", access_level=30, duplicates="keep_newest"),
        description=token(OWNER, name="ci", description="Other words", duplicates="keep_newest"),
        all_at_once=token(own, description="CI of the app"),
        refused=token(own, description="Third words", on_drift="fail"),
    )
    assert story["undeclared"].verdict == ("unchanged", [])
    assert story["permissions"].verdict == ("replace", ["permissions_differ"])
    assert story["access_level"].verdict == ("replace", ["access_level_differs"])
    assert story["description"].verdict == ("replace", ["description_differs"])
    last = story["description"].live("ci")[-1]
    assert (last["scopes"], last["access_level"], last["description"]) == (
        ["read_api", "read_registry"],
        30,
        "Other words",
    )
    assert last["expires_at"] == story["made"]["token"]["expires_at"]
    assert story["all_at_once"].verdict == (
        "replace",
        ["permissions_differ", "access_level_differs", "description_differs"],
    )
    assert story["refused"]["error"] == "DriftRefused"
    assert "description" in story["refused"]["msg"]
    assert story["refused"].writes == []


def test_dates_and_lifetimes(scene: Scene) -> None:
    """A date is a promise about this token; a lifetime is one about the next; `never` needs a server that allows it."""
    dated = {**OWNER, "name": "ci", "permissions": ["read_api"], "access_level": 20}
    story = scene.play(
        made=token(dated, expires_in="60d"),
        lifetime_is_no_drift=token(dated, expires_in="7d"),
        same_date=token(dated, expires_at="{{ made.token.expires_at }}"),
        never_is_refused=token(dated, expires_in="never"),
        allowed=seed({"settings": {"require_personal_access_token_expiry": False}}),
        never=token(dated, expires_in="never"),
        never_again=token(dated, expires_in="never", duplicates="keep_newest"),
        ends_again=token(dated, expires_at="{{ made.token.expires_at }}", duplicates="keep_newest", overlap="0"),
    )
    assert story["lifetime_is_no_drift"].verdict == story["same_date"].verdict == ("unchanged", [])
    assert "never expire" in story["never_is_refused"]["msg"]
    assert story["never_is_refused"].writes == []
    assert story["never"].verdict == ("replace", ["expiry_differs"])
    assert story["never"]["token"]["expires_at"] is None
    assert story["never"]["token"]["days_left"] is None
    assert story["never_again"].verdict == ("unchanged", [])
    assert story["ends_again"].verdict == ("replace", ["expiry_differs"])
    assert story["ends_again"]["token"]["expires_at"] == story["made"]["token"]["expires_at"]


def test_a_token_that_is_rotated_in_every_run(scene: Scene) -> None:
    """With the secret at hand predecessors do not pile up, each lives for its overlap, and none is ended by a mint."""
    wish = {**WISH, "state": "rotated", "overlap": "1d"}
    story = scene.play(
        one=token(wish, secret=""),
        night=advance(days=1),
        two=token(wish, secret="{{ one.token.secret }}"),
        night_two=advance(days=1),
        three=token(wish, secret="{{ two.token.secret }}"),
        night_three=advance(days=1.1),
        present=token(WISH, secret="{{ three.token.secret }}"),
        without_secret=token({**WISH, "state": "rotated"}, overlap="0"),
    )
    assert story["one"].verdict == ("create", ["missing"])
    for name in ("two", "three"):
        assert story[name].verdict == ("rotate", ["requested"])
        assert [line.split()[0] for line in story[name].writes] == ["POST"]
    assert story["present"].verdict == ("retire", ["superseded"])
    assert story["present"]["retired"] == [story["one"]["token"]["id"], story["two"]["token"]["id"]]
    # overlap: 0 without a secret is taken at its word: the successor is there first, then the old one goes.
    last = story["without_secret"]
    assert last.verdict == ("rotate", ["requested"])
    assert [line.split()[0] for line in last.writes] == ["POST", "DELETE"]
    assert last["retired"] == [story["three"]["token"]["id"]]
    assert ids(last) == [last["token"]["id"]]


def test_without_a_secret_nothing_is_ended_before_its_successor_was_seen_in_use(scene: Scene) -> None:
    wish = {**WISH, "overlap": "1d"}
    drifted = {**wish, "permissions": ["read_api", "read_repository"]}
    story = scene.play(
        made=token(wish),
        replaced=token(drifted),
        later=advance(days=10),
        waiting=token(drifted),
        # The consumer begins to use the new one: any request with it.
        used=token(OWNER, name="x", state="absent", auth_token="{{ replaced.token.secret }}"),
        done=token(drifted),
    )
    assert story["replaced"].verdict == ("replace", ["permissions_differ"])
    assert story["waiting"].verdict == ("unchanged", [])
    assert story["waiting"]["superseded"] == [{"id": story["made"]["token"]["id"], "retire_after": None}]
    assert story["done"].verdict == ("retire", ["superseded"])
    assert story["done"]["retired"] == [story["made"]["token"]["id"]]


def test_in_place(scene: Scene) -> None:
    """The bot stays, the old secret dies at once; what cannot be had by rotating is replaced instead."""
    wish = {**WISH, "rotation": "in_place", "overlap": "0", "rotate_before": "30d"}
    story = scene.play(
        made=token(wish),
        young=token(wish, secret="{{ made.token.secret }}"),
        late=advance(days=70),
        rotated=token(wish, secret="{{ made.token.secret }}"),
        other_permissions=token({**wish, "permissions": ["api"]}),
        old_secret=token(WISH, secret="{{ made.token.secret }}", duplicates="keep_newest"),
    )
    assert story["young"].verdict == ("unchanged", [])
    rotated = story["rotated"]
    assert rotated.verdict == ("rotate", ["expiring"])
    assert rotated.writes == [f"POST /projects/1/access_tokens/{story['made']['token']['id']}/rotate"]
    assert ids(rotated) == [rotated["token"]["id"]]
    assert rotated["token"]["days_left"] in (89, 90)
    replaced = story["other_permissions"]
    assert replaced.verdict == ("replace", ["permissions_differ"])
    assert [line.split()[0] for line in replaced.writes] == ["POST", "DELETE"]
    assert ids(replaced) == [replaced["token"]["id"]]
    assert story["old_secret"].verdict == ("replace", ["permissions_differ", "secret_rejected"])


def test_several_live_tokens_of_the_name(scene: Scene) -> None:
    """They are named and left alone, unless one is chosen or the user says that the newest is the one."""
    story = scene.play(
        others=seed({"tokens": [OTHERS, {**OTHERS, "created_days_ago": 3}, {**OTHERS, "created_days_ago": 1}]}),
        refused=token(WISH),
        refused_end=token(OWNER, name="ci", state="absent"),
        chosen=token(WISH, id="{{ (refused.msg | regex_findall('id ([0-9]+)'))[1] }}"),
        chosen_end=token(OWNER, name="ci", id="{{ chosen.token.id }}", state="absent"),
        newest=token(WISH, duplicates="keep_newest", overlap="0"),
        all_ended=token(OWNER, name="ci", state="absent", duplicates="keep_newest"),
    )
    refused = story["refused"]
    assert refused["error"] == story["refused_end"]["error"] == "Unaccounted"
    oldest, middle, newest = ids(refused)
    for each in (oldest, middle, newest):
        assert f"id {each} (created 2" in refused["msg"]
        assert f"id {each} (created 2" in story["refused_end"]["msg"]
    assert refused.writes == story["refused_end"].writes == []
    assert story["chosen"].verdict == ("unchanged", [])
    assert story["chosen"]["token"]["id"] == story["chosen_end"]["retired"][0] == middle
    assert story["newest"].verdict == ("retire", ["duplicate"])
    assert (story["newest"]["token"]["id"], story["newest"]["retired"]) == (newest, [oldest])
    assert story["all_ended"]["retired"] == [newest]


def test_keep_newest_keeps_the_one_whose_secret_is_held(scene: Scene) -> None:
    """The newest is a stranger's: the one that the consumer works with is kept, whatever its age."""
    story = scene.play(
        made=token(WISH),
        stranger=seed({"tokens": [{**OTHERS, "created_days_ago": 0}]}),
        later=advance(days=3),
        refused=token(WISH, secret="{{ made.token.secret }}"),
        kept=token(WISH, secret="{{ made.token.secret }}", duplicates="keep_newest"),
    )
    assert story["refused"]["error"] == "Unaccounted"
    assert story["kept"]["token"]["id"] == story["made"]["token"]["id"]
    assert ids(story["kept"]) == [story["made"]["token"]["id"]]


def test_a_token_that_somebody_just_made_is_not_ended(scene: Scene) -> None:
    """It may be another node's mint under way: hands off for a quarter of an hour, whatever the overlap."""
    wish = {**WISH, "secret": "{{ made.token.secret }}", "duplicates": "keep_newest", "overlap": "0"}
    story = scene.play(
        made=token(WISH),
        a_day=advance(days=1),
        stranger=seed({"tokens": [{**OTHERS, "created_days_ago": 0}]}),
        at_once=token(wish),
        ten_minutes=advance(seconds=600),
        still=token(wish),
        twenty_minutes=advance(seconds=600),
        ended=token(wish),
    )
    mine = story["made"]["token"]["id"]
    for name in ("at_once", "still"):
        assert story[name].verdict == ("unchanged", [])
        (left,) = story[name]["superseded"]
        assert left["retire_after"] is not None
        assert ids(story[name]) == [mine, left["id"]]
    assert story["ended"].verdict == ("retire", ["duplicate"])
    assert ids(story["ended"]) == [mine]


def test_dead_or_unknown_ids(scene: Scene) -> None:
    story = scene.play(
        made=token(WISH),
        unknown=token(WISH, id="999999"),
        anothers=token(WISH, id="1"),
        absent=token(OWNER, name="ci", id="999999", state="absent"),
        ended=token(OWNER, name="ci", id="{{ made.token.id }}", state="absent"),
        dead=token(WISH, id="{{ made.token.id }}"),
        dead_absent=token(OWNER, name="ci", id="{{ made.token.id }}", state="absent"),
    )
    for name in ("unknown", "anothers", "dead"):
        assert story[name]["msg"].startswith("id: "), story[name]["msg"]
        assert "no live token named 'ci'" in story[name]["msg"]
        assert story[name].writes == []
    assert story["absent"].verdict == story["dead_absent"].verdict == ("unchanged", [])


def test_the_credential_of_the_run_is_spared(scene: Scene) -> None:
    """Not revoked, not retired, not rotated in place, unless allowed."""
    own = scene.as_user(fixtures.OWNER_TOKEN)
    mine = {"name": "automation"}
    story = own.play(
        absent=token(mine, state="absent"),
        in_place=token(mine, state="rotated", rotation="in_place", overlap="0"),
        allowed=token(mine, state="rotated", rotation="in_place", overlap="0", expires_in="30d", allow_self=True),
        dead_now=token(mine),
        lives_on=token(mine, auth_token="{{ allowed.token.secret }}"),
        ended=token(mine, auth_token="{{ allowed.token.secret }}", state="absent", allow_self=True),
    )
    for name in ("absent", "in_place"):
        assert story[name]["error"] == "SelfGuard"
        assert story[name]["msg"].startswith("allow_self: ")
        assert story[name].writes == []
    assert story["allowed"].verdict == ("rotate", ["requested"])
    assert story["allowed"].writes == ["POST /personal_access_tokens/self/rotate"]
    assert story["dead_now"]["error"] == "CredentialRefused"
    assert story["lives_on"].verdict == ("unchanged", [])
    assert story["ended"].verdict == ("revoke", ["requested"])


def test_a_replacement_leaves_the_own_credential_alone(scene: Scene) -> None:
    """With overlap: 0 the predecessor would go in this run; where it is the run's own credential it stays, with a warning."""
    wish = {"name": "root-api", "auth_token": fixtures.ROOT_API_TOKEN}
    story = scene.play(replaced=token(wish, permissions=["api", "read_user"], overlap="0", expires_in="90d"))
    replaced = story["replaced"]
    assert replaced.verdict == ("replace", ["permissions_differ"])
    assert replaced["retired"] == []
    assert [line.split()[0] for line in replaced.writes] == ["POST"]
    assert any("credential of this run" in warning for warning in replaced["warnings"])
    assert len(replaced.live("root-api")) == 2
