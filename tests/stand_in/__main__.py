# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: ``python -m stand_in gitlab --port 8000``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .common.serving import serve
from .common.world import World, read_settings

PLATFORMS = ("gitlab", "bitbucket", "gorules", "atlassian_pat")


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = argparse.ArgumentParser(prog="stand_in", description="A local stand-in for a server that keeps tokens.")
    result.add_argument("platform", choices=PLATFORMS)
    result.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    result.add_argument("--port-file", type=Path, help="where to write the port once the server listens")
    result.add_argument("--data", type=Path, help="SQLite file that survives a restart (default: in memory)")
    result.add_argument("--seed", type=Path, help="JSON document to start with instead of the default one")
    result.add_argument("--set", action="append", default=[], metavar="SWITCH=VALUE", dest="switches")
    result.add_argument("--now", help="ISO 8601 instant to start the clock at")
    result.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    return result


def main() -> None:
    """Start one stand-in and serve until it is stopped."""
    options = parser().parse_args()
    try:
        world = World(
            options.platform,
            data=options.data,
            seed=json.loads(options.seed.read_text()) if options.seed else None,
            switches=read_settings(options.switches),
            now=options.now,
        )
    except ValueError as error:
        parser().error(str(error))
    serve(world, port=options.port, port_file=options.port_file, stop_with_stdin=options.stop_with_stdin)


if __name__ == "__main__":
    main()
