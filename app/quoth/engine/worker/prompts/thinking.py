"""Which marks a chat template puts around thoughts, and which of its variables switch thinking on and off. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple


class ThinkingMarks(NamedTuple):
    """What stands around a thought in the model's own text, special tokens spelled out.

    `drop` are headers that belong neither to the thought nor to the answer; `implied` says that every answer
    begins as thought although no mark opens it.
    """

    open: str
    close: str
    drop: tuple[str, ...] = ()
    implied: bool = False


# Signs in a template's source, and its marks. The first entry whose signs are all there is taken: those of one model
# stand before the common ones.
_FAMILIES: tuple[tuple[tuple[str, ...], ThinkingMarks], ...] = (
    (
        ("<|channel|>analysis<|message|>",),  # gpt-oss
        ThinkingMarks(
            "<|channel|>analysis<|message|>",
            "<|end|>",
            ("<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>"),
        ),
    ),
    (
        ("assistant to=self<|message|>",),  # muse
        ThinkingMarks(
            " to=self<|message|>",
            "<|eom|>",
            ("<|start|>assistant to=user<|message|>", " to=user<|message|>"),
        ),
    ),
    (
        ("open_tag('think'", "<|open|>"),  # Kimi K3
        ThinkingMarks(
            "<|open|>think<|sep|>",
            "<|close|>think<|sep|>",
            ("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
        ),
    ),
    (
        ("<|begin|>assistant<|think|>", "<|content|>"),  # Solar Open
        ThinkingMarks("<|think|>", "<|end|>", ("<|begin|>assistant<|content|>", "<|content|>")),
    ),
    (("<|channel>thought", "<channel|>"), ThinkingMarks("<|channel>thought\n", "<channel|>")),  # Gemma 4
    (("<seed:think>",), ThinkingMarks("<seed:think>", "</seed:think>")),
    (("<mm:think>",), ThinkingMarks("<mm:think>", "</mm:think>")),
    (("<think{}>", ":opensource"), ThinkingMarks("<think:opensource>", "</think:opensource>")),  # Hunyuan
    (("<|START_THINKING|>",), ThinkingMarks("<|START_THINKING|>", "<|END_THINKING|>")),
    (("<|inner_prefix|>",), ThinkingMarks("<|inner_prefix|>", "<|inner_suffix|>")),  # Apertus
    (("[THINK]",), ThinkingMarks("[THINK]", "[/THINK]")),
    (
        ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),  # Apriel 1.6
        ThinkingMarks("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]", ("[END FINAL RESPONSE]",)),
    ),
    (
        ("[BEGIN FINAL RESPONSE]",),  # Apriel 1.5
        ThinkingMarks("", "[BEGIN FINAL RESPONSE]", ("[END FINAL RESPONSE]",), implied=True),
    ),
    (
        ("<think></think>", "between <response></response>"),  # Granite 3.3
        ThinkingMarks("<think>", "</think>", ("<response>", "</response>")),
    ),
    (("</think>",), ThinkingMarks("<think>", "</think>")),
    (("<think>",), ThinkingMarks("<think>", "</think>")),
    (("</thinking>",), ThinkingMarks("<thinking>", "</thinking>")),
)

# Variables of templates that switch thinking: off, on. None leaves the variable undefined: the template's default.
_SWITCHES: tuple[tuple[str, object, object], ...] = (
    ("enable_thinking", False, True),
    ("thinking", False, True),
    ("reasoning", False, True),
    ("thinking_mode", "disabled", "enabled"),
    ("thinking_budget", 0, None),
    ("reasoning_strength", "low", None),
)
_LEAST_EFFORT = ("no_think", "none", "minimal", "low")  # `reasoning_effort` takes other words in every template


def marks(source: str) -> ThinkingMarks | None:
    """The marks of a template, or None for a model that does not think in words."""
    return next((found for signs, found in _FAMILIES if all(sign in source for sign in signs)), None)


def switches(source: str, think: bool) -> dict[str, object]:
    """Variables to render a template with, so that it asks for thinking or asks for none."""
    chosen = {name: on if think else off for name, off, on in _SWITCHES if _names(source, name)}
    if _names(source, "reasoning_effort"):
        least = next((word for word in _LEAST_EFFORT if _quotes(source, word)), "low")
        most = "high" if least == "no_think" else None  # where not to think is the default
        chosen["reasoning_effort"] = most if think else least
    return {name: value for name, value in chosen.items() if value is not None}


def _names(source: str, name: str) -> bool:
    return re.search(rf"(?<![\w.'\"]){name}(?![\w'\"])", source) is not None


def _quotes(source: str, word: str) -> bool:
    return f"'{word}'" in source or f'"{word}"' in source
