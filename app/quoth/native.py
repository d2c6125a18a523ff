"""The low-level binding: llama.cpp's C calls through llama_cpp's ctypes declarations, without its Python weight.

A leaf: the only module that imports llama_cpp. Every function of the C library that the project calls is called here,
and tests/test_native.py holds each of them against the pinned version.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import mmap
import re
import struct
import sys
import types
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final


def _bindings() -> Any:
    """Import `llama_cpp.llama_cpp` without running the package's `__init__`.

    The package imports numpy, jinja2 and every chat format (0.25 s, against 0.05 s for the declarations alone). An
    empty package of the same name with the right path is enough while the module loads; it is taken away again, so
    that a later `import llama_cpp` still gets the real package.
    """
    if "llama_cpp" in sys.modules:
        return importlib.import_module("llama_cpp.llama_cpp")
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return importlib.import_module("llama_cpp.llama_cpp")
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["llama_cpp"] = package
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    finally:
        del sys.modules["llama_cpp"]


L: Final[Any] = _bindings()

log_lines: deque[str] = deque(maxlen=40)
"""The last lines of llama.cpp's own log; errors quote them."""


@L.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes makes the type at run time
def _log(level: int, text: bytes | None, user_data: object) -> None:
    line = (text or b"").decode("utf-8", "replace").rstrip()
    if line and line != ".":
        log_lines.append(line)


L.llama_log_set(_log, None)
_started = False


def start_backends() -> None:
    """Initialise ggml once per process."""
    global _started
    if not _started:
        L.llama_backend_init()
        _started = True


def version() -> str:
    """llama.cpp's own version and commit."""
    return str(L.llama_version().decode("utf-8", "replace"))


def system_info() -> str:
    """The processor features that this build uses."""
    return str(L.llama_print_system_info().decode("utf-8", "replace")).strip()


def can_use_gpu() -> bool:
    """Whether this build has a GPU backend."""
    return bool(L.llama_supports_gpu_offload())


# Lines that say that something failed, and those of them that do not say what.
_COMPLAINT = re.compile("error|fail|invalid|unknown|support", re.IGNORECASE)
_NO_REASON = re.compile("failed to (load model|read header|initialize)")


def last_reason(default: str = "") -> str:
    """The line of the native log that says why the last call failed, without the names of C++ functions."""
    for line in reversed(log_lines):
        if _COMPLAINT.search(line) and not _NO_REASON.search(line):
            return re.sub(r"^(\w+: )*(error loading model: )?(\w+: )*", "", line).strip()
    return log_lines[-1] if log_lines else default


class NativeError(Exception):
    """A C call said no; the text is its reason."""


