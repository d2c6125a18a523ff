"""Devices of this build."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
from pathlib import Path

from quoth.native.build import library_files
from quoth.native.library import L, start_backends

# Backends that compute on GPUs, by the names of their libraries.
_OF_GPUS = re.compile(r"ggml-(cuda|hip|musa|vulkan|metal|sycl|opencl|webgpu|cann)\b")
# What a driver's library asks the environment when it starts, which it does not before ggml first looks for devices.
_HIDING = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "GGML_VK_VISIBLE_DEVICES": "",
    "VK_DRIVER_FILES": os.devnull,
    "VK_ICD_FILENAMES": os.devnull,  # its name until 2022
}


def is_for_gpus() -> bool:
    """Whether this build has a backend for GPUs, as its files say: no driver is asked, which may crash or hang."""
    return any(_OF_GPUS.search(name) for name, _, _ in library_files())


def hide_gpus() -> None:
    """Let no driver be started in this process. To be called before anything that looks for devices."""
    os.environ.update(_HIDING)


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
