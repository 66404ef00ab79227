# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy as it is and as it is wanted: what is changed, what is refused, and which tokens it would forbid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import policies
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotKept,
    NotPermitted,
    TokensmithError,
    Unsupported,
    WouldRevoke,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.base import Platform
from ansible_collections.tokensmith.access.plugins.module_utils.policies import Change, WantedPolicy
from ansible_collections.tokensmith.access.plugins.module_utils.results import error_result
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner, OwnerRef, Token
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Refusal
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ADA = Owner("user", "3", "ada")
APP = Owner("project", "1", "platform/app")
BOT = Owner("service_account", "6", "build-bot")
DEFAULTS: dict[str, Any] = {
    "max_lifetime_days": None,
    "require_expiry": True,
    "service_account_require_expiry": True,
    "token_prefix": "glpat-",
    "delete_inactive_after_days": 30,
}


def token(name: str = "ci", days: float | None = 30, *, id: str = "1") -> Token:
    """A token with so many days left, or without an end."""
    end = None if days is None else NOW.replace(hour=0) + timedelta(days=days)
    return Token(id=id, name=name, permissions=frozenset({"api"}), created_at=NOW, expires_at=end)


@dataclass
class Clock:
    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True)
class Can:
    settings: Mapping[str, Any] = field(default_factory=lambda: DEFAULTS)
    setting_needs: Mapping[str, str] = field(default_factory=lambda: {"max_lifetime_days": "the big edition has it"})
    lowering_revokes: bool = True


@dataclass
class Server:
    """A server with these settings. `asked` is what was asked of it, in order."""

    settings: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    held: list[tuple[Owner, Token]] = field(default_factory=list)
    capabilities: Can = field(default_factory=Can)
    idle: dict[str, str] = field(default_factory=dict)
    keeps: Callable[[str, Any], Any] = lambda _name, value: value
    title: str = "Fake"
    own_id: str | None = None
    transport: Clock = field(default_factory=Clock)
    asked: list[Any] = field(default_factory=list)

    def check_settings(self, wanted: Mapping[str, Any]) -> None:
        Platform.check_settings(self, wanted)  # type: ignore[arg-type]

    def read_settings(self) -> dict[str, Any]:
        self.asked.append("read")
        return dict(self.settings)

    def write_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(changes))
        for name, value in changes.items():
            self.settings[name] = self.keeps(name, DEFAULTS[name] if value is None else value)
        return dict(self.settings)

    def without_effect(self, settings: Mapping[str, Any]) -> dict[str, str]:
        return self.idle

    def every_token(self, relevant: Callable[[Token], bool]) -> Iterator[tuple[Owner, Token]]:
        self.asked.append("tokens")
        return ((owner, each) for owner, each in self.held if relevant(each))

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        assert ref == OwnerRef("self")
        return ADA

    def own_token_id(self, owner: Owner) -> str | None:
        if self.own_id is None:
            raise Unsupported("it does not say")
        return self.own_id

    def diagnose(self, refusal: Refusal) -> TokensmithError:
        return NotPermitted(f"{refusal.call}: it may not do this")


def settle(server: Any, *, rehearse: bool = False, absent: bool = False, report: bool = False, **more: Any) -> Any:
    allow = more.pop("allow", False)
    wanted = WantedPolicy(settings=more, absent=absent, report_violations=report, allow_violations=allow)
    return policies.settle(server, wanted, rehearse=rehearse)


# What is changed


def test_only_what_is_asked_for_is_compared_and_written() -> None:
    server = Server({**DEFAULTS, "require_expiry": False})
    ruling = settle(server, token_prefix="acme-", delete_inactive_after_days=30)
    assert ruling.changes == {"token_prefix": Change("glpat-", "acme-")}
    assert server.asked == ["read", {"token_prefix": "acme-"}]
    assert ruling.settings == {**DEFAULTS, "require_expiry": False, "token_prefix": "acme-"}


def test_nothing_is_written_if_all_is_as_wanted() -> None:
    server = Server()
    ruling = settle(server, **{name: value for name, value in DEFAULTS.items() if value is not None})
    assert (ruling.changes, ruling.violations) == ({}, None)
    assert server.asked == ["read"]


def test_without_a_setting_the_policy_is_only_read() -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": 90})
    assert settle(server).settings["max_lifetime_days"] == 90
    assert server.asked == ["read"]


def test_a_rehearsal_says_what_it_would_be_and_writes_nothing() -> None:
    server = Server()
    ruling = settle(server, rehearse=True, max_lifetime_days=90, token_prefix="acme-")
    assert ruling.settings == {**DEFAULTS, "max_lifetime_days": 90, "token_prefix": "acme-"}
    assert ruling.changes.keys() == {"max_lifetime_days", "token_prefix"}
    assert server.asked == ["read", "tokens"]
    assert server.settings == DEFAULTS


