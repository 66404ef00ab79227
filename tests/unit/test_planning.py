# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of judgements: tokens that are, a wish, what is known of the secret -> what to do and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import choosing, comparing, planning
from ansible_collections.tokensmith.access.plugins.module_utils.choosing import UNKNOWN, Holding
from ansible_collections.tokensmith.access.plugins.module_utils.comparing import Change
from ansible_collections.tokensmith.access.plugins.module_utils.errors import DriftRefused, InvalidOption, Unaccounted
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import NEVER, Expiry, Lifetime, midnight
from ansible_collections.tokensmith.access.plugins.module_utils.planning import Judgement
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import MintSpec, Policy, Token, WantedToken
from unit.memory_platform import CAPABILITIES, DAY, NOW, PROJECT, MemoryPlatform

MINUTE = timedelta(minutes=1)
MONTH = Expiry(after=Lifetime(30, "d"))
FOR_EVER = Expiry(after=NEVER)
ZERO = Lifetime(0, "d")
TERMS = MemoryPlatform()
UPDATING = MemoryPlatform(capabilities=replace(CAPABILITIES, updates=frozenset({"permissions", "description"})))
HELD = Secret("what the consumer has")


def token(number: int, age: timedelta = 10 * DAY, **attributes: Any) -> Token:
    """A live token of the name; its age decides which is newer."""
    return Token(
        **{
            "id": str(number),
            "name": "deploy",
            "permissions": frozenset(attributes.pop("permissions", "a")),
            "created_at": NOW - age,
            **attributes,
        }
    )


def wanted(**options: Any) -> WantedToken:
    if isinstance(options.get("permissions"), str):
        options["permissions"] = frozenset(options["permissions"])
    return WantedToken(**{"owner": PROJECT, "name": "deploy", **options})


def judge(
    wish: WantedToken, tokens: Sequence[Token], holding: Holding = UNKNOWN, terms: MemoryPlatform = TERMS
) -> Judgement:
    return planning.judge(wish, tokens, holding, terms, NOW)


def proven(number: int) -> Holding:
    return Holding("proven", str(number))


def ids(tokens: Sequence[Token]) -> list[str]:
    return [each.id for each in tokens]


def later(judgement: Judgement) -> dict[str, datetime | None]:
    return {each.token.id: each.after for each in judgement.later}


# --- nothing there ----------------------------------------------------------------------------------------------------

DEAD = {
    "revoked": token(1, revoked=True),
    "expired": token(2, expires_at=NOW),
    "of another name": token(3, name="other"),
    "of the name in capitals": token(4, name="Deploy"),
}


