"""Devices of this build."""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path

from quoth.native.library import L, start_backends


class Device:
    """A processor that ggml can compute on. Memory in bytes; `kind` is cpu, gpu, igpu or accel."""

    KINDS = ("cpu", "gpu", "igpu", "accel")  # enum ggml_backend_dev_type, ggml-backend.h

    def __init__(self, name: str, description: str, kind: str, free: int, total: int) -> None:
        self.name, self.description, self.kind, self.free, self.total = name, description, kind, free, total


def devices() -> list[Device]:
    """Every device of this build, by the calls of ggml-backend.h."""
    start_backends()
    lib = importlib.import_module("llama_cpp._ctypes_extensions").load_shared_library(
        "ggml", Path(L.__file__).parent / "lib"
    )
    base = importlib.import_module("llama_cpp._ctypes_extensions").load_shared_library(
        "ggml-base", Path(L.__file__).parent / "lib"
    )
    lib.ggml_backend_dev_count.restype = ctypes.c_size_t
    lib.ggml_backend_dev_get.restype = ctypes.c_void_p
    lib.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        getattr(base, name).restype = ctypes.c_char_p
        getattr(base, name).argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_memory.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(ctypes.c_size_t),
    ]
    found = []
    for i in range(lib.ggml_backend_dev_count()):
        device = lib.ggml_backend_dev_get(i)
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        kind = base.ggml_backend_dev_type(device)
        found.append(
            Device(
                base.ggml_backend_dev_name(device).decode("utf-8", "replace"),
                base.ggml_backend_dev_description(device).decode("utf-8", "replace"),
                Device.KINDS[kind] if 0 <= kind < len(Device.KINDS) else "accel",
                free.value,
                total.value,
            )
        )
    return found
