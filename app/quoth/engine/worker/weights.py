"""Loading weights: what fits into memory, and how much of it onto a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.ladder import Rung
from quoth.errors import EngineError, ModelError
from quoth.native import LlamaModel, NativeError, can_use_gpu, devices
from quoth.text.units import format_megabytes
from quoth.workers.native_errors import out_of_memory

MIB = 1024 * 1024
COPIES = 128 * MIB  # beside the weights, where they are copied into another layout and cannot be given back
SMALLER = "Close other programs, or choose a smaller model or quantization"


def check_memory(what: str, need: int, free: int, try_: str) -> None:
    """Raise EngineError with both numbers where something does not fit. Bytes; 0 free: not known."""
    if free and need > free:
        raise EngineError(
            f"{what} does not fit into memory",
            f"it needs {format_megabytes(need)} and {format_megabytes(free)} are free",
            try_,
        )


def layers_that_fit(free: int, size: int, n_layer: int) -> int:
    """Layers (of n_layer and the output) that fit on a GPU with `free` bytes, a tenth and 512 MiB left for the rest."""
    layers = n_layer + 1
    return max(0, min(layers, int((free * 0.9 - 512 * MIB) / (size / layers)))) if size else layers


class NoRoom(Exception):
    """This way of computing needs more memory than there is; the next one may not."""


def load(
    path: Path, options: LoadOptions, rung: Rung, progress: Callable[[float], bool] | None, free: int
) -> tuple[LlamaModel, int]:
    """The model, and how many of its layers are on the GPU. Fewer are tried when the first number fails.

    Raises ModelError, EngineError when memory is short, NoRoom where the next rung needs less.
    """
    layers, of = _first_gpu_layers(path, options, rung.gpu_share) if rung.gpu_share else (0, 1)
    if rung.gpu_share and not layers:
        raise NoRoom
    size = path.stat().st_size
    if rung.extra_buffers and not layers and free and size + COPIES > free:
        raise NoRoom
    while True:
        check_memory(path.name, size * (of - layers) // of, free, SMALLER)
        try:
            model = LlamaModel(path, gpu_layers=layers, extra_buffers=rung.extra_buffers, progress=progress)
        except NativeError as error:
            if layers == 0 and rung.gpu_share:
                raise NoRoom from None
            if layers == 0:
                raise out_of_memory(str(error)) or ModelError(
                    f"{path.name} cannot be loaded", str(error), "Check it with quoth models verify, or pull it again"
                ) from None
            layers = layers * 3 // 4
        else:
            return model, min(layers, model.n_layer + 1)


def _first_gpu_layers(path: Path, options: LoadOptions, share: float) -> tuple[int, int]:
    """Layers to put on the GPU, and of how many."""
    from quoth.gguf import read_header  # 11 ms, and only a GPU needs it

    gpus = [device for device in devices() if device.kind in ("gpu", "igpu")] if can_use_gpu() else []
    if not gpus:
        return 0, 1
    try:
        n_layer = read_header(path, tensors=False).n_layers  # a model loaded for its vocabulary alone has none
    except ModelError:
        return 0, 1  # loading it says why
    fit = int(layers_that_fit(sum(d.free for d in gpus), path.stat().st_size, n_layer) * share)
    return fit if options.gpu_layers < 0 else min(options.gpu_layers, fit), n_layer + 1
