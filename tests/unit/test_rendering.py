# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.comparing import Change
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.rendering import PlanLine, plan_line, render
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import MintSpec, Owner, Token, WantedToken
from unit.memory_platform import CAPABILITIES, DAY, NOW, PROJECT, Manners, MemoryPlatform, live

URL = "https://gitlab.example.com"
PROJECT_OWNER = Owner("project", "7", "platform/app")
GROUP_OWNER = Owner("group", "3", "platform")
BOT = Owner("service_account", "9", "build-bot")


def minted(action: str, reasons: tuple[str, ...], permissions: str, **options: Any) -> Outcome:
    """A mint of a token that lasts 89 days and a bit."""
    expires_at = options.pop("expires_at", NOW.replace(hour=0) + 89 * DAY)
    granted = frozenset(permissions.split())
    return Outcome(
        action=action,
        now=NOW,
        reasons=reasons,
        token=Token(id="1", name="any", permissions=granted, expires_at=expires_at),
        spec=MintSpec(name="any", permissions=granted, expiry=Expiry(after=Lifetime(90, "d"))),
        secret=Secret("glpat-never-shown"),
        **options,
    )


OLD = Token(id="8", name="nightly", permissions=frozenset(), expires_at=NOW + 6 * DAY + timedelta(hours=1))
UPDATED = Outcome(
    action="update",
    now=NOW,
    reasons=("permissions_differ",),
    changes={"permissions": Change(frozenset({"REPO_READ", "REPO_ADMIN"}), frozenset({"REPO_READ", "REPO_WRITE"}))},
)
UNCHANGED = Outcome(action="unchanged", now=NOW)
LINES = [
    plan_line(PROJECT_OWNER, "deploy", minted("create", ("missing",), "write_repository read_repository")),
    plan_line(Owner("repository", "5", "PAY/api"), "ci", UPDATED),
    plan_line(GROUP_OWNER, "reporter", minted("replace", ("permissions_differ", "expiry_differs"), "read_api")),
    plan_line(BOT, "nightly", minted("rotate", ("expiring",), "api", before=OLD)),
    plan_line(PROJECT_OWNER, "spare", Outcome(action="retire", now=NOW, reasons=("superseded",), retired=("4", "5"))),
    plan_line(PROJECT_OWNER, "old-ci", Outcome(action="revoke", now=NOW, reasons=("undeclared",), retired=("6",))),
    *[plan_line(GROUP_OWNER, f"token-{number}", UNCHANGED) for number in range(12)],
]

PLAN = """\
gitlab https://gitlab.example.com    18 tokens, 4 owners
  + create   project platform/app       deploy    read_repository write_repository, until 2027-02-19  missing
  ~ update   repository PAY/api         ci        +REPO_WRITE -REPO_ADMIN                             permissions_differ
-/+ replace  group platform             reporter  read_api, until 2027-02-19                          permissions_differ expiry_differs
  ↻ rotate   service account build-bot  nightly   api, until 2027-02-19                               expiring (6 days left)
  - retire   project platform/app       spare                                                         superseded (id 4, 5)
  - revoke   project platform/app       old-ci                                                        undeclared (id 6)
Plan: 1 to create, 1 to update, 1 to replace, 1 to rotate, 1 to retire, 1 to revoke, 12 unchanged.
"""


def test_a_plan() -> None:
    assert render("gitlab", URL, LINES, done=False) == PLAN


def test_what_was_done() -> None:
    assert render("gitlab", URL, LINES, done=True).splitlines() == [
        *PLAN.splitlines()[:-1],
        "Done: 1 created, 1 updated, 1 replaced, 1 rotated, 1 retired, 1 revoked, 12 unchanged.",
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], "gitlab https://gitlab.example.com    0 tokens, 0 owners\nPlan: 0 unchanged.\n"),
        (LINES[-1:], "gitlab https://gitlab.example.com    1 token, 1 owner\nPlan: 1 unchanged.\n"),
        (
            LINES[:1],
            "gitlab https://gitlab.example.com    1 token, 1 owner\n"
            "  + create  project platform/app  deploy  read_repository write_repository, until 2027-02-19  missing\n"
            "Plan: 1 to create.\n",
        ),
        (
            LINES[5:6],
            "gitlab https://gitlab.example.com    1 token, 1 owner\n"
            "  - revoke  project platform/app  old-ci  undeclared (id 6)\n"
            "Plan: 1 to revoke.\n",
        ),
    ],
)
def test_small_plans(lines: list[PlanLine], text: str) -> None:
    assert render("gitlab", URL, lines, done=False) == text


