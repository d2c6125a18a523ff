"""Conversations as trees: what is added, chosen, changed, copied, removed, and there again after opening."""

from __future__ import annotations

import itertools
from pathlib import Path
from threading import Thread

import pytest

from quoth.chat import Attachment, Message
from quoth.errors import UsageError
from quoth.history import History, Turn, messages_of


def talk(history: History, *texts: str, conversation: int | None = None, parent: int | None = None) -> list[int]:
    """Turns in alternation below a parent; returns their ids."""
    home = history.new() if conversation is None else conversation
    first = 0 if parent is None else len(history.path(home, parent))
    ids: list[int] = []
    for number, text in enumerate(texts, first):
        ids.append(history.add(home, ids[-1] if ids else parent, ("user", "assistant")[number % 2], text))
    return ids


def texts(history: History, conversation: int, leaf: int | None = None) -> list[str]:
    return [turn.text for turn in history.path(conversation, leaf)]


def test_a_turn_comes_back_as_it_was(path: Path) -> None:
    history = History(path, clock=itertools.count(100.0).__next__)
    document = Attachment("a file\x1b.txt", "text\0 with\r\nanything \U0001f44d")
    home = history.new(title="t", system="s", origin="prompt")
    question = history.add(home, None, "user", "q \udcff\0", documents=[document])
    answer = history.add(home, question, "assistant", "", model="m", settings={"temperature": 0.5}, ended=False)
    history.write(answer, "so f", "hm")
    assert [(t.text, t.thought, t.reason) for t in history.path(home)][1] == ("so f", "hm", "")
    usage = {"prompt_tokens": 7, "reused_tokens": 3, "generated_tokens": 2, "read_seconds": 0.5, "write_seconds": 0.25}
    history.finish(answer, "so far", "hmm", "length", notice="n", **usage)
    history.close()
    history = History(path)
    first, second = history.path(home)
    assert (first.role, first.text, first.documents, first.reason) == ("user", "q \ufffd\0", (document,), "stop")
    assert (second.text, second.thought, second.reason, second.notice) == ("so far", "hmm", "length", "n")
    assert (second.model, second.settings, second.parent) == ("m", {"temperature": 0.5}, question)
    assert {name: getattr(second, name) for name in usage} == usage
    assert 100 <= second.created < second.ended
    kept = history.conversation(home)
    assert (kept.title, kept.system, kept.origin, kept.turns, kept.leaf) == ("t", "s", "prompt", 2, answer)
    history.close()


def test_edits_and_retries_make_siblings_and_nothing_is_overwritten(history: History) -> None:
    question, first = talk(history, "q", "a1")
    home = history.conversations()[0].id
    second = history.add(home, question, "assistant", "a2")
    assert texts(history, home) == ["q", "a2"]
    assert history.siblings(first) == history.siblings(second) == [first, second]
    edited = history.add(home, None, "user", "Q")
    assert history.siblings(question) == [question, edited]
    assert texts(history, home) == ["Q"]
    assert texts(history, home, first) == ["q", "a1"]
    assert history.conversation(home).turns == 4


def test_choosing_a_turn_goes_to_its_newest_descendant(history: History) -> None:
    first, old = talk(history, "q", "old")
    home = history.conversations()[0].id
    new = history.add(home, first, "assistant", "new")
    (late,) = talk(history, "late below old", conversation=home, parent=old)
    other = history.add(home, None, "user", "other")
    assert history.select(first) == late
    assert texts(history, home) == ["q", "old", "late below old"]
    assert history.select(new) == new
    assert texts(history, home) == ["q", "new"]
    assert history.select(other) == other


def test_a_fork_is_a_copy_of_the_path(history: History) -> None:
    ids = talk(history, "q1", "a1", "q2", "a2")
    home = history.conversations()[0].id
    history.set_system(home, "be brief")
    fork = history.fork(ids[1])
    assert texts(history, fork) == ["q1", "a1"]
    assert history.conversation(fork).title == history.conversation(home).title == "q1"
    assert history.conversation(fork).system == "be brief"
    talk(history, "elsewhere", conversation=fork, parent=history.conversation(fork).leaf)
    assert texts(history, home) == ["q1", "a1", "q2", "a2"]
    history.delete(home)
    assert texts(history, fork) == ["q1", "a1", "elsewhere"]


