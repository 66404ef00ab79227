# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where histories begin: what is there, what is wanted, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ansible_collections.tokensmith.access.plugins.module_utils import errors
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import NEVER, Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.record import Known, Record
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef, WantedToken

from .convergence import PRESENTING
from .dialects import BITBUCKET, DIALECTS, GITLAB, GORULES, OLD_GITLAB, Dialect
from .runs import Run
from .world import ANYTHING, NAME, PLACE, Memory, Row, World

SAYING_NOTHING = "saying nothing"
NOTHING = Lifetime(0, "d")
DAY = Lifetime(1, "d")
QUARTER = Expiry(after=Lifetime(90, "d"))
WISH = WantedToken(
    owner=OwnerRef("project", "platform/app"),
    name=NAME,
    permissions=frozenset({"read"}),
    expiry=QUARTER,
    overlap=DAY,
)
#: More than the old tokens may do; no server of these changes that in place.
LIMITED = WISH.with_values(expiry=Expiry(after=NEVER))
IN_PLACE = WISH.with_values(rotation="in_place", overlap=NOTHING)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One beginning."""

    name: str
    wish: WantedToken
    begin: Callable[[World], None]
    #: what later runs want; the same, but what was asked for once is not asked for again
    later: WantedToken = field(default=None)  # type: ignore[assignment]
    dialects: tuple[Dialect, ...] = DIALECTS
    #: without a store: whether runs present the secret that the consumer holds, or nobody says anything
    alone: str | None = None
    #: id of the token that runs authenticate with, where it is one of these
    credential: str | None = None
    #: with what undisturbed runs may refuse, and then leave all as it is
    refuses: tuple[type[errors.TokensmithError], ...] = ()

    def __post_init__(self) -> None:
        if self.later is None:
            state = "absent" if self.wish.state == "absent" else "present"
            object.__setattr__(self, "later", self.wish.with_values(state=state))

    def world(self, dialect: Dialect, *, atomic: bool = True, eager: bool = False, whole_record: bool = True) -> World:
        """The world in which it begins."""
        world = World(dialect, atomic=atomic, eager=eager, whole_record=whole_record)
        self.begin(world)
        world.was.clear()
        world.changed = world.clock - timedelta(days=1)
        return world

    def run(self, world: World, *, later: bool = False) -> Run:
        """A run in it."""
        wish = self.later if later else self.wish
        if self.alone is None:
            return Run(wish, world.dialect, credential=self.credential)
        if self.alone == PRESENTING:
            wish = wish.with_values(secret=Secret(world.held or ""))
        return Run(wish, world.dialect, place=None, credential=self.credential)


def keep(world: World, row: Row, *, record: bool = True) -> Row:
    """Put a token's secret into the entry, with a record beside it."""
    world.put("entry", row.secret)
    if record:
        known = Known(row.token.id, PLACE.fingerprint(Secret(row.secret)), row.token.updated_at)
        world.put("record", Record(current=known).to_json(PLACE))
    world.memory = replace(world.memory, worked=world.row_of(row.secret) is not None)
    return row


def old_token(world: World, *, days_left: int = 60, maker: str = "before", **changes: object) -> Row:
    """A token from a while ago that is in use."""
    row = world.mint(ANYTHING, world.clock + timedelta(days=days_left), maker=maker)
    begun = world.clock - timedelta(days=30)
    updated = begun if world.dialect.shows_update else None
    facts = {"created_at": begun, "updated_at": updated, "last_used_at": world.clock - timedelta(days=1), **changes}
    token = replace(row.token, **facts)  # type: ignore[arg-type]
    world.rows[token.id] = replace(row, token=token)
    return world.rows[token.id]


def _stored(**changes: object) -> Callable[[World], None]:
    def begin(world: World) -> None:
        keep(world, old_token(world, **changes))  # type: ignore[arg-type]

    return begin


def _adopted(world: World) -> None:
    keep(world, old_token(world), record=False)


def _missing(world: World) -> None:
    keep(world, old_token(world))
    world.put("entry", None)
    world.memory = Memory()


def _rejected(world: World) -> None:
    row = keep(world, old_token(world))
    world.revoke(row.token.id)
    world.memory = Memory()


def _strange(world: World) -> None:
    """Someone else's tokens, an older and a newer one, beside ours."""
    old_token(world, maker="someone")
    keep(world, old_token(world))
    old_token(world, maker="someone", created_at=world.clock - timedelta(days=3))


def _lost_in_a_crowd(world: World) -> None:
    old_token(world, maker="someone")
    old_token(world, maker="someone")


def _held(**changes: object) -> Callable[[World], None]:
    def begin(world: World) -> None:
        world.held = old_token(world, **changes).secret  # type: ignore[arg-type]
        world.memory = replace(world.memory, saved=True)

    return begin


