# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential helpers: the protocol to the letter, helpers that misbehave, locks, and the helper that docs/stores.md prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import _store_helper
from ansible_collections.tokensmith.access.plugins.module_utils._store_helper import HelperStore
from ansible_collections.tokensmith.access.plugins.module_utils.errors import Busy, InvalidOption, StoreError

ROOT = Path(__file__).parents[2]
SECRET = 'glpat-"quoted"\\and\nbroken-ünïcödé'
MISSING = "credentials not found in native keychain"

#: A helper that keeps entries in files, and notes how it was called: its arguments, its environment, its input.
NOTING = """#!/bin/sh
cd "$(dirname "$0")"
input=$(cat; echo x); input=${input%x}
number=$(ls calls | wc -l)
{ printf '%s\\n' "$@"; } > calls/$number.argv
printf %s "$input" > calls/$number.stdin
env > calls/$number.env
case $1 in
  store) key=${input#*'"ServerURL": "'}; key=${key%%\\"*}; printf %s "$input" > "entries/$(printf %s "$key" | tr / %)" ;;
  get) file="entries/$(printf %s "$input" | tr / %)"
       if [ -e "$file" ]; then cat "$file"; else echo 'credentials not found in native keychain'; exit 1; fi ;;
  erase) rm "entries/$(printf %s "$input" | tr / %)" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
esac
"""
#: One that dies when it has deleted what it was to replace.
DYING = """#!/bin/sh
cd "$(dirname "$0")"
input=$(cat)
key=${input#*'"ServerURL": "'}; key=${key%%\\"*}
rm -f "entries/$(printf %s "$key" | tr / %)"
exit 1
"""


class Bench:
    """A helper of the test's own, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "helper"
        (folder / "calls").mkdir()
        (folder / "entries").mkdir()
        self.is_(NOTING)

    def is_(self, script: str) -> None:
        # Replaced, not rewritten: a program that still runs cannot be written to.
        new = self.folder / "helper.new"
        new.write_text(script)
        new.chmod(0o700)
        new.rename(self.program)

    def says(self, output: str, status: int = 0) -> None:
        (self.folder / "output").write_text(output)
        self.is_(f'#!/bin/sh\ncat > /dev/null; cat "$(dirname "$0")/output"; exit {status}\n')

    def store(self, key: str = "host/owner/deploy", **environ: str) -> HelperStore:
        return HelperStore(str(self.program), key, {"PATH": os.environ["PATH"], **environ})

    def calls(self, what: str) -> list[str]:
        found = sorted((self.folder / "calls").glob(f"*.{what}"), key=lambda path: int(path.stem))
        return [path.read_text() for path in found]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is about: there is nothing to wait for."""
    monkeypatch.setattr(_store_helper, "_CONTENTION", 0.0)


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(bench: Bench) -> None:
    store = bench.store()
    assert [store.read(slot) for slot in ("entry", "next", "record")] == [None, None, None]
    store.write("next", SECRET)
    store.promote(SECRET)
    store.write("record", "{}")
    assert [store.read(slot) for slot in ("entry", "next", "record")] == [SECRET, SECRET, "{}"]
    for _again in range(2):
        for slot in ("entry", "next", "record"):
            store.erase(slot)
    assert [store.read(slot) for slot in ("entry", "next", "record")] == [None, None, None]


@pytest.mark.parametrize("slot", ["record", "spare"])
def test_a_record_survives_run_after_run_that_dies_while_it_is_written(bench: Bench, slot: str) -> None:
    """This helper deletes, and then adds: a run that dies in between leaves nothing of what it was writing."""
    bench.store().write("record", "first")
    for _run in range(3):
        gone = bench.folder / "entries" / f"tokensmith%host%owner%deploy.{slot}"
        gone.unlink(missing_ok=True)
        store = bench.store()
        assert store.read("record") == "first"
        bench.is_(DYING)
        with pytest.raises(StoreError):
            store.write("record", "second")
        bench.is_(NOTING)
    store = bench.store()
    assert store.read("record") == "first"
    store.write("record", "third")
    assert bench.store().read("record") == "third"
    gone.unlink()
    assert bench.store().read("record") == "third"


def test_every_call_is_the_protocols_to_the_letter(bench: Bench) -> None:
    store = bench.store()
    store.write("entry", SECRET)
    store.read("entry")
    store.read("next")
    store.erase("entry")
    assert bench.calls("argv") == ["store\n", "get\n", "get\n", "erase\n"]
    entry, *keys = bench.calls("stdin")
    assert json.loads(entry) == {
        "ServerURL": "tokensmith/host/owner/deploy",
        "Username": "tokensmith",
        "Secret": SECRET,
    }
    # The bare key, without a line break.
    assert keys == [
        "tokensmith/host/owner/deploy",
        "tokensmith/host/owner/deploy.next",
        "tokensmith/host/owner/deploy",
    ]


