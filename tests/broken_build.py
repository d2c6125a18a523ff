"""A build of llama.cpp that is broken on some rungs of the ladder, or has a GPU: what the true one here does not show.

A folder to be put in front of `sys.path` holds a package `llama_cpp` of links to the true one, but for the module with
its declarations, which runs the true module and then misbehaves. So what is tested is the program as it is shipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from quoth.native import L  # the true one, before another is in front of it

FAULTS = ("crash", "crash alone", "crash later", "illegal", "hang", "invalid numbers", "nonsense", "look around")
DECLARATIONS = """
import os as _os
import signal as _signal
import time as _time

from llama_cpp import _ctypes_extensions as _extensions

exec(compile(open({module!r}, encoding="utf-8").read(), {module!r}, "exec"))
_faults, _all_layers = {faults!r}, {gpu_layers!r}


class _Now:
    rung = ""
    tokens = 0


def _die(number):
    _os.kill(_os.getpid(), number)
    _time.sleep(60)


_load = llama_model_load_from_file


def llama_model_load_from_file(name, params):
    if params.n_gpu_layers and not params.vocab_only:
        _Now.rung = "gpu" if params.n_gpu_layers >= _all_layers else "gpu-half"
    elif not params.vocab_only:
        _Now.rung = "cpu-extra" if params.use_extra_bufts else "cpu"
    return _load(name, params)


_init = llama_init_from_model


def llama_init_from_model(model, params):
    if _Now.rung == "cpu" and params.n_threads == 1:
        _Now.rung = "one-thread"
    return _init(model, params)


_decode = llama_decode


def llama_decode(context, batch):
    fault, _Now.tokens = _faults.get(_Now.rung), batch.n_tokens
    if (
        (fault == "crash" and _Now.tokens > 1)
        or (fault == "crash alone" and _Now.tokens == 1)
        or (fault == "crash later" and batch.pos[0] >= 70)  # the proof ends before
    ):
        _die(_signal.SIGSEGV)
    if fault == "illegal":
        _die(_signal.SIGILL)
    if fault == "hang":
        _time.sleep(600)
    if fault == "look around":
        exec(_os.environ["LOOK_AROUND"])
    return _decode(context, batch)


_logits = llama_get_logits_ith


def llama_get_logits_ith(context, index):
    row, fault = _logits(context, index), _faults.get(_Now.rung)
    if fault == "invalid numbers":
        row[0] = float("nan")
    if fault == "nonsense" and _Now.tokens > 8:
        row[0], row[1], row[2] = 1e3, -1e3, 5e2
    return row


if _all_layers:

    def llama_supports_gpu_offload():
        return _extensions._start_driver()
"""
GPU = '''

import os as _os
import signal as _signal
import time as _time


class _Function:
    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        return self._call(*arguments)


def _start_driver():
    if _os.environ.get("CUDA_VISIBLE_DEVICES") == "-1":
        return False
    if {driver!r} == "crash":
        _os.kill(_os.getpid(), _signal.SIGSEGV)
        _time.sleep(60)
    if {driver!r} == "hang":
        _time.sleep(600)
    return True


def _memory(device, free, total):
    free._obj.value = total._obj.value = 24 << 30


class _Devices:
    """A processor and a GPU with 24 GiB."""

    ggml_backend_dev_count = _Function(lambda: 2 if _start_driver() else 1)
    ggml_backend_dev_get = _Function(lambda i: i)
    ggml_backend_dev_name = _Function(lambda device: (b"CPU", b"GPU0")[device])
    ggml_backend_dev_description = _Function(lambda device: (b"A processor", b"A GPU")[device])
    ggml_backend_dev_type = _Function(lambda device: device)
    ggml_backend_dev_memory = _Function(_memory)


_true_library = load_shared_library


def load_shared_library(name, folder):
    return _Devices() if name in ("ggml", "ggml-base") else _true_library(name, folder)
'''


def broken_build(folder: Path, faults: Mapping[str, str], *, gpu_layers: int = 0, rebuilt: bool = False) -> Path:
    """Make the package in a new folder, and return that. `faults` has one of FAULTS by the name of a rung.

    "driver" in place of a rung: the GPU's driver crashes or hangs when it is asked for devices. For a fault on "cpu"
    name the number of threads: on a busy machine one thread is taken, and counts as "one-thread" here.

    With `gpu_layers` there seems to be a GPU that holds so many layers; what it computes, the processor does. With
    `rebuilt` the libraries are files of their own, with a time of their own.
    """
    assert set(faults.values()) <= set(FAULTS)
    true, shadow = Path(L.__file__).parent, folder / "llama_cpp"
    gpu = GPU.replace("{driver!r}", repr(faults.get("driver", "")))
    shadow.mkdir(parents=True)
    written = {
        "llama_cpp.py": DECLARATIONS.format(
            module=str(true / "llama_cpp.py"), faults=dict(faults), gpu_layers=gpu_layers
        ),
        "_ctypes_extensions.py": (true / "_ctypes_extensions.py").read_text("utf-8") + (gpu if gpu_layers else ""),
    }
    for each in true.iterdir():
        if each.name not in written and each.name != "__pycache__":
            (shadow / each.name).symlink_to(each)
    for name, text in written.items():
        (shadow / name).write_text(text, "utf-8")
    if rebuilt or gpu_layers:
        (shadow / "lib").unlink()
        shutil.copytree(true / "lib", shadow / "lib", copy_function=shutil.copyfile if rebuilt else shutil.copy2)
    if gpu_layers:
        (shadow / "lib" / "libggml-cuda.so").write_bytes(b"")
    return folder
