"""GGUF files for tests: a tiny model that llama.cpp loads, and files that are wrong in a named way."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
_CODES: Final = {U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q"}

CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A value with a GGUF type of its own; a list is an array of that type."""

    type: int
    value: object


@dataclass(frozen=True, slots=True)
class FloatTensor:
    """A tensor of F32 values; the shape has the fastest dimension first."""

    name: str
    shape: tuple[int, ...]
    values: Sequence[float] = field(repr=False)


Value = Typed | str | bool | int | float | list[str] | list[int] | list[float]


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def encode(value: Value) -> bytes:
    """A value with its type in front."""
    kind, content = _typed(value)
    if isinstance(content, list):
        return struct.pack("<IIQ", ARRAY, kind, len(content)) + b"".join(_plain(kind, each) for each in content)
    return struct.pack("<I", kind) + _plain(kind, content)


def _typed(value: Value) -> tuple[int, object]:
    if isinstance(value, Typed):
        return value.type, value.value
    example = value[0] if isinstance(value, list) and value else value
    if isinstance(example, bool):
        return BOOL, value
    return (STRING if isinstance(example, str) else F32 if isinstance(example, float) else U32), value


def _plain(kind: int, value: object) -> bytes:
    if kind == STRING:
        assert isinstance(value, str | bytes)
        return text(value)
    return struct.pack(f"<{_CODES[kind]}", value)


def gguf_bytes(
    metadata: Mapping[str, Value],
    tensors: Sequence[FloatTensor] = (),
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_keys: int | None = None,
) -> bytes:
    """A GGUF file, aligned to 32 bytes. The counts may be made to lie."""
    counts = struct.pack(
        "<QQ",
        len(tensors) if n_tensors is None else n_tensors,
        len(metadata) if n_keys is None else n_keys,
    )
    header = magic + struct.pack("<I", version) + counts
    header += b"".join(text(key) + encode(value) for key, value in metadata.items())
    data = b""
    for tensor in tensors:
        header += text(tensor.name) + struct.pack("<I", len(tensor.shape))
        header += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape) + struct.pack("<IQ", 0, len(data))
        data += _padded(struct.pack(f"<{len(tensor.values)}f", *tensor.values))
    return _padded(header) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 32)


