"""Limits of control groups: read from trees as they are in services, containers and user slices, and met for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from quoth.platform import cgroups, memory

GIB = 1 << 30
MB = 1_000_000


class Tree:
    """A file system with /proc/self and mounted control groups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own: list[str] = []
        self.mounts: list[str] = []

    def mount(self, point: str, options: str = "", *, version: int = 2, mounted: str = "/") -> None:
        kind = "cgroup2" if version == 2 else "cgroup"
        self.mounts.append(f"36 25 0:31 {mounted} {point} rw,nosuid - {kind} {kind} rw,{options or 'nsdelegate'}")

    def put(self, folder: str, **files: object) -> None:
        """Files of a group; "__" in a name stands for a dot."""
        path = self.root / folder.lstrip("/")
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (path / name.replace("__", ".")).write_text(f"{content}\n")

    def done(self) -> Path:
        self.put(
            "/proc/self", cgroup="\n".join(self.own), mountinfo="\n".join(["24 1 8:1 / / rw - ext4 x rw", *self.mounts])
        )
        return self.root


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_container_with_a_namespace_of_its_own(tree: Tree) -> None:
    tree.own = ["0::/"]
    tree.mount("/sys/fs/cgroup")
    stat = f"anon 5\ninactive_file {GIB // 4}\nactive_file {GIB // 4}\nfile 9"
    tree.put("/sys/fs/cgroup", memory__max=2 * GIB, memory__current=GIB, memory__stat=stat, cpu__max="150000 100000")
    root = tree.done()
    assert cgroups.memory_left(root) == 2 * GIB - GIB + GIB // 2
    assert cgroups.processors(root) == 1.5


def test_a_service_under_a_slice_outside_a_namespace(tree: Tree) -> None:
    tree.own = ["0::/system.slice/quoth.service"]
    tree.mount("/sys/fs/cgroup")
    tree.put("/sys/fs/cgroup", cpu__max="max 100000")
    tree.put("/sys/fs/cgroup/system.slice", memory__max=3 * GIB, memory__current=2 * GIB, cpu__max="400000 100000")
    tree.put(
        "/sys/fs/cgroup/system.slice/quoth.service", memory__max="max", memory__current=GIB, cpu__max="50000 100000"
    )
    root = tree.done()
    assert cgroups.memory_left(root) == GIB  # of the slice
    assert cgroups.processors(root) == 0.5


def test_the_tighter_of_a_user_slice_and_of_what_is_in_it_holds(tree: Tree) -> None:
    tree.own = ["0::/user.slice/user-1000.slice/session-3.scope"]
    tree.mount("/sys/fs/cgroup")
    tree.put(
        "/sys/fs/cgroup/user.slice/user-1000.slice", memory__max=4 * GIB, memory__current=3 * GIB, memory__high=3 * GIB
    )
    tree.put("/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope", memory__max=2 * GIB, memory__current=GIB)
    assert cgroups.memory_left(tree.done()) == 0  # beyond memory.high everything waits


