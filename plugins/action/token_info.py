# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the module `token_info`."""

from __future__ import annotations

from ansible_collections.tokensmith.access.plugins.plugin_utils.hiding import HidingAction


class ActionModule(HidingAction):
    """Shows what a module of this collection may show; there is no secret in it, unless the module broke."""
