"""Families are known by what they hold; each is described as its own program means it, or refused with a sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.families import FAMILIES, REFUSED, Options, family_of
from quoth_converters.formats.source import open_source
from quoth_converters.pipeline import Described, describe
from quoth_converters.spec import Fill, evaluate
from tests.converters.checkpoints import (
    ARGUMENTS,
    CHARACTERS,
    CONTEXT,
    WIDTH,
    arrays,
    write_gpt2,
    write_meta,
    write_nanogpt,
)
from tests.converters.torch_writer import write_safetensors, write_zip
from tests.upstream import upstream


def values(described: Described, name: str) -> Any:
    tensor = next(tensor for tensor in described.spec.tensors if tensor.name == name)
    return evaluate(tensor.value, described.source.tensors)


def names(described: Described) -> set[str]:
    return {tensor.name for tensor in described.spec.tensors}


def gpt2(**changes: Any) -> dict[str, Any]:
    """Tensors of a GPT-2 of transformers, with some put in or, given None, left out."""
    tensors = {**arrays(257, conv1d=True), **changes}
    return {name: array for name, array in tensors.items() if array is not None}


def test_conv1d_is_transposed_and_linear_is_not(tmp_path: Path) -> None:
    weights = arrays(257, conv1d=True)
    described = describe(write_gpt2(tmp_path / "hf"), Options())
    assert np.array_equal(values(described, "blk.0.ffn_up.weight"), weights["transformer.h.0.mlp.c_fc.weight"].T)
    nano = describe(write_nanogpt(tmp_path / "nano"), Options())
    linear = arrays(len(CHARACTERS))["transformer.h.0.mlp.c_fc.weight"]
    assert np.array_equal(values(nano, "blk.0.ffn_up.weight"), linear)


def test_a_prefix_is_there_or_not(tmp_path: Path) -> None:
    bare = {name.removeprefix("transformer."): array for name, array in gpt2().items()}
    assert names(describe(write_gpt2(tmp_path / "a", bare), Options())) == names(
        describe(write_gpt2(tmp_path / "b"), Options())
    )


def test_a_head_is_tied_if_its_bytes_are_the_embedding_s(tmp_path: Path) -> None:
    table = arrays(257)["transformer.wte.weight"]
    tied = describe(write_gpt2(tmp_path / "a", gpt2(**{"lm_head.weight": table})), Options())
    assert "output.weight" not in names(tied)
    assert tied.spec.dropped == {"lm_head.weight": "the same as the token embedding"}
    untied = describe(write_gpt2(tmp_path / "b", gpt2(**{"lm_head.weight": table + 1})), Options())
    assert np.array_equal(values(untied, "output.weight"), table + 1)


def test_masks_are_dropped_by_name(tmp_path: Path) -> None:
    masks = {"transformer.h.0.attn.bias": np.ones((1, 1, 4, 4), "<f4")}
    masks["transformer.h.0.attn.masked_bias"] = np.array(-1e4, "<f4")
    described = describe(write_gpt2(tmp_path, gpt2(**masks)), Options())
    assert described.spec.dropped == dict.fromkeys(masks, "a causal mask")


@pytest.mark.parametrize(
    ("config", "factor"),
    [({"scale_attn_weights": False}, math.sqrt(WIDTH / 2)), ({"scale_attn_by_inverse_layer_idx": True}, 1.0)],
)
def test_an_attention_scale_goes_into_the_queries(config: dict[str, Any], factor: float, tmp_path: Path) -> None:
    plain = describe(write_gpt2(tmp_path / "a"), Options())
    scaled = describe(write_gpt2(tmp_path / "b", **config), Options())
    for part in ("weight", "bias"):
        before, after = (values(d, f"blk.0.attn_qkv.{part}") for d in (plain, scaled))
        assert np.allclose(after[:WIDTH], before[:WIDTH] * factor)
        assert np.array_equal(after[WIDTH:], before[WIDTH:])


def test_n_inner_is_what_the_settings_say(tmp_path: Path) -> None:
    tensors = arrays(257, conv1d=True, inner=20)
    described = describe(write_gpt2(tmp_path, tensors, n_inner=20), Options())
    assert described.spec.hyperparameters["feed_forward_length"] == 20


def test_a_vocabulary_s_padding_is_dropped(tmp_path: Path) -> None:
    described = describe(write_gpt2(tmp_path, arrays(320, conv1d=True), vocab_size=320), Options())
    assert values(described, "token_embd.weight").shape == (257, WIDTH)
    assert described.spec.notes == ("63 rows of padding dropped from the embedding",)


def test_biases_that_were_never_trained_are_zeros(tmp_path: Path) -> None:
    folder = write_nanogpt(tmp_path, arrays(len(CHARACTERS), bias=False), bias=False)
    described = describe(folder, Options())
    zeros = [tensor for tensor in described.spec.tensors if isinstance(tensor.value, Fill)]
    assert len(zeros) == 7
    assert all(tensor.name.endswith(".bias") for tensor in zeros)


def test_biases_that_are_said_and_missing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="biases are missing"):
        describe(write_nanogpt(tmp_path / "a", arrays(len(CHARACTERS), bias=False)), Options())
    one = arrays(len(CHARACTERS))
    del one["transformer.h.0.mlp.c_fc.bias"]
    with pytest.raises(ModelError, match=r"h\.0\.mlp\.c_fc\.bias is missing"):
        describe(write_nanogpt(tmp_path / "b", one), Options())


def test_the_appended_end_of_text_has_a_row_of_zeros(tmp_path: Path) -> None:
    table = values(describe(write_nanogpt(tmp_path), Options()), "token_embd.weight")
    assert table.shape == (len(CHARACTERS) + 1, WIDTH)
    assert not table[-1].any()
    assert table[:-1].all()


def test_meta_is_found_where_train_py_reads_it(tmp_path: Path) -> None:
    folder = write_nanogpt(tmp_path / "out")
    (folder / "meta.pkl").unlink()
    state = arrays(len(CHARACTERS))
    around = {"model_args": ARGUMENTS, "config": {"dataset": "shakespeare_char"}}
    write_zip(folder / "ckpt.pt", state, lambda tensors: {"model": tensors, **around})
    with pytest.raises(ModelError, match="Give --meta"):
        describe(folder, Options())
    data = tmp_path / "data" / "shakespeare_char"
    data.mkdir(parents=True)
    write_meta(data / "meta.pkl")
    assert describe(folder / "ckpt.pt", Options()).spec.vocabulary.origin == "meta.pkl"


def test_gpt2_s_tokenizer_must_be_given_and_fits_a_padded_vocabulary(tmp_path: Path) -> None:
    folder = write_nanogpt(tmp_path, arrays(50304), vocab_size=50304)
    (folder / "meta.pkl").unlink()
    with pytest.raises(ModelError, match=r"trained with GPT-2's.*--tokenizer"):
        describe(folder, Options())
    described = describe(folder, Options(tokenizer=upstream() / "ggml-vocab-gpt-2.gguf"))
    assert described.spec.tensors[0].shape == (50257, WIDTH)


@pytest.mark.parametrize("characters", [CHARACTERS[:-1], CHARACTERS + "z"])
def test_another_tokenizer_is_refused_with_both_numbers(characters: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"has {len(characters)} tokens and .* has 20 rows"):
        describe(write_nanogpt(tmp_path, characters=characters), Options())


def test_mingpt_has_a_head_of_its_own_and_heads_in_its_config(tmp_path: Path) -> None:
    tensors = {**arrays(20), "lm_head.weight": np.ones((20, WIDTH), "<f4")}
    tensors["transformer.h.0.attn.bias"] = np.ones((1, 1, CONTEXT, CONTEXT), "<f4")
    write_zip(tmp_path / "model.pt", tensors)
    write_meta(tmp_path / "meta.pkl")
    with pytest.raises(ModelError, match="heads is not known"):
        describe(tmp_path / "model.pt", Options())
    assert describe(tmp_path / "model.pt", Options(n_head=2)).spec.family == "minGPT"
    (tmp_path / "config.json").write_text(json.dumps({"model": {"n_head": 4}, "system": {}}))
    described = describe(tmp_path / "model.pt", Options())
    assert described.spec.hyperparameters["attention.head_count"] == 4
    assert "output.weight" in names(described)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "relu": ({"activation_function": "relu"}, "relu"),
    "silu": ({"activation_function": "silu"}, "silu"),
    "cross-attention": ({"add_cross_attention": True}, "cross-attention"),
    "classifier": ({"architectures": ["GPT2ForSequenceClassification"]}, "classes, not next tokens"),
    "code of its own": ({"auto_map": {"AutoModel": "modeling_x.X"}}, "modeling_x.X"),
    "quantized": ({"quantization_config": {"quant_method": "gptq"}}, "gptq"),
    "no layers": ({"n_layer": 0}, "n_layer is 0"),
    "a billion layers": ({"n_layer": 10**9}, "n_layer is 1000000000"),
    "two layers": ({"n_layer": 2}, "tensor transformer.h.1.ln_1.weight is missing"),
    "three heads": ({"n_head": 3}, "not a multiple of 3 heads"),
    "another width": ({"n_embd": 16}, "does not have the required shape"),
    "another context": ({"n_positions": 99}, "does not have the required shape"),
    "a text": ({"n_embd": "8"}, "n_embd is 8"),
    "epsilon NaN": ({"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon is nan"),
    "untied and no head": ({"tie_word_embeddings": False}, "lm_head.weight is missing"),
    "an unknown family": ({"model_type": "mystery"}, "mystery"),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_that_cannot_be_are_refused(name: str, tmp_path: Path) -> None:
    config, why = WRONG[name]
    with pytest.raises(ModelError) as caught:
        describe(write_gpt2(tmp_path, **config), Options())
    assert why in str(caught.value)


KNOWN_BY: dict[str, tuple[dict[str, Any], str]] = {
    "a model that classifies": ({"architectures": ["LlamaForSequenceClassification"]}, "x"),
    "an encoder and a decoder": ({"is_encoder_decoder": True}, "x"),
    "OPT": ({"model_type": "opt"}, "x"),
    "GPT-1": ({"model_type": "openai-gpt"}, "x"),
    "nanochat of 2026 or later": ({}, "resid_lambdas"),
    "modded-nanogpt": ({}, "value_embeds.0.weight"),
    "Megatron-LM": ({"checkpoint_version": 3.0}, "x"),
    "BLOOM": ({"model_type": "bloom"}, "x"),
    "StarCoder": ({"model_type": "gpt_bigcode"}, "x"),
    "Phi": ({"model_type": "phi"}, "x"),
    "Gemma": ({"model_type": "gemma2"}, "x"),
    "CodeGen": ({"model_type": "codegen"}, "x"),
}


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda refusal: refusal.name)
def test_a_family_that_is_not_converted_says_why(refusal: Any, tmp_path: Path) -> None:
    config, tensor = KNOWN_BY[refusal.name]
    write_safetensors(tmp_path / "model.safetensors", {tensor: np.ones(2, "<f4")})
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        family_of(open_source(tmp_path))
    assert str(caught.value).startswith(f"{refusal.name} cannot be converted ({refusal.why})")


def test_no_family_takes_another_s_checkpoint(tmp_path: Path) -> None:
    sources = [open_source(write_gpt2(tmp_path / "a")), open_source(write_nanogpt(tmp_path / "b"))]
    write_zip(tmp_path / "model.pt", {**arrays(20), "lm_head.weight": np.ones((20, WIDTH), "<f4")})
    sources.append(open_source(tmp_path / "model.pt"))
    found = [[family.name for family in FAMILIES if family.match(source)] for source in sources]
    assert found == [["GPT-2 (transformers)"], ["nanoGPT"], ["minGPT"]]
