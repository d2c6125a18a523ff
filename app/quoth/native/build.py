"""What was installed: the package's version, its libraries, and the compiler that they name."""

from __future__ import annotations

import mmap
import os
import re
from contextlib import suppress
from pathlib import Path

from quoth.native.llama_library import L

_FOLDER = Path(L._base_path)  # of the shared libraries
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
# What compilers write into a library: GCC and clang the section .comment.
_COMPILER = re.compile(rb"(GCC: \([^)]*\) [\d.]+|clang version [\d.]+)")


def package_version() -> str:
    """The version of llama-cpp-python, from its source: importlib.metadata takes 60 ms."""
    with suppress(OSError):
        if found := _VERSION.search(Path(L.__file__).with_name("__init__.py").read_text("utf-8")):
            return found[1]
    return "unknown"


def library_files() -> list[tuple[str, int, int]]:
    """Name, bytes and modification time (ns) of each library: another build has others."""
    try:
        with os.scandir(_FOLDER) as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return []
    return sorted((name, found.st_size, found.st_mtime_ns) for name, found in files)


def compiler() -> str:
    """The compiler that the library for processors names, "GCC: (Debian 12.2.0) 12.2.0"; "" if it names none."""
    for path in sorted(_FOLDER.glob("*ggml-cpu*")):
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if found := _COMPILER.search(data):
                    return found[0].decode("ascii", "replace")
        except (OSError, ValueError):
            continue
    return ""
