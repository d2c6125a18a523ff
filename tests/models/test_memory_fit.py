"""Memory: the formula and the verdict."""

from __future__ import annotations

from pathlib import Path

from quoth.gguf import Header, read_header
from quoth.models.memory_fit import FreeMemory, Need, estimate, judge
from tests.gguf_files import U32, Typed, Value, write_tiny

GB = 10**9


def _header(folder: Path, **changes: Value) -> Header:
    return read_header(write_tiny(folder / "t.gguf", **changes))


def test_the_kv_cache_is_counted_exactly(tmp_path: Path) -> None:
    need = estimate(_header(tmp_path), 512)
    assert need.kv == 512 * 2 * 2 * (8 + 8) * 2, "tokens x layers x heads x widths x F16"


def test_the_weights_are_the_tensor_data_of_all_parts(tmp_path: Path) -> None:
    alone = _header(tmp_path)
    assert estimate(alone, 256).weights == alone.weights
    for number in (1, 2):
        write_tiny(tmp_path / f"m-{number:05d}-of-00002.gguf", split__no=number - 1, split__count=2)
    first = read_header(tmp_path / "m-00001-of-00002.gguf")
    other = (tmp_path / "m-00002-of-00002.gguf").stat().st_size
    assert estimate(first, 256).weights == first.weights + other


def test_layers_without_keys_take_no_cache(tmp_path: Path) -> None:
    whole = estimate(_header(tmp_path), 512).kv
    assert estimate(_header(tmp_path, llama__attention__head_count_kv=[2, 0]), 512).kv == whole // 2
    assert estimate(_header(tmp_path, llama__full_attention_interval=2), 512).kv == whole // 2


def test_a_context_is_rounded_up_as_the_engine_does(tmp_path: Path) -> None:
    header = _header(tmp_path)
    assert estimate(header, 1) == estimate(header, 256)
    assert estimate(header, 257) == estimate(header, 512)


def test_working_memory_holds_the_logits_of_a_slice(tmp_path: Path) -> None:
    vocabulary = Typed(8, [f"t{number}" for number in range(50_000)])
    small, large = _header(tmp_path), _header(tmp_path / "large", tokenizer__ggml__tokens=vocabulary)
    assert estimate(large, 256, batch=512).working - (16 << 20) >= 512 * 50_000 * 4
    assert estimate(large, 256, batch=64).working < estimate(large, 256, batch=512).working
    assert estimate(small, 256).working < estimate(large, 256).working


def test_feed_forward_widths_may_differ_by_layer(tmp_path: Path) -> None:
    wide = _header(tmp_path, llama__feed_forward_length=Typed(U32, [64, 100_000]))
    assert estimate(wide, 256).working > 512 * 100_000 * 4


def test_the_verdict_gives_both_numbers() -> None:
    need = Need(weights=2 * GB, kv=GB, working=GB)
    fits, not_ = judge(need, FreeMemory(8 * GB)), judge(need, FreeMemory(3 * GB))
    assert (fits.ok, not_.ok) == (True, False)
    assert "4.0 GB" in not_.sentence
    assert "3.0 GB" in not_.sentence


def test_a_gpu_takes_all_layers_some_or_none() -> None:
    need = Need(weights=6 * GB, kv=2 * GB, working=GB)
    whole = judge(need, FreeMemory(0, 10 * GB), 36)
    some = judge(need, FreeMemory(8 * GB, 5 * GB), 36)
    none = judge(need, FreeMemory(16 * GB, GB // 2), 36)
    assert whole.sentence.endswith("it fits the GPU")
    assert some.sentence.endswith("18 of 36 layers fit the GPU")
    assert none.sentence.endswith("it fits")
    assert all(verdict.ok for verdict in (whole, some, none))
    assert not judge(need, FreeMemory(3 * GB, 5 * GB), 36).ok
