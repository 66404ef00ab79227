# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows plans and failures, and nothing else of a run."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: tour
type: stdout
short_description: Shows plans and failures alone
version_added: 0.1.0
description:
  - For the tour of the collection, where the words around a run would hide what it is about.
"""


class CallbackModule(CallbackBase):
    """`ANSIBLE_STDOUT_CALLBACK=tour`."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tour"

    def v2_on_file_diff(self, result: Any) -> None:
        # In a loop, and where the result is hidden, the module's action plugin has shown it.
        prepared = (result._result.get("diff") or {}).get("prepared")
        if prepared and not result._task.loop:
            self._display.display(prepared)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._display.display(f"failed: {result._result.get('msg')}", color="red")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self.v2_runner_on_failed(result)
