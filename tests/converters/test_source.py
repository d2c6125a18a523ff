"""Files and folders are opened as what they are; what is none is refused with a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.formats.source import open_source
from tests.converters.checkpoints import write_gpt2, write_nanogpt
from tests.converters.torch_writer import write_safetensors, write_zip

ONE = {"a": np.ones(2, "<f4")}


def test_a_trainer_s_folder_is_read_without_its_optimizer(tmp_path: Path) -> None:
    folder = write_gpt2(tmp_path / "checkpoint-500")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "rng_state_0.pth"):
        (folder / name).write_bytes(b"cos\nsystem\n.")
    (folder / "trainer_state.json").write_text("{}")
    source = open_source(folder)
    assert source.format == "safetensors"
    assert set(source.ignored) == {
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "rng_state_0.pth",
        "training_args.bin",
        "trainer_state.json",
    }
    with pytest.raises(ModelError, match=r"holds no weights .* Give one of its checkpoints, such as .*checkpoint-500"):
        open_source(tmp_path)


def test_a_folder_s_weights_are_found_in_order(tmp_path: Path) -> None:
    write_zip(tmp_path / "other.pt", ONE)
    assert open_source(tmp_path).format == "torch"
    write_zip(tmp_path / "another.pt", ONE)
    with pytest.raises(ModelError, match=r"several files of weights \(another.pt, other.pt\)"):
        open_source(tmp_path)
    write_safetensors(tmp_path / "model.safetensors", ONE)
    assert open_source(tmp_path).format == "safetensors"


def test_torch_shards_are_read_together(tmp_path: Path) -> None:
    write_zip(tmp_path / "p1.bin", ONE)
    write_zip(tmp_path / "p2.bin", {"b": np.ones(3, "<f4")})
    index = {"weight_map": {"a": "p1.bin", "b": "p2.bin"}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert set(open_source(tmp_path).tensors) == {"a", "b"}


def test_settings_come_from_the_folder_or_the_file(tmp_path: Path) -> None:
    assert open_source(write_gpt2(tmp_path / "a")).config["n_embd"] == 8
    assert open_source(tmp_path / "a" / "model.safetensors").config["n_embd"] == 8
    source = open_source(write_nanogpt(tmp_path / "b") / "ckpt.pt")
    assert source.config["model_args"]["n_embd"] == 8
    assert set(source.files) == {"meta.pkl"}


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 100_000])
def test_a_config_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    folder = write_gpt2(tmp_path)
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        open_source(folder)


def test_nothing_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        open_source(tmp_path / "absent")
    with pytest.raises(ModelError, match="holds no weights"):
        open_source(tmp_path)
    (tmp_path / "m.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError, match="holds no tensors"):
        open_source(tmp_path / "m.safetensors")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX")
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ModelError, match="neither a file nor a folder"):
            open_source(path)
