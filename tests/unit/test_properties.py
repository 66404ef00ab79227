# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every server and every wish: random ones, driven through the code that a module runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import choosing
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome, Undelivered
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    TokensmithError,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner, Policy, Token, WantedToken
from hypothesis import assume, event, given
from hypothesis import strategies as st
from unit.memory_platform import (
    CALLER,
    CAPABILITIES,
    DAY,
    NOW,
    OWNER,
    PROJECT,
    Manners,
    MemoryPlatform,
    Stumble,
    attempt,
    ids,
    live_stumbling,
    saved,
)

MINUTE = timedelta(minutes=1)
AGES = (0 * MINUTE, 1 * MINUTE, 5 * MINUTE, 16 * MINUTE, 60 * MINUTE, 1 * DAY, 2 * DAY, 10 * DAY, 40 * DAY)
PERMISSIONS = st.sampled_from([frozenset(letters) for letters in ("a", "b", "ab", "bc", "abc")])
LIFETIMES = {
    text: Expiry(after=parse_lifetime("expires_in", text, never=True)) for text in ("3d", "2w", "1mo", "1y", "never")
}
#: Lifetimes with what `rotate_before` may go along.
ROTATIONS = (("2w", "3d"), ("1mo", "2w"), ("1y", "1mo"), ("never", "1w"))


@dataclass(frozen=True, slots=True)
class Scene:
    """A server, and a wish about it. Each run of a test's example takes a fresh one: `build` may be called again."""

    manners: Manners
    updates: frozenset[str]
    tokens: tuple[dict[str, Any], ...]
    options: dict[str, Any]
    #: whose secret is presented: the number of a token, -1 for an unknown one, -2 for the empty one, None for none
    held: int | None
    chosen: int | None
    own: int | None

    def build(self) -> tuple[MemoryPlatform, WantedToken]:
        world = MemoryPlatform(replace(self.manners), replace(CAPABILITIES, updates=self.updates))
        tokens = [world.add(**attributes) for attributes in self.tokens]
        if self.own is not None and tokens:
            world.manners.own = tokens[self.own % len(tokens)].id
        return world, self._wish(world, tokens)

    def _wish(self, world: MemoryPlatform, tokens: list[Token]) -> WantedToken:
        secret = None
        if self.held is not None:
            known = self.held >= 0 and tokens
            secret = world.secret(tokens[self.held % len(tokens)]) if known else Secret("never-seen" * (self.held + 2))
        chosen = tokens[self.chosen % len(tokens)].id if self.chosen is not None and tokens else None
        return WantedToken(owner=PROJECT, name="deploy", secret=secret, id=chosen, **self.options)


def there(
    name: str, age: timedelta, used: float | None, owner: Owner, revoked: bool, **attributes: Any
) -> dict[str, Any]:
    """A token on the server; `used` is when, as a part of its age."""
    last = None if used is None else NOW - age * used
    return {"name": name, "age": age, "last_used_at": last, "owner": owner, "revoked": revoked, **attributes}


TOKENS = st.builds(
    there,
    name=st.sampled_from(("deploy", "deploy", "deploy", "other")),
    age=st.sampled_from(AGES),
    used=st.sampled_from((None, None, 0.0, 0.5, 1.0)),
    owner=st.sampled_from((OWNER, OWNER, OWNER, CALLER)),
    revoked=st.sampled_from((False, False, False, True)),
    permissions=PERMISSIONS,
    lasts=st.sampled_from((None, -DAY, DAY, 2 * DAY, 10 * DAY, 50 * DAY, 300 * DAY)),
    description=st.sampled_from((None, "x")),
)


def options(*states: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        chosen_options,
        rotation=st.sampled_from((*ROTATIONS, None, None, None)),
        lifetime=st.sampled_from((None, *LIFETIMES)),
        in_place=st.sampled_from((False, False, True)),
        overlap=st.sampled_from(("0", "1d", "1w")),
        state=st.sampled_from(states),
        permissions=PERMISSIONS | st.none(),
        description=st.sampled_from((None, None, "x", "y")),
        on_drift=st.sampled_from(("replace", "replace", "fail")),
        duplicates=st.sampled_from(("fail", "keep_newest")),
        verify=st.sampled_from((True, True, True, False)),
        allow_self=st.booleans(),
    )