def test_a_helper_sees_of_the_environment_what_it_needs_and_no_more(bench: Bench) -> None:
    store = bench.store(
        HOME="/home/me",
        GNUPGHOME="/gnupg",
        PASSWORD_STORE_DIR="/store",
        TOKENSMITH_AUTH_TOKEN="glpat-admin",
        AWS_SECRET_ACCESS_KEY="aws-secret",
        LD_PRELOAD="/evil.so",
        BASH_ENV="/evil",
    )
    store.read("entry")
    seen = {line.partition("=")[0] for line in bench.calls("env")[0].splitlines()}
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_", "number", "input"}
    assert seen - of_the_shell == {"PATH", "HOME", "GNUPGHOME", "PASSWORD_STORE_DIR"}


def test_secrets_are_in_no_argument_and_no_environment(bench: Bench) -> None:
    store = bench.store()
    store.write("entry", "glpat-plain-secret")
    store.read("entry")
    assert "glpat" not in "".join(bench.calls("argv") + bench.calls("env"))


def test_a_name_is_looked_for_on_the_path(bench: Bench) -> None:
    shutil.copy(bench.program, bench.folder / "docker-credential-noting")
    store = HelperStore("noting", "k", {"PATH": f"{bench.folder}:{os.environ['PATH']}"})
    assert store.read("entry") is None


@pytest.mark.parametrize("helper", ["../x", "a b", "x;y", "", "./helper", "x\n", "~/helper", "päss"])
def test_what_is_no_helper_is_refused(helper: str) -> None:
    with pytest.raises(InvalidOption, match=r"^store\.helper: "):
        HelperStore(helper, "k", {})


# --- helpers that misbehave -------------------------------------------------------------------------------------------

NOT_MISSING = [
    "credentials not found",
    f"error: {MISSING}",
    f"{MISSING.upper()}",
    f"{MISSING}\nglpat-secret",
    "the vault is locked",
    "no usernames for tokensmith/host/owner/another",
    "",
]


@pytest.mark.parametrize("sentence", NOT_MISSING)
def test_only_the_exact_sentence_means_missing(bench: Bench, sentence: str) -> None:
    bench.says(sentence, status=1)
    with pytest.raises(StoreError, match=r"could not get tokensmith/host/owner/deploy \(exit status 1\)\.$"):
        bench.store().read("entry")


@pytest.mark.parametrize("sentence", [MISSING, "no usernames for tokensmith/host/owner/deploy"])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_exact_sentence_means_missing(bench: Bench, sentence: str, ending: str) -> None:
    bench.says(sentence + ending, status=1)
    assert bench.store().read("entry") is None


RUBBISH = [
    "",
    "glpat-secret",
    "{}",
    "[]",
    "null",
    '{"Secret": 5}',
    '{"Secret": ["glpat-secret"]}',
    '{"Secret": "glpat',
    MISSING,
]


@pytest.mark.parametrize("output", RUBBISH)
def test_an_answer_that_is_none_is_an_error_that_does_not_quote_it(bench: Bench, output: str) -> None:
    bench.says(output)
    with pytest.raises(StoreError) as caught:
        bench.store().read("entry")
    assert "glpat" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("secret", ["", "\n"])
def test_an_empty_secret_counts_as_missing(bench: Bench, secret: str) -> None:
    bench.says(json.dumps({"ServerURL": "k", "Username": "tokensmith", "Secret": secret}))
    assert bench.store().read("entry") is None


def test_what_is_not_text_is_an_error(bench: Bench) -> None:
    (bench.folder / "output").write_bytes(b'{"Secret": "\xff\xfe"}')
    bench.is_('#!/bin/sh\ncat > /dev/null; cat "$(dirname "$0")/output"\n')
    with pytest.raises(StoreError, match="get printed what is no text"):
        bench.store().read("entry")


@pytest.mark.parametrize("act", ["write", "erase", "promote", "read", "probe"])
def test_a_helper_that_fails_is_an_error_that_quotes_nothing(bench: Bench, act: str) -> None:
    bench.says("error storing glpat-secret: no", status=3)
    store = bench.store()
    arguments: dict[str, list[str]] = {
        "write": ["entry", "glpat-secret"],
        "promote": ["glpat-secret"],
        "erase": ["entry"],
        "read": ["entry"],
    }
    with pytest.raises(StoreError, match="exit status 3") as caught:
        getattr(store, act)(*arguments.get(act, []))
    assert "glpat" not in str(caught.value)


