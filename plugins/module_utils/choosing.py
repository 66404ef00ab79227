# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of the live tokens of one name: which is the current one, which it took over from and when those may go. Pure.

Row numbers in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from .comparing import differences, expiring
from .errors import InvalidOption, Unaccounted
from .lifetimes import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .comparing import Terms
    from .tokens import Token, WantedToken

#: For how long after its mint a token that no record names may be another run's own work under way (row 34).
SETTLE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Holding:
    """What is known of the secret that the consumer holds.

    `unknown` (nobody told), `missing`, `proven` (it works, and is that of token `token_id`), `rejected` (dead),
    `foreign` (it works, but is another token's).
    """

    state: str
    token_id: str | None = None

    @property
    def reason(self) -> str | None:
        """Why a new secret is needed, if it is."""
        return f"secret_{self.state}" if self.state in ("missing", "rejected", "foreign") else None


UNKNOWN = Holding("unknown")


@dataclass(frozen=True, slots=True)
class Account:
    """What a store's record accounts for: the current token, and predecessors with the date from which each may go."""

    current: str | None = None
    retiring: Mapping[str, datetime | None] = field(default_factory=dict)
    #: False where the store surprised: then predecessors wait for the next run
    may_retire: bool = True


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A token that another one takes over from; `after` is when it may go, None while nothing shows that it may."""

    token: Token
    after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The live tokens of the name, sorted into the current one, those it took over from, and unexplained ones."""

    current: Token | None
    retire: tuple[Token, ...] = ()
    later: tuple[Predecessor, ...] = ()
    #: not touched, and no mint beside them (row 25)
    strangers: tuple[Token, ...] = ()


def scene(wish: WantedToken, live: Sequence[Token], holding: Holding, terms: Terms, now: datetime) -> Scene:
    if wish.id is not None:
        return _scene_by_id(wish, live, holding, now)
    if holding.state == "proven":
        current = next(token for token in live if token.id == holding.token_id)
        return _scene_by_secret(wish, live, current, now)
    if holding.state != "unknown":
        return _scene_without_secret(wish, live)
    return _scene_by_looks(wish, live, terms, now)


def scene_by_account(
    wish: WantedToken, live: Sequence[Token], holding: Holding, account: Account, now: datetime
) -> Scene:
    """With a store: the proven one is current, the record explains its predecessors, the rest is unaccounted (row 25)."""
    chosen = holding.token_id or wish.id or account.current
    current = next((token for token in live if token.id == chosen), None)
    if wish.id is not None and (current is None or current.id != wish.id):
        return _scene_by_id(wish, live, holding, now)
    others = [token for token in live if token is not current]
    strangers = tuple(token for token in others if token.id not in account.retiring)
    if current is None and strangers:
        if wish.duplicates == "fail":
            refuse_strangers(wish, strangers)
        current, strangers = strangers[-1], strangers[:-1]
    waiting = [Predecessor(token, account.retiring[token.id]) for token in others if token.id in account.retiring]
    if not account.may_retire or holding.state != "proven":
        return Scene(current=current, later=tuple(waiting), strangers=strangers)
    scene = _sorted_out(current, waiting, now)
    return Scene(current=current, retire=scene.retire, later=scene.later, strangers=strangers)


def _scene_by_id(wish: WantedToken, live: Sequence[Token], holding: Holding, now: datetime) -> Scene:
    current = next((token for token in live if token.id == wish.id), None)
    if current is None:
        found = f" Live ones of that name: {', '.join(map(describe, live))}." if live else ""
        raise InvalidOption("id", f"{wish.id} is no live token named {wish.name!r} of {wish.owner}.{found}")
    if holding.token_id is not None and holding.token_id != wish.id:
        raise InvalidOption("id", f"{wish.id} is given, but the secret is that of token {holding.token_id}.")
    place = live.index(current)
    older, newer = live[:place], tuple(live[place + 1 :])
    if holding.state != "proven":
        return Scene(current=current, strangers=newer)
    # Its secret was presented as well, as where a server cannot tell whose a secret is: it has taken over (row 34).
    scene = _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in older], now)
    return Scene(current=current, retire=scene.retire, later=scene.later, strangers=newer)