def chosen_options(
    rotation: tuple[str, str] | None, lifetime: str | None, in_place: bool, overlap: str, **others: Any
) -> dict[str, Any]:
    lifetime, before = rotation or (lifetime, None)
    return {
        "expiry": LIFETIMES[lifetime] if lifetime else None,
        "rotate_before": parse_lifetime("rotate_before", before) if before else None,
        "rotation": "in_place" if in_place else "successor",
        "overlap": parse_lifetime("overlap", "0" if in_place else overlap, zero=True),
        **others,
    }


SIMPLE = st.builds(
    Manners,
    ends=st.sampled_from(("date", "instant", "days")),
    policy=st.sampled_from((None, None, Policy(max_lifetime_days=30, require_expiry=True))),
    secret_tells_id=st.booleans(),
    shows_dead=st.booleans(),
    keeps_id=st.booleans(),
)
#: A server that makes something else of what it is asked.
WAYWARD = st.builds(
    Manners,
    ends=st.sampled_from(("date", "instant")),
    name_length=st.sampled_from((None, 3)),
    most_days=st.sampled_from((None, 5, 40)),
    adds=st.sampled_from((frozenset(), frozenset("a"), frozenset("c"))),
    own=st.sampled_from((None, "")),
)


def scenes(
    manners: st.SearchStrategy[Manners] = SIMPLE, states: tuple[str, ...] = ("present", "present", "rotated", "absent")
) -> st.SearchStrategy[Scene]:
    return st.builds(
        Scene,
        manners=manners,
        updates=st.sampled_from((frozenset(), frozenset({"permissions", "description"}))),
        tokens=st.lists(TOKENS, max_size=5).map(tuple),
        options=options(*states),
        held=st.sampled_from((None, None, None, 0, 1, 2, 3, -1, -2)),
        chosen=st.sampled_from((None, None, None, None, 0, 1, 2)),
        own=st.sampled_from((None, None, None, 0, 1, 2)),
    )


def minting(
    manners: st.SearchStrategy[Manners] = SIMPLE, held: tuple[int | None, ...] = (None, 0, -1, -2)
) -> st.SearchStrategy[Scene]:
    """Scenes that end in a mint, most of them."""
    wished = options("rotated", "rotated", "present").map(
        lambda given: {
            **given,
            "permissions": given["permissions"] or frozenset("bc"),
            "expiry": given["expiry"] or LIFETIMES["2w"],
            "on_drift": "replace",
            "duplicates": "keep_newest",
        }
    )
    return st.builds(
        Scene,
        manners=manners,
        updates=st.just(frozenset()),
        tokens=st.lists(TOKENS, max_size=3).map(tuple),
        options=wished,
        held=st.sampled_from(held),
        chosen=st.none(),
        own=st.sampled_from((None, 0, 1)),
    )


#: Tokens that look very much like one that was just minted.
STRANGERS = st.builds(
    there,
    name=st.sampled_from(("deploy", "deploy", "other")),
    age=st.sampled_from((0 * MINUTE, 0 * MINUTE, 1 * MINUTE)),
    used=st.sampled_from((None, 0.0)),
    owner=st.sampled_from((OWNER, OWNER, CALLER)),
    revoked=st.just(False),
    permissions=st.sampled_from((frozenset("abc"), frozenset("a"))),
)


def retiring() -> st.SearchStrategy[Scene]:
    """Scenes with nothing to mint and something to retire, many of them."""
    return st.builds(
        lambda scene, kept: replace(scene, options={**scene.options, **kept}, chosen=None),
        scenes(states=("present",)),
        st.fixed_dictionaries(
            {
                "permissions": st.sampled_from((None, None, frozenset("a"))),
                "expiry": st.none(),
                "rotate_before": st.none(),
                "description": st.none(),
                "duplicates": st.sampled_from(("fail", "keep_newest", "keep_newest")),
            }
        ),
    )


