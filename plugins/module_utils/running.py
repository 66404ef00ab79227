# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one boundary between the modules and everything else: options in, a result out, exceptions as failed tasks."""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import select
import time
from typing import TYPE_CHECKING, Any, NoReturn

from . import applying, bulk, platforms, progress, rendering, storing, wishes
from .errors import InvalidOption, TokensmithError, unexpected
from .locking import NodeLock, lock_folder
from .pruning import prune_from
from .results import book_result, error_result, outcome_result
from .transport import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform

#: Set by the action plugin: for how many seconds the task may run (its keyword `timeout`), and until when: `6@1795000000`.
TASK_TIMEOUT = "TOKENSMITH_TASK_TIMEOUT"
#: How many single failures the message of a task names; all of them are in its result.
_SHOWN_FAILURES = 5


def run(
    module: AnsibleModule,
    action: Callable[[AnsibleModule, Platform, Mapping[str, str]], dict[str, Any]],
    environ: Mapping[str, str],
) -> NoReturn:
    """Open the platform, do it, and leave with a result or with one clear, redacted message."""
    _harden()
    platform = None
    try:
        connection = wishes.connection_from(module.params, environ)
        platform = platforms.by_name(module.params["platform"]).connect(connection)
        result = action(module, platform, environ)
    except TokensmithError as error:
        _fail(module, platform, error)
    except Exception as error:
        _fail(module, platform, unexpected(error))
    # Ansible would put every option into the result, and rely on masking to keep the secret ones out.
    module.exit_json(**result, requests=platform.transport.sent, invocation={})


def ensure_token(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """The `token` module: one token as wanted."""
    wish = wishes.wish_from(module.params)
    connection = platform.connection
    store_at = storing.opener(module.params["store"], origin(connection.url), environ)
    owner, outcome = applying.apply(
        wish,
        platform,
        _lock(platform, environ),
        _deadline(platform, environ),
        store_at=store_at,
        rehearse=module.check_mode,
    )
    _warn(module, platform, outcome.warnings)
    result = outcome_result(owner, outcome)
    if module._diff:
        line = rendering.plan_line(owner, wish.name, outcome)
        result["diff"] = _plan_shown(module, platform, [line])
    return result


def ensure_tokens(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """The `token_set` module: many tokens as wanted. One token's failure fails the task when all is done."""
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
        _lock(platform, environ),
        _deadline(platform, environ),
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
    _warn(module, platform, dict.fromkeys([*book.warnings, *(text for each in outcomes for text in each.warnings)]))
    clean = platform.transport.redactor.clean
    result = book_result(book, platform.transport.now(), clean)
    if module._diff:
        lines = [
            rendering.plan_line(entry.owner, entry.wish.name, entry.outcome)
            for entry in book.entries
            if entry.owner is not None and entry.outcome is not None
        ]
        result["diff"] = _plan_shown(module, platform, lines)
    if book.failed:
        first = "; ".join(f"{entry.declared.label}: {entry.error}" for entry in book.failed[:_SHOWN_FAILURES])
        more = "; …" if len(book.failed) > _SHOWN_FAILURES else ""
        count = f"{len(book.failed)} of {len(book.entries)} tokens failed"
        module.fail_json(
            msg=clean(f"{count}: {first}{more}"), invocation={}, requests=platform.transport.sent, **result
        )
    return result


def _lock(platform: Platform, environ: Mapping[str, str]) -> NodeLock:
    connection = platform.connection
    patience = max(connection.max_wait, connection.timeout)
    return NodeLock(lock_folder(environ), origin(connection.url), patience)


def _deadline(platform: Platform, environ: Mapping[str, str]) -> applying.Deadline:
    seconds, _unused, end = environ.get(TASK_TIMEOUT, "").partition("@")
    if not seconds:
        return applying.Deadline(None, margin=platform.connection.timeout, abandoned=_nobody_reads)
    # By the clock, and not only by the module's own count: it may have begun long after its task.
    return applying.Deadline(
        float(seconds),
        margin=platform.connection.timeout,
        left=float(end) - time.time(),
        abandoned=_nobody_reads,
    )


def _nobody_reads() -> bool:
    """Whether the other end of our output is closed: Ansible was ended, and did not end us."""
    output = select.poll()
    output.register(1, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _descriptor, event in output.poll(0))


def _plan_shown(module: AnsibleModule, platform: Platform, lines: list[rendering.PlanLine]) -> dict[str, str]:
    return {"prepared": rendering.render(platform.name, platform.connection.url, lines, done=not module.check_mode)}


def _warn(module: AnsibleModule, platform: Platform, warnings: Iterable[str]) -> None:
    for warning in warnings:
        module.warn(platform.transport.redactor.clean(warning))


def _fail(module: AnsibleModule, platform: Platform | None, error: TokensmithError) -> NoReturn:
    text = str(error)
    facts: dict[str, Any] = {"error": type(error).__name__}
    if platform is not None:
        text = platform.transport.redactor.clean(text)
        facts = {**error_result(error, platform.transport.now()), "requests": platform.transport.sent}
    module.fail_json(msg=text, invocation={}, **facts)


def _harden() -> None:
    """Keep the process's memory and its TLS keys out of files: no core dumps, no ptrace, no key log."""
    os.environ.pop("SSLKEYLOGFILE", None)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    except (OSError, ValueError, AttributeError):
        # Not Linux, or not allowed: then the platform's own rules hold.
        return