def _held_among(world: World) -> None:
    """The older one is someone else's."""
    old_token(world, maker="someone", created_at=world.clock - timedelta(days=50))
    _held()(world)


#: With a store.
SCENARIOS = (
    Scenario(name="first mint", wish=WISH, begin=lambda world: None),
    Scenario(name="replaced on drift", wish=WISH, begin=_stored(permissions=frozenset({"write"}), days_left=60)),
    Scenario(name="made limited", wish=WISH, begin=_stored(expires_at=None), dialects=(BITBUCKET,)),
    Scenario(name="rotated", wish=WISH.with_values(state="rotated"), begin=_stored()),
    Scenario(name="rotated without overlap", wish=WISH.with_values(state="rotated", overlap=NOTHING), begin=_stored()),
    Scenario(
        name="about to expire", wish=WISH.with_values(rotate_before=Lifetime(30, "d")), begin=_stored(days_left=5)
    ),
    Scenario(
        name="in place",
        wish=IN_PLACE.with_values(rotate_before=Lifetime(30, "d")),
        begin=_stored(days_left=5),
        dialects=tuple(each for each in DIALECTS if each.rotation),
    ),
    Scenario(
        name="adopted",
        wish=WISH,
        begin=_adopted,
        dialects=(GITLAB, BITBUCKET, GORULES),
        refuses=(errors.SecretUndecided,),
    ),
    Scenario(
        name="adopted and rotated",
        wish=WISH.with_values(state="rotated"),
        begin=_adopted,
        dialects=(GITLAB, BITBUCKET, GORULES),
        refuses=(errors.SecretUndecided,),
    ),
    Scenario(
        name="adopted by id and rotated",
        wish=WISH.with_values(state="rotated", id="1"),
        begin=_adopted,
        later=WISH,
        dialects=(OLD_GITLAB, GORULES),
        refuses=(errors.SecretUndecided,),
    ),
    Scenario(name="secret missing", wish=WISH, begin=_missing),
    Scenario(name="secret rejected", wish=WISH, begin=_rejected),
    Scenario(name="nothing to do", wish=WISH, begin=_stored()),
    Scenario(name="absent", wish=WISH.with_values(state="absent"), begin=_stored()),
    Scenario(
        name="rotated, then given up",
        wish=WISH.with_values(state="rotated"),
        begin=_stored(),
        later=WISH.with_values(state="absent"),
    ),
    Scenario(name="duplicates", wish=WISH, begin=_strange),
    Scenario(
        name="duplicates, one due",
        wish=WISH.with_values(state="rotated"),
        begin=_strange,
    ),
    Scenario(name="keep newest", wish=WISH.with_values(duplicates="keep_newest"), begin=_strange),
    Scenario(
        name="keep newest, rotated", wish=WISH.with_values(duplicates="keep_newest", state="rotated"), begin=_strange
    ),
    Scenario(name="keep newest, none is ours", wish=WISH.with_values(duplicates="keep_newest"), begin=_lost_in_a_crowd),
    Scenario(
        name="own credential",
        wish=WISH.with_values(state="rotated", overlap=NOTHING),
        begin=_stored(),
        credential="1",
        refuses=(errors.CredentialRefused,),
    ),
)
_TELLING = (GITLAB, BITBUCKET)
#: Without a store.
ALONE = (
    Scenario(name="presented: first mint", wish=WISH, begin=lambda world: None, dialects=_TELLING, alone=PRESENTING),
    Scenario(name="presented: drift", wish=LIMITED, begin=_held(), dialects=_TELLING, alone=PRESENTING),
    Scenario(
        name="presented: drift, no overlap",
        wish=LIMITED.with_values(overlap=NOTHING),
        begin=_held(),
        dialects=_TELLING,
        alone=PRESENTING,
    ),
    Scenario(
        name="presented: rotated",
        wish=WISH.with_values(state="rotated"),
        begin=_held(),
        dialects=_TELLING,
        alone=PRESENTING,
    ),
    Scenario(name="presented: with a stranger's", wish=LIMITED, begin=_held_among, dialects=_TELLING, alone=PRESENTING),
    Scenario(name="nothing said: first mint", wish=WISH, begin=lambda world: None, alone=SAYING_NOTHING),
    Scenario(name="nothing said: drift", wish=LIMITED, begin=_held(), alone=SAYING_NOTHING),
    Scenario(
        name="nothing said: drift, no overlap",
        wish=LIMITED.with_values(overlap=NOTHING),
        begin=_held(),
        alone=SAYING_NOTHING,
    ),
)
BY_NAME = {scenario.name: scenario for scenario in (*SCENARIOS, *ALONE)}