def test_false_and_nought_are_values() -> None:
    server = Server()
    settle(server, require_expiry=False, delete_inactive_after_days=0)
    assert server.asked[1] == {"require_expiry": False, "delete_inactive_after_days": 0}


def test_absent_takes_back_what_is_named() -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": 90, "token_prefix": "acme-"})
    ruling = settle(server, absent=True, max_lifetime_days=30)
    assert ruling.changes == {"max_lifetime_days": Change(90, None)}
    assert server.asked == ["read", {"max_lifetime_days": None}]
    assert server.settings["token_prefix"] == "acme-"


def test_absent_alone_takes_back_all_that_the_server_has() -> None:
    server = Server({"require_expiry": False, "token_prefix": "acme-", "delete_inactive_after_days": 30})
    ruling = settle(server, absent=True)
    assert server.asked == ["read", {"require_expiry": None, "token_prefix": None}]
    assert ruling.settings == {"require_expiry": True, "token_prefix": "glpat-", "delete_inactive_after_days": 30}
    assert settle(server, absent=True).changes == {}


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "max_lifetime_days": st.integers(1, 365),
        "require_expiry": st.booleans(),
        "service_account_require_expiry": st.booleans(),
        "token_prefix": st.sampled_from(["glpat-", "acme-"]),
        "delete_inactive_after_days": st.integers(0, 60),
    },
)


@given(VALUES, VALUES, st.booleans(), st.booleans())
def test_a_second_run_has_nothing_to_do(
    found: dict[str, Any], wanted: dict[str, Any], absent: bool, rehearsed: bool
) -> None:
    server = Server({**DEFAULTS, **found})
    predicted = settle(server, rehearse=True, absent=absent, **wanted)
    first = settle(server, absent=absent, **wanted)
    assert (predicted.settings, predicted.changes) == (first.settings, first.changes)
    assert not settle(server, rehearse=rehearsed, absent=absent, **wanted).changes
    unmanaged = DEFAULTS.keys() - wanted.keys() if wanted or not absent else set()
    assert all(server.settings[name] == {**DEFAULTS, **found}[name] for name in unmanaged)


# What is refused


def test_a_setting_that_this_server_has_not_is_refused_before_anything_is_written() -> None:
    server = Server({name: value for name, value in DEFAULTS.items() if name != "max_lifetime_days"})
    with pytest.raises(
        Unsupported,
        match=r"^max_lifetime_days: this server has no such setting \(the big edition has it\)\. Nothing was changed\. "
        r"It has: require_expiry, service_account_require_expiry, token_prefix, delete_inactive_after_days\.$",
    ):
        settle(server, token_prefix="acme-", max_lifetime_days=90)
    assert server.asked == ["read"]


def test_a_setting_that_the_platform_has_not_is_refused_before_the_first_request() -> None:
    server = Server(capabilities=Can(settings={"max_lifetime_days": None}))
    with pytest.raises(Unsupported, match=r"^token_prefix: Fake has no such setting\. It has: max_lifetime_days\.$"):
        settle(server, token_prefix="acme-")
    with pytest.raises(Unsupported, match=r"^token_policy: Fake has no such policy\.$"):
        settle(Server(capabilities=Can(settings={})))
    assert server.asked == []


@pytest.mark.parametrize(
    ("keeps", "complaint"),
    [
        (lambda _name, _value: 365, "max_lifetime_days was to be 90 and is 365"),
        (lambda _name, _value: None, "max_lifetime_days was to be 90 and is None"),
    ],
)
def test_what_the_server_does_not_keep_is_an_error(keeps: Callable[[str, Any], Any], complaint: str) -> None:
    with pytest.raises(NotKept, match=complaint):
        settle(Server(keeps=keeps), max_lifetime_days=90)


def test_what_the_server_drops_is_an_error() -> None:
    class Dropping(Server):
        def write_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
            return {"token_prefix": "acme-"}

    with pytest.raises(
        NotKept, match=r"^The server took the change and did not keep it: max_lifetime_days was to be 90"
    ):
        settle(Dropping(), max_lifetime_days=90, token_prefix="acme-")


def test_a_refusal_is_explained_by_the_platform() -> None:
    class Closed(Server):
        def read_settings(self) -> dict[str, Any]:
            raise Refusal("GET /application/settings", 403, "403 Forbidden", {}, {})

    with pytest.raises(NotPermitted, match=r"^GET /application/settings: it may not do this$"):
        settle(Closed(), token_prefix="acme-")