def note(outcome: Outcome | TokensmithError) -> None:
    """For hypothesis' statistics: what the examples came to, so that one sees that all is reached."""
    event(type(outcome).__name__ if isinstance(outcome, TokensmithError) else outcome.action)


# --- nothing more to do -----------------------------------------------------------------------------------------------


@given(scenes(SIMPLE | WAYWARD))
def test_a_second_run_finds_nothing_to_do_or_is_refused_like_the_first(scene: Scene) -> None:
    world, wish = scene.build()
    # A wish to rotate is a wish each time it is uttered.
    assume(wish.state != "rotated")
    first = attempt(world, wish)
    note(first)
    # A successor is a token of another id: from then on the choice is over.
    wish = saved(wish, first)
    if isinstance(first, Outcome) and first.secret and wish.id is not None:
        wish = wish.with_values(id=first.token.id)
    # A rotation that the server did not carry out as asked cannot be taken back, so the next run finds it.
    assume(not isinstance(first, Undelivered))
    before = [row.token for row in world.rows]

    second = attempt(world, wish)

    if isinstance(second, Outcome) and second.action == "retire" and wish.overlap.count == 0:
        # Never in the run that mints, but the next one may already do it (rows 25 and 34).
        assert isinstance(first, Outcome)
        assert first.secret
        before = [row.token for row in world.rows]
        second = attempt(world, wish)
    if isinstance(first, TokensmithError):
        assert type(second) is type(first)
        assert [token for token in (row.token for row in world.rows) if token.live(world.clock)] == [
            token for token in before if token.live(world.clock)
        ]
    else:
        assert isinstance(second, Outcome), second
        assert (second.action, second.reasons, second.changed) == ("unchanged", (), False)
        assert [row.token for row in world.rows] == before


# --- check mode -------------------------------------------------------------------------------------------------------


def attributes(token: Token | None) -> dict[str, Any] | None:
    """What a result shows of a token, less what only the server can know beforehand."""
    if token is None:
        return None
    shown = token.as_result(OWNER, MemoryPlatform().clock)
    return {name: value for name, value in shown.items() if name not in ("id", "created_at")}


@given(scenes())
def test_check_mode_says_what_a_run_then_does(scene: Scene) -> None:
    world, wish = scene.build()
    before = [row.token for row in world.rows]

    said = attempt(world, wish, rehearse=True)

    assert [row.token for row in world.rows] == before
    assert not {"create", "update", "rotate", "revoke"} & set(world.calls)
    did = attempt(world, wish)
    note(did)
    if isinstance(did, TokensmithError):
        assert (type(said), str(said)) == (type(did), str(did))
        return
    assert isinstance(said, Outcome), said
    assert (said.action, said.reasons, said.retired, said.superseded, said.changes, said.warnings) == (
        (did.action, did.reasons, did.retired, did.superseded, did.changes, did.warnings)
    )
    assert attributes(said.token) == attributes(did.token)
    assert not said.secret
    assert bool(did.secret) == (did.action in ("create", "replace", "rotate"))


# --- what may be revoked ----------------------------------------------------------------------------------------------


