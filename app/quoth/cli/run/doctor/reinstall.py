"""The command that reinstalls llama-cpp-python, by the tool with which Quoth was installed."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

PACKAGE = "llama-cpp-python"
WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
# gcc drops most of the stores of AMX's tile configuration, since its intrinsic says that 8 of the 64 bytes are read
# (amxtileintrin.h). Without the last pass of dead-store elimination they stay: gcc 11 and 12, seen in the assembly of
# llama.cpp's only file with tiles, ggml-cpu/amx/mmq.cpp. -fno-tree-dse alone does not help, and costs 7 % of the
# reading speed of a 1.5B model at Q4_K_M. clang has no such fault, and no such flag.
AMX_FLAG = "CXXFLAGS=-fno-dse"


def from_wheels(kind: str, prefix: str = sys.prefix) -> str:
    """With a prebuilt wheel: "cu124", "cpu"."""
    return _line(prefix, f"--extra-index-url {WHEELS}/{kind}", f"--extra-index-url {WHEELS}/{kind}")


def from_source(flags: str = "", prefix: str = sys.prefix) -> str:
    """Compiled on this machine, with environment variables in front."""
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
