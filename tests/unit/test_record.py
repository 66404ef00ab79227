# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record takes for a mint's leftovers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.record import Record, Window
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Token

#: The time of a listing: what a `Date` header says, in whole seconds, while the server dates tokens more finely.
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("created", [0, 0.7, -5])
def test_what_appeared_while_a_mint_is_under_way_is_its_own(created: float) -> None:
    token = Token(id="2", name="deploy", permissions=frozenset(), created_at=NOW + timedelta(seconds=created))
    record = Record(window=Window(NOW - timedelta(seconds=5), frozenset({"1"})))
    assert record.orphans([token], NOW, spare=frozenset()) == (token,)


@pytest.mark.parametrize("created", [-6, 900.1])
def test_what_was_there_before_or_came_afterwards_is_not(created: float) -> None:
    token = Token(id="2", name="deploy", permissions=frozenset(), created_at=NOW + timedelta(seconds=created))
    window = Window(NOW - timedelta(seconds=5), frozenset({"1"}), end=NOW + timedelta(minutes=15))
    assert record_orphans(window, token) == ()


def record_orphans(window: Window, token: Token) -> tuple[Token, ...]:
    return Record(window=window).orphans([token], NOW + timedelta(hours=1), spare=frozenset())
