# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the Bitbucket client do with the stand-in."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ansible_collections.tokensmith.access.plugins.module_utils import applying, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.arguments import TOKEN
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.bitbucket import Bitbucket
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import MintSpec, Owner, OwnerRef, WantedToken
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.bitbucket.fixtures import ADMIN, ALICE, PASSWORDS, PROJECT, REPO
from stand_in.launch import StandIn

DAY = 86_400
OF_PROJECT = {"project": PROJECT}
OF_REPO = {"repository": f"{PROJECT}/{REPO}"}
#: A wish for a token that is not there.
WISH: dict[str, Any] = {"owner": OF_PROJECT, "name": "new", "permissions": ["REPO_WRITE"], "expires_in": "90d"}
#: Tokens that are there, as they are.
LAPTOP: dict[str, Any] = {"name": "laptop", "permissions": ["REPO_READ"], "expires_in": "never"}
RELEASE: dict[str, Any] = {**WISH, "name": "release", "permissions": ["PROJECT_ADMIN"], "expires_in": "1y"}
SYNC: dict[str, Any] = {"owner": OF_REPO, "name": "sync", "permissions": ["REPO_WRITE"], "expires_in": "never"}
_DEFAULTS = {name: option.get("default") for name, option in TOKEN.items()}
_REST = "/rest/access-tokens/latest"


class Bench:
    """A stand-in, a client for it, and what it got to see."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        #: one for each wait between two tries
        self.waits: list[int] = []

    def platform(self, user: str | None = ADMIN, *, path: str = "", **options: Any) -> Bitbucket:
        """A client of its own, as each run has one, with that user's password unless another credential is given."""
        if user is not None:
            options = {"auth_username": user, "auth_password": Secret(PASSWORDS[user]), **options}
        return Bitbucket.connect(Connection(url=self.server.url + path, timeout=10.0, **options))

    def by_token(self, secret: str, **options: Any) -> Bitbucket:
        """A client with an access token in place of a password."""
        return self.platform(None, auth_token=Secret(secret), **options)

    def wish(self, options: dict[str, Any] | None = None, /, **more: Any) -> WantedToken:
        """A wish from options as a user gives them; those that are None are left out."""
        return wishes.wish_from({**_DEFAULTS, **(WISH if options is None else options), **more})

    def apply(
        self,
        options: dict[str, Any] | None = None,
        /,
        *,
        run: Bitbucket | None = None,
        check: bool = False,
        **more: Any,
    ) -> Outcome:
        """One run of `token`; `run` is its client, an administrator's where not given."""
        self.server.clear_requests()
        wish = self.wish(options, **more)
        deadline = applying.Deadline(None, margin=1.0)
        return applying.apply(wish, run or self.platform(), _no_lock, deadline, rehearse=check)[1]

    def owner(self, platform: Bitbucket, kind: str = "project", value: str = PROJECT) -> Owner:
        """An owner, looked up."""
        return platform.resolve(OwnerRef(kind, value), None)

    @property
    def sent(self) -> list[str]:
        """The requests since the beginning of the last run, without query."""
        return [f"{each['method']} {each['path'].replace(_REST, '')}" for each in self.server.requests()]

    @property
    def writes(self) -> list[str]:
        """Those that could change something."""
        return [line for line in self.sent if not line.startswith("GET ")]

    def bodies(self, method: str) -> list[Any]:
        """What was sent by this method."""
        return [each["body"] for each in self.server.requests() if each["method"] == method]

    def failed_logins(self) -> int:
        """How many requests were refused for their password."""
        return sum(each["status"] == 401 for each in self.server.requests())

    def tokens(self, owner: str = PROJECT, name: str | None = None) -> list[dict[str, Any]]:
        """What the server has of an owner, expired ones included."""
        rows = self.server.state()["tokens"]
        return [row for row in rows if row["owner"] == owner and name in (None, row["name"])]


#: Of alice, by herself: nobody else can make them.
def as_alice(bench: Bench, **options: Any) -> Bitbucket:
    """A client with alice's password."""
    return bench.platform(ALICE, **options)


def spec(**more: Any) -> MintSpec:
    """What a token is asked to be, as the life cycle hands it to a platform."""
    lifetime = parse_lifetime("expires_in", more.pop("expires_in", "1w"), never=True)
    return MintSpec(expiry=Expiry(after=lifetime), **{"name": "new", "permissions": frozenset({"REPO_READ"}), **more})


def _no_lock(_owner: str, _name: str) -> nullcontext[None]:
    return nullcontext()
