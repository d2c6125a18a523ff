"""What the worker gives up before it sees a model: the network, other programs, and all files but a few.

Both mechanisms are Linux's, hold for the calling thread and for every thread that it starts, and cannot be undone.
Landlock (landlock(7)) knows files; seccomp (seccomp(2)) knows calls, and is there where Landlock is not.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# System calls by their numbers on x86_64 and aarch64 (asm/unistd.h), -1 where there is none.

# Sockets and other programs; io_uring_setup, which can open sockets as well.
OUTWARD = ((41, 198), (59, 221), (322, 281), (425, 425))
# What makes, changes or removes files by name: truncate, rename, mkdir, rmdir, creat, link, unlink, symlink, chmod,
# chown, lchown, utime, mknod, setxattr, lsetxattr, removexattr, lremovexattr, utimes, mkdirat, mknodat, fchownat,
# futimesat, unlinkat, renameat, linkat, symlinkat, fchmodat, utimensat, open_by_handle_at, renameat2, fchmodat2,
# setxattrat, removexattrat, file_setattr.
CHANGING = (
    *((n, -1) for n in (82, 83, 84, 85, 86, 87, 88, 90, 92, 94, 132, 133, 235, 261)),
    (76, 45), (188, 5), (189, 6), (197, 14), (198, 15), (258, 34), (259, 33), (260, 54), (263, 35), (264, 38),
    (265, 37), (266, 36), (268, 53), (280, 88), (304, 265), (316, 276), (452, 452), (463, 463), (466, 466),
    (469, 469),
)  # fmt: skip
OPENING = (((2, -1), 1), ((257, 56), 2))  # open and openat, and which argument has the flags
OPENAT2 = (437, 437)  # its flags are out of reach: the C library falls back to openat where it does not exist
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*
_X32 = 0x40000000  # from this number on, x86_64 has the same calls once more (asm/unistd_x32.h)
_EPERM, _ENOSYS, _ALLOW = 0x00050001, 0x00050026, 0x7FFF0000  # SECCOMP_RET_ERRNO with a number, SECCOMP_RET_ALLOW

# linux/landlock.h: rights to files, those of folders among them, and those that came with later versions.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # version: how many rights it knows; 4 brought the network, 6 the scopes
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
_NETWORK, _SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
MOST_PARTS = 1000  # of one model
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys", "/dev/urandom", "/dev/null")


class Landlock(NamedTuple):
    """What may be read, and what may be changed; folders with all that is below them."""

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


def confine(files: Landlock) -> str:
    """Give up for good all access but that to these files. Returns what is in force, in words.

    Python and its libraries stay readable. Where nothing may be written, seccomp forbids that too.
    """
    if sys.platform != "linux":
        return "off (this platform has neither Landlock nor seccomp)"
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: both want it
    return f"{_landlock(files)}, {_seccomp(changing=not files.writes)}"


def parts_of(model: Path) -> Iterator[Path]:
    """A model's file, or all of them where it is split (llama.cpp's names: NAME-00001-of-00003.gguf)."""
    head, _, count = model.stem.rpartition("-of-")
    name, _, number = head.rpartition("-")
    yield model
    if name and number.isdecimal() and count.isdecimal():
        for part in range(1, min(int(count), MOST_PARTS) + 1):
            yield model.with_name(f"{name}-{part:05d}-of-{count}{model.suffix}")


# Landlock


def _landlock(files: Landlock) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, 0, 1)  # LANDLOCK_CREATE_RULESET_VERSION
    if version < 1:
        return "no Landlock (this kernel has none)"
    rights = (1 << _RIGHTS[max(known for known in _RIGHTS if known <= version)]) - 1
    size = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("=QQQ", rights, _NETWORK, _SCOPES)[:size]
    ruleset = libc.syscall(_CREATE, attributes, size, 0)
    if ruleset < 0:
        return f"no Landlock ({os.strerror(ctypes.get_errno())})"
    try:
        python = {*filter(None, sys.path), os.path.join(sys.base_prefix, "lib")}  # its modules and its libraries
        for path in (*map(Path, (*SYSTEM, *python)), *files.reads):
            _allow(libc, ruleset, path, EXECUTE | READ_FILE | READ_DIR)
        for path in files.writes:
            _allow(libc, ruleset, path, rights & ~EXECUTE)
        if libc.syscall(_RESTRICT, ruleset, 0) != 0:
            return f"no Landlock ({os.strerror(ctypes.get_errno())})"
    finally:
        os.close(ruleset)
    return f"Landlock {version}"


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """Add a rule; what is not there needs none.

    The descriptor stays open for as long as the process lives: a rule is about an inode, and some file systems (9p, on
    which Windows lends its disks to Linux) make another one for a file that is not open
    (https://github.com/landlock-lsm/linux/issues/45).
    """
    with suppress(OSError):
        descriptor = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
        allowed = rights if path.is_dir() else rights & _OF_FILES
        libc.syscall(_ADD, ruleset, 1, struct.pack("=Qi", allowed, descriptor), 0)  # LANDLOCK_RULE_PATH_BENEATH


# seccomp


def _seccomp(*, changing: bool) -> str:
    """Load a BPF filter (linux/filter.h) by prctl; `changing`: no file may be changed either.

    The calls above fail with EPERM, as do those of another architecture, which have other numbers; all others pass.
    On an unknown architecture nothing is loaded.
    """
    machine = os.uname().machine
    if machine not in _AUDIT or sys.maxsize < 1 << 32:
        return f"no seccomp (no filter for {machine})"
    program = [*_program(machine, changing)]
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    code = ctypes.create_string_buffer(packed)

    class Program(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = Program(len(program), ctypes.addressof(code))
    if libc.prctl(22, 2, ctypes.byref(filter_), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        return f"no seccomp ({os.strerror(ctypes.get_errno())})"
    return "seccomp"


def _program(machine: str, changing: bool) -> Iterator[tuple[int, int, int, int]]:
    """The filter's instructions: code, jump if true, jump if false, operand."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    column = [*_AUDIT].index(machine)
    yield load, 0, 0, 4  # seccomp_data.arch
    yield equal, 1, 0, _AUDIT[machine]
    yield give, 0, 0, _EPERM
    yield load, 0, 0, 0  # seccomp_data.nr
    yield at_least, 0, 1, _X32
    yield give, 0, 0, _EPERM
    for call in (*OUTWARD, *(CHANGING if changing else ())):
        number = call[column]
        if number >= 0:
            yield equal, 0, 1, number
            yield give, 0, 0, _EPERM
    if changing:
        yield equal, 0, 1, OPENAT2[column]
        yield give, 0, 0, _ENOSYS
        for call, argument in OPENING:
            number = call[column]
            if number >= 0:
                yield equal, 0, 4, number
                yield load, 0, 0, 16 + 8 * argument  # the lower half of seccomp_data.args[argument]
                yield any_bit, 0, 1, WRITING
                yield give, 0, 0, _EPERM
                yield give, 0, 0, _ALLOW
    yield give, 0, 0, _ALLOW
