# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one boundary between the modules and everything else: options in, a result out, exceptions as failed tasks."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import TYPE_CHECKING, Any, NoReturn

from . import platforms, wishes
from .errors import TokensmithError, unexpected
from .results import error_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform


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