def test_large_numbers_are_readable() -> None:
    text = render("gitlab", URL, [replace(LINES[-1], owner=str(number)) for number in range(1234)], done=False)
    assert text.startswith("gitlab https://gitlab.example.com    1,234 tokens, 1,234 owners\n")


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        (minted("create", ("missing",), "", expires_at=None), "no permissions, for ever"),
        (minted("create", ("missing",), "b a", expires_at=NOW), "a b, until 2026-11-22"),
        (
            replace(UPDATED, changes={"description": Change(None, "nightly"), "all_projects": Change(False, True)}),
            "description: None -> nightly, all_projects: False -> True",
        ),
        (replace(UPDATED, changes={"projects": Change(None, frozenset("qp"))}), "+p +q"),
        (UNCHANGED, ""),
    ],
)
def test_what_a_line_says(outcome: Outcome, what: str) -> None:
    assert plan_line(PROJECT_OWNER, "deploy", outcome).what == what


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(days=1, hours=3), "expiring (1 day left)"),
        (timedelta(hours=3), "expiring (0 days left)"),
        (timedelta(days=29), "expiring (29 days left)"),
    ],
)
def test_how_long_an_expiring_token_still_has(left: timedelta, shown: str) -> None:
    outcome = minted("rotate", ("expiring",), "api", before=replace(OLD, expires_at=NOW + left))
    assert plan_line(BOT, "nightly", outcome).reasons == shown


@pytest.mark.parametrize(("rotation", "overlap"), [("successor", "1d"), ("successor", "0"), ("in_place", "0")])
def test_the_days_left_are_those_of_the_token_that_expires(rotation: str, overlap: str) -> None:
    """Not of one that it took over from itself and that is not yet due."""
    world = MemoryPlatform()
    world.add(age=2 * DAY, lasts=100 * DAY)
    world.add(age=timedelta(hours=1), lasts=5 * DAY)
    wish = WantedToken(
        owner=PROJECT,
        name="deploy",
        expiry=Expiry(after=Lifetime(30, "d")),
        rotate_before=Lifetime(7, "d"),
        duplicates="keep_newest",
        rotation=rotation,
        overlap=Lifetime(int(overlap[0]), "d"),
    )
    outcome = live(world, wish, rehearse=True)
    assert plan_line(PROJECT_OWNER, "deploy", outcome).reasons == "expiring (4 days left)"


def test_other_peoples_text_cannot_draw() -> None:
    """Names come from servers and manifests."""
    outcome = replace(
        UPDATED, changes={"description": Change("\x1b[2J", "a\nPlan: 99 to revoke.")}, reasons=("description_differs",)
    )
    line = plan_line(Owner("project", "7", "evil\r\x1b[1A"), "na\u202eme", outcome)
    text = render("gitlab", URL, [line], done=False)
    assert text.splitlines()[1] == (
        r"  ~ update  project evil\r\x1b[1A  na\u202eme  description: \x1b[2J -> a\nPlan: 99 to revoke.  description_differs"
    )
    assert len(text.splitlines()) == 3


def test_no_secret_is_in_a_plan() -> None:
    assert "glpat" not in render("gitlab", URL, LINES, done=True)


def test_a_real_run_as_it_is_shown() -> None:
    world = MemoryPlatform(Manners(), replace(CAPABILITIES, updates=frozenset({"permissions"})))
    shown = []
    for options in (
        {"permissions": frozenset("a"), "expiry": Expiry(after=Lifetime(90, "d"))},
        {"permissions": frozenset("ab")},
        {"state": "rotated", "overlap": Lifetime(0, "d")},
        {},
        {"state": "absent"},
    ):
        outcome = live(world, WantedToken(**{"owner": PROJECT, "name": "deploy", **options}))
        shown.append(render("memory", URL, [plan_line(PROJECT_OWNER, "deploy", outcome)], done=True).splitlines()[1:])
    assert shown == [
        ["  + create  project platform/app  deploy  a, until 2027-02-20  missing", "Done: 1 created."],
        ["  ~ update  project platform/app  deploy  +b  permissions_differ", "Done: 1 updated."],
        ["  ↻ rotate  project platform/app  deploy  a b, until 2027-02-20  requested", "Done: 1 rotated."],
        ["Done: 1 unchanged."],
        ["  - revoke  project platform/app  deploy  requested (id 102)", "Done: 1 revoked."],
    ]