def _scene_by_secret(wish: WantedToken, live: Sequence[Token], current: Token, now: datetime) -> Scene:
    """Row 34: the consumer has the proven one, so older ones have been taken over from; newer ones nobody explains."""
    place = live.index(current)
    older, newer = live[:place], live[place + 1 :]
    if newer and wish.duplicates == "fail":
        raise unaccounted(
            wish,
            newer,
            f"They are newer than the one whose secret is held, {describe(current)}. If an earlier run minted one, "
            "hold its secret now; otherwise revoke them, or say duplicates: keep_newest.",
        )
    return _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in (*older, *newer)], now)


def _scene_without_secret(wish: WantedToken, live: Sequence[Token]) -> Scene:
    """The consumer has no working secret of any of them: each is unaccounted (row 26)."""
    if live and wish.duplicates == "fail":
        raise unaccounted(
            wish,
            live,
            "Nobody is known to hold the secret. Choose the one that a new token shall take over from by id, revoke "
            "them, or say duplicates: keep_newest.",
        )
    if not live:
        return Scene(current=None)
    return Scene(current=live[-1], later=tuple(Predecessor(each, None) for each in live[:-1]))


def _scene_by_looks(wish: WantedToken, live: Sequence[Token], terms: Terms, now: datetime) -> Scene:
    """Row 35: nobody says which one is in use. A newest one that is as wanted explains older ones that are not."""
    if len(live) < 2:
        return Scene(current=live[0] if live else None)
    current, older = live[-1], live[:-1]

    def as_wanted(token: Token) -> bool:
        return not differences(wish, token, terms) and not expiring(wish, token, now)

    if wish.duplicates == "keep_newest":
        return _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in older], now)
    if wish.state == "rotated" or not as_wanted(current) or any(map(as_wanted, older)):
        raise unaccounted(
            wish,
            live,
            "Nothing says which of them is in use. Choose by id or secret, revoke what nobody uses, or say "
            "duplicates: keep_newest.",
        )
    return _sorted_out(
        current,
        [Predecessor(each, _due(wish, each, current) if _given_up(each, current) else None) for each in older],
        now,
    )


def refuse_strangers(wish: WantedToken, strangers: Sequence[Token]) -> NoReturn:
    """Row 25 and 26: live tokens that the store knows nothing of."""
    raise unaccounted(
        wish,
        strangers,
        "The store knows nothing of them (is it the right one, and unlocked?). Choose the current one by id, put its secret "
        "into the store, revoke what nobody uses, or say duplicates: keep_newest.",
    )


def _sorted_out(current: Token | None, predecessors: Sequence[Predecessor], now: datetime) -> Scene:
    due = [each for each in predecessors if each.after is not None and each.after <= now]
    return Scene(
        current=current,
        retire=tuple(each.token for each in due),
        later=tuple(each for each in predecessors if each not in due),
    )


def _due(wish: WantedToken, token: Token, current: Token) -> datetime | None:
    """When a token that is not the current one may go: after the overlap, and never while another run may be at it."""
    if token.created_at is None or current.created_at is None:
        return None
    since = max(token.created_at, current.created_at)
    return max(wish.overlap.after(since), token.created_at + SETTLE)


def _given_up(token: Token, successor: Token) -> bool:
    """The server shows the successor in use, and the older one not since."""
    if successor.last_used_at is None:
        return False
    return token.last_used_at is None or token.last_used_at <= successor.last_used_at


def describe(token: Token) -> str:
    """A token in a message: its id, when it was made, when it was last used."""
    used = f"last used {iso(token.last_used_at)}" if token.last_used_at else "not known to have been used"
    return f"id {token.id} (created {iso(token.created_at) or 'at an unknown time'}, {used})"


def unaccounted(wish: WantedToken, tokens: Sequence[Token], advice: str) -> Unaccounted:
    many = f"{len(tokens)} live tokens" if len(tokens) > 1 else "a live token"
    return Unaccounted(
        f"duplicates: {wish.owner} has {many} named {wish.name!r}: {', '.join(map(describe, tokens))}. {advice}", tokens
    )
