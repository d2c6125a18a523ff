"""Special tokens, the end of text and the chat template: from a tokenizer's side files and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from quoth_converters.formats.source import read_table
from quoth_converters.vocab import END, Type, Vocabulary, finished

_ROLES: Final = ("bos", "eos", "pad", "unk")
_ENDS: Final = (END, "</s>", "<|end_of_text|>")  # looked for where nothing says which it is
_TURN_ENDS: Final = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>")


def with_special(vocabulary: Vocabulary, files: Mapping[str, Path], config: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary with its roles, in order of authority: tokenizer_config, special_tokens_map, the settings."""
    settings = read_table(files, "tokenizer_config.json")
    named = {**_named(read_table(files, "special_tokens_map.json")), **_named(settings)}
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    roles: dict[str, int] = dict(vocabulary.special)
    roles.update({role: ids[text] for role, text in named.items() if text in ids})
    for role, token in {**_numbered(config), **_numbered(read_table(files, "generation_config.json"))}.items():
        if 0 <= token < len(vocabulary):  # GPT2Config() says 50256 for every vocabulary
            roles.setdefault(role, token)
    if "eos" not in roles and (end := next((text for text in _ENDS if text in ids), None)):
        roles["eos"] = ids[end]
    if "eot" not in roles and (turn := next((text for text in _TURN_ENDS if text in ids), None)):
        roles["eot"] = ids[turn]
    types = list(vocabulary.types)
    for role in ("bos", "eos", "eot", "pad", "unk"):
        if role in roles and types[roles[role]] == Type.NORMAL and _is_marker(vocabulary.tokens[roles[role]]):
            types[roles[role]] = Type.CONTROL
    if "eos" in roles and types[roles["eos"]] == Type.NORMAL:
        del roles["eos"]  # an ordinary piece of text cannot mean the end
    template, others = _templates(vocabulary, files, settings)
    return finished(
        replace(
            vocabulary,
            special=roles,
            types=tuple(types),
            add_bos=bool(settings["add_bos_token"]) if _without_json(settings, files) else vocabulary.add_bos,
            chat_template=template,
            named_templates=others,
        )
    )


def _without_json(settings: Mapping[str, Any], files: Mapping[str, Path]) -> bool:
    """Whether the setting decides; where there is a tokenizer.json, its post-processor does."""
    return "tokenizer.json" not in files and isinstance(settings.get("add_bos_token"), bool)


def _is_marker(text: str) -> bool:
    return len(text) > 2 and text[0] in "<[" and text[-1] in ">]"


def _named(table: Mapping[str, Any]) -> dict[str, str]:
    """Role to text; a token is written as its text or as {"content": text, ...}."""
    found = {}
    for role in _ROLES:
        token = table.get(f"{role}_token")
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str):
            found[role] = text
    return found


def _numbered(table: Mapping[str, Any]) -> dict[str, int]:
    """Role to id; of a list of ends the first is the end of text."""
    found = {}
    for role in _ROLES:
        token = table.get(f"{role}_token_id")
        token = token[0] if isinstance(token, list) and token else token
        if type(token) is int:
            found[role] = token
    return found


def _templates(
    vocabulary: Vocabulary, files: Mapping[str, Path], settings: Mapping[str, Any]
) -> tuple[str, Mapping[str, str]]:
    if "chat_template.jinja" in files:
        return files["chat_template.jinja"].read_text("utf-8", "replace"), {}
    written = settings.get("chat_template")
    if isinstance(written, str):
        return written, {}
    if isinstance(written, list):
        named = {
            str(t["name"]): str(t["template"])
            for t in written
            if isinstance(t, dict) and {"name", "template"} <= set(t)
        }
        return named.pop("default", ""), named
    return vocabulary.chat_template, vocabulary.named_templates
