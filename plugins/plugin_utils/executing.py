# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the module of a task is run: with the task's time limit, and on the controller in the shortest way."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLUGINS = Path(__file__).absolute().parents[1]
#: Read by `module_utils/tasks`.
_TASK_TIMEOUT = "TOKENSMITH_TASK_TIMEOUT"
#: Read by the module below.
_MODULE_FILE = "TOKENSMITH_MODULE_FILE"
_LOCAL_MODULE = _PLUGINS / "plugin_utils" / "local_modules" / "tokensmith_access_here.py"


class ExecutingAction(ActionBase):
    """Runs the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._began = time.time()
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result

    def execute(self, task_vars: dict[str, Any] | None, variables: dict[str, str]) -> dict[str, Any]:
        """Run the module with these variables in its environment; return its answer.

        The keyword `timeout` ends the task, but not the module, so the module has to know.
        """
        if self._task.timeout:
            variables = {**variables, _TASK_TIMEOUT: f"{self._task.timeout}@{self._began + self._task.timeout:.1f}"}
        if self._is_here():
            with self._pipe():
                return self._execute_here(task_vars, variables)
        return self._execute_with(variables, None, task_vars)

    def _is_here(self) -> bool:
        """Whether the module runs on this very machine with our own rights."""
        return self._connection.transport == "local" and not self._connection.become

    @contextmanager
    def _pipe(self) -> Iterator[None]:
        """A module that comes through a pipe takes less time, and its options are in no file.

        Elsewhere, and with another user's rights, that is for whoever configures Ansible to say: not every sudo allows it.
        """
        before = self._connection.get_option("pipelining")
        self._connection.set_option("pipelining", True)
        try:
            yield
        finally:
            self._connection.set_option("pipelining", before)

    def _execute_here(self, task_vars: dict[str, Any] | None, variables: dict[str, str]) -> dict[str, Any]:
        """Run the module from the installed collection: it need not be packed up, and its compiled files are used."""
        module = _PLUGINS / "modules" / f"{type(self).__module__.rpartition('.')[2]}.py"
        self._shared_loader_obj.module_loader.add_directory(str(_LOCAL_MODULE.parent))
        name = f"ansible.legacy.{_LOCAL_MODULE.stem}"
        return self._execute_with({**variables, _MODULE_FILE: str(module)}, name, task_vars)

    def _execute_with(
        self, variables: dict[str, str], module_name: str | None, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        before = self._task.environment
        self._task.environment = [*(before or []), variables] if variables else before
        try:
            answer: dict[str, Any] = self._execute_module(module_name=module_name, task_vars=task_vars)
        finally:
            self._task.environment = before
        return answer

    def _update_module_args(self, module_name: str, *arguments: Any, **keywords: Any) -> None:
        # Whatever file it is run from, a module goes by its own name in the system's log.
        super()._update_module_args(self._task.action, *arguments, **keywords)
