# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every task that changes tokens has: its locks, its time limit, its warnings, its plan."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

from . import applying, rendering
from .locking import NodeLock, lock_folder
from .transport import origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform

#: Set by the action plugin: for how many seconds the task may run (its keyword `timeout`), and until when: `6@1795000000`.
TASK_TIMEOUT = "TOKENSMITH_TASK_TIMEOUT"


def lock_of(platform: Platform, environ: Mapping[str, str]) -> NodeLock:
    """The locks of tokens on this node, which all tasks for the same server share."""
    connection = platform.connection
    patience = max(connection.max_wait, connection.timeout)
    return NodeLock(lock_folder(environ), origin(connection.url), patience)


def deadline_of(platform: Platform, environ: Mapping[str, str]) -> applying.Deadline:
    """Until when the task may run, as far as the action plugin said so."""
    seconds, _unused, end = environ.get(TASK_TIMEOUT, "").partition("@")
    if not seconds:
        return applying.Deadline(None, margin=platform.connection.timeout, abandoned=nobody_reads)
    # By the clock, and not only by the module's own count: it may have begun long after its task.
    return applying.Deadline(
        float(seconds),
        margin=platform.connection.timeout,
        left=float(end) - time.time(),
        abandoned=nobody_reads,
    )


def nobody_reads() -> bool:
    """Whether the other end of our output is closed: Ansible was ended, and did not end us."""
    output = select.poll()
    output.register(1, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _descriptor, event in output.poll(0))


def plan_shown(module: AnsibleModule, platform: Platform, lines: list[rendering.PlanLine]) -> dict[str, str]:
    """The plan as a diff, for people."""
    return {"prepared": rendering.render(platform.name, platform.connection.url, lines, done=not module.check_mode)}


def warn(module: AnsibleModule, platform: Platform, warnings: Iterable[str]) -> None:
    """Warn in words that have no credential in them."""
    for warning in warnings:
        module.warn(platform.transport.redactor.clean(warning))