def test_a_helper_that_is_not_there_is_an_error(bench: Bench) -> None:
    with pytest.raises(StoreError, match="cannot be run: No such file"):
        HelperStore("/nowhere/helper", "k", {}).read("entry")
    bench.program.chmod(0o600)
    with pytest.raises(StoreError, match="cannot be run: Permission denied"):
        bench.store().read("entry")


def test_a_helper_that_does_not_read_its_input_is_not_waited_for(bench: Bench) -> None:
    bench.is_("#!/bin/sh\nexit 0\n")
    bench.store().write("record", "x" * 1_000_000)
    bench.is_('#!/bin/sh\nexec 0<&-\necho \'{"Secret": "s"}\'\n')
    assert bench.store().read("entry") == "s"


def test_a_record_larger_than_a_pipe_goes_through(bench: Bench) -> None:
    store = bench.store()
    store.write("record", "x" * 150_000)
    assert store.read("record") == "x" * 150_000


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if it := found():
            return it
        time.sleep(0.01)
    raise AssertionError("it did not come about")


HANGING = {
    "itself": "sleep 1000",
    "a child of its": "sleep 1000 & echo $! > child; wait",
    "a child that it left": "sleep 1000 & echo $! > child; exit 0",
    "a child, deaf to signals": "trap '' TERM HUP INT; sleep 1000 & echo $! > child; while :; do wait; sleep 0.1; done",
}


@pytest.mark.parametrize("who", HANGING)
def test_a_helper_that_hangs_is_ended_with_all_its_children(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(_store_helper, "_TIMEOUT", 1.0)
    bench.is_(f'#!/bin/sh\ncd "$(dirname "$0")"; echo $$ > self; {HANGING[who]}\n')
    with pytest.raises(StoreError, match="get did not end within 1 s"):
        bench.store().read("entry")
    pids = [int((bench.folder / name).read_text()) for name in ("self", "child") if (bench.folder / name).exists()]
    assert len(pids) == (1 if who == "itself" else 2)
    wait_for(lambda: all(map(gone, pids)))


@pytest.mark.parametrize("how", ["yes glpat-secret", "head -c 300000 /dev/zero"])
def test_a_helper_that_does_not_stop_printing_is_stopped(bench: Bench, how: str) -> None:
    bench.is_(f'#!/bin/sh\necho $$ > "$(dirname "$0")/self"; exec {how}\n')
    with pytest.raises(StoreError, match="printed more than any answer takes") as caught:
        bench.store().read("entry")
    assert "glpat" not in str(caught.value)
    wait_for(lambda: gone(int((bench.folder / "self").read_text())))


def test_no_descriptor_is_left_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_store_helper, "_TIMEOUT", 0.2)
    before = len(os.listdir("/proc/self/fd"))
    bench.store().read("entry")
    for script in ("sleep 1000", "yes", "exit 1"):
        bench.is_(f"#!/bin/sh\n{script}\n")
        with pytest.raises(StoreError):
            bench.store().read("entry")
    assert len(os.listdir("/proc/self/fd")) == before


# --- locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_short")
def test_a_lock_is_an_entry_that_is_gone_afterwards(bench: Bench) -> None:
    store = bench.store()
    with store.lock(0):
        assert re.fullmatch(rf"[0-9a-f-]+\.[0-9]+:{os.getpid()}:[0-9a-f]{{8}}:[0-9]+", store.read("lock") or "")
    assert store.read("lock") is None
    assert list((bench.folder / "entries").iterdir()) == []


def name_of(where: str | None = None, pid: int | None = None, age: float = 0) -> str:
    return f"{where or _store_helper._whereabouts()}:{pid or os.getpid()}:00000000:{time.time() - age:.0f}"


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