# Lowering a lifetime

BEYOND = (ADA, token("laptop", 91, id="7"))
WITHIN = (APP, token("deploy", 90, id="8"))
UNDATED = (BOT, token("build", None, id="9"))


@pytest.mark.parametrize("held", [[BEYOND], [UNDATED], [WITHIN, BEYOND]])
@pytest.mark.parametrize("before", [None, 200, 91])
@pytest.mark.parametrize("rehearse", [False, True])
def test_lowering_is_refused_while_tokens_live_longer(held: Any, before: int | None, rehearse: bool) -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": before}, held)
    with pytest.raises(WouldRevoke, match=r"^max_lifetime_days: Fake revokes live tokens that end later") as caught:
        settle(server, rehearse=rehearse, max_lifetime_days=90)
    owner, each = held[-1]
    assert f"1 would be: {each.name} of {owner} (id {each.id}). Nothing was changed." in str(caught.value)
    assert server.asked == ["read", "tokens"]
    assert "violations" not in error_result(caught.value, NOW)


@pytest.mark.parametrize(
    ("before", "wanted"), [(None, {"allow": True}), (30, {}), (90, {}), (None, {"token_prefix": "acme-"})]
)
def test_the_tokens_are_not_looked_at_if_it_makes_no_difference(before: int | None, wanted: dict[str, Any]) -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": before}, [BEYOND])
    limit = {} if "token_prefix" in wanted else {"max_lifetime_days": 90}
    settle(server, **limit, **wanted)
    assert "tokens" not in server.asked


def test_lowering_goes_ahead_if_no_token_lives_longer() -> None:
    server = Server(held=[WITHIN])
    assert settle(server, max_lifetime_days=90).settings["max_lifetime_days"] == 90
    assert server.asked == ["read", "tokens", {"max_lifetime_days": 90}]


def test_going_back_to_no_limit_lowers_nothing() -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": 30}, [BEYOND])
    settle(server, absent=True, max_lifetime_days=30)
    assert "tokens" not in server.asked


def test_lowering_is_no_matter_where_the_server_does_not_act_on_it() -> None:
    elsewhere = Server(held=[BEYOND], capabilities=Can(lowering_revokes=False))
    unlicensed = Server(held=[BEYOND], idle={"max_lifetime_days": "no licence", "require_expiry": "no licence"})
    for server in (elsewhere, unlicensed):
        ruling = settle(server, max_lifetime_days=90)
        assert server.asked == ["read", {"max_lifetime_days": 90}]
    assert ruling.without_effect == {"max_lifetime_days": "no licence"}


def test_what_breaks_another_rule_does_not_stand_in_the_way() -> None:
    server = Server(held=[(ADA, token("undated", None))])
    assert settle(server, require_expiry=True, token_prefix="acme-").changes
    assert server.asked[1] == {"token_prefix": "acme-"}


def test_a_refusal_names_a_few_and_counts_the_rest() -> None:
    server = Server(held=[(ADA, token(f"t{number}", 300, id=str(number))) for number in range(1200)])
    with pytest.raises(WouldRevoke) as caught:
        settle(server, max_lifetime_days=90)
    assert "1,200 would be: t0 of user ada (id 0), t1 " in str(caught.value)
    assert "t4 of user ada (id 4) and 1,195 more. Nothing was changed." in str(caught.value)
    assert "t5" not in str(caught.value)


def test_a_refusal_has_all_of_them_if_they_were_asked_for() -> None:
    server = Server(held=[BEYOND, WITHIN, UNDATED])
    with pytest.raises(WouldRevoke, match="2 would be") as caught:
        settle(server, report=True, max_lifetime_days=90)
    assert server.asked == ["read", "tokens"]
    rows = error_result(caught.value, NOW)["violations"]
    assert [(row["name"], row["owner"]["name"], row["violates"]) for row in rows] == [
        ("laptop", "ada", ["max_lifetime_days"]),
        ("build", "build-bot", ["max_lifetime_days", "service_account_require_expiry"]),
    ]


@pytest.mark.parametrize(("own_id", "said"), [("7", True), ("8", False), ("1", False), (None, False)])
def test_a_refusal_says_if_the_run_itself_would_lose_its_credential(own_id: str | None, said: bool) -> None:
    server = Server(held=[WITHIN, BEYOND, UNDATED], own_id=own_id)
    with pytest.raises(WouldRevoke) as caught:
        settle(server, max_lifetime_days=90)
    assert ("One of them is the credential of this very run." in str(caught.value)) is said


