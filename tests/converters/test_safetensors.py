"""The safetensors reader believes nothing that the header says until it fits the file."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.formats.safetensors import read_index, read_safetensors
from quoth_converters.formats.tensors import widened
from tests.converters.torch_writer import safetensors_bytes, write_safetensors


def entry(shape: list[Any], begin: Any, end: Any, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "three bytes": (b"\1\0\0", "cut short"),
    "header longer than the file": (struct.pack("<Q", 1 << 60) + b"{}", "cut short"),
    "not JSON": (safetensors_bytes(b"{nonsense"), "not JSON"),
    "a list": (safetensors_bytes([1]), "not a JSON object"),
    "nested a million deep": (safetensors_bytes(b"[" * 1_000_000), "not JSON"),
    "one name twice": (safetensors_bytes(b'{"a":{},"a":{}}'), "twice"),
    "no offsets": (safetensors_bytes({"a": {"dtype": "F32", "shape": [1]}}), "not described"),
    "an entry that is a list": (safetensors_bytes({"a": []}), "not described"),
    "negative shape": (safetensors_bytes({"a": entry([-1], 0, 4)}, bytes(4)), "impossible numbers"),
    "a text in the shape": (safetensors_bytes({"a": entry(["1"], 0, 4)}, bytes(4)), "impossible numbers"),
    "a real in the offsets": (safetensors_bytes({"a": entry([1], 0.0, 4)}, bytes(4)), "impossible numbers"),
    "begin after end": (safetensors_bytes({"a": entry([1], 4, 0)}, bytes(4)), "not its shape"),
    "a product beyond 2^64": (safetensors_bytes({"a": entry([1 << 40, 1 << 40], 0, 4)}, bytes(4)), "not its shape"),
    "bytes for another shape": (safetensors_bytes({"a": entry([2], 0, 4)}, bytes(4)), "not its shape"),
    "past the end": (safetensors_bytes({"a": entry([4], 0, 16)}, bytes(8)), "take 16 bytes"),
    "bytes left over": (safetensors_bytes({"a": entry([1], 0, 4)}, bytes(8)), "take 4 bytes"),
    "overlap": (safetensors_bytes({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)), "overlaps"),
    "hole": (safetensors_bytes({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12)), "hole"),
    "FP8": (safetensors_bytes({"a": entry([4], 0, 4, "F8_E4M3")}, bytes(4)), "F8_E4M3"),
    "complex": (safetensors_bytes({"a": entry([1], 0, 8, "C64")}, bytes(8)), "C64"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    data, why = BAD[name]
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_safetensors(tmp_path / "m.safetensors")
    assert why in str(caught.value)


def test_a_header_of_101_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 101_000_000))
        file.truncate(102_000_000)
    with pytest.raises(ModelError, match="101,000,000 bytes, more than"):
        read_safetensors(path)


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8"])
def test_tensors_are_read_as_they_were_written(dtype: str, tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=dtype).reshape(2, 3), "b": np.array(2.5, dtype), "c": np.zeros((0, 4), dtype)}
    tensors = read_safetensors(write_safetensors(tmp_path / "m.safetensors", arrays))
    for name, array in arrays.items():
        assert tensors[name].shape == array.shape
        assert np.array_equal(widened(tensors[name]), array)


def test_bf16_is_widened_exactly(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 3.0e38, 1e-40, np.inf], "<f4")
    bits = (values.view("<u4") >> 16).astype("<u2")
    tensors = read_safetensors(write_safetensors(tmp_path / "m.safetensors", {"a": bits}))
    assert np.array_equal(widened(tensors["a"]).view("<u4"), bits.astype("<u4") << 16)


def index(folder: Path, **weight_map: str) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": weight_map}))
    return path


def test_shards_are_read_together(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "1.safetensors", {"a": np.ones(2, "<f4")})
    write_safetensors(tmp_path / "2.safetensors", {"b": np.zeros(3, "<f4")})
    assert set(read_index(index(tmp_path, a="1.safetensors", b="2.safetensors"))) == {"a", "b"}


@pytest.mark.parametrize("shard", ["../1.safetensors", "/etc/passwd", "..", "x\\y", ""])
def test_an_index_cannot_name_files_elsewhere(shard: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="outside of its folder"):
        read_index(index(tmp_path, a=shard))


def test_a_missing_shard_and_a_tensor_in_the_wrong_one_are_named(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "1.safetensors", {"a": np.ones(2, "<f4")})
    with pytest.raises(ModelError, match=r"2\.safetensors is missing"):
        read_index(index(tmp_path, a="1.safetensors", b="2.safetensors"))
    with pytest.raises(ModelError, match="tensor b is not in the shard"):
        read_index(index(tmp_path, a="1.safetensors", b="1.safetensors"))


def test_a_name_twice_among_very_many_is_found_at_once(tmp_path: Path) -> None:
    names = [*range(200_000), 199_999]
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_bytes(b"{" + b",".join(b'"%d":1' % name for name in names) + b"}"))
    begun = time.process_time()
    with pytest.raises(ModelError, match="'199999' stands in it twice"):
        read_safetensors(path)
    assert time.process_time() - begun < 10
