# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection supports."""

from __future__ import annotations


class ModuleDocFragment:
    """`extends_documentation_fragment: tokensmith.access.attributes`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tokensmith.access.all) in C(module_defaults) to set the options of every module at once.
    support: full
    membership:
      - tokensmith.access.all
  async:
    description: Whether it runs under the C(async) keyword.
    support: none
    details:
      - The result would be kept in a file, with the secret in it.
  check_mode:
    description: Whether it says what it would do, without doing it.
    support: full
    details:
      - Goes through the same steps with reads alone; nothing that could change anything is sent.
  diff_mode:
    description: Whether it shows what changes.
    support: full
    details:
      - Shows the plan. Where the result is hidden because of a secret in it, the plan is displayed all the same.
  platform:
    description: Where it runs.
    support: full
    platforms: posix
  idempotent:
    description: Whether a second run with the same options changes nothing.
    support: partial
    details:
      - Except where asked for a new secret in every run.
"""
