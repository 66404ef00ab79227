# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible runs on the controller for each module of this collection: the module itself, from where it is installed.

Ansible copies a module with all that it imports, and the copy is compiled anew for every task. Here both can be spared.
"""

from __future__ import annotations

import importlib
import os
import sys
import types

# By such an import Ansible knows a module.
from ansible.module_utils.basic import AnsibleModule  # noqa: F401  pylint: disable=unused-import

#: Set by `plugin_utils/executing`: the path of the module.
MODULE_FILE = "TOKENSMITH_MODULE_FILE"
_COLLECTION = "ansible_collections.tokensmith.access"


def main() -> None:
    folder, name = os.path.split(os.environ.pop(MODULE_FILE))
    parts = _COLLECTION.split(".")
    for depth in range(1, len(parts) + 1):
        package = types.ModuleType(".".join(parts[:depth]))
        package.__path__ = []
        sys.modules[package.__name__] = package
    package.__path__ = [os.path.dirname(os.path.dirname(folder))]
    # What is installed may be another user's, or belong to a package.
    sys.dont_write_bytecode = True
    importlib.import_module(f"{_COLLECTION}.plugins.modules.{os.path.splitext(name)[0]}").main()


if __name__ == "__main__":
    main()
