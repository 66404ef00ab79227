# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform that lives in memory, with the manners and accidents that a test asks for, and a driver for it.

No HTTP and no clock but its own. `live` sends a wish through the very code that a module runs; `attempt` does the same
and hands back the error instead of raising it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import applying
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Effect, Outcome
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    OwnerNotFound,
    TokensmithError,
    Unreachable,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifecycle import live_through
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, midnight
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.base import LIVE, Capabilities, Platform
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Redactor, Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import (
    Evidence,
    Minted,
    MintSpec,
    Owner,
    OwnerRef,
    Policy,
    Token,
    WantedToken,
)
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
#: The owner that tests use unless they say otherwise, as a user writes it and as the server knows it.
PROJECT = OwnerRef("project", "platform/app")
OWNER = Owner("project", "7", "platform/app")
CALLER = Owner("user", "1", "me", caller=True)

CAPABILITIES = Capabilities(
    owner_kinds=frozenset({"self", "user", "project"}),
    attributes=frozenset({"access_level", "projects", "all_projects", "description"}),
    required={},
    kinds=frozenset({"personal"}),
    rotate_in_place=True,
    expiry_tolerance=timedelta(0),
    known_permissions=frozenset("abc"),
)


@dataclass(slots=True, kw_only=True)
class Manners:
    """What this server makes of what it is asked."""

    #: how it keeps ends: `instant`, `date` (midnight of the day) or `days` (whole ones from the mint)
    ends: str = "date"
    #: trims names to so many characters
    name_length: int | None = None
    #: cuts a life to so many days, and never-ending ones as well
    most_days: int | None = None
    #: permissions that come along with others, unasked
    adds: frozenset[str] = frozenset()
    policy: Policy | None = None
    #: the id of the credential of the run; "" if the server does not tell
    own: str | None = None
    #: whether it says whose secret one is
    tells_id: bool = True
    tells_name: bool = True
    #: whether the secret itself has the id in it
    secret_tells_id: bool = False
    #: a token that is rotated in place keeps its id
    keeps_id: bool = False
    #: lists show dead tokens too
    shows_dead: bool = True
    #: dates of creation have whole seconds
    rounds_dates: bool = False
    #: lists have no date of creation
    hides_creation: bool = False
    #: verdict on every secret, whatever it is
    verdict: str | None = None


@dataclass(slots=True)
class Row:
    """A token on the server, with what only the server knows of it."""

    token: Token
    owner: str
    secret: str
    minted: bool = False


