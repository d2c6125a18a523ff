"""What a model is asked about passages. All questions about the same passages begin alike, so they are read once."""

from __future__ import annotations

from collections.abc import Sequence

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat
from quoth.tasks.collection import Collection

SYSTEM = "You answer questions about documents, from the given passages alone."
ANSWER = "Answer the question from the passages, in one short sentence, in {language}."
SAME = "the language of the question"
IS_SAID = "Do the passages say the answer to the question? Reply only yes or no."
IS_SAID_BY = "Does this text from the passages say the answer to the question?\n“{text}”\nReply only yes or no."
TRANSLATE = "Translate the question into {language}. Reply with the translation and nothing else."
OVERHEAD = 90  # tokens of all this and of a chat template, without the passages and the question
TITLE = 40  # tokens of a passage's number, title and tags


def passages_of(collection: Collection, parts: Sequence[int]) -> list[Attachment]:
    """Passages as a prompt has them, each behind its number and the headings that it stands under."""
    return [
        Attachment(f"Passage {at} ({collection.title(part)})", collection.text(part))
        for at, part in enumerate(parts, 1)
    ]


def about(passages: Sequence[Attachment], question: str, instruction: str) -> Chat:
    asked = user_message(f"Question: {question}\n{instruction}", passages)
    return Chat((Message("system", SYSTEM), asked))


def answer_in(language: str) -> str:
    """The instruction to answer in a language; "" is the question's own."""
    return ANSWER.format(language=language or SAME)


def translate(question: str, language: str) -> Chat:
    return Chat((Message("user", f"{question}\n\n{TRANSLATE.format(language=language)}"),))
