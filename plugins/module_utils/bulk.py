# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many tokens in one task: owners, policy and listings once, everything else side by side, each token by the life cycle.

What one token comes to is decided and carried out by `lifecycle` and `applying`, exactly as for a task with one token. Here
is only what many have in common: a listing for each owner, a plan over all before anything is written, and threads.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import plans
from .applying import drive, place_of
from .errors import InvalidOption, TokensmithError, unexpected
from .lifecycle import live_through
from .planning import check_wish
from .pruning import Prune, further_owners, prunable
from .sharing import PerformerOfMany, RehearsalOfMany, Shared, read_listing
from .transport import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .applying import Deadline, Locker
    from .effects import Outcome, Steps
    from .platforms.base import Platform
    from .stores import Store
    from .storing import Opener
    from .tokens import Owner, OwnerRef, WantedToken

#: How long, in seconds, the main thread sleeps at most while others work.
_AWAKE = 0.2

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
    store: Store | None = None

    @property
    def known_owner(self) -> Owner:
        """The owner of an entry that nothing has gone wrong with."""
        if self.owner is None:
            raise AssertionError("a token without an owner is an error, not a run")
        return self.owner

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
        self._shared = Shared(platform, deadline)
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
        store_at: Opener | None = None,
    ) -> Book:
        """Plan all, refuse what must be refused, then do it. Failures of single tokens are in their entries.

        `store_at` is the store of the task, where the secret of an undeclared token may be.
        """
        self._check(declared)
        book = Book([Entry(each) for each in declared])
        with ExitStack() as locks, self.deadline.heeding_signals():
            self._resolve(book)
            pruned = {} if prune is None else self._owners_to_prune(book, prune)
            if not rehearse:
                self._take_locks(book.going, locks)
            self._list(book, pruned)
            if prune is not None:
                undeclared = self._undeclared(book, prune, pruned, store_at)
                if not rehearse:
                    self._take_locks(undeclared, locks)
                book.entries += undeclared
            self._side_by_side(self._rehearse, book.going)
            self._plan(book, max_revocations, approved)
            if not rehearse:
                self._apply(book)
        return book

    # --- before anything is written -----------------------------------------------------------------------------------

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
        self._refuse_shared_keys(book.going)

    def _prepare(self, entry: Entry, owner: Owner) -> None:
        entry.store = self._tried_for(entry, lambda: _opened(entry, entry.declared.store_at))
        wish = self._tried_for(entry, lambda: self.platform.prepare(entry.wish, owner))
        if wish is not None:
            entry.declared = replace(entry.declared, wish=wish)

    def _refuse_shared_keys(self, entries: Iterable[Entry]) -> None:
        """Two tokens with one place in the store: each would overwrite the other's secret."""
        seen: dict[tuple[str, str], str] = {}
        for entry in entries:
            if entry.store is None:
                continue
            site = entry.store.site
            if site in seen:
                raise InvalidOption(
                    "store.key",
                    f"{seen[site]} and {entry.declared.label} have the same one, {site[1]}.",
                    "Put {owner} and {name} into it.",
                )
            seen[site] = entry.declared.label

    def _take_locks(self, entries: Iterable[Entry], locks: ExitStack) -> None:
        """Before any list is read, and in one order for all runs, so that two of them cannot wait for each other."""
        places: set[tuple[str, str]] = set()
        for entry in sorted(entries, key=lambda each: each.place):
            if entry.place not in places:
                self._tried_for(entry, partial(self._take_lock, entry, locks))
            # Several undeclared tokens of one name are one place.
            places.add(entry.place)

    def _take_lock(self, entry: Entry, locks: ExitStack) -> None:
        locks.enter_context(self._lock(*entry.place))
        if entry.store is not None:
            locks.enter_context(entry.store.lock(self.platform.connection.max_wait))

    def _list(self, book: Book, pruned: Mapping[str, Owner]) -> None:
        """One list for each owner. An owner with a single token is asked for that name alone, unless it is pruned."""
        entries: dict[str, list[Entry]] = {key: [] for key in pruned}
        for entry in book.going:
            entries.setdefault(entry.place[0], []).append(entry)

        def read(key: str) -> None:
            group = entries[key]
            owner = pruned.get(key) or group[0].owner
            if owner is None:
                return
            only = group[0].wish.name if len(group) == 1 and key not in pruned else None
            found = self._tried(lambda: read_listing(self.platform, owner, only))
            if isinstance(found, TokensmithError):
                for entry in group:
                    entry.error = found
                if key in pruned:
                    book.warnings.append(f"prune: {owner} was left alone: {found}")
            else:
                self._shared.listings[key] = found

        self._side_by_side(read, list(entries))

    # --- what nobody declared -----------------------------------------------------------------------------------------

    def _owners_to_prune(self, book: Book, prune: Prune) -> dict[str, Owner]:
        """By their keys, the owners of declared tokens that are covered, and those that are named outright."""
        declared = {entry.owner.key: entry.owner for entry in book.entries if entry.owner is not None}
        owners = {key: owner for key, owner in declared.items() if prune.covers_owner(owner)}
        refs = further_owners(prune, declared.values())
        for ref in refs:
            self.platform.check_owner(ref)

        def resolve(ref: OwnerRef) -> Owner | TokensmithError:
            return self._tried(lambda: self.platform.resolve(ref, None))

        for ref, owner in zip(refs, self._side_by_side(resolve, refs), strict=True):
            if isinstance(owner, TokensmithError):
                book.warnings.append(f"prune: {ref} was left alone: {owner}")
            else:
                owners[owner.key] = owner
        return owners

    def _undeclared(
        self, book: Book, prune: Prune, pruned: Mapping[str, Owner], store_at: Opener | None
    ) -> list[Entry]:
        """Live tokens of the owners and names given that nobody declared, as entries that are to be absent."""
        declared = {entry.place for entry in book.entries if entry.owner is not None}
        # Whose they are could not be found out: it may be any owner.
        nobodys = {entry.wish.name for entry in book.entries if entry.owner is None}
        sites = {entry.store.site for entry in book.entries if entry.store is not None}
        more = []
        for key, owner in pruned.items():
            listing = self._shared.listings.get(key)
            if listing is None or not listing.whole:
                continue
            wishes = self._tried(partial(prunable, self.platform, owner, listing, prune, declared))
            if isinstance(wishes, TokensmithError):
                book.warnings.append(f"prune: {owner} was left alone: {wishes}")
                continue
            for wish in wishes:
                if wish.name in nobodys:
                    book.warnings.append(
                        f"prune: token {wish.name!r} of {owner} was left alone: it may be one that is declared, of an "
                        "owner that could not be found."
                    )
                    continue
                entry = Entry(Declared(f"undeclared token {wish.name!r}", wish), undeclared=True, owner=owner)
                store = self._tried_for(entry, partial(_opened, entry, store_at))
                # What is kept there may be a declared token's.
                entry.store = store if store is None or store.site not in sites else None
                more.append(entry)
        return more

    # --- plan and deed ------------------------------------------------------------------------------------------------

    def _rehearse(self, entry: Entry) -> None:
        performer = RehearsalOfMany(self._shared, entry.known_owner, entry.wish.name, entry.store)
        planned = self._tried_for(entry, lambda: drive(self._steps(entry), performer))
        if planned is not None:
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
        if waiting:
            self._tell(0, len(waiting))

        def apply(entry: Entry) -> None:
            nonlocal done
            performer = PerformerOfMany(self._shared, entry.known_owner, entry.wish.name, entry.store)
            outcome = self._tried_for(entry, lambda: drive(self._steps(entry), performer))
            entry.outcome = None if outcome is None else _told(entry, outcome)
            with counting:
                done += 1
                self._tell(done, len(waiting))

        self._side_by_side(apply, waiting)

    def _steps(self, entry: Entry) -> Steps[Outcome]:
        owner = entry.known_owner
        place = None if entry.store is None else place_of(self.platform, owner, entry.wish.name)
        return live_through(entry.wish, owner, self.platform, place)

    # --- one among many -----------------------------------------------------------------------------------------------

    def _tried(self, act: Callable[[], Result]) -> Result | TokensmithError:
        """One token's trouble is its own; it never stops the others, whose secrets would be lost with it."""
        try:
            self.deadline.check_stopped()
            return act()
        except Refusal as refusal:
            return self.platform.diagnose(refusal)
        except TokensmithError as error:
            return error
        except Exception as error:
            return unexpected(error)

    def _tried_for(self, entry: Entry, act: Callable[[], Result]) -> Result | None:
        """The same, with the trouble noted in the entry; None then."""
        came = self._tried(act)
        if isinstance(came, TokensmithError):
            entry.error = came
            return None
        return came

    def _side_by_side(self, act: Callable[[Input], Result], items: Sequence[Input]) -> list[Result]:
        if len(items) < 2 or self._parallelism < 2:
            return [act(item) for item in items]
        with ThreadPoolExecutor(self._parallelism) as pool:
            futures = [pool.submit(act, item) for item in items]
            try:
                for future in futures:
                    # Signals are heeded by the main thread, and where one goes to another thread only when this is awake.
                    while not wait([future], timeout=_AWAKE).done:
                        pass
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()


def _opened(entry: Entry, store_at: Opener | None) -> Store | None:
    """The store at an entry's place."""
    return None if store_at is None else store_at(entry.known_owner, entry.wish.name)


def _told(entry: Entry, outcome: Outcome) -> Outcome:
    """A pruned token goes because nobody declared it."""
    return replace(outcome, reasons=("undeclared",)) if entry.undeclared and outcome.changed else outcome


def _refuse_double(seen: dict[Any, str], key: Any, declared: Declared) -> None:
    if key in seen:
        raise InvalidOption(
            "tokens", f"{seen[key]} and {declared.label} are the same token.", "Declare each token once."
        )
    seen[key] = declared.label