@pytest.mark.parametrize(
    ("tokens", "holding", "reasons"),
    [
        ([], UNKNOWN, ("missing",)),
        ([DEAD["revoked"]], UNKNOWN, ("revoked",)),
        ([DEAD["expired"]], UNKNOWN, ("expired",)),
        ([replace(DEAD["revoked"], created_at=NOW - 9 * DAY), DEAD["expired"]], UNKNOWN, ("revoked",)),
        ([replace(DEAD["expired"], created_at=NOW - 9 * DAY), DEAD["revoked"]], UNKNOWN, ("expired",)),
        ([DEAD["of another name"], DEAD["of the name in capitals"]], UNKNOWN, ("missing",)),
        ([], Holding("missing"), ("missing",)),
        ([DEAD["revoked"]], Holding("rejected"), ("revoked", "secret_rejected")),
        ([], Holding("foreign"), ("missing", "secret_foreign")),
    ],
)
def test_create(tokens: list[Token], holding: Holding, reasons: tuple[str, ...]) -> None:
    judgement = judge(wanted(permissions="ab", expiry=MONTH, description="why"), tokens, holding)
    assert (judgement.action, judgement.reasons, judgement.current) == ("create", reasons, None)
    assert judgement.mint == MintSpec(name="deploy", permissions=frozenset("ab"), expiry=MONTH, description="why")
    assert (judgement.retire, judgement.retire_after_mint, judgement.later) == ((), (), ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"expiry": MONTH},
            "permissions: needed: project platform/app has no live token named 'deploy', so one is to be made.",
        ),
        (
            {"permissions": "a"},
            "expires_in: needed: project platform/app has no live token named 'deploy', so one is to be made. "
            "Say never if it shall never end.",
        ),
    ],
)
def test_a_first_mint_is_to_be_told_all(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        judge(wanted(**options), [])
    assert str(failure.value) == message


def test_a_first_mint_needs_what_the_platform_says() -> None:
    terms = MemoryPlatform(capabilities=replace(CAPABILITIES, required={"project": frozenset({"access_level"})}))
    with pytest.raises(InvalidOption, match=r"^access_level: needed: project platform/app has no live token"):
        judge(wanted(permissions="a", expiry=MONTH), [], terms=terms)
    assert judge(wanted(permissions="a", expiry=MONTH, access_level=30), [], terms=terms).action == "create"


def test_a_first_mint_without_permissions_where_the_platform_has_such_tokens() -> None:
    terms = MemoryPlatform(capabilities=replace(CAPABILITIES, empty_permissions=True))
    judgement = judge(wanted(expiry=MONTH), [], terms=terms)
    assert judgement.mint is not None
    assert judgement.mint.permissions == frozenset()


# --- one live token ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {}),
        ({"permissions": "ab"}, {"permissions": "ba"}),
        ({"expiry": MONTH}, {"expires_at": NOW + 3 * DAY}),
        ({"expiry": Expiry(after=Lifetime(1, "d"))}, {"expires_at": NOW + 300 * DAY}),
        ({"expiry": FOR_EVER}, {}),
        ({"expiry": Expiry(on=date(2027, 2, 1))}, {"expires_at": midnight(date(2027, 2, 1))}),
        ({"description": "why"}, {"description": "why"}),
        ({"access_level": 30}, {"access_level": 30}),
        ({"all_projects": True}, {"all_projects": True, "projects": frozenset("p")}),
        ({"expiry": MONTH, "rotate_before": Lifetime(7, "d")}, {"expires_at": NOW + 7 * DAY + MINUTE}),
        ({"expiry": FOR_EVER, "rotate_before": Lifetime(7, "d")}, {}),
    ],
)
def test_unchanged(options: dict[str, Any], found: dict[str, Any]) -> None:
    one = token(1, **found)
    judgement = judge(wanted(**options), [one, *DEAD.values()])
    assert judgement == Judgement(action="unchanged", current=one)


DIFFERENCES = [
    ({"permissions": "ab"}, {}, "permissions_differ", {"permissions": Change(frozenset("a"), frozenset("ab"))}),
    ({"permissions": "b"}, {}, "permissions_differ", {"permissions": Change(frozenset("a"), frozenset("b"))}),
    ({"access_level": 30}, {"access_level": 20}, "access_level_differs", {"access_level": Change(20, 30)}),
    ({"description": "why"}, {}, "description_differs", {"description": Change(None, "why")}),
    (
        {"projects": frozenset("pq")},
        {"projects": frozenset("p")},
        "projects_differ",
        {"projects": Change(frozenset("p"), frozenset("pq"))},
    ),
    ({"all_projects": True}, {"all_projects": False}, "projects_differ", {"all_projects": Change(False, True)}),
    ({"expiry": FOR_EVER}, {"expires_at": NOW + DAY}, "expiry_differs", {"expiry": Change(NOW + DAY, FOR_EVER)}),
    ({"expiry": MONTH}, {}, "expiry_differs", {"expiry": Change(None, MONTH)}),
    (
        {"expiry": Expiry(on=date(2027, 2, 1))},
        {"expires_at": midnight(date(2027, 2, 2))},
        "expiry_differs",
        {"expiry": Change(midnight(date(2027, 2, 2)), Expiry(on=date(2027, 2, 1)))},
    ),
    (
        {"expiry": Expiry(on=date(2027, 2, 1))},
        {},
        "expiry_differs",
        {"expiry": Change(None, Expiry(on=date(2027, 2, 1)))},
    ),
]


@pytest.mark.parametrize(("options", "found", "reason", "changes"), DIFFERENCES)
def test_replace(options: dict[str, Any], found: dict[str, Any], reason: str, changes: dict[str, Change]) -> None:
    one = token(1, **found)
    judgement = judge(wanted(**options), [one])
    assert (judgement.action, judgement.reasons, judgement.current) == ("replace", (reason,), one)
    assert judgement.changes == changes
    assert judgement.mint is not None
    assert later(judgement) == {"1": None}
    assert judgement.retire_after_mint == ()


