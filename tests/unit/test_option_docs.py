# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of options in lists is what `token` says of them, and what the specs take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.tokensmith.access.plugins.module_utils.arguments import TOKEN, TOKEN_SET

ROOT = Path(__file__).resolve().parents[2]


def test_generated_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/option_docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_entry_takes_what_token_takes_and_leaves_open_what_is_not_given() -> None:
    entry = TOKEN_SET["tokens"]["options"]
    assert entry.keys() == TOKEN.keys()
    for name, option in TOKEN.items():
        assert entry[name] == {key: value for key, value in option.items() if key != "default"}
