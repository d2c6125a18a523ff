"""llama2.c's files, with and without a mark, hold the same model as the checkpoint they were exported from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.families import Options
from quoth_converters.formats.source import open_source
from quoth_converters.pipeline import Described, describe
from quoth_converters.spec import evaluate
from tests.converters.checkpoints import tokenizer_json
from tests.converters.family_checkpoints import ARGUMENTS, ROWS, family_folder, llama2c_bytes, meta_weights
from tests.converters.torch_writer import write_zip


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    import json

    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    return tmp_path / "tokenizer.json"


def written(folder: Path, data: bytes) -> Path:
    (folder / "model.bin").write_bytes(data)
    return folder / "model.bin"


def values(described: Described) -> dict[str, Any]:
    return {tensor.name: evaluate(tensor.value, described.source.tensors) for tensor in described.spec.tensors}


def assert_same(one: Described, other: Described) -> None:
    left, right = values(one), values(other)
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("version", [0, 1])
def test_a_bin_file_is_the_llama_that_transformers_has(version: int, tokenizer: Path, tmp_path: Path) -> None:
    found = describe(written(tmp_path, llama2c_bytes(version, meta_weights())), Options(tokenizer))
    wanted = describe(family_folder("Llama", tmp_path / "hf"), Options())
    assert_same(found, wanted)
    assert found.spec.hyperparameters == wanted.spec.hyperparameters
    assert (found.source.format, found.spec.family, found.spec.architecture) == ("llama2.c", "llama2.c", "llama")


@pytest.mark.parametrize("version", [0, 1])
def test_a_head_of_its_own_lies_at_the_end(version: int, tokenizer: Path, tmp_path: Path) -> None:
    head = np.arange(ROWS * 16, dtype="<f4").reshape(ROWS, 16)
    found = describe(written(tmp_path, llama2c_bytes(version, meta_weights(), head)), Options(tokenizer))
    assert np.array_equal(values(found)["output.weight"], head)


def test_a_training_checkpoint_is_the_same_model(tokenizer: Path, tmp_path: Path) -> None:
    weights = meta_weights()
    state = {f"_orig_mod.{name}": array for name, array in weights.items()}
    state["_orig_mod.output.weight"] = weights["tok_embeddings.weight"]
    state["_orig_mod.layers.0.attention.mask"] = np.zeros((1, 1, 32, 32), "<f4")
    arguments = {name: value for name, value in ARGUMENTS.items() if name != "hidden_dim"}
    settings = {**arguments, "multiple_of": 8, "dropout": 0.0}  # two thirds of 64, rounded up to 48
    wider = {"w1": (48, 16), "w3": (48, 16), "w2": (16, 48)}
    for name, shape in wider.items():
        for layer in range(2):
            state[f"_orig_mod.layers.{layer}.feed_forward.{name}.weight"] = np.ones(shape, "<f4")
    write_zip(tmp_path / "ckpt.pt", state, lambda tensors: {"model": tensors, "model_args": settings, "iter_num": 1})
    found = describe(tmp_path / "ckpt.pt", Options(tokenizer))
    assert found.spec.hyperparameters["feed_forward_length"] == 48
    assert found.spec.dropped == {
        "output.weight": "the same as the token embedding",
        "layers.0.attention.mask": "computed from the settings",
    }
    queries = values(found)["blk.1.attn_q.weight"]
    assert np.array_equal(queries, weights["layers.1.attention.wq.weight"])


def test_a_width_of_128_is_not_taken_for_a_pickle(tmp_path: Path) -> None:
    sizes = {"dim": 128, "n_layers": 1}
    data = llama2c_bytes(0, meta_weights(), **sizes)
    with pytest.raises(ModelError, match=r"llama2\.c file \(its header makes"):
        open_source(written(tmp_path, data))


WRONG: dict[str, tuple[bytes, str]] = {
    "cut short": (llama2c_bytes(0, meta_weights())[:-4], "its header makes"),
    "too long": (llama2c_bytes(1, meta_weights()) + b"x", "its header makes"),
    "quantized": (llama2c_bytes(2, meta_weights()), "quantized already"),
    "of a later version": (llama2c_bytes(7, meta_weights()), "version 7"),
    "no layers": (llama2c_bytes(1, meta_weights(), n_layers=0), "n_layers is 0"),
    "too wide": (llama2c_bytes(1, meta_weights(), dim=1 << 30), "dim is 1,073,741,824"),
    "heads that do not divide": (llama2c_bytes(1, meta_weights(), n_heads=3), "do not fill its width"),
    "a header alone": (llama2c_bytes(1, meta_weights())[:40], "its header makes"),
    "numbers that are no model": (llama2c_bytes(0, meta_weights(), n_heads=5), "fit no format"),
    "a few bytes": (b"\1\0\0\0\2\0\0\0", "fit no format"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_model_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    data, why = WRONG[name]
    with pytest.raises(ModelError) as caught:
        open_source(written(tmp_path, data))
    assert why in str(caught.value)
