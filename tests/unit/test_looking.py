# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tokens are picked, how they are counted, and how owners are gone through."""

from __future__ import annotations

import gc
import json
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.tokensmith.access.plugins.module_utils import choosing, looking, planning, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotPermitted,
    OwnerNotFound,
    TokensmithError,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, Lifetime, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.looking import Findings, Question
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.gitlab import GitLab
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner, OwnerRef, Token, WantedToken
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Refusal
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LIVE = frozenset({"live"})
ANY = frozenset({"live", "expired", "revoked"})
GROUP = Owner("group", "1", "platform")
TEAM = Owner("group", "2", "platform/team")
APP = Owner("project", "1", "platform/app")
ADA = Owner("user", "3", "ada")


def token(name: str = "ci", *, id: str = "1", **more: Any) -> Token:
    """A live token that was never used and never ends, unless said otherwise."""
    return Token(**{"id": id, "name": name, "permissions": frozenset({"api"}), "created_at": NOW, **more})


def days(count: float) -> datetime:
    """So many days from now."""
    return NOW + timedelta(days=count)


def duration(text: str) -> Lifetime:
    return parse_lifetime("test", text)


SPECIMENS = {
    "live": token(expires_at=days(40)),
    "expiring": token(expires_at=days(7)),
    "undated": token(),
    "expired": token(expires_at=days(-1)),
    "revoked": token(revoked=True, expires_at=days(7)),
    "used": token(expires_at=days(40), created_at=days(-90), last_used_at=days(-1)),
    "idle": token(expires_at=days(40), created_at=days(-90), last_used_at=days(-60)),
    "never used, old": token(expires_at=days(40), created_at=days(-90)),
    "never used, no date": token(expires_at=days(40), created_at=None),
    "other name": token("ci2", expires_at=days(40)),
}


@pytest.mark.parametrize(
    ("question", "picked"),
    [
        ({"statuses": LIVE}, set(SPECIMENS) - {"expired", "revoked"}),
        ({"statuses": frozenset({"expired"})}, {"expired"}),
        ({"statuses": frozenset({"revoked"})}, {"revoked"}),
        ({"name": "ci2"}, {"other name"}),
        ({"name": "CI2"}, set()),
        ({"name": "c"}, set()),
        ({"never_expires": True}, {"undated"}),
        ({"never_expires": False}, set(SPECIMENS) - {"undated"}),
        ({"expires_within": "7d"}, {"expiring", "expired", "revoked"}),
        ({"expires_within": "6d"}, {"expired"}),
        ({"expires_within": "2mo"}, set(SPECIMENS) - {"undated"}),
        ({"expires_within": "7d", "statuses": LIVE}, {"expiring"}),
        ({"unused_for": "60d"}, {"idle", "never used, old", "never used, no date"}),
        ({"unused_for": "61d"}, {"never used, old", "never used, no date"}),
        ({"unused_for": "1d"}, {"used", "idle", "never used, old", "never used, no date"}),
        ({"unused_for": "30d", "expires_within": "7d"}, set()),
    ],
)
def test_which_tokens_are_picked(question: dict[str, Any], picked: set[str]) -> None:
    times = {name: duration(question[name]) for name in ("expires_within", "unused_for") if name in question}
    asked = Question(**{"statuses": ANY, **question, **times})
    assert {name for name, each in SPECIMENS.items() if asked.picks(each, NOW)} == picked


DURATIONS = st.builds(Lifetime, st.integers(1, 400), st.sampled_from(["d", "w", "mo", "y"]))
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(DURATIONS, MOMENTS, MOMENTS)
def test_what_is_shown_as_expiring_is_what_rotate_before_replaces(time: Lifetime, now: datetime, end: datetime) -> None:
    each = token(expires_at=end)
    wish = WantedToken(
        owner=OwnerRef("self"),
        name="ci",
        permissions=frozenset({"api"}),
        expiry=Expiry(after=duration("1000y")),
        rotate_before=time,
    )
    judged = planning.judge(wish, [each], choosing.UNKNOWN, _Terms(), now)
    if each.live(now):
        assert Question(statuses=LIVE, expires_within=time).picks(each, now) == ("expiring" in judged.reasons)
    else:
        assert judged.action == "create"


class _Terms:
    capabilities = GitLab.capabilities

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool:
        return wanted == found


@given(DURATIONS, st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_no_date_that_a_server_may_show_is_too_far_away(time: Lifetime, day: date) -> None:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC)
    each = token(expires_at=end, last_used_at=end)
    question = Question(statuses=ANY, expires_within=time, unused_for=time)
    assert question.picks(each, NOW) in (True, False)