@given(scenes() | retiring())
def test_nothing_is_revoked_that_is_not_explained(scene: Scene) -> None:
    world, wish = scene.build()
    there = {row.token.id: row for row in world.rows}
    owners = {row.token.id: row.owner for row in world.rows}
    held = next((row.token.id for row in world.rows if wish.secret and row.secret == wish.secret.reveal()), None)
    if not (wish.verify or world.manners.secret_tells_id):
        # Then nothing is proven of it, and `keep_newest` is taken at its word.
        held = None
    alive = ids(world.live())

    outcome = attempt(world, wish)

    note(outcome)
    event(f"revoked: {min(len(world.revoked), 2)}")
    for token_id in world.revoked:
        token = there[token_id].token
        assert (token.name, owners[token_id]) == (wish.name, OWNER.key)
        assert wish.allow_self or world.manners.own != token_id
        if wish.state == "absent":
            assert wish.id in (None, token_id)
            assert wish.id or wish.duplicates == "keep_newest" or len(alive) == 1
            continue
        # In every other state what is held, or is chosen by id, stays.
        assert isinstance(outcome, Outcome)
        assert token_id != held
        if outcome.secret:
            # The one that the new token takes over from, and only on the user's own word (rows 34 and 35).
            assert (wish.secret, wish.overlap.count) == (None, 0)
            assert world.revoked == [token_id]
            continue
        successor = outcome.token
        assert successor is not None
        assert successor.id in alive - set(world.revoked)
        assert token_id != wish.id
        latest = max(token.created_at, successor.created_at)
        assert token.created_at + choosing.SETTLE <= world.clock
        assert wish.overlap.after(latest) <= world.clock
        older = token.created_at <= successor.created_at
        in_use = successor.last_used_at is not None and (
            token.last_used_at is None or token.last_used_at <= successor.last_used_at
        )
        assert (held == successor.id and older) or wish.duplicates == "keep_newest" or (older and in_use)


@given(scenes(SIMPLE | WAYWARD))
def test_a_run_adds_at_most_one_live_token(scene: Scene) -> None:
    world, wish = scene.build()
    before = len([row for row in world.rows if row.token.live(world.clock)])
    outcome = attempt(world, wish)
    after = [row for row in world.rows if row.token.live(world.clock)]
    assert len(after) <= before + 1
    if isinstance(outcome, TokensmithError) and not isinstance(outcome, Undelivered):
        assert not [row for row in after if row.minted]


@given(
    scenes(states=("present",)),
    st.lists(st.sampled_from((timedelta(hours=1), DAY, DAY, 5 * DAY)), min_size=8, max_size=8),
)
def test_night_after_night_there_is_at_most_one_extra_token(scene: Scene, nights: list[timedelta]) -> None:
    """The play saves each new secret, which is used from then on."""
    world, wish = scene.build()
    # The run's own credential would stay for good, and an id names the token of the first night alone.
    wish = wish.with_values(id=None, allow_self=True, overlap=parse_lifetime("overlap", "1d"), rotation="successor")
    foreign = len(world.live())
    for night in nights:
        outcome = attempt(world, wish)
        wish = saved(wish, outcome)
        world.passes(night)
        if isinstance(outcome, Outcome) and outcome.token is not None and outcome.token.id in ids(world.live()):
            world.change(outcome.token.id, last_used_at=world.clock)
        assert len(world.live()) <= max(foreign, 1) + 1


# --- accidents --------------------------------------------------------------------------------------------------------


def orphans(world: MemoryPlatform, outcome: Outcome | TokensmithError) -> set[str]:
    """Live tokens that runs minted and whose secret nobody was given."""
    given_out = set()
    if isinstance(outcome, Undelivered):
        given_out = {outcome.minted.token.id}
    elif isinstance(outcome, Outcome) and outcome.secret and outcome.token:
        given_out = {outcome.token.id}
    return {token.id for token in world.minted() if token.live(world.clock)} - given_out


@given(minting(SIMPLE | WAYWARD) | scenes(SIMPLE | WAYWARD))
def test_a_run_that_fails_at_any_step_leaves_no_live_token_without_its_secret(scene: Scene) -> None:
    for when in ("before", "after"):
        for step in range(1, 30):
            world, wish = scene.build()
            alive = ids(world.live())
            stumble = Stumble(step, when)
            outcome = live_stumbling(world, wish, stumble)
            if len(stumble.seen) < step:
                break
            at = stumble.seen[step - 1]
            event(f"{when} {at}")
            left = orphans(world, outcome)
            if at == "Create" and world.manners.name_length is not None:
                # What was lost goes by a name under which nobody looks for it.
                continue
            if isinstance(outcome, AnswerLost):
                # The one thing that cannot be known. With a secret presented, or a rotation, nothing is taken back.
                assert at in ("Create", "Rotate")
                assert len(left) <= (wish.secret is not None or at == "Rotate")
                continue
            assert not left, f"{when} {at} (step {step}) left {left}: {outcome!r}"
            if isinstance(outcome, TokensmithError) and wish.state != "absent" and alive:
                assert world.live(), f"{when} {at} (step {step}): the last live token is gone: {outcome!r}"


