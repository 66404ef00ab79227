# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the module `token_policy`."""

from __future__ import annotations

from ansible_collections.tokensmith.access.plugins.plugin_utils.hiding import HidingAction


class ActionModule(HidingAction):
    """Keeps the server's other settings, some of them secrets, out of sight if the module broke."""
