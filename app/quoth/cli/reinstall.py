"""The command that installs llama-cpp-python anew, for the way in which Quoth was installed."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

PACKAGE = "llama-cpp-python"
WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
# gcc drops most of the stores of AMX's tile configuration, since the intrinsic says that it reads 8 of its 64 bytes
# (amxtileintrin.h); without dead-store elimination they stay. clang has no such fault, and no such flags.
AMX_FLAGS = 'CXXFLAGS="-fno-tree-dse -fno-dse"'


def from_wheels(kind: str, prefix: str = sys.prefix) -> str:
    """The line that takes a prebuilt wheel: "cu124", "cpu"."""
    return _line(prefix, f"--extra-index-url {WHEELS}/{kind}", f"--extra-index-url {WHEELS}/{kind}")


def from_source(flags: str = "", prefix: str = sys.prefix) -> str:
    """The line that compiles it on this machine, with environment variables in front."""
    line = _line(prefix, f"--no-cache-dir --no-binary {PACKAGE}", f"--no-cache --no-binary-package {PACKAGE}")
    return f"{flags} {line}" if flags else line


def _line(prefix: str, pip: str, uv: str) -> str:
    parts = Path(prefix).parts
    if "uv" in parts and "tools" in parts:
        return f"uv tool upgrade quoth --reinstall-package {PACKAGE} {uv}"
    try:
        wanted = f"{PACKAGE}=={importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        wanted = PACKAGE
    install = f"install --force-reinstall --no-deps {pip} {wanted}"
    return f"pipx runpip quoth {install}" if "pipx" in parts else f"{sys.executable} -m pip {install}"
