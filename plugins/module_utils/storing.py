# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of a task: which one, and a token's place in it; and, for check mode, one that only pretends to write."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._store_directory import DirectoryStore
from ._store_helper import HelperStore
from .errors import InvalidOption
from .stores import Store, check_key, key_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .tokens import Owner

    #: The place of one token in the task's store.
    Opener = Callable[[Owner, str], Store]


def opener(options: Mapping[str, Any] | None, origin: str, environ: Mapping[str, str]) -> Opener | None:
    """How to open the store at a token's place; None if there is none. Bad options are refused; nothing is touched yet."""
    if options is None:
        return None
    pattern = options.get("key")
    if pattern is not None:
        check_key(pattern)
    kind, path, helper = options.get("type"), options.get("path"), options.get("helper")
    if kind == "directory":
        if not path:
            raise InvalidOption("store.path", "it is missing.", "Give the folder in which the secrets are kept.")
        if helper:
            raise InvalidOption(
                "store.helper", "a directory has none.", "Leave it out, or use type: credential_helper."
            )
        return lambda owner, name: DirectoryStore(path, key_for(pattern, origin, owner, name))
    if kind == "credential_helper":
        if not helper:
            raise InvalidOption("store.helper", "it is missing.", "Give the helper's name or its absolute path.")
        if path:
            raise InvalidOption("store.path", "a credential helper has none.", "Leave it out, or use type: directory.")
        return lambda owner, name: HelperStore(helper, key_for(pattern, origin, owner, name), environ)
    raise InvalidOption("store.type", "it is missing.", "Give directory or credential_helper.")


class PlayedStore(Store):
    """What is read is real, what is written is only remembered: a rehearsal."""

    atomic = True

    def __init__(self, real: Store) -> None:
        self._real = real
        self._played: dict[str, str | None] = {}

    @property
    def site(self) -> tuple[str, str]:
        return self._real.site

    @property
    def wrote(self) -> bool:
        """Whether anything would have been written."""
        return bool(self._played)

    def probe(self) -> None:
        """A rehearsal takes no space."""

    def read(self, slot: str) -> str | None:
        return self._played[slot] if slot in self._played else self._real.read(slot)

    def write(self, slot: str, text: str) -> None:
        self._played[slot] = text

    def erase(self, slot: str) -> None:
        self._played[slot] = None

    def promote(self, secret: str) -> None:
        self._played["entry"] = secret
        self._played["next"] = None

    @contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        yield
