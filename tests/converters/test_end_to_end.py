"""A real checkpoint becomes a GGUF that says what the checkpoint's own program said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.native import Abort, Context, LlamaModel
from tests.conftest import Run
from tests.converters.checkpoints import DATA
from tests.converters.conversions import convert

FOLDERS = ("nanogpt", "nanogpt-without-bias", "gpt2")


def expected(folder: Path) -> Any:
    return json.loads((folder / "expected.json").read_text("utf-8"))


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """The GPT-2 as its first release had it: no prefix, masks, the format before zip, n_ctx for n_positions."""
    folder = tmp_path / "legacy"
    shutil.copytree(DATA / "gpt2", folder, ignore=shutil.ignore_patterns("model.safetensors"))
    (folder / "legacy.bin").rename(folder / "pytorch_model.bin")
    config = json.loads((folder / "config.json").read_text())
    config["n_ctx"] = config.pop("n_positions")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def compare(file: Path, folder: Path) -> tuple[float, bool]:
    """NMSE of the logits against the source's own, and whether every position has the same likeliest token."""
    reference = np.load(folder / "logits.npy")
    wanted, model = expected(folder), LlamaModel(file)
    assert model.vocabulary.tokenize(wanted["prompt"], special=False, bos=False) == wanted["ids"]
    context = Context(model, n_ctx=model.n_ctx_train, n_batch=64, threads=1, abort=Abort())
    assert context.decode(wanted["ids"], 0, len(wanted["ids"])) == 0
    logits = np.array([context.logits(index)[: reference.shape[1]] for index in range(len(reference))])
    error = float(((logits - reference) ** 2).mean() / (reference**2).mean())
    same = bool((logits.argmax(1) == reference.argmax(1)).all())
    context.close()
    model.close()
    return error, same


@pytest.mark.parametrize("outtype", ["f32", "f16"])
@pytest.mark.parametrize("name", FOLDERS)
def test_the_logits_are_those_of_the_source(name: str, outtype: Any, tmp_path: Path) -> None:
    convert(DATA / name, tmp_path / "m.gguf", outtype=outtype)
    error, same = compare(tmp_path / "m.gguf", DATA / name)
    assert error < 2e-6  # the runtime's own noise with F16 keys and values
    assert same


def test_the_first_release_s_files_give_the_same_model(legacy: Path, tmp_path: Path) -> None:
    old = convert(legacy, tmp_path / "old.gguf", outtype="f32", name="m")
    new = convert(DATA / "gpt2", tmp_path / "new.gguf", outtype="f32", name="m")
    assert {reason for reason in old.spec.dropped.values()} == {"a causal mask"}
    start = 4096  # beyond the keys, where the hash of the source stands
    assert old.path.read_bytes()[-start:] == new.path.read_bytes()[-start:]
    assert compare(old.path, DATA / "gpt2")[0] < 2e-6


@pytest.mark.parametrize("name", FOLDERS)
def test_quoth_continues_as_the_source_did(name: str, quoth: Run, tmp_path: Path) -> None:
    convert(DATA / name, tmp_path / "m.gguf")
    wanted = expected(DATA / name)
    steps = len(wanted["greedy"]) - len(wanted["ids"])
    model = str(tmp_path / "m.gguf")
    result = quoth("complete", "-m", model, wanted["prompt"], "-n", str(steps), "-t", "0", "--echo")
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode("utf-8", "replace").rstrip("\n") == wanted["text"].rstrip("\n")
