# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long task is: a few bytes in a file, and now and then a line."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import progress as writing
from ansible_collections.tokensmith.access.plugins.plugin_utils import progress as showing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its only element."""
    now = [1000.0]
    monkeypatch.setattr(writing.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "progress"
    path.touch(0o600)
    return path


def test_what_is_written_is_what_is_read(clock: list[float], file: Path) -> None:
    """The rate is that of the work: the time before it, for lists and the plan, does not count."""
    tell = writing.teller({writing.PROGRESS: str(file)})
    clock[0] += 300
    tell(0, 1000)
    for done in range(1, 241):
        clock[0] += 1 / 24
        tell(done, 1000)
    shown = showing.ShownProgress.__new__(showing.ShownProgress)
    shown._path = str(file)
    assert shown._read() == (240, 1000, 10.0)
    assert showing.progress_line(*shown._read()) == "240 of 1,000 tokens done, 24/s, about 32 s left"


@pytest.mark.parametrize("content", ["", "3", "3 5", "a b c", "3 5 x", "\x00"])
def test_what_is_half_written_is_passed_over(file: Path, content: str) -> None:
    file.write_text(content)
    shown = showing.ShownProgress.__new__(showing.ShownProgress)
    shown._path = str(file)
    assert shown._read() == (0, 0, 0.0)


def test_nothing_is_written_anywhere_else(tmp_path: Path, file: Path) -> None:
    """On another host than the controller there is no such file; and a link is not followed."""
    elsewhere = tmp_path / "elsewhere"
    link = tmp_path / "link"
    link.symlink_to(file)
    for environ in ({}, {writing.PROGRESS: str(elsewhere)}, {writing.PROGRESS: str(link)}, {writing.PROGRESS: ""}):
        writing.teller(environ)(0, 5)
    assert not elsewhere.exists()
    assert file.read_text() == ""


def test_a_file_that_goes_away_stops_nothing(file: Path) -> None:
    tell = writing.teller({writing.PROGRESS: str(file)})
    tell(0, 5)
    file.unlink()
    tell(1, 5)
    assert not file.exists()


class _Looks:
    """Time that goes on look by look: before each the file gets its next content."""

    def __init__(self, path: str, contents: Iterator[str]) -> None:
        self.path, self.contents = path, contents

    def wait(self, seconds: float) -> bool:
        assert seconds >= 10, "a CI log must not be flooded"
        content = next(self.contents, None)
        if content is not None:
            Path(self.path).write_text(content)
        return content is None


def test_a_line_only_where_something_was_done_since_the_last_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(showing.C, "DEFAULT_LOCAL_TMP", str(tmp_path), raising=False)
    lines: list[str] = []
    monkeypatch.setattr(showing.display, "display", lines.append)
    shown = showing.ShownProgress()
    contents = ["", "0 100 0.1\n", "10 100 15.0\n", "10 100 15.0\n", "40 100 60.0\n", "100 100 90.0\n"]
    shown._over = _Looks(shown._path, iter(contents))  # type: ignore[assignment]
    shown._watch()
    assert lines == [
        "10 of 100 tokens done, 1/s, about 135 s left",
        "40 of 100 tokens done, 1/s, about 90 s left",
        "100 of 100 tokens done, 1/s, about 0 s left",
    ]
    os.unlink(shown._path)


def test_the_file_is_private_and_goes_with_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(showing.C, "DEFAULT_LOCAL_TMP", str(tmp_path), raising=False)
    with showing.ShownProgress() as environment:
        (path,) = environment.values()
        assert environment.keys() == {writing.PROGRESS}
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert not os.path.exists(path)
    with pytest.raises(KeyError), showing.ShownProgress() as environment:
        raise KeyError
    assert not os.path.exists(environment[writing.PROGRESS])


def test_signals_are_left_to_the_main_thread() -> None:
    """Ansible sends a worker SIGINT and at once SIGTERM; with both in another thread the worker would go on waiting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with showing.ShownProgress() as variables:
        (watching,) = [thread for thread in threading.enumerate() if "_watch" in thread.name]
        status = Path(f"/proc/self/task/{watching.native_id}/status").read_text(encoding="ascii")
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    (blocked,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk:"))
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
    assert not Path(variables[showing._PROGRESS]).exists()
