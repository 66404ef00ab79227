# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local stand-ins for the servers whose tokens the collection manages.

Each platform is a package beside ``common`` with a module ``app`` that has ``make_app``;
README.md says how one plugs in.
"""

from __future__ import annotations
