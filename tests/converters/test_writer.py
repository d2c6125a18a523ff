"""A file is written whole or not at all, and says where it came from."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError, StorageError
from quoth.gguf import check, read_header
from tests.converters.checkpoints import CHARACTERS, arrays, write_gpt2, write_nanogpt
from tests.converters.conversions import convert


def left(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_nanogpt(tmp_path / "source")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize(("outtype", "number"), [("f32", 0), ("f16", 1), ("bf16", 30)])
def test_matrices_have_the_type_asked_for_and_the_rest_f32(outtype: Any, number: int, source: Path, out: Path) -> None:
    convert(source, out / "m.gguf", outtype=outtype)
    for tensor in read_header(out / "m.gguf").tensors:
        small = len(tensor.shape) == 1 or tensor.name == "position_embd.weight"
        assert tensor.type == (0 if small else number), tensor.name


def test_bf16_is_rounded_to_the_nearest(source: Path, out: Path) -> None:
    convert(source, out / "m.gguf", outtype="bf16")
    file = read_header(out / "m.gguf")
    offset = file.data_offset + file.by_name["blk.0.ffn_up.weight"].offset
    stored = np.fromfile(out / "m.gguf", "<u2", 32 * 8, offset=offset).astype("<u4") << 16
    exact = arrays(len(CHARACTERS))["transformer.h.0.mlp.c_fc.weight"].ravel()
    assert np.abs(stored.view("<f4") / exact - 1).max() <= 2**-8


def test_the_header_is_one_that_quoth_loads_and_says_its_origin(source: Path, out: Path) -> None:
    convert(source, out / "m.gguf", name="shakespeare")
    header = read_header(out / "m.gguf")
    check(header)
    assert header.text("general.name") == "shakespeare"
    assert header.text("quoth.source.family") == "nanoGPT"
    assert header.text("quoth.source.format") == "torch"
    assert header.text("quoth.source.sha256") == hashlib.sha256((source / "ckpt.pt").read_bytes()).hexdigest()
    assert header.text("quoth.kind") == "base"


def test_an_existing_file_is_replaced_only_when_asked(source: Path, out: Path) -> None:
    (out / "m.gguf").write_text("mine")
    with pytest.raises(StorageError, match="--force"):
        convert(source, out / "m.gguf")
    assert (out / "m.gguf").read_text() == "mine"
    convert(source, out / "m.gguf", force=True)
    assert (out / "m.gguf").read_bytes()[:4] == b"GGUF"
    assert left(out) == {"m.gguf"}


def test_the_checkpoint_is_never_written_over(source: Path) -> None:
    before = (source / "ckpt.pt").read_bytes()
    with pytest.raises(ModelError, match="the checkpoint itself"):
        convert(source, source / "ckpt.pt", force=True)
    assert (source / "ckpt.pt").read_bytes() == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("outtype", ["f32", "f16", "bf16"])
def test_values_that_are_no_numbers_are_named_and_nothing_is_left(
    value: float, outtype: Any, tmp_path: Path, out: Path
) -> None:
    weights = arrays(len(CHARACTERS))
    weights["transformer.h.0.mlp.c_proj.weight"][3, 4] = value
    with pytest.raises(ModelError, match=r"h\.0\.mlp\.c_proj\.weight has values that are not finite numbers"):
        convert(write_nanogpt(tmp_path / "bad", weights), out / "m.gguf", outtype=outtype)
    assert left(out) == set()


def test_a_value_beyond_f16_is_refused_for_f16_alone(tmp_path: Path, out: Path) -> None:
    weights = arrays(len(CHARACTERS))
    weights["transformer.h.0.mlp.c_proj.weight"][3, 4] = 1e6
    folder = write_nanogpt(tmp_path / "large", weights)
    with pytest.raises(ModelError, match=r"does not fit F16 .*--outtype bf16"):
        convert(folder, out / "m.gguf")
    convert(folder, out / "m.gguf", outtype="bf16")


def test_a_sum_beyond_f16_of_values_within_is_no_error(tmp_path: Path, out: Path) -> None:
    weights = arrays(len(CHARACTERS))
    weights["transformer.h.0.mlp.c_proj.weight"][:] = 60_000
    convert(write_nanogpt(tmp_path / "large", weights), out / "m.gguf")


def test_an_error_in_the_middle_leaves_what_was_there(source: Path, out: Path) -> None:
    (out / "m.gguf").write_text("mine")

    def stop(done: int, total: int) -> None:
        assert {name.endswith(".part") for name in left(out)} == {True, False}
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(source, out / "m.gguf", force=True, progress=stop)
    assert left(out) == {"m.gguf"}
    assert (out / "m.gguf").read_text() == "mine"


def test_progress_runs_to_the_end(source: Path, out: Path) -> None:
    seen: list[tuple[int, int]] = []
    convert(source, out / "m.gguf", progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_disk_that_takes_no_more_is_an_output_error(source: Path, out: Path) -> None:
    import resource
    import signal

    limit, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limit[1]))
        with pytest.raises(StorageError, match="could not be written"):
            convert(source, out / "m.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert left(out) == set()


def test_a_folder_that_is_not_there_is_an_output_error(source: Path, out: Path) -> None:
    with pytest.raises(StorageError):
        convert(source, out / "absent" / "m.gguf")
    with pytest.raises(StorageError, match="exists"):
        convert(source, out)


def test_memory_holds_the_largest_tensor_at_most(tmp_path: Path, out: Path) -> None:
    weights = arrays(257, conv1d=True)
    rows = 1 << 17
    weights["transformer.wpe.weight"] = np.ones((rows, 8), "<f2")  # 4 MiB in F32
    folder = write_gpt2(tmp_path / "wide", weights, n_positions=rows)
    convert(folder, out / "once.gguf")  # what is imported is not counted
    tracemalloc.start()
    convert(folder, out / "m.gguf")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * rows * 8 * 4
