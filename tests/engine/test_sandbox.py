"""What a worker may not do once it knows its model: tried from inside it, and from a process that was confined."""

from __future__ import annotations

import os
import platform
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.engine.worker.sandbox import parts_of
from quoth.errors import QuothError
from tests.broken_build import broken_build
from tests.engine.gathered_events import say, text

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Landlock and seccomp are Linux's"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="the filter knows these two"),
]

ROOT = Path(__file__).parents[2]
# Attempts by name; PATH, PORT and PARENT stand for what a test fills in. Each says "done" or why it was refused.
ATTEMPTS = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def write(name, flags):
    os.close(os.open(name, flags, 0o600))

attempts = {
    "write": lambda: write("PATH/kept", os.O_WRONLY),
    "read and write": lambda: write("PATH/kept", os.O_RDWR),
    "append": lambda: write("PATH/kept", os.O_WRONLY | os.O_APPEND),
    "truncate": lambda: write("PATH/kept", os.O_RDONLY | os.O_TRUNC),
    "create": lambda: write("PATH/new", os.O_WRONLY | os.O_CREAT),
    "openat2": lambda: call(437, -100, b"PATH/kept", (ctypes.c_uint64 * 3)(os.O_WRONLY, 0, 0), 24),
    "cut": lambda: os.truncate("PATH/kept", 0),
    "remove": lambda: os.unlink("PATH/kept"),
    "rename": lambda: os.rename("PATH/kept", "PATH/other"),
    "folder": lambda: os.mkdir("PATH/folder"),
    "no folder": lambda: os.rmdir("PATH/empty"),
    "link": lambda: os.link("PATH/kept", "PATH/link"),
    "soft link": lambda: os.symlink("PATH/kept", "PATH/soft"),
    "mode": lambda: os.chmod("PATH/kept", 0o777),
    "time": lambda: os.utime("PATH/kept", (0, 0)),
    "pipe": lambda: os.mkfifo("PATH/pipe"),
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT)),
    "local socket": lambda: socket.socket(socket.AF_UNIX),
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "io_uring": lambda: call(425, 8, None),
    "read a secret": lambda: open("PATH/kept").close(),
    "list": lambda: os.listdir("PATH"),
    "read passwords": lambda: open("/etc/passwd").close(),
    "signal": lambda: os.kill(PARENT, 0),
    "read status": lambda: open("/proc/self/status").close(),
    "import": lambda: __import__("json.tool"),
}
def look():
    for name, attempt in attempts.items():
        try:
            attempt()
            sys.stderr.write(f"<{name}: done>\\n")
        except Exception as error:
            sys.stderr.write(f"<{name}: {type(error).__name__}>\\n")
    sys.stderr.flush()
"""
READING = {"read a secret", "list", "read passwords"}  # what only Landlock refuses
ALLOWED = {"read status", "import"}
SCOPED = {"signal"}  # Landlock 6 and later


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with a file in it."""
    home = tmp_path / "home"
    (home / "empty").mkdir(parents=True)
    (home / "kept").write_text("a secret")
    (home / "kept").chmod(0o600)
    return home


@pytest.fixture
def attempts(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, parent = str(server.getsockname()[1]), str(os.getpid())
        yield ATTEMPTS.replace("PATH", str(folder)).replace("PORT", port).replace("PARENT", parent)


def outcomes(written: str) -> dict[str, str]:
    lines = [line[1:-1] for line in written.splitlines() if line.startswith("<") and line.endswith(">")]
    return {name: outcome for name, _, outcome in (line.partition(": ") for line in lines)}


def unharmed(folder: Path) -> bool:
    names = sorted(path.name for path in folder.iterdir())
    kept = folder / "kept"
    return names == ["empty", "kept"] and kept.read_text() == "a secret" and stat.S_IMODE(kept.stat().st_mode) == 0o600


def check(done: dict[str, str], sandbox: str, folder: Path) -> None:
    allowed = set(ALLOWED)
    version = int(sandbox.split()[1].rstrip(",")) if sandbox.startswith("Landlock") else 0
    allowed |= READING if version == 0 else set()
    allowed |= SCOPED if version < 6 else set()
    assert len(done) == ATTEMPTS.count("lambda:")
    assert {name for name, outcome in done.items() if outcome == "done"} == allowed
    assert {outcome for name, outcome in done.items() if name not in allowed} <= {"PermissionError", "OSError"}
    assert unharmed(folder)


def test_a_worker_writes_nothing_but_its_log_and_reads_nothing_but_its_model(
    tiny_path: Path, tmp_path: Path, folder: Path, attempts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = broken_build(tmp_path / "build", {"cpu": "look around"})
    monkeypatch.setattr(sys, "path", [str(build), *sys.path])
    monkeypatch.setenv("LOOK_AROUND", f"scope = {{}}; exec({attempts!r}, scope); scope['look']()")
    log = tmp_path / "engine.log"
    client = Client(tiny_path, LoadOptions(rung="cpu", threads=2), log=log)
    assert say(client, text("a", 1)).text
    sandbox = client.describe()["sandbox"]
    client.close()
    assert sandbox.endswith("seccomp")
    check(outcomes(log.read_text()), sandbox, folder)


def confined(code: str, how: str) -> str:
    """What a program writes to standard error that is confined first."""
    program = f"from pathlib import Path\nfrom quoth.engine.worker import sandbox\n{how}\n{code}\nlook()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "app")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, timeout=30, check=True)
    return done.stderr.decode()


def test_where_there_is_no_landlock_seccomp_forbids_to_write(folder: Path, attempts: str) -> None:
    how = "import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); assert sandbox._seccomp(changing=True) == 'seccomp'"
    check(outcomes(confined(attempts, how)), "no Landlock", folder)


def test_where_there_is_no_seccomp_landlock_forbids_to_write(folder: Path, attempts: str) -> None:
    how = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); "
        "sys.stderr.write(f'<Landlock: {sandbox._landlock(sandbox.Landlock())}>\\n')"
    )
    done = outcomes(confined(attempts, how))
    if done["Landlock"].startswith("no"):
        pytest.skip("this kernel has no Landlock")
    changing = {"write", "read and write", "append", "truncate", "create", "openat2", "cut", "remove", "rename"}
    changing |= {"folder", "no folder", "link", "soft link", "pipe"}
    assert {done[name] for name in changing} == {"PermissionError"}
    assert (folder / "kept").read_text() == "a secret"


def test_a_worker_that_quantizes_writes_into_one_folder(tiny_path: Path, tmp_path: Path) -> None:
    made, elsewhere = tmp_path / "made", tmp_path / "elsewhere"
    made.mkdir()
    elsewhere.mkdir()
    client = Client(None)
    client.quantize(tiny_path, made / "half.gguf", "F16")
    assert (made / "half.gguf").stat().st_size > 10_000
    if client.describe()["sandbox"].startswith("Landlock"):
        with pytest.raises(QuothError):
            client.quantize(tiny_path, elsewhere / "half.gguf", "F16")
        assert [*elsewhere.iterdir()] == []
    client.close()


def test_all_parts_of_a_model_may_be_read(tmp_path: Path) -> None:
    assert [*parts_of(tmp_path / "one.gguf")] == [tmp_path / "one.gguf"]
    found = {path.name for path in parts_of(tmp_path / "m-[a]-00001-of-00003.gguf")}
    assert found == {f"m-[a]-0000{n}-of-00003.gguf" for n in (1, 2, 3)}
    assert [*parts_of(tmp_path / "word-of-honour.gguf")] == [tmp_path / "word-of-honour.gguf"]
