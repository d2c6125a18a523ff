"""Every C call of quoth.native against the pinned version of llama.cpp."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

from quoth import native
from quoth.native import Abort, Chain, Context, L, LlamaModel, NativeError, Vocabulary
from quoth.native.vocabulary import PART
from tests.gguf_files import I32, Typed, tiny_bytes, tiny_metadata, vocabulary, write_tiny
from tests.upstream import upstream, vocabulary_file

Open = Callable[[str], Vocabulary]

ROOT = Path(__file__).parent.parent
FOLDER = Path(native.__file__).parent
SOURCE = "\n".join(file.read_text("utf-8") for file in sorted(FOLDER.glob("*.py")))
USED = sorted(
    set(re.findall(r"\bL\.((?:llama|ggml|LLAMA)_\w+)", SOURCE))
    | {
        f"llama_sampler_init_{name}"
        for name in re.findall(
            r'chain\.add\(\s*"(\w+)"', FOLDER.parent.joinpath("engine/worker/sampling.py").read_text("utf-8")
        )
    }
    | {f"llama_sampler_init_{name}" for name in re.findall(r'self\.add\("(\w+)"', SOURCE)}
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaModel]:
    loaded = LlamaModel(write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def open_vocabulary() -> Iterator[Open]:
    """Vocabularies by name, each loaded once."""
    opened: dict[str, LlamaModel] = {}

    def open_(name: str) -> Vocabulary:
        if name not in opened:
            opened[name] = LlamaModel(vocabulary_file(name), vocab_only=True)
        return opened[name].vocabulary

    yield open_
    for each in opened.values():
        each.close()


# The binding


def test_the_version_is_the_pinned_one() -> None:
    pins = re.findall(r'"llama-cpp-python==([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert pins == [installed_version("llama-cpp-python")]


@pytest.mark.parametrize("symbol", USED)
def test_a_symbol_that_is_used_exists(symbol: str) -> None:
    assert hasattr(L, symbol)


def test_the_symbols_that_are_used_are_found_in_the_source() -> None:
    assert {"llama_decode", "llama_sampler_init_penalties", "llama_sampler_init_grammar", "llama_tokenize"} <= set(USED)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "app")}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_binding_loads_none_of_the_weight_of_its_package() -> None:
    heavy = run(
        "import sys, quoth.native;print([m for m in ('numpy', 'jinja2', 'llama_cpp', 'diskcache') if m in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_the_whole_package_can_still_be_imported_afterwards() -> None:
    code = (
        "import quoth.native, llama_cpp, llama_cpp.llama_cpp as low;"
        "print(llama_cpp.Llama.__name__, low is quoth.native.L, llama_cpp.llama_decode is low.llama_decode)"
    )
    assert run(code).split() == ["Llama", "True", "True"]


def test_the_whole_package_may_be_there_before() -> None:
    assert run("import llama_cpp, quoth.native; print(quoth.native.L is llama_cpp.llama_cpp)").strip() == "True"


def test_the_build_describes_itself() -> None:
    assert native.version()
    assert "=" in native.system_info()
    assert isinstance(native.can_use_gpu(), bool)
    processors = [device for device in native.devices() if device.kind == "cpu"]
    assert processors
    assert all(0 < d.total < 1 << 50 and d.name and d.description for d in processors)


# Models


def test_a_model_tells_its_numbers(model: LlamaModel) -> None:
    assert (model.n_ctx_train, model.n_layer, model.n_embd, model.n_head, model.n_head_kv) == (256, 2, 32, 4, 2)
    assert model.n_params == 32 * 260 * 2 + 32 + 2 * (2 * 32 + 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64)
    assert model.size == 4 * model.n_params
    assert model.quantization == "all F32"
    assert not model.has_encoder


def test_metadata_of_any_length_is_read(tmp_path: Path) -> None:
    long = "ä" * 5000
    loaded = LlamaModel(write_tiny(tmp_path / "tiny.gguf", general__description=long))
    assert loaded.meta("general.description") == long
    assert loaded.meta("general.name") == "Tiny"
    assert loaded.meta("no.such.key") is None
    assert loaded.chat_template() == tiny_metadata()["tokenizer.chat_template"]
    loaded.close()


def test_loading_reports_its_progress_and_can_be_stopped(tmp_path: Path) -> None:
    path, seen = write_tiny(tmp_path / "tiny.gguf"), list[float]()

    def progress(done: float) -> bool:
        seen.append(done)
        return True

    LlamaModel(path, progress=progress).close()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with pytest.raises(NativeError):
        LlamaModel(path, progress=lambda done: False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "failed to read magic"),
        (b"GOOF" + tiny_bytes()[4:], "invalid magic characters: 'GOOF', expected 'GGUF'"),
        (tiny_bytes()[:60_000], "is not within the file bounds"),
        (tiny_bytes(general__architecture="nope"), "unknown model architecture: 'nope'"),
        (tiny_bytes(llama__embedding_length=None), "key not found in model: llama.embedding_length"),
        (tiny_bytes(tokenizer__ggml__pre="zzz"), "unknown pre-tokenizer type: 'zzz'"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(NativeError) as caught:
        LlamaModel(path)
    assert reason in str(caught.value)
    assert not str(caught.value).startswith("llama_")


def test_quantizing_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(NativeError):
        native.quantize(tmp_path / "none.gguf", tmp_path / "out.gguf", "Q8_0")


# Contexts


def test_an_abort_ends_a_decode_and_the_next_one_works(model: LlamaModel) -> None:
    abort = Abort()
    context = Context(model, n_ctx=256, n_batch=128, threads=2, abort=abort)
    abort.set()
    assert context.decode(range(100), 0) == 2
    assert context.keep(0)
    abort.clear()
    assert context.decode(range(100), 0) == 0
    context.close()


def test_an_abort_from_another_thread_ends_a_running_decode(model_path: Path) -> None:
    loaded, abort = LlamaModel(model_path), Abort()
    context = Context(loaded, n_ctx=2048, n_batch=2048, threads=2, abort=abort)
    timer = threading.Timer(0.3, abort.set)
    timer.start()
    begun = time.monotonic()
    result = context.decode([1000] * 2000, 0)  # seconds, if nobody stops it
    took = time.monotonic() - begun
    timer.join()
    context.close()
    loaded.close()
    assert result == 2
    assert took < 2.0


def test_a_context_that_is_full_says_so(model: LlamaModel) -> None:
    context = Context(model, n_ctx=256, n_batch=256, threads=1, abort=Abort())
    assert context.n_ctx == 256
    assert context.decode([0] * 256, 0) == 0
    assert context.decode([0], 256) == 1
    context.close()


def test_a_state_is_carried_into_a_larger_context(model: LlamaModel) -> None:
    small = Context(model, n_ctx=256, n_batch=64, threads=1, abort=Abort())
    large = Context(model, n_ctx=512, n_batch=64, threads=1, abort=Abort())
    small.decode(range(40), 0)
    assert small.copy_state_to(large)
    assert small.decode([7], 40) == large.decode([7], 40) == 0
    assert bytes(small.logits()) == bytes(large.logits())
    small.close()
    large.close()


def test_a_sampler_that_is_greedy_takes_the_largest_logit(model: LlamaModel) -> None:
    context, chain = Context(model, n_ctx=256, n_batch=64, threads=1, abort=Abort()), Chain(model.vocabulary)
    context.decode(range(10), 0)
    logits = list(context.logits())
    chain.add("greedy")
    assert chain.sample(context) == logits.index(max(logits))
    chain.close()
    context.close()


def test_logits_stay_what_they_were_when_the_next_token_is_computed(model: LlamaModel) -> None:
    context = Context(model, n_ctx=256, n_batch=64, threads=1, abort=Abort())
    context.decode([1, 2], 0)
    logits = context.logits()
    before = bytes(logits)
    context.decode([3], 2)
    assert bytes(logits) == before != bytes(context.logits())
    context.close()
    assert bytes(logits) == before


USES = {
    "its size": lambda model, context, chain: model.size,
    "its template": lambda model, context, chain: model.chat_template(),
    "its vocabulary": lambda model, context, chain: model.vocabulary.is_eog(0),
    "a text": lambda model, context, chain: model.vocabulary.tokenize("ab", special=False, bos=False),
    "a piece": lambda model, context, chain: model.vocabulary.piece(7),
    "special tokens": lambda model, context, chain: model.vocabulary.control,
    "a context": lambda model, context, chain: context.decode([1], 1),
    "logits": lambda model, context, chain: context.logits(),
    "a cut": lambda model, context, chain: context.keep(0),
    "a state": lambda model, context, chain: context.copy_state_to(context),
    "threads": lambda model, context, chain: context.set_threads(2),
    "a sample": lambda model, context, chain: chain.sample(context),
    "a grammar": lambda model, context, chain: chain.add_grammar('root ::= "a"'),
    "a new context": lambda model, context, chain: Context(model, n_ctx=64, n_batch=64, threads=1, abort=Abort()),
    "a new chain": lambda model, context, chain: Chain(model.vocabulary),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_is_closed_raises_in_place_of_reading_freed_memory(tmp_path: Path, use: Callable[..., object]) -> None:
    loaded = LlamaModel(write_tiny(tmp_path / "tiny.gguf"))
    context = Context(loaded, n_ctx=64, n_batch=64, threads=1, abort=Abort())
    chain = Chain(loaded.vocabulary)
    chain.add("greedy")
    context.decode([1], 0)
    loaded.close()
    with pytest.raises(NativeError, match=r"^the (model|vocabulary|context|sampler chain) is closed$"):
        use(loaded, context, chain)
    for each in (chain, context, loaded):  # in any order, and again
        each.close()


# Vocabularies


@pytest.mark.parametrize("name", ["gpt-2", "llama-spm", "qwen2"])
def test_token_pieces_of_any_length_are_the_text_again(open_vocabulary: Open, name: str) -> None:
    known: Vocabulary = open_vocabulary(name)
    text = "-" * 64 + "\n" + "=" * 200 + " " * 130 + "ÄÖ😀中文\r\n\t" + "*" * 33 + "." * 100
    ids = known.tokenize(text, special=False, bos=False)
    joined = b"".join(known.piece(token) for token in ids)
    assert joined.removeprefix(b" " if name == "llama-spm" else b"") == text.encode()


def test_the_longest_tokens_of_gpt_2_have_all_their_bytes(open_vocabulary: Open) -> None:
    known: Vocabulary = open_vocabulary("gpt-2")
    long = [piece for token in range(known.n_tokens) if len(piece := known.piece(token)) > 32]
    assert len(long) == 14
    assert b"-" * 64 in long
    assert max(map(len, long)) == 128


@pytest.mark.parametrize("name", ["gpt-2", "llama-spm", "phi-3", "refact"])
def test_special_tokens_are_the_same_with_the_file_and_without(name: str) -> None:
    loaded = LlamaModel(vocabulary_file(name), vocab_only=True)
    fast, slow = loaded.vocabulary, Vocabulary(loaded.handle)
    assert (fast.control, fast.user_defined, fast.eog) == (slow.control, slow.user_defined, slow.eog)
    assert fast.control
    assert all(fast.piece(token) == b"" and fast.piece(token, special=True) for token in fast.control)
    loaded.close()


def test_a_control_token_that_the_file_calls_normal_is_found(tmp_path: Path) -> None:
    types = Typed(I32, [1] * len(vocabulary()))
    loaded = LlamaModel(write_tiny(tmp_path / "tiny.gguf", tokenizer__ggml__token_type=types))
    texts = {loaded.vocabulary.text(token) for token in loaded.vocabulary.control}
    loaded.close()
    assert {"<|im_end|>", "<|endoftext|>"} <= texts


def test_user_defined_tokens_of_llama_cpps_own_choice_are_found(tmp_path: Path) -> None:
    tokens = [*vocabulary()[:-1], "<|channel|>"]
    loaded = LlamaModel(
        write_tiny(tmp_path / "tiny.gguf", tokenizer__ggml__tokens=tokens, tokenizer__ggml__merges=["a b"])
    )
    texts = [loaded.vocabulary.text(token) for token in loaded.vocabulary.user_defined]
    loaded.close()
    assert texts == ["<|channel|>"]


def reference(known: Vocabulary, text: str, special: bool) -> list[int]:
    """Token ids in one call of llama.cpp."""
    data = text.encode()
    buffer = (ctypes.c_int32 * (len(data) + 8))()
    return buffer[: L.llama_tokenize(known.handle.pointer, data, len(data), buffer, len(buffer), False, special)]


@pytest.mark.parametrize("name", ["llama-spm", "phi-3", "qwen2"])
@pytest.mark.parametrize("special", [False, True])
def test_a_long_text_has_the_tokens_of_one_call(open_vocabulary: Open, name: str, special: bool) -> None:
    known: Vocabulary = open_vocabulary(name)
    parts = [
        "The quick brown fox.\n",
        "\n" * 5000,
        "中文字符饕餮\r\n",
        " \n \n",
        "<|user|>\n\n",
        "</s>\n",
        "😀\n",
        "x" * 9000,
    ]
    text = "".join(parts[i % len(parts)] * (1 + i % 3) for i in range(60)) + "no end"
    assert len(text) > 10 * PART
    assert known.tokenize(text, special=special, bos=False) == reference(known, text, special)


@pytest.mark.parametrize("line", ["\n", "word\n", "中文字符饕餮 😀\n"])
def test_a_text_of_a_megabyte_is_tokenised_in_seconds(open_vocabulary: Open, line: str) -> None:
    known: Vocabulary = open_vocabulary("llama-spm")
    text = line * (1_000_000 // len(line.encode()))
    begun = time.process_time()
    known.tokenize(text, special=False, bos=False)
    assert time.process_time() - begun < 8.0


def test_what_is_no_text_never_reaches_the_tokeniser(open_vocabulary: Open) -> None:
    known: Vocabulary = open_vocabulary("gpt-2")
    for data in (b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\xff", b"\xed\xa0\x80", b"\xc0\x80"):
        for errors in ("surrogateescape", "replace", "surrogatepass"):
            try:
                text = data.decode("utf-8", errors)
            except UnicodeDecodeError:
                continue
            assert known.tokenize(text, special=True, bos=True)


def test_a_text_to_be_continued_gets_no_end(tmp_path: Path) -> None:
    loaded = LlamaModel(
        write_tiny(tmp_path / "tiny.gguf", tokenizer__ggml__add_eos_token=True, tokenizer__ggml__add_bos_token=True)
    )
    ids = loaded.vocabulary.tokenize("ab", special=False, bos=True)
    assert ids[0] == loaded.vocabulary.bos
    assert len(ids) == 3
    loaded.close()


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["gpt-2", "llama-spm", "llama-bpe", "qwen2"])
def test_every_unicode_scalar_value_can_be_tokenised(open_vocabulary: Open, name: str) -> None:
    known: Vocabulary = open_vocabulary(name)
    scalars = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert len(scalars) == 1_112_064
    for start in range(0, len(scalars), 4096):
        text = "".join(scalars[start : start + 4096])
        ids = known.tokenize(text, special=False, bos=False)
        joined = b"".join(known.piece(token) for token in ids)
        expected = " " + text.replace("\u2581", " ") if name == "llama-spm" else text  # its sign for a space
        assert joined == expected.encode()


@pytest.mark.long
def test_special_tokens_of_every_vocabulary_are_found_by_their_types() -> None:
    for path in sorted(upstream().glob("*.gguf")):
        loaded = LlamaModel(path, vocab_only=True)
        fast, slow = loaded.vocabulary, Vocabulary(loaded.handle)
        assert (fast.control, fast.user_defined, fast.eog) == (slow.control, slow.user_defined, slow.eog), path.name
        loaded.close()
