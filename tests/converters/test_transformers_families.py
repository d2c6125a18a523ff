"""Families that transformers saves: what llama.cpp computes from them, and what is refused of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth.native import Abort, Context, LlamaModel
from quoth_converters.families import FAMILIES as KNOWN
from quoth_converters.families import Options
from quoth_converters.formats.source import open_source
from quoth_converters.pipeline import Described, describe
from quoth_converters.spec import evaluate
from tests.converters.conversions import convert
from tests.converters.family_checkpoints import FAMILIES, IDS, family_folder, weights_of
from tests.converters.torch_writer import write_safetensors


def logits_of(file: Path, ids: list[int]) -> Any:
    """Logits after each token, as llama.cpp computes them: [tokens, vocabulary]."""
    model = LlamaModel(file)
    context = Context(model, n_ctx=model.n_ctx_train, n_batch=64, threads=1, abort=Abort())
    assert context.decode(ids, 0, len(ids)) == 0
    found = np.array([list(context.logits(index)) for index in range(len(ids))])
    context.close()
    model.close()
    return found


def value(described: Described, name: str) -> Any:
    tensor = next(tensor for tensor in described.spec.tensors if tensor.name == name)
    return evaluate(tensor.value, described.source.tensors)


def rewritten(folder: Path, **changes: Any) -> Path:
    """The checkpoint with some tensors put in or, given None, left out."""
    weights = {**weights_of(folder), **changes}
    write_safetensors(folder / "model.safetensors", {name: x for name, x in weights.items() if x is not None})
    return folder


@pytest.mark.parametrize("name", FAMILIES)
def test_llama_cpp_computes_what_transformers_did(name: str, tmp_path: Path) -> None:
    folder = family_folder(name, tmp_path / "checkpoint")
    made = convert(folder, tmp_path / "m.gguf", outtype="f32")
    found, wanted = logits_of(made.path, IDS), np.load(folder / "logits.npy")
    error = ((found - wanted) ** 2).mean() / (wanted**2).mean()
    assert error < 4e-6  # the runtime's own noise with F16 keys and values
    assert (found.argmax(1) == wanted.argmax(1)).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_checkpoint_is_of_one_family(name: str) -> None:
    source = open_source(FAMILIES[name])
    assert len([family for family in KNOWN if family.match(source)]) == 1


def test_a_context_ends_where_a_window_would_hide_something(tmp_path: Path) -> None:
    for name in ("Mistral", "GPTNeo"):
        spec = describe(family_folder(name, tmp_path / name), Options()).spec
        assert spec.hyperparameters["context_length"] == 32
        assert any("window of 32 tokens" in note for note in spec.notes)
    wide = describe(family_folder("Mistral", tmp_path / "wide", sliding_window=4096), Options()).spec
    assert (wide.hyperparameters["context_length"], wide.notes) == (64, ())
    unused = describe(family_folder("Qwen2", tmp_path / "unused", sliding_window=8), Options()).spec
    assert unused.hyperparameters["context_length"] == 32


def test_a_tied_head_is_written_again_where_the_architecture_needs_one(tmp_path: Path) -> None:
    for name in ("GPTNeoX", "GPTJ"):
        described = describe(family_folder(name, tmp_path / name), Options())
        assert np.array_equal(value(described, "output.weight"), value(described, "token_embd.weight"))
    tied = describe(family_folder("Llama", tmp_path / "llama"), Options())
    assert "output.weight" not in {tensor.name for tensor in tied.spec.tensors}


def test_a_head_of_its_own_is_written_whatever_the_settings_say(tmp_path: Path) -> None:
    folder = family_folder("Llama", tmp_path / "a")
    table = weights_of(folder)["model.embed_tokens.weight"]
    described = describe(rewritten(folder, **{"lm_head.weight": table + 1}), Options())
    assert np.array_equal(value(described, "output.weight"), table + 1)
    same = describe(rewritten(folder, **{"lm_head.weight": table}), Options())
    assert same.spec.dropped == {"lm_head.weight": "the same as the token embedding"}


def test_tables_of_older_versions_are_dropped_by_name(tmp_path: Path) -> None:
    llama = rewritten(
        family_folder("Llama", tmp_path / "a"),
        **{"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, "<f4")},
    )
    assert list(describe(llama, Options()).spec.dropped) == ["model.layers.0.self_attn.rotary_emb.inv_freq"]
    masks = {"gpt_neox.layers.0.attention.bias": np.ones((1, 1, 4, 4), "<f4")}
    neox = rewritten(family_folder("GPTNeoX", tmp_path / "b"), **masks)
    assert list(describe(neox, Options()).spec.dropped) == list(masks)
    for name, mask in (("GPTJ", "transformer.h.0.attn.bias"), ("GPTNeo", "transformer.h.0.attn.attention.masked_bias")):
        folder = rewritten(family_folder(name, tmp_path / name), **{mask: np.ones((1, 1, 4, 4), "<f4")})
        assert describe(folder, Options()).spec.dropped == {mask: "a causal mask"}


def test_settings_of_older_versions_mean_the_same(tmp_path: Path) -> None:
    new = describe(
        family_folder(
            "Llama", tmp_path / "a", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 50}
        ),
        Options(),
    )
    old = describe(
        family_folder(
            "Llama", tmp_path / "b", rope_parameters=None, rope_theta=50, rope_scaling={"type": "linear", "factor": 2.0}
        ),
        Options(),
    )
    assert new.spec.hyperparameters == old.spec.hyperparameters
    assert old.spec.hyperparameters["rope.freq_base"] == 50
    pythia = family_folder("GPTNeoX", tmp_path / "c", rope_parameters=None, rotary_pct=0.5, rotary_emb_base=50)
    keys = describe(pythia, Options()).spec.hyperparameters
    assert (keys["rope.dimension_count"], keys["rope.freq_base"]) == (2, 50)


def test_llama_3_s_frequencies_are_left_stretched_or_between(tmp_path: Path) -> None:
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaling |= {"original_max_position_embeddings": 100, "rope_theta": 10000.0}
    table = value(describe(family_folder("Llama", tmp_path, rope_parameters=scaling), Options()), "rope_freqs.weight")
    smooth = (100 / (2 * math.pi * 10) - 1) / 3
    assert table == pytest.approx([1, 1 / ((1 - smooth) / 8 + smooth), 8, 8])


def test_yarn_s_magnitude_is_told_where_it_is_not_the_usual_one(tmp_path: Path) -> None:
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}
    usual = describe(family_folder("Qwen2", tmp_path / "a", rope_parameters=yarn), Options()).spec.hyperparameters
    assert usual["rope.scaling.original_context_length"] == 8
    assert "rope.scaling.attn_factor" not in usual
    own = {**yarn, "attention_factor": 1.5}
    keys = describe(family_folder("Qwen2", tmp_path / "b", rope_parameters=own), Options()).spec.hyperparameters
    assert keys["rope.scaling.attn_factor"] == pytest.approx(1.5 / (0.1 * math.log(4) + 1))


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "longrope": ("Llama", {"rope_parameters": {"rope_type": "longrope"}}, "by the size of the context"),
    "an unknown scaling": ("Llama", {"rope_parameters": None, "rope_scaling": {"type": "spiral"}}, "scaled by spiral"),
    "llama3 in qwen2": ("Qwen2", {"rope_parameters": {"rope_type": "llama3"}}, "no such scaling"),
    "yarn of its own": (
        "Llama",
        {"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "beta_fast": 16}},
        "beta_fast is 16",
    ),
    "yarn without rounding": (
        "Llama",
        {"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "truncate": False}},
        "llama.cpp rounds",
    ),
    "a scaling without a factor": ("Llama", {"rope_parameters": {"rope_type": "linear"}}, "factor is nan"),
    "a scaling that is a list": ("Llama", {"rope_scaling": [1]}, "must be an object"),
    "a part of a head": ("Llama", {"partial_rotary_factor": 0.5}, "rotates all of a head"),
    "an odd head": ("Llama", {"head_dim": 7}, "they come in pairs"),
    "another activation": ("Llama", {"hidden_act": "gelu"}, "uses gelu"),
    "heads that do not divide": ("Qwen2", {"num_key_value_heads": 3}, "not a multiple of 3 heads"),
    "heads of their own": ("Qwen2", {"head_dim": 8}, "heads of another width"),
    "biases in Qwen3": ("Qwen3", {"attention_bias": True}, "biases in its attention"),
    "biases that are not there": ("Llama", {"attention_bias": True}, "q_proj.bias is missing"),
    "no head": ("Llama", {"tie_word_embeddings": False}, "lm_head.weight is missing"),
    "another width": ("Llama", {"intermediate_size": 25}, "does not have the required shape"),
    "a negative window": ("Mistral", {"sliding_window": -1}, "sliding_window is -1"),
    "NeoX with ReLU": ("GPTNeoX", {"hidden_act": "relu"}, "uses relu"),
    "NeoX beyond a head": ("GPTNeoX", {"rope_parameters": {"partial_rotary_factor": 1.5}}, "rotary_pct is 1.5"),
    "NeoX with odd heads": ("GPTNeoX", {"num_attention_heads": 3}, "not a multiple of 3 heads"),
    "GPT-J with ReLU": ("GPTJ", {"activation_function": "relu"}, "uses relu"),
    "GPT-J beyond a head": ("GPTJ", {"rotary_dim": 10}, "rotary_dim is 10"),
    "GPT-Neo with ReLU": ("GPTNeo", {"activation_function": "relu"}, "uses relu"),
    "GPT-Neo without a window": ("GPTNeo", {"window_size": 0}, "window_size is 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_llama_cpp_cannot_do_or_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    family, config, why = REFUSED[name]
    with pytest.raises(ModelError) as caught:
        describe(family_folder(family, tmp_path / "checkpoint", **config), Options())
    assert why in str(caught.value)


def test_a_tensor_beyond_the_family_is_refused(tmp_path: Path) -> None:
    folder = rewritten(family_folder("Qwen2", tmp_path), **{"model.layers.0.self_attn.o_proj.bias": np.ones(16, "<f4")})
    with pytest.raises(ModelError, match=r"o_proj\.bias has no place"):
        describe(folder, Options())


def test_a_checkpoint_with_code_of_its_own_is_refused_before_its_family_is_asked(tmp_path: Path) -> None:
    folder = family_folder("Llama", tmp_path, auto_map={"AutoModelForCausalLM": "modeling_x.X"})
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    with pytest.raises(ModelError, match="Quoth runs none of it"):
        describe(folder, Options())
