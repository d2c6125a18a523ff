"""Each family that transformers knows, with random weights: llama.cpp computes from the GGUF what transformers does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from gguf import GGUFReader

from quoth.native import L, LlamaModel
from quoth_converters.families import Options
from quoth_converters.pipeline import describe
from quoth_converters.spec import evaluate
from tests.converters.checkpoints import tokenizer_json
from tests.converters.conversions import convert
from tests.real_model import CACHE, shipped_model
from tests.reference.weights import dequantize, metadata, reference_model

ROWS = 257  # the bytes and an end of text
PADDED = 300
CONTEXT = 96
PROMPT = 50
TOKENS = 40
EXACT = 1e-6
PERMUTED = 1e-5  # where rows of queries and keys are moved

Array = npt.NDArray[Any]
ROPE = {"rope_type": "default", "rope_theta": 5000.0}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 24}
LIKE_LLAMA: dict[str, Any] = {
    "hidden_size": 60,
    "intermediate_size": 88,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": False,
    "rope_parameters": ROPE,
}
LIKE_NEOX: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 104,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "max_position_embeddings": CONTEXT,
    "rope_parameters": {**ROPE, "partial_rotary_factor": 0.25},
}
LIKE_GPTJ: dict[str, Any] = {"n_embd": 48, "n_layer": 3, "n_head": 3, "n_positions": CONTEXT, "rotary_dim": 8}
LIKE_NEO: dict[str, Any] = {
    "hidden_size": 48,
    "num_layers": 4,
    "num_heads": 3,
    "max_position_embeddings": 2 * CONTEXT,
    "window_size": CONTEXT,
    "attention_types": [[["global", "local"], 2]],
}


@dataclass(frozen=True, slots=True)
class Case:
    """A model of transformers: the name of its classes, its settings, and the error that is allowed."""

    name: str
    settings: dict[str, Any]
    bound: float = EXACT
    rows: int = ROWS

    def write(self, folder: Path) -> Any:
        """Save random weights as transformers does, a tokenizer beside them, and give the model."""
        torch.manual_seed(7)
        config = getattr(transformers, f"{self.name}Config")(
            vocab_size=self.rows, bos_token_id=None, eos_token_id=None, initializer_range=0.25, **self.settings
        )
        model = getattr(transformers, f"{self.name}{_head(self.name)}")(config).eval()
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if weights.dim() == 1:  # norms and biases begin as ones and zeros, which hide a mistake
                    weights.add_(torch.randn_like(weights) * 0.2)
                if name.endswith("query_key_value.weight"):
                    weights.mul_(1.5)
        model.save_pretrained(folder)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
        return model


def _head(name: str) -> str:
    return "LMHeadModel" if name == "GPT2" else "ForCausalLM"


CASES = {
    "GPT-2": Case("GPT2", {"n_embd": 48, "n_layer": 3, "n_head": 3, "n_positions": CONTEXT, "n_inner": 100}),
    "Llama": Case("Llama", LIKE_LLAMA, PERMUTED),
    "Llama, tied and padded": Case("Llama", {**LIKE_LLAMA, "tie_word_embeddings": True}, PERMUTED, PADDED),
    "Llama, biases": Case("Llama", {**LIKE_LLAMA, "attention_bias": True, "mlp_bias": True}, PERMUTED),
    "Llama, wide heads": Case("Llama", {**LIKE_LLAMA, "head_dim": 16}, PERMUTED),
    "Llama, llama3 positions": Case("Llama", {**LIKE_LLAMA, "rope_parameters": LLAMA3}, PERMUTED),
    "Llama, linear positions": Case(
        "Llama", {**LIKE_LLAMA, "rope_parameters": {**ROPE, "rope_type": "linear", "factor": 3.0}}, PERMUTED
    ),
    "Llama, yarn": Case("Llama", {**LIKE_LLAMA, "rope_parameters": YARN}, PERMUTED),
    "Llama, dynamic positions": Case(
        "Llama", {**LIKE_LLAMA, "rope_parameters": {**ROPE, "rope_type": "dynamic", "factor": 3.0}}, PERMUTED
    ),
    "Mistral, no window": Case("Mistral", {**LIKE_LLAMA, "sliding_window": None}, PERMUTED),
    "Mistral, window": Case(
        "Mistral", {**LIKE_LLAMA, "max_position_embeddings": 4 * CONTEXT, "sliding_window": CONTEXT}, PERMUTED
    ),
    "Qwen2": Case("Qwen2", LIKE_LLAMA),
    "Qwen2, tied, yarn": Case("Qwen2", {**LIKE_LLAMA, "tie_word_embeddings": True, "rope_parameters": YARN}),
    "Qwen3": Case("Qwen3", {**LIKE_LLAMA, "head_dim": 16}),
    "GPT-NeoX": Case("GPTNeoX", LIKE_NEOX, rows=PADDED),
    "GPT-NeoX, in sequence": Case("GPTNeoX", {**LIKE_NEOX, "use_parallel_residual": False}),
    "GPT-NeoX, tied, no biases": Case("GPTNeoX", {**LIKE_NEOX, "tie_word_embeddings": True, "attention_bias": False}),
    "GPT-J": Case("GPTJ", LIKE_GPTJ, PERMUTED, PADDED),
    "GPT-J, a part that divides no head": Case("GPTJ", {**LIKE_GPTJ, "rotary_dim": 6}, PERMUTED),
    "GPT-J, tied, all of a head": Case("GPTJ", {**LIKE_GPTJ, "rotary_dim": 16, "tie_word_embeddings": True}, PERMUTED),
    "GPT-Neo": Case("GPTNeo", LIKE_NEO),
}


@contextmanager
def context_of(model: LlamaModel, n_ctx: int) -> Iterator[Any]:
    """A context with nothing rounded that need not be: keys and values in F32, no flash attention."""
    params = L.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = n_ctx
    params.type_k = params.type_v = L.GGML_TYPE_F32
    params.flash_attn_type = L.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.n_threads = params.n_threads_batch = 1
    context = L.llama_init_from_model(model.pointer, params)
    assert context
    yield context
    L.llama_free(context)


def decode(context: Any, tokens: Sequence[int], position: int, width: int) -> Array:
    """Logits after each of these tokens, as llama.cpp computes them."""
    batch = L.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index], batch.logits[index] = token, position + index, True
        batch.n_seq_id[index] = 1
        batch.seq_id[index][0] = 0
    assert L.llama_decode(context, batch) == 0
    rows = [np.ctypeslib.as_array(L.llama_get_logits_ith(context, index), (width,)) for index in range(len(tokens))]
    copied = np.array(rows, np.float64)
    L.llama_batch_free(batch)
    return copied


def continued(context: Any, prompt: Sequence[int], width: int) -> list[int]:
    """The likeliest next token, forty times, one at a time."""
    tokens, row = list(prompt), decode(context, prompt, 0, width)[-1]
    for _ in range(TOKENS):
        tokens.append(int(row.argmax()))
        row = decode(context, tokens[-1:], len(tokens) - 1, width)[-1]
    return tokens


def reference(model: Any, tokens: Sequence[int]) -> Array:
    """Logits after each token, as transformers computes them, without the rows of padding."""
    with torch.inference_mode():
        values = model(torch.tensor([list(tokens)])).logits[0, :, :ROWS].double().numpy()
    return np.asarray(values)


@dataclass(frozen=True, slots=True)
class Compared:
    """Both programs' logits after each token of a prompt and what llama.cpp wrote behind it."""

    tokens: tuple[int, ...]
    found: Array
    wanted: Array

    @property
    def nmse(self) -> float:
        """Mean squared error over the mean square."""
        return float(((self.found - self.wanted) ** 2).mean() / (self.wanted**2).mean())

    @property
    def clear(self) -> Array:
        """Where the reference's best two are further apart than both programs' noise."""
        best = np.sort(self.wanted, axis=1)
        return np.asarray(best[:, -1] - best[:, -2] > 2 * np.abs(self.found - self.wanted).max())


