# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the module `token_set`."""

from __future__ import annotations

from typing import Any

from ansible_collections.tokensmith.access.plugins.plugin_utils.hiding import HidingAction
from ansible_collections.tokensmith.access.plugins.plugin_utils.progress import ShownProgress


class ActionModule(HidingAction):
    """Hides results that carry a secret, shows the plan, and now and then how far a long task is."""

    def execute(self, task_vars: dict[str, Any] | None, variables: dict[str, str]) -> dict[str, Any]:
        with ShownProgress() as progress:
            return super().execute(task_vars, {**variables, **progress})
