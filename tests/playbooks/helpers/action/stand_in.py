# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a test's playbook steer its stand-in server, and write down what a step came to. Runs on the controller."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Arguments: `url`, and either `calls` (control routes) or `step`, `result` and `file` (a note of one step)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        for call in self._task.args.get("calls", ()):
            self._control(call["method"], call["path"], call.get("body"))
        if "step" in self._task.args:
            self._note()
        result["changed"] = False
        return result

    def _note(self) -> None:
        note = {
            "step": self._task.args["step"],
            "result": self._task.args["result"],
            "requests": self._control("GET", "/requests"),
            "tokens": self._control("GET", "/state")["tokens"],
        }
        self._control("DELETE", "/requests")
        with open(self._task.args["file"], "a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._task.args['url']}/_stand_in{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        # Loopback never goes through a proxy, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)
