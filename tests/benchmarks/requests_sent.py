# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests it takes, on each platform: with nothing to do, and for each change.

Counted is what the stand-in got. Each row is a run of its own for one token and one for several of the same owner, so that
what a run costs (owner, list, policy) and what a change costs are told apart.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv/collections"))

from _measuring import judge
from ansible_collections.tokensmith.access.plugins.module_utils import applying, platforms, wishes
from ansible_collections.tokensmith.access.plugins.module_utils.bulk import Bulk, Declared
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.atlassian_pat import fixtures as atlassian_pat
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures as gitlab
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn, start

MANY = 10
EMPTY: dict[str, Any] = dict.fromkeys(
    ("owner", "permissions", "projects", "access_level", "all_projects", "description", "expires_in", "rotate_before")
)


@dataclass(frozen=True, slots=True)
class Case:
    """A platform, how to get in, what is wanted there, and what can be changed in place."""

    platform: str
    credential: Mapping[str, Any]
    wish: Mapping[str, Any]
    update: Mapping[str, Any] | None = None
    #: half of what the server allows a user to have
    many: int = MANY


CASES = (
    Case(
        "gitlab",
        {"auth_token": Secret(gitlab.ROOT_TOKEN)},
        {"owner": {"project": gitlab.PROJECT}, "permissions": ["api"], "access_level": 20, "expires_in": "90d"},
    ),
    Case(
        "bitbucket",
        {"auth_username": bitbucket.ALICE, "auth_password": Secret(bitbucket.ALICE_PASSWORD)},
        {"owner": {"project": bitbucket.PROJECT}, "permissions": ["REPO_READ"], "expires_in": "90d"},
        {"permissions": ["REPO_WRITE"]},
    ),
    Case(
        "gorules",
        {"auth_token": Secret(gorules.ADAM_SECRET)},
        {
            "owner": {"service_account": gorules.SVC_EMPTY},
            "permissions": ["releases"],
            "all_projects": True,
            "expires_in": "3mo",
        },
    ),
    Case(
        "atlassian_pat",
        {"auth_username": atlassian_pat.BOB, "auth_password": Secret(atlassian_pat.BOB_PASSWORD)},
        {"expires_in": "90d"},
        many=5,
    ),
)


@contextmanager
def no_lock(owner: str, name: str) -> Iterator[None]:
    """This process is alone."""
    yield


def run(case: Case, server: StandIn, count: int, more: Mapping[str, Any]) -> tuple[int, str]:
    """One run, as the module does it: how many requests the server got, and what was done."""
    connection = Connection(url=server.url, **case.credential)
    platform = platforms.by_name(case.platform).connect(connection)
    options = {**EMPTY, **wishes.DEFAULTS, **case.wish, **more}
    declared = [
        Declared(f"tokens[{number}]", wishes.wish_from({**options, "name": f"bench-{number}"}))
        for number in range(count)
    ]
    server.clear_requests()
    bulk = Bulk(platform, no_lock, applying.Deadline(None, margin=0), parallelism=4)
    book = bulk.run(declared, prune=None, max_revocations=2 * count, approved=None, rehearse=False)
    if book.failed:
        raise SystemExit(f"{case.platform}: {book.failed[0].error}")
    done = {entry.outcome.action for entry in book.entries if entry.outcome}
    return len(server.requests()), "/".join(sorted(done))


def measure(case: Case) -> list[tuple[str, bool, str]]:
    """Print a platform's rows."""
    steps: dict[str, Mapping[str, Any]] = {
        "create": {},
        "unchanged": {},
        **({"update": case.update} if case.update else {}),
        "rotate": {**(case.update or {}), "state": "rotated"},
        "revoke": {"state": "absent", "duplicates": "keep_newest"},
    }
    counted: dict[int, dict[str, int]] = {1: {}, case.many: {}}
    with start(case.platform) as server:
        for count, counts in counted.items():
            server.reset()
            for step, options in steps.items():
                counts[step], action = run(case, server, count, options)
                if action != step:
                    raise SystemExit(f"{case.platform}: {step} came to {action}")
    one, many = counted[1], counted[case.many]
    for step in steps:
        each = (many[step] - one[step]) / (case.many - 1)
        print(f"  {case.platform:14} {step:10} {one[step]:>10} {many[step]:>10} ({case.many:>2}) {each:>12.1f}")
    idle = many["unchanged"]
    # With a mint the server's policy is read; what is revoked in the end is a token and the one that it took over from.
    changes = {"create": 1, "update": 1, "rotate": 1, "revoke": 2}
    return [
        (f"{case.platform}: nothing to do takes the owner and one page", max(idle, one["unchanged"]) <= 2, f"{idle}"),
        *(
            (
                f"{case.platform}: {step} takes {most} more for each token, and the policy",
                many[step] <= idle + most * case.many + 2,
                f"{many[step]}",
            )
            for step, most in changes.items()
            if step in steps
        ),
    ]


def main() -> int:
    """Print the figures; 1 if one of them is out of bounds."""
    print("requests                   1 token    many      each further")
    checks: list[tuple[str, bool, str]] = []
    for case in CASES:
        checks += measure(case)
    return judge(checks)


if __name__ == "__main__":
    sys.exit(main())
