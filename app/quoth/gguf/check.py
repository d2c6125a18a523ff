"""Refuse a GGUF file that would make llama.cpp abort the process it is loaded in.

llama.cpp reports most of what is wrong with a file, but some of it only as a failed GGML_ASSERT, which calls
abort(), or as a division by zero. The rules here are those asserts: llama_model_base::load_hparams and
llama_vocab::impl::load (llama-model.cpp, llama-vocab.cpp), ggml_norm and ggml_rope (ggml.c). They do not make a
file safe: one that passes is still loaded once in a worker before it is trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from quoth.errors import ModelError, escaped
from quoth.gguf.header import MAX_LAYERS, Header
from quoth.gguf.tables import INTEGERS, STRING

_I31: Final = 2**31 - 1

# Key of the architecture, least, most, required.
_INTEGERS: Final = (
    ("block_count", 1, MAX_LAYERS, True),
    ("context_length", 1, _I31, True),
    ("embedding_length", 1, 1 << 20, True),
    ("embedding_length_out", 0, 1 << 20, False),
    ("vocab_size", 1, _I31, False),
    ("attention.key_length", 1, 1 << 16, False),
    ("attention.value_length", 1, 1 << 16, False),
    ("attention.sliding_window", 0, _I31, False),
    ("attention.group_norm_groups", 1, 1 << 16, False),
    ("rope.scaling.original_context_length", 1, _I31, False),
    ("expert_count", 0, 1024, False),  # LLAMA_MAX_EXPERTS
    ("ssm.conv_kernel", 1, 1 << 16, False),
    ("ssm.state_size", 1, 1 << 20, False),
    ("ssm.inner_size", 1, 1 << 20, False),
    ("wkv.head_size", 1, 1 << 16, False),
)
# Key of the architecture, least. All must be finite.
_REALS: Final = (
    ("attention.layer_norm_epsilon", 0.0),
    ("attention.layer_norm_rms_epsilon", 0.0),
    ("attention.group_norm_epsilon", 0.0),
    ("attention.clamp_kqv", -math.inf),
    ("attention.max_alibi_bias", 0.0),
    ("attention.scale", -math.inf),
    ("attn_logit_softcapping", -math.inf),
    ("final_logit_softcapping", -math.inf),
    ("logit_scale", -math.inf),
    ("rope.freq_base", 1e-6),
    ("rope.freq_base_swa", 1e-6),
    ("rope.scaling.factor", 0.0),
    ("rope.scale_linear", 0.0),
    ("rope.scaling.attn_factor", -math.inf),
)
_ROPE_SCALING: Final = ("none", "linear", "yarn", "longrope")
_WITHOUT_HEADS: Final = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
_EXPERTS_OPTIONAL: Final = frozenset({"hunyuan-dense", "hunyuan_vl"})  # llama.cpp takes one expert there as none
_NOT_TEXT: Final = {
    "clip": "it is the picture half (mmproj) of a model",
    "adapter": "it is a LoRA adapter",
    "mmproj": "it is the picture half (mmproj) of a model",
    "imatrix": "it is an importance matrix for quantizing",
    "wavtokenizer-dec": "it writes sound, not text",
    "t5": "it is an encoder and a decoder, which is not supported",
}
_ENCODERS: Final = (
    "bert",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "llama-embed",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "t5encoder",
)
# Ids that llama.cpp would silently replace by a default if they were outside of the vocabulary.
_TOKEN_IDS: Final = ("bos", "eos", "eot", "eom")


def check(header: Header) -> None:
    """Raise ModelError, in one sentence, if the file cannot be a language model that llama.cpp loads."""
    for problems in (_role, _sizes, _heads, _rope, _experts, _vocabulary):
        for why in problems(header):
            raise ModelError(
                f"{escaped(header.path.name)} cannot be loaded", why, "Try another file, or `quoth models` for a list"
            )


def _role(header: Header) -> Iterator[str]:
    for value in (header.text("general.type"), header.architecture):
        if value in _NOT_TEXT:
            yield f"{_NOT_TEXT[value]}; give the model itself"
    if header.architecture in _ENCODERS:
        yield "it makes embeddings and writes no text"
    if not header.architecture:
        yield "it does not say its architecture"
    part, parts = header.split
    if part != 0:
        yield f"it is part {part + 1} of {parts}; give part 1"
    if parts > 9999:
        yield f"it claims to have {parts:,} parts"
    missing = [path.name for path in header.parts if not path.is_file()]
    if missing:
        yield f"{escaped(missing[0])}, one of its {parts} parts, is missing"


def _sizes(header: Header) -> Iterator[str]:
    for name, least, most, required in _INTEGERS:
        key = header.own(name)
        if key in header.arrays:
            yield f"{escaped(key)} is a list"
        value = header.metadata.get(key)
        if value is None:
            if required:
                yield f"{escaped(key)} is missing"
        elif isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield f"{escaped(key)} is {escaped(str(value))}, not between {least} and {most}"
    for name, least_real in _REALS:
        key = header.own(name)
        real = header.metadata.get(key)
        if real is not None and (not isinstance(real, float) or not math.isfinite(real) or real < least_real):
            yield f"{escaped(key)} is {escaped(str(real))}"
    if not 0 <= header.integer(header.own("nextn_predict_layers")) <= header.n_layers:
        yield "it has more prediction layers than layers"


def _heads(header: Header) -> Iterator[str]:
    for name in ("attention.head_count", "attention.head_count_kv"):
        array = header.arrays.get(header.own(name))
        if array and (array.type not in INTEGERS or array.count != header.n_layers):
            yield f"{header.own(name)} does not have one number for each of {header.n_layers} layers"
    heads, heads_kv = header.n_head, header.n_head_kv
    if any(not 0 <= count <= 1024 for count in heads + heads_kv):
        yield "a layer has an impossible number of attention heads"
    if header.architecture in _WITHOUT_HEADS:
        return
    if not any(heads):
        yield "attention.head_count is missing or 0"
    if not any(heads_kv):
        yield "attention.head_count_kv is 0"
    if any(kv and count % kv for count, kv in zip(heads, heads_kv, strict=True)):
        yield "attention.head_count is not a multiple of attention.head_count_kv"
    if header.key_length < 1 or header.value_length < 1:
        yield "embedding_length is smaller than attention.head_count"


def _rope(header: Header) -> Iterator[str]:
    scaling = header.metadata.get(header.own("rope.scaling.type"), "none")
    if scaling not in _ROPE_SCALING:
        yield f"rope.scaling.type is {escaped(str(scaling))!r}"
    for suffix in ("", "_swa"):
        width = header.integer(header.own(f"attention.key_length{suffix}"), header.key_length)
        rotated = header.integer(header.own(f"rope.dimension_count{suffix}"))
        if rotated < 0 or rotated % 2 or (width > 0 and rotated > width):
            yield f"rope.dimension_count{suffix} is {rotated}, which is odd or more than a head's width of {width}"


def _experts(header: Header) -> Iterator[str]:
    count = header.integer(header.own("expert_count"))
    if count <= 1 and header.architecture in _EXPERTS_OPTIONAL:
        return
    key = header.own("expert_used_count")
    values = header.array(key) if key in header.arrays else [header.integer(key)]
    used = max((value for value in values if isinstance(value, int)), default=0)
    groups = header.integer(header.own("expert_group_count"))
    chosen = header.integer(header.own("expert_group_used_count"))
    if used < 0 or used > count or (count > 0 and used == 0):
        yield f"it uses {used} of {count} experts"
    if groups < 0 or (count > 0 and groups >= count) or (count == 0 and groups):
        yield f"it has {count} experts in {groups} groups"
    if groups > 1 and (count % groups or not 0 < chosen < groups):
        yield f"it has {count} experts in {groups} groups and uses {chosen}"


def _vocabulary(header: Header) -> Iterator[str]:
    if header.text("tokenizer.ggml.model") in ("none", "no_vocab"):
        yield "it has no vocabulary"
        return
    tokens = header.arrays.get("tokenizer.ggml.tokens")
    if tokens is None or tokens.type != STRING or tokens.count == 0:
        yield "its vocabulary is empty or missing"
        return
    for key in ("tokenizer.ggml.scores", "tokenizer.ggml.token_type"):
        if key in header.arrays and header.arrays[key].count < tokens.count:
            yield f"{key} is shorter than the vocabulary"
    for name in _TOKEN_IDS:
        token = header.metadata.get(f"tokenizer.ggml.{name}_token_id")
        if token is not None and not (isinstance(token, int) and 0 <= token < tokens.count):
            yield f"{name}_token_id is {escaped(str(token))}, outside of a vocabulary of {tokens.count}"
    # llama.cpp reads each string up to its first NUL and names the empty ones itself.
    strings = header.raw_strings("tokenizer.ggml.tokens")
    named = [string.partition(b"\0")[0] or b"[EMPTY_%d]" % index for index, string in enumerate(strings)]
    if len(set(named)) != len(named):
        yield f"{len(named) - len(set(named))} of its {len(named)} tokens appear twice"