def vocabulary() -> list[str]:
    """The 256 characters that stand for bytes in GPT-2's tokenizer, three control tokens and a merged one."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [chr(256 + index) for index in range(256 - len(printable))]
    return [*(chr(code) for code in printable), *others, "<|endoftext|>", "<|im_start|>", "<|im_end|>", "\u0120t"]


def tiny_metadata(**changes: Value | None) -> dict[str, Value]:
    """The keys of a model of two layers. A change of None leaves the key out; "__" in a name stands for a dot."""
    tokens = vocabulary()
    control = len(tokens) - 4
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.type": "model",
        "general.file_type": 0,
        "llama.block_count": 2,
        "llama.context_length": 256,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 8,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": Typed(I32, [3 if control <= i < control + 3 else 1 for i in range(len(tokens))]),
        "tokenizer.ggml.merges": ["\u0120 t"],
        "tokenizer.ggml.bos_token_id": control,
        "tokenizer.ggml.eos_token_id": control + 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHATML,
    }
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            metadata.pop(key, None)
        else:
            metadata[key] = value
    return metadata


def tiny_tensors(seed: int = 0) -> list[FloatTensor]:
    """Random weights for `tiny_metadata`."""
    generator, n_vocab = random.Random(seed), len(vocabulary())

    def matrix(name: str, *shape: int) -> FloatTensor:
        count = shape[0] * shape[1]
        return FloatTensor(name, shape, [generator.gauss(0.0, 0.1) for _ in range(count)])

    def ones(name: str) -> FloatTensor:
        return FloatTensor(name, (32,), [1.0] * 32)

    tensors = [matrix("token_embd.weight", 32, n_vocab), ones("output_norm.weight")]
    for layer in range(2):
        block = f"blk.{layer}."
        tensors += [
            ones(f"{block}attn_norm.weight"),
            matrix(f"{block}attn_q.weight", 32, 32),
            matrix(f"{block}attn_k.weight", 32, 16),
            matrix(f"{block}attn_v.weight", 32, 16),
            matrix(f"{block}attn_output.weight", 32, 32),
            ones(f"{block}ffn_norm.weight"),
            matrix(f"{block}ffn_gate.weight", 32, 64),
            matrix(f"{block}ffn_up.weight", 32, 64),
            matrix(f"{block}ffn_down.weight", 64, 32),
        ]
    return [*tensors, matrix("output.weight", 32, n_vocab)]


def tiny_bytes(**changes: Value | None) -> bytes:
    """A model of two layers and 260 tokens that llama.cpp loads, unless the changes prevent it."""
    return gguf_bytes(tiny_metadata(**changes), tiny_tensors())


def write_tiny(path: Path, **changes: Value | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_bytes(**changes))
    return path


def _cut(size: Callable[[int], int]) -> Callable[[], bytes]:
    def make() -> bytes:
        whole = tiny_bytes()
        return whole[: size(len(whole))]

    return make


def _hostile(kind: int, tail: bytes) -> Callable[[], bytes]:
    """A valid header whose last key claims more than there is."""

    def make() -> bytes:
        start = gguf_bytes({"general.architecture": "llama"}, n_keys=2).rstrip(b"\0")
        return start + text("hostile") + struct.pack("<I", kind) + tail

    return make


def _with(**changes: Value | None) -> Callable[[], bytes]:
    return lambda: tiny_bytes(**changes)


def _twice(tokens: list[str]) -> list[str]:
    return [*tokens[:-1], tokens[0]]


# What is wrong: how the bytes are made. Each must be refused with a sentence before llama.cpp sees the file.
CORRUPT: Final[dict[str, Callable[[], bytes]]] = {
    "empty": lambda: b"",
    "zeroes": lambda: bytes(4096),
    "wrong magic": lambda: b"GOOF" + tiny_bytes()[4:],
    "magic alone": lambda: b"GGUF",
    "web page": lambda: b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "zip": lambda: b"PK\x03\x04" + bytes(100),
    "pickle": lambda: b"\x80\x02}q\x00." + bytes(100),
    "safetensors": lambda: struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}}' + bytes(100),
    "git lfs pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "old ggml": lambda: b"lmgg" + bytes(100),
    "version 1": lambda: gguf_bytes(tiny_metadata(), version=1),
    "version 99": lambda: gguf_bytes(tiny_metadata(), version=99),
    "big-endian": lambda: b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "cut in the header": _cut(lambda size: 2000),
    "cut in half": _cut(lambda size: size // 2),
    "cut by one byte": _cut(lambda size: size - 1),
    "a count of 2^63 keys": lambda: gguf_bytes(tiny_metadata(), n_keys=1 << 63),
    "a count of 2^63 tensors": lambda: gguf_bytes(tiny_metadata(), n_tensors=1 << 63),
    "a text of 2^64-1 bytes": _hostile(STRING, struct.pack("<Q", (1 << 64) - 1)),
    "an array of 2^62 texts": _hostile(ARRAY, struct.pack("<IQ", STRING, 1 << 62)),
    "an array of 2^61 numbers": _hostile(ARRAY, struct.pack("<IQ", U64, 1 << 61)),
    "an array of texts with one of 2^63 bytes": _hostile(ARRAY, struct.pack("<IQQ", STRING, 2, 1 << 63) + bytes(64)),
    "an array of arrays": _hostile(ARRAY, struct.pack("<IQ", ARRAY, 1)),
    "an unknown type": _hostile(77, bytes(16)),
    "an odd alignment": _with(general__alignment=48),
    "block_count 0": _with(llama__block_count=0),
    "block_count 513": _with(llama__block_count=513),
    "no block_count": _with(llama__block_count=None),
    "context_length 0": _with(llama__context_length=0),
    "context_length 2^32-1": _with(llama__context_length=(1 << 32) - 1),
    "embedding_length 0": _with(llama__embedding_length=0),
    "head_count 0": _with(llama__attention__head_count=0),
    "head_count_kv 0": _with(llama__attention__head_count_kv=0),
    "head_count_kv 3": _with(llama__attention__head_count_kv=3),
    "head_count of three layers": _with(llama__attention__head_count=[4, 4, 4]),
    "eps NaN": _with(llama__attention__layer_norm_rms_epsilon=float("nan")),
    "eps negative": _with(llama__attention__layer_norm_rms_epsilon=-1.0),
    "rope base infinite": _with(llama__rope__freq_base=float("inf")),
    "rope base 0": _with(llama__rope__freq_base=0.0),
    "rope scaling unknown": _with(llama__rope__scaling__type="sideways"),
    "rope dimensions odd": _with(llama__rope__dimension_count=7),
    "rope dimensions too many": _with(llama__rope__dimension_count=16),
    "more experts used than there are": _with(llama__expert_used_count=2),
    "1025 experts": _with(llama__expert_count=1025, llama__expert_used_count=2),
    "no expert used": _with(llama__expert_count=8),
    "eos out of range": _with(tokenizer__ggml__eos_token_id=260),
    "bos out of range": _with(tokenizer__ggml__bos_token_id=1 << 31),
    "no vocabulary": _with(tokenizer__ggml__tokens=None),
    "an empty vocabulary": _with(tokenizer__ggml__tokens=Typed(STRING, [])),
    "duplicate tokens": _with(tokenizer__ggml__tokens=_twice(vocabulary())),
    "duplicate tokens by NUL": _with(tokenizer__ggml__tokens=[*vocabulary()[:-1], "!\0"]),
    "too few token types": _with(tokenizer__ggml__token_type=Typed(I32, [1])),
    "no architecture": _with(general__architecture=None),
    "a projector": _with(general__type="mmproj", general__architecture="clip"),
    "a LoRA adapter": _with(general__type="adapter"),
    "an encoder": _with(general__architecture="bert"),
    "part 2 of 3": _with(split__no=1, split__count=3),
    "part 1 of 3 alone": _with(split__no=0, split__count=3),
}


def write_corrupt(name: str, path: Path) -> Path:
    """Write one of CORRUPT, or "a folder" or "a pipe" (where there are pipes)."""
    if name == "a folder":
        path.mkdir()
    elif name == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(CORRUPT[name]())
    return path