@pytest.mark.parametrize(("options", "found", "_reason", "_changes"), DIFFERENCES)
def test_on_drift_fail(options: dict[str, Any], found: dict[str, Any], _reason: str, _changes: Any) -> None:
    with pytest.raises(DriftRefused) as failure:
        judge(wanted(on_drift="fail", **options), [token(1, **found)])
    differing = next(iter(options)).replace("_", " ")
    assert str(failure.value) == (
        "on_drift: token 'deploy' of project platform/app (id 1 (created 2026-11-12T10:00:00Z, not known to have been used)) "
        f"differs in {differing}, which cannot be changed in place, and on_drift: fail forbids to replace it."
    )


@pytest.mark.parametrize("on_drift", ["replace", "fail"])
def test_update(on_drift: str) -> None:
    """What can be changed in place is, and that is no replacement."""
    wish = wanted(permissions="ab", description="why", on_drift=on_drift)
    judgement = judge(wish, [token(1)], terms=UPDATING)
    assert (judgement.action, judgement.reasons) == ("update", ("permissions_differ", "description_differs"))
    assert judgement.mint is None


def test_what_cannot_be_changed_in_place_makes_a_replacement_of_all() -> None:
    judgement = judge(wanted(permissions="ab", access_level=30), [token(1, access_level=20)], terms=UPDATING)
    assert (judgement.action, judgement.reasons) == ("replace", ("permissions_differ", "access_level_differs"))


def test_a_renewal_has_the_changes_with_it_rather_than_an_update() -> None:
    judgement = judge(wanted(state="rotated", permissions="ab"), [token(1)], terms=UPDATING)
    assert (judgement.action, judgement.reasons) == ("replace", ("permissions_differ", "requested"))
    assert judgement.mint is not None
    assert judgement.mint.permissions == frozenset("ab")


@pytest.mark.parametrize(
    ("options", "holding", "reasons"),
    [
        ({"state": "rotated"}, UNKNOWN, ("requested",)),
        ({"expiry": MONTH, "rotate_before": Lifetime(7, "d")}, UNKNOWN, ("expiring",)),
        ({"state": "rotated", "expiry": MONTH, "rotate_before": Lifetime(7, "d")}, UNKNOWN, ("expiring", "requested")),
        ({"id": "1", "secret": Secret("")}, Holding("missing"), ("secret_missing",)),
        ({"id": "1", "secret": HELD}, Holding("rejected"), ("secret_rejected",)),
        ({"id": "1", "secret": HELD}, Holding("foreign"), ("secret_foreign",)),
        ({"duplicates": "keep_newest", "secret": Secret("")}, Holding("missing"), ("secret_missing",)),
    ],
)
@pytest.mark.parametrize("on_drift", ["replace", "fail"])
def test_rotate(options: dict[str, Any], holding: Holding, reasons: tuple[str, ...], on_drift: str) -> None:
    """A new secret for a token that is as wanted: on_drift has no say in that."""
    one = token(1, expires_at=NOW + 7 * DAY, description="why", access_level=40)
    judgement = judge(wanted(on_drift=on_drift, **options), [one], holding)
    assert (judgement.action, judgement.reasons, judgement.in_place) == ("rotate", reasons, False)
    assert judgement.mint == MintSpec(
        name="deploy",
        permissions=frozenset("a"),
        expiry=options.get("expiry", Expiry(after=Lifetime(17, "d"))),
        description="why",
        access_level=40,
    )
    assert later(judgement) == {"1": None}


def test_rotate_in_place() -> None:
    judgement = judge(wanted(state="rotated", rotation="in_place", overlap=ZERO), [token(1)])
    assert (judgement.action, judgement.reasons, judgement.in_place) == ("rotate", ("requested",), True)
    assert (judgement.later, judgement.retire_after_mint) == ((), ())


def test_in_place_can_give_another_end() -> None:
    judgement = judge(wanted(expiry=MONTH, rotation="in_place", overlap=ZERO), [token(1)])
    assert (judgement.action, judgement.reasons, judgement.in_place) == ("rotate", ("expiry_differs",), True)


def test_in_place_cannot_change_what_a_token_may_do() -> None:
    judgement = judge(wanted(permissions="b", rotation="in_place", overlap=ZERO), [token(1)])
    assert (judgement.action, judgement.in_place, ids(judgement.retire_after_mint)) == ("replace", False, ["1"])


