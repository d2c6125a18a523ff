"""SentencePiece's .model files, for llama.cpp's "llama" tokenizer: pieces, scores, types, normalization.

llama.cpp joins the pair with the best score, which is SentencePiece's BPE; its unigram models choose otherwise.
Fields: sentencepiece_model.proto of SentencePiece.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import read_bounded, read_table
from quoth_converters.vocab import MAX_TOKENS, Type, Vocabulary
from quoth_converters.vocab.protobuf import Field, fields, float32, integer, raw, text

MAX_BYTES: Final = 256 << 20
SPACE: Final = "▁"
BYTES: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
_ADDED_SCORE: Final = -1000.0  # worse than any: an added token is matched as a whole, never joined
_BPE: Final = 2
_MODELS: Final = {1: "unigram", 2: "BPE", 3: "word", 4: "character"}
# Of TrainerSpec: number to role, and its value where it is absent; below zero for none.
_ROLES: Final = {40: ("unk", 0), 41: ("bos", 1), 42: ("eos", 2), 43: ("pad", -1)}


@dataclass(slots=True)
class _Model:
    """The fields of a ModelProto that matter."""

    tokens: list[str]
    scores: list[float]
    types: list[int]
    kind: int = 1
    roles: Mapping[str, int] | None = None
    space_behind: bool = False
    space_before: bool = True
    spaces_joined: bool = True
    normalizer: str = ""


def is_sentencepiece(path: Path) -> bool:
    """Whether a tokenizer.model is SentencePiece's: the first field is a piece. Others are tiktoken's ranks."""
    with path.open("rb") as file:
        start = file.read(16)
    return start[:1] == b"\n" and len(start) > 2 and start[2:3] == b"\n"


def read_sentencepiece(path: Path, files: Mapping[str, Path]) -> Vocabulary:
    """The vocabulary of a .model file with the tokens that `files` add to it; not finished yet."""
    content = read_bounded(path, MAX_BYTES)
    try:
        model = _model(content)
    except ValueError as error:  # UnicodeDecodeError is one
        raise ModelError(f"{escaped(path.name)} is not a valid SentencePiece model", escaped(error)) from None
    if model.kind != _BPE:
        kind = _MODELS.get(model.kind, str(model.kind))
        why = "llama.cpp joins pieces by their scores, as only BPE does"
        raise ModelError(f"the tokenizer is a SentencePiece {kind} model", why)
    if model.space_behind:
        raise ModelError("the tokenizer puts a space behind every word", "llama.cpp's SentencePiece does not")
    vocabulary = Vocabulary(
        "llama",
        "default",
        tuple(model.tokens),
        tuple(model.types),
        (),
        path.name,
        special={role: token for role, token in (model.roles or {}).items() if 0 <= token < len(model.tokens)},
        add_bos=True,
        scores=tuple(model.scores),
        add_space_prefix=model.space_before,
        notes=_notes(model),
    )
    return checked(with_added(vocabulary, files))


def checked(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary with its notes. Raises ModelError if it lacks bytes.

    llama.cpp ends the program at a character for which it has neither a token nor its bytes.
    """
    types = dict(zip(vocabulary.tokens, vocabulary.types, strict=True))
    lost = [name for name in BYTES if types.get(name) != Type.BYTE]
    if lost:
        why = f"it has no token {lost[0]}, and llama.cpp fails at text it has no token for"
        raise ModelError("the tokenizer does not fall back to bytes", why)
    if vocabulary.add_space_prefix and Type.USER_DEFINED in vocabulary.types:
        note = "a space is put behind its added words, as llama.cpp does behind all that are matched as a whole"
        return replace(vocabulary, notes=(*vocabulary.notes, note))
    return vocabulary


