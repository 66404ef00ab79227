# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a run's effects out: on a platform, or, in check mode, on a rehearsal of it.

Check mode goes through the very same life cycle; only writes are played instead of sent. So what it reports is what a
run would do, not a second opinion about it.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import planning
from .effects import (
    Create,
    Erase,
    Listing,
    Look,
    MakeSureOfTime,
    Now,
    Outcome,
    Promote,
    Read,
    ReadPolicy,
    Reserve,
    Revoke,
    Rotate,
    Update,
    Verify,
    Wait,
    WhoAmI,
    Write,
)
from .errors import OutOfTime, TokensmithError
from .lifecycle import live_through
from .redaction import Secret
from .tokens import Evidence, Minted, MintSpec, Token
from .transport import Refusal, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from .effects import Effect, Steps
    from .platforms.base import Platform
    from .record import Place
    from .stores import Store
    from .storing import Opener, PlayedStore
    from .tokens import Owner, WantedToken

    #: Takes the lock of one token: called with its owner's key and its name.
    Locker = Callable[[str, str], AbstractContextManager[None]]


#: What it takes to hand a result over, in seconds.
_DELIVERY = 1.0


class Deadline:
    """When the task that this run belongs to is over, and whether somebody told it to stop.

    The task may take `seconds`, of which `left` are left (all, if not given); None for no limit. A mint needs `margin`
    seconds: nobody would receive its secret later. `abandoned` tells whether nobody waits for the result any more.
    """

    def __init__(
        self,
        seconds: float | None,
        margin: float,
        left: float | None = None,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        self._abandoned = abandoned
        self._seconds = seconds
        self._margin = margin
        self._end = None if seconds is None else time.monotonic() + (seconds if left is None else min(left, seconds))
        self.stopped_by: str | None = None

    def check_stopped(self) -> None:
        if self.stopped_by is None and self._abandoned():
            self.stopped_by = "nobody waits for its result any more"
        if self.stopped_by is not None:
            raise OutOfTime(f"The run was told to stop ({self.stopped_by}).")

    def check(self, *, minted: bool) -> None:
        self.check_stopped()
        if self._end is None:
            return
        left = self._end - time.monotonic()
        if minted and left < _DELIVERY:
            raise OutOfTime(f"timeout: the task's {self._seconds:.0f} s are over, so nobody would receive the secret.")
        if not minted and left < self._margin:
            raise OutOfTime(
                f"timeout: of the task's {self._seconds:.0f} s {max(left, 0):.0f} s are left, and a mint may take "
                f"{self._margin:.0f} s. Give the task a longer timeout, or the module a shorter one."
            )

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Let signals wait for the next safe moment instead of dying between a mint and its delivery."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _frame: Any) -> None:
            self.stopped_by = signal.Signals(number).name

        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, note) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Performer:
    """Carries effects out for one owner on a platform."""

    def __init__(
        self, platform: Platform, owner: Owner, name: str, deadline: Deadline, store: Store | None = None
    ) -> None:
        self._store = store
        self.platform = platform
        self.owner = owner
        self.name = name
        self.deadline = deadline
        self._minted = False

    def perform(self, effect: Effect) -> Any:
        """Do it, and return what came of it. Raises a `TokensmithError`."""
        if not self._minted:
            # Afterwards whatever was begun is brought to its end first.
            self.deadline.check_stopped()
        self._minted = self._minted or isinstance(effect, (Create, Rotate))
        try:
            return self._perform(effect)
        except Refusal as refusal:
            raise self.platform.diagnose(refusal) from None

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Look():
                return self.look()
            case Verify(secret):
                return self.verify(secret)
            case Create(spec, expires_at):
                return self.create(spec, expires_at)
            case Rotate(token, spec, expires_at, own):
                return self.rotate(token, spec, expires_at, own=own)
            case Update(token, changes):
                return self.update(token, changes)
            case Revoke(token_id):
                return self.revoke(token_id)
            case Read() | Write() | Erase() | Promote() | Reserve():
                return self._keep(effect)
            case _:
                return self._ask(effect)

    def _ask(self, effect: Effect) -> Any:
        """Facts about the server and the run."""
        match effect:
            case ReadPolicy(until):
                # The first step of every mint, in check mode too.
                with self.platform.once:
                    self.platform.check_mint(self.owner)
                    return self.platform.policy(self.owner, until)
            case WhoAmI():
                with self.platform.once:
                    return self.platform.own_token_id(self.owner)
            case MakeSureOfTime(minted):
                return self.deadline.check(minted=minted)
            case Now():
                return self.platform.transport.now()
            case Wait(seconds):
                return self.wait(seconds)

    def _keep(self, effect: Effect) -> Any:
        """The store's part."""
        if self._store is None:
            raise AssertionError("without a store nothing is kept")
        match effect:
            case Read(slot):
                text = self._store.read(slot)
                if slot != "record":
                    self.platform.transport.redactor.learn(text)
                return text
            case Write(slot, secret):
                return self._store.write(slot, secret.reveal())
            case Erase(slot):
                return self._store.erase(slot)
            case Promote(secret):
                return self._store.promote(secret.reveal())
            case Reserve():
                return self._store.probe()

    def wait(self, seconds: float) -> None:
        """For as long as the store may lag behind; a folder does not."""
        time.sleep(seconds if self._store is None else min(seconds, self._store.lag))

    def verify(self, secret: Secret) -> Evidence:
        return self.asked(secret)

    def asked(self, secret: Secret) -> Evidence:
        """What the server says of a secret; a task with many tokens asks once."""
        return self.platform.verify(secret)

    def look(self) -> Listing:
        return self.listed()

    def listed(self) -> Listing:
        """What the server lists; a task with many tokens shares the first list of an owner."""
        named: list[Token] = []
        others: set[str] = set()
        for token in self.platform.tokens(self.owner, name=self.name):
            if token.name == self.name:
                named.append(token)
            else:
                others.add(token.id)
        # The whole second: a token that is made within it may be dated with its beginning.
        return Listing(tuple(named), self.platform.transport.now().replace(microsecond=0), frozenset(others))

    def create(self, spec: MintSpec, expires_at: datetime | None) -> Minted:
        return self.platform.create(self.owner, spec, expires_at)

    def rotate(self, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        return self.platform.rotate(self.owner, token, spec, expires_at, own=own)

    def update(self, token: Token, changes: Any) -> Token:
        return self.platform.update(self.owner, token, changes)

    def revoke(self, token_id: str) -> None:
        self.platform.revoke(self.owner, token_id)


class Rehearsal(Performer):
    """Carries reads out and plays writes: nothing is sent that could change anything."""

    def __init__(
        self, platform: Platform, owner: Owner, name: str, deadline: Deadline, store: Store | None = None
    ) -> None:
        self._played = None if store is None else _played(store)
        super().__init__(platform, owner, name, deadline, self._played)
        self._updated = False
        self._made: list[Token] = []
        self._secrets: list[Secret] = []
        self._ended: set[str] = set()

    def look(self) -> Listing:
        listing = self.listed()
        tokens = [token for token in (*listing.tokens, *self._made) if token.id not in self._ended]
        return replace(listing, tokens=tuple(tokens))

    def create(self, spec: MintSpec, expires_at: datetime | None) -> Minted:
        token = Token(
            id="",
            name=spec.name,
            permissions=spec.permissions,
            access_level=spec.access_level,
            projects=spec.projects,
            all_projects=spec.all_projects,
            description=spec.description,
            created_at=self.platform.transport.now(),
            expires_at=expires_at,
        )
        self._made.append(token)
        secret = Secret(f"rehearsed-{len(self._made)}")
        self._secrets.append(secret)
        return Minted(token=token, secret=secret)

    def rotate(self, token: Token, spec: MintSpec, expires_at: datetime | None, *, own: bool) -> Minted:
        self._ended.add(token.id)
        return self.create(spec, expires_at)

    def update(self, token: Token, changes: Any) -> Token:
        self._updated = True
        return replace(token, **changes)

    def revoke(self, token_id: str) -> None:
        self._ended.add(token_id)

    def verify(self, secret: Secret) -> Evidence:
        if any(secret == made for made in self._secrets):
            return Evidence(verdict="accepted")
        return self.asked(secret)

    def wait(self, seconds: float) -> None:
        """A rehearsal does not wait."""

    @property
    def wrote(self) -> bool:
        """Whether a run would write anything, to the server or to the store."""
        return bool(self._made or self._ended or self._updated or (self._played is not None and self._played.wrote))


def apply(
    wish: WantedToken,
    platform: Platform,
    lock: Locker,
    deadline: Deadline,
    *,
    store_at: Opener | None = None,
    rehearse: bool = False,
) -> tuple[Owner, Outcome]:
    """Make one token as wanted, or say what that would take. Raises a `TokensmithError`."""
    planning.check_wish(wish, platform.capabilities.name_length)
    platform.check(wish)
    try:
        owner = platform.resolve(wish.owner, wish.kind)
        wish = platform.prepare(wish, owner)
    except Refusal as refusal:
        raise platform.diagnose(refusal) from None
    store = None if store_at is None else store_at(owner, wish.name)
    place = None if store is None else place_of(platform, owner, wish.name)
    steps = live_through(wish, owner, platform, place)
    if rehearse:
        return owner, _without_secret(drive(steps, Rehearsal(platform, owner, wish.name, deadline, store)))
    # Locked before the first look, also by runs that will have nothing to do: what they see must not be half done.
    with (
        lock(owner.key, wish.name),
        store.lock(platform.connection.max_wait) if store else nullcontext(),
        deadline.heeding_signals(),
    ):
        return owner, drive(steps, Performer(platform, owner, wish.name, deadline, store))


def place_of(platform: Platform, owner: Owner, name: str) -> Place:
    """Which token a store's record is about."""
    from .record import Place

    return Place(origin(platform.connection.url), owner.key, name)


def _played(store: Store) -> PlayedStore:
    from .storing import PlayedStore

    return PlayedStore(store)


def _without_secret(outcome: Outcome) -> Outcome:
    """A rehearsal makes none."""
    return replace(outcome, secret=None)


def drive(steps: Steps[Outcome], performer: Performer) -> Outcome:
    """Run the life cycle to its end, giving each effect to the performer."""
    try:
        effect = next(steps)
        while True:
            try:
                came = performer.perform(effect)
            except TokensmithError as error:
                effect = steps.throw(error)
            else:
                effect = steps.send(came)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
