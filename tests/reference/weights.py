"""The demonstration model's weights twice: as a float32 GGUF for llama.cpp, and in transformers' Llama."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from transformers import LlamaConfig, LlamaForCausalLM

Array = npt.NDArray[np.float32]

# GGUF's name of a tensor within a block, and the name of the same in transformers' Llama.
BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def dequantize(source: Path, target: Path) -> Path:
    """Write `target`, the model of `source` with every tensor in float32; an existing file is kept."""
    if target.exists():
        return target
    reader = GGUFReader(source)
    part = target.with_suffix(f".{os.getpid()}.part")
    writer = GGUFWriter(part, metadata(reader)["general.architecture"])
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue  # the writer's own
        value = int(LlamaFileType.ALL_F32) if field.name == "general.file_type" else field.contents()
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, field.types[0], inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(target)
    return target


def metadata(reader: GGUFReader) -> dict[str, Any]:
    """The numbers and texts of a file's header, without its arrays."""
    fields = reader.fields.values()
    return {field.name: field.contents() for field in fields if field.types and field.types[0] != GGUFValueType.ARRAY}


def reference_model(path: Path, *, rotary_halves: bool = True) -> LlamaForCausalLM:
    """A float32 GGUF of the llama architecture in transformers.

    llama.cpp rotates neighbouring rows of a head, transformers the two halves of it, so the rows of q and k stand in
    another order there. `rotary_halves=False` leaves them as llama.cpp has them: a model that is subtly wrong.
    """
    reader = GGUFReader(path)
    config = configuration(metadata(reader))
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    state: dict[str, torch.Tensor] = {}
    for tensor in reader.tensors:
        values = np.array(tensor.data, dtype=np.float32)  # a copy: the file is mapped read-only
        kind = tensor.name.split(".")[-2]
        if rotary_halves and kind in heads:
            values = neighbours_to_halves(values, heads[kind])
        state[transformers_name(tensor.name)] = torch.from_numpy(values)
    model = LlamaForCausalLM(config).eval()
    model.load_state_dict({**state, "lm_head.weight": state["model.embed_tokens.weight"]}, strict=True)
    return model


def configuration(known: dict[str, Any]) -> LlamaConfig:
    """The header of a llama GGUF as transformers says it."""
    return LlamaConfig(
        vocab_size=known["llama.vocab_size"],
        hidden_size=known["llama.embedding_length"],
        intermediate_size=known["llama.feed_forward_length"],
        num_hidden_layers=known["llama.block_count"],
        num_attention_heads=known["llama.attention.head_count"],
        num_key_value_heads=known["llama.attention.head_count_kv"],
        max_position_embeddings=known["llama.context_length"],
        rms_norm_eps=known["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": known["llama.rope.freq_base"]},
        bos_token_id=known["tokenizer.ggml.bos_token_id"],
        eos_token_id=known["tokenizer.ggml.eos_token_id"],
        pad_token_id=known["tokenizer.ggml.padding_token_id"],
        tie_word_embeddings=True,
        attention_bias=False,
        mlp_bias=False,
    )


def transformers_name(name: str) -> str:
    """The name in transformers' Llama of a GGUF tensor."""
    outer = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if name in outer:
        return outer[name]
    _, block, kind, _ = name.split(".")
    return f"model.layers.{block}.{BLOCK[kind]}.weight"


def neighbours_to_halves(rows: Array, heads: int) -> Array:
    """Rows [heads * size, columns] whose rotated pairs stand side by side, with the pairs half a head apart."""
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, rows.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))
