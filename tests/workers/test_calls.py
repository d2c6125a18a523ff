"""Who waits for what, without a process: answers are given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from quoth.errors import EngineError, ModelError
from quoth.workers.calls import POLL_SECONDS, Call, Calls, Hung
from quoth.workers.protocol import Beat, Failure, Pieces, Stop, Value


class Sent:
    """What calls sent to a worker that is not there."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, Any]] = []
        self.calls = Calls(lambda call, message: self.messages.append((call, message)))


def answers(call: Call) -> list[Any]:
    return [answer for answer in call.wait() if answer is not None]


def test_each_call_gets_its_own_answers_and_ends_with_its_value() -> None:
    sent = Sent()
    one, other = (sent.calls.open(Pieces(), 1.0) for _ in range(2))
    assert sent.messages == [(one.number, Pieces()), (other.number, Pieces())]
    sent.calls.deliver(other.number, Beat(0.5))
    sent.calls.deliver(one.number, Value("one"))
    sent.calls.deliver(other.number, Value("other"))
    assert answers(one) == [Value("one")]
    assert answers(other) == [Beat(0.5), Value("other")]


def test_a_failure_is_raised_as_the_error_that_it_was() -> None:
    sent = Sent()
    call = sent.calls.open(Pieces(), 1.0)
    sent.calls.deliver(call.number, Failure(int(ModelError.exit_code), "what", "why", "try"))
    with pytest.raises(ModelError, match=r"what \(why\)\. try"):
        answers(call)


def test_the_end_of_the_worker_fails_the_open_calls_and_those_to_come() -> None:
    sent = Sent()
    done, waiting = (sent.calls.open(Pieces(), 1.0) for _ in range(2))
    sent.calls.deliver(done.number, Value())
    sent.calls.fail(lambda call: EngineError(f"call {call.number} failed"))
    assert answers(done) == [Value()]
    with pytest.raises(EngineError, match=f"call {waiting.number} failed"):
        answers(waiting)
    with pytest.raises(EngineError, match="before it could answer"):
        sent.calls.open(Pieces(), 1.0)


def test_a_call_is_cancelled_once_and_what_still_comes_is_lost() -> None:
    sent = Sent()
    call = sent.calls.open(Pieces(), 0.1)
    for _ in range(2):
        sent.calls.cancel(call)
    assert sent.messages[1:] == [(0, Stop(call.number))]
    sent.calls.deliver(call.number, Value())
    with pytest.raises(Hung):
        answers(call)


def test_a_call_that_has_ended_is_not_cancelled() -> None:
    sent = Sent()
    call = sent.calls.open(Pieces(), 1.0)
    sent.calls.deliver(call.number, Value())
    sent.calls.cancel(call)
    assert len(sent.messages) == 1


def test_a_call_without_answers_hangs() -> None:
    with pytest.raises(Hung, match="nothing came from it for 0 s"):
        answers(Sent().calls.open(Pieces(), 0.2))


def test_a_call_that_has_waited_long_before_may_wait_longer_than_its_timeout() -> None:
    sent = Sent()
    call = sent.calls.open(Pieces(), 0.3)
    later = {4: Beat(), 12: Value()}  # by how many polls had no answer
    polls, found = 0, []
    for answer in call.wait():
        polls += answer is None
        if answer is None and polls in later:
            sent.calls.deliver(call.number, later[polls])
        elif answer is not None:
            found.append(answer)
    assert found == [Beat(), Value()]
    assert (polls - 4) * POLL_SECONDS > call.timeout
