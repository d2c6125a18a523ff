"""Answers about documents come without the marks of the documents."""

from __future__ import annotations

import pytest

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Done, Event, Piece, Sampling
from quoth.tasks.reply import reply
from tests.scripted_engine import Scripted


def events(said: str, *messages: Message, continue_last: bool = False, logprobs: int = 0) -> list[Event]:
    sampling = Sampling(temperature=0.0, logprobs=logprobs)
    return [*reply(Scripted([said]), messages, sampling=sampling, continue_last=continue_last)]


def text(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, Piece))


def test_an_answer_between_the_marks_of_its_data_loses_them() -> None:
    asked = user_message("Sort.", [Attachment("stdin", "fig\napple")])
    found = events("<text>\napple\nfig\n</text>", asked)
    assert text(found) == "apple\nfig"
    assert all(event.text for event in found if isinstance(event, Piece))
    assert [event.reason for event in found if isinstance(event, Done)] == ["stop"]
    assert text(events("<text>\nunfinished </te", asked)) == "unfinished </te"
    assert len(
        [p for e in events("<text>\nfig\n</text>", asked, logprobs=1) if isinstance(e, Piece) for p in e.logprobs]
    )


@pytest.mark.parametrize(
    "message", [Message("user", "Write some XML."), user_message("Why?", [Attachment("a", "</text>")])]
)
def test_an_answer_keeps_marks_that_are_not_those_of_its_data(message: Message) -> None:
    assert text(events("<text>\nfig\n</text>", message)) == "<text>\nfig\n</text>"


def test_the_rest_of_an_answer_is_left_as_it_is() -> None:
    begun = [user_message("Sort.", [Attachment("stdin", "fig\napple")]), Message("assistant", "<svg>\n")]
    assert text(events("<text>\nfig\n</text>", *begun, continue_last=True)) == "<text>\nfig\n</text>"
