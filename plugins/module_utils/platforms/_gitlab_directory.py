# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is behind an id, for many ids: one by one for a few, page by page for more. Used by `gitlab` alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..tokens import Owner
from ..transport import Refusal
from ._gitlab_answers import pages

if TYPE_CHECKING:
    from ..transport import Transport

#: After so many single look-ups the whole collection is read, a hundred a request.
_SINGLES = 20
#: The users behind tokens of projects and groups. Source: GitLab's service that creates these tokens.
_BOT = re.compile(r"(?P<kind>project|group)_(?P<id>[0-9]+)_bot")
_NAMES = {"users": "username", "projects": "path_with_namespace", "groups": "full_path"}


class Directory:
    """Names by ids, each asked for once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, dict[str, tuple[str, bool]]] = {collection: {} for collection in _NAMES}
        self._singles = dict.fromkeys(_NAMES, 0)

    def owner_of_user(self, user_id: str) -> Owner:
        """The owner of tokens that show this user: a person, a service account, or the project or group of a bot.

        Bots of projects and groups tell by their names; what else GitLab calls a bot and may have tokens is a service
        account. A user that is gone meanwhile is called by its id.
        """
        name, bot = self._look_up("users", user_id)
        place = _BOT.match(name) if bot else None
        if place is not None:
            kind, number = place["kind"], place["id"]
            return Owner(kind, number, self._look_up(f"{kind}s", number)[0])
        return Owner("service_account" if bot else "user", user_id, name)

    def _look_up(self, collection: str, number: str) -> tuple[str, bool]:
        known = self._known[collection]
        if number not in known and self._singles[collection] == _SINGLES:
            self._singles[collection] += 1
            query = {"simple": "true"} if collection == "projects" else {}
            known.update(
                (str(row["id"]), _kept(collection, row)) for row in pages(self._transport, f"/{collection}", query)
            )
        if number not in known:
            known[number] = self._single(collection, number)
            self._singles[collection] += 1
        return known[number]

    def _single(self, collection: str, number: str) -> tuple[str, bool]:
        try:
            return _kept(collection, self._transport.get(f"/{collection}/{number}").body)
        except Refusal as refusal:
            if refusal.status == 404:
                return number, False
            raise


def _kept(collection: str, row: dict[str, Any]) -> tuple[str, bool]:
    return row.get(_NAMES[collection]) or str(row["id"]), bool(row.get("bot"))
