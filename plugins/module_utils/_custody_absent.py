# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a token that is kept in a store: row 33. Used by `custody` alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import choosing
from ._custody_held import id_of, save
from .choosing import SETTLE
from .effects import Erase, Look, Outcome, Revoke, Verify
from .errors import SecretUndecided, SelfGuard
from .minting import is_elsewhere, spared_ids
from .record import Record

if TYPE_CHECKING:
    from ._custody_held import Held
    from .effects import Listing, Steps
    from .minting import Terms
    from .record import Place
    from .tokens import Evidence, Owner, Token, WantedToken


def make_absent(
    wish: WantedToken, owner: Owner, listing: Listing, held: Held, terms: Terms, place: Place
) -> Steps[Outcome]:
    """Row 33: revoke what is ours, and when the list shows none of it any more, erase what the store holds."""
    live = [token for token in listing.tokens if token.live(listing.at)]
    ours = yield from _ours(wish, owner, held, listing, terms, place)
    strangers = [token for token in live if token.id not in ours]
    if strangers and wish.duplicates == "fail" and wish.id is None:
        choosing.refuse_strangers(wish, strangers)
    chosen = [token for token in live if wish.id is None or token.id == wish.id]
    spared, warnings = yield from spared_ids(wish, owner, tuple(chosen))
    if spared:
        raise SelfGuard(
            f"allow_self: token {', '.join(token.id for token in spared)} is the credential of this very run (or may be); "
            "allow_self: true revokes it all the same."
        )
    ended = tuple(token.id for token in chosen)
    for token_id in ended:
        yield Revoke(token_id)
    after: Listing = (yield Look()) if ended else (yield from _believed(held, listing, live))
    erased = False
    if not any(token.live(after.at) and token.id not in ended for token in after.tokens):
        erased = yield from _erase(held, after, place)
    token = replace(chosen[-1], revoked=True) if chosen else None
    return Outcome(
        action="revoke" if ended or erased else "unchanged",
        reasons=("requested",) if ended or erased else (),
        now=listing.at,
        token=token,
        retired=ended,
        warnings=warnings,
    )


def _erase(held: Held, listing: Listing, place: Place) -> Steps[bool]:
    """Whether there was a secret. The record stays while something of a mint may still appear: only it can tell whose."""
    for slot in ("next", "entry"):
        yield Erase(slot)
    window = held.record.window
    end = window.end or listing.at + SETTLE if window is not None else None
    if window is not None and end is not None and listing.at < end:
        yield from save(Record(window=replace(window, end=end)), place)
    elif held.known:
        yield Erase("record")
    return held.entry is not None or held.next is not None


def _believed(held: Held, listing: Listing, live: list[Token]) -> Steps[Listing]:
    """A list that shows nothing, while the stored secret still works, lags behind or was narrowed (row 31)."""
    for secret in (held.entry, held.next):
        if live or secret is None:
            continue
        evidence: Evidence = yield Verify(secret)
        if evidence.verdict != "rejected":
            raise SecretUndecided(
                "store: the server lists no such token, and does not refuse the stored secret. Nothing was changed. Run "
                "again; if this stays, check owner, name and the credential."
            )
    return listing


def _ours(wish: WantedToken, owner: Owner, held: Held, listing: Listing, terms: Terms, place: Place) -> Steps[set[str]]:
    """Ids that the record, its window or the stored secret itself account for."""
    record = held.record
    ours = {token_id for token_id, _after in record.retiring}
    ours |= {known.id for known in (record.current, record.minted) if known is not None}
    ours |= {token.id for token in record.orphans(listing.tokens, listing.at, spare=frozenset())}
    live = [token for token in listing.tokens if token.live(listing.at)]
    if held.entry is not None and any(token.id not in ours for token in live):
        evidence: Evidence = yield Verify(held.entry)
        if evidence.verdict == "accepted" and evidence.name in (None, wish.name) and not is_elsewhere(evidence, owner):
            told = id_of(held.entry, evidence, record.current, terms, place)
            ours |= {told} if told else set()
    return ours
