"""A question and its answer are kept while the answer comes; a history that cannot be written stops nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from quoth.history import History
from quoth.library.recording import Recording


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def kept(history: History) -> list[tuple[str, str, str]]:
    last = history.last()
    return [(turn.role, turn.text, turn.reason) for turn in history.path(last.id)] if last else []


def test_the_question_is_kept_first_and_the_answer_every_second(history: History) -> None:
    clock = Clock()
    recording = Recording(history, "why?", system="s", clock=clock)
    recording.begin()
    assert kept(history) == [("user", "why?", "stop")]
    recording.about("m", {"temperature": 0.5})
    recording.said("one ")
    assert len(kept(history)) == 1
    clock.now = 1.1
    recording.thought("hm")
    recording.said("two ")
    assert kept(history)[1] == ("assistant", "one ", "")
    clock.now = 2.2
    recording.said("three")
    assert kept(history)[1] == ("assistant", "one two three", "")
    recording.said(" four")
    recording.done("length", {"prompt_tokens": 3, "generated_tokens": 4})
    recording.end("stop")
    recording.end("cancelled")
    assert kept(history)[1] == ("assistant", "one two three four", "length")
    turn = history.path(1)[1]
    assert (turn.model, turn.settings, turn.thought, turn.prompt_tokens) == ("m", {"temperature": 0.5}, "hm", 3)
    assert history.conversation(1).system == "s"
    assert recording.problem == ""


def test_a_short_answer_is_one_row_with_all_of_it(history: History) -> None:
    recording = Recording(history, "why?")
    recording.begin()
    recording.about("m", {})
    recording.said("because")
    recording.done("stop", {"write_seconds": 0.5})
    recording.end("cancelled")
    turn = history.path(1)[1]
    assert (turn.text, turn.reason, turn.model, turn.write_seconds) == ("because", "stop", "m", 0.5)


def test_an_answer_goes_below_the_leaf_of_its_conversation(history: History) -> None:
    home, question = history.begin("q")
    answer = history.add(home, question, "assistant", "a")
    recording = Recording(history, "and then?", after=history.conversation(home))
    recording.begin()
    recording.end("died", "the engine died")
    assert [turn.parent for turn in history.path(home)] == [None, question, answer, answer + 1]
    assert history.path(home)[-1].notice == "the engine died"


def test_a_question_that_could_not_be_put_leaves_nothing(history: History) -> None:
    recording = Recording(history, "too long")
    recording.begin()
    recording.refused("it does not fit")
    recording.end("stop")
    assert history.conversations() == []
    recording = Recording(history, "a value")
    recording.begin()
    recording.said('{"a": ')
    recording.refused("cut short")
    assert kept(history)[1] == ("assistant", '{"a": ', "length")


def test_what_a_lock_kept_out_is_kept_at_the_end(path: Path, history: History) -> None:
    history.begin("before")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    recording = Recording(history, "why?")
    recording.begin()
    recording.said("because")
    assert "locked" in recording.problem
    other.execute("COMMIT")
    other.close()
    recording.end("stop")
    assert recording.problem == ""
    assert kept(history) == [("user", "why?", "stop"), ("assistant", "because", "stop")]


def test_a_lock_that_stays_is_a_sentence_and_no_error(path: Path, history: History) -> None:
    history.begin("before")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    recording = Recording(history, "why?")
    recording.begin()
    recording.said("because")
    recording.end("stop", lock_wait=0.1)
    assert recording.problem.startswith("the history is locked by another program")
    other.close()
    assert kept(history) == [("user", "before", "stop")]


def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "history.db")
    recording = Recording(history, "why?")
    recording.begin()
    recording.said("because")
    recording.end("stop")
    assert "cannot be opened" in recording.problem
    assert history.conversations() == []
    history.close()
