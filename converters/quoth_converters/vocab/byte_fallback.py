"""A tokenizer.json made from SentencePiece: BPE over characters with bytes for the rest, as Llama 2 has it.

It has merges and no scores, and llama.cpp's "llama" tokenizer wants scores: a token is as good as the first merge that
makes it comes early. Format: the tokenizers library's serialization.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.vocab import Type, Vocabulary
from quoth_converters.vocab.sentencepiece import BYTES, SPACE, checked, with_added
from quoth_converters.vocab.tokenizer_json import added_around, merges_of, tokens_of

_NEVER: Final = -1e6  # of a token that no merge makes
_BYTES: Final = frozenset(BYTES)
_SECOND_SPACE: Final = (
    "a text that begins with a space gets another one before it, as SentencePiece does and this tokenizer.json does not"
)


def read_fallback(path: Path, content: Mapping[str, Any], files: Mapping[str, Path]) -> Vocabulary:
    """The vocabulary of such a tokenizer.json. Raises ModelError where it treats text in another way."""
    model = content["model"]
    space_before = _space_before(content)
    tokens, types = tokens_of(path, model.get("vocab"), content.get("added_tokens") or [])
    scores = _scores(tokens, merges_of(path, model.get("merges")))
    unknown = model.get("unk_token")
    kinds = [
        Type.BYTE if token in _BYTES else Type.UNKNOWN if token == unknown else kind
        for token, kind in zip(tokens, types, strict=True)
    ]
    before, behind = added_around(content.get("post_processor"))
    roles = {"bos": before, "eos": behind, "unk": unknown}
    vocabulary = Vocabulary(
        "llama",
        "default",
        tokens,
        tuple(kinds),
        (),
        path.name,
        special={role: tokens.index(text) for role, text in roles.items() if text in tokens},
        add_bos=before is not None,
        add_eos=behind is not None,
        scores=scores,
        add_space_prefix=space_before,
        notes=(_SECOND_SPACE,) if space_before and not content.get("normalizer") else (),
    )
    return checked(with_added(vocabulary, {name: file for name, file in files.items() if name != path.name}))


def _scores(tokens: Sequence[str], merges: Sequence[str]) -> tuple[float, ...]:
    """A score for each token: the negative index of the first merge that makes it."""
    places: dict[str, int] = {}
    for place, merge in enumerate(merges):
        places.setdefault(merge.replace(" ", "", 1), place)
    return tuple(-float(places[token]) if token in places else _NEVER for token in tokens)


def _space_before(content: Mapping[str, Any]) -> bool:
    """Whether a text gets a space before it; spaces become ▁ in any case."""
    normalizer, splitter = _step(content.get("normalizer")), _step(content.get("pre_tokenizer"))
    if splitter.get("type") == "Metaspace" and not normalizer:
        scheme = splitter.get("prepend_scheme", "always" if splitter.get("add_prefix_space", True) else "never")
        if splitter.get("replacement", SPACE) == SPACE and not splitter.get("split"):
            return str(scheme) != "never"
    steps = [_step(step) for step in normalizer.get("normalizers") or [normalizer]]
    kinds = [step.get("type") for step in steps]
    if not splitter and kinds in (["Prepend", "Replace"], ["Replace"]):
        replaced = steps[-1].get("pattern"), steps[-1].get("content")
        prepended = steps[0].get("prepend") if kinds[0] == "Prepend" else SPACE
        if replaced == ({"String": " "}, SPACE) and prepended == SPACE:
            return len(kinds) == 2
    names = " and ".join(escaped(kind) for kind in (*kinds, splitter.get("type")) if kind)
    raise ModelError("the tokenizer rewrites text in a way that llama.cpp cannot", names)


def _step(step: Any) -> Mapping[str, Any]:
    return step if isinstance(step, dict) else {}
