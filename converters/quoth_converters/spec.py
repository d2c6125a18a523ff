"""What a checkpoint becomes, as data: each tensor of the GGUF as an expression over the checkpoint's own.

`evaluate` gives its values; the writer and the reference forward pass both use it, so what is proven of one is what the
other wrote. `check` holds a specification against its source before a byte of weights is read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import Floats, LazyTensor, widened
from quoth_converters.vocab import Vocabulary

Scalar = int | float | bool | str
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """A tensor of the source as it is."""

    name: str


@dataclass(frozen=True, slots=True)
class Fill:
    """A tensor of one value: a bias that the source lacks."""

    shape: Shape
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Transpose:
    """Rows become columns."""

    of: Value


@dataclass(frozen=True, slots=True)
class Permute:
    """Reshaped to `view`, its axes permuted, and reshaped back: rows of heads, rotary halves."""

    of: Value
    view: Shape
    axes: Shape


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows from `start` to `stop`."""

    of: Value
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Fuse:
    """One after the other along the rows."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """Every element times a factor."""

    of: Value
    factor: float


@dataclass(frozen=True, slots=True)
class Again:
    """A value that another tensor of the GGUF has too: a tied head where the architecture requires one."""

    of: Value


Value = Take | Fill | Transpose | Permute | Rows | Fuse | Scale | Again


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of the GGUF: its name there, its shape as the settings demand it (numpy's order), and its value."""

    name: str
    shape: Shape
    value: Value


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as it will be written. `hyperparameters`: keys without the architecture; `dropped`: name to reason."""

    architecture: str
    family: str
    hyperparameters: Mapping[str, Scalar]
    tensors: tuple[TensorSpec, ...]
    vocabulary: Vocabulary
    dropped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["chat", "base"]:
        """A model without a chat template continues text."""
        return "chat" if self.vocabulary.chat_template else "base"

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)


def taken(value: Value) -> Iterator[str]:
    """The names of the source's tensors that an expression uses; `Again` is counted where its value is first used."""
    match value:
        case Take(name):
            yield name
        case Fuse(parts):
            for part in parts:
                yield from taken(part)
        case Transpose(of) | Permute(of) | Rows(of) | Scale(of):
            yield from taken(of)


def shape_of(value: Value, tensors: Mapping[str, LazyTensor]) -> Shape:
    """The shape of an expression, from the shapes in the source. Raises ModelError where it has none."""
    match value:
        case Take(name):
            return tensors[name].shape
        case Fill(shape):
            return shape
        case Transpose(of):
            return shape_of(of, tensors)[::-1]
        case Scale(of) | Again(of):
            return shape_of(of, tensors)
        case Permute(of, view, axes):
            shape = shape_of(of, tensors)
            if math.prod(view) != math.prod(shape) or sorted(axes) != list(range(len(view))):
                raise ModelError(f"a tensor of shape {escaped(shape)} cannot be reshaped to {escaped(view)}")
            return shape
        case Rows(of, start, stop):
            shape = shape_of(of, tensors)
            if not shape or not 0 <= start <= stop <= shape[0]:
                raise ModelError(f"a tensor of shape {escaped(shape)} has no rows {start} to {stop}")
            return (stop - start, *shape[1:])
        case Fuse(parts):
            shapes = [shape_of(part, tensors) for part in parts]
            if len({shape[1:] for shape in shapes}) != 1 or not all(shapes):
                raise ModelError(f"tensors of shapes {escaped(shapes)} do not fit together")
            return (sum(shape[0] for shape in shapes), *shapes[0][1:])


def evaluate(value: Value, tensors: Mapping[str, LazyTensor]) -> Floats:
    """The values of an expression in F32; a view of the file where nothing has to be computed."""
    match value:
        case Take(name):
            return widened(tensors[name])
        case Fill(shape, number):
            return np.full(shape, number, np.float32)
        case Transpose(of):
            return evaluate(of, tensors).T
        case Again(of):
            return evaluate(of, tensors)
        case Permute(of, view, axes):
            array = evaluate(of, tensors)
            return array.reshape(view).transpose(axes).reshape(array.shape)
        case Rows(of, start, stop):
            return evaluate(of, tensors)[start:stop]
        case Fuse(parts):
            return np.concatenate([evaluate(part, tensors) for part in parts])
        case Scale(of, factor):
            return evaluate(of, tensors) * np.float32(factor)


def check(spec: ModelSpec, source: Source) -> None:
    """Hold a specification against its source: every tensor used once or named as dropped, every shape as demanded."""
    names = [tensor.name for tensor in spec.tensors]
    if len(set(names)) != len(names):
        raise ModelError(f"the family {spec.family} names a tensor twice", "", "This is a bug. Please report it")
    uses = [name for tensor in spec.tensors for name in dict.fromkeys(taken(tensor.value))]
    if missing := [name for name in uses if name not in source.tensors]:
        why = f"the settings say {spec.family} with {spec.hyperparameters.get('block_count')} layers"
        raise ModelError(f"tensor {escaped(missing[0])} is missing", _and_more(why, missing))
    accounted = {*uses, *spec.dropped}
    if extra := [name for name in source.tensors if name not in accounted]:
        why = f"{spec.family} has no such tensor: it would be another model without it"
        raise ModelError(f"tensor {escaped(extra[0])} has no place", _and_more(why, extra))
    if twice := [name for name, count in Counter(uses).items() if count > 1 or name in spec.dropped]:
        raise ModelError(f"tensor {escaped(min(twice))} is used twice", "", "This is a bug. Please report it")
    for tensor in spec.tensors:
        shape = shape_of(tensor.value, source.tensors)
        if shape != tensor.shape:
            of = ", ".join(taken(tensor.value))
            why = f"it has {escaped(shape)} where the settings say {escaped(tensor.shape)}"
            raise ModelError(f"{escaped(of)} does not have the required shape", why)


def _and_more(why: str, names: list[str]) -> str:
    return f"{why}; {len(names) - 1} more" if len(names) > 1 else why
