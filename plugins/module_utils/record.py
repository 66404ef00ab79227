# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that a store keeps beside a secret: which token is current, what is being minted, what is to be retired.

It is JSON without a secret in it; secrets are known by a fingerprint. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .errors import TokensmithError
from .lifetimes import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .redaction import Secret
    from .tokens import Token

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Which token a record is about: the origin of its server, its owner's key, its name."""

    origin: str
    owner: str
    name: str

    def fingerprint(self, secret: Secret) -> str:
        """What a secret is known by: SHA-256 keyed with the place, so that equal secrets elsewhere look different."""
        key = "\0".join((self.origin, self.owner, self.name)).encode()
        return hmac.new(key, secret.reveal().encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A token whose secret went through our hands. `changed` is the server's date of its last change, where it has one."""

    id: str
    fingerprint: str
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """When a mint was under way: what appeared since `start`, was not there before (`known`) and was never used is ours.

    `end` is None while the mint may still be running.
    """

    start: datetime
    known: frozenset[str]
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Row 1 of the life cycle."""

    current: Known | None = None
    minted: Known | None = None
    window: Window | None = None
    #: ids of predecessors, and from when on each may go; None: its date is set when the mint under way is settled
    retiring: tuple[tuple[str, datetime | None], ...] = ()

    def retire_later(self, ids: Iterable[str], after: datetime) -> Record:
        """With these to be retired too; of two dates the later one counts."""
        dates = dict(self.retiring)
        for token_id in ids:
            dates[token_id] = max(after, dates.get(token_id) or after)
        return replace(self, retiring=tuple(sorted(dates.items())))

    def giving_way(self, ids: Iterable[str]) -> Record:
        """With these to be retired once there is a successor: whoever settles its mint has to know them (rows 8, 14)."""
        current = self.current.id if self.current is not None else None
        dates: dict[str, datetime | None] = dict.fromkeys(token_id for token_id in ids if token_id != current)
        return replace(self, retiring=tuple(sorted({**dates, **dict(self.retiring)}.items())))

    def succeeded_by(self, token_id: str, after: datetime) -> Record:
        """With what was current, and what was to give way, to be retired from `after` on (row 14)."""
        before = [each for each, date in self.retiring if date is None]
        if self.current is not None:
            before.append(self.current.id)
        return self.retire_later(before, after).without(token_id)

    def closed(self) -> Record:
        """With nothing of a mint under way (row 20)."""
        retiring = tuple(each for each in self.retiring if each[1] is not None)
        return replace(self, window=None, minted=None, retiring=retiring)

    def without(self, token_id: str) -> Record:
        """No longer to be retired: it is gone, or it is the current one."""
        return replace(self, retiring=tuple(each for each in self.retiring if each[0] != token_id))

    def without_gone(self, tokens: Iterable[Token], now: datetime) -> Record:
        """Without predecessors that were due and are no more. One that is not due yet may only be missing from a list."""
        live = {token.id for token in tokens if token.live(now)}
        return replace(
            self, retiring=tuple(each for each in self.retiring if each[0] in live or each[1] is None or each[1] > now)
        )

    def orphans(self, tokens: Iterable[Token], now: datetime, *, spare: frozenset[str]) -> tuple[Token, ...]:
        """What a mint of ours left behind (row 23); `spare` are ids that are accounted for in another way."""
        accounted = spare | {token_id for token_id, _after in self.retiring}
        if self.current is not None:
            accounted |= {self.current.id}
        return tuple(
            token for token in tokens if token.live(now) and token.id not in accounted and self._is_ours(token, now)
        )

    def _is_ours(self, token: Token, now: datetime) -> bool:
        if self.minted is not None and token.id == self.minted.id:
            # Without a fingerprint nobody ever had its secret: if it was used all the same, it is someone else's.
            return bool(self.minted.fingerprint) or token.last_used_at is None
        if self.window is None or token.id in self.window.known or token.last_used_at is not None:
            return False
        if token.created_at is None:
            return False
        # While it is open there is no end to compare with: `now` is a `Date` header's, up to a second behind the server.
        return self.window.start <= token.created_at and (
            self.window.end is None or token.created_at <= self.window.end
        )

    def to_json(self, place: Place) -> str:
        """The record as kept; it names the token that it is about."""
        return json.dumps(
            {
                "version": _VERSION,
                "origin": place.origin,
                "owner": place.owner,
                "name": place.name,
                "current": _known_to_json(self.current),
                "minted": _known_to_json(self.minted),
                "window": None
                if self.window is None
                else {
                    "from": self.window.start.isoformat(),
                    "known": sorted(self.window.known),
                    "until": _date_to_json(self.window.end),
                },
                "retiring": [{"id": token_id, "after": _date_to_json(after)} for token_id, after in self.retiring],
            },
            ensure_ascii=False,
        )


class ForeignRecord(TokensmithError):
    """The store's record under this key is about another token, or is no record."""


def parse_record(text: str | None, place: Place) -> Record | None:
    """Read what the store has; None if there is nothing. `ForeignRecord` if it is not about this very token."""
    if text is None:
        return None
    try:
        data = json.loads(text)
        names = (data["origin"], data["owner"], data["name"])
        record = Record(
            current=_known(data["current"]),
            minted=_known(data["minted"]),
            window=_window(data["window"]),
            retiring=tuple(
                (each["id"], None if each["after"] is None else _date(each["after"])) for each in data["retiring"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ForeignRecord(
            "store: the record beside the secret cannot be read. Nothing was changed. If it was edited or is another "
            "program's, choose another path or key; otherwise restore it from a backup."
        ) from None
    if names != (place.origin, place.owner, place.name):
        raise ForeignRecord(
            f"store: what is kept under this key belongs to token {names[2]!r} of {names[1]} at {names[0]}, not to "
            f"{place.name!r} of {place.owner} at {place.origin}. Nothing was sent there or changed. Give each token a key "
            "of its own."
        )
    return record


def _known(data: Mapping[str, Any] | None) -> Known | None:
    return None if data is None else Known(data["id"], data["fp"], parse_instant(data.get("changed")))


def _known_to_json(known: Known | None) -> dict[str, Any] | None:
    return None if known is None else {"id": known.id, "fp": known.fingerprint, "changed": _date_to_json(known.changed)}


def _window(data: Mapping[str, Any] | None) -> Window | None:
    if data is None:
        return None
    end = None if data["until"] is None else _date(data["until"])
    return Window(_date(data["from"]), frozenset(data["known"]), end)


def _date(text: object) -> datetime:
    moment = parse_instant(text)
    if moment is None:
        raise ValueError(text)
    return moment


def _date_to_json(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
