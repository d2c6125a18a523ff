"""The worker: threads deep enough for llama.cpp's tokenizer."""

from __future__ import annotations

import pytest

from quoth.engine.worker.program import start_deep
from quoth.native import LlamaModel
from tests.upstream import vocabulary_file


@pytest.mark.long
def test_a_long_run_of_one_character_does_not_end_the_process() -> None:
    counted: list[int] = []

    def count() -> None:
        vocabulary = LlamaModel(vocabulary_file("deepseek-llm"), vocab_only=True).vocabulary
        counted.extend(len(vocabulary.tokenize(c * 200_000, special=False, bos=False)) for c in "<a 中")

    start_deep(count).join()
    assert len(counted) == 4
    assert all(counted)
