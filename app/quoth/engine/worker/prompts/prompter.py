"""From messages to token ids, so that text of a message can never become a control token.

The rendered prompt is tokenized once, as the reference does it. Its control tokens are compared with those of a
render whose messages are harmless. Equal, nearly always: it is the reference's own prompt and is used as it is. Not
equal: the special-token strings inside the messages are broken with an invisible character, and it is checked again.

The prompt is tokenized in one call, however long it is: llama.cpp itself cuts at special tokens before it does
anything slow, so cutting there gains nothing, and any other cut can change the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple, Protocol

from quoth.chat import Message
from quoth.engine.worker.prompts.special_tokens import Specials
from quoth.engine.worker.prompts.template import Template
from quoth.engine.worker.prompts.thinking import ThinkingMarks
from quoth.errors import InputError, UsageError

SHORT = 2048  # characters of a message that its harmless stand-in keeps, half from either end
_STRANGE = "\U000e0fff \u0378 \U0010fffd"  # characters that no vocabulary has a token for


class PromptVocabulary(Protocol):
    """What prompts need of a vocabulary; quoth.native.Vocabulary has it."""

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


class RenderedPrompt(NamedTuple):
    """Token ids to read, and what happened to the text."""

    tokens: list[int]
    broken: int = 0  # special-token strings that were broken inside messages
    starts_in_thought: bool = False  # the prompt ends inside a thinking block


class Prompter:
    """The prompts of one model."""

    def __init__(
        self, template_source: str | None, vocabulary: PromptVocabulary, today: Callable[[], date] = date.today
    ) -> None:
        """Raises ModelError when there is no template, or none that can be used."""
        self._vocabulary = vocabulary
        self.template = Template(template_source, bos=vocabulary.bos_text, eos=vocabulary.eos_text, today=today)
        self.marks: ThinkingMarks | None = self.template.marks
        self._specials: dict[frozenset[int], Specials] = {}

    def chat(self, messages: Sequence[Message], *, think: bool = False, continue_last: bool = False) -> RenderedPrompt:
        """The prompt of a conversation; with `continue_last` it ends inside the last message.

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
                return RenderedPrompt(tokens, sum(n for _, n in changed), thought)
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
            control = (s for s, ids in self._ids.items() if ids & self._control)
            strings = [*control, *(self._counted_user_defined[token] for token in user_defined)]
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
        """Control and end-of-generation tokens; not those that plain text becomes, as unknown characters do."""
        vocabulary = self._vocabulary
        ending = {token for s, ids in self._ids.items() if s.strip() for token in ids & vocabulary.eog}
        natural = vocabulary.tokenize(_STRANGE, special=False, bos=False)
        return (vocabulary.control | ending) - set(natural)

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
