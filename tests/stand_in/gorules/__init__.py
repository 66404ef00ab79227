# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules BRMS: personal access tokens of people and service users, and what a client needs around them.

What it does follows the vendor's API reference, which documents successes only. Errors have the form of Fastify, the
framework that one published error shows. Where the reference is silent there is a switch; see ``switches.py``.
"""

from __future__ import annotations
