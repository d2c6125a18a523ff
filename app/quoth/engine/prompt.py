"""From messages to token ids, so that text of a message can never become a control token.

The rendered prompt is tokenised once, as the reference does it. Its control tokens are compared with those of a
render whose messages are harmless. Equal, nearly always: it is the reference's own prompt and is used as it is. Not
equal: the special-token strings inside the messages are broken with an invisible character, and it is checked again.

The prompt is tokenised in one call whatever its length: llama.cpp itself cuts at special tokens before it does
anything slow, so cutting there gains nothing, and any other cut can change the ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Protocol

from quoth.chat import Message
from quoth.engine.template import Template
from quoth.engine.thinking import Marks
from quoth.errors import InputError, UsageError

SHORT = 2048  # characters of a message that its harmless stand-in keeps, half from either end
ROUNDS = 8  # of breaking overlapping strings
_JOINERS = "\u2060\u200b\u200c\u00ad\ufffd"
_STAND_INS = "¤¦§¬·"
_STRANGE = "\U000e0fff \u0378 \U0010fffd"  # characters that no vocabulary has a token for


class Vocabulary(Protocol):
    """What is asked of a vocabulary; quoth.native.Vocabulary is one."""

    add_bos: bool  # the model wants a BOS token in front

    @property
    def control(self) -> frozenset[int]: ...
    @property
    def user_defined(self) -> frozenset[int]: ...
    @property
    def eog(self) -> frozenset[int]: ...
    @property
    def special_strings(self) -> Sequence[str]: ...  # the text of every control and user-defined token
    @property
    def bos_text(self) -> str: ...
    @property
    def eos_text(self) -> str: ...
    def tokenize(self, text: str, *, special: bool, bos: bool) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to read, and what is to be known about them."""

    tokens: list[int]
    broken: int = 0  # special-token strings that were broken inside messages
    starts_in_thought: bool = False  # the prompt ends inside a thinking block


