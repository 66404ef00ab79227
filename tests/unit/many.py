# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with many tokens against a platform in memory with many owners, and a store in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import applying
from ansible_collections.tokensmith.access.plugins.module_utils.bulk import Book, Bulk, Declared
from ansible_collections.tokensmith.access.plugins.module_utils.errors import OwnerNotFound, ServiceError
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.base import LIVE
from ansible_collections.tokensmith.access.plugins.module_utils.pruning import Prune
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.stores import Store
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
from unit.memory_platform import MemoryPlatform


def project(number: int) -> OwnerRef:
    """How a task calls an owner."""
    return OwnerRef("project", f"platform/app{number}")


def owner(number: int) -> Owner:
    """The same owner as the server knows it."""
    return Owner("project", str(number), f"platform/app{number}")


class World(MemoryPlatform):
    """Fifty projects, known by their path or their id. May be asked by many threads; what it is asked for is noted."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.one_at_a_time = threading.RLock()
        self.asked: list[tuple[str, str]] = []
        #: paths of owners that cannot be found, and of those whose tokens cannot be listed
        self.missing: set[str] = set()
        self.unlisted: set[str] = set()
        #: called before a mint, with its name
        self.before_create: Callable[[str], None] = lambda name: None

    def note(self, call: str, about: str) -> None:
        with self.one_at_a_time:
            self.asked.append((call, about))

    def count(self, call: str) -> Counter[str]:
        return Counter(about for each, about in self.asked if each == call)

    def resolve(self, ref: OwnerRef, kind: str | None) -> Owner:
        self.note("resolve", ref.value)
        number = ref.value.removeprefix("platform/app")
        if ref.value in self.missing or not number.isdigit() or int(number) > 50:
            raise OwnerNotFound(f"owner.{ref.kind}: there is no {ref}.")
        return owner(int(number))

    def tokens(self, owner: Owner, *, name: str | None = None, statuses: frozenset[str] = LIVE) -> Iterator[Token]:
        self.note("tokens", f"{owner.name} {name or '*'}")
        if owner.name in self.unlisted:
            raise ServiceError(f"GET tokens of {owner}: the server answered 500", status=500)
        with self.one_at_a_time:
            rows = list(super().tokens(owner, name=name, statuses=statuses))
        return iter([row for row in rows if name is None or row.name == name])

    def create(self, owner: Owner, spec: MintSpec, expires_at: datetime | None) -> Minted:
        self.note("create", spec.name)
        self.before_create(spec.name)
        with self.one_at_a_time:
            return super().create(owner, spec, expires_at)

    def revoke(self, owner: Owner, token_id: str) -> None:
        with self.one_at_a_time:
            super().revoke(owner, token_id)

    def verify(self, secret: Secret) -> Evidence:
        with self.one_at_a_time:
            return super().verify(secret)

    def policy(self, owner: Owner, until: datetime | None = None) -> Policy | None:
        self.note("policy", "")
        return super().policy(owner, until)


@dataclass
class Shelf:
    """A store in memory: its slots by the key of a token, and in which order they were locked and written."""

    slots: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    #: names that share a key
    same_key: frozenset[str] = frozenset()

    def at(self, owner: Owner, name: str) -> MemoryStore:
        return MemoryStore(self, owner.key, "shared" if name in self.same_key else name)


class MemoryStore(Store):
    """One token's place in it."""

    atomic = True

    def __init__(self, shelf: Shelf, owner_key: str, name: str) -> None:
        self._shelf, self._key = shelf, (owner_key, name)

    @property
    def site(self) -> tuple[str, str]:
        return ("memory", "/".join(self._key))

    @property
    def _slots(self) -> dict[str, str]:
        return self._shelf.slots.setdefault(self._key, {})

    def probe(self) -> None:
        self._shelf.events.append(("probe", *self._key))

    def read(self, slot: str) -> str | None:
        return self._slots.get(slot)

    def write(self, slot: str, text: str) -> None:
        self._shelf.events.append((f"write {slot}", *self._key))
        self._slots[slot] = text

    def erase(self, slot: str) -> None:
        self._shelf.events.append((f"erase {slot}", *self._key))
        self._slots.pop(slot, None)

    def promote(self, secret: str) -> None:
        self._slots["entry"] = self._slots.pop("next")

    @contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        self._shelf.events.append(("lock", *self._key))
        yield


@dataclass
class Locks:
    """Takes no locks and notes which were asked for; `busy` ones are refused."""

    world: World
    busy: dict[tuple[str, str], Exception] = field(default_factory=dict)

    @contextmanager
    def __call__(self, owner_key: str, name: str) -> Iterator[None]:
        self.world.note("lock", f"{owner_key} {name}")
        if (owner_key, name) in self.busy:
            raise self.busy[owner_key, name]
        yield


def wish(name: str, of: int | OwnerRef = 1, **more: Any) -> WantedToken:
    """A token as a task wants it; without `expiry` for 90 days."""
    values = {"permissions": frozenset("a"), "expiry": Expiry(after=parse_lifetime("expires_in", "90d")), **more}
    return WantedToken(owner=of if isinstance(of, OwnerRef) else project(of), name=name, **values)


def gone(name: str, of: int = 1, **more: Any) -> WantedToken:
    return WantedToken(owner=project(of), name=name, state="absent", **more)


def run(
    world: World,
    wishes: Sequence[WantedToken],
    *,
    rehearse: bool = False,
    prune: Prune | None = None,
    max_revocations: int = 5,
    approved: Sequence[Any] | None = None,
    parallelism: int = 4,
    shelf: Shelf | None = None,
    locks: Locks | None = None,
    deadline: applying.Deadline | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Book:
    """One task, as the module carries it out. Labels are those of the module."""
    store_at = None if shelf is None else shelf.at
    declared = [Declared(f"tokens[{number}] ({each.name})", each, store_at) for number, each in enumerate(wishes)]
    bulk = Bulk(
        world,
        locks or Locks(world),
        deadline or applying.Deadline(None, margin=0),
        parallelism=parallelism,
        tell=tell,
    )
    return bulk.run(
        declared, prune=prune, max_revocations=max_revocations, approved=approved, rehearse=rehearse, store_at=store_at
    )


def told(book: Book) -> list[tuple[str, str]]:
    """For each entry its name, and what it came to."""
    return [
        (entry.wish.name, type(entry.error).__name__ if entry.error else entry.outcome.action if entry.outcome else "?")
        for entry in book.entries
    ]
