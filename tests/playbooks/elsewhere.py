# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another host, as far as Ansible knows: it is reached by ssh, and what is on it is not on the controller."""

from __future__ import annotations

from pathlib import Path

FAKE_SSH = """#!/bin/sh
# What ssh does, without a network: run the last argument.
for last in "$@"; do :; done
exec /bin/sh -c "$last"
"""


def remote_host(folder: Path, python: Path) -> str:
    """The line of an inventory for a host `remote`, whose modules that Python runs."""
    ssh = folder / "ssh"
    ssh.write_text(FAKE_SSH)
    ssh.chmod(0o700)
    return (
        f'remote ansible_connection=ssh ansible_host=192.0.2.1 ansible_ssh_executable="{ssh}" '
        f'ansible_ssh_transfer_method=piped ansible_python_interpreter="{python}"\n'
    )