def with_added(vocabulary: Vocabulary, files: Mapping[str, Path]) -> Vocabulary:
    """The vocabulary with the tokens that transformers adds: at the end, or in place of ones that are there."""
    tokens, types, scores = list(vocabulary.tokens), list(vocabulary.types), list(vocabulary.scores)
    for index, (name, is_special) in sorted(_added(files).items()):
        if not 0 <= index < min(MAX_TOKENS, 2 * len(vocabulary) + 1024):
            raise ModelError(f"the added token {escaped(name)} has an id out of range", escaped(index))
        while index >= len(tokens):
            tokens.append(f"[PAD{len(tokens)}]")
            types.append(Type.UNUSED)
            scores.append(_ADDED_SCORE)
        kept = types[index] in (Type.UNKNOWN, Type.BYTE) and tokens[index] == name
        if not kept:
            types[index] = Type.CONTROL if is_special else Type.USER_DEFINED
        tokens[index] = name
    for index, kind in enumerate(types):  # llama.cpp looks for these in the text before spaces are changed
        spaced = tokens[index].replace(SPACE, " ")
        if kind == Type.USER_DEFINED and spaced not in tokens:
            tokens[index] = spaced
    return replace(vocabulary, tokens=tuple(tokens), types=tuple(types), scores=tuple(scores))


def _added(files: Mapping[str, Path]) -> dict[int, tuple[str, bool]]:
    """Id to text and whether it is a special one, from whichever files say so; the first in this order has it."""
    settings, content, added = (
        read_table(files, name) for name in ("tokenizer_config.json", "tokenizer.json", "added_tokens.json")
    )
    found: dict[int, tuple[str, bool]] = {index: (name, False) for name, index in added.items()}
    listed, decoder = content.get("added_tokens"), settings.get("added_tokens_decoder")
    for token in listed if isinstance(listed, list) else ():
        if isinstance(token, dict):
            index = token.get("id")
            found[index if type(index) is int else -1] = (str(token.get("content", "")), token.get("special") is True)
    for number, token in decoder.items() if isinstance(decoder, dict) else ():
        if isinstance(token, dict) and str(number).isdecimal() and len(number) < 10:
            found[int(number)] = (str(token.get("content", "")), token.get("special") is True)
    if wrong := [name for index, (name, _) in found.items() if type(index) is not int or not name]:
        raise ModelError("an added token is not described properly", escaped(wrong[0]))
    return found


def _model(data: bytes) -> _Model:
    model = _Model([], [], [])
    for number, value in fields(data):
        if number == 1:
            _add_piece(model, raw(value))
        elif number == 2:
            _read_trainer(model, dict(fields(raw(value))))
        elif number == 3:
            _read_normalizer(model, dict(fields(raw(value))))
    if not model.tokens:
        raise ValueError("it has no pieces")
    return model


def _add_piece(model: _Model, data: bytes) -> None:
    piece: dict[int, Field] = dict(fields(data))
    score = float32(piece[2]) if 2 in piece else 0.0
    kind = integer(piece.get(3, Type.NORMAL))
    if 1 not in piece or not math.isfinite(score) or kind not in tuple(Type):
        raise ValueError(f"piece {len(model.tokens)} is not described properly")
    if len(model.tokens) >= MAX_TOKENS:
        raise ValueError("it has too many pieces")
    model.tokens.append(text(piece[1]))
    model.scores.append(score)
    model.types.append(kind)


def _read_trainer(model: _Model, spec: Mapping[int, Field]) -> None:
    model.kind = integer(spec.get(3, 1))
    model.space_behind = bool(integer(spec.get(24, 0)))
    model.roles = {role: integer(spec.get(number, usual)) for number, (role, usual) in _ROLES.items()}


def _read_normalizer(model: _Model, spec: Mapping[int, Field]) -> None:
    model.normalizer = text(spec[1]) if spec.get(2) and 1 in spec else ""  # without a table it changes nothing
    model.space_before = bool(integer(spec.get(3, 1)))
    model.spaces_joined = bool(integer(spec.get(4, 1)))


def _notes(model: _Model) -> tuple[str, ...]:
    """What the tokenizer does to a text that llama.cpp does not."""
    notes = []
    if model.normalizer and model.normalizer != "identity":
        notes.append(f"text is not normalized by {escaped(model.normalizer)} first, as the source's tokenizer does")
    if model.spaces_joined:
        notes.append("runs of spaces are kept; the source's tokenizer makes one of them")
    return tuple(notes)