def compare(file: Path, width: int, source: Any) -> Compared:
    """A converted file against the model it was made from."""
    model = LlamaModel(file)
    prompt = np.random.default_rng(3).integers(0, ROWS - 1, PROMPT).tolist()
    with context_of(model, CONTEXT) as context:
        tokens = continued(context, prompt, width)
    with context_of(model, CONTEXT) as context:
        found = decode(context, tokens, 0, width)[:, :ROWS]
    model.close()
    return Compared(tuple(tokens), found, reference(source, tokens))


@pytest.mark.parametrize("name", CASES)
def test_a_family_computes_what_transformers_does(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    source = case.write(tmp_path / "checkpoint")
    made = convert(tmp_path / "checkpoint", tmp_path / "m.gguf", outtype="f32")
    compared = compare(made.path, len(made.spec.vocabulary), source)

    best = compared.wanted.argmax(1)
    assert compared.nmse < case.bound
    assert compared.clear.mean() > 0.9
    assert (compared.found.argmax(1) == best)[compared.clear].all()
    greedy = best[PROMPT - 1 : -1] == compared.tokens[PROMPT:]
    assert greedy[compared.clear[PROMPT - 1 : -1]].all()


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "positions that are not scaled": ("Llama, llama3 positions", {"rope_parameters": {"rope_theta": 500.0}}),
    "another base": ("Qwen3", {"rope_parameters": {"rope_theta": 4000.0}}),
    "a magnitude of its own": ("Qwen2, tied, yarn", {"rope_parameters": {**YARN, "attention_factor": 1.0}}),
    "another part of a head": ("GPT-NeoX", {"rope_parameters": {**ROPE, "partial_rotary_factor": 0.5}}),
    "in sequence": ("GPT-NeoX", {"use_parallel_residual": False}),
    "fewer dimensions": ("GPT-J", {"rotary_dim": 4}),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_comparison_sees_settings_that_are_wrong(name: str, tmp_path: Path) -> None:
    case, changes = WRONG[name]
    source = CASES[case].write(tmp_path / "checkpoint")
    config = json.loads((tmp_path / "checkpoint" / "config.json").read_text())
    (tmp_path / "checkpoint" / "config.json").write_text(json.dumps({**config, **changes}))
    made = convert(tmp_path / "checkpoint", tmp_path / "m.gguf", outtype="f32")
    assert compare(made.path, len(made.spec.vocabulary), source).nmse > 100 * CASES[case].bound


@pytest.mark.timeout(300)  # half a gigabyte is written and read again
def test_a_real_llama_comes_back_from_transformers_bit_for_bit(tmp_path: Path) -> None:
    file = dequantize(shipped_model(), CACHE / "SmolLM2-135M-Instruct.F32.gguf")
    reference_model(file).save_pretrained(tmp_path)
    made = describe(tmp_path, Options(tokenizer=file))
    reader = GGUFReader(file)
    original = {tensor.name: tensor.data for tensor in reader.tensors}
    assert {tensor.name for tensor in made.spec.tensors} == original.keys()
    for tensor in made.spec.tensors:
        assert np.array_equal(evaluate(tensor.value, made.source.tensors), original[tensor.name]), tensor.name
    known = metadata(reader)
    for name, value in made.spec.hyperparameters.items():
        assert known.get(f"llama.{name}", value) == pytest.approx(value), name
    assert (made.spec.kind, list(made.spec.vocabulary.special)) == ("chat", ["bos", "eos", "pad", "unk", "eot"])
