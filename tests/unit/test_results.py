# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: one shape in runs and rehearsals, a secret only where one was minted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Undelivered
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotKept,
    TokensmithError,
    Unaccounted,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.results import error_result, outcome_result
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Minted, Token, WantedToken
from unit.memory_platform import DAY, NOW, OWNER, PROJECT, MemoryPlatform, live


def result_of(world: MemoryPlatform, *, rehearse: bool = False, **options: Any) -> dict[str, Any]:
    wish = WantedToken(**{"owner": PROJECT, "name": "deploy", **options})
    return outcome_result(OWNER, live(world, wish, rehearse=rehearse))


FIRST = {"permissions": frozenset("ab"), "expiry": Expiry(after=Lifetime(30, "d"))}


def test_a_mint() -> None:
    world = MemoryPlatform()
    result = result_of(world, **FIRST)
    assert result == {
        "changed": True,
        "action": "create",
        "reasons": ["missing"],
        "token": {
            "id": "101",
            "name": "deploy",
            "owner": {"kind": "project", "id": "7", "name": "platform/app"},
            "permissions": ["a", "b"],
            "access_level": None,
            "projects": None,
            "all_projects": None,
            "description": None,
            "created_at": "2026-11-22T10:00:00Z",
            "expires_at": "2026-12-22",
            "days_left": 29,
            "last_used_at": None,
            "status": "live",
            "secret": world.rows[0].secret,
        },
        "superseded": [],
        "retired": [],
    }
    json.dumps(result)


@pytest.mark.parametrize(
    ("options", "has_secret"),
    [
        (FIRST, True),
        ({"permissions": frozenset("b")}, True),
        ({"state": "rotated"}, True),
        ({"state": "rotated", "rotation": "in_place", "overlap": Lifetime(0, "d")}, True),
        ({}, False),
        ({"state": "absent"}, False),
        ({"secret": "held"}, False),
    ],
)
def test_the_shape_is_the_same_in_check_mode_and_has_no_secret(options: dict[str, Any], has_secret: bool) -> None:
    world = MemoryPlatform()
    if options is not FIRST:
        token = world.add()
        if "secret" in options:
            options = {"secret": world.secret(token)}
    said = result_of(world, rehearse=True, **options)
    did = result_of(world, **options)
    assert said.keys() == did.keys()
    assert "secret" not in said["token"]
    assert ("secret" in did["token"]) == has_secret
    assert said["token"].keys() == did["token"].keys() - {"secret"}
    assert said["changed"] == did["changed"]
    assert "secret-of" not in json.dumps(said)


def test_nothing_there_and_nothing_wanted() -> None:
    assert result_of(MemoryPlatform(), state="absent") == {
        "changed": False,
        "action": "unchanged",
        "reasons": [],
        "token": None,
        "superseded": [],
        "retired": [],
    }


def test_what_stays_and_what_goes() -> None:
    world = MemoryPlatform()
    old, new = world.add(age=3 * DAY), world.add(age=2 * DAY)
    waiting = result_of(world, secret=world.secret(new), overlap=Lifetime(5, "d"))
    assert (waiting["changed"], waiting["retired"]) == (False, [])
    assert waiting["superseded"] == [{"id": old.id, "retire_after": "2026-11-25T10:00:00Z"}]
    gone = result_of(world, secret=world.secret(new))
    assert (gone["changed"], gone["retired"], gone["superseded"]) == (True, [old.id], [])


def test_what_has_no_date_to_go_has_none() -> None:
    world = MemoryPlatform()
    old = world.add(permissions="b", age=3 * DAY)
    world.add(age=2 * DAY)
    assert result_of(world, permissions=frozenset("a"))["superseded"] == [{"id": old.id, "retire_after": None}]


MINTED = Minted(
    token=Token(id="9", name="deploy", permissions=frozenset(), expires_at=NOW + DAY), secret=Secret("glpat-new-secret")
)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (TokensmithError("any"), {"error": "TokensmithError"}),
        (InvalidOption("url", "it is missing."), {"error": "InvalidOption"}),
        (NotKept("no"), {"error": "NotKept"}),
        (Unaccounted("two", [MINTED.token]), {"error": "Unaccounted"}),
        (AnswerLost("lost"), {"error": "AnswerLost"}),
        (AnswerLost("lost", token_id="12"), {"error": "AnswerLost", "token": {"id": "12"}}),
        (
            Undelivered("no", MINTED),
            {
                "error": "Undelivered",
                "changed": True,
                "token": {"id": "9", "name": "deploy", "status": "live", "secret": "glpat-new-secret"},
            },
        ),
    ],
)
def test_errors(error: TokensmithError, result: dict[str, Any]) -> None:
    assert error_result(error, NOW) == result
    assert "glpat" not in str(error)


def test_messages_have_option_problem_and_what_would_do() -> None:
    assert str(InvalidOption("url", "it is missing.", "Give it.")) == "url: it is missing. Give it."
    assert str(InvalidOption("url", "it is missing.")) == "url: it is missing."
    assert InvalidOption("url", "it is missing.").option == "url"
