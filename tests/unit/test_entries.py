# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of tokens and what they have in common, as options -> wishes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.arguments import TOKEN, TOKEN_SET, without_defaults
from ansible_collections.tokensmith.access.plugins.module_utils.errors import InvalidOption
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef, WantedToken
from ansible_collections.tokensmith.access.plugins.module_utils.wishes import DEFAULTS, entries_from, wish_from

EMPTY: dict[str, Any] = dict.fromkeys(TOKEN)
DIRECTORY, HELPER = {"type": "directory", "path": "/s"}, {"type": "credential_helper", "helper": "pass"}


def entry(name: str = "ci", **given: Any) -> dict[str, Any]:
    """An entry as Ansible hands it over: every option is there, and None where it was not given."""
    return {**EMPTY, "name": name, **given}


def wishes(*entries: dict[str, Any], **options: Any) -> list[WantedToken]:
    return [wish for _label, wish, _store in entries_from({"tokens": list(entries), **options})]


def test_what_an_entry_does_not_say_comes_from_defaults_and_then_from_the_option() -> None:
    common = {**EMPTY, "owner": {"project": "a/b"}, "permissions": ["x"], "overlap": "3d", "access_level": 20}
    first, second = wishes(entry("one", permissions=["y"], overlap="0"), entry("two"), defaults=common)
    assert first.owner == second.owner == OwnerRef("project", "a/b")
    assert (first.permissions, second.permissions) == (frozenset("y"), frozenset("x"))
    assert (str(first.overlap), str(second.overlap)) == ("0", "3d")
    assert (first.rotation, first.state, first.duplicates) == ("successor", "present", "fail")
    assert first.description is None, "what nobody says is not managed"


def test_an_entry_is_what_the_same_options_are_for_one_token() -> None:
    given = {"owner": {"user": "x"}, "permissions": ["a"], "expires_in": "90d", "rotate_before": "30d"}
    assert wishes(entry(**given)) == [wish_from({**EMPTY, **DEFAULTS, "name": "ci", **given})]


def test_false_and_nothing_are_said_too() -> None:
    common = {"all_projects": True, "allow_self": True, "permissions": ["a"], "return_secret": True}
    (wish,) = wishes(entry(all_projects=False, allow_self=False, permissions=[], return_secret=False), defaults=common)
    assert (wish.all_projects, wish.allow_self, wish.permissions, wish.return_secret) == (
        False,
        False,
        frozenset(),
        False,
    )


@pytest.mark.parametrize(
    ("common", "own", "end"),
    [
        ({"expires_in": "90d"}, {"expires_at": "2027-05-01"}, "2027-05-01"),
        ({"expires_at": "2027-05-01"}, {"expires_in": "never"}, "never"),
        ({"expires_in": "90d"}, {"expires_in": "30d"}, "30d"),
        ({"expires_in": "90d"}, {}, "90d"),
        ({"expires_at": "2027-05-01"}, {}, "2027-05-01"),
    ],
)
def test_an_entry_s_own_end_takes_the_place_of_a_default_of_either_kind(
    common: dict[str, str], own: dict[str, str], end: str
) -> None:
    (wish,) = wishes(entry(**own), defaults=common)
    assert str(wish.expiry) == end


def test_an_owner_is_taken_as_a_whole() -> None:
    """A project's token does not become one of the default's group as well."""
    (wish,) = wishes(entry(owner={"project": "a/b"}), defaults={"owner": {"group": "a"}})
    assert wish.owner == OwnerRef("project", "a/b")


def test_the_store_is_the_entry_s_own_or_the_task_s() -> None:
    found = [store for *_rest, store in entries_from({"tokens": [entry(store=HELPER), entry("b")], "store": DIRECTORY})]
    assert found == [HELPER, DIRECTORY]
    assert [store for *_rest, store in entries_from({"tokens": [entry()], "store": None})] == [None]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"secret": "glpat-1234567890", "store": DIRECTORY}, "secret: there is a store"),
        ({"permissions": [""]}, "permissions: an item of it is blank"),
        ({"expires_in": "tomorrow"}, "expires_in"),
        ({"owner": {"project": None}}, "owner: it is there but names nobody"),
    ],
)
def test_a_mistake_says_where_it_is(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        wishes(entry("fine"), entry("ci", **wrong))
    assert str(caught.value).startswith("tokens[1] (ci): ")
    assert told in str(caught.value)
    assert "glpat" not in str(caught.value)


def test_no_default_of_an_option_hides_that_it_was_not_given() -> None:
    for options in (TOKEN_SET["tokens"]["options"], TOKEN_SET["defaults"]["options"]):
        assert not [name for name, option in options.items() if "default" in option]
    assert without_defaults({"a": {"type": "str", "default": "x"}}) == {"a": {"type": "str"}}
    assert {name: option["default"] for name, option in TOKEN.items() if "default" in option} == DEFAULTS
