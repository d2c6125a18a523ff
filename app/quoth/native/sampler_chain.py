"""Sampler chains, and grammars from JSON schemas."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quoth.native.llama_library import Handle, L, NativeError, last_reason, log_lines
from quoth.native.llama_model import Context
from quoth.native.vocabulary import Vocabulary


class Chain:
    """A sampler chain: what turns logits into the next token."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """For one vocabulary, which grammars read: it is closed with that model."""
        pointer = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
        self._handle = Handle("sampler chain", pointer, L.llama_sampler_free, vocabulary.handle)
        self._vocabulary = vocabulary

    def add(self, name: str, *arguments: Any) -> None:
        """Append llama.cpp's sampler of that name."""
        sampler = getattr(L, f"llama_sampler_init_{name}")(*arguments)
        if not sampler:
            raise NativeError(last_reason(f"the sampler {name} was refused"))
        L.llama_sampler_chain_add(self._handle.pointer, sampler)

    def add_logit_bias(self, bias: Sequence[tuple[int, float]]) -> None:
        array = (L.llama_logit_bias * len(bias))(*(L.llama_logit_bias(t, b) for t, b in bias))
        self.add("logit_bias", self._vocabulary.n_tokens, len(bias), array)

    def add_grammar(self, grammar: str) -> None:
        """Raises NativeError with the parser's reason when the GBNF does not parse."""
        if not grammar.strip() or "\0" in grammar:  # to llama.cpp that is no grammar at all
            raise NativeError("it is empty or holds a NUL")
        log_lines.clear()
        self.add("grammar", self._vocabulary.handle.pointer, grammar.encode(), b"root")

    def accept(self, tokens: Sequence[int]) -> None:
        """Have the samplers so far count tokens that they did not choose."""
        for token in tokens:
            L.llama_sampler_accept(self._handle.pointer, token)

    def sample(self, context: Context) -> int:
        """Choose a token after the last one computed, and accept it."""
        return int(L.llama_sampler_sample(self._handle.pointer, context.pointer, -1))

    def close(self) -> None:
        self._handle.close()


# RFC 8259, section 7; the converter's own rule lets control characters through, which are not JSON.
JSON_CHARACTER = r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])'


# llama.cpp refuses a repetition that makes 2,000 rules or more; several of them in a row can be counted in many ways,
# each of which it follows. Beyond MOST the grammar has no bound: what is too long is found when the value is validated.
MOST = 1000
LEAST = 20_000


def repetition(
    item: str, least: int, most: int | None, separator_rule: str | None = None, item_rule_is_literal: bool = False
) -> str:
    """GBNF for a repeated item; llama_cpp's converter nests an option for each repetition, which no parser accepts.

    `most` None: without end. The last two have the converter's names, and the last is not needed here.
    """
    if most == 0:
        return ""
    if separator_rule:
        more = repetition(f"({separator_rule} {item})", max(0, least - 1), None if most is None else most - 1)
        return f"{item} {more}".rstrip() if least else f"({f'{item} {more}'.rstrip()})?"
    least = min(least, LEAST)
    parts = [f"{item}{{{min(MOST, least - at)}}}" for at in range(0, least, MOST)]
    if most is None or most - least > MOST:
        parts.append(f"{item}*")
    elif most > least:
        parts.append(f"{item}{{0,{most - least}}}")
    return " ".join(parts)


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
    vars(module)["_build_repetition"] = repetition
    module.PRIMITIVE_RULES["char"] = module.BuiltinRule(JSON_CHARACTER, [])
    try:
        return str(module.json_schema_to_gbnf(schema))
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    except (KeyError, TypeError, AssertionError, IndexError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
