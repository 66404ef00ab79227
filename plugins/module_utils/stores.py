# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where secrets are kept between runs: one small interface, and the stores behind it.

A store is bound to one token. It has three slots: `entry` (the bare secret, what consumers read), `next` (a secret on its
way in) and `record` (JSON without secrets). Every operation raises `StoreError` if it cannot be sure of having worked.
"""

from __future__ import annotations

import abc
import hashlib
import re
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import InvalidOption
from .redaction import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from .tokens import Owner

SLOTS = ("entry", "next", "record")
#: Before the hash; together with it and a suffix well within the 255 bytes that file systems allow.
_READABLE = 150
#: What a store puts behind a key of its own accord.
RESERVED = (".next", ".record", ".spare", ".lock", ".space", ".tmp")
_DEFAULT_KEY = "{host}/{owner}/{name}"
_FIELDS = ("host", "owner", "name")
#: The keys that this process has locked.
_TAKEN: set[tuple[str, str]] = set()


class Store(abc.ABC):
    """One token's place in a store."""

    #: whether `promote` is atomic, so that consumers always find either the old or the new secret
    atomic: bool
    #: for how many seconds a read may still give what was there before
    lag: float = 0.0

    @property
    @abc.abstractmethod
    def site(self) -> tuple[str, str]:
        """Which store this is, and the token's key in it: equal for two tokens that would overwrite each other."""

    @abc.abstractmethod
    def probe(self) -> None:
        """Make sure that the store can be used, and take the space that one more secret needs."""

    @abc.abstractmethod
    def read(self, slot: str) -> str | None:
        """What is in a slot; None if nothing is."""

    @abc.abstractmethod
    def write(self, slot: str, text: str) -> None:
        """Put a text into a slot; durable when it returns."""

    @abc.abstractmethod
    def erase(self, slot: str) -> None:
        """Empty a slot; empty already counts as done."""

    @abc.abstractmethod
    def promote(self, secret: str) -> None:
        """Make what is in `next` (this very secret) the `entry`; `next` may be left or empty afterwards."""

    @abc.abstractmethod
    def lock(self, patience: float) -> AbstractContextManager[None]:
        """Keep other runs off this token, on other nodes too as far as the store can; `Busy` after `patience` s."""


@contextmanager
def only_once(place: str, key: str) -> Iterator[None]:
    """Refuse two tokens of one task with one key: each would overwrite the other's secret, and locks keep off others only."""
    if (place, key) in _TAKEN:
        raise InvalidOption(
            "store.key", f"two tokens of this task have the same one, {key}.", "Put {owner} and {name} into it."
        )
    _TAKEN.add((place, key))
    try:
        yield
    finally:
        _TAKEN.discard((place, key))


def key_for(pattern: str | None, origin: str, owner: Owner, name: str) -> str:
    """The key of one token.

    The default is readable, and ends in a hash of what the token really is: it keeps apart what looks alike (other case,
    other unicode forms, names that were cut, another owner of the same name). It is made of the owner's id, so that two
    spellings of an owner share a key and a rename does not change it. A pattern of the user's own is filled in as it is;
    two tokens that meet in one key are told apart by their records.
    """
    parts = [_filled(part, origin, owner, name) for part in (pattern or _DEFAULT_KEY).split("/") if part]
    if pattern is None:
        mark = hashlib.sha256("\0".join((origin, owner.key, name)).encode()).hexdigest()[:12]
        parts[-1] = f"{parts[-1]}-{mark}"
    elif parts[-1].endswith(RESERVED):
        raise InvalidOption(
            "store.key",
            f"{'/'.join(parts)} ends like a file of the store's own ({', '.join(RESERVED)}).",
            "Use another one.",
        )
    return "/".join(parts)


def check_key(pattern: str) -> None:
    """Refuse a key pattern that cannot be used."""
    for field in re.findall(r"{([^}]*)}", pattern):
        if field not in _FIELDS:
            raise InvalidOption("store.key", f"{{{field}}} means nothing.", "Use {host}, {owner} and {name}.")
    rest = re.sub(r"{(host|owner|name)}", "x", pattern)
    if not rest.strip("/ ") or pattern.startswith("/") or not re.fullmatch(r"[A-Za-z0-9._/@+-]+", rest) or ".." in rest:
        raise InvalidOption(
            "store.key",
            f"{printable(pattern)!r} is no key.",
            "Give a relative path of letters, digits and . _ - @ +, such as {host}/{owner}/{name}.",
        )


def _filled(part: str, origin: str, owner: Owner, name: str) -> str:
    values = {"host": urlsplit(origin).netloc, "owner": owner.key.replace("/", "-"), "name": name}
    text = re.sub(r"{(host|owner|name)}", lambda match: _plain(values[match[1]]), part)[:_READABLE]
    return re.sub(r"^[.]+", "_", text)


def _plain(text: str) -> str:
    """Letters, digits and a few signs, in lower case; anything else becomes a hyphen."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9._-]+", "-", ascii_text.lower()).strip("-.") or "x"
