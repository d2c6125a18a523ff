"""A GGUF file's header, and what its keys mean."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quoth.errors import ModelError, escaped
from quoth.gguf.tables import BOOL, FILE_TYPES, SCALARS, STRING, TENSOR_TYPES

Scalar = int | float | bool | str

MAX_LAYERS = 512  # LLAMA_MAX_LAYERS in llama-hparams.h


@dataclass(frozen=True, slots=True)
class Array:
    """An array left in the file: its element type, count, and where its bytes are."""

    type: int
    count: int
    offset: int  # bytes from the start of the file
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's name, shape (fastest dimension first), ggml type, offset in the data section and size in bytes."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    size: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def rows_first(self) -> tuple[int, ...]:
        """The shape as numpy has it."""
        return self.shape[::-1]

    @property
    def type_name(self) -> str:
        return TENSOR_TYPES[self.type][0]


@dataclass(frozen=True, slots=True)
class Header:
    """A GGUF header; offsets and sizes are bytes. `tensors` is empty when they were not asked for.

    `places`: where in the file the value of each key of `metadata` stands.
    """

    path: Path
    size: int
    version: int
    metadata: Mapping[str, Scalar]
    arrays: Mapping[str, Array]
    tensors: tuple[Tensor, ...]
    data_offset: int
    places: Mapping[str, int]

    @property
    def by_name(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for tensor in self.tensors}

    def value(self, key: str) -> Scalar | list[Scalar] | None:
        """The value of a key, one or a list; None if it is absent."""
        return self.array(key) if key in self.arrays else self.metadata.get(key)

    def array(self, key: str) -> list[Scalar]:
        """Read an array from the file; an absent one is empty. Text is decoded leniently."""
        array = self.arrays.get(key)
        if array is None:
            return []
        if array.type == STRING:
            return [raw.decode("utf-8", "replace") for raw in self.raw_strings(key)]
        values = struct.unpack(f"<{array.count}{SCALARS[array.type][0]}", self._bytes(array))
        return [bool(value) for value in values] if array.type == BOOL else list(values)

    def raw_strings(self, key: str) -> list[bytes]:
        """Read an array of strings as bytes."""
        array = self.arrays.get(key)
        if array is None or array.type != STRING:
            return []
        data, strings, position = self._bytes(array), [], 0
        length = struct.Struct("<Q").unpack_from
        try:
            for _ in range(array.count):
                end = position + 8 + length(data, position)[0]
                strings.append(data[position + 8 : end])
                position = end
        except struct.error:
            raise _changed(self.path) from None
        return strings

    def _bytes(self, array: Array) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(array.offset)
                data = file.read(array.size)
        except OSError:
            raise _changed(self.path) from None
        if len(data) != array.size:
            raise _changed(self.path)
        return data

    # What the keys mean; a key that is absent or of another type counts as absent.

    def text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def integer(self, key: str, default: int = 0) -> int:
        value = self.metadata.get(key, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def own(self, key: str) -> str:
        """The full name of a key of this architecture."""
        return f"{self.architecture}.{key}"

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    @property
    def name(self) -> str:
        return escaped(self.text("general.name"))

    @property
    def n_ctx_train(self) -> int:
        return self.integer(self.own("context_length"))

    @property
    def n_layers(self) -> int:
        return self.integer(self.own("block_count"))

    @property
    def n_embd(self) -> int:
        return self.integer(self.own("embedding_length"))

    @property
    def n_vocab(self) -> int:
        tokens = self.arrays.get("tokenizer.ggml.tokens")
        return tokens.count if tokens else self.integer(self.own("vocab_size"))

    @property
    def n_head(self) -> tuple[int, ...]:
        """Attention heads of each layer."""
        return self._per_layer("attention.head_count", (0,))

    @property
    def n_head_kv(self) -> tuple[int, ...]:
        """Heads of the KV cache of each layer; 0 where a layer keeps no keys."""
        return self._per_layer("attention.head_count_kv", self.n_head)

    @property
    def key_length(self) -> int:
        return self.integer(self.own("attention.key_length"), self._head_width())

    @property
    def value_length(self) -> int:
        return self.integer(self.own("attention.value_length"), self._head_width())

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def distinct_parameters(self) -> int:
        """`parameters` with an output matrix of the embedding's shape not counted: it is often the same, stored twice.

        A model of 494 million parameters whose file has both counts as 630 million otherwise.
        """
        shapes = {tensor.name: tensor.shape for tensor in self.tensors}
        embedding = shapes.get("token_embd.weight")
        twice = embedding is not None and shapes.get("output.weight") == embedding
        return self.parameters - (math.prod(embedding) if twice and embedding else 0)

    @property
    def quantization(self) -> str:
        """The usual short name: "Q4_K_M"; without general.file_type the commonest type of the matrices."""
        named = FILE_TYPES.get(self.integer("general.file_type", -1), "")
        if named:
            return named
        types = Counter(tensor.type for tensor in self.tensors if len(tensor.shape) > 1)
        return TENSOR_TYPES[types.most_common(1)[0][0]][0] if types else ""

    @property
    def chat_template(self) -> str:
        return self.text("tokenizer.chat_template")

    @property
    def kind(self) -> Literal["chat", "base"]:
        """A model without a chat template continues text; `quoth.kind` overrides that."""
        said = self.text("quoth.kind")
        return "chat" if said == "chat" or (said != "base" and self.chat_template) else "base"

    @property
    def split(self) -> tuple[int, int]:
        """The number of this part, counted from 0, and how many there are."""
        return self.integer("split.no"), max(1, self.integer("split.count", 1))

    @property
    def parts(self) -> tuple[Path, ...]:
        """The files of the model, this one first; llama.cpp finds the others by their names."""
        part, parts = self.split
        ending = f"-{part + 1:05d}-of-{parts:05d}.gguf"
        if part != 0 or not 1 < parts <= 9999 or not self.path.name.endswith(ending):
            return (self.path,)
        stem = self.path.name.removesuffix(ending)
        return tuple(self.path.with_name(f"{stem}-{n:05d}-of-{parts:05d}.gguf") for n in range(1, parts + 1))

    @property
    def weights(self) -> int:
        """Bytes of tensor data in this file."""
        return max(0, self.size - self.data_offset)

    def _head_width(self) -> int:
        heads = max(self.n_head, default=0)
        return self.n_embd // heads if heads > 0 else 0

    def _per_layer(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        layers, name = min(max(self.n_layers, 0), MAX_LAYERS), self.own(key)
        if name in self.arrays:
            return tuple(value if isinstance(value, int) else 0 for value in self.array(name)[:layers])
        if name in self.metadata:
            return (self.integer(name),) * layers
        return default if len(default) == layers else default[:1] * layers


def _changed(path: Path) -> ModelError:
    return ModelError(f"{escaped(path.name)} changed while it was read", try_="Wait until it is complete and try again")
