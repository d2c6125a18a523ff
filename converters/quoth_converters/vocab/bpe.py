"""Byte-level BPE from its files: tokenizer.json, vocab.json with merges.txt, encoder.json with vocab.bpe.

Formats: the tokenizers library's serialization (tokenizer.json) and GPT-2's release (the other two).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import read_json
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.byte_fallback import read_fallback
from quoth_converters.vocab.byte_level import BYTES
from quoth_converters.vocab.pre_tokenizers import GPT2, pre_tokenizer
from quoth_converters.vocab.tokenizer_json import added_around, bad_file, merges_of, steps_of, tokens_of

_REFUSED: Final = ("continuing_subword_prefix", "end_of_word_suffix", "dropout")  # llama.cpp has none of them


def read_tokenizer_json(path: Path, files: Mapping[str, Path] | None = None) -> Vocabulary:
    """The vocabulary of a tokenizer.json; ModelError where llama.cpp cannot split text like it.

    `files`: those beside it, which may add tokens to one that was made from SentencePiece.
    """
    content = read_json(path)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise bad_file(path, "it has no model")
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind == "BPE" and model.get("byte_fallback"):
        return read_fallback(path, content, files or {})
    if kind != "BPE":
        raise ModelError(f"the tokenizer is {escaped(kind)}", "only BPE is read from a tokenizer.json yet")
    if odd := [name for name in _REFUSED if model.get(name)]:
        raise ModelError(f"the tokenizer uses {odd[0]}", "llama.cpp's byte-level BPE has nothing like it")
    pre, notes = _splitting(content)
    bos, eos = added_around(content.get("post_processor"))
    tokens, types = tokens_of(path, model.get("vocab"), content.get("added_tokens") or [])
    return Vocabulary(
        "gpt2",
        pre,
        tokens,
        types,
        merges_of(path, model.get("merges")),
        path.name,
        special={role: tokens.index(text) for role, text in (("bos", bos), ("eos", eos)) if text in tokens},
        add_bos=bos is not None,
        add_eos=eos is not None,
        notes=(*notes, *_lost(tokens)),
    )


def read_vocab_and_merges(vocab: Path, merges: Path, added: Path | None = None) -> Vocabulary:
    """The vocabulary of GPT-2's own two files: a JSON of token to id, and a line for each merge."""
    lines = merges.read_text("utf-8", "replace").split("\n")
    pairs = [line.strip("\r") for line in lines if line.strip() and not line.startswith("#version")]
    table = read_json(added) if added else {}
    if added and not isinstance(table, dict):
        raise bad_file(added, "it has no table of tokens and ids")
    more = [{"content": text, "id": index} for text, index in table.items()]
    tokens, types = tokens_of(vocab, read_json(vocab), more)
    return Vocabulary("gpt2", GPT2, tokens, types, merges_of(merges, pairs), vocab.name, notes=_lost(tokens))


def _splitting(content: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """llama.cpp's name for the pre-tokenizer, by its structure, and what it cannot do."""
    notes = []
    normalizer = content.get("normalizer")
    if isinstance(normalizer, dict) and normalizer.get("type") == "NFC":
        notes.append("text is not brought to NFC first, as the source's tokenizer does")
    elif normalizer:
        name = normalizer.get("type") if isinstance(normalizer, dict) else normalizer
        raise ModelError(f"the tokenizer rewrites text with {escaped(name)}", "llama.cpp has no such step")
    steps = steps_of(content.get("pre_tokenizer"), "pretokenizers")
    if not steps or steps[-1].get("type") != "ByteLevel":
        raise ModelError("the tokenizer is not byte-level", "only BPE is read from a tokenizer.json yet")
    if steps[-1].get("add_prefix_space"):
        raise ModelError("the tokenizer puts a space before every text", "llama.cpp's byte-level BPE does not")
    pre = _pre_of(steps)
    if pre is None:
        names = " and ".join(escaped(step.get("type")) for step in steps)
        raise ModelError("the tokenizer splits text in a way that llama.cpp cannot", names)
    return pre, tuple(notes)


def _pre_of(steps: list[dict[str, Any]]) -> str | None:
    *before, last = steps
    uses_regex = last.get("use_regex", True)
    if not before:
        return GPT2 if uses_regex else None
    if len(before) != 1:
        return None
    step = before[0]
    if step.get("type") == "Digits" and uses_regex:
        return "smollm" if step.get("individual_digits") else None
    pattern = step.get("pattern")
    expression = pattern.get("Regex") if isinstance(pattern, dict) else None
    # Found pieces are kept as they are, or the gaps between them are: the same where the expression covers all text.
    if step.get("type") != "Split" or uses_regex or not isinstance(expression, str):
        return None
    return pre_tokenizer(expression) if step.get("behavior") in ("Isolated", "Removed") else None


def _lost(tokens: tuple[str, ...]) -> tuple[str, ...]:
    count = len(BYTES.keys() - set(tokens))
    return (f"{count} of the 256 bytes have no token: text with one of them loses it",) if count else ()