@pytest.mark.parametrize(
    ("options", "holding", "at_once"),
    [
        ({"overlap": ZERO}, UNKNOWN, True),
        ({"overlap": Lifetime(1, "d")}, UNKNOWN, False),
        # The play may die before it saves the new one (row 34, F11).
        ({"overlap": ZERO, "secret": HELD}, proven(1), False),
        ({"overlap": ZERO, "secret": HELD, "id": "1"}, Holding("rejected"), False),
    ],
)
def test_overlap_zero_is_taken_at_its_word_where_no_secret_was_presented(
    options: dict[str, Any], holding: Holding, at_once: bool
) -> None:
    judgement = judge(wanted(permissions="b", **options), [token(1)], holding)
    assert ids(judgement.retire_after_mint) == (["1"] if at_once else [])
    assert later(judgement) == ({} if at_once else {"1": None})


# --- what a successor copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expiry"),
    [
        ({}, FOR_EVER),
        ({"expires_at": midnight(date(2026, 12, 22))}, Expiry(after=Lifetime(40, "d"))),
        ({"expires_at": midnight(date(2027, 11, 12))}, Expiry(after=Lifetime(365, "d"))),
        # Minted late in the evening for a week: the server cut to midnight.
        (
            {"created_at": datetime(2026, 11, 20, 23, 59, tzinfo=UTC), "expires_at": midnight(date(2026, 11, 27))},
            Expiry(after=Lifetime(7, "d")),
        ),
        # Rotated in place yesterday: the life that it was given then.
        ({"updated_at": NOW - DAY, "expires_at": NOW + 6 * DAY}, Expiry(after=Lifetime(7, "d"))),
        ({"created_at": NOW - 6 * MINUTE, "expires_at": NOW + MINUTE}, Expiry(after=Lifetime(1, "d"))),
    ],
)
def test_a_lifetime_is_copied_in_days(found: dict[str, Any], expiry: Expiry) -> None:
    judgement = judge(wanted(state="rotated"), [token(1, **found)])
    assert judgement.mint is not None
    assert judgement.mint.expiry == expiry


def test_a_lifetime_that_cannot_be_told_has_to_be_given() -> None:
    one = token(1, created_at=None, expires_at=NOW + DAY)
    with pytest.raises(InvalidOption) as failure:
        judge(wanted(state="rotated"), [one])
    assert str(failure.value) == "expires_in: the lifetime of token 1 cannot be told from the server's answer. Give it."
    assert judge(wanted(state="rotated", expiry=MONTH), [one]).action == "rotate"


def test_all_projects_does_not_copy_the_projects() -> None:
    one = token(1, projects=frozenset("p"), all_projects=False)
    assert judge(wanted(state="rotated"), [one]).mint == MintSpec(
        name="deploy", permissions=frozenset("a"), expiry=FOR_EVER, projects=frozenset("p"), all_projects=False
    )
    mint = judge(wanted(all_projects=True), [one]).mint
    assert mint is not None
    assert (mint.projects, mint.all_projects) == (None, True)


# --- several live ones ------------------------------------------------------------------------------------------------

OLD, NEW = token(1, 10 * DAY), token(2, 2 * DAY)


@pytest.mark.parametrize(
    ("options", "holding"),
    [
        ({}, UNKNOWN),
        ({"state": "rotated"}, UNKNOWN),
        ({"permissions": "b"}, UNKNOWN),
        ({"secret": HELD}, proven(1)),
        ({"secret": Secret("")}, Holding("missing")),
        ({"secret": HELD}, Holding("rejected")),
        ({"secret": HELD}, Holding("foreign")),
        ({"state": "absent"}, UNKNOWN),
    ],
)
def test_what_nothing_explains_stops_the_run(options: dict[str, Any], holding: Holding) -> None:
    """Row 25, and 26: live tokens of the name, and nothing says which is in use."""
    with pytest.raises(Unaccounted) as failure:
        judge(wanted(**options), [NEW, OLD], holding)
    named = ["2"] if holding.state == "proven" else ["1", "2"]
    assert ids(failure.value.tokens) == named
    assert str(failure.value).startswith("duplicates: project platform/app has ")
    assert all(choosing.describe(each) in str(failure.value) for each in failure.value.tokens)
    assert "duplicates: keep_newest" in str(failure.value)