def test_hostile_names_do_not_reach_the_terminal() -> None:
    server = Server(held=[(ADA, token("\x1b[2Jx", 300))])
    with pytest.raises(WouldRevoke) as caught:
        settle(server, max_lifetime_days=90)
    assert "\x1b" not in str(caught.value)


# What a policy forbids


@pytest.mark.parametrize(
    ("settings", "owner", "days", "broken"),
    [
        ({"max_lifetime_days": 90}, ADA, 90, ()),
        ({"max_lifetime_days": 90}, ADA, 91, ("max_lifetime_days",)),
        ({"max_lifetime_days": 90}, ADA, None, ("max_lifetime_days",)),
        ({"max_lifetime_days": None}, ADA, None, ()),
        ({"require_expiry": True}, ADA, None, ("require_expiry",)),
        ({"require_expiry": True}, ADA, 1000, ()),
        ({"require_expiry": False}, ADA, None, ()),
        ({}, ADA, None, ()),
        ({"max_lifetime_days": 90, "require_expiry": True}, APP, None, ("max_lifetime_days", "require_expiry")),
        ({"require_expiry": True, "service_account_require_expiry": False}, BOT, None, ()),
        ({"require_expiry": True, "service_account_require_expiry": False}, ADA, None, ("require_expiry",)),
        (
            {"require_expiry": False, "service_account_require_expiry": True},
            *(BOT, None, ("service_account_require_expiry",)),
        ),
        # Where service accounts have no rule of their own, they have everybody's.
        ({"require_expiry": True}, BOT, None, ("require_expiry",)),
        ({"token_prefix": "acme-", "delete_inactive_after_days": 1}, ADA, None, ()),
    ],
)
def test_what_is_violated(settings: dict[str, Any], owner: Owner, days: int | None, broken: tuple[str, ...]) -> None:
    assert policies.violated(settings, owner, token(days=days), NOW) == broken


def test_the_report_is_about_the_policy_as_it_will_be() -> None:
    server = Server({**DEFAULTS, "max_lifetime_days": 200}, [(ADA, token("long", 300)), UNDATED, WITHIN])
    ruling = settle(server, report=True, service_account_require_expiry=False)
    assert [(each.token.name, each.settings) for each in ruling.violations] == [
        ("long", ("max_lifetime_days",)),
        ("build", ("max_lifetime_days",)),
    ]
    assert settle(Server(), report=True).violations == []


@given(VALUES, st.lists(st.tuples(st.sampled_from([ADA, APP, BOT]), st.none() | st.integers(1, 500))))
def test_no_violation_is_lost_by_asking_for_suspicious_tokens_only(
    settings: dict[str, Any], held: list[tuple[Owner, int | None]]
) -> None:
    tokens = [(owner, token(days=days, id=str(number))) for number, (owner, days) in enumerate(held)]
    ruling = settle(Server(held=tokens), report=True, allow=True, **settings)
    expected = [each.id for owner, each in tokens if policies.violated({**DEFAULTS, **settings}, owner, each, NOW)]
    assert [each.token.id for each in ruling.violations] == expected


# Options


def options(**given_ones: Any) -> dict[str, Any]:
    """The module's options with their defaults."""
    flags = {"state": "present", "report_violations": False, "allow_violations": False}
    return {**dict.fromkeys(policies.NAMES), **flags, **given_ones}


@pytest.mark.parametrize(
    ("given_ones", "complaint"),
    [
        (
            {"max_lifetime_days": 0},
            r"^max_lifetime_days: 0 is too small\. Give 1 or more, or state: absent for no limit",
        ),
        ({"delete_inactive_after_days": -1}, r"^delete_inactive_after_days: -1 is too small\. .* 0 for never"),
        ({"token_prefix": " "}, r"^token_prefix: it is empty"),
    ],
)
def test_options_that_make_no_sense(given_ones: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        policies.policy_from(options(**given_ones))


def test_with_absent_no_value_is_wrong() -> None:
    wanted = policies.policy_from(options(max_lifetime_days=0, token_prefix="", state="absent"))
    assert wanted == WantedPolicy(settings={"max_lifetime_days": 0, "token_prefix": ""}, absent=True)
    server = Server({**DEFAULTS, "token_prefix": "acme-"})
    assert policies.settle(server, wanted, rehearse=False).settings == DEFAULTS  # type: ignore[arg-type]


def test_options_as_they_are_written() -> None:
    assert policies.policy_from(options()) == WantedPolicy(settings={})
    assert policies.policy_from(
        options(require_expiry=False, delete_inactive_after_days=0, state="absent", allow_violations=True)
    ) == WantedPolicy(
        settings={"require_expiry": False, "delete_inactive_after_days": 0}, absent=True, allow_violations=True
    )
