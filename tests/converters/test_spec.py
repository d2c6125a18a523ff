"""Each operation of a specification, and what holds a specification against its source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.formats.source import Source, open_source
from quoth_converters.spec import (
    Fill,
    Fuse,
    ModelSpec,
    Permute,
    Rows,
    Scale,
    Take,
    TensorSpec,
    Transpose,
    Value,
    check,
    evaluate,
    shape_of,
    taken,
)
from quoth_converters.vocab.characters import character_vocabulary
from tests.converters.torch_writer import write_safetensors

A = np.arange(12, dtype="<f4").reshape(4, 3)
B = np.full((2, 3), 7, "<f4")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(write_safetensors(tmp_path / "m.safetensors", {"a": A, "b": B}))


OPERATIONS: list[tuple[Value, np.ndarray]] = [
    (Take("a"), A),
    (Fill((2, 2), 1.5), np.full((2, 2), 1.5)),
    (Transpose(Take("a")), A.T),
    (Rows(Take("a"), 1, 3), A[1:3]),
    (Scale(Take("a"), 0.5), A * 0.5),
    (Fuse((Take("a"), Take("b"))), np.concatenate([A, B])),
    (Permute(Take("a"), (2, 2, 3), (1, 0, 2)), A[[0, 2, 1, 3]]),
    (Fuse((Scale(Rows(Transpose(Take("a")), 0, 1), 2), Fill((1, 4)))), np.array([A.T[0] * 2, [0, 0, 0, 0]])),
]


@pytest.mark.parametrize(("value", "wanted"), OPERATIONS, ids=[type(value).__name__ for value, _ in OPERATIONS])
def test_an_operation_does_what_it_says_and_foresees_its_shape(
    value: Value, wanted: np.ndarray, source: Source
) -> None:
    result = evaluate(value, source.tensors)
    assert result.dtype == np.float32
    assert np.array_equal(result, wanted)
    assert shape_of(value, source.tensors) == wanted.shape


def test_reading_a_tensor_copies_nothing(source: Source) -> None:
    assert not evaluate(Transpose(Take("a")), source.tensors).flags.owndata
    assert not evaluate(Take("a"), source.tensors).flags.writeable


@pytest.mark.parametrize(
    "value",
    [
        Rows(Take("a"), 2, 9),
        Fuse((Take("a"), Transpose(Take("a")))),
        Permute(Take("a"), (5, 2), (1, 0)),
        Permute(Take("a"), (4, 3), (1, 1)),
    ],
)
def test_an_impossible_operation_is_refused_before_it_is_read(value: Value, source: Source) -> None:
    with pytest.raises(ModelError):
        shape_of(value, source.tensors)


def spec(*tensors: TensorSpec, dropped: tuple[str, ...] = ()) -> ModelSpec:
    vocabulary = character_vocabulary(list("ab"), "test")
    return ModelSpec("gpt2", "test", {"block_count": 1}, tensors, vocabulary, dict.fromkeys(dropped, "no use"))


def test_every_tensor_is_used_or_named(source: Source) -> None:
    both = TensorSpec("x", (6, 3), Fuse((Take("a"), Take("b"))))
    check(spec(both), source)
    check(spec(TensorSpec("x", (4, 3), Take("a")), dropped=("b",)), source)
    with pytest.raises(ModelError, match="tensor b has no place"):
        check(spec(TensorSpec("x", (4, 3), Take("a"))), source)
    with pytest.raises(ModelError, match="tensor c is missing"):
        check(spec(both, TensorSpec("y", (1,), Take("c"))), source)
    with pytest.raises(ModelError, match="tensor b is used twice"):
        check(spec(both, dropped=("b",)), source)
    with pytest.raises(ModelError, match="tensor a is used twice"):
        check(spec(both, TensorSpec("y", (4, 3), Take("a"))), source)
    with pytest.raises(ModelError, match="names a tensor twice"):
        check(spec(both, both), source)


def test_a_shape_other_than_the_settings_say_is_refused(source: Source) -> None:
    with pytest.raises(ModelError, match=r"a, b does not have the required shape .* \(6, 3\) .* \(6, 4\)"):
        check(spec(TensorSpec("x", (6, 4), Fuse((Take("a"), Take("b"))))), source)


def test_what_is_taken_is_named_once_for_each_use() -> None:
    value = Fuse((Scale(Rows(Take("q"), 0, 1), 2), Transpose(Take("k")), Fill((1,)), Permute(Take("v"), (1,), (0,))))
    assert list(taken(value)) == ["q", "k", "v"]


def test_a_model_with_a_template_is_for_chat(source: Source) -> None:
    base = spec(TensorSpec("x", (4, 3), Take("a")))
    assert base.kind == "base"
    assert base.parameters == 12
    assert replace(base, vocabulary=replace(base.vocabulary, chat_template="{{ messages }}")).kind == "chat"
