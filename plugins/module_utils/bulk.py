# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many tokens in one task: owners, policy and listings once, everything else side by side, each token by the life cycle.

What one token comes to is decided and carried out by `lifecycle` and `applying`, exactly as for a task with one token. Here
is only what many have in common: a listing for each owner, a plan over all before anything is written, and threads.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import plans
from .applying import Performer, Rehearsal, drive
from .effects import Listing, Outcome
from .errors import InvalidOption, TokensmithError
from .lifecycle import live_through
from .planning import check_wish
from .pruning import Prune, further_owners, prunable
from .record import Place
from .transport import Refusal, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .applying import Deadline, Locker
    from .platforms.base import Platform
    from .redaction import Secret
    from .stores import Store
    from .storing import Opener
    from .tokens import Evidence, Owner, OwnerRef, Token, WantedToken

Input = TypeVar("Input")
Result = TypeVar("Result")


class TooManyRevocations(TokensmithError):
    """More tokens would go without a successor than `max_revocations` allows."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared token: where it stands in the task, what is wanted, and the store that its secret goes to."""

    label: str
    wish: WantedToken
    store_at: Opener | None = None


@dataclass(slots=True)
class Entry:
    """One token on its way through the task; `undeclared` ones are there to be pruned."""

    declared: Declared
    undeclared: bool = False
    owner: Owner | None = None
    planned: Outcome | None = None
    outcome: Outcome | None = None
    error: TokensmithError | None = None
    #: whether the rehearsal would have written anything
    writes: bool = False

    @property
    def wish(self) -> WantedToken:
        return self.declared.wish

    @property
    def place(self) -> tuple[str, str]:
        """The token's identity on this server, and the order in which all runs lock."""
        return (self.owner.key if self.owner else "", self.wish.name)


@dataclass(slots=True)
class Book:
    """What the task came to: its entries (pruned tokens behind the declared ones), and the plan over them."""

    entries: list[Entry]
    plan: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def going(self) -> list[Entry]:
        """Those that nothing has gone wrong with so far."""
        return [entry for entry in self.entries if entry.error is None and entry.owner is not None]

    @property
    def failed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.error is not None]