def test_the_list_is_in_the_order_of_changes(history: History) -> None:
    a, b, c = (history.new(title=name) for name in "abc")
    assert [each.id for each in history.conversations()] == [c, b, a]
    talk(history, "more", conversation=a)
    history.rename(b, "B\x1b[31m\nline")
    assert [each.title for each in history.conversations()] == ["B line", "a", "c"]
    assert [each.id for each in history.conversations(1, 1)] == [a]
    last = history.last()
    assert last is not None
    assert last.id == b


@pytest.mark.parametrize(
    ("question", "documents", "title"),
    [
        ("\n  Why \x1b[31mblue\x1b[0m?\nmore", [], "Why blue?"),
        ("x" * 80, [], "x" * 59 + "…"),
        ("", [Attachment("a.txt", ""), Attachment("b.txt", "")], "a.txt, b.txt"),
        ("", [], ""),
    ],
)
def test_the_first_question_gives_the_title(
    history: History, question: str, documents: list[Attachment], title: str
) -> None:
    home = history.new()
    first = history.add(home, None, "user", question, documents=documents)
    assert history.conversation(home).title == title
    history.add(home, first, "user", "later")
    assert history.conversation(home).title == (title or "later")


def test_only_a_summary_is_edited_in_place(history: History) -> None:
    question, answer = talk(history, "q", "a")
    home = history.conversations()[0].id
    summary = history.add(home, answer, "summary", "they talked")
    history.edit(summary, "they spoke")
    assert texts(history, home)[-1] == "they spoke"
    assert [hit.turn for hit in history.search("spoke")] == [summary]
    assert history.search("talked") == []
    with pytest.raises(ValueError, match="is not a summary"):
        history.edit(question, "x")
    assert texts(history, home)[0] == "q"


def test_what_is_not_there_is_named_with_the_nearest(history: History) -> None:
    home, other = history.new(), history.new()
    turn = history.add(other, None, "user", "x")
    with pytest.raises(UsageError, match=r"there is no conversation 99\. The nearest is 2"):
        history.path(99)
    for wrong in (10**30, -1, 0):
        with pytest.raises(UsageError, match="there is no conversation"):
            history.delete(wrong)
        with pytest.raises(UsageError, match="there is no turn"):
            history.select(wrong)
    with pytest.raises(UsageError, match=f"turn {turn} is not in conversation {home}"):
        history.add(home, turn, "user", "x")
    assert history.conversation(home).turns == 0


def test_a_turn_without_followers_can_be_discarded(history: History) -> None:
    home, question = history.begin("too long")
    history.discard(question)
    with pytest.raises(UsageError):
        history.conversation(home)
    assert history.search("long") == []
    first, second, third = talk(history, "q", "a", "too long")
    home = history.conversations()[0].id
    history.discard(third)
    assert history.conversation(home).leaf == second
    assert [turn.id for turn in history.path(home)] == [first, second]


def test_many_threads_share_one_history(history: History) -> None:
    home = history.new()

    def write(name: int) -> None:
        parent = None
        for number in range(20):
            parent = history.add(home, parent, "user", f"{name} {number}")

    threads = [Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert history.conversation(home).turns == 80
    ends = [hit.turn for hit in history.search("19")]
    assert {tuple(texts(history, home, end)) for end in ends} == {
        tuple(f"{name} {number}" for number in range(20)) for name in range(4)
    }


def turn(role: str, text: str, *documents: Attachment) -> Turn:
    return Turn(1, 1, None, role, text, documents=documents)  # type: ignore[arg-type]  # a role as text


def test_messages_alternate_and_a_summary_stands_for_what_came_before() -> None:
    assert messages_of([]) == []
    assert messages_of([turn("user", "q", Attachment("n", "d")), turn("assistant", "a")]) == [
        Message("user", "n:\n<text>\nd\n</text>\n\nq"),
        Message("assistant", "a"),
    ]
    assert messages_of([turn("user", "unanswered"), turn("assistant", ""), turn("user", "again")]) == [
        Message("user", "unanswered\n\nagain")
    ]
    path = [turn("user", "q"), turn("assistant", "a"), turn("summary", "s1"), turn("summary", "s2"), turn("user", "q2")]
    assert messages_of(path) == [Message("user", "Summary of the conversation so far:\ns2\n\nq2")]
    assert messages_of(path[:4]) == [Message("user", "Summary of the conversation so far:\ns2")]
