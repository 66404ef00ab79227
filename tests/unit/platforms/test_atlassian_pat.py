# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Jira's and Confluence's personal access tokens against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import applying, transport, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.arguments import TOKEN
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    CredentialRefused,
    InvalidOption,
    NotKept,
    NotPermitted,
    NotTheApi,
    SecretUndecided,
    SelfGuard,
    ServiceError,
    TokensmithError,
    Unaccounted,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.atlassian_pat import AtlassianPat
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.atlassian_pat.fixtures import (
    ADMIN,
    ADMIN_PASSWORD,
    ADMIN_SECRET,
    ALICE,
    ALICE_EXPIRED_SECRET,
    ALICE_PASSWORD,
    ALICE_SECRET,
    ALICE_SOON,
    ALICE_TOKEN,
    BOB,
    BOB_PASSWORD,
)
from stand_in.atlassian_pat.switches import SWITCHES
from stand_in.launch import StandIn, start

MYSELF, TOKENS = "GET /rest/api/2/myself", "GET /tokens"
WISH: dict[str, Any] = {"name": "new", "expires_in": "90d"}
LAPTOP: dict[str, Any] = {"name": "laptop", "expires_in": "never"}
PASSWORDS = {ADMIN: ADMIN_PASSWORD, ALICE: ALICE_PASSWORD, BOB: BOB_PASSWORD}
_DEFAULTS = {name: option.get("default") for name, option in TOKEN.items()}

#: Positions that make no difference to a token's whole life.
HARMLESS: dict[str, list[Any]] = {
    "product": ["jira", "confluence"],
    "captcha_after": [0, 1],
    "max_days": [90],
    "over_long": ["reject"],
    "create_status": ["200"],
    "timestamps": ["extended_offset", "zulu"],
    "no_expiry": ["absent"],
    "tokens_may_manage_tokens": ["no"],
    "dead_bearer": ["anonymous"],
    "anonymous_header": ["absent"],
    "list_shape": ["page"],
    "secret_field": ["token"],
    "expired_tokens": ["purged"],
    "emit_last_accessed": [True],
    "too_many_status": ["409"],
}
#: Those that do, each with a test of its own below.
TELLING = {"context_path", "basic_auth_enabled", "max_tokens", "eternal_tokens", "duplicate_names"}
TELLING |= {"trim_names", "clamp_days"}


class Bench:
    """The stand-in, and what a test does with it."""

    def __init__(self, server: StandIn) -> None:
        self.server = server

    def by_password(self, user: str = BOB, *, path: str = "", **options: Any) -> AtlassianPat:
        """A client with a user's password."""
        options = {"auth_username": user, "auth_password": Secret(PASSWORDS[user]), **options}
        return AtlassianPat.connect(Connection(url=self.server.url + path, timeout=10.0, **options))

    def by_token(self, secret: str = ALICE_SECRET, **options: Any) -> AtlassianPat:
        """A client with a token."""
        return AtlassianPat.connect(Connection(url=self.server.url, timeout=10.0, auth_token=Secret(secret), **options))

    def apply(
        self, options: dict[str, Any], /, *, run: AtlassianPat | None = None, check: bool = False, **more: Any
    ) -> Outcome:
        """One run of `token`, by bob and his password unless another client is given."""
        self.server.clear_requests()
        wish = wishes.wish_from({**_DEFAULTS, **options, **more})
        deadline = applying.Deadline(None, margin=1.0)
        return applying.apply(wish, run or self.by_password(), lambda *_key: nullcontext(), deadline, rehearse=check)[1]

    @property
    def sent(self) -> list[str]:
        """The requests since the beginning of the last run."""
        return [f"{each['method']} {each['path'].replace('/rest/pat/latest', '')}" for each in self.server.requests()]

    def tokens(self, name: str, owner: str = BOB) -> list[dict[str, Any]]:
        """What the server has."""
        return [each for each in self.server.state()["tokens"] if (each["owner"], each["name"]) == (owner, name)]


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    """The process."""
    with start("atlassian_pat") as server:
        yield server