class Abort:
    """A flag that stops a running computation without taking Python's lock.

    llama.cpp asks its abort callback once per graph node. Given libc's `strlen` over a two-byte buffer it asks C
    alone: an empty string is false, and `set` makes the string one byte long.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self._buffer = ctypes.create_string_buffer(2)
        self.callback = ctypes.cast(libc.strlen, L.ggml_abort_callback)
        self.data = ctypes.cast(self._buffer, ctypes.c_void_p)

    def set(self) -> None:
        self._buffer[0] = b"\x01"

    def clear(self) -> None:
        self._buffer[0] = b"\x00"

    def is_set(self) -> bool:
        return self._buffer[0] != b"\x00"


# gpt-oss's marks: llama.cpp makes user-defined tokens of them, whatever the file calls them (llama-vocab.cpp).
_ALWAYS_USER_DEFINED = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>", "<|end|>")
_PART = 8192  # characters that a long text is tokenised at a time, where that changes nothing
_HEADER_MIB = 64  # where a file's token types are looked for


class Vocabulary:
    """Text to token ids and back."""

    def __init__(self, pointer: int, file: Path | None = None) -> None:
        """`file` is where the vocabulary came from; with it, the special tokens are found faster."""
        self._vocab = pointer
        self._file = file
        self.n_tokens: int = L.llama_vocab_n_tokens(pointer)
        self.add_bos = bool(L.llama_vocab_get_add_bos(pointer))
        self._add_eos = bool(L.llama_vocab_get_add_eos(pointer))
        self._pieces: dict[int, bytes] = {}

    @cached_property
    def _special_sets(self) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
        candidates = self._typed_in_file()
        control, user_defined = self._sort_out(candidates if candidates is not None else range(self.n_tokens))
        if candidates is not None:
            control |= self._control_besides(control)
        eog = frozenset(token for token in control | user_defined if self.is_eog(token))
        return control, user_defined, eog

    def _sort_out(self, tokens: Iterable[int]) -> tuple[frozenset[int], frozenset[int]]:
        """Control and user-defined tokens among some: one C call a token."""
        control, user_defined = set(), set()
        attribute, vocab = L.llama_vocab_get_attr, self._vocab
        any_control, any_user = L.LLAMA_TOKEN_ATTR_CONTROL | L.LLAMA_TOKEN_ATTR_UNKNOWN, L.LLAMA_TOKEN_ATTR_USER_DEFINED
        for token in tokens:
            attributes = attribute(vocab, token)
            if attributes & any_control:
                control.add(token)
            elif attributes & any_user:
                user_defined.add(token)
        return frozenset(control), frozenset(user_defined)

    def _typed_in_file(self) -> set[int] | None:
        """Tokens that the file does not call normal, unused or bytes; None where it cannot be found out.

        The loaded vocabulary is the authority, but asks for one call a token: 100 ms for 150,000 of them. An array
        of the file is searched in 2 ms: key, type array (9) of INT32 (5), count and numbers (gguf.md).
        """
        if self._file is None:
            return None
        key = b"tokenizer.ggml.token_type"
        sign = struct.pack(f"<Q{len(key)}sIIQ", len(key), key, 9, 5, self.n_tokens)
        try:
            with self._file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                at = data.find(sign, 0, _HEADER_MIB << 20)
                types = data[at + len(sign) : at + len(sign) + 4 * self.n_tokens] if at >= 0 else b""
        except (OSError, ValueError):
            return None
        if len(types) < 4 * self.n_tokens:
            return None
        found = {match.start() for match in re.finditer(rb"[^\x01\x05\x06]", types[::4])}
        return found.union(*(self.tokenize(mark, special=True, bos=False) for mark in _ALWAYS_USER_DEFINED))

    def _control_besides(self, known: Iterable[int]) -> set[int]:
        """Control tokens that are not among the known: llama.cpp makes some of tokens that the file calls normal.

        Only control tokens are written or not as llama_detokenize is told, and given no room it returns the length: a
        span of tokens is searched by halves as long as more is hidden in it than its known ones.
        """
        ids = (ctypes.c_int32 * self.n_tokens).from_buffer(array("i", range(self.n_tokens)))
        first = ctypes.addressof(ids)

        def hidden(start: int, stop: int) -> int:
            span = ctypes.cast(first + 4 * start, ctypes.POINTER(ctypes.c_int32))
            plain, whole = (L.llama_detokenize(self._vocab, span, stop - start, None, 0, False, s) for s in (0, 1))
            return int(plain - whole)

        lengths = {token: hidden(token, token + 1) for token in known}
        found, spans = set(), [(0, self.n_tokens)]
        while spans:
            start, stop = spans.pop()
            if hidden(start, stop) == sum(n for token, n in lengths.items() if start <= token < stop):
                continue
            if stop - start == 1:
                found.add(start)
            else:
                middle = (start + stop) // 2
                spans += [(start, middle), (middle, stop)]
        return found

    @property
    def control(self) -> frozenset[int]:
        """Tokens that text must never become."""
        return self._special_sets[0]

    @property
    def user_defined(self) -> frozenset[int]:
        """Tokens matched before tokenisation, in any text."""
        return self._special_sets[1]

    @property
    def eog(self) -> frozenset[int]:
        """Control and user-defined tokens that end a generation."""
        return self._special_sets[2]

    @property
    def special_strings(self) -> list[str]:
        """The text of every control and user-defined token."""
        return [self.text(token) for token in sorted(self.control | self.user_defined)]

    def is_eog(self, token: int) -> bool:
        return bool(L.llama_vocab_is_eog(self._vocab, token))

    def text(self, token: int) -> str:
        """The token as the file writes it."""
        raw = L.llama_vocab_get_text(self._vocab, token)
        return (raw or b"").decode("utf-8", "replace")

    def _named(self, token: int) -> str:
        return self.text(token) if token >= 0 else ""

    @property
    def bos_text(self) -> str:
        return self._named(L.llama_vocab_bos(self._vocab))

    @property
    def eos_text(self) -> str:
        return self._named(L.llama_vocab_eos(self._vocab))

    @property
    def bos(self) -> int:
        """Id of the token that begins a text, -1 where there is none."""
        return int(L.llama_vocab_bos(self._vocab))

    def suppressed(self) -> list[int]:
        """Tokens that the file's `tokenizer.ggml.suppress_tokens` forbids."""
        count = ctypes.c_int32(0)
        pointer = L.llama_vocab_get_suppress_tokens(self._vocab, ctypes.byref(count))
        return [int(pointer[i]) for i in range(count.value)] if pointer else []

    def tokenize(self, text: str, *, special: bool, bos: bool) -> list[int]:
        """Token ids of a text. `special` reads special-token strings as tokens; `bos` adds what the model begins with.

        Takes a valid `str` only: llama.cpp aborts the process on bytes that are no UTF-8.
        """
        parts = self._cut(text) if len(text) > 8 * _PART else [text]
        ids = self._tokenize(parts[0], special, bos)
        for part in parts[1:]:
            more = self._tokenize(part, special, False)
            ids += more[1:] if self._adds_space else more
        return ids

    def _tokenize(self, text: str, special: bool, bos: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * size)()
            n = L.llama_tokenize(self._vocab, data, len(data), buffer, size, bos, special)
            if n >= 0:
                return buffer[: n - 1 if bos and self._add_eos else n]  # a text to be continued has no end
            if -n <= size:
                raise NativeError(last_reason("the text could not be tokenised"))
            size = -n

    def _cut(self, text: str) -> list[str]:
        """A long text in parts that give the same tokens; each but the first begins with a newline.

        llama.cpp copies all tokens so far for every character that a SentencePiece vocabulary spells in bytes: 1 MB of
        newlines takes a minute. Where no token joins a newline to anything, it is a safe place to cut; not after the
        end of a special token, which may swallow the space behind it.
        """
        if not self._newlines_stand_alone:
            return [text]
        specials_end = tuple({string[-1] for string in self.special_strings if string})
        parts, start, end = [], 0, _PART
        while (end := text.find("\n", end)) >= 0:
            if not text[start:end].rstrip().endswith(specials_end):
                parts.append(text[start:end])
                start = end
            end += _PART
        return [*parts, text[start:]]

    @cached_property
    def _adds_space(self) -> bool:
        """A text is read as if a space stood before it."""
        return len(self._tokenize("\n", False, False)) > 1

    @cached_property
    def _newlines_stand_alone(self) -> bool:
        """A SentencePiece vocabulary whose only token with a newline is that byte."""
        if L.llama_vocab_type(self._vocab) != L.LLAMA_VOCAB_TYPE_SPM or len(self._tokenize("\n\n", False, False)) < 2:
            return False
        return sum(self.piece(token, special=True).count(b"\n") for token in range(self.n_tokens)) == 1

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of a token; a control token has none unless `special`."""
        if special:
            return self._piece(token, True)
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token, False)
        return piece

    def _piece(self, token: int, special: bool) -> bytes:
        size = 32
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = L.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if n >= 0:
                return buffer.raw[:n]
            size = -n


class Model:
    """Weights and vocabulary of one GGUF file."""

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int = 0,
        vocab_only: bool = False,
        progress: Callable[[float], bool] | None = None,
    ) -> None:
        """Load a file; `progress` gets 0.0 to 1.0 and goes on while it returns true. Raises NativeError."""
        start_backends()
        params = L.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.vocab_only = vocab_only
        if progress is not None:
            self._progress = L.llama_progress_callback(lambda done, _: progress(done))
            params.progress_callback = self._progress
        log_lines.clear()
        self._model = L.llama_model_load_from_file(str(path).encode("utf-8", "surrogateescape"), params)
        if not self._model:
            raise NativeError(last_reason("llama.cpp did not say why"))
        self.vocabulary = Vocabulary(L.llama_model_get_vocab(self._model), path)

    @property
    def pointer(self) -> int:
        return int(self._model)

    def meta(self, key: str) -> str | None:
        """A scalar of the file's metadata, as text."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = L.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
            if n < 0:
                return None
            if n < size:
                return buffer.raw[:n].decode("utf-8", "replace")
            size = n + 1

    def chat_template(self) -> str | None:
        """The default chat template of the file."""
        raw = L.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", "replace") if raw else None

    @property
    def description(self) -> str:
        """Architecture, size and quantization as llama.cpp puts them: "llama 134.52M Q8_0"."""
        buffer = ctypes.create_string_buffer(256)
        n = L.llama_model_desc(self._model, buffer, 256)
        return buffer.raw[: max(0, min(n, 255))].decode("utf-8", "replace")

    @property
    def quantization(self) -> str:
        raw = L.llama_ftype_name(L.llama_model_ftype(self._model))
        return raw.decode("utf-8", "replace") if raw else "unknown"

    @property
    def n_ctx_train(self) -> int:
        return int(L.llama_model_n_ctx_train(self._model))

    @property
    def n_params(self) -> int:
        return int(L.llama_model_n_params(self._model))

    @property
    def n_layer(self) -> int:
        return int(L.llama_model_n_layer(self._model))

    @property
    def n_embd(self) -> int:
        return int(L.llama_model_n_embd(self._model))

    @property
    def n_head(self) -> int:
        return int(L.llama_model_n_head(self._model))

    @property
    def n_head_kv(self) -> int:
        return int(L.llama_model_n_head_kv(self._model))

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return int(L.llama_model_size(self._model))

    @property
    def is_recurrent(self) -> bool:
        """The state cannot be cut back to an earlier position."""
        return bool(L.llama_model_is_recurrent(self._model) or L.llama_model_is_hybrid(self._model))

    @property
    def has_encoder(self) -> bool:
        return bool(L.llama_model_has_encoder(self._model))

    def close(self) -> None:
        if self._model:
            L.llama_model_free(self._model)
            self._model = None


