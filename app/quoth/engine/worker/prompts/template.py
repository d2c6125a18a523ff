"""A model's chat template: messages in, the prompt's text out.

Rendered as the reference implementation does it (Hugging Face's `apply_chat_template`): the same sandbox, the same
variables, the same filters. This module imports jinja2: import it lazily.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from functools import cached_property
from typing import Any

from jinja2 import Template as Compiled

from quoth.chat import Message
from quoth.engine.worker.prompts.template_bounds import Bounds, Exceeded, deadline
from quoth.engine.worker.prompts.template_sandbox import BoundedEnvironment
from quoth.engine.worker.prompts.thinking import ThinkingMarks, marks, switches
from quoth.errors import ModelError

MOST_SOURCE = 512 * 1024  # characters; the largest template of upstream's collection has 17 thousand
LARGEST = 1024 * 1024  # characters that a render may make beyond four times its messages
SECONDS = 5.0  # to compile, and again to render
UNWATCHED = 32 * 1024  # characters that always compile in a fraction of a second: to look at the clock costs more
TRY = "--template FILE gives another one, and `quoth complete` works without"

Turn = Mapping[str, str]


class TemplateError(ModelError):
    """The template failed: it raised, or met a value that it does not expect."""


def preload() -> None:
    """Have jinja2's lexer ready ahead of need."""
    BoundedEnvironment().from_string("{% for m in messages %}{{ m['content'] }}{% endfor %}")


class Template:
    """One compiled template. May be used from several threads; renders run one after another."""

    def __init__(
        self,
        source: str | None,
        *,
        bos: str = "",
        eos: str = "",
        today: Callable[[], date] = date.today,
        seconds: float = SECONDS,
    ) -> None:
        """`bos` and `eos` are the texts of those tokens. Raises ModelError when there is nothing to render with."""
        if not source or not source.strip():
            raise ModelError("this is a base model: it cannot chat", "its file has no chat template", TRY)
        if len(source) > MOST_SOURCE:
            raise _refused(f"it has {len(source):,} characters; at most {MOST_SOURCE:,} are read")
        self.source = source
        self.marks: ThinkingMarks | None = marks(source)
        self._variables = {"bos_token": bos, "eos_token": eos, "documents": None}
        self._today = today
        self._seconds = seconds
        self._lock = threading.RLock()
        self._tools: list[object] | None = None
        self._environment, self._compiled = self._compile()

    def _compile(self) -> tuple[BoundedEnvironment, Compiled]:
        environment = BoundedEnvironment()
        environment.globals["strftime_now"] = self._strftime
        watch = deadline(self._seconds, lines=False) if len(self.source) > UNWATCHED else nullcontext()
        try:
            with watch:
                return environment, environment.from_string(self.source)
        except Exceeded as error:
            raise _refused(str(error)) from None
        except RecursionError:
            raise _refused("it nests too deeply") from None
        except Exception as error:
            line = getattr(error, "lineno", None)
            where = f"line {line}: " if line else ""
            raise _refused(f"it does not parse: {where}{_clean(error)}") from error

    def _strftime(self, form: str) -> str:
        """The date in the template's format. No time of day: a prompt must not change with every call."""
        return self._today().strftime(form.replace("%-", "%#") if sys.platform == "win32" else form)

    def render(self, messages: Sequence[Message], *, think: bool = False, continue_last: bool = False) -> str:
        """The prompt's text: up to where the model answers, or to the end of the last message's text.

        A template that has no place for a system message gets it in front of the first user message; one that
        insists on alternating roles gets neighbours of one role merged. Raises ModelError.
        """
        turns: list[Turn] = [{"role": m.role, "content": m.text} for m in messages]
        with self._lock:
            if any(turn["role"] == "system" for turn in turns) and not self.knows_system:
                turns = _without_system(turns)
            try:
                return self._prompt(turns, think, continue_last)
            except TemplateError:
                merged = _merged(turns)
                if len(merged) == len(turns):
                    raise
                return self._prompt(merged, think, continue_last)

    @cached_property
    def knows_system(self) -> bool:
        """Whether a system message shows up in the prompt."""
        word = "systemprobe"
        try:
            return word in self._run(
                [{"role": "system", "content": word}, {"role": "user", "content": "x"}], False, True
            )
        except TemplateError:
            return False

    def _prompt(self, turns: list[Turn], think: bool, continue_last: bool) -> str:
        if not continue_last:
            return self._run(turns, think, True)
        mark = "CONTINUE_FINAL_MESSAGE_TAG "  # the reference's own: some templates look for it
        *earlier, last = turns
        while any(mark.strip() in turn["content"] for turn in turns):
            mark = "X" + mark
        text = self._run([*earlier, {"role": last["role"], "content": last["content"] + mark}], think, False)
        at = text.rfind(mark.strip())
        if at < 0:
            raise _refused("it does not show the answer that is to be continued")
        trims = text[at : at + len(mark)] != mark
        return text[:at].rstrip() if trims else text[:at]

    def _run(self, turns: list[Turn], think: bool, answer: bool) -> str:
        variables = {**self._variables, **switches(self.source, think), "add_generation_prompt": answer}
        try:
            return self._bounded(turns, {**variables, "tools": self._tools})
        except TemplateError:
            if self._tools is not None:
                raise
            # Templates written for tools alone go through the list without looking whether there is one.
            text = self._bounded(turns, {**variables, "tools": []})
            self._tools = []
            return text

    def _bounded(self, turns: list[Turn], variables: Mapping[str, Any]) -> str:
        largest = LARGEST + 4 * sum(len(turn["content"]) for turn in turns)
        self._environment.bounds = Bounds(largest, budget=largest * (64 + len(turns)))
        try:
            with deadline(self._seconds, lines=True):
                return self._compiled.render(messages=[dict(turn) for turn in turns], **variables)
        except Exceeded as error:
            raise _refused(str(error)) from None
        except RecursionError:
            raise _refused("it calls itself without end") from None
        except MemoryError:
            raise _refused("it uses too much memory") from None
        except Exception as error:
            raise TemplateError("the model's chat template refuses these messages", _clean(error), TRY) from error


def _without_system(turns: list[Turn]) -> list[Turn]:
    """Put the text of system messages in front of the first user message."""
    text = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [turn for turn in turns if turn["role"] != "system"]
    at = next((i for i, turn in enumerate(rest) if turn["role"] == "user"), None)
    if at is None:
        return [{"role": "user", "content": text}, *rest]
    first = {"role": "user", "content": f"{text}\n\n{rest[at]['content']}"}
    return [*rest[:at], first, *rest[at + 1 :]]


def _merged(turns: list[Turn]) -> list[Turn]:
    """One message for each run of messages of one role."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1] = {"role": turn["role"], "content": f"{merged[-1]['content']}\n\n{turn['content']}"}
        else:
            merged.append(turn)
    return merged


def _refused(why: str) -> ModelError:
    return ModelError("the model's chat template cannot be used", why, TRY)


def _clean(error: BaseException) -> str:
    """A foreign message as part of a sentence: printable, one line, at most 200 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return (text[:199] + "…" if len(text) > 200 else text).rstrip(".") or type(error).__name__