@pytest.fixture
def bench(running: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The stand-in as new; no test waits between two tries."""
    running.reset()
    before = running.errors
    monkeypatch.setattr(transport, "_backoff", lambda _tries: 0.0)
    yield Bench(running)
    assert running.errors == before


# --- the life of a token ------------------------------------------------------------------------------------------------


def test_what_is_sent(bench: Bench) -> None:
    made = bench.apply(WISH)
    assert (made.action, made.reasons) == ("create", ("missing",))
    assert bench.sent == [MYSELF, TOKENS, "POST /tokens"]
    assert bench.server.requests()[-1]["body"] == {"name": "new", "expirationDuration": 90}
    assert made.token is not None
    assert bench.apply(WISH).action == "unchanged"
    assert bench.sent == [MYSELF, TOKENS]
    assert bench.apply(WISH, state="absent").retired == (made.token.id,)
    assert bench.sent == [MYSELF, TOKENS, f"DELETE /tokens/{made.token.id}"]
    assert bench.apply(WISH, expires_in="never").action == "create"
    assert bench.server.requests()[-1]["body"] == {"name": "new"}


def test_no_switch_was_forgotten() -> None:
    assert {switch.name for switch in SWITCHES} == HARMLESS.keys() | TELLING


@pytest.mark.parametrize(
    ("name", "position"), [(name, position) for name, positions in HARMLESS.items() for position in positions]
)
def test_a_token_lives_through_everything(bench: Bench, name: str, position: Any) -> None:
    bench.server.switch(**{name: position})
    made = bench.apply(WISH)
    assert made.secret is not None
    assert made.token is not None
    assert bench.apply(WISH, secret=made.secret.reveal()).action == "unchanged"
    rotated = bench.apply(WISH, state="rotated", overlap="0")
    assert (rotated.action, rotated.retired) == ("rotate", (made.token.id,))
    assert rotated.secret is not None
    platform = bench.by_password()
    platform.resolve(OwnerRef("self"), None)
    assert platform.verify(rotated.secret).verdict == "accepted"
    assert platform.verify(made.secret).verdict == "rejected"
    replaced = bench.apply(WISH, expires_in="never", overlap="0")
    assert (replaced.action, replaced.reasons) == ("replace", ("expiry_differs",))
    assert bench.apply(WISH, state="absent").action == "revoke"
    assert bench.apply(WISH, state="absent").action == "unchanged"
    assert bench.tokens("new") == []


def test_check_mode_writes_nothing(bench: Bench) -> None:
    before = bench.server.state()
    assert bench.apply(WISH, check=True).action == "create"
    assert bench.server.state() == before


def test_an_expired_token_does_not_count(bench: Bench) -> None:
    outcome = bench.apply({"name": "old build", "expires_in": "30d"}, run=bench.by_password(ALICE), check=True)
    assert (outcome.action, outcome.reasons) == ("create", ("expired",))


def test_a_token_is_due_before_its_end(bench: Bench) -> None:
    wish = {"name": "nightly build", "expires_in": "90d", "rotate_before": "1w"}
    outcome = bench.apply(wish, run=bench.by_password(ALICE))
    assert (outcome.action, outcome.reasons) == ("rotate", ("expiring",))
    assert [each.token.id for each in outcome.superseded] == [str(ALICE_SOON)]


# --- what the server makes of a wish ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "options", "message"),
    [
        ({"max_days": 30}, {}, "expires_at: asked for "),
        ({"clamp_days": 30}, {"expires_in": "never"}, "expires_at: asked for none, got "),
        ({"trim_names": True}, {"name": " new "}, "name: asked for ' new ', got 'new'"),
    ],
)
def test_what_is_not_kept_is_undone_and_named(
    bench: Bench, switch: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    bench.server.switch(**switch)
    with pytest.raises(NotKept, match="was revoked") as refused:
        bench.apply({**WISH, **options})
    assert message in str(refused.value)
    assert bench.tokens("new") == []


@pytest.mark.parametrize(
    ("switch", "options", "message"),
    [
        (
            {"eternal_tokens": False},
            {"expires_in": "never"},
            "expires_in: the server refuses never: Tokens must have an exp",
        ),
        (
            {"max_days": 30, "over_long": "reject"},
            {},
            "expires_in: the server refuses 90d: A token may live for at most 30",
        ),
        ({"max_tokens": 0}, {}, "name: You have reached the maximum number of tokens. Revoke tokens that nobody uses"),
        ({"max_tokens": 0, "too_many_status": "409"}, {}, "name: You have reached the maximum number of tokens"),
    ],
)
def test_a_refusal_names_the_option(
    bench: Bench, switch: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    bench.server.switch(**switch)
    with pytest.raises(ServiceError) as refused:
        bench.apply({**WISH, **options})
    assert message in str(refused.value)


def test_names_that_cannot_be_given_twice_leave_no_rotation(bench: Bench) -> None:
    bench.server.switch(duplicate_names="reject")
    with pytest.raises(ServiceError, match="A token with this name already exists"):
        bench.apply(LAPTOP, state="rotated", run=bench.by_password(ALICE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"owner": {"user": ALICE}},
            "owner.user: Jira or Confluence has no tokens of that kind of owner. It has the caller's",
        ),
        ({"owner": {"project": "X"}}, "leave owner out"),
        ({"permissions": ["READ"]}, "permissions: tokens of Jira or Confluence have none"),
        ({"id": "abc"}, "id: 'abc' is no id of Jira's or Confluence's"),
        ({"description": "x"}, "description: tokens of Jira or Confluence have no description"),
        ({"rotation": "in_place", "overlap": "0"}, "rotation: Jira or Confluence cannot rotate a token in place"),
        ({"expires_in": None}, "expires_in: needed"),
    ],
)
def test_what_can_never_be_is_refused(bench: Bench, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TokensmithError) as refused:
        bench.apply({**WISH, **options})
    assert message in str(refused.value)
    assert not any(line.startswith(("POST", "DELETE")) for line in bench.sent)


def test_the_policy_is_nobodys_to_set_by_rest(bench: Bench) -> None:
    with pytest.raises(Unsupported, match="token_policy: Jira or Confluence has no such policy"):
        bench.by_password().check_settings({"max_lifetime_days": 30})
    with pytest.raises(Unsupported, match="report_violations"):
        bench.by_password().every_token(lambda _token: True)


# --- ways in ------------------------------------------------------------------------------------------------------------


def test_a_token_beats_a_password(bench: Bench) -> None:
    bench.apply(LAPTOP, run=bench.by_password(ALICE, auth_token=Secret(ALICE_SECRET)))
    assert {each["headers"]["authorization"] for each in bench.server.requests()} == {"Bearer ***"}
    bench.apply(LAPTOP, run=bench.by_password(ALICE, auth_token=Secret("x"), auth_method="basic"))
    assert {each["headers"]["authorization"] for each in bench.server.requests()} == {"Basic ***"}


def test_a_token_may_make_tokens_unless_the_server_says_no(bench: Bench) -> None:
    assert bench.apply(WISH, run=bench.by_token()).action == "create"
    bench.server.switch(tokens_may_manage_tokens="no")
    with pytest.raises(NotPermitted, match="cannot be managed with a token"):
        bench.apply(WISH, name="another", run=bench.by_token())


@pytest.mark.parametrize("dead", ["401", "anonymous"])
@pytest.mark.parametrize("secret", [ALICE_EXPIRED_SECRET, "made-up-token"])
def test_a_dead_token(bench: Bench, dead: str, secret: str) -> None:
    bench.server.switch(dead_bearer=dead)
    with pytest.raises(CredentialRefused, match="auth_token: the server does not know the token"):
        bench.apply(WISH, run=bench.by_token(secret))


def test_a_wrong_password_is_tried_once(bench: Bench) -> None:
    platform = bench.by_password(auth_password=Secret("not-the-password-of-anybody"))
    for _again in range(3):
        with pytest.raises(CredentialRefused, match=r"auth_password: the server refuses .*AUTHENTICATED_FAILED"):
            platform.resolve(OwnerRef("self"), None)
    assert bench.sent == [MYSELF]


def test_a_captcha_stops_everything(bench: Bench) -> None:
    bench.server.switch(captcha_after=1)
    with pytest.raises(CredentialRefused):
        bench.by_password(auth_password=Secret("wrong")).resolve(OwnerRef("self"), None)
    bench.server.clear_requests()
    platform = bench.by_password()
    for _again in range(2):
        with pytest.raises(CredentialRefused, match=r"auth_username: bob is locked behind a CAPTCHA"):
            platform.resolve(OwnerRef("self"), None)
    assert bench.sent == [MYSELF]


def test_basic_authentication_may_be_off(bench: Bench) -> None:
    bench.server.switch(basic_auth_enabled=False)
    with pytest.raises(CredentialRefused, match=r"auth_method: basic authentication is switched off .*auth_token"):
        bench.apply(WISH)
    assert bench.apply(WISH, run=bench.by_token()).action == "create"


@pytest.mark.parametrize("suffix", ["", "/rest", "/rest/pat/latest/tokens"])
@pytest.mark.parametrize("path", ["", "/jira"])
def test_the_address(bench: Bench, path: str, suffix: str) -> None:
    bench.server.switch(context_path=path)
    assert bench.apply(WISH, run=bench.by_password(path=path + suffix)).action == "create"


def test_an_address_that_is_not_the_products(bench: Bench) -> None:
    body = '{"message": "null for uri", "status-code": 404}'
    bench.server.fault("status", path="/rest/api/", times=2, status=404, content_type="application/json", body=body)
    with pytest.raises(NotTheApi, match="does not tell who the caller is"):
        bench.apply(WISH)
    bench.server.switch(context_path="/jira")
    with pytest.raises(NotTheApi, match="Check that url"):
        bench.apply(WISH)


@pytest.mark.parametrize(
    "options", [{}, {"auth_username": "bob"}, {"auth_method": "token"}, {"auth_method": "session"}]
)
def test_half_a_credential(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=r"auth_token|auth_method"):
        AtlassianPat.connect(Connection(url="https://jira.example.com", **options))


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_a_secret_that_is_its_users_only_one_is_known(bench: Bench) -> None:
    proven = bench.apply(
        {"name": "automation", "expires_in": "never"}, secret=ADMIN_SECRET, run=bench.by_password(ADMIN)
    )
    assert proven.action == "unchanged"
    assert bench.sent == [MYSELF, TOKENS, TOKENS, TOKENS]


def test_a_secret_among_several_asks_for_the_id(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match=r"secret: it works, but this server does not tell .*Give the token's id"):
        bench.apply(LAPTOP, secret=ALICE_SECRET, run=bench.by_password(ALICE))
    known = bench.apply(LAPTOP, secret=ALICE_SECRET, id=str(ALICE_TOKEN), run=bench.by_password(ALICE))
    assert known.action == "unchanged"


def test_another_users_secret_is_foreign(bench: Bench) -> None:
    outcome = bench.apply(LAPTOP, secret=ADMIN_SECRET, duplicates="keep_newest", run=bench.by_password(ALICE))
    assert (outcome.action, outcome.reasons) == ("rotate", ("secret_foreign",))


def test_a_dead_secret_is_rejected(bench: Bench) -> None:
    outcome = bench.apply(LAPTOP, secret=ALICE_EXPIRED_SECRET, duplicates="keep_newest", run=bench.by_password(ALICE))
    assert (outcome.action, outcome.reasons) == ("rotate", ("secret_rejected",))


@pytest.mark.parametrize("fault", [{"kind": "html", "status": 200}, {"kind": "status", "status": 503}])
@pytest.mark.parametrize("skip", [1, 2])
def test_trouble_is_no_verdict(bench: Bench, fault: dict[str, Any], skip: int) -> None:
    bench.server.fault(path="/tokens$", times=None, skip=skip, **fault)
    with pytest.raises(SecretUndecided, match="secret: whether it works could not be found out"):
        bench.apply(LAPTOP, secret=ALICE_SECRET, run=bench.by_password(ALICE, retries=0))


def test_a_server_that_lets_everybody_in_proves_nothing(bench: Bench) -> None:
    bench.server.fault(
        "status", path="/tokens$", times=None, skip=1, status=200, content_type="application/json", body="[]"
    )
    with pytest.raises(SecretUndecided, match="lets a made-up token in too"):
        bench.apply(LAPTOP, secret="dead", run=bench.by_password(ALICE))


# --- lost answers, and the run's own credential -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "made"),
    [
        ("drop_after", {}, 1),
        ("status", {"status": 503}, 0),
        ("status_after", {"status": 500, "headers": {"X-Seraph-LoginReason": "OK"}}, 1),
        ("truncate_clean", {"keep": 30}, 1),
    ],
)
def test_a_mint_whose_answer_is_lost_is_not_simply_sent_again(
    bench: Bench, kind: str, options: dict[str, Any], made: int
) -> None:
    bench.server.fault(kind, method="POST", **options)
    outcome = bench.apply(WISH)
    assert outcome.token is not None
    assert [line.split()[0] for line in bench.sent[2:] if not line.startswith("GET")] == [
        "POST",
        *["DELETE"] * made,
        "POST",
    ]
    assert [str(row["id"]) for row in bench.tokens("new")] == [outcome.token.id]


def test_a_revocation_whose_answer_is_lost_is_done(bench: Bench) -> None:
    bench.apply(WISH)
    bench.server.fault("drop_after", method="DELETE")
    assert bench.apply(WISH, state="absent").action == "revoke"
    assert bench.tokens("new") == []


def test_not_every_404_is_a_revocation(bench: Bench) -> None:
    bench.apply(WISH)
    body = '{"message": "null for uri: http://x/rest/pat/latest/tokens/7", "status-code": 404}'
    bench.server.fault("status", method="DELETE", status=404, content_type="application/json", body=body)
    with pytest.raises(NotTheApi, match="no such route"):
        bench.apply(WISH, state="absent")


def test_a_run_with_a_token_ends_none_of_its_users_tokens(bench: Bench) -> None:
    with pytest.raises(SelfGuard, match=r"allow_self: token 1 is the credential of this very run .or may be."):
        bench.apply(LAPTOP, state="absent", run=bench.by_token())
    spared = bench.apply(LAPTOP, state="rotated", overlap="0", run=bench.by_token())
    assert (spared.action, spared.retired) == ("rotate", ())
    assert bench.apply(LAPTOP, id=str(ALICE_TOKEN), state="absent", run=bench.by_password(ALICE)).retired == ("1",)


def test_duplicates_are_named(bench: Bench) -> None:
    bench.server.seed({"tokens": [{"owner": ALICE, "name": "laptop"}]})
    with pytest.raises(Unaccounted, match="has 2 live tokens named 'laptop'"):
        bench.apply(LAPTOP, run=bench.by_password(ALICE))


@pytest.mark.parametrize("emitted", [True, False])
def test_last_use_is_told_where_the_server_tells_it(bench: Bench, emitted: bool) -> None:
    bench.server.switch(emit_last_accessed=emitted)
    platform = bench.by_password(ALICE)
    tokens = list(platform.tokens(platform.resolve(OwnerRef("self"), None)))
    assert platform.shows_last_use == emitted
    assert [token.last_used_at is not None for token in tokens if token.name == "laptop"] == [emitted]
