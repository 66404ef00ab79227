# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the GoRules client do with the stand-in."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import applying, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.arguments import TOKEN
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.gorules import GoRules
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import MintSpec, WantedToken
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.gorules.fixtures import ADAM_SECRET, SVC_CI, SVC_EMPTY
from stand_in.launch import StandIn

#: A wish for a token that is not there, and an owner that has none.
WISH: dict[str, Any] = {
    "owner": {"service_account": SVC_EMPTY},
    "name": "new",
    "permissions": ["releases", "releases:deploy"],
    "projects": ["pricing"],
    "expires_in": "3mo",
}
#: The token that the stand-in calls T1, as it is.
T1_WISH: dict[str, Any] = {**WISH, "owner": {"service_account": SVC_CI}, "name": "ci"}
_DEFAULTS = {name: option.get("default") for name, option in TOKEN.items()}


class Bench:
    """A stand-in, a client for it, and what it got to see."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        #: one for each wait between two tries
        self.waits: list[int] = []

    def platform(self, auth_token: str = ADAM_SECRET, *, url: str = "", path: str = "", **options: Any) -> GoRules:
        """A client of its own, as each run has one."""
        address = (url or self.server.url) + path
        return GoRules.connect(Connection(url=address, auth_token=Secret(auth_token), timeout=10.0, **options))

    def wish(self, options: dict[str, Any] | None = None, /, **more: Any) -> WantedToken:
        """A wish from options as a user gives them; those that are None are left out."""
        return wishes.wish_from({**_DEFAULTS, **(WISH if options is None else options), **more})

    def apply(
        self, options: dict[str, Any] | None = None, /, *, run: GoRules | None = None, check: bool = False, **more: Any
    ) -> Outcome:
        """One run of `token`; `run` is its client, an administrator's where not given."""
        self.server.clear_requests()
        wish = self.wish(options, **more)
        deadline = applying.Deadline(None, margin=1.0)
        return applying.apply(wish, run or self.platform(), _no_lock, deadline, rehearse=check)[1]

    @property
    def sent(self) -> list[str]:
        """The requests since the beginning of the last run, without prefix and query."""
        return [f"{each['method']} {each['path'].removeprefix('/api')}" for each in self.server.requests()]

    @property
    def writes(self) -> list[str]:
        """Those that could change something."""
        return [line for line in self.sent if not line.startswith("GET ")]

    @property
    def bodies(self) -> list[Any]:
        """What was sent in requests that create or regenerate."""
        return [each["body"] for each in self.server.requests() if each["method"] == "POST"]

    def tokens(self, owner: str = SVC_EMPTY, note: str | None = None) -> list[dict[str, Any]]:
        """What the server has of an owner, expired ones included."""
        rows = self.server.state()["tokens"]
        return [row for row in rows if row["owner"] == owner and note in (None, row["note"])]


def spec(**more: Any) -> MintSpec:
    """What a token is asked to be, as the life cycle hands it to a platform."""
    lifetime = parse_lifetime("expires_in", more.pop("expires_in", "1w"), never=True)
    wanted: dict[str, Any] = {"name": "new", "permissions": frozenset({"releases"}), "all_projects": True, **more}
    return MintSpec(expiry=Expiry(after=lifetime), **wanted)


def _no_lock(_owner: str, _name: str) -> nullcontext[None]:
    return nullcontext()