class MemoryTransport:
    """What is asked of a platform's transport apart from requests: the server's clock, the count, redaction."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.redactor = Redactor()
        self.sent = 0

    def now(self) -> datetime:
        # The last Date and the time since then, which come to about this.
        return self._clock()


class MemoryPlatform(Platform):
    """The server and its client in one.

    `accidents` holds, for each call by name, what befalls the next ones: None, `before` (nothing is done, and the answer
    is lost), `after` (done, and the answer is lost), `after, id` (the id alone could be saved), `late` (done only at the
    second look from then), `twice` (carried out twice, the second answer comes). For `tokens`: `stale` (the newest is
    not shown yet).
    """

    name = "memory"
    title = "Memory"
    capabilities = CAPABILITIES

    def __init__(self, manners: Manners | None = None, capabilities: Capabilities = CAPABILITIES) -> None:
        self.manners = manners or Manners()
        self.clock = NOW
        #: how much time each request takes
        self.tick = timedelta(0)
        self.rows: list[Row] = []
        self.accidents: dict[str, deque[str | None]] = {}
        self.calls: list[str] = []
        self.revoked: list[str] = []
        #: tokens that others make while the next mint is under way: what `add` takes
        self.meanwhile: list[dict[str, Any]] = []
        self._pending: list[tuple[int, Owner, MintSpec, datetime | None]] = []
        self._ids = 100
        super().__init__(MemoryTransport(lambda: self.clock), Connection(url="https://memory.example.com"))
        self.capabilities = replace(capabilities, expiry_tolerance=DAY if self.manners.ends == "days" else timedelta(0))

    @classmethod
    def connect(cls, connection: Connection) -> MemoryPlatform:
        return cls()

    # --- what tests say and ask ---------------------------------------------------------------------------------------

    def add(self, name: str = "deploy", *, owner: Owner = OWNER, age: timedelta = 40 * DAY, **attributes: Any) -> Token:
        """Put a token on the server that is `age` old; `lasts` is how long it still lives (None: for ever)."""
        self._ids += 1
        lasts = attributes.pop("lasts", None)
        token = Token(
            id=attributes.pop("id", str(self._ids)),
            name=name,
            permissions=frozenset(attributes.pop("permissions", "a")),
            created_at=attributes.pop("created_at", self.clock - age),
            expires_at=None if lasts is None else self._end_kept(self.clock + lasts),
            **attributes,
        )
        self.rows.append(Row(token, owner.key, f"memory-secret-of-{token.id}"))
        return token

    def befall(self, call: str, *accidents: str | None) -> None:
        self.accidents.setdefault(call, deque()).extend(accidents)

    def secret(self, token: Token) -> Secret:
        return Secret(self.row(token.id).secret)

    def row(self, token_id: str) -> Row:
        return next(row for row in self.rows if row.token.id == token_id)

    def change(self, token_id: str, **attributes: Any) -> Token:
        row = self.row(token_id)
        row.token = replace(row.token, **attributes)
        return row.token

    def live(self, name: str = "deploy", owner: Owner = OWNER) -> list[Token]:
        return [
            row.token
            for row in self.rows
            if row.owner == owner.key and row.token.name == name and row.token.live(self.clock)
        ]

    def minted(self) -> list[Token]:
        """What runs made here, dead or alive."""
        return [row.token for row in self.rows if row.minted]

    def passes(self, time: timedelta) -> None:
        self.clock += time

    # --- the platform -------------------------------------------------------------------------------------------------

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        self._begin("resolve")
        if ref.kind == "self":
            return CALLER
        if ref != PROJECT:
            raise OwnerNotFound(f"owner.{ref.kind}: there is no {ref}.")
        return OWNER

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        accident = self._begin("tokens")
        self._land_late_ones()
        rows = [row for row in self.rows if row.owner == owner.key]
        if accident == "stale":
            rows.remove(max((row for row in rows if row.token.name == name), key=lambda row: int(row.token.id)))
        for row in rows:
            token = row.token
            if self.manners.shows_dead or token.status(self.clock) in statuses:
                yield replace(token, created_at=None) if self.manners.hides_creation else token

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        accident = self._begin("create")
        while self.meanwhile:
            self.add(**self.meanwhile.pop())
        return self._mint(accident, owner, spec, expires_at)

    def rotate(self, owner: Owner, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        accident = self._begin("rotate")
        if accident != "before":
            if self.manners.keeps_id:
                self.rows.remove(self.row(token.id))
            else:
                self.change(token.id, revoked=True)
        kept = replace(
            spec, permissions=token.permissions, description=token.description, access_level=token.access_level
        )
        return self._mint(accident, owner, kept, expires_at, token)

    def update(self, owner: Owner, token: Token, changes: Mapping[str, Any]) -> Token:
        self._begin("update")
        if "permissions" in changes:
            changes = {**changes, "permissions": changes["permissions"] | self.manners.adds}
        return self.change(token.id, **changes)

    def revoke(self, owner: Owner, token_id: str) -> None:
        self._begin("revoke")
        row = self.row(token_id)
        if row.token.live(self.clock):
            self.revoked.append(token_id)
        row.token = replace(row.token, revoked=True)

    def verify(self, secret: Secret) -> Evidence:
        self._begin("verify")
        if self.manners.verdict is not None:
            return Evidence(verdict=self.manners.verdict, detail="the server is in maintenance")
        row = next((row for row in self.rows if row.secret == secret.reveal()), None)
        if row is None or not row.token.live(self.clock):
            return Evidence(verdict="rejected")
        return Evidence(
            verdict="accepted",
            id=row.token.id if self.manners.tells_id else None,
            name=row.token.name if self.manners.tells_name else None,
        )

    def own_token_id(self, owner: Owner) -> str | None:
        self._begin("own_token_id")
        if self.manners.own == "":
            raise Unsupported("Memory does not tell which token a run uses.")
        return self.manners.own

    def secret_id(self, secret: Secret) -> str | None:
        return secret.reveal().rpartition("-")[2] if self.manners.secret_tells_id and secret else None

    def policy(self, owner: Owner, until: datetime | None = None) -> Policy | None:
        self._begin("policy")
        return self.manners.policy

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        moment = expiry.moment(now)
        if moment is None or self.manners.ends == "instant":
            return moment
        if self.manners.ends == "date":
            return midnight(moment.date())
        return now + -((now - moment) // DAY) * DAY

    def diagnose(self, refusal: Exception) -> TokensmithError:
        raise AssertionError("there is no HTTP here") from refusal

    # --- inside -------------------------------------------------------------------------------------------------------

    def _begin(self, call: str) -> str | None:
        self.calls.append(call)
        self.clock += self.tick
        waiting = self.accidents.get(call)
        return waiting.popleft() if waiting else None

    def _mint(
        self, accident: str | None, owner: Owner, spec: MintSpec, expires_at: datetime | None, old: Token | None = None
    ) -> Minted:
        if accident == "before":
            raise AnswerLost("the connection broke")
        if accident == "late":
            self._pending.append((2, owner, spec, expires_at))
            raise AnswerLost("no answer within timeout")
        if accident == "twice":
            self._insert(owner, spec, expires_at, None)
        row = self._insert(owner, spec, expires_at, old)
        if accident in ("after", "after, id"):
            raise AnswerLost("the connection broke", token_id=row.token.id if accident == "after, id" else None)
        return Minted(token=row.token, secret=Secret(row.secret))

    def _insert(self, owner: Owner, spec: MintSpec, expires_at: datetime | None, old: Token | None) -> Row:
        """A new token; `old` is the one that it is a rotation of, and keeps the attributes of."""
        self._ids += 1
        token = Token(
            id=old.id if old and self.manners.keeps_id else str(self._ids),
            name=spec.name[: None if old else self.manners.name_length],
            permissions=spec.permissions | (frozenset() if old else self.manners.adds),
            access_level=spec.access_level,
            projects=spec.projects,
            all_projects=spec.all_projects,
            description=spec.description,
            created_at=self.clock.replace(microsecond=0) if self.manners.rounds_dates else self.clock,
            expires_at=self._end_kept(expires_at),
        )
        self.rows.append(Row(token, owner.key, f"memory-secret-{self._ids}-of-{token.id}", minted=True))
        return self.rows[-1]

    def _end_kept(self, moment: datetime | None) -> datetime | None:
        if self.manners.most_days is not None:
            longest = self.clock + self.manners.most_days * DAY
            moment = longest if moment is None else min(moment, longest)
        if moment is None or self.manners.ends != "date":
            return moment
        return midnight(moment.date())

    def _land_late_ones(self) -> None:
        waiting, self._pending = self._pending, []
        for looks, owner, spec, expires_at in waiting:
            if looks == 1:
                self._insert(owner, spec, expires_at, None)
            else:
                self._pending.append((looks - 1, owner, spec, expires_at))


# --- driving ----------------------------------------------------------------------------------------------------------


@contextmanager
def no_lock(owner: str, name: str) -> Iterator[None]:
    yield


def live(
    world: MemoryPlatform,
    wish: WantedToken,
    *,
    rehearse: bool = False,
    deadline: applying.Deadline | None = None,
) -> Outcome:
    """One run, as a module does it; `rehearse` is check mode. Raises what it raises."""
    deadline = deadline or applying.Deadline(None, margin=0)
    _owner, outcome = applying.apply(wish, world, no_lock, deadline, rehearse=rehearse)
    return outcome


def attempt(world: MemoryPlatform, wish: WantedToken, *, rehearse: bool = False) -> Outcome | TokensmithError:
    """One run: what it came to, or the error with which it failed."""
    try:
        return live(world, wish, rehearse=rehearse)
    except TokensmithError as error:
        return error


@dataclass(slots=True)
class Stumble:
    """An accident at one step of a run, whatever it is: `before` (not done) or `after` it (done, nobody knows)."""

    step: int
    when: str
    seen: list[str] = field(default_factory=list)

    def at(self, effect: Effect, *, done: bool) -> None:
        if not done:
            self.seen.append(type(effect).__name__)
        if len(self.seen) == self.step and done == (self.when == "after"):
            kind = AnswerLost if self.seen[-1] in ("Create", "Rotate") else Unreachable
            raise kind(f"the connection broke {self.when} {self.seen[-1]}")


class StumblingPerformer(applying.Performer):
    """Carries effects out, and stumbles."""

    stumble: Stumble

    def perform(self, effect: Effect) -> Any:
        self.stumble.at(effect, done=False)
        came = super().perform(effect)
        self.stumble.at(effect, done=True)
        return came


def live_stumbling(world: MemoryPlatform, wish: WantedToken, stumble: Stumble) -> Outcome | TokensmithError:
    """One run with an accident at a step; `stumble.seen` then has the effects up to its end."""
    performer = StumblingPerformer(world, OWNER, wish.name, applying.Deadline(None, margin=0))
    performer.stumble = stumble
    try:
        return applying.drive(live_through(wish, OWNER, world), performer)
    except TokensmithError as error:
        return error


def saved(wish: WantedToken, outcome: Outcome | TokensmithError) -> WantedToken:
    """The wish of the next run, where the play presents a secret: it has saved the one that it was given."""
    if wish.secret is None or isinstance(outcome, TokensmithError) or outcome.secret is None:
        return wish
    return wish.with_values(secret=outcome.secret)


def ids(tokens: Iterable[Token]) -> set[str]:
    return {token.id for token in tokens}