HELD = {
    "a run of this node": name_of,
    "a run of another node": lambda: name_of(where="another-boot.1", pid=dead_pid()),
    "a run of another container of this machine": lambda: name_of(
        where=f"{_store_helper._whereabouts().partition('.')[0]}.1", pid=dead_pid()
    ),
    "a run of another node, ten minutes ago": lambda: name_of(where="another-boot.1", age=600),
}
STALE = {
    "a run of this node that is gone": lambda: name_of(pid=dead_pid()),
    "a run of another node, twenty minutes ago": lambda: name_of(where="another-boot.1", age=1200),
    "a clock that was wrong": lambda: name_of(where="another-boot.1", age=-86_400),
    "nobody": lambda: "rubbish",
}


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("holder", HELD)
def test_a_lock_that_is_held_is_left_alone(bench: Bench, holder: str) -> None:
    store = bench.store()
    name = HELD[holder]()
    store.write("lock", name)
    with pytest.raises(Busy), store.lock(0):
        pass
    assert store.read("lock") == name


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("holder", STALE)
def test_a_lock_whose_holder_is_gone_is_taken_over(bench: Bench, holder: str) -> None:
    store = bench.store()
    store.write("lock", STALE[holder]())
    with store.lock(0):
        assert f":{os.getpid()}:" in (store.read("lock") or "")
    assert store.read("lock") is None


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> list[str]:
    """Another node's run that writes its name while this one waits for that."""
    names: list[str] = []

    def wait(_seconds: float) -> None:
        if names:
            bench.store().write("lock", names.pop())

    # Its own `time` alone: the module's is everybody's, and subprocess sleeps too while it waits for a slow helper.
    clock = SimpleNamespace(sleep=wait, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr(_store_helper, "time", clock)
    return names


def test_of_two_runs_at_once_the_one_whose_name_stays_has_the_lock(bench: Bench, rival: list[str]) -> None:
    rival.append(name_of(where="another-boot.1"))
    with pytest.raises(Busy), bench.store().lock(0):
        pass
    assert (bench.store().read("lock") or "").startswith("another-boot.1:")


@pytest.mark.usefixtures("_short")
def test_two_tokens_of_one_process_cannot_have_one_key(bench: Bench) -> None:
    with bench.store().lock(0), pytest.raises(InvalidOption, match=r"store\.key"), bench.store().lock(0):
        pass


@pytest.mark.usefixtures("_short")
def test_a_run_that_took_long_looks_before_it_writes_whether_the_lock_is_still_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.store()
    with store.lock(0):
        first = store.read("lock")
        store.write("record", "a")
        assert store.read("lock") == first
        monkeypatch.setattr(_store_helper, "_GIVE_UP", 0.0)
        # Another object for the same place, as a task with many tokens has it.
        bench.store().write("record", "b")
        assert store.read("lock") not in (None, first)
        store.write("lock", name_of(where="another-boot.1"))
        for act in (lambda: store.write("next", SECRET), lambda: store.promote(SECRET), lambda: store.erase("record")):
            with pytest.raises(StoreError, match="took over the lock"):
                act()
        assert (store.read("record"), store.read("entry"), store.read("next")) == ("b", None, None)
    assert (store.read("lock") or "").startswith("another-boot.1:")


@pytest.mark.usefixtures("_short")
def test_a_lock_that_cannot_be_let_go_does_not_hide_what_the_run_came_to(bench: Bench) -> None:
    def run() -> None:
        with bench.store().lock(0):
            bench.says("locked", status=1)
            raise KeyError("the run's own")

    with pytest.raises(KeyError, match="the run's own"):
        run()


# --- the helper of the documentation ----------------------------------------------------------------------------------


@pytest.fixture
def printed(tmp_path: Path) -> HelperStore:
    """The helper as docs/stores.md prints it."""
    text = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    found = re.findall(r"^<!-- helper -->\n```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    program = tmp_path / "docker-credential-files"
    program.write_text(found[0])
    program.chmod(0o700)
    return HelperStore("files", "host/owner/deploy", {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)})


def test_the_printed_helper_has_ten_lines_and_no_faults(printed: HelperStore, tmp_path: Path) -> None:
    program = tmp_path / "docker-credential-files"
    shebang, *lines = program.read_text().splitlines()
    assert shebang == "#!/bin/sh -eu"
    assert len(lines) == 10
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "the development tools have it"
    subprocess.run([shellcheck, program], check=True)


@pytest.mark.usefixtures("_short")
def test_the_printed_helper_keeps_what_it_is_given(printed: HelperStore, tmp_path: Path) -> None:
    with printed.lock(0):
        printed.probe()
        assert printed.read("entry") is None
        printed.write("next", SECRET)
        printed.promote(SECRET)
        printed.write("record", json.dumps({"a": "ü"}, ensure_ascii=False))
        assert (printed.read("entry"), printed.read("record")) == (SECRET, '{"a": "ü"}')
    kept = list((tmp_path / ".tokensmith").iterdir())
    assert len(kept) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    for slot in ("next", "entry", "record"):
        printed.erase(slot)
    printed.erase("entry")
    assert list((tmp_path / ".tokensmith").iterdir()) == []
