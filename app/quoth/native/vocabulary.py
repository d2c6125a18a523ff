"""A vocabulary: text to token ids and back, and which tokens are special."""

from __future__ import annotations

import ctypes
import mmap
import re
import struct
from array import array
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from quoth.native.llama_library import Handle, L, NativeError, last_reason

# gpt-oss's marks: llama.cpp makes user-defined tokens of them, whatever the file calls them (llama-vocab.cpp).
_ALWAYS_USER_DEFINED = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>", "<|end|>")
PART = 8192  # characters of a long text that are tokenized at a time, where that changes nothing
_HEADER_MIB = 64  # where a file's token types are looked for


class Vocabulary:
    """Text to token ids and back."""

    def __init__(self, model: Handle, file: Path | None = None) -> None:
        """Of a model, with which it is closed; with its `file` special tokens are found faster."""
        pointer = L.llama_model_get_vocab(model.pointer)
        self.handle = Handle("vocabulary", pointer, lambda freed: None, model)  # the model frees it
        self._file = file
        self.n_tokens: int = L.llama_vocab_n_tokens(pointer)
        self.add_bos = bool(L.llama_vocab_get_add_bos(pointer))
        self.bos, eos = int(L.llama_vocab_bos(pointer)), int(L.llama_vocab_eos(pointer))  # -1 where there is none
        self.bos_text, self.eos_text = (self.text(token) if token >= 0 else "" for token in (self.bos, eos))
        self._add_eos = bool(L.llama_vocab_get_add_eos(pointer))
        self._pieces: dict[int, bytes] = {}
        self._special_pieces: dict[int, bytes] = {}

    @property
    def _vocab(self) -> int:
        return self.handle.pointer

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

        The loaded vocabulary is the authority, but takes one call a token: 100 ms for 150,000 of them. An array
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

        llama_detokenize can hide control tokens alone, and given no room it returns the length: a span of tokens is
        searched by halves as long as more is hidden in it than its known ones.
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
        """Tokens matched before tokenization, in any text."""
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

    def suppressed(self) -> list[int]:
        """Tokens that the file's `tokenizer.ggml.suppress_tokens` forbids."""
        count = ctypes.c_int32(0)
        pointer = L.llama_vocab_get_suppress_tokens(self._vocab, ctypes.byref(count))
        return [int(pointer[i]) for i in range(count.value)] if pointer else []

    def tokenize(self, text: str, *, special: bool, bos: bool) -> list[int]:
        """Token ids of a text. `special` reads special-token strings as tokens; `bos` adds what the model begins with.

        Takes a valid `str` only: llama.cpp aborts the process on bytes that are not UTF-8.
        """
        parts = self._cut(text) if len(text) > 8 * PART else [text]
        ids = self._tokenize(parts[0], special, bos)
        for part in parts[1:]:
            more = self._tokenize(part, special, False)
            ids += more[1:] if self._adds_space else more
        return ids

    def tokenize_behind(self, text: str) -> list[int]:
        """Token ids of plain text that follows other text: nothing is added, their pieces are the text.

        Where the vocabulary puts a space before a text, a newline is put there and taken away with it; unless that
        newline would join what follows: there the space stays.
        """
        if not text or not self._adds_space:
            return self.tokenize(text, special=False, bos=False)
        before = self._tokenize("\n", False, False)
        ids = self.tokenize("\n" + text, special=False, bos=False)
        if ids[: len(before)] == before:
            return ids[len(before) :]
        return self.tokenize(text, special=False, bos=False)

    def _tokenize(self, text: str, special: bool, bos: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * size)()
            n = L.llama_tokenize(self._vocab, data, len(data), buffer, size, bos, special)
            if n >= 0:
                return buffer[: n - 1 if bos and self._add_eos else n]  # a text to be continued has no end
            if -n <= size:
                raise NativeError(last_reason("the text could not be tokenized"))
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
        parts, start, end = [], 0, PART
        while (end := text.find("\n", end)) >= 0:
            if not text[start:end].rstrip().endswith(specials_end):
                parts.append(text[start:end])
                start = end
            end += PART
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
        pieces = self._special_pieces if special else self._pieces
        piece = pieces.get(token)
        if piece is None:
            piece = pieces[token] = self._piece(token, special)
        return piece

    def _piece(self, token: int, special: bool) -> bytes:
        size = 32
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = L.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if n >= 0:
                return buffer.raw[:n]
            size = -n