def test_never_expiring_within_a_time_is_a_contradiction() -> None:
    with pytest.raises(InvalidOption, match="expires_within: it contradicts never_expires: true"):
        Question(statuses=LIVE, never_expires=True, expires_within=duration("7d"))
    Question(statuses=LIVE, never_expires=False, expires_within=duration("7d"))


# Options


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"owners": []}, r"^owners: it is there but empty\. Give owners, or leave it out"),
        ({"owners": [{"user": "a"}, {}]}, r"^owners\[1\]: it is there but names nobody"),
        ({"owners": [None]}, r"^owners\[0\]: it is there but names nobody"),
        ({"owners": [{"user": " "}]}, r"^owners\[0\]\.user: it is empty"),
        ({"owners": [{"user": "a", "project": "b"}]}, r"^owners\[0\]: project and user are given"),
        ({"owner": {"user": None}}, r"^owner: it is there but names nobody"),
    ],
)
def test_owners_that_make_no_sense(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        wishes.owners_from(options)


def test_owners_as_they_are_written() -> None:
    assert wishes.owners_from({}) == [OwnerRef("self")]
    assert wishes.owners_from({"owner": {"user": "ada", "project": None}}) == [OwnerRef("user", "ada")]
    named = [{"group": "platform"}, {"service_account": "bot", "group": "platform"}]
    group = OwnerRef("group", "platform")
    assert wishes.owners_from({"owners": named}) == [group, OwnerRef("service_account", "bot", group)]


def options(**given_ones: Any) -> dict[str, Any]:
    """The module's options with their defaults."""
    nothing = dict.fromkeys(("name", "expires_within", "unused_for", "never_expires"))
    return {"status": ["live"], **nothing, **given_ones}


@pytest.mark.parametrize(
    ("given_ones", "complaint"),
    [
        ({"status": []}, r"^status: it is empty\. Give one or more of live, expired and revoked"),
        ({"name": ""}, r"^name: it is empty"),
        ({"expires_within": "0"}, r"^expires_within: '0' is not a duration"),
        ({"expires_within": "never"}, r"^expires_within: 'never' is not a duration"),
        ({"unused_for": "30"}, r"^unused_for: '30' is not a duration\. Give a number of days, weeks, months or years"),
    ],
)
def test_questions_that_make_no_sense(given_ones: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        looking.question_from(options(**given_ones))


def test_a_question_as_it_is_written() -> None:
    asked = looking.question_from(options(status=["live", "revoked"], name="ci", unused_for="2w", never_expires=False))
    assert asked == Question(
        statuses=frozenset({"live", "revoked"}), name="ci", unused_for=Lifetime(2, "w"), never_expires=False
    )


# Counting


def counted(question: Question, *found: tuple[Owner, list[Token]], shows_last_use: bool = True) -> dict[str, Any]:
    findings = Findings(question)
    for owner, tokens in found:
        findings.begin(owner)
        for each in tokens:
            findings.add(owner, each, NOW)
    return findings.summary(shows_last_use=shows_last_use)


def test_the_summary_counts_in_all_and_by_owner() -> None:
    everything = [*SPECIMENS.values()]
    summary = counted(Question(statuses=ANY), (ADA, everything), (APP, [token()]), (GROUP, []))
    ada = {
        "owner": {"kind": "user", "id": "3", "name": "ada"},
        "tokens": 10,
        "live": 8,
        "expired": 1,
        "revoked": 1,
        "expiring": 1,
        "never_used": 6,
        "never_expiring": 1,
    }
    assert summary["by_owner"][0] == ada
    assert summary["by_owner"][2]["tokens"] == 0
    assert summary["by_owner"][2]["owner"]["name"] == "platform"
    assert (summary["tokens"], summary["live"], summary["never_expiring"], summary["owners"]) == (11, 9, 2, 3)


def test_expiring_is_what_the_question_says_or_a_month() -> None:
    tokens = [token(expires_at=days(count)) for count in (5, 20, 29, 31, 50)]
    assert counted(Question(statuses=LIVE), (ADA, tokens))["expiring"] == 3
    assert counted(Question(statuses=LIVE, expires_within=duration("40d")), (ADA, tokens))["expiring"] == 4


def test_where_the_server_does_not_say_it_nothing_is_called_never_used() -> None:
    summary = counted(Question(statuses=LIVE), (ADA, [token()]), shows_last_use=False)
    assert summary["never_used"] is None
    assert summary["by_owner"][0]["never_used"] is None


TOKENS = st.lists(
    st.builds(
        token,
        expires_at=st.none() | st.integers(-400, 400).map(days),
        last_used_at=st.none() | st.integers(-400, 0).map(days),
        revoked=st.booleans(),
    )
)


@given(st.lists(TOKENS, max_size=4))
def test_the_counts_add_up(by_owner: list[list[Token]]) -> None:
    owners = [Owner("user", str(number), f"user{number}") for number in range(len(by_owner))]
    summary = counted(Question(statuses=ANY), *zip(owners, by_owner, strict=True))
    for counts in (summary, *summary["by_owner"]):
        assert counts["tokens"] == counts["live"] + counts["expired"] + counts["revoked"]
        assert max(counts["never_used"], counts["never_expiring"] + counts["expiring"]) <= counts["live"]
    for name in ("tokens", *looking.COUNTS):
        assert summary[name] == sum(each[name] for each in summary["by_owner"])


def test_rows_are_what_every_module_returns_and_have_no_secret() -> None:
    findings = Findings(Question(statuses=LIVE))
    findings.begin(APP)
    each = token(access_level=30, expires_at=days(2), description="why")
    findings.add(APP, each, NOW)
    assert findings.rows == [each.as_result(APP, NOW)]
    assert "secret" not in findings.rows[0]


def test_what_rows_share_is_there_once() -> None:
    findings = Findings(Question(statuses=LIVE))
    findings.begin(APP)
    for number in range(3):
        findings.add(APP, token(id=str(number), permissions=frozenset({"api"})), NOW)
    assert len({id(row["owner"]) for row in findings.rows}) == 1
    assert len({id(row["permissions"]) for row in findings.rows}) == 1


# Handing over


class _Row(dict[str, Any]):
    """A row that can be watched."""

    __slots__ = ("__weakref__",)


def test_rows_are_let_go_of_as_they_are_read() -> None:
    rows = [_Row(number=number) for number in range(5)]
    watched = [weakref.ref(row) for row in rows]
    given_away = looking.GivenAway(rows)
    del rows
    assert (len(given_away), given_away[4]["number"]) == (5, 4)
    left = []
    for row in given_away:
        left.append((row["number"], sum(ref() is not None for ref in watched)))
        del row
        gc.collect()
    assert left == [(0, 5), (1, 4), (2, 3), (3, 2), (4, 1)]


def test_ansible_takes_them_as_a_list() -> None:
    rows = [{"id": str(number), "note": "a hunter2hunter2"} for number in range(3)]
    expected = [{**row, "note": "a ********"} for row in rows]
    cleaned = remove_values({"tokens": looking.GivenAway(rows)}, {"hunter2hunter2"})
    assert json.loads(json.dumps(cleaned)) == {"tokens": expected}


# Going through owners


@dataclass
class Clock:
    def now(self) -> datetime:
        return NOW


@dataclass
class FakePlatform:
    """A server of a few owners. `asked` is what was asked of it, in order."""

    held: dict[Owner, list[Token]] = field(default_factory=dict)
    inside: dict[Owner, list[Owner]] = field(default_factory=dict)
    broken: dict[Owner, TokensmithError] = field(default_factory=dict)
    shows_last_use: bool = True
    kinds: frozenset[str] = frozenset({"self", "user", "group", "project"})
    title: str = "Fake"
    transport: Clock = field(default_factory=Clock)
    asked: list[str] = field(default_factory=list)

    def check_owner(self, ref: OwnerRef) -> None:
        if ref.kind not in self.kinds:
            raise Unsupported(f"owner.{ref.kind}: none here")

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        self.asked.append(f"resolve {ref}")
        for owner in self.held:
            if ref.kind == owner.kind and ref.value in (owner.id, owner.name):
                return owner
        raise OwnerNotFound(f"owner.{ref.kind}: {ref.value!r} does not exist")

    def below(self, owner: Owner) -> Iterator[Owner]:
        self.asked.append(f"below {owner}")
        return iter(self.inside.get(owner, []))

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        self.asked.append(f"tokens {owner} {name} {'+'.join(sorted(statuses))}")
        if owner in self.broken:
            raise self.broken[owner]
        yield from self.held[owner]

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        return NotPermitted(f"{refusal.call}: it may not do this")


def look(platform: Any, *refs: OwnerRef, include_descendants: bool = False, **question: Any) -> Findings:
    asked = Question(**{"statuses": LIVE, **question})
    return looking.look(platform, refs, asked, include_descendants=include_descendants)


def place(owner: Owner) -> OwnerRef:
    return OwnerRef(owner.kind, owner.name)


def test_an_owner_named_twice_or_inside_another_one_is_read_once() -> None:
    platform = FakePlatform(
        {GROUP: [token(id="1")], TEAM: [token(id="2")], APP: [token(id="3")], ADA: []},
        {GROUP: [TEAM, APP], TEAM: [APP]},
    )
    refs = [place(TEAM), place(GROUP), OwnerRef("group", "1"), place(ADA), place(APP)]
    found = look(platform, *refs, include_descendants=True)
    assert [each["owner"]["name"] for each in found.summary(shows_last_use=True)["by_owner"]] == [
        *("platform/team", "platform/app", "platform", "ada")
    ]
    assert [row["id"] for row in found.rows] == ["2", "3", "1"]
    assert [line for line in platform.asked if line.startswith("tokens")] == [
        *("tokens group platform/team None live", "tokens project platform/app None live"),
        *("tokens group platform None live", "tokens user ada None live"),
    ]


def test_nothing_inside_is_looked_for_unless_asked() -> None:
    platform = FakePlatform({GROUP: []}, {GROUP: [TEAM]})
    assert look(platform, place(GROUP)).rows == []
    assert platform.asked == ["resolve group platform", "tokens group platform None live"]


def test_the_server_is_told_what_it_may_leave_out() -> None:
    platform = FakePlatform({ADA: [token("ci"), token("other")]})
    found = look(platform, place(ADA), name="ci", statuses=ANY)
    assert [row["name"] for row in found.rows] == ["ci"]
    assert platform.asked[-1] == "tokens user ada ci expired+live+revoked"


def test_a_misspelt_owner_fails_before_any_list_is_read() -> None:
    platform = FakePlatform({ADA: []})
    with pytest.raises(OwnerNotFound, match=r"^owner\.user: 'adda' does not exist$"):
        look(platform, place(ADA), OwnerRef("user", "adda"))
    assert platform.asked == ["resolve user ada", "resolve user adda"]


def test_a_kind_of_owner_that_the_platform_has_not_fails_before_any_request() -> None:
    platform = FakePlatform({ADA: []})
    with pytest.raises(Unsupported, match=r"^owner\.repository: none here$"):
        look(platform, place(ADA), OwnerRef("repository", "A/b"))
    assert platform.asked == []


def test_an_owner_that_cannot_be_read_is_named() -> None:
    refusal = Refusal("GET /groups/2/access_tokens", 401, "401 Unauthorized", {}, {})
    platform = FakePlatform({GROUP: [], TEAM: []}, {GROUP: [TEAM]}, {TEAM: refusal})
    with pytest.raises(
        NotPermitted,
        match=r"^The tokens of group platform/team could not be read\. GET /groups/2/access_tokens: it may not do this$",
    ):
        look(platform, place(GROUP), include_descendants=True)


def test_what_is_inside_and_cannot_be_read_is_named() -> None:
    class Closed(FakePlatform):
        def below(self, owner: Owner) -> Iterator[Owner]:
            raise Refusal("GET /groups/1/projects", 403, "403 Forbidden", {}, {})

    with pytest.raises(
        NotPermitted, match=r"^What is inside group platform could not be read\. GET /groups/1/projects"
    ):
        look(Closed({GROUP: []}), place(GROUP), include_descendants=True)


def test_unused_for_is_refused_where_the_server_does_not_say_it() -> None:
    platform = FakePlatform({ADA: [token()]}, shows_last_use=False)
    with pytest.raises(Unsupported, match=r"^unused_for: this Fake server does not say when a token was last used"):
        look(platform, place(ADA), unused_for=duration("30d"))
    assert platform.asked == []


def test_unused_for_is_refused_where_that_shows_with_the_first_token_only() -> None:
    class Old(FakePlatform):
        def tokens(self, owner: Owner, **more: Any) -> Iterator[Token]:
            self.shows_last_use = False
            yield from self.held[owner]

    with pytest.raises(Unsupported, match=r"^unused_for: this Fake server"):
        look(Old({ADA: [token()]}), place(ADA), unused_for=duration("30d"))
    assert len(look(Old({ADA: [token()]}), place(ADA)).rows) == 1


def test_nothing_is_kept_of_what_is_not_picked() -> None:
    alive: list[weakref.ref[Any]] = []

    class Watched(datetime):
        """Something of a token that can be watched."""

    class Many(FakePlatform):
        def tokens(self, owner: Owner, **more: Any) -> Iterator[Token]:
            for number in range(500):
                made = Watched(2026, 1, 1, tzinfo=UTC)
                alive.append(weakref.ref(made))
                yield token(f"t{number}", id=str(number), created_at=made)
                del made
                if number > 10:
                    assert sum(ref() is not None for ref in alive[:-5]) == 0

    found = look(Many({ADA: []}), place(ADA), name="t499")
    assert [row["id"] for row in found.rows] == ["499"]
    assert sys.getsizeof(found.rows) < 200
