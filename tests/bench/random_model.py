"""A GGUF of 1.7B shape with random weights: speed and memory need no true ones.

The format is ggml's docs/gguf.md; a Q8_0 block is a half-precision scale and 32 signed bytes (block_q8_0 in
ggml-common.h). The vocabulary and the chat template are those of another file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy

from quoth.gguf import Header, read_header
from tests.gguf_files import ARRAY, Value, encode, text

F32, Q8_0 = 0, 8  # enum ggml_type
BLOCK, BLOCK_BYTES = 32, 34
MOSTLY_Q8_0 = 7  # enum llama_ftype
SCALE = 0.02 / 73  # bytes spread evenly have a deviation of 73; weights then have the usual 0.02


@dataclass(frozen=True, slots=True)
class Shape:
    """A llama architecture with tied embeddings. The defaults are those of SmolLM2-1.7B."""

    n_layer: int = 24
    n_embd: int = 2048
    n_ff: int = 8192
    n_head: int = 32
    n_ctx: int = 8192

    def tensors(self, n_vocab: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes, the fastest dimension first."""
        yield "token_embd.weight", (self.n_embd, n_vocab)
        yield "output_norm.weight", (self.n_embd,)
        for layer in range(self.n_layer):
            for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
                yield f"blk.{layer}.{name}.weight", (self.n_embd, self.n_embd)
            for name in ("ffn_gate", "ffn_up"):
                yield f"blk.{layer}.{name}.weight", (self.n_embd, self.n_ff)
            yield f"blk.{layer}.ffn_down.weight", (self.n_ff, self.n_embd)
            for name in ("attn_norm", "ffn_norm"):
                yield f"blk.{layer}.{name}.weight", (self.n_embd,)


def write_random_model(target: Path, vocabulary: Path, shape: Shape = Shape(), seed: int = 1) -> None:
    """Write a model whose vocabulary and chat template are those of the GGUF `vocabulary`."""
    source = read_header(vocabulary)
    tensors = [
        (name, dims, _bytes_of(dims)) for name, dims in shape.tensors(source.arrays["tokenizer.ggml.tokens"].count)
    ]
    keys = [*_metadata(shape, source), *_arrays(source)]
    with target.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)))
        file.write(b"".join(keys))
        offset = 0
        for name, dims, size in tensors:
            kind = Q8_0 if len(dims) == 2 else F32
            file.write(text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset))
            offset += _aligned(size)
        file.write(bytes(-file.tell() % 32))
        random = numpy.random.default_rng(seed)
        for _, dims, size in tensors:
            _write_values(file, dims, random)
            file.write(bytes(_aligned(size) - size))


def _metadata(shape: Shape, source: Header) -> list[bytes]:
    own: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": "Random 1.7B",
        "general.file_type": MOSTLY_Q8_0,
        "llama.block_count": shape.n_layer,
        "llama.context_length": shape.n_ctx,
        "llama.embedding_length": shape.n_embd,
        "llama.feed_forward_length": shape.n_ff,
        "llama.attention.head_count": shape.n_head,
        "llama.attention.head_count_kv": shape.n_head,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": shape.n_embd // shape.n_head,
        "llama.rope.freq_base": 130000.0,
        "llama.vocab_size": source.arrays["tokenizer.ggml.tokens"].count,
    }
    tokenizer = {key: value for key, value in source.metadata.items() if key.startswith("tokenizer.")}
    return [text(key) + encode(value) for key, value in {**own, **tokenizer}.items()]


def _arrays(source: Header) -> Iterator[bytes]:
    """The tokenizer's arrays, byte for byte."""
    with source.path.open("rb") as file:
        for key, array in source.arrays.items():
            if key.startswith("tokenizer."):
                file.seek(array.offset)
                yield text(key) + struct.pack("<IIQ", ARRAY, array.type, array.count) + file.read(array.size)


def _bytes_of(dims: tuple[int, ...]) -> int:
    return prod(dims) // BLOCK * BLOCK_BYTES if len(dims) == 2 else prod(dims) * 4


def _aligned(size: int) -> int:
    return size + -size % 32


def _write_values(file: BinaryIO, dims: tuple[int, ...], random: numpy.random.Generator) -> None:
    if len(dims) == 1:
        file.write(numpy.ones(dims, numpy.float32).tobytes())
        return
    blocks = numpy.frombuffer(random.bytes(_bytes_of(dims)), numpy.uint8).reshape(-1, BLOCK_BYTES).copy()
    blocks[:, :2] = numpy.frombuffer(numpy.float16(SCALE).tobytes(), numpy.uint8)
    file.write(blocks.tobytes())
