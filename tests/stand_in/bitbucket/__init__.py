# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bitbucket Data Center: HTTP access tokens of users, projects and repositories, and what a client needs around them.

What it does follows Atlassian's REST reference for access tokens, its manuals and knowledge base, and what public
clients record about running servers. Where these are silent there is a switch; see ``switches.py``.
"""

from __future__ import annotations