class Context:
    """The KV state of one sequence, and the calls that read tokens into it."""

    def __init__(self, model: Model, *, n_ctx: int, n_batch: int, threads: int, abort: Abort) -> None:
        """`n_ctx` and `n_batch` in tokens. Raises NativeError when there is no memory for it."""
        params = L.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = n_batch
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        params.abort_callback = abort.callback
        params.abort_callback_data = abort.data
        log_lines.clear()
        self._context = L.llama_init_from_model(model.pointer, params)
        if not self._context:
            raise NativeError(last_reason("no memory for the context"))
        self._memory = L.llama_get_memory(self._context)
        self._batch = L.llama_batch_init(n_batch, 0, 1)
        self._abort = abort  # llama.cpp holds its buffer
        self.n_ctx: int = L.llama_n_ctx(self._context)
        self.n_batch = n_batch

    def decode(self, tokens: Sequence[int], position: int) -> int:
        """Compute tokens at a position, logits for the last. 0 done, 1 no room, 2 aborted, below 0 failed."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        token, pos, seq, logits = batch.token, batch.pos, batch.seq_id, batch.logits
        n_seq = batch.n_seq_id
        for i, value in enumerate(tokens):
            token[i] = value
            pos[i] = position + i
            n_seq[i] = 1
            seq[i][0] = 0
            logits[i] = 0
        logits[len(tokens) - 1] = 1
        return int(L.llama_decode(self._context, batch))

    def keep(self, n: int) -> bool:
        """Drop everything from position n on. False: this model can only start again."""
        return bool(self._memory and L.llama_memory_seq_rm(self._memory, 0, n, -1))

    def clear(self) -> None:
        if self._memory:
            L.llama_memory_clear(self._memory, True)

    def copy_state_to(self, other: Context) -> bool:
        """Carry the sequence over into another, larger context."""
        size = L.llama_state_seq_get_size(self._context, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = L.llama_state_seq_get_data(self._context, buffer, size, 0)
        return bool(written and L.llama_state_seq_set_data(other._context, buffer, written, 0))

    def logits(self, n_vocab: int) -> Any:
        """The logits of the last token: a ctypes array of n_vocab floats, valid until the next decode."""
        pointer = L.llama_get_logits_ith(self._context, -1)
        return ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * n_vocab)).contents

    @property
    def pointer(self) -> int:
        return int(self._context)

    def close(self) -> None:
        if self._context:
            L.llama_batch_free(self._batch)
            L.llama_free(self._context)
            self._context = None


class Chain:
    """A sampler chain: what turns logits into the next token."""

    def __init__(self) -> None:
        self._chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())

    def add(self, name: str, *arguments: Any) -> None:
        """Append llama.cpp's sampler of that name."""
        sampler = getattr(L, f"llama_sampler_init_{name}")(*arguments)
        if not sampler:
            raise NativeError(last_reason(f"the sampler {name} was refused"))
        L.llama_sampler_chain_add(self._chain, sampler)

    def add_logit_bias(self, n_vocab: int, bias: Sequence[tuple[int, float]]) -> None:
        array = (L.llama_logit_bias * len(bias))(*(L.llama_logit_bias(t, b) for t, b in bias))
        self.add("logit_bias", n_vocab, len(bias), array)

    def add_grammar(self, vocabulary: Vocabulary, grammar: str) -> None:
        """Raises NativeError with the parser's reason when the GBNF does not parse."""
        if not grammar.strip() or "\0" in grammar:  # to llama.cpp that is no grammar at all
            raise NativeError("it is empty or holds a NUL")
        log_lines.clear()
        self.add("grammar", vocabulary._vocab, grammar.encode(), b"root")

    def accept(self, tokens: Sequence[int]) -> None:
        """Tell the samplers so far of tokens that they did not choose."""
        for token in tokens:
            L.llama_sampler_accept(self._chain, token)

    def sample(self, context: Context) -> int:
        """Choose a token after the last one computed, and accept it."""
        return int(L.llama_sampler_sample(self._chain, context.pointer, -1))

    def close(self) -> None:
        if self._chain:
            L.llama_sampler_free(self._chain)
            self._chain = None


