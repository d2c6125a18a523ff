"""The cache: slices, reuse of what was read, growth, limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quoth.engine import LoadOptions, Request, Text
from quoth.engine.ladder import Rung
from quoth.engine.worker.kv_cache import Cancelled, KVCache, Slices, slices
from quoth.engine.worker.llama_engine import LlamaEngine
from quoth.engine.worker.threads import Threads
from quoth.errors import EngineError, InputError
from quoth.native import Abort, Chain, LlamaModel
from tests.engine.gathered_events import GREEDY, say, text

pytestmark = pytest.mark.more


STORY = "The old lighthouse keeper counted the ships that passed in the night, and wrote their names into a book. "
Open = Callable[..., KVCache]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def model(model_path: Path, rung: Rung) -> Iterator[LlamaModel]:
    loaded = LlamaModel(model_path, extra_buffers=rung.extra_buffers)
    yield loaded
    loaded.close()


@pytest.fixture
def cache(model: LlamaModel) -> Iterator[Open]:
    """Open sessions of the demonstration model, with slices from 64 tokens, and close them afterwards."""
    opened: list[KVCache] = []

    def open_(limit: int = 2048, free: int = 0) -> KVCache:
        opened.append(KVCache(model, limit, Threads(2), False, Abort(), lambda: free))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def tokens(model: LlamaModel, prompt: str) -> list[int]:
    return model.vocabulary.tokenize(prompt, special=False, bos=False)


def read(cache: KVCache, prompt: list[int], room: int = 8) -> tuple[int, list[int]]:
    """The tokens kept, and the positions after each slice."""
    return cache.rewind(prompt, room), list(cache.read(prompt, never))


def logits(cache: KVCache, model: LlamaModel) -> bytes:
    return bytes(cache.context.logits())


def write(cache: KVCache, n: int) -> list[int]:
    chain, written = Chain(cache._model.vocabulary), []
    chain.add("greedy")
    for _ in range(n):
        written.append(chain.sample(cache.context))
        assert cache.append(written[-1])
    chain.close()
    return written


@pytest.mark.parametrize(
    ("n_params", "threads", "on_gpu", "expected"),
    [
        (135_000_000, 2, False, Slices(64, 256)),
        (135_000_000, 4, False, Slices(128, 512)),
        (1_700_000_000, 8, False, Slices(64, 128)),
        (8_000_000_000, 1, False, Slices(64, 128)),
        (0, 1, False, Slices(512, 512)),
        (8_000_000_000, 1, True, Slices(512, 512)),
    ],
)
def test_a_slice_takes_at_most_200_ms_at_first_and_a_second_later_where_that_is_possible(
    n_params: int, threads: int, on_gpu: bool, expected: Slices
) -> None:
    assert slices(n_params, threads, on_gpu) == expected


def test_each_slice_is_as_long_as_all_before_it_up_to_the_longest() -> None:
    borders = Slices(64, 256)
    ends = [0]
    while ends[-1] < 1024:
        ends.append(borders.end(ends[-1]))
    assert ends == [0, 64, 128, 256, 512, 768, 1024]
    for position in range(1024):
        assert borders.start(position) == max(end for end in ends if end <= position)
        assert borders.end(position) == min(end for end in ends if end > position)


def test_slices_end_at_their_borders(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 9)[:150]
    assert read(cache(), prompt) == (0, [64, 128, 150])


def test_a_second_turn_reads_only_what_is_new(cache: Open, model: LlamaModel) -> None:
    one = cache()
    first = tokens(model, STORY)[:20]
    read(one, first)
    answer = write(one, 5)
    more = [*first, *answer, *tokens(model, STORY)[:10]]
    assert read(one, more) == (25, [35])


def test_the_same_prompt_twice_gives_identical_logits(cache: Open, model: LlamaModel) -> None:
    one, prompt = cache(), tokens(model, STORY * 9)[:100]
    read(one, prompt)
    first = logits(one, model)
    write(one, 3)
    assert read(one, prompt) == (64, [100])
    assert logits(one, model) == first


def test_what_was_read_before_changes_no_bit(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 9)
    fresh, used = cache(), cache()
    read(fresh, prompt[:120])
    read(used, [*prompt[:100], *prompt[:50]])
    write(used, 2)
    assert read(used, prompt[:120]) == (64, [120])
    assert logits(used, model) == logits(fresh, model)


def test_a_prompt_that_goes_on_from_a_short_one_is_read_as_if_from_the_start(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 9)
    fresh, used = cache(), cache()
    read(fresh, prompt[:120])
    read(used, prompt[:100])
    assert read(used, prompt[:120]) == (64, [120])
    assert logits(used, model) == logits(fresh, model)


def test_a_divergence_falls_back_to_the_slice_border(cache: Open, model: LlamaModel) -> None:
    one, prompt = cache(), tokens(model, STORY * 9)[:150]
    read(one, prompt)
    other = [*prompt[:140], *prompt[:20]]
    assert read(one, other) == (128, [160])


def test_a_prompt_stopped_in_the_middle_goes_on_where_it_was(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 10)[:200]
    fresh, stopped = cache(), cache()
    read(fresh, prompt)
    stopped.rewind(prompt, 8)
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        list(stopped.read(prompt, lambda: next(answers)))
    assert stopped.length == 128
    assert read(stopped, prompt) == (128, [200])
    assert logits(stopped, model) == logits(fresh, model)


def test_an_abort_in_the_middle_of_a_slice_loses_that_slice_alone(model: LlamaModel) -> None:
    abort = Abort()
    one, prompt = KVCache(model, 2048, Threads(2), False, abort, lambda: 0), tokens(model, STORY * 10)[:200]
    one.rewind(prompt, 8)
    reading = one.read(prompt, never)
    assert next(reading) == 64
    abort.set()
    with pytest.raises(Cancelled):
        next(reading)
    abort.clear()
    assert one.length == 64
    assert read(one, prompt) == (64, [128, 200])
    one.close()


@pytest.mark.long
def test_a_context_that_grows_in_the_middle_of_an_answer_changes_nothing(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 20)[:250]
    small, large = cache(), cache()
    read(small, prompt, room=4)
    read(large, prompt, room=1000)
    assert small.context.n_ctx == 256 < large.context.n_ctx
    assert write(small, 10) == write(large, 10)
    assert small.context.n_ctx == 512
    assert logits(small, model) == logits(large, model)


def test_a_context_without_memory_is_refused_with_both_numbers(cache: Open, model: LlamaModel) -> None:
    prompt = tokens(model, STORY * 20)
    with pytest.raises(EngineError, match=r"needs \d+ MB and 5 MB are free.*--ctx"):
        read(cache(free=5 * 1024 * 1024), prompt)


def test_the_memory_of_a_context_is_known_before_it_is_made(cache: Open, model: LlamaModel) -> None:
    assert cache().kv_bytes(1) == 30 * 2 * 3 * 64 * 2  # layers x (keys, values) x KV heads x head width x 2 bytes


def test_an_answer_ends_where_the_context_does(tiny_path: Path) -> None:
    engine = LlamaEngine(tiny_path, LoadOptions(n_ctx=300))
    said = say(engine, text("a" * 250, None))
    assert said.done.reason == "context"
    assert said.done.usage.prompt + said.done.usage.generated == 301  # the last token need not be read
    engine.close()


def test_the_context_is_clamped_to_the_trained_length(tiny_path: Path) -> None:
    engine = LlamaEngine(tiny_path, LoadOptions(n_ctx=1_000_000))
    assert engine.info.n_ctx == engine.info.n_ctx_train == 1024
    with pytest.raises(InputError, match=r"has 1,024 tokens and tiny reads 1,024"):
        say(engine, Request(Text("a" * 1024), GREEDY, 1))
    assert say(engine, Request(Text("a" * 1023), GREEDY, 1)).done.usage.prompt == 1023
    engine.close()
