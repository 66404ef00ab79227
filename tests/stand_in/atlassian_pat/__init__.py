# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jira and Confluence Data Center: a user's own personal access tokens, ``/rest/pat``.

What it does follows Atlassian's manual on personal access tokens and what public clients record about running servers.
"""

from __future__ import annotations