@pytest.mark.parametrize("holding", [Holding("missing"), Holding("rejected"), Holding("foreign")])
def test_even_one_live_token_is_unexplained_where_its_secret_is_not_held(holding: Holding) -> None:
    with pytest.raises(Unaccounted, match="has a live token named 'deploy': id 1 "):
        judge(wanted(secret=HELD), [OLD], holding)


@pytest.mark.parametrize(
    ("overlap", "after", "action"),
    [
        (ZERO, NOW - 2 * DAY, "retire"),
        (Lifetime(1, "d"), NOW - DAY, "retire"),
        (Lifetime(2, "d"), NOW, "retire"),
        (Lifetime(3, "d"), NOW + DAY, "unchanged"),
    ],
)
def test_once_the_newer_one_is_proven_the_older_goes_after_its_overlap(
    overlap: Lifetime, after: datetime, action: str
) -> None:
    """Row 34."""
    judgement = judge(wanted(secret=HELD, overlap=overlap), [OLD, NEW], proven(2))
    assert (judgement.action, judgement.current) == (action, NEW)
    if action == "retire":
        assert (judgement.reasons, ids(judgement.retire), judgement.later) == (("superseded",), ["1"], ())
    else:
        assert (judgement.reasons, judgement.retire, later(judgement)) == ((), (), {"1": after})


def test_what_is_younger_than_settle_is_another_runs_work_under_way() -> None:
    """Row 34, F13: made two minutes after the proven one, by another node perhaps."""
    young = token(3, 13 * MINUTE)
    wish = wanted(secret=HELD, overlap=ZERO, duplicates="keep_newest")
    judgement = judge(wish, [NEW, young], proven(2))
    assert (judgement.action, later(judgement)) == ("unchanged", {"3": NOW + 2 * MINUTE})
    judgement = judge(wish, [NEW, replace(young, created_at=NOW - choosing.SETTLE)], proven(2))
    assert (judgement.action, judgement.reasons, ids(judgement.retire)) == ("retire", ("duplicate",), ["3"])


def test_a_token_without_a_date_is_never_due() -> None:
    judgement = judge(wanted(secret=HELD, overlap=ZERO), [token(1, created_at=None), NEW], proven(2))
    assert (judgement.action, later(judgement)) == ("unchanged", {"1": None})


def test_keep_newest_keeps_the_proven_one() -> None:
    judgement = judge(wanted(secret=HELD, duplicates="keep_newest", overlap=Lifetime(1, "d")), [OLD, NEW], proven(1))
    assert (judgement.action, judgement.current, ids(judgement.retire)) == ("retire", OLD, ["2"])


def test_keep_newest_keeps_the_newest_where_none_is_proven() -> None:
    judgement = judge(wanted(duplicates="keep_newest"), [NEW, OLD])
    assert (judgement.action, judgement.reasons) == ("retire", ("duplicate",))
    assert (judgement.current, ids(judgement.retire)) == (NEW, ["1"])


def test_keep_newest_without_a_secret_retires_nothing_while_it_mints() -> None:
    """Row 25: others are retired later, never in the run that mints."""
    wish = wanted(duplicates="keep_newest", secret=Secret(""), overlap=ZERO)
    judgement = judge(wish, [OLD, NEW], Holding("missing"))
    assert (judgement.action, judgement.current) == ("rotate", NEW)
    assert (judgement.retire, judgement.retire_after_mint, later(judgement)) == ((), (), {"2": None, "1": None})


def test_predecessors_that_are_due_wait_while_a_new_one_is_minted() -> None:
    judgement = judge(wanted(permissions="b", secret=HELD, overlap=ZERO), [OLD, NEW], proven(2))
    assert judgement.action == "replace"
    assert (judgement.retire, judgement.retire_after_mint, later(judgement)) == ((), (), {"2": None, "1": None})


def test_a_newest_one_that_is_as_wanted_explains_older_ones_that_are_not() -> None:
    """Row 35: nothing is retired unless the server shows the successor in use."""
    other = replace(OLD, permissions=frozenset("b"))
    judgement = judge(wanted(permissions="a"), [other, NEW])
    assert (judgement.action, judgement.current, later(judgement)) == ("unchanged", NEW, {"1": None})


