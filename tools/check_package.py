# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare what a built collection holds with what of the checkout belongs into it."""

from __future__ import annotations

import subprocess
import sys
import tarfile

# Folders end with a slash. What is not named here stays out: see build_ignore in galaxy.yml.
SHIPPED = (
    "CHANGELOG.rst",
    "LICENSE",
    "LICENSES/",
    "README.md",
    "REUSE.toml",
    "changelogs/",
    "docs/",
    "examples/",
    "examples/",
    "meta/",
    "playbooks/",
    "plugins/",
    "requirements.txt",
    "roles/",
    "tests/config.yml",
)
# Written by the build itself.
GENERATED = {"FILES.json", "MANIFEST.json"}


def belongs(path: str) -> bool:
    """Say whether a file of the checkout is one that users get."""
    return any(path.startswith(entry) if entry.endswith("/") else path == entry for entry in SHIPPED)


def checkout() -> set[str]:
    """Return the files that git knows or would add."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    deleted = ["git", "ls-files", "-z", "--deleted"]
    known, gone = (set(subprocess.check_output(command, text=True).split("\0")) for command in (listing, deleted))
    return known - gone - {""}


def main() -> int:
    """Print each file that is missing or too much; return how many there are."""
    with tarfile.open(sys.argv[1]) as archive:
        built = {member.name for member in archive if member.isfile()} - GENERATED
    wanted = {path for path in checkout() if belongs(path)}
    for path in sorted(wanted - built):
        print(f"The built collection lacks {path}: see build_ignore in galaxy.yml")
    for path in sorted(built - wanted):
        print(f"The built collection holds {path}: see build_ignore in galaxy.yml, and SHIPPED here")
    return len(wanted ^ built)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
