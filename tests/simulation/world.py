# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world outside, in memory: a server with tokens, a store with three slots, a clock, consumers.

It does what it is told, at once and without fail; what goes wrong is added by `faults`. A world is copied before each
step, so that a step can be judged by what it changed, and so that histories can branch.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import effects
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    CredentialRefused,
    ServiceError,
    StoreError,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import NEVER, Expiry
from ansible_collections.tokensmith.access.plugins.module_utils.record import Place
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Evidence, Minted, MintSpec, Owner, Token

from .dialects import Dialect

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NAME = "deploy"
OWNER = Owner("project", "7", "platform/app")
PLACE = Place("https://server.example", OWNER.key, NAME)
#: For how long the store and the server's lists may go on telling what was there before.
LAG = timedelta(seconds=29)
#: Within which time what was sent is carried out, if at all, and is listed.
SETTLE = timedelta(minutes=15)
SLOTS = ("entry", "next", "record")
ANYTHING = MintSpec(name=NAME, permissions=frozenset({"read"}), expiry=Expiry(after=NEVER))


@dataclass(frozen=True, slots=True)
class Row:
    """A token as only the server knows it."""

    token: Token
    secret: str
    #: `run`: minted by the engine; `before`: there when the history begins; `someone`: another person's
    maker: str
    #: False for a token born dead: it is listed, and its secret is not accepted
    works: bool = True
    #: tokens that came of one another by rotation
    family: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the judges remember of a history."""

    #: the entry held a working secret, and nobody but a run has a hand in it since
    worked: bool = False
    #: the user had a run end the token, or nothing is claimed to be kept
    given_up: bool = False
    #: the consumer of a run without a store was saved a working one
    saved: bool = False
    #: the shortest overlap that a run was told
    overlap: timedelta = timedelta.max
    #: tokens whose secret left the entry, and when
    left: tuple[tuple[str, datetime], ...] = ()
    #: the last secret that was in the entry, and those that were replaced
    last: str | None = None
    been: frozenset[str] = frozenset()
    #: extra live tokens that faults (a late commit, a request sent twice, a list that lags) excuse
    excused: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """A request that was sent and is carried out in its own time."""

    effect: effects.Create | effects.Rotate | effects.Revoke
    until: datetime


@dataclass(frozen=True, slots=True)
class Deliver:
    """What the play does with a new secret that it registered: the consumer gets it."""

    secret: str


class World:
    """Everything outside of a run."""

    __slots__ = (
        "atomic",
        "changed",
        "clock",
        "dialect",
        "eager",
        "held",
        "late",
        "memory",
        "past",
        "rows",
        "serial",
        "slots",
        "stale",
        "was",
        "whole_record",
    )

    def __init__(
        self, dialect: Dialect, *, atomic: bool = True, eager: bool = False, whole_record: bool = True
    ) -> None:
        self.dialect = dialect
        #: whether the store replaces the entry at once; if not, it deletes, then adds
        self.atomic = atomic
        #: whether a store that deletes, then adds, keeps the record in one piece all the same
        self.whole_record = whole_record
        #: whether consumers use what the entry holds at once
        self.eager = eager
        self.clock = START
        self.rows: dict[str, Row] = {}
        #: what the list showed before the last change, and when that was
        self.past: tuple[Row, ...] = ()
        self.changed = START
        self.slots: dict[str, str] = {}
        #: what each slot held before it was last changed, and when that was
        self.was: dict[str, tuple[str | None, datetime]] = {}
        #: slots that are read as they were
        self.stale: dict[str, str | None] = {}
        self.late: tuple[Late, ...] = ()
        self.serial = 0
        #: the secret that the consumer of runs without a store has
        self.held: str | None = None
        self.memory = Memory()

    def copy(self) -> World:
        twin = object.__new__(World)
        twin.dialect, twin.atomic, twin.eager, twin.whole_record = (
            self.dialect,
            self.atomic,
            self.eager,
            self.whole_record,
        )
        twin.clock, twin.serial, twin.changed, twin.held = self.clock, self.serial, self.changed, self.held
        twin.past, twin.late, twin.memory = self.past, self.late, self.memory
        twin.rows, twin.slots = self.rows.copy(), self.slots.copy()
        twin.was, twin.stale = self.was.copy(), self.stale.copy()
        return twin

    def key(self, *, lagging: bool = True) -> Hashable:
        """Equal for worlds in which everything goes on alike; without `lagging` only if no read will be stale."""
        base = (
            self.clock,
            tuple(self.rows.items()),
            tuple(sorted(self.slots.items())),
            self.late,
            self.serial,
            self.held,
            self.memory,
        )
        if not lagging and not self.stale:
            return base
        past = (self.past, self.changed) if self.lists_lag() else None
        was = tuple((slot, self.was[slot]) for slot in SLOTS if self.reads_lag(slot))
        return (*base, past, was, tuple(sorted(self.stale)))

    # --- facts --------------------------------------------------------------------------------------------------------

    def row_of(self, secret: str | None) -> Row | None:
        """The token that a secret lets in as, if it does."""
        for row in self.rows.values():
            if row.secret == secret and row.works and row.token.live(self.clock):
                return row
        return None

    def live(self) -> list[Row]:
        return [row for row in self.rows.values() if row.token.live(self.clock)]

    def reads_lag(self, slot: str) -> bool:
        """Whether the store may still tell what a slot held before its last change."""
        return slot in self.was and self.clock - self.was[slot][1] < LAG

    def lists_lag(self) -> bool:
        """Whether a list may still leave out the last change."""
        return self.clock - self.changed < LAG

    @property
    def entry(self) -> str | None:
        return self.slots.get("entry")

    # --- what runs do -------------------------------------------------------------------------------------------------

    def perform(self, effect: effects.Effect | Deliver, credential: str | None = None) -> Any:
        """Carry out what the engine asks for; `credential` is the id of the token that the run authenticates with."""
        match effect:
            case effects.Read(slot):
                return self._read(slot)
            case effects.Write(slot, secret):
                return self.write(slot, secret.reveal())
            case effects.Promote(secret):
                return self._promote(secret.reveal())
            case effects.Erase(slot):
                return self.put(slot, None)
            case effects.Wait(seconds):
                return self.pass_time(timedelta(seconds=seconds))
            case effects.Now():
                return self.date()
            case effects.Reserve() | effects.MakeSureOfTime():
                return None
            case effects.Verify(secret):
                return self._verify(secret)
            case Deliver(text):
                return self._deliver(text)
            case _:
                return self._ask(effect, credential)

    def _ask(self, effect: effects.Effect, credential: str | None) -> Any:
        """What takes the run's own credential."""
        own = self.rows.get(credential or "")
        if own is not None and not own.token.live(self.clock) and not isinstance(effect, effects.Rotate):
            raise CredentialRefused("The credential is refused.")
        match effect:
            case effects.Look():
                return self.listing()
            case effects.ReadPolicy():
                return None
            case effects.WhoAmI():
                return credential
            case effects.Create(spec, expires_at):
                return self._handed_over(self.mint(spec, expires_at))
            case effects.Rotate(token, _spec, expires_at, _own):
                return self._handed_over(self.rotate(token.id, expires_at, credential))
            case effects.Update(token, changes):
                return self._update(token.id, changes)
            case effects.Revoke(token_id):
                return self.revoke(token_id)
        raise AssertionError(effect)

    def date(self) -> datetime:
        """The time as servers tell it: with every answer, in whole seconds."""
        return self.clock.replace(microsecond=0)

    def listing(self, rows: tuple[Row, ...] | None = None) -> effects.Listing:
        rows = tuple(self.rows.values()) if rows is None else rows
        shown = tuple(
            self._shown(row.token)
            for row in rows
            if row.token.live(self.clock) or (self.dialect.lists_dead and not row.token.revoked)
        )
        return effects.Listing(shown, self.date())

    def mint(
        self,
        spec: MintSpec = ANYTHING,
        expires_at: datetime | None = None,
        *,
        maker: str = "run",
        works: bool = True,
        family: str = "",
    ) -> Row:
        self._change_tokens()
        self.serial += 1
        number = str(self.serial)
        token = Token(
            id=number,
            name=spec.name,
            permissions=spec.permissions,
            created_at=self.clock,
            updated_at=self.clock if self.dialect.shows_update else None,
            expires_at=expires_at,
        )
        row = Row(token, f"secret-{number}-{number}", maker, works, family or number)
        self.rows[number] = row
        return row

    def rotate(self, token_id: str, expires_at: datetime | None, credential: str | None = None) -> Row:
        """A new secret in place of the old one; a rotated token that rotates again takes its whole family with it."""
        row = self.rows[token_id]
        if not row.token.live(self.clock):
            if credential == token_id:
                self._change_tokens()
                for each in self.live():
                    if each.family == row.family:
                        self._put_token(each, revoked=True)
            raise CredentialRefused("The credential is refused.")
        if self.dialect.rotation == "child":
            spec = MintSpec(name=NAME, permissions=row.token.permissions, expiry=Expiry(after=NEVER))
            child = self.mint(spec, expires_at, family=row.family)
            self._put_token(row, revoked=True)
            return child
        self._change_tokens()
        self.serial += 1
        token = replace(row.token, expires_at=expires_at, updated_at=self.clock)
        secret = f"secret-{token_id}-{self.serial}"
        self.rows[token_id] = replace(row, token=token, secret=secret, maker="run", works=True)
        return self.rows[token_id]

    def revoke(self, token_id: str) -> None:
        row = self.rows.get(token_id)
        if row is not None and not row.token.revoked:
            self._change_tokens()
            self._put_token(row, revoked=True)

    def write(self, slot: str, text: str) -> None:
        self.put(slot, text)

    def put(self, slot: str, text: str | None) -> None:
        """Change a slot; from then on it is read as it is."""
        self.stale.pop(slot, None)
        if self.slots.get(slot) == text:
            return
        self.was[slot] = (self.slots.get(slot), self.clock)
        if text is None:
            self.slots.pop(slot, None)
        else:
            self.slots[slot] = text

    # --- what else happens --------------------------------------------------------------------------------------------

    def pass_time(self, span: timedelta) -> None:
        end = self.clock + span
        while (due := self.due(end)) is not None:
            self.clock = max(self.clock, due.until)
            self.land(due)
        self.clock = end
        self.stale = {slot: told for slot, told in self.stale.items() if self.reads_lag(slot)}

    def due(self, end: datetime) -> Late | None:
        """What is carried out next, if that is until then."""
        late = min(self.late, key=lambda each: each.until, default=None)
        return late if late is not None and late.until <= end else None

    def land(self, late: Late) -> None:
        """Carry out what was sent a while ago, if it still can be."""
        self.late = tuple(each for each in self.late if each is not late)
        match late.effect:
            case effects.Create(spec, expires_at):
                self.mint(spec, expires_at)
            case effects.Rotate(token, _spec, expires_at, _own):
                if self.rows[token.id].token.live(self.clock):
                    self.rotate(token.id, expires_at)
            case effects.Revoke(token_id):
                self.revoke(token_id)

    def use_entry(self) -> None:
        """A consumer logs in with what it finds in the entry."""
        row = self.row_of(self.entry) or self.row_of(self.held)
        if row is not None and row.token.last_used_at is None:
            self.use(row)

    def use(self, row: Row) -> None:
        self._put_token(row, last_used_at=self.clock)

    def end_token(self, row: Row) -> None:
        """Someone else revokes a token, or it expires."""
        self._change_tokens()
        self._put_token(row, expires_at=self.clock)
        if row.secret == self.entry:
            self.memory = replace(self.memory, worked=False)
        if row.secret == self.held:
            self.memory = replace(self.memory, saved=False)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _read(self, slot: str) -> str | None:
        return self.stale[slot] if slot in self.stale else self.slots.get(slot)

    def _deliver(self, text: str) -> None:
        self.held = text

    def _promote(self, secret: str) -> None:
        if not self.atomic:
            self.put("entry", secret)
            return
        if self.slots.get("next") != secret:
            raise StoreError("store: the secret on its way in is not the one that was put there.")
        self.put("entry", secret)
        self.put("next", None)

    def _verify(self, secret: Secret) -> Evidence:
        row = self.row_of(secret.reveal())
        if row is None:
            return Evidence(verdict="rejected")
        self.use(row)
        told = self.dialect.told == "verify" or (self.dialect.told == "alone" and len(self.live()) == 1)
        return Evidence(verdict="accepted", id=row.token.id if told else None, name=row.token.name if told else None)

    def _update(self, token_id: str, changes: Any) -> Token:
        row = self.rows.get(token_id)
        if row is None or not row.token.live(self.clock):
            raise ServiceError("There is no such token.", status=404)
        self._change_tokens()
        self._put_token(row, **changes)
        return self._shown(self.rows[token_id].token)

    def _handed_over(self, row: Row) -> Minted:
        return Minted(token=self._shown(row.token), secret=Secret(row.secret))

    def _shown(self, token: Token) -> Token:
        dialect = self.dialect
        if dialect.shows_everything:
            return token
        return replace(
            token,
            created_at=dialect.cut(token.created_at) if token.created_at else None,
            last_used_at=token.last_used_at if dialect.shows_last_use else None,
        )

    def _change_tokens(self) -> None:
        """No two changes at the same time: servers count milliseconds."""
        self.past = tuple(self.rows.values())
        self.clock += timedelta(milliseconds=1)
        self.changed = self.clock

    def _put_token(self, row: Row, **changes: Any) -> None:
        self.rows[row.token.id] = replace(row, token=replace(row.token, **changes))