class Specials:
    """The special-token strings of a vocabulary, and how to break them inside a text. Pure."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = sorted({s for s in strings if s.strip()}, key=len, reverse=True)
        used = {character for s in self._strings for character in s}
        self.joiner = next((c for c in _JOINERS if c not in used), "\ufffd")
        self._stand_in = next((c for c in _STAND_INS if c not in used), "\ufffd")
        self._whole = _any_of(self._strings)
        self._first = _any_of(sorted({s[0] for s in self._strings}))
        self._longest = max((len(s) for s in self._strings), default=0)
        # A string that ends as it begins ("]~b]") can swallow the one behind it and leave the count as it was.
        self._shifting = tuple(s[: -len(b)] for s in self._strings if (b := _border(s)))

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(s[:n] for s in self._strings for n in range(1, len(s)))

    @cached_property
    def _endings(self) -> frozenset[str]:
        return frozenset(s[n:] for s in self._strings for n in range(1, len(s)))

    def _split(self, match: re.Match[str]) -> str:
        string = match[0]
        return string[0] + self.joiner + string[1:] if len(string) > 1 else "\ufffd"

    def whole(self, text: str) -> tuple[str, int]:
        """Break every special-token string. Returns the text and how many were broken."""
        broken = 0
        for _ in range(ROUNDS):  # strings may overlap: breaking one leaves the other
            text, n = self._whole.subn(self._split, text)
            broken += n
            if not n:
                break
        if self._shifting and text.rstrip().endswith(self._shifting):
            text, broken = _behind(text, self.joiner), broken + 1
        return text, broken

    def borders(self, text: str) -> tuple[str, int]:
        """`whole`, and keep either end from completing a string together with what stands beside the text."""
        text, broken = self.whole(text)
        if self._may_begin_inside(text):
            text, broken = _before(text, self.joiner), broken + 1
        if self._may_end_inside(text):
            text, broken = _behind(text, self.joiner), broken + 1
        return text, broken

    def everywhere(self, text: str) -> tuple[str, int]:
        """`borders`, and part every character that could begin a string from what follows it."""
        text, broken = self.borders(text)
        text, n = self._first.subn(lambda m: m[0] + self.joiner, text)
        return text, broken + n

    def without(self, text: str) -> str:
        """The text with other characters in place of those that could be part of a string; for comparison alone.

        Replaced, not parted: a template that takes invisible characters away cannot undo it.
        """
        body = text.strip()
        first, last = self._may_begin_inside(text), self._may_end_inside(text)
        changed = self._first.sub(self._stand_in, body)
        if first:
            changed = self._stand_in + changed[1:]
        if last:
            changed = changed[:-1] + self._stand_in
        return text.replace(body, changed, 1) if body else text

    def _may_begin_inside(self, text: str) -> bool:
        return self._touches(text, self._endings, lambda t, n: t[:n])

    def _may_end_inside(self, text: str) -> bool:
        return self._touches(text, self._beginnings, lambda t, n: t[-n:])

    def _touches(self, text: str, pieces: frozenset[str], end: Callable[[str, int], str]) -> bool:
        """Whether an end of the text, with or without the spaces there, is a piece, or all of it is inside one."""
        if not (body := text.strip()):
            return False
        if len(body) < self._longest and any(body in string for string in self._strings):
            return True
        return any(end(t, n) in pieces for t in (body, text) for n in range(1, min(self._longest, len(t) + 1)))


class Prompter:
    """The prompts of one model."""

    def __init__(
        self, template_source: str | None, vocabulary: Vocabulary, today: Callable[[], date] = date.today
    ) -> None:
        """Raises ModelError when there is no template, or none that can be used."""
        self._vocabulary = vocabulary
        self.template = Template(template_source, bos=vocabulary.bos_text, eos=vocabulary.eos_text, today=today)
        self._specials: dict[frozenset[int], Specials] = {}

    @property
    def marks(self) -> Marks | None:
        """What stands around a thought in this model's text."""
        return self.template.marks

    @cached_property
    def thinks(self) -> bool:
        """Whether the template has a switch for thinking."""
        return self.template.thinks

    def chat(self, messages: Sequence[Message], *, think: bool = False, continue_last: bool = False) -> Prompt:
        """The prompt of a conversation; with `continue_last` it ends in the middle of the last message.

        Raises ModelError from the template, InputError if a text cannot be kept apart from control tokens.
        """
        if not messages or (continue_last and messages[-1].role != "assistant"):
            raise UsageError("there is no message to answer or to continue")

        def read(conversation: Sequence[Message]) -> tuple[str, list[int]]:
            text = self.template.render(conversation, think=think, continue_last=continue_last)
            return text, self._tokens(text)

        scaffold, expected = read([self._harmless(m, SHORT) for m in messages])
        marks_used = self._counted_user_defined.keys() & set(expected)
        counted = self._control | marks_used
        specials = self._breaking(frozenset(marks_used))
        thought = self._inside_thought(scaffold, continue_last)
        for level, change in enumerate((specials.whole, specials.borders, specials.everywhere)):
            changed = [change(m.text) for m in messages]
            _, tokens = read([Message(m.role, text) for m, (text, _) in zip(messages, changed, strict=True)])
            if level == 1:  # a template may look at the middle of a long text too
                _, expected = read([self._harmless(m, None) for m in messages])
            if _only(tokens, counted) == _only(expected, counted):
                return Prompt(tokens, sum(n for _, n in changed), thought)
        raise InputError(
            "a text cannot be kept apart from the model's control tokens",
            "its template puts them together again",
            "Remove strings such as <|...|> from the text",
        )

    def _tokens(self, text: str) -> list[int]:
        """Ids of a rendered prompt, with one BOS token if the model wants it, and not two if the template wrote it."""
        vocabulary = self._vocabulary
        ids = vocabulary.tokenize(text, special=True, bos=False)
        if not vocabulary.add_bos or (vocabulary.bos_text and text.startswith(vocabulary.bos_text)):
            return ids
        return vocabulary.tokenize("", special=True, bos=True)[:1] + ids

    def _harmless(self, message: Message, length: int | None) -> Message:
        """The message without special-token strings, thinking marks and parts of them; shortened in the middle."""
        text = message.text
        if length is not None and len(text) > length:
            text = text[: length // 2] + " " + text[-length // 2 :]
        return Message(message.role, self._all_specials.without(text))

    def _inside_thought(self, scaffold: str, continue_last: bool) -> bool:
        marks = self.marks
        if marks is None:
            return False
        if marks.implied:
            return not continue_last
        return scaffold.rfind(marks.open.strip()) > scaffold.rfind(marks.close)

    def _breaking(self, user_defined: frozenset[int]) -> Specials:
        """What is broken in real text: control tokens, and those user-defined ones that the scaffold uses."""
        if user_defined not in self._specials:
            strings = [*self._control_strings, *(self._counted_user_defined[token] for token in user_defined)]
            self._specials[user_defined] = Specials(strings)
        return self._specials[user_defined]

    @cached_property
    def _all_specials(self) -> Specials:
        marks = self.marks
        extra = [s.strip() for s in (marks.open, marks.close, *marks.drop)] if marks else []
        return Specials([*self._vocabulary.special_strings, *extra])

    @cached_property
    def _ids(self) -> dict[str, frozenset[int]]:
        """Special-token strings and the ids they become."""
        vocabulary = self._vocabulary
        strings = {s for s in (*vocabulary.special_strings, vocabulary.eos_text) if s}
        return {s: frozenset(vocabulary.tokenize(s, special=True, bos=False)) for s in strings}

    @cached_property
    def _control(self) -> frozenset[int]:
        """Control and end-of-generation tokens; not those that plain text becomes by itself, as unknown characters."""
        vocabulary = self._vocabulary
        ending = {token for s, ids in self._ids.items() if s.strip() for token in ids & vocabulary.eog}
        natural = vocabulary.tokenize(_STRANGE, special=False, bos=False)
        return (vocabulary.control | ending) - set(natural)

    @cached_property
    def _control_strings(self) -> list[str]:
        return [s for s, ids in self._ids.items() if ids & self._control]

    @cached_property
    def _counted_user_defined(self) -> dict[int, str]:
        """User-defined tokens that look like marks: letters and signs. Spaces, words and "```" are just text."""
        found: dict[int, str] = {}
        for string, ids in self._ids.items():
            if any(c.isalnum() for c in string) and not all(c.isalnum() or c.isspace() for c in string):
                found |= dict.fromkeys(ids & self._vocabulary.user_defined - self._control, string)
        return found


def _only(tokens: Iterable[int], counted: frozenset[int]) -> list[int]:
    return [token for token in tokens if token in counted]


def _before(text: str, joiner: str) -> str:
    space = text[: len(text) - len(text.lstrip())]
    return joiner + space + joiner + text[len(space) :] if space else joiner + text


def _behind(text: str, joiner: str) -> str:
    body = text.rstrip()
    return body + joiner + text[len(body) :] + joiner if len(body) < len(text) else text + joiner


def _border(string: str) -> str:
    """The longest proper beginning of a string that is also its end."""
    return next((string[:n] for n in range(len(string) - 1, 0, -1) if string.endswith(string[:n])), "")


def _any_of(strings: Sequence[str]) -> re.Pattern[str]:
    """A pattern that finds any of the strings, longest first, in one pass: a tree of their characters."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]  # a tree has no finite type
    for string in strings:
        node = tree
        for character in string:
            node = node.setdefault(character, {})
        node[""] = {}
    return re.compile(_pattern(tree) or r"(?!)")


def _pattern(tree: dict) -> str:  # type: ignore[type-arg]  # as above
    branches = []
    for character, node in tree.items():
        if character:
            run = character
            while len(node) == 1 and "" not in node:  # characters without a fork need no group
                (character, node), *_ = node.items()
                run += character
            branches.append(re.escape(run) + _pattern(node))
    if not branches:
        return ""
    body = branches[0] if len(branches) == 1 and "" not in tree else "(?:" + "|".join(branches) + ")"
    return body + "?" if "" in tree else body
