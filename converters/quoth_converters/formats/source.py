"""Open a checkpoint of any kind: its settings, its tensors still in their files, and the tokenizer's files beside it.

Nothing of a checkpoint is executed: JSON is data, and safetensors and torch files have their readers here.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats import c_programs, safetensors, state_dicts, torch_files
from quoth_converters.formats.tensors import LazyTensor, Weights

MAX_JSON: Final = 256 << 20  # bytes; the largest tokenizer.json known is 35 MB
# In the order in which a folder's weights are looked for.
WEIGHTS: Final = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
    "ckpt.pt",
    "model.pt",
)
TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "encoder.json",
    "vocab.bpe",
    "tokenizer.model",
    "tokenizer.bin",
    "gpt2_tokenizer.bin",
    "meta.pkl",
)
# What a Trainer or a training script leaves beside the weights.
IGNORED: Final = ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state.pth", "training_args.bin")
_IGNORED_LIKE: Final = re.compile(
    r"rng_state_\d+\.pth|trainer_state\.json|.*\.(onnx|msgpack|h5|ot|tflite)|events\.out\..*"
)
_NO_WEIGHTS: Final = frozenset({*IGNORED, *TOKENIZER_FILES})
_WRAPPERS: Final = ("_orig_mod.", "module.", "_forward_module.")  # torch.compile, DistributedDataParallel, Fabric


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint: `format` is how it is stored, `config` its settings, `files` the tokenizer's by name."""

    origin: Path
    format: str
    config: Mapping[str, Any]
    tensors: Mapping[str, LazyTensor]
    files: Mapping[str, Path]
    ignored: tuple[str, ...] = ()

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files that the tensors lie in."""
        return tuple(dict.fromkeys(tensor.storage.path for tensor in self.tensors.values()))


def open_source(path: Path | str) -> Source:
    """Open a checkpoint file or folder; ModelError, in one sentence, if it is not one."""
    origin = Path(path)
    try:
        mode = origin.stat().st_mode
        if stat.S_ISDIR(mode):
            return _open_folder(origin)
        if stat.S_ISREG(mode):
            return _open_file(origin)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"{escaped(origin)} does not exist", "", "Check the name") from None
    except OSError as error:
        raise ModelError(f"{escaped(origin)} cannot be read", escaped(error.strerror or error)) from None
    raise ModelError(f"{escaped(origin)} is neither a file nor a folder", "", "Give a checkpoint")


def read_bounded(path: Path, most: int) -> bytes:
    """A whole file. Raises ModelError if it has more bytes than `most`."""
    if path.stat().st_size > most:
        raise ModelError(f"{escaped(path.name)} is too large", f"more than {most >> 20} MiB")
    return path.read_bytes()


def read_json(path: Path) -> Any:
    """A JSON file of a checkpoint, bounded."""
    content = read_bounded(path, MAX_JSON)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{escaped(path.name)} is not JSON", escaped(error)) from None


def read_table(files: Mapping[str, Path], name: str) -> dict[str, Any]:
    """The JSON object in the file of this name; empty where there is no such file, or it holds something else."""
    content = read_json(files[name]) if name in files else {}
    return content if isinstance(content, dict) else {}


def tokenizer_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that a tokenizer may be made of, by name."""
    return {name: folder / name for name in TOKENIZER_FILES if (folder / name).is_file()}


def _open_folder(folder: Path) -> Source:
    weights = _weights_of(folder)
    config = _settings(folder / "config.json")
    source = _open_weights(weights)
    names = sorted(entry.name for entry in folder.iterdir())
    ignored = tuple(name for name in names if name in IGNORED or _IGNORED_LIKE.fullmatch(name))
    return replace(source, origin=folder, config={**source.config, **config}, ignored=(*source.ignored, *ignored))


def _weights_of(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    named = [entry for entry in folder.iterdir() if entry.suffix in (".safetensors", ".pt", ".pth", ".bin")]
    others = [e for e in named if e.name not in _NO_WEIGHTS and "rng_state" not in e.name and e.is_file()]
    if len(others) == 1:
        return others[0]
    if others:
        names = ", ".join(sorted(escaped(entry.name) for entry in others)[:5])
        raise ModelError(f"{escaped(folder)} holds several files of weights", names, "Give one of the files")
    steps = sorted(entry.name for entry in folder.glob("checkpoint-*") if entry.is_dir())
    try_ = f"Give one of its checkpoints, such as {escaped(folder / steps[-1])}" if steps else "Give a checkpoint"
    raise ModelError(f"{escaped(folder)} holds no weights", f"looked for {', '.join(WEIGHTS)}", try_)


def _open_file(path: Path) -> Source:
    source = _open_weights(path)
    if path.name in WEIGHTS or path.suffix == ".safetensors":  # a folder's own, given by its file
        return replace(source, config={**source.config, **_settings(path.parent / "config.json")})
    return source


def _open_weights(path: Path) -> Source:
    """The tensors of one weights file or of the shards of an index."""
    if path.name.endswith(".safetensors.index.json"):
        kind, weights = "safetensors", Weights(safetensors.read_index(path))
    elif path.name.endswith(".bin.index.json"):
        kind, weights = "torch", state_dicts.read_state_dicts(path)
    elif path.suffix == ".safetensors":
        kind, weights = "safetensors", Weights(safetensors.read_safetensors(path))
    else:
        kind, weights = _open_other(path)
    if not weights.tensors:
        raise ModelError(f"{escaped(path.name)} holds no tensors", "", "Give a checkpoint")
    files = tokenizer_files(path.parent)
    return Source(path, kind, weights.config, _unwrapped(weights.tensors), files, weights.ignored)


def _open_other(path: Path) -> tuple[str, Weights]:
    """A file whose name says little: the first reader that knows its first bytes has it."""
    with path.open("rb") as file:
        start = file.read(64)
    for kind, knows, read in _READERS:
        if knows(start):
            return kind, read(path)
    why = "its first bytes fit no format"
    raise ModelError(f"{escaped(path.name)} is not a known kind of checkpoint", why, "Give weights or a folder")


def _unwrapped(tensors: Mapping[str, LazyTensor]) -> dict[str, LazyTensor]:
    """The tensors without the prefix that a wrapper around the model put before every name."""
    for prefix in _WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
    return dict(tensors)


def _settings(path: Path) -> dict[str, Any]:
    """A folder's config.json. Raises ModelError if the model needs its own code, or its weights are quantized."""
    if not path.is_file():
        return {}
    config = read_json(path)
    if not isinstance(config, dict):
        raise ModelError("config.json is not a JSON object")
    if code := config.get("auto_map"):
        names = ", ".join(sorted(str(value) for value in code.values())) if isinstance(code, dict) else str(code)
        raise ModelError(
            "this model comes with its own code", f"auto_map names {escaped(names)}; Quoth runs none of it"
        )
    if method := config.get("quantization_config"):
        name = method.get("quant_method") if isinstance(method, dict) else method
        raise ModelError("its weights are quantized already", escaped(name), "Convert the original weights")
    return config


_READERS: Final[tuple[tuple[str, Callable[[bytes], bool], Callable[[Path], Weights]], ...]] = (
    ("llm.c", c_programs.is_llmc, c_programs.read_llmc),
    ("llama2.c", c_programs.is_llama2c, c_programs.read_llama2c),  # before torch: a width of 128 begins like a pickle
    ("torch", torch_files.is_torch, state_dicts.read_state_dict),
)
