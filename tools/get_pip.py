# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test would download to put pip into a new virtual environment."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: ensurepip switches off pip's configuration in the one that it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip"])
