"""Quantizing a file, and what its tensors would become."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quoth.native.llama_library import L, NativeError, last_reason, log_lines, log_listeners, start_backends

# A dry run says "[  2/ 29] blk.0.attn_k.weight - [ 576, ...], type = f32, size = 0.42 MiB -> 0.11 MiB (q8_0)", a run
# "..., type = f32, converting to q8_0 .. size = 0.42 MiB -> 0.11 MiB"; with neither the type stays.
_TENSOR = re.compile(
    r"\[ *\d+/ *\d+\] +(\S+) +- \[[ \d,]+\], type = +(\w+), *(?:.*?converting to +(\w+) )?.*"
    r"size = +[\d.]+ MiB(?: -> +[\d.]+ MiB(?: \((\w+)\))?)?\s*\n$",
    re.DOTALL,
)
_BEGUN = re.compile(r"\[ *(\d+)/ *(\d+)\] +\S+ +- \[")
_BUFFER = 256 << 20  # bytes of rows held at a time; by default 8 GiB


class QuantizedTensor(NamedTuple):
    """A tensor, and its ggml types before and after ("f16", "q4_K")."""

    name: str
    before: str
    after: str


def quantize(
    source: Path,
    target: Path,
    quantization: str,
    *,
    threads: int = 0,
    dry_run: bool = False,
    overrides: Sequence[tuple[str, str]] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[QuantizedTensor]:
    """Write a file at another quantization ("Q8_0") and say what each tensor became; a dry run writes nothing.

    `overrides` are (regular expression, ggml type "q8_0"): the first that is found in a tensor's name decides.
    `progress` gets tensors begun and all. Raises NativeError with llama.cpp's reason.
    """
    start_backends()
    params = L.llama_model_quantize_default_params()
    params.ftype = getattr(L, f"LLAMA_FTYPE_MOSTLY_{quantization}")
    params.allow_requantize = True
    params.nthread = threads
    params.dry_run = dry_run
    params.max_buf_size = _BUFFER
    kept_alive = _overrides(overrides)
    if kept_alive:
        params.tt_overrides = kept_alive
    log = _Log(progress)
    log_lines.clear()
    log_listeners.append(log.hear)
    try:
        failed = L.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    finally:
        log_listeners.remove(log.hear)
    if failed:
        raise NativeError(last_reason("llama.cpp did not say why"))
    return log.tensors


def _overrides(overrides: Sequence[tuple[str, str]]) -> Any:
    """The array as llama.cpp takes it, or None: an entry without a pattern is its end."""
    if not overrides:
        return None
    array = (L.llama_model_tensor_override * (len(overrides) + 1))()
    for entry, (pattern, kind) in zip(array, overrides, strict=False):
        name = f"GGML_TYPE_{kind.upper()}"
        if not hasattr(L, name):
            raise NativeError(f"there is no type {kind}")
        entry.pattern, entry.type = pattern.encode(), getattr(L, name)
    return array


class _Log:
    """Puts the pieces of llama.cpp's log together and reads what it says of tensors; there is no other progress."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self.tensors: list[QuantizedTensor] = []
        self._progress = progress
        self._line = ""
        self._begun = 0

    def hear(self, piece: bytes) -> None:
        self._line += piece.decode("utf-8", "replace")
        begun = _BEGUN.match(self._line)
        if begun and int(begun[1]) > self._begun:
            self._begun = int(begun[1])
            self._progress(self._begun, int(begun[2]))
        if match := _TENSOR.match(self._line):
            self.tensors.append(QuantizedTensor(match[1], match[2], match[3] or match[4] or match[2]))
        if match or (not begun and self._line.endswith("\n")):
            self._line = ""  # a warning may stand within a tensor's line
