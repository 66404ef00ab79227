# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit found, in the forms in which it leaves. Documented in report.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.tokensmith.access.plugins.plugin_utils import reports

FORMS: dict[str, Callable[..., Any]] = {
    "csv": reports.as_csv,
    "prometheus": reports.as_prometheus,
    "value": reports.report_of,
}


def formed(value: Any, form: str, *args: Any) -> Any:
    """A report in one of the forms above."""
    if form not in FORMS:
        raise AnsibleFilterError(f"report: {form!r} is no form; there are {', '.join(FORMS)}")
    return FORMS[form](value, *args)


class FilterModule:
    """The filter `report`."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"report": formed}
