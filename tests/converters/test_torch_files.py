"""Torch's two formats are read without torch, and what does not lie inside of the file is refused."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.formats.source import open_source
from quoth_converters.formats.tensors import LazyTensor, widened
from tests.converters.torch_writer import (
    Call,
    Name,
    legacy_bytes,
    pickled,
    state_of,
    tensor,
    write_zip,
    zip_bytes,
)

ARRAYS = {"a": np.arange(6, dtype="<f4").reshape(2, 3), "b.c": np.array([1.5, -2], "<f4")}
DATA = np.arange(6, dtype="<f4").tobytes()


def tensors_of(path: Path, data: bytes) -> dict[str, LazyTensor]:
    path.write_bytes(data)
    return dict(open_source(path).tensors)


def test_both_formats_give_the_same_tensors(tmp_path: Path) -> None:
    state, storages = state_of(ARRAYS)
    for name, data in (("zip", zip_bytes(pickled(state), storages)), ("legacy", legacy_bytes(state, storages))):
        tensors = tensors_of(tmp_path / f"{name}.pt", data)
        assert {key: widened(value).tolist() for key, value in tensors.items()} == {
            key: array.tolist() for key, array in ARRAYS.items()
        }


def test_views_with_strides_and_offsets_are_read(tmp_path: Path) -> None:
    state = {
        "turned": tensor("0", (3, 2), strides=(1, 3), count=6),
        "last": tensor("0", (2,), offset=4, count=6),
        "one": tensor("0", (), offset=5, count=6),
    }
    tensors = tensors_of(tmp_path / "m.pt", zip_bytes(pickled(state), {"0": DATA}))
    assert widened(tensors["turned"]).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert widened(tensors["last"]).tolist() == [4, 5]
    assert float(widened(tensors["one"])) == 5


def test_wrappers_prefixes_are_taken_off_and_the_optimizer_is_left(tmp_path: Path) -> None:
    wrapped = {f"module._orig_mod.{name}": array for name, array in ARRAYS.items()}
    path = write_zip(tmp_path / "m.pt", wrapped, lambda s: {"model": s, "optimizer": {"state": {}}, "step": 3})
    source = open_source(path)
    assert set(source.tensors) == set(ARRAYS)
    assert source.config == {"step": 3}
    assert source.ignored == ("optimizer",)


OUTSIDE: dict[str, Any] = {
    "storage shorter than it says": tensor("0", (7,), count=7),
    "shape beyond the storage": tensor("0", (7,), count=6),
    "offset beyond the storage": tensor("0", (2,), offset=5, count=6),
    "negative offset": tensor("0", (2,), offset=-1, count=6),
    "strides beyond the storage": tensor("0", (2, 3), strides=(4, 1), count=6),
    "negative stride": tensor("0", (2,), strides=(-1,), offset=1, count=6),
    "strides of 0, more elements than stored": tensor("0", (1 << 40,), strides=(0,), count=6),
    "a shape of 2^70": tensor("0", (1 << 70,), count=6),
    "as many strides as not": tensor("0", (2, 3), strides=(1,), count=6),
    "nine dimensions": tensor("0", (1,) * 9, count=6),
    "no such storage": tensor("7", (2,), count=2),
    "a storage outside": tensor("../data.pkl", (2,), count=2),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tensor_outside_of_its_storage_is_refused(name: str, tmp_path: Path) -> None:
    for data in (
        zip_bytes(pickled({"a": OUTSIDE[name]}), {"0": DATA}),
        legacy_bytes({"a": OUTSIDE[name]}, {"0": DATA}) if OUTSIDE[name].arguments[0].identity[2] == "0" else b"",
    ):
        with pytest.raises(ModelError):
            tensors_of(tmp_path / "m.pt", data)


def raw_zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


GOOD = zip_bytes(pickled({"a": tensor("0", (6,))}), {"0": DATA})
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "cut in half": (GOOD[: len(GOOD) // 2], "not a valid torch file"),
    "cut by one byte": (GOOD[:-1], "not a valid torch file"),
    "no pickle in it": (raw_zip({"a/version": b"3"}), "no data.pkl"),
    "two pickles in it": (raw_zip({"a/data.pkl": b"N.", "b/data.pkl": b"N."}), "no data.pkl"),
    "a member above it": (raw_zip({"../x": b"", "a/data.pkl": b"N."}), "points outside"),
    "an absolute member": (raw_zip({"/etc/x": b"", "a/data.pkl": b"N."}), "points outside"),
    "compressed": (zip_bytes(pickled({}), {"0": bytes(100)}, method=zipfile.ZIP_DEFLATED), "compressed"),
    "a bomb": (raw_zip({"a/data.pkl": bytes(70 << 20)}, zipfile.ZIP_DEFLATED), "compressed"),
    "11,000 members": (raw_zip({f"a/{i}": b"" for i in range(11_000)}), "10,000 members"),
    "a zip in it": (raw_zip({"a/data.pkl": GOOD}), "damaged"),
    "a list": (zip_bytes(pickled([tensor("0", (6,))]), {"0": DATA}), "not a state_dict"),
    "no tensor": (zip_bytes(pickled({"a": 1}), {}), "not a state_dict"),
    "a program": (raw_zip({"a/data.pkl": b"N.", "b/data.pkl": b"N.", "a/code/x.py": b""}), "TorchScript"),
    "big-endian": (raw_zip({"a/data.pkl": b"}.", "a/byteorder": b"big"}), "big-endian"),
    "a plain pickle": (b"\x80\x02}.", "torch.save did not write it"),
    "legacy, cut": (legacy_bytes({"a": tensor("0", (6,))}, {"0": DATA})[:-1], "cut short"),
    "legacy, of another version": (pickled(0x1950A86A20F9469CFC6C) + pickled(1000), "torch.save did not write it"),
    "os.system": (zip_bytes(pickled({"a": Call(Name("os", "system"), ("true",))}), {}), "names os.system"),
    "a module": (zip_bytes(pickled({"m": Call(Name("model", "GPT"), ())}), {}), "names model.GPT"),
    "FP8": (
        zip_bytes(
            pickled({"a": Call(Name("torch._utils", "_rebuild_tensor_v3"), (Name("torch", "float8_e4m3fn"),))}), {}
        ),
        "torch.float8_e4m3fn",
    ),
    "complex": (zip_bytes(pickled({"a": tensor("0", (3,), kind="ComplexFloatStorage")}), {"0": DATA}), "ComplexFloat"),
    "text": (b"hello, this is no checkpoint", "fit no format"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    data, why = BAD[name]
    with pytest.raises(ModelError) as caught:
        tensors_of(tmp_path / "m.pt", data)
    assert why in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_one_name_twice_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO(GOOD)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/data/0", DATA)
    with pytest.raises(ModelError, match="the same name"):
        tensors_of(tmp_path / "m.pt", file.getvalue())


def test_the_byte_order_is_read_without_unpacking_more_of_it(tmp_path: Path) -> None:
    state, storages = state_of(ARRAYS)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a/data.pkl"), pickled(state))
        for key, data in storages.items():
            archive.writestr(zipfile.ZipInfo(f"a/data/{key}"), data)
        archive.writestr("a/byteorder", b"little" + bytes(64 << 20))
    tracemalloc.start()
    try:
        assert set(tensors_of(tmp_path / "m.pt", file.getvalue())) == set(ARRAYS)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    packed = bytearray(file.getvalue())
    start = packed.rfind(b"a/byteorder", 0, packed.rfind(b"PK\x01\x02")) + len(b"a/byteorder")
    packed[start : start + 2] = b"\xff\xff"
    with pytest.raises(ModelError, match="not a valid torch file"):
        tensors_of(tmp_path / "damaged.pt", bytes(packed))
