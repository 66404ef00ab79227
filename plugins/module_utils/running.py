# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one boundary between the modules and everything else: options in, a result out, exceptions as failed tasks."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import TYPE_CHECKING, Any, NoReturn

from . import applying, platforms, rendering, storing, wishes
from .errors import TokensmithError
from .locking import NodeLock, lock_folder
from .results import error_result, outcome_result
from .transport import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform

#: Set by the action plugin: for how many seconds the task may run (its keyword `timeout`).
TASK_TIMEOUT = "TOKENSMITH_TASK_TIMEOUT"


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
        _fail(
            module,
            platform,
            TokensmithError(f"Internal error: {type(error).__name__} in {_place_of(error)}. Please report it."),
        )
    # Ansible would put every option into the result, and rely on masking to keep the secret ones out.
    module.exit_json(**result, requests=platform.transport.sent, invocation={})


def ensure_token(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """The `token` module: one token as wanted."""
    wish = wishes.wish_from(module.params)
    connection = platform.connection
    seconds = environ.get(TASK_TIMEOUT)
    deadline = applying.Deadline(float(seconds) if seconds else None, margin=connection.timeout)
    lock = NodeLock(lock_folder(environ), origin(connection.url), patience=max(connection.max_wait, connection.timeout))
    store_at = storing.opener(module.params["store"], origin(connection.url), environ)
    owner, outcome = applying.apply(wish, platform, lock, deadline, store_at=store_at, rehearse=module.check_mode)
    for warning in outcome.warnings:
        module.warn(platform.transport.redactor.clean(warning))
    result = outcome_result(owner, outcome)
    if module._diff:
        line = rendering.plan_line(owner, wish.name, outcome)
        text = rendering.render(platform.name, connection.url, [line], done=not module.check_mode)
        result["diff"] = {"prepared": text}
    return result


def _fail(module: AnsibleModule, platform: Platform | None, error: TokensmithError) -> NoReturn:
    text = str(error)
    facts: dict[str, Any] = {}
    if platform is not None:
        text = platform.transport.redactor.clean(text)
        facts = {**error_result(error, platform.transport.now()), "requests": platform.transport.sent}
    module.fail_json(msg=text, invocation={}, **facts)


def _place_of(error: BaseException) -> str:
    """Where an unexpected error came from, by file and line alone."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "an unknown place"


def _harden() -> None:
    """Keep the process's memory and its TLS keys out of files: no core dumps, no ptrace, no key log."""
    os.environ.pop("SSLKEYLOGFILE", None)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    except (OSError, ValueError, AttributeError):
        # Not Linux, or not allowed: then the platform's own rules hold.
        return