def test_an_expiring_one_is_explained_by_its_successor() -> None:
    dying = replace(OLD, expires_at=NOW + DAY)
    fresh = replace(NEW, expires_at=NOW + 30 * DAY)
    judgement = judge(wanted(expiry=MONTH, rotate_before=Lifetime(7, "d")), [dying, fresh])
    assert (judgement.action, judgement.current, later(judgement)) == ("unchanged", fresh, {"1": None})


@pytest.mark.parametrize(
    ("old_used", "new_used", "action"),
    [
        (None, None, "unchanged"),
        (NOW - 5 * DAY, None, "unchanged"),
        (None, NOW - DAY, "retire"),
        (NOW - 3 * DAY, NOW - DAY, "retire"),
        # Still used after the new one was: somebody has it yet.
        (NOW - MINUTE, NOW - DAY, "unchanged"),
    ],
)
def test_without_a_secret_use_is_the_only_evidence(
    old_used: datetime | None, new_used: datetime | None, action: str
) -> None:
    other = replace(OLD, permissions=frozenset("b"), last_used_at=old_used)
    judgement = judge(wanted(permissions="a"), [other, replace(NEW, last_used_at=new_used)])
    assert judgement.action == action
    assert ids(judgement.retire) == (["1"] if action == "retire" else [])


# --- chosen by id -----------------------------------------------------------------------------------------------------


def test_the_chosen_one_is_current_and_the_others_are_left_alone() -> None:
    assert judge(wanted(id="2"), [OLD, NEW]) == Judgement(action="unchanged", current=NEW)
    judgement = judge(wanted(id="1"), [OLD, NEW])
    assert (judgement.action, judgement.current, judgement.retire, judgement.later) == ("unchanged", OLD, (), ())
    assert ids(judgement.strangers) == ["2"]


def test_the_chosen_one_is_replaced_where_none_is_newer() -> None:
    judgement = judge(wanted(id="2", permissions="b"), [OLD, NEW])
    assert (judgement.action, judgement.current, later(judgement)) == ("replace", NEW, {"2": None})


@pytest.mark.parametrize("duplicates", ["fail", "keep_newest"])
def test_beside_newer_ones_the_chosen_one_is_not_replaced(duplicates: str) -> None:
    """They may be what an earlier run minted for it, and the next run would mint again."""
    with pytest.raises(Unaccounted) as failure:
        judge(wanted(id="1", permissions="b", duplicates=duplicates), [OLD, NEW])
    assert ids(failure.value.tokens) == ["2"]
    assert "keep_newest" not in str(failure.value), "what is advised has to help"
    assert "Choose the newest by id" in str(failure.value)


@pytest.mark.parametrize("state", ["present", "rotated"])
@pytest.mark.parametrize("tokens", [[], [NEW], [replace(OLD, revoked=True)], [replace(OLD, name="other")]])
def test_an_id_that_is_not_live_is_an_error(state: str, tokens: list[Token]) -> None:
    with pytest.raises(InvalidOption) as failure:
        judge(wanted(id="1", state=state), tokens)
    message = "id: 1 is no live token named 'deploy' of project platform/app."
    if tokens == [NEW]:
        message += " Live ones of that name: id 2 (created 2026-11-20T10:00:00Z, not known to have been used)."
    assert str(failure.value) == message


def test_the_chosen_one_has_taken_over_once_its_secret_is_presented() -> None:
    """Where a server cannot tell whose a secret is, its id has to be given with it. Newer ones stay unexplained."""
    newest = token(3, DAY)
    judgement = judge(wanted(id="2", secret=HELD, overlap=ZERO), [OLD, NEW, newest], proven(2))
    assert (judgement.action, judgement.reasons, judgement.current) == ("retire", ("superseded",), NEW)
    assert (ids(judgement.retire), ids(judgement.strangers)) == (["1"], ["3"])
    judgement = judge(wanted(id="2", secret=HELD, overlap=Lifetime(30, "d")), [OLD, NEW], proven(2))
    assert (judgement.action, ids(judgement.retire), list(later(judgement))) == ("unchanged", [], ["1"])
    assert judge(wanted(id="2", secret=HELD, overlap=ZERO), [OLD, NEW], Holding("rejected")).retire == ()


