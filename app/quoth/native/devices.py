"""The devices that this build can compute on."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from quoth.native.build import library_files
from quoth.native.llama_library import L, start_backends

# Backends that compute on GPUs, by the names of their libraries.
_GPU_LIBRARIES = re.compile(r"ggml-(cuda|hip|musa|vulkan|metal|sycl|opencl|webgpu|cann)\b")
# What a driver reads from the environment when it starts, which it does when ggml first looks for devices.
_HIDING = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "GGML_VK_VISIBLE_DEVICES": "",
    "VK_DRIVER_FILES": os.devnull,
    "VK_ICD_FILENAMES": os.devnull,  # its name until 2022
}


def is_for_gpus() -> bool:
    """Whether this build has a backend for GPUs, by its files: no driver is started, which may crash or hang."""
    return any(_GPU_LIBRARIES.search(name) for name, _, _ in library_files())


def hide_gpus() -> None:
    """Keep this process from starting a driver. Call it before anything that looks for devices."""
    os.environ.update(_HIDING)


class Device(NamedTuple):
    """A processor that ggml can compute on. Memory in bytes; `kind` is cpu, gpu, igpu or accel."""

    name: str
    description: str
    kind: str
    free: int
    total: int


_KINDS = ("cpu", "gpu", "igpu", "accel")  # enum ggml_backend_dev_type, ggml-backend.h


def devices() -> list[Device]:
    """Every device of this build, by the calls of ggml-backend.h."""
    start_backends()
    load = importlib.import_module("llama_cpp._ctypes_extensions").load_shared_library
    registry, base = (load(name, Path(L.__file__).parent / "lib") for name in ("ggml", "ggml-base"))
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    texts = base.ggml_backend_dev_name, base.ggml_backend_dev_description
    for text in texts:
        text.restype, text.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p] + 2 * [ctypes.POINTER(ctypes.c_size_t)]
    found = []
    for number in range(registry.ggml_backend_dev_count()):
        device = registry.ggml_backend_dev_get(number)
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        kind = base.ggml_backend_dev_type(device)
        name, description = (text(device).decode("utf-8", "replace") for text in texts)
        kind_name = _KINDS[kind] if 0 <= kind < len(_KINDS) else "accel"
        found.append(Device(name, description, kind_name, free.value, total.value))
    return found
