"""The state of a chat without a screen: what follows what, and what of it is kept."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from quoth.chat import Attachment
from quoth.history import History, Turn
from quoth.tui.chat.chat_session import NEXT, ChatSession, State, WaitingQuestion
from quoth.tui.chat.open_conversation import Task, document_task, tasks_of
from quoth.tui.chat.running_turn import RunningTurn
from quoth.tui.history_writer import PendingId


@pytest.fixture
def session() -> ChatSession:
    return ChatSession(History(None), system="Be kind.")


def running(session: ChatSession, turn: PendingId | None = None, **more: Any) -> RunningTurn:
    return RunningTurn(turn=turn or PendingId(), writer=session.writer, private=session.private, **more)


def exchange(session: ChatSession, question: str, answer: str) -> None:
    """A question and its answer, from the first word to the history."""
    _, write_question = session.conversation.add("user", question)
    entry, write_answer = session.conversation.add("assistant")
    turn = running(session, entry.ref, new=[write_question, write_answer], model_name="demo")
    session.begin(turn)

    def reply() -> str:
        turn.begin()
        turn.said = answer
        return "stop"

    turn.finish(reply)
    session.end(turn)


def kept(session: ChatSession) -> list[tuple[str, str, str]]:
    number = session.conversation.ref.id
    assert number is not None
    return [(turn.role, turn.text, turn.reason) for turn in session.writer.history.path(number)]


# What follows what


def test_an_answer_is_waited_for_read_written_and_over(session: ChatSession) -> None:
    seen: list[tuple[State, str]] = []
    session._changed = lambda: seen.append((session.state, session.progress))
    session.load("Loading demo 40%")
    session.settle()
    turn = running(session)
    session.begin(turn)
    session.read(turn, "reading 64 of 128 tokens")
    session.read(turn, "")
    session.write(turn)
    assert session.busy
    assert session.end(turn)
    assert seen == [
        (State.LOADING, "Loading demo 40%"),
        (State.IDLE, ""),
        (State.READING, ""),
        (State.READING, "reading 64 of 128 tokens"),
        (State.READING, ""),
        (State.WRITING, ""),
        (State.IDLE, ""),
    ]
    assert not session.busy


def test_what_is_told_to_stop_is_stopping_until_it_has_ended(session: ChatSession) -> None:
    turn = running(session)
    session.begin(turn)
    assert session.stop()
    assert turn.stop.is_set()
    session.read(turn, "reading 64 of 128 tokens")  # these were on their way
    session.write(turn)
    assert (session.state, session.progress) == (State.STOPPING, "")
    assert session.stop()
    assert session.end(turn)
    assert session.state is State.IDLE
    assert not session.stop()


def test_two_turns_are_never_answered_at_once(session: ChatSession) -> None:
    session.begin(running(session))
    with pytest.raises(ValueError, match="another turn"):
        session.begin(running(session))


@pytest.mark.parametrize("state", State)
def test_only_what_can_follow_a_state_follows_it(session: ChatSession, state: State) -> None:
    for other in set(State) - NEXT[state] - {state}:
        session.state = state
        with pytest.raises(ValueError, match=state.value):
            session._enter(other)


def test_a_turn_that_was_let_go_ends_unseen(session: ChatSession) -> None:
    first, second = running(session), running(session)
    session.begin(first)
    session.let_go()
    assert (session.state, session.left, first.stop.is_set()) == (State.IDLE, first, True)
    session.begin(second)
    session.write(first)
    assert not session.end(first)
    assert (session.state, session.running) == (State.READING, second)


def test_a_model_on_its_way_does_not_hide_what_is_answered(session: ChatSession) -> None:
    turn = running(session)
    session.begin(turn)
    session.write(turn)
    session.load("other-3b, downloading 40%")
    assert (session.state, session.progress) == (State.WRITING, "other-3b, downloading 40%")
    session.settle()
    assert (session.state, session.progress) == (State.WRITING, "")


def test_what_is_looked_up_beside_an_answer_is_not_shown_over_it(session: ChatSession) -> None:
    session.look_aside("looking up probabilities")
    assert (session.state, session.progress) == (State.IDLE, "looking up probabilities")
    session.begin(running(session))
    session.look_aside("looking up probabilities: 64 of 128 tokens")
    assert session.progress == ""


# What is kept


def test_a_question_and_its_answer_are_in_the_history_below_each_other(session: ChatSession) -> None:
    exchange(session, "Which?", "Rome.")
    exchange(session, "Sure?", "Yes.")
    assert kept(session) == [
        ("user", "Which?", "stop"),
        ("assistant", "Rome.", "stop"),
        ("user", "Sure?", "stop"),
        ("assistant", "Yes.", "stop"),
    ]
    number = session.conversation.ref.id
    assert number is not None
    assert session.lasting.history.conversation(number).system == "Be kind."
    assert session.lasting.history.path(number)[1].model == "demo"


@pytest.mark.parametrize("failing", [RuntimeError("a bug"), KeyError("another")])
def test_whatever_happens_what_was_said_is_kept(session: ChatSession, failing: Exception) -> None:
    entry, write = session.conversation.add("assistant")
    turn = running(session, entry.ref, new=[write])

    def reply() -> str:
        turn.begin()
        turn.said = "Half an"
        raise failing

    turn.finish(reply)
    assert turn.error is not None
    assert "this is a bug" in str(turn.error)
    assert turn.kept.is_set()
    assert kept(session) == [("assistant", "Half an", "died")]


def test_what_is_cut_stays_in_the_history_and_what_follows_stands_beside_it(session: ChatSession) -> None:
    exchange(session, "Which?", "Rome.")
    first = session.path[1].ref
    session.conversation.messages_dropped = 2
    assert session.conversation.versions_at(1) == 1
    assert session.conversation.versions_at(2) == 0
    assert session.conversation.cut(1) == {first}
    assert session.conversation.messages_dropped == 0
    entry, write = session.conversation.add("assistant")
    write("demo")
    assert [turn.text for turn in session.lasting.history.tree(1)] == ["Which?", "Rome.", ""]
    assert session.conversation.versions_at(1) == 2
    assert entry.ref.id != first.id


def test_a_summary_is_edited_and_half_of_one_is_discarded(session: ChatSession) -> None:
    exchange(session, "Which?", "Rome.")
    entry, write = session.conversation.add("summary", task=Task("compact"))
    write("demo")
    session.conversation.edit_summary(entry, "They spoke of Rome.")
    assert entry.turn.text == "They spoke of Rome."
    assert kept(session)[2][:2] == ("summary", "They spoke of Rome.")
    session.conversation.messages_dropped = 2
    assert session.conversation.discard(2) == {entry.ref}
    assert session.conversation.messages_dropped == 2
    assert [role for role, _, _ in kept(session)] == ["user", "assistant"]


def test_title_and_system_message_are_kept_whenever_they_are_set(session: ChatSession) -> None:
    session.conversation.set_title("  Of\n Rome ")
    session.conversation.set_system(" Be brief. ")
    exchange(session, "Which?", "Rome.")
    row = session.lasting.history.last()
    assert row is not None
    assert (row.title, row.system) == ("Of Rome", "Be brief.")
    session.conversation.set_title("Milan")
    session.conversation.set_system("")
    row = session.lasting.history.conversation(row.id)
    assert (row.title, row.system) == ("Milan", "")


# Conversations


def test_a_new_conversation_knows_nothing_of_the_one_before(session: ChatSession) -> None:
    session.conversation.set_system("Be rude.")
    exchange(session, "Which?", "Rome.")
    assert not session.new_conversation()
    assert (session.path, session.conversation.system, session.conversation.ref.id) == ([], "Be kind.", None)


def test_nothing_of_a_private_conversation_is_in_the_lasting_history(session: ChatSession) -> None:
    session.new_conversation(private=True)
    exchange(session, "secret", "hush")
    assert session.private
    assert kept(session)[0][1] == "secret"
    assert session.lasting.history.conversations() == []
    assert session.new_conversation()
    assert (session.private, session.writer) == (False, session.lasting)


def test_a_session_that_is_always_private_stays_so() -> None:
    session = ChatSession(History(None), private=True)
    assert not session.new_conversation()
    assert session.private


def test_a_conversation_that_is_opened_goes_on_in_its_place(session: ChatSession) -> None:
    exchange(session, "Which?", "Rome.")
    history = session.lasting.history
    session.new_conversation()
    turn = running(session)
    session.begin(turn)
    assert session.open(session.lasting, history.conversation(1), history.path(1))
    assert turn.stop.is_set()
    assert session.is_open(1)
    exchange(session, "Sure?", "Yes.")
    assert [text for _, text, _ in kept(session)] == ["Which?", "Rome.", "Sure?", "Yes."]


def test_a_private_conversation_that_was_left_is_not_opened_again(session: ChatSession) -> None:
    session.new_conversation(private=True)
    exchange(session, "secret", "hush")
    writer = session.writer
    session.new_conversation()
    assert not session.open(writer, writer.history.conversation(1), writer.history.path(1))
    assert session.path == []


def test_before_a_conversation_is_opened_all_that_is_said_in_it_is_kept(session: ChatSession) -> None:
    exchange(session, "Which?", "Rome.")
    turn = running(session)
    session.begin(turn)
    threading.Timer(0.05, turn.kept.set).start()
    session.wait_for_left(1, session.lasting)
    assert turn.stop.is_set()
    assert turn.kept.is_set()


# Tasks


def turn(role: Any, text: str = "") -> Turn:
    return Turn(0, 0, None, role, text)


def test_the_task_of_a_turn_from_the_history_is_what_was_asked() -> None:
    turns = [
        turn("user", "Hello"),
        turn("assistant", "Hi."),
        turn("summary", "They met."),
        turn("user", "/ask a.txt: Why?"),
        turn("assistant", "Because."),
        turn("user", "/summarize a.txt"),
        turn("assistant", "It is long."),
        turn("user", "/etc/hosts is what?"),
        turn("assistant", "A file."),
    ]
    asked, summary = Task("ask", "a.txt: Why?"), Task("summarize", "a.txt")
    assert tasks_of(turns) == [
        Task(),
        Task(),
        Task("compact"),
        asked,
        asked,
        summary,
        summary,
        Task(),
        Task(),
    ]
    assert tasks_of([turn("assistant", "A beginning.")]) == [Task()]


@pytest.mark.parametrize("text", ["/ask", "/ask a.txt: Why?", "/summarize a.txt"])
def test_the_command_of_a_task_asks_for_it_again(text: str) -> None:
    task = document_task(text)
    assert task is not None
    assert task.command == text


@pytest.mark.parametrize("text", ["Hello", "/retry", "//ask x", "ask me", ""])
def test_any_other_text_is_no_work_on_documents(text: str) -> None:
    assert document_task(text) is None


# What waits and what goes along


def test_attachments_of_this_question_and_of_those_before_are_the_documents(session: ChatSession) -> None:
    one, two = Attachment("one.txt", "1"), Attachment("two.txt", "2")
    session.conversation.add("user", "Which?", documents=[one])
    session.attachments = [two, one]
    assert session.documents() == [two, one]
    session.attachments = []
    assert session.documents() == [one]


def test_a_question_that_waits_is_taken_once(session: ChatSession) -> None:
    session.waiting = WaitingQuestion("Which?", ())
    assert session.take_waiting() == WaitingQuestion("Which?", ())
    assert session.take_waiting() is None


def test_closing_stops_what_runs_and_says_what_could_not_be_written(tmp_path: Path) -> None:
    history = History(tmp_path / "none" / "history.db")
    session = ChatSession(history)
    turn = running(session)
    session.begin(turn)
    turn.kept.set()
    assert session.close() == 0
    assert turn.stop.is_set()
