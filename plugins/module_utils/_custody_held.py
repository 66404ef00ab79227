# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store holds for one token, and the steps that change it. Used by `custody` and its parts alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .choosing import SETTLE
from .effects import Erase, Now, Promote, Read, Undelivered, Write
from .errors import StoreError
from .record import Known, Record, parse_record
from .redaction import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from .effects import Listing, Steps
    from .minting import Terms
    from .record import Place
    from .tokens import Evidence, Minted, Token, WantedToken

#: How long a store may give stale answers before what it says is taken for the truth (row 30).
STALE_READ = 30.0


@dataclass(frozen=True, slots=True)
class Held:
    """What the store held when it was read, and what was made of it since."""

    entry: Secret | None
    next: Secret | None
    record: Record
    #: whether there was a record at all
    known: bool
    #: whether something in the record has changed that is not written yet
    dirty: bool = False
    #: id of the token that a rotation in place left, and that is to be rotated again
    child: str | None = None

    def noting(self, record: Record) -> Held:
        return self if record == self.record else replace(self, record=record, dirty=True)


def read_held(place: Place) -> Steps[Held]:
    """Row 7: entry, next, record, in this order."""
    entry: str | None = yield Read("entry")
    following: str | None = yield Read("next")
    record = parse_record((yield Read("record")), place)
    return Held(
        entry=Secret(entry) if entry else None,
        next=Secret(following) if following else None,
        record=record or Record(),
        known=record is not None,
    )


def save(record: Record, place: Place) -> Steps[None]:
    """Write the record and read it back: what follows relies on it."""
    text = record.to_json(place)
    yield Write("record", Secret(text))
    back: str | None = yield Read("record")
    if back != text:
        raise StoreError("store: the record was written, and reads back as something else. Nothing else was done.")


def let_in(secret: Secret, minted: Minted | None = None) -> Steps[None]:
    """Row 13: `entry` := `next`. From here on the new token is never revoked: the store may give its secret out."""
    try:
        yield Promote(secret)
        back: str | None = yield Read("entry")
        if back != secret.reveal():
            raise StoreError("store: the entry was written, and reads back as something else.")
    except StoreError as error:
        if minted is None:
            raise
        raise Undelivered(
            f"{error} The old and the new token both stay live; the next run goes on from there. The new secret is in this "
            "hidden result.",
            minted,
        ) from None


def settle(wish: WantedToken, held: Held, secret: Secret, token_id: str, listing: Listing, place: Place) -> Steps[Held]:
    """Row 14: the record follows the entry; what the entry gave out before is to be retired after its overlap."""
    now: datetime = yield Now()
    mark, known = place.fingerprint(secret), held.record.minted
    if known is None or known.fingerprint != mark:
        token = find(listing, token_id)
        known = Known(token_id, mark, token.updated_at if token else None)
    window = held.record.window
    record = replace(
        held.record.succeeded_by(token_id, wish.overlap.after(now)),
        # As it was when it was minted: if the server has changed it since, its secret is not taken for granted (row 7).
        current=known,
        minted=None,
        window=None if window is None else replace(window, end=now + SETTLE),
    )
    yield from save(record, place)
    yield Erase("next")
    return Held(entry=secret, next=None, record=record, known=True)


def id_of(secret: Secret, evidence: Evidence, known: Known | None, terms: Terms, place: Place) -> str | None:
    """Row 5: the id behind a secret that works."""
    told = evidence.id or terms.secret_id(secret)
    if told is None and known is not None and place.fingerprint(secret) == known.fingerprint:
        return known.id
    return told


def find(listing: Listing, token_id: str) -> Token | None:
    return next((token for token in listing.tokens if token.id == token_id), None)
