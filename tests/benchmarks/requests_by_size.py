# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests one `token` takes on GitLab, by how many tokens its owner has: with nothing to do, and to create.

Counted is what the stand-in got, by kind: who the owner is, pages of lists, the policy, the mint. An owner's tokens are all
live, or 200 of them are revoked (fewer where there are fewer), because GitLab keeps those for ever. A name that the server
can search for is one page whatever the number; for one that it cannot (here of two letters), the pages of live ones are read.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv/collections"))

from _measuring import judge
from ansible_collections.tokensmith.access.plugins.module_utils import applying, platforms, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn, start

SIZES = (1, 20, 21, 101, 250)
REVOKED = 200
PAGE = 100
KINDS = {
    "owner": re.compile(r"GET .*/(projects/[^/]+|users)$"),
    "pages": re.compile(r"GET .*/(access_tokens|personal_access_tokens|impersonation_tokens)$"),
    "policy": re.compile(r"GET .*/application/settings$"),
    "mint": re.compile(r"POST .*/(access_tokens|personal_access_tokens)$"),
}
#: Who asks for whose token: an administrator, who may read the policy, and a maintainer, who may not.
OWNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "project": (fixtures.ROOT_TOKEN, {"owner": {"project": fixtures.PROJECT}, "access_level": 20}),
    "user": (fixtures.ROOT_TOKEN, {"owner": {"user": fixtures.USER}, "access_level": None}),
    "project, not as administrator": (
        fixtures.MAINTAINER_TOKEN,
        {"owner": {"project": fixtures.PROJECT}, "access_level": 20},
    ),
}
EMPTY: dict[str, Any] = dict.fromkeys(("projects", "all_projects", "description", "expires_at", "rotate_before"))


@contextmanager
def no_lock(owner: str, name: str) -> Iterator[None]:
    """This process is alone."""
    yield


def run(server: StandIn, credential: str, options: Mapping[str, Any]) -> tuple[str, Counter[str]]:
    """One run, as the module does it: what was done, and the requests by kind."""
    platform = platforms.by_name("gitlab").connect(Connection(url=server.url, auth_token=Secret(credential)))
    wish = wishes.wish_from({**EMPTY, **wishes.DEFAULTS, "permissions": ["read_api"], "expires_in": "90d", **options})
    server.clear_requests()
    _owner, outcome = applying.apply(wish, platform, no_lock, applying.Deadline(None, margin=0))
    counts: Counter[str] = Counter()
    for request in server.requests():
        line = f"{request['method']} {request['path']}"
        counts[next((kind for kind, form in KINDS.items() if form.search(line)), f"other: {line}")] += 1
    return outcome.action, counts


def measure(server: StandIn, title: str, size: int, most_revoked: int, name: str) -> list[tuple[str, bool, str]]:
    """Print a row: to create, and then with nothing to do; return what has to hold of it."""
    credential, options = OWNERS[title]
    server.reset()
    owner = {kind: value for kind, value in options["owner"].items() if value}
    revoked = min(most_revoked, size - 1)
    # One of them is the token itself, made by the run that creates.
    for count, every in ((revoked, 1), (size - 1 - revoked, 0)):
        if count:
            server.seed({"bulk": {"owner": owner, "count": count, "revoked_every": every, "access_level": 20}})
    created, create = run(server, credential, {**options, "name": name})
    unchanged, idle = run(server, credential, {**options, "name": name})
    if (created, unchanged) != ("create", "unchanged"):
        raise SystemExit(f"{title}, {size}: {created}, {unchanged}")
    (place, value) = ("resource", owner["project"]) if "project" in owner else ("user", owner["user"])
    live = sum(each["active"] for each in server.state()["tokens"] if each[place] == value)
    print(
        f"  {title:30} {name:8} {size:5} {revoked:8} {idle.total():15} {create.total():8}"
        f"   {', '.join(f'{kind} {count}' for kind, count in create.items())}"
    )
    administrator = "administrator" not in title
    listing = 1 if len(name) > 2 else max(1, -(-live // PAGE))
    # An administrator's list of a user has impersonation tokens in it, which another list tells apart.
    apart = 1 if title == "user" else 0
    row = f"{title}, {name}, {size} ({revoked} revoked)"
    return [
        (f"{row}: nothing to do is the owner and the pages", idle == {"owner": 1, "pages": listing + apart}, str(idle)),
        (
            f"{row}: create is the owner, the pages, the mint" + (", and the policy" if administrator else ""),
            create["owner"] == create["mint"] == 1
            and create["pages"] <= listing + apart
            and create["policy"] == 1
            and create.total() == 3 + create["pages"],
            str(create),
        ),
    ]


def main() -> int:
    """Print the figures; 1 if one of them is out of bounds."""
    print("requests to                    name    tokens  revoked   nothing to do   create   of these")
    checks: list[tuple[str, bool, str]] = []
    with start("gitlab") as server:
        for title in OWNERS:
            for name in ("deploy-key", "ci"):
                for most_revoked in (0, REVOKED):
                    for size in SIZES if name == "ci" or not most_revoked else SIZES[-1:]:
                        checks += measure(server, title, size, most_revoked, name)
    failed = [check for check in checks if not check[1]]
    return judge(failed or [("all as bounded", True, f"{len(checks)} checks")])


if __name__ == "__main__":
    sys.exit(main())