def test_an_id_beside_anothers_secret_is_an_error() -> None:
    with pytest.raises(InvalidOption, match=r"^id: 1 is given, but the secret is that of token 2\.$"):
        judge(wanted(id="1", secret=HELD), [OLD, NEW], proven(2))


# --- absent -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "tokens", "retired"),
    [
        ({}, [], None),
        ({}, list(DEAD.values()), None),
        ({}, [OLD, *DEAD.values()], ["1"]),
        ({"id": "1"}, [OLD, NEW], ["1"]),
        ({"id": "9"}, [OLD, NEW], None),
        ({"duplicates": "keep_newest"}, [NEW, OLD], ["1", "2"]),
        ({"expiry": Expiry(on=date(2020, 1, 1))}, [OLD], ["1"]),
    ],
)
def test_absent(options: dict[str, Any], tokens: list[Token], retired: list[str] | None) -> None:
    judgement = judge(wanted(state="absent", **options), tokens)
    if retired is None:
        assert judgement == Judgement(action="unchanged")
    else:
        assert (judgement.action, judgement.reasons, ids(judgement.retire)) == ("revoke", ("requested",), retired)
        assert judgement.current is not None
        assert judgement.current.id == retired[-1]


def test_an_end_in_the_past_is_refused() -> None:
    with pytest.raises(InvalidOption) as failure:
        judge(wanted(expiry=Expiry(on=date(2026, 11, 22))), [OLD])
    assert str(failure.value) == (
        "expires_at: 2026-11-22 is not in the future: a token ends at 00:00 UTC of that day, and it is 2026-11-22 10:00 UTC. "
        "Give a later date, or use expires_in."
    )


# --- ends, as exactly as the platform keeps them ----------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "kept"), [(timedelta(0), True), (DAY, True), (DAY + MINUTE, False)])
def test_a_platform_that_counts_days_is_compared_within_one(apart: timedelta, kept: bool) -> None:
    terms = MemoryPlatform(capabilities=CAPABILITIES)
    terms.capabilities = replace(CAPABILITIES, expiry_tolerance=DAY)
    end = midnight(date(2027, 2, 1))
    for found in (end + apart, end - apart):
        judgement = judge(wanted(expiry=Expiry(on=date(2027, 2, 1))), [token(1, expires_at=found)], terms=terms)
        assert (judgement.action == "unchanged") == kept
        spec = MintSpec(name="deploy", permissions=frozenset("a"), expiry=MONTH)
        assert (comparing.not_kept(spec, end, token(1, expires_at=found), terms) == {}) == kept


ASKED = MintSpec(name="deploy", permissions=frozenset("a"), expiry=MONTH, access_level=30, description="why")
GOT = token(1, access_level=30, description="why", expires_at=NOW + 30 * DAY)


@pytest.mark.parametrize(
    ("got", "changes"),
    [
        ({}, {}),
        ({"name": "depl"}, {"name": Change("depl", "deploy")}),
        ({"permissions": frozenset("ab")}, {"permissions": Change(frozenset("ab"), frozenset("a"))}),
        ({"permissions": frozenset()}, {"permissions": Change(frozenset(), frozenset("a"))}),
        ({"access_level": 20}, {"access_level": Change(20, 30)}),
        ({"description": None}, {"description": Change(None, "why")}),
        ({"expires_at": None}, {"expires_at": Change(None, NOW + 30 * DAY)}),
        ({"expires_at": NOW + 29 * DAY}, {"expires_at": Change(NOW + 29 * DAY, NOW + 30 * DAY)}),
        # Not asked for, so not compared.
        ({"projects": frozenset("p"), "all_projects": False}, {}),
    ],
)
def test_what_the_server_made_different(got: dict[str, Any], changes: dict[str, Change]) -> None:
    assert comparing.not_kept(ASKED, NOW + 30 * DAY, replace(GOT, **got), TERMS) == changes


def test_an_end_that_was_not_asked_for_is_a_difference() -> None:
    assert comparing.not_kept(ASKED, None, GOT, TERMS) == {"expires_at": Change(NOW + 30 * DAY, None)}


def test_no_description_and_an_empty_one_are_the_same() -> None:
    asked = replace(ASKED, description="")
    assert comparing.not_kept(asked, NOW + 30 * DAY, replace(GOT, description=None), TERMS) == {}


