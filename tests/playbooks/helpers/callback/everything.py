# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down every result as callbacks get it: what a log collector or a web interface would store."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: everything
type: notification
short_description: Every result, one a line, in the file that EVERYTHING_FILE names
description: For tests.
"""


class CallbackModule(CallbackBase):
    """One line of JSON for each event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "everything"
    CALLBACK_NEEDS_ENABLED = True

    def v2_on_any(self, *args: Any, **_kwargs: Any) -> None:
        for event in args:
            # Up to 2.18 the result is in a private attribute.
            result = getattr(event, "_result", None)
            if result is not None:
                # With every result come its task's options, as they were templated; those of other modules are not our business.
                fields = getattr(event, "task_fields", None) or getattr(event, "_task_fields", None) or {}
                ours = str(fields.get("action")).startswith("tokensmith.access.")
                everything = {**result, "options of the task": fields.get("args") if ours else None}
                with open(os.environ["EVERYTHING_FILE"], "a", encoding="utf-8") as file:
                    file.write(json.dumps(everything, default=str) + "\n")