class Bulk:
    """Carries a task with many tokens out. `tell` hears how many of how many are done."""

    def __init__(
        self,
        platform: Platform,
        lock: Locker,
        deadline: Deadline,
        *,
        parallelism: int,
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.platform = platform
        self.deadline = deadline
        self.listings: dict[str, dict[str, Listing]] = {}
        self.evidence: dict[Secret, Evidence] = {}
        self._lock = lock
        self._parallelism = parallelism
        self._tell = tell

    def run(
        self,
        declared: Sequence[Declared],
        *,
        prune: Prune | None,
        max_revocations: int,
        approved: Sequence[Any] | None,
        rehearse: bool,
    ) -> Book:
        """Plan all, refuse what must be refused, then do it. Failures of single tokens are in their entries."""
        self._check(declared)
        book = Book([Entry(each) for each in declared])
        with ExitStack() as locks, self.deadline.heeding_signals():
            self._resolve(book)
            if not rehearse:
                self._take_locks(book.going, locks)
            self._list(book)
            if prune is not None:
                undeclared = self._undeclared(book, prune)
                if not rehearse:
                    self._take_locks(undeclared, locks)
                book.entries += undeclared
            self._side_by_side(self._rehearse, book.going)
            self._plan(book, max_revocations, approved)
            if not rehearse:
                self._apply(book)
        return book

    def store_of(self, entry: Entry) -> Store | None:
        """The store at an entry's place."""
        if entry.declared.store_at is None or entry.owner is None:
            return None
        return entry.declared.store_at(entry.owner, entry.wish.name)

    def _check(self, declared: Sequence[Declared]) -> None:
        """Refuse what can be seen to be wrong before anything is sent."""
        seen: dict[tuple[OwnerRef, str | None, str], str] = {}
        for each in declared:
            try:
                check_wish(each.wish, self.platform.capabilities.name_length)
                self.platform.check(each.wish)
            except TokensmithError as error:
                raise InvalidOption(each.label, str(error)) from None
            _refuse_double(seen, (each.wish.owner, each.wish.kind, each.wish.name), each)

    def _resolve(self, book: Book) -> None:
        """Each owner once, however many tokens it has."""
        keys = list(dict.fromkeys((entry.wish.owner, entry.wish.kind) for entry in book.entries))
        self.platform.expect([ref for ref, _kind in keys])

        def resolve(key: tuple[OwnerRef, str | None]) -> Owner | TokensmithError:
            return self._tried(lambda: self.platform.resolve(*key))

        found = dict(zip(keys, self._side_by_side(resolve, keys), strict=True))
        for entry in book.entries:
            owner = found[entry.wish.owner, entry.wish.kind]
            if isinstance(owner, TokensmithError):
                entry.error = owner
            else:
                entry.owner = owner
                self._prepare(entry, owner)
        seen: dict[tuple[str, str], str] = {}
        for entry in book.going:
            # Two spellings of one owner.
            _refuse_double(seen, entry.place, entry.declared)

    def _prepare(self, entry: Entry, owner: Owner) -> None:
        wish = self._tried(lambda: self.platform.prepare(entry.wish, owner))
        if isinstance(wish, TokensmithError):
            entry.error = wish
        else:
            entry.declared = replace(entry.declared, wish=wish)

    def _take_locks(self, entries: Iterable[Entry], locks: ExitStack) -> None:
        """Before any list is read, and in one order for all runs, so that two of them cannot wait for each other."""
        for entry in sorted(entries, key=lambda each: each.place):
            locks.enter_context(self._lock(*entry.place))
            store = self.store_of(entry)
            if store is not None:
                locks.enter_context(store.lock(self.platform.connection.max_wait))

    def _list(self, book: Book) -> None:
        """One list for each owner. An owner with a single token is asked for that name alone."""
        entries: dict[str, list[Entry]] = {}
        for entry in book.going:
            entries.setdefault(entry.place[0], []).append(entry)

        def read(group: list[Entry]) -> None:
            owner = group[0].owner
            if owner is None:
                return
            only = group[0].wish.name if len(group) == 1 else None
            found = self._tried(lambda: self._by_name(owner, only))
            if isinstance(found, TokensmithError):
                for entry in group:
                    entry.error = found
            else:
                self.listings[owner.key] = found

        self._side_by_side(read, list(entries.values()))

    def _by_name(self, owner: Owner, name: str | None = None) -> dict[str, Listing]:
        tokens: dict[str, list[Token]] = {}
        for token in self.platform.tokens(owner, name=name):
            tokens.setdefault(token.name, []).append(token)
        at = self.platform.transport.now()
        everybody = frozenset(token.id for found in tokens.values() for token in found)
        return {each: Listing(tuple(found), at, everybody) for each, found in tokens.items()}

    def _undeclared(self, book: Book, prune: Prune) -> list[Entry]:
        """Live tokens of the owners and names given that nobody declared, as entries that are to be absent."""
        declared = {entry.place for entry in book.entries}
        failed = {entry.place[0] for entry in book.failed}
        owners = {entry.owner.key: entry.owner for entry in book.going if entry.owner is not None}
        for ref in further_owners(prune, owners.values()):
            owner = self._tried(partial(self.platform.resolve, ref, None))
            if isinstance(owner, TokensmithError):
                book.warnings.append(f"prune: {ref} was left alone: {owner}")
            else:
                owners.setdefault(owner.key, owner)
        store_at = next((entry.declared.store_at for entry in book.entries if entry.declared.store_at), None)
        more = []
        for owner in owners.values():
            if owner.key in failed or not prune.covers_owner(owner):
                continue
            wishes = self._tried(partial(self._prunable, owner, prune, declared))
            if isinstance(wishes, TokensmithError):
                book.warnings.append(f"prune: {owner} was left alone: {wishes}")
                continue
            for wish in wishes:
                label = f"undeclared token {wish.name!r}"
                more.append(Entry(Declared(label, wish, store_at), undeclared=True, owner=owner))
        return more

    def _prunable(self, owner: Owner, prune: Prune, declared: set[tuple[str, str]]) -> list[WantedToken]:
        """What of the owner's whole list is to go. The list is kept: what was decided on it is carried out on it."""
        whole = self._by_name(owner)
        wishes = prunable(self.platform, owner, whole, prune, declared)
        self.listings.setdefault(owner.key, {}).update({wish.name: whole[wish.name] for wish in wishes})
        return wishes

    def _rehearse(self, entry: Entry) -> None:
        performer = _RehearsalOfMany(self, entry)
        planned = self._tried(lambda: drive(self._steps(entry), performer))
        if isinstance(planned, TokensmithError):
            entry.error = planned
            return
        entry.planned = entry.outcome = _told(entry, replace(planned, secret=None))
        entry.writes = performer.wrote

    def _plan(self, book: Book, max_revocations: int, approved: Sequence[Any] | None) -> None:
        """The plan over all, and what speaks against carrying it out."""
        url = self.platform.connection.url
        book.plan = plans.make_plan(
            plans.plan_item(url, entry.owner, entry.wish.name, entry.planned)
            for entry in book.entries
            if entry.owner is not None and entry.planned is not None
        )
        ending = [entry for entry in book.entries if entry.planned is not None and entry.planned.action == "revoke"]
        count = sum(len(entry.planned.retired) for entry in ending if entry.planned is not None)
        if count > max_revocations:
            names = ", ".join(f"{entry.owner} {entry.wish.name!r}" for entry in ending)
            raise TooManyRevocations(
                f"max_revocations: {count} tokens would be revoked without a successor, and {max_revocations} are allowed: "
                f"{names}. Nothing was done. Raise max_revocations if that is what is wanted."
            )
        if approved is not None:
            plans.refuse_other(approved, book.plan)

    def _apply(self, book: Book) -> None:
        waiting = [entry for entry in book.going if entry.writes]
        done = 0
        counting = threading.Lock()

        def apply(entry: Entry) -> None:
            nonlocal done
            outcome = self._tried(lambda: drive(self._steps(entry), _PerformerOfMany(self, entry)))
            if isinstance(outcome, TokensmithError):
                entry.error, entry.outcome = outcome, None
            else:
                entry.outcome = _told(entry, outcome)
            with counting:
                done += 1
                self._tell(done, len(waiting))

        self._side_by_side(apply, waiting)

    def _steps(self, entry: Entry) -> Any:
        owner = entry.owner
        if owner is None:
            raise AssertionError("a token without an owner is an error, not a run")
        stored = entry.declared.store_at is not None
        place = Place(origin(self.platform.connection.url), owner.key, entry.wish.name) if stored else None
        return live_through(entry.wish, owner, self.platform, place)

    def _tried(self, act: Callable[[], Result]) -> Result | TokensmithError:
        """One token's trouble is its own; it never stops the others."""
        try:
            return act()
        except Refusal as refusal:
            return self.platform.diagnose(refusal)
        except TokensmithError as error:
            return error

    def _side_by_side(self, act: Callable[[Input], Result], items: Sequence[Input]) -> list[Result]:
        if len(items) < 2 or self._parallelism < 2:
            return [act(item) for item in items]
        with ThreadPoolExecutor(self._parallelism) as pool:
            return list(pool.map(act, items))


class _OfMany(Performer):
    """The first look of a token is its owner's shared list, read under the locks.

    What the server said of a secret while planning holds while applying, too: the locks are held all along.
    """

    def __init__(self, bulk: Bulk, entry: Entry) -> None:
        owner = entry.owner
        if owner is None:
            raise AssertionError("a token without an owner is an error, not a run")
        super().__init__(bulk.platform, owner, entry.wish.name, bulk.deadline, bulk.store_of(entry))
        self._bulk = bulk
        self._looked = False

    def listed(self) -> Listing:
        if self._looked and not isinstance(self, Rehearsal):
            return super().listed()
        self._looked = True
        found = self._bulk.listings.get(self.owner.key, {}).get(self.name)
        return found or Listing((), self.platform.transport.now())

    def asked(self, secret: Secret) -> Evidence:
        known = self._bulk.evidence
        if secret not in known:
            evidence = super().asked(secret)
            if evidence.verdict == "undecided":
                return evidence
            known[secret] = evidence
        return known[secret]


class _PerformerOfMany(_OfMany):
    """Carries one of many out."""


class _RehearsalOfMany(_OfMany, Rehearsal):
    """Plays one of many."""


def _told(entry: Entry, outcome: Outcome) -> Outcome:
    """A pruned token goes because nobody declared it."""
    return replace(outcome, reasons=("undeclared",)) if entry.undeclared and outcome.changed else outcome


def _refuse_double(seen: dict[Any, str], key: Any, declared: Declared) -> None:
    if key in seen:
        raise InvalidOption(
            "tokens", f"{seen[key]} and {declared.label} are the same token.", "Declare each token once."
        )
    seen[key] = declared.label
