# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of this collection on the controller itself, from where the collection is installed.

Ansible packs a module with all that it imports into an archive, anew for every task, writes that into a temporary file
with the options in it (the secret ones too), and has it compiled again. On the controller there is no need: the very same
files lie there, compiled already, and the options go to the module's standard input, as when a module is run by hand
(`python -m MODULE`). It halves the time of a task, and no secret touches a disk.

Only where nothing else could be meant: a local connection, nobody else to become, and the interpreter of ansible-playbook
itself. Everything else takes Ansible's own way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as release
from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars.clean import remove_internal_keys

#: The folder in which Python finds `ansible_collections`.
_TREE = Path(__file__).parents[5]
#: From 2.19 on a module and its reader agree on a form of JSON. Run like this a module speaks the plain one.
_PROFILES = tuple(map(int, release.split(".")[:2])) >= (2, 19)
_PROFILE = "legacy"


def can_run_here(action: ActionBase, task_vars: dict[str, Any]) -> bool:
    """Whether the module would run on this host with this interpreter, and nothing asks for a file of it."""
    if action._connection.transport != "local" or action._play_context.become or action._task.async_val:
        return False
    if C.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"):
        return False
    delegated = action._task.delegate_to
    variables = task_vars.get("ansible_delegated_vars", {}).get(delegated, {}) if delegated else task_vars
    interpreter = action._templar.template(variables.get("ansible_python_interpreter") or "")
    return bool(interpreter) and Path(interpreter).parent == Path(sys.executable).parent


def run_here(action: ActionBase, task_vars: dict[str, Any]) -> dict[str, Any]:
    """Run the module of the action's name; what it returned, or `module_stdout` and `rc` if that was no result."""
    options = dict(action._task.args)
    action._update_module_args(action._task.action, options, task_vars)
    module = f"{action._task.resolved_action or action._task.action}".rpartition(".")[2]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", f"ansible_collections.tokensmith.access.plugins.modules.{module}"],
        env=_environment(action),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Whatever ends the wait (a task's timeout) leaves the module to bring to an end what it has begun.
    printed, _complaints = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": options}, default=_as_text).encode())
    answer = {"stdout": printed.decode(errors="replace"), "stderr": "", "rc": process.returncode}
    return _parsed(action, answer)


def _parsed(action: ActionBase, answer: dict[str, Any]) -> dict[str, Any]:
    """What the module said, read the way in which Ansible reads every module's answer: warnings, trust and all."""
    if _PROFILES:
        data: dict[str, Any] = action._parse_returned_data(answer, _PROFILE)
    else:
        data = wrap_var(action._parse_returned_data(answer))  # type: ignore[call-arg]
    remove_internal_keys(data)
    return data


def _environment(action: ActionBase) -> dict[str, str]:
    """What the module inherits, with what the task adds to it."""
    added: dict[str, Any] = {}
    action._compute_environment_string(added)
    paths = [str(_TREE), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **{name: str(value) for name, value in added.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def _as_text(value: Any) -> str:
    """What JSON does not know: dates, and values that lie in a vault."""
    return str(value.isoformat() if hasattr(value, "isoformat") else value)