def test_version_1_outside_a_namespace(tree: Tree) -> None:
    tree.own = ["5:memory:/jobs/17", "4:cpu,cpuacct:/jobs/17", "1:name=systemd:/x", "0::/"]
    for point, options in (("memory", "memory"), ("cpu,cpuacct", "cpu,cpuacct"), ("systemd", "name=systemd")):
        tree.mount(f"/sys/fs/cgroup/{point}", options, version=1)
    tree.mount("/sys/fs/cgroup/unified")
    unlimited = 9223372036854771712
    tree.put("/sys/fs/cgroup/memory", memory__limit_in_bytes=unlimited, memory__usage_in_bytes=9 * GIB)
    stat = f"inactive_file 7\ntotal_inactive_file {GIB}\ntotal_active_file 0"
    tree.put(
        "/sys/fs/cgroup/memory/jobs", memory__limit_in_bytes=6 * GIB, memory__usage_in_bytes=5 * GIB, memory__stat=stat
    )
    tree.put("/sys/fs/cgroup/memory/jobs/17", memory__limit_in_bytes=unlimited, memory__usage_in_bytes=GIB)
    tree.put("/sys/fs/cgroup/cpu,cpuacct/jobs/17", cpu__cfs_quota_us=250000, cpu__cfs_period_us=100000)
    tree.put("/sys/fs/cgroup/cpu,cpuacct", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    root = tree.done()
    assert cgroups.memory_left(root) == 2 * GIB
    assert cgroups.processors(root) == 2.5


def test_version_1_in_a_container_that_sees_its_part_of_the_tree_alone(tree: Tree) -> None:
    tree.own = ["5:memory:/docker/abc", "4:cpu:/docker/abc"]
    tree.mount("/sys/fs/cgroup/memory", "memory", version=1, mounted="/docker/abc")
    tree.mount("/sys/fs/cgroup/cpu", "cpu", version=1, mounted="/docker/abc")
    tree.put("/sys/fs/cgroup/memory", memory__limit_in_bytes=GIB, memory__usage_in_bytes=GIB // 4)
    tree.put("/sys/fs/cgroup/cpu", cpu__cfs_quota_us=100000, cpu__cfs_period_us=50000)
    root = tree.done()
    assert cgroups.memory_left(root) == GIB - GIB // 4
    assert cgroups.processors(root) == 2.0


def test_a_path_outside_of_what_is_mounted_is_no_reason_to_fail(tree: Tree) -> None:
    tree.own = ["0::/../../elsewhere"]
    tree.mount("/mnt/my\\040groups", mounted="/here")
    tree.put("/mnt/my groups", memory__max=GIB, memory__current=0)
    assert cgroups.memory_left(tree.done()) == GIB


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory__max": "max", "memory__current": 5, "cpu__max": "max 100000"},
        {"memory__max": "", "memory__current": "", "cpu__max": ""},
        {"memory__max": 5, "cpu__max": "1000"},
        {"memory__max": "-1", "memory__current": "x", "cpu__max": "0 0"},
    ],
)
def test_what_says_nothing_is_no_limit(tree: Tree, files: dict[str, object]) -> None:
    tree.own = ["0::/", "nonsense", ""]
    tree.mounts = ["nonsense", "1 2 - cgroup2"]
    tree.mount("/sys/fs/cgroup")
    tree.put("/sys/fs/cgroup", **files)
    root = tree.done()
    assert cgroups.memory_left(root) is None
    assert cgroups.processors(root) is None


def test_without_proc_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroups.memory_left(tmp_path) is None
    assert cgroups.processors(tmp_path) is None


# For real

as_root = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.getuid() != 0, reason="root makes control groups, on Linux"
)


@contextmanager
def group_with(controller: str, *limits: dict[str, int]) -> Iterator[Path]:
    """A group of this machine's below the one of this process, with the first limits that it knows; else a skip."""
    for above in cgroups.groups(controller):
        folder = above.folder / f"quoth-test-{os.getpid()}"
        with suppress(OSError):
            folder.mkdir()
            known = next((each for each in limits if all((folder / name).exists() for name in each)), None)
            if known is not None:
                for name, value in known.items():
                    (folder / name).write_text(str(value))
                break
            folder.rmdir()
    else:
        pytest.skip(f"no group can be made here that limits {controller}")
    try:
        yield folder
    finally:
        while (folder / "cgroup.procs").read_text().strip():  # until the last process is gone
            time.sleep(0.02)
        folder.rmdir()


def inside(folder: Path, command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a control group."""
    script = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    return subprocess.run(["sh", "-c", script, str(folder), *command], capture_output=True, env=env, timeout=100)


@as_root
@pytest.mark.parametrize("megabytes", [100, 160, 200, 240, 600])
@pytest.mark.usefixtures("installed")
def test_a_model_that_does_not_fit_is_refused_and_never_killed(environ: dict[str, str], megabytes: int) -> None:
    limit = megabytes * MB
    with group_with("memory", {"memory.limit_in_bytes": limit}, {"memory.max": limit}) as folder:
        done = inside(folder, [sys.executable, "-m", "quoth", "Say hello.", "-n", "3"], environ)
    if done.returncode == 0:
        assert done.stdout.strip()
        assert megabytes > 150
    else:
        assert (done.returncode, done.stdout) == (4, b"")
        assert b"fit into memory (it needs " in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert megabytes < 500


@as_root
def test_a_limit_on_processors_is_a_limit_on_threads(environ: dict[str, str]) -> None:
    code = "from quoth.platform import processors; print(processors.physical_cores())"
    v1, v2 = {"cpu.cfs_period_us": 100_000, "cpu.cfs_quota_us": 90_000}, {"cpu.max": 90_000}
    with group_with("cpu", v1, v2) as folder:
        done = inside(folder, [sys.executable, "-c", code], environ)
    assert (done.returncode, done.stdout) == (0, b"1\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ulimit")
@pytest.mark.parametrize("limit", ["-v", "-d"])
def test_a_ulimit_is_believed(environ: dict[str, str], limit: str) -> None:
    code = "from quoth.platform import memory; print(memory.free_memory())"
    command = f'ulimit {limit} 1000000 && exec "{sys.executable}" -c "{code}"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environ, timeout=30, check=True)
    assert 0 < int(done.stdout) < 1_000_000 * 1024
    assert memory.free_memory() > 1_000_000 * 1024 or memory.free_memory() == 0