# --- wishes that make no sense ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: it is empty. Give the name by which the token is known within its owner."),
        ({"name": "  "}, "name: it is empty. Give the name by which the token is known within its owner."),
        ({"name": "n" * 256}, "name: it has 256 characters, and the platform allows 255."),
        ({"name": "🔑" * 128}, "name: it has 256 characters, and the platform allows 255."),
        ({"name": "a\x1b[2Jb"}, r"name: a\x1b[2Jb has control characters. Use printable characters only."),
        ({"name": "a\nb"}, r"name: a\nb has control characters. Use printable characters only."),
        (
            {"rotate_before": Lifetime(7, "d")},
            "rotate_before: it needs expires_in, so that the successor's lifetime is known.",
        ),
        (
            {"rotate_before": Lifetime(7, "d"), "expiry": Expiry(on=date(2027, 2, 1))},
            "rotate_before: it needs expires_in, so that the successor's lifetime is known.",
        ),
        (
            {"rotate_before": Lifetime(30, "d"), "expiry": MONTH},
            "rotate_before: 30d is not shorter than expires_in: 30d, so every run would mint. Give a shorter one.",
        ),
        (
            {"rotate_before": Lifetime(28, "d"), "expiry": Expiry(after=Lifetime(1, "mo"))},
            "rotate_before: 28d is not shorter than expires_in: 1mo, so every run would mint. Give a shorter one.",
        ),
        (
            {"rotation": "in_place"},
            "rotation: in_place ends the old secret at once, so nothing can overlap. "
            "Say overlap: 0 to accept that, or use rotation: successor.",
        ),
    ],
)
def test_check_wish_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        planning.check_wish(wanted(**options), 255)
    assert str(failure.value) == message


@pytest.mark.parametrize(
    "options",
    [
        {"name": "n" * 255},
        {"name": "Zugang für früh, 早"},
        {"rotate_before": Lifetime(29, "d"), "expiry": MONTH},
        {"rotate_before": Lifetime(27, "d"), "expiry": Expiry(after=Lifetime(1, "mo"))},
        {"rotate_before": Lifetime(27, "d"), "expiry": FOR_EVER},
        {"rotation": "in_place", "overlap": ZERO},
        {"rotation": "in_place", "state": "absent"},
    ],
)
def test_check_wish_lets_pass(options: dict[str, Any]) -> None:
    planning.check_wish(wanted(**options), 255)


# --- the server's own rules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "policy", "message"),
    [
        (FOR_EVER, None, None),
        (FOR_EVER, Policy(max_lifetime_days=30), None),
        (
            FOR_EVER,
            Policy(require_expiry=True),
            "expires_in: the server refuses tokens that never expire. Give a lifetime.",
        ),
        (
            FOR_EVER,
            Policy(require_expiry=True, max_lifetime_days=30),
            "expires_in: the server refuses tokens that never expire. Give a lifetime of at most 30 days.",
        ),
        (MONTH, Policy(max_lifetime_days=30, require_expiry=True), None),
        (Expiry(after=Lifetime(365, "d")), Policy(max_lifetime_days=365), None),
        (
            Expiry(after=Lifetime(400, "d")),
            Policy(max_lifetime_days=365),
            "expires_in: 400d is 400 days from now, and the server allows 365. Give expires_in: 365d or less.",
        ),
        (
            Expiry(after=Lifetime(12, "mo")),
            Policy(max_lifetime_days=364),
            "expires_in: 12mo is 365 days from now, and the server allows 364. Give expires_in: 364d or less.",
        ),
        (Expiry(on=date(2026, 12, 22)), Policy(max_lifetime_days=30), None),
        (
            Expiry(on=date(2026, 12, 23)),
            Policy(max_lifetime_days=30),
            "expires_at: 2026-12-23 is 31 days from now, and the server allows 30. Give expires_in: 30d or less.",
        ),
    ],
)
def test_refuse_by_policy(expiry: Expiry, policy: Policy | None, message: str | None) -> None:
    spec = MintSpec(name="deploy", permissions=frozenset("a"), expiry=expiry)
    if message is None:
        planning.refuse_by_policy(spec, policy, NOW)
        return
    with pytest.raises(InvalidOption) as failure:
        planning.refuse_by_policy(spec, policy, NOW)
    assert str(failure.value) == message
