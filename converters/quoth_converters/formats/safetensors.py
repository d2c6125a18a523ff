"""Read a safetensors header: every number in it is checked against the file before it is used.

Format: https://huggingface.co/docs/safetensors (a length of 8 bytes, a JSON header, the data; no holes, no overlaps).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.tensors import DTYPES, LazyTensor, Storage

MAX_HEADER: Final = 100_000_000  # bytes; the reference implementation's limit
MAX_TENSORS: Final = 100_000


def read_safetensors(path: Path) -> dict[str, LazyTensor]:
    """The tensors of one file by name."""
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise _bad(path, "it is cut short" if size else "it is empty")
        if length > MAX_HEADER:
            raise _bad(path, f"its header says {length:,} bytes, more than {MAX_HEADER:,}")
        header = _json(path, file.read(length))
    start = 8 + length
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise _bad(path, f"it lists more than {MAX_TENSORS:,} tensors")
    places = {name: _place(path, name, entry) for name, entry in header.items()}
    end = 0
    for name, (begin, stop) in sorted(places.items(), key=lambda item: item[1]):
        if begin != end:
            raise _bad(
                path, f"tensor {escaped(name)} {'overlaps another' if begin < end else 'leaves a hole before it'}"
            )
        end = stop
    if end != size - start:
        raise _bad(path, f"its tensors take {end:,} bytes and the file has {size - start:,}")
    return {
        name: LazyTensor(
            name, header[name]["dtype"], tuple(header[name]["shape"]), Storage(path, start + begin, stop - begin)
        ).check()
        for name, (begin, stop) in places.items()
    }


def read_index(path: Path) -> dict[str, LazyTensor]:
    """The tensors of all the shards that a `model.safetensors.index.json` names, which must lie beside it."""
    tensors: dict[str, LazyTensor] = {}
    names = weight_map(path)
    for shard in dict.fromkeys(names.values()):
        found = read_safetensors(shard)
        if twice := tensors.keys() & found.keys():
            raise _bad(path, f"tensor {escaped(min(twice))} is in two shards")
        tensors.update(found)
    if lost := [name for name, shard in names.items() if name not in tensors or tensors[name].storage.path != shard]:
        raise _bad(path, f"tensor {escaped(lost[0])} is not in the shard that it names")
    return tensors


def weight_map(path: Path) -> dict[str, Path]:
    """Tensor name to shard of an index file; a shard outside of its folder is refused."""
    content = _json(path, path.read_bytes()[: MAX_HEADER + 1])
    names = content.get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(shard, str) for shard in names.values()):
        raise _bad(path, "it has no weight_map")
    for shard in set(names.values()):
        if Path(shard).name != shard or "\\" in shard or shard in ("", ".", ".."):
            raise _bad(path, f"it names a file outside of its folder: {escaped(shard)}")
        if not (path.parent / shard).is_file():
            raise ModelError(f"{escaped(shard)} is missing", f"{escaped(path.name)} names it", "Fetch all the shards")
    return {name: path.parent / shard for name, shard in names.items()}


def _json(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"its header is not JSON: {escaped(error)}") from None
    if not isinstance(value, dict):
        raise _bad(path, "its header is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return table


def _place(path: Path, name: str, entry: Any) -> tuple[int, int]:
    """Begin and end of a tensor's bytes in the data, once they agree with its type and shape."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [begin, end, *shape]
    except (KeyError, TypeError, ValueError):
        raise _bad(path, f"tensor {escaped(name)} is not described properly") from None
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise _bad(path, f"tensor {escaped(name)} has impossible numbers")
    if dtype not in DTYPES:
        raise ModelError(f"tensor {escaped(name)} is {escaped(dtype)}", "weights must be F64, F32, F16 or BF16")
    if end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise _bad(path, f"tensor {escaped(name)} has {end - begin:,} bytes, which is not its shape {escaped(shape)}")
    return begin, end


def _bad(path: Path, why: str) -> ModelError:
    return ModelError(f"{escaped(path.name)} is not a valid safetensors file", why, "Fetch or save it again")
