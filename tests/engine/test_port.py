"""The engine port: the same behaviour of the script, of the model in this process and of the model in a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from quoth.chat import Message
from quoth.engine import (
    Chat,
    Engine,
    Event,
    Notice,
    Piece,
    Reading,
    Request,
    Scored,
    ScoreEvent,
    Scoring,
    Text,
    Thought,
)
from quoth.engine.client.client import Client
from quoth.engine.worker.llama_engine import LlamaEngine
from quoth.errors import EngineError, InputError, ModelError
from tests.engine.gathered_events import GREEDY, Flag, chat, say, say_all, text
from tests.scripted_engine import Scripted, ScriptedAnswer, Timing

PROMPT = "The capital of France is Paris. The capital of Italy is"
LONG = "Rome, and the capital of Spain is Madrid. Both are old, large and sunny; so much is known.\n" * 3
KINDS = ("scripted", "llama", "client")


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "scripted":
        return Scripted(lambda _: LONG, info=Scripted().info._replace(n_ctx=2048))
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(params=KINDS)
def base_engine(request: pytest.FixtureRequest, tiny_base_path: Path) -> Iterator[Engine]:
    if request.param == "scripted":
        made: Engine = Scripted(lambda _: LONG, info=Scripted().info._replace(kind="base"))
    else:
        made = LlamaEngine(tiny_base_path) if request.param == "llama" else Client(tiny_base_path)
    yield made
    made.close()


def test_an_answer_is_read_then_written_then_done(engine: Engine) -> None:
    said = say(engine, text(PROMPT, 4))
    kinds = [type(event).__name__ for event in said.events]
    assert kinds[0] == "Reading"
    assert kinds[-1] == "Done"
    assert kinds == sorted(kinds, key=["Reading", "Piece", "Done"].index)
    assert said.text


def test_reading_ends_with_all_of_the_prompt(engine: Engine) -> None:
    said = say(engine, text(PROMPT, 1))
    done = [event.done for event in said.reading]
    assert done == sorted(done)
    assert {event.total for event in said.reading} == {said.done.usage.prompt}
    assert done[-1] == said.done.usage.prompt == len(engine.tokenize(PROMPT))


def test_an_answer_ends_at_its_token_limit(engine: Engine) -> None:
    said = say(engine, text(PROMPT, 3))
    assert said.done.reason == "length"
    assert said.done.usage.generated == 3


def test_the_smaller_of_both_limits_holds(engine: Engine) -> None:
    prompt = len(engine.tokenize(PROMPT))
    assert say(engine, text(PROMPT, 9, total_tokens=prompt + 2)).done.usage.generated == 2
    assert say(engine, text(PROMPT, 2, total_tokens=prompt + 9)).done.usage.generated == 2


def test_a_limit_that_leaves_no_token_to_write_is_refused(engine: Engine) -> None:
    prompt = len(engine.tokenize(PROMPT))
    assert say(engine, text(PROMPT, total_tokens=prompt + 1)).done.usage.generated == 1
    for total in (1, prompt):
        with pytest.raises(InputError, match=f"the text has {prompt} tokens.*nothing is left to write"):
            say(engine, text(PROMPT, total_tokens=total))


def test_a_stop_string_ends_the_answer_and_is_not_in_it(engine: Engine) -> None:
    whole = say(engine, text(PROMPT, 12)).text
    stop = whole[len(whole) // 2 :][:3]
    said = say(engine, text(PROMPT, 12, stop=(stop,)))
    assert said.text == whole[: whole.index(stop)]
    assert said.done.reason == "stop"


def test_greedy_sampling_repeats_itself(engine: Engine) -> None:
    assert say(engine, text(PROMPT)).text == say(engine, text(PROMPT)).text


def test_what_was_read_before_is_not_read_again(engine: Engine) -> None:
    prompt = PROMPT * 7
    say(engine, text(prompt, 1))
    usage = say(engine, text(prompt + " a large city", 1)).done.usage
    assert 0 < usage.reused < usage.prompt


def test_a_stop_before_the_start_cancels_every_request(engine: Engine) -> None:
    said = say_all(engine, [text(PROMPT), text(PROMPT)], stop=lambda: True)
    assert [s.done.reason for s in said] == ["cancelled", "cancelled"]
    assert [s.text for s in said] == ["", ""]


def test_a_stop_keeps_what_was_said(engine: Engine) -> None:
    whole, flag, kept = say(engine, text(PROMPT, 60)).text, Flag(), ""
    for event in engine.generate([text(PROMPT, 60)], stop=flag):
        if isinstance(event, Piece):
            kept += event.text
            flag.set = True
    assert kept
    assert whole.startswith(kept)
    assert event.reason == "cancelled"  # type: ignore[union-attr]  # the last one is Done


def test_an_answer_that_nobody_reads_to_its_end_leaves_the_engine_usable(engine: Engine) -> None:
    expected = say(engine, text(PROMPT, 5)).text
    events = engine.generate([text(PROMPT, 200)])
    while not isinstance(next(events), Piece):
        pass
    events.close()
    assert say(engine, text(PROMPT, 5)).text == expected


@pytest.mark.more
def test_several_requests_are_all_answered(engine: Engine) -> None:
    alone = [say(engine, text(f"{PROMPT}{more}", 6)).text for more in ("", " not", " the city of")]
    said = say_all(engine, [text(f"{PROMPT}{more}", 6) for more in ("", " not", " the city of")])
    assert [s.text for s in said] == alone
    assert [s.done.usage.generated for s in said] == [6, 6, 6]


def test_no_request_is_no_answer(engine: Engine) -> None:
    assert list(engine.generate([])) == []


def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers_before_anything_runs(engine: Engine) -> None:
    too_long, events = text("one two " * 3000), list[Event]()
    with pytest.raises(InputError, match=r"2,048") as caught:
        events.extend(engine.generate([text(PROMPT), too_long]))
    assert f"{len(engine.tokenize('one two ' * 3000)):,} tokens" in str(caught.value)
    assert events == []
    assert say(engine, text(PROMPT, 2)).done.usage.generated == 2


def test_texts_and_conversations_are_counted(engine: Engine) -> None:
    conversation = (Message("user", PROMPT),)
    counts = engine.count([PROMPT, conversation, "a"])
    assert counts[0] == len(engine.tokenize(PROMPT))
    assert counts[1] > counts[0] > counts[2]
    assert counts[1] == say(engine, Request(Chat(conversation), GREEDY, 1)).done.usage.prompt
    assert engine.count([]) == []


@pytest.mark.parametrize("sample", [PROMPT, "Ärger 😀👩‍👩‍👧 中文字符\r\n\r\n  x\ty  \n", "a", "e\u0301 vs é"])
def test_offsets_divide_a_text(engine: Engine, sample: str) -> None:
    offsets = list(engine.offsets(sample))
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(sample)
    assert len(offsets) == len(engine.tokenize(sample))  # neither vocabulary begins with a BOS token


def test_an_empty_text_has_no_tokens(engine: Engine) -> None:
    assert engine.tokenize("") == list(engine.offsets("")) == []
    assert engine.count([""]) == [0]


def test_an_empty_text_can_be_continued(engine: Engine) -> None:
    assert say(engine, text("", 3)).done.usage.generated == 3


def test_lone_surrogates_do_no_harm(engine: Engine) -> None:
    hostile = "a \ud800 b \udfff"
    assert list(engine.offsets(hostile))[-1] == len(hostile)
    assert engine.count([hostile])[0] > 0
    assert say(engine, chat(hostile, 2)).done.usage.generated == 2


def test_counting_works_while_an_answer_is_written(engine: Engine) -> None:
    expected, counts = engine.count([PROMPT]), []
    events = engine.generate([text(PROMPT, 40)])
    next(events)
    threads = [threading.Thread(target=lambda: counts.append(engine.count([PROMPT]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    said = [event for event in events if isinstance(event, Piece)]
    for thread in threads:
        thread.join()
    assert counts == [expected] * 3
    assert said


def test_log_probabilities_come_with_the_pieces_when_asked_for(engine: Engine) -> None:
    said = say(engine, text(PROMPT, 4, GREEDY._replace(logprobs=1)))
    assert "".join(token.text for token in said.logprobs) == said.text
    assert all(token.top[0][:2] == (token.text, token.id) and token.logprob <= 0.0 for token in said.logprobs)
    assert not say(engine, text(PROMPT, 2)).logprobs


# Scores


SCORINGS = [
    Scoring(Text(PROMPT), " Rome, of course."),
    Scoring(Chat((Message("user", PROMPT),)), "It is Rome.", top=1),
    Scoring(Text(""), PROMPT),
]


def scores(engine: Engine, scorings: Sequence[Scoring] = SCORINGS) -> list[Scored]:
    return [event for event in engine.score(scorings) if isinstance(event, Scored)]


def test_every_text_is_scored_token_by_token(engine: Engine) -> None:
    found = scores(engine)
    assert [one.request for one in found] == [0, 1, 2]
    for scoring, one in zip(SCORINGS, found, strict=True):
        assert "".join(token.text for token in one.logprobs) == scoring.text
        assert [token.id for token in one.logprobs] == engine.tokenize(scoring.text)
        assert all(token.logprob <= 0.0 and len(token.top) == scoring.top for token in one.logprobs)
    prompt = engine.count([PROMPT, (Message("user", PROMPT),)])
    assert [one.usage.prompt - len(one.logprobs) for one in found] == [*prompt, 1]


def test_a_text_is_scored_after_it_was_read(engine: Engine) -> None:
    *reading, one = engine.score(SCORINGS[:1])
    assert isinstance(one, Scored)
    done = [event.done for event in reading if isinstance(event, Reading)]
    assert len(done) == len(reading)
    assert done == sorted(done)
    assert done[-1] == one.usage.prompt - 1  # nothing asks what follows the last token


@pytest.mark.more
def test_a_score_repeats_itself(engine: Engine) -> None:
    assert [one.logprobs for one in scores(engine)] == [one.logprobs for one in scores(engine)]


def test_what_scorings_share_is_read_once(engine: Engine) -> None:
    prompt = Text(PROMPT * 7)
    second = scores(engine, [Scoring(prompt, " Rome"), Scoring(prompt, " Ostia")])[1]
    assert 0 < second.usage.reused < engine.count([prompt.text])[0]


@pytest.mark.more
def test_a_stop_keeps_the_scores_so_far_and_leaves_the_rest(engine: Engine) -> None:
    expected, flag, kept = scores(engine), Flag(), list[ScoreEvent]()
    for event in engine.score(SCORINGS * 200, stop=flag):
        kept.append(event)
        flag.set = isinstance(event, Scored)
    found = [event for event in kept if isinstance(event, Scored)]
    assert 0 < len(found) < 3 * 200
    assert found[0].logprobs == expected[0].logprobs
    assert scores(engine)[0].logprobs == expected[0].logprobs


def test_a_stop_before_the_start_scores_nothing(engine: Engine) -> None:
    events = list(engine.score(SCORINGS, stop=lambda: True))
    assert not [event for event in events if isinstance(event, Scored)]
    assert list(engine.score([])) == []


@pytest.mark.more
def test_scores_that_nobody_reads_to_their_end_leave_the_engine_usable(engine: Engine) -> None:
    expected, events = say(engine, text(PROMPT, 5)).text, engine.score(SCORINGS * 200)
    next(events)
    events.close()
    assert say(engine, text(PROMPT, 5)).text == expected
    assert len(scores(engine)) == 3


def test_a_text_without_tokens_has_an_empty_score(engine: Engine) -> None:
    (one,) = engine.score([Scoring(Text(PROMPT), "")])
    assert isinstance(one, Scored)
    assert (one.logprobs, one.usage.prompt) == ((), engine.count([PROMPT])[0])


def test_a_scoring_that_does_not_fit_is_refused_with_the_numbers_before_anything_runs(engine: Engine) -> None:
    events = list[ScoreEvent]()
    with pytest.raises(InputError, match=r"2,048") as caught:
        events.extend(engine.score([*SCORINGS, Scoring(Text(PROMPT), " one two" * 2000)]))
    count = len(engine.tokenize(PROMPT)) + len(engine.tokenize(" one two" * 2000))
    assert f"{count:,} tokens" in str(caught.value)
    assert events == []


def test_a_base_model_scores_text_and_no_chat(base_engine: Engine) -> None:
    assert scores(base_engine, [SCORINGS[0]])[0].logprobs
    with pytest.raises(ModelError, match="is a base model"):
        list(base_engine.score(SCORINGS))


def test_the_script_scores_words_by_whether_they_were_given() -> None:
    engine = Scripted()
    (one,) = scores(engine, [Scoring(Text("How OLD is Rome?"), "Rome is an old, old town.", top=2)])
    assert [(t.text, t.logprob) for t in one.logprobs if t.logprob] == [(" an", -1.0), (" town", -1.0)]
    assert one.logprobs[0].top == (("Rome", one.logprobs[0].id, 0.0),)
    assert engine.scorings == [Scoring(Text("How OLD is Rome?"), "Rome is an old, old town.", top=2)]


def test_the_script_scores_as_it_is_told() -> None:
    engine = Scripted(likelihood=lambda scoring, token: -len(token) if "b" in scoring.text else -0.5)
    one, other = scores(engine, [Scoring(Text(""), "a aa"), Scoring(Text(""), "b bb")])
    assert [token.logprob for token in one.logprobs] == [-0.5, -0.5]
    assert [token.logprob for token in other.logprobs] == [-1, -3]


# What a model cannot do


def test_a_base_model_continues_text_and_refuses_to_chat(base_engine: Engine) -> None:
    assert base_engine.info.kind == "base"
    with pytest.raises(ModelError, match=r"is a base model \(.*no chat template\).*quoth complete"):
        list(base_engine.generate([chat("hello")]))
    with pytest.raises(ModelError, match="is a base model"):
        base_engine.count([(Message("user", "hello"),)])
    assert say(base_engine, text("hello", 5)).done.usage.generated == 5


def test_the_script_replays_its_answers_in_order() -> None:
    engine = Scripted(["one two", "three"])
    requests = [chat("a"), chat("b")]
    assert [s.text for s in say_all(engine, requests)] == ["one two", "three"]
    assert engine.requests == requests


def test_the_script_thinks_notices_waits_and_fails_on_demand() -> None:
    waits, seen = list[float](), list[Event]()
    answer = ScriptedAnswer(("Ro", "me"), thoughts=("hm",), notice="careful", error=EngineError("the engine died"))
    engine = Scripted([answer], timing=Timing(slice=2.0, piece=0.5), sleep=waits.append)

    def listen() -> None:
        for event in engine.generate([chat("a " * 100)]):
            seen.append(event)  # one by one, for the last of them raises

    with pytest.raises(EngineError, match="the engine died"):
        listen()
    assert [e.done for e in seen if isinstance(e, Reading)] == [0, 64, 106]
    assert [e for e in seen if not isinstance(e, Reading)] == [
        Notice(0, "careful"),
        Thought(0, "hm"),
        Piece(0, "Ro"),
        Piece(0, "me"),
    ]
    assert sum(waits) == 2 * 2.0 + 3 * 0.5


def test_a_script_that_is_over_says_so() -> None:
    engine = Scripted(["one"])
    say(engine, chat("a"))
    with pytest.raises(EngineError, match="no answer left"):
        say(engine, chat("b"))
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        say(engine, chat("c"))
