# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns: owners and tokens, as values and in results."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import (
    Owner,
    OwnerRef,
    Token,
    WantedToken,
    age_order,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLATFORM = Owner("group", "3", "platform")


@pytest.mark.parametrize(
    ("expires_at", "revoked", "status"),
    [
        (None, False, "live"),
        (NOW + SECOND, False, "live"),
        (NOW, False, "expired"),
        (NOW - SECOND, False, "expired"),
        (NOW + SECOND, True, "revoked"),
        (NOW - SECOND, True, "revoked"),
    ],
)
def test_status(expires_at: datetime | None, revoked: bool, status: str) -> None:
    token = Token(id="1", name="deploy", permissions=frozenset(), expires_at=expires_at, revoked=revoked)
    assert token.status(NOW) == status
    assert token.live(NOW) == (status == "live")


def test_a_token_in_a_result() -> None:
    token = Token(
        id="17",
        name="deploy",
        permissions=frozenset({"write_repository", "api"}),
        access_level=30,
        projects=frozenset({"b", "a"}),
        all_projects=False,
        description="why",
        created_at=datetime(2026, 11, 1, 8, 30, 15, 123, tzinfo=UTC),
        expires_at=datetime(2026, 12, 22, tzinfo=UTC),
        last_used_at=datetime(2026, 11, 21, 7, 0, tzinfo=UTC),
    )
    assert token.as_result(Owner("service_account", "9", "bot", PLATFORM), NOW) == {
        "id": "17",
        "name": "deploy",
        "owner": {"kind": "service_account", "id": "9", "name": "bot", "group": "platform"},
        "permissions": ["api", "write_repository"],
        "access_level": 30,
        "projects": ["a", "b"],
        "all_projects": False,
        "description": "why",
        "created_at": "2026-11-01T08:30:15Z",
        "expires_at": "2026-12-22",
        "days_left": 29,
        "last_used_at": "2026-11-21T07:00:00Z",
        "status": "live",
    }


def test_a_token_of_which_little_is_known_has_the_same_keys() -> None:
    known = Token(id="", name="deploy", permissions=frozenset()).as_result(PLATFORM, NOW)
    assert known == {
        "id": None,
        "name": "deploy",
        "owner": {"kind": "group", "id": "3", "name": "platform"},
        "permissions": [],
        "status": "live",
        **dict.fromkeys(
            (
                *("access_level", "projects", "all_projects", "description"),
                *("created_at", "expires_at", "days_left", "last_used_at"),
            )
        ),
    }


def test_the_oldest_first_and_without_dates_by_number() -> None:
    def token(number: str, created_at: datetime | None) -> Token:
        return Token(id=number, name="deploy", permissions=frozenset(), created_at=created_at)

    ordered = [
        token("9", None),
        token("10", None),
        token("30", NOW - 2 * SECOND),
        token("4", NOW - SECOND),
        token("5", NOW - SECOND),
        token("a-uuid", NOW),
        token("b-uuid", NOW),
    ]
    for seed in range(5):
        shuffled = random.Random(seed).sample(ordered, len(ordered))
        assert sorted(shuffled, key=age_order) == ordered


@pytest.mark.parametrize(
    ("owner", "key"),
    [
        (Owner("project", "7", "platform/app"), "project/7"),
        # Renamed, or named by another: the same lock, the same place in a store.
        (Owner("project", "7", "moved/app"), "project/7"),
        (Owner("user", "9", "bot"), "user/9"),
        (Owner("service_account", "9", "bot", PLATFORM), "user/9"),
        (Owner("user", "9", "bot", caller=True), "user/9"),
        (Owner("user", "9", "bot", shelf="impersonation"), "user/9/impersonation"),
    ],
)
def test_what_locks_and_stores_know_an_owner_by(owner: Owner, key: str) -> None:
    assert owner.key == key


def test_whether_it_is_the_caller_makes_no_other_owner() -> None:
    assert Owner("user", "9", "bot", caller=True) == Owner("user", "9", "bot")


def test_owners_in_messages() -> None:
    assert str(Owner("service_account", "9", "bot")) == "service account bot"
    assert str(OwnerRef("self")) == "the caller itself"
    assert str(OwnerRef("project", "platform/app")) == "project platform/app"
    assert (
        str(OwnerRef("service_account", "bot", OwnerRef("group", "platform")))
        == "service account bot of group platform"
    )


def test_what_is_managed() -> None:
    wish = WantedToken(
        owner=OwnerRef("self"), name="deploy", permissions=frozenset(), all_projects=False, description=""
    )
    assert wish.managed() == {"permissions": frozenset(), "all_projects": False, "description": ""}
    assert wish.with_values(description="why").managed()["description"] == "why"
    assert wish.description == ""