@given(
    minting(held=(None,)),
    st.lists(STRANGERS, max_size=2),
    st.lists(STRANGERS, min_size=1, max_size=3),
    st.sampled_from(("before", "after", "after, id")),
)
def test_a_lost_answer_costs_nobody_elses_token(
    scene: Scene, before: list[dict[str, Any]], meanwhile: list[dict[str, Any]], accident: str
) -> None:
    """Tokens that others make meanwhile, unless one looks like ours and was never used (row 23)."""
    world, wish = scene.build()
    wish = wish.with_values(rotation="successor", overlap=parse_lifetime("overlap", "1d"))
    for stranger in before:
        world.add(**stranger)
    world.meanwhile = list(meanwhile)
    world.befall("create", accident)
    there = ids(row.token for row in world.rows)

    outcome = attempt(world, wish)

    if "create" not in world.calls:
        return
    assert orphans(world, outcome) == set()
    asked = max((token for token in world.minted()), key=lambda token: int(token.id)).permissions
    for token_id in world.revoked:
        row = world.row(token_id)
        assert token_id not in there
        assert row.minted or (
            (row.owner, row.token.name) == (OWNER.key, "deploy")
            and row.token.last_used_at is None
            and row.token.created_at == world.clock
            and row.token.permissions >= asked
        )


TICKS = st.sampled_from((timedelta(0), timedelta(milliseconds=300), timedelta(seconds=40)))
LOSSES = ("before", "after", "after, id")


@given(minting(held=(None,)), st.lists(st.sampled_from(LOSSES), min_size=1, max_size=3), TICKS)
def test_a_lost_answer_never_leaves_two(scene: Scene, accidents: list[str], tick: timedelta) -> None:
    world, wish = scene.build()
    wish = wish.with_values(rotation="successor")
    world.tick = tick
    world.befall("create", *accidents)
    before = world.live()

    outcome = attempt(world, wish)

    note(outcome)
    if "create" not in world.calls:
        return
    assert orphans(world, outcome) == set()
    assert world.calls.count("create") == 2
    if len(accidents) == 1:
        assert isinstance(outcome, Outcome)
        assert outcome.secret
    else:
        assert isinstance(outcome, AnswerLost)
        assert ids(world.live()) == ids(before)


@given(minting(held=(0, -1, -2)), st.sampled_from(LOSSES))
def test_a_lost_answer_beside_a_secret_revokes_nothing_and_names_what_appeared(scene: Scene, accident: str) -> None:
    """Another node may be minting for the same consumer (row 34)."""
    world, wish = scene.build()
    wish = wish.with_values(rotation="successor")
    world.befall("create", accident)

    outcome = attempt(world, wish)

    note(outcome)
    if "create" not in world.calls:
        return
    assert isinstance(outcome, AnswerLost)
    assert world.revoked == []
    assert world.calls.count("create") == 1
    left = orphans(world, outcome)
    assert len(left) == (accident != "before")
    assert all(f"id {token_id} " in str(outcome) for token_id in left)


# --- wishes are values ------------------------------------------------------------------------------------------------


@given(scenes(states=("present",)), st.randoms(use_true_random=False))
def test_the_order_in_which_the_server_lists_tokens_does_not_matter(scene: Scene, shuffler: Any) -> None:
    world, wish = scene.build()
    other, same_wish = scene.build()
    shuffler.shuffle(other.rows)
    # Equal ages leave the order to the ids, and those are the same in both.
    one, two = attempt(world, wish, rehearse=True), attempt(other, same_wish, rehearse=True)
    if isinstance(one, TokensmithError):
        assert (type(one), str(one)) == (type(two), str(two))
    else:
        assert isinstance(two, Outcome)
        assert (one.action, one.reasons, one.token, one.superseded) == (
            two.action,
            two.reasons,
            two.token,
            two.superseded,
        )