# RFC 8259, section 7; the converter's own rule lets control characters through, which are no JSON.
JSON_CHARACTER = r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])'


def grammar_of_schema(schema: str) -> str:
    """GBNF for a JSON schema, by llama_cpp's converter. Raises ValueError with what it cannot express."""
    name = "llama_cpp.llama_grammar"
    module = sys.modules.get(name)
    if module is None:
        location = Path(L.__file__).with_name("llama_grammar.py")
        spec = importlib.util.spec_from_file_location("quoth_llama_grammar", location)
        if spec is None or spec.loader is None:
            raise ValueError("this llama_cpp has no schema converter")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    module.PRIMITIVE_RULES["char"] = module.BuiltinRule(JSON_CHARACTER, [])
    try:
        return str(module.json_schema_to_gbnf(schema))
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    except (KeyError, TypeError, AssertionError, IndexError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def quantize(source: Path, target: Path, quantization: str, *, threads: int = 0) -> None:
    """Write a file at another quantization ("Q8_0"). Raises NativeError with llama.cpp's reason."""
    start_backends()
    params = L.llama_model_quantize_default_params()
    params.ftype = getattr(L, f"LLAMA_FTYPE_MOSTLY_{quantization}")
    params.allow_requantize = True
    params.nthread = threads
    log_lines.clear()
    if L.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
        raise NativeError(last_reason("llama.cpp did not say why"))


class Device:
    """A processor that ggml can compute on. Memory in bytes; `kind` is cpu, gpu, igpu or accel."""

    KINDS = ("cpu", "gpu", "igpu", "accel")  # enum ggml_backend_dev_type, ggml-backend.h

    def __init__(self, name: str, description: str, kind: str, free: int, total: int) -> None:
        self.name, self.description, self.kind, self.free, self.total = name, description, kind, free, total


def devices() -> list[Device]:
    """Every device of this build, by the calls of ggml-backend.h."""
    start_backends()
    lib = importlib.import_module("llama_cpp._ctypes_extensions").load_shared_library(
        "ggml", Path(L.__file__).parent / "lib"
    )
    base = importlib.import_module("llama_cpp._ctypes_extensions").load_shared_library(
        "ggml-base", Path(L.__file__).parent / "lib"
    )
    lib.ggml_backend_dev_count.restype = ctypes.c_size_t
    lib.ggml_backend_dev_get.restype = ctypes.c_void_p
    lib.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        getattr(base, name).restype = ctypes.c_char_p
        getattr(base, name).argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_memory.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(ctypes.c_size_t),
    ]
    found = []
    for i in range(lib.ggml_backend_dev_count()):
        device = lib.ggml_backend_dev_get(i)
        free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
        base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        kind = base.ggml_backend_dev_type(device)
        found.append(
            Device(
                base.ggml_backend_dev_name(device).decode("utf-8", "replace"),
                base.ggml_backend_dev_description(device).decode("utf-8", "replace"),
                Device.KINDS[kind] if 0 <= kind < len(Device.KINDS) else "accel",
                free.value,
                total.value,
            )
        )
    return found
