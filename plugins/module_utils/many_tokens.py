# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `token_set` module between its options and its result."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from . import bulk, plans, progress, rendering, storing, wishes
from .errors import InvalidOption
from .pruning import prune_from
from .results import error_result, outcome_result
from .tasks import deadline_of, lock_of, plan_shown, warn
from .transport import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform

#: How many single failures the message of a task names; all of them are in its result.
_SHOWN_FAILURES = 5


def ensure_tokens(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """Many tokens as wanted; for `running.run`. One token's failure fails the task when all is done."""
    options = module.params
    if options["parallelism"] < 1:
        raise InvalidOption("parallelism", f"{options['parallelism']} is too small.", "Give 1 or more.")
    server = origin(platform.connection.url)
    openers = functools.cache(lambda store: storing.opener(dict(store), server, environ))

    def store_at(store: Mapping[str, Any] | None) -> Any:
        return openers(tuple(sorted(store.items()))) if store else None

    declared = [bulk.Declared(label, wish, store_at(store)) for label, wish, store in wishes.entries_from(options)]
    book = bulk.Bulk(
        platform,
        lock_of(platform, environ),
        deadline_of(platform, environ),
        parallelism=options["parallelism"],
        tell=progress.teller(environ),
    ).run(
        declared,
        prune=prune_from(options["prune"]),
        max_revocations=options["max_revocations"],
        approved=options["approved_plan"],
        rehearse=module.check_mode,
        store_at=store_at(options["store"]),
    )
    outcomes = [entry.outcome for entry in book.entries if entry.outcome is not None]
    warn(module, platform, dict.fromkeys([*book.warnings, *(text for each in outcomes for text in each.warnings)]))
    clean = platform.transport.redactor.clean
    result = book_result(book, platform.transport.now(), clean)
    if module._diff:
        lines = [
            rendering.plan_line(entry.owner, entry.wish.name, entry.outcome)
            for entry in book.entries
            if entry.owner is not None and entry.outcome is not None
        ]
        result["diff"] = plan_shown(module, platform, lines)
    if book.failed:
        first = "; ".join(f"{entry.declared.label}: {entry.error}" for entry in book.failed[:_SHOWN_FAILURES])
        more = "; …" if len(book.failed) > _SHOWN_FAILURES else ""
        count = f"{len(book.failed)} of {len(book.entries)} tokens failed"
        module.fail_json(
            msg=clean(f"{count}: {first}{more}"), invocation={}, requests=platform.transport.sent, **result
        )
    return result


def book_result(book: bulk.Book, now: datetime, clean: Callable[[str], str]) -> dict[str, Any]:
    """What happened to many tokens: one result for each, in the order of the task, pruned ones behind them."""
    results = []
    summary: dict[str, int] = {}
    for entry in book.entries:
        result: dict[str, Any] = {"name": entry.wish.name}
        if entry.error is not None:
            facts = error_result(entry.error, now)
            facts["error"] = {"kind": facts["error"], "msg": clean(str(entry.error))}
            result |= {"owner": str(entry.owner or entry.wish.owner), "changed": False, "action": "failed", **facts}
        elif entry.owner is not None and entry.outcome is not None:
            result |= {"owner": str(entry.owner), **outcome_result(entry.owner, entry.outcome)}
        else:
            raise AssertionError("an entry comes to an outcome or an error")
        summary[result["action"]] = summary.get(result["action"], 0) + 1
        results.append(result)
    return {
        "changed": any(result["changed"] for result in results),
        "results": results,
        "plan": book.plan,
        "plan_digest": plans.digest(book.plan),
        "summary": summary,
    }
