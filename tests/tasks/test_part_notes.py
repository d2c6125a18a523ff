"""Notes about parts: what is asked, what is kept, what becomes of an answer cut short."""

from __future__ import annotations

from quoth.engine import Done, Reading, Request
from quoth.tasks.summaries import merge, part_notes
from quoth.tasks.summaries.part_notes import NoCache, NoteProgress, NotesWritten, NoteTaker
from quoth.tasks.support import lines_of
from tests.scripted_engine import Scripted, ScriptedAnswer
from tests.tasks.texts import asked_text


class Kept(dict[str, str]):
    def put(self, key: str, text: str) -> None:
        self[key] = text


ASKED = [part_notes.about_part(f"Part {n} has {n} ships.", f"Chapter {n}", 40, count=2) for n in range(3)]


def written(engine: Scripted, kept: Kept | NoCache) -> dict[int, NotesWritten]:
    found = NoteTaker(engine, kept, "m").write(ASKED)
    return {event.number: event for event in found if isinstance(event, NotesWritten)}


def test_the_passage_stands_before_the_question_and_instructions_are_the_same_for_all() -> None:
    engine = Scripted(lambda _: " Ships.")
    written(engine, NoCache())
    texts = [asked_text(request) for request in engine.requests]
    assert len({text.partition("Chapter")[0] for text in texts}) == 1
    for number, text in enumerate(texts):
        assert text.index(f"Part {number} has") < text.index("Write the 2 most important facts of this part")
        assert f"Chapter {number}" in text


def test_an_answer_cut_short_loses_its_last_line() -> None:
    cut = ScriptedAnswer((" One ship.", "\n- Two shi"), reason="length")
    found = written(Scripted([cut, " Whole.", ScriptedAnswer((" Only half a li",), reason="length")]), NoCache())
    assert [lines_of(found[n].text) for n in range(3)] == [["One ship."], ["Whole."], ["Only half a li"]]


def test_what_is_kept_is_not_written_again_and_what_was_cancelled_is_not_kept() -> None:
    kept = Kept()
    engine = Scripted(lambda _: " Ships.")
    events = []
    for event in NoteTaker(engine, kept, "m", cancelled=lambda: len(kept) >= 2).write(ASKED):
        events.append(event)
    assert len(kept) == 2
    found = written(Scripted([" More ships."]), kept)
    assert [found[n].usage is None for n in range(3)] == [True, True, False]
    assert len(kept) == 3


def test_all_parts_go_to_the_engine_in_one_call() -> None:
    class Counting(Scripted):
        calls = 0

        def generate(self, requests, **more):  # type: ignore[no-untyped-def]
            self.calls += 1
            yield from super().generate(requests, **more)

    engine = Counting(lambda _: " Ships.")
    assert len(written(engine, NoCache())) == 3
    assert engine.calls == 1


def test_progress_names_the_part_that_is_read() -> None:
    engine = Scripted(lambda _: " Ships.")
    read = [e.number for e in NoteTaker(engine, Kept(), "m").write(ASKED) if isinstance(e, NoteProgress)]
    assert sorted(set(read)) == [0, 1, 2]
    assert read == sorted(read)


def test_groups_hold_at_least_two_notes_and_leave_none_out() -> None:
    for sizes in ([], [5], [100, 100, 100], [1] * 50, [10, 300, 10, 300, 10]):
        groups = merge.grouped(sizes, 40)
        assert [n for a, b in groups for n in range(a, b)] == [*range(len(sizes))]
        assert all(b - a >= 2 for a, b in groups[:-1])


def test_a_request_says_whether_its_state_may_be_kept() -> None:
    seen: list[Request] = []
    engine = Scripted(lambda request: seen.append(request) or " Ships.")  # type: ignore[func-returns-value]
    done = [*NoteTaker(engine, NoCache(), "m", keep=False).write(ASKED)]
    assert not any(request.keep for request in seen)
    assert not [event for event in done if isinstance(event, Reading | Done)]
