"""Frames: what goes in comes out, and nothing else does."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from quoth.chat import Message
from quoth.engine import Chat, LoadOptions, Request, Sampling
from quoth.engine.ladder import Finding, Known
from quoth.engine.messages import RECORDS, Generate, Load
from quoth.workers.protocol import Beat, OpenModels, Stop, Value
from quoth.workers.wire import MAX_PART, BrokenFrame, encode, read

UNREADABLE = Path(os.fsdecode(b"/tmp/\xff\xfe.gguf"))


def through(message: Any) -> Any:
    frame = read(io.BytesIO(encode(7, message)), RECORDS)
    assert frame is not None
    assert frame[0] == 7
    return frame[1]


@pytest.mark.parametrize(
    "message",
    [
        Stop(3),
        Beat(0.5, 2.0),
        Load(UNREADABLE, LoadOptions("m"), {"key": Known({"cpu": Finding("signal SIGSEGV")})}, ("gpu",)),
        Generate((Request(Chat((Message("user", "grüße\n\0"),)), Sampling(logit_bias=((1, -1.5),))),)),
        OpenModels((Path("a"), UNREADABLE), 8, 1),
        Value((b"\0\xff", (b"", {"a": b"one"}), None, True)),
    ],
)
def test_a_message_arrives_as_it_was_sent(message: Any) -> None:
    assert through(message) == message


def test_lists_arrive_as_tuples_and_lone_surrogates_as_question_marks() -> None:
    assert through(Value([1, [2]])) == Value((1, (2,)))
    assert through(Value("a\ud800b")) == Value("a?b")


def test_frames_follow_each_other_and_a_cut_one_is_the_end() -> None:
    frames = encode(1, Stop(1)) + encode(2, Value(b"bytes"))
    stream = io.BytesIO(frames + frames[:-1])
    assert [read(stream, RECORDS) for _ in range(3)] == [(1, Stop(1)), (2, Value(b"bytes")), (1, Stop(1))]
    assert read(stream, RECORDS) is None


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"_":"Exit"}', b'[1,{"_":"Exit"}]', b'[1,{"_":"Stop","other":1}]', b"{\xff}", b"[1,2,3]", b"[" * 100_000],
)
def test_what_is_not_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenFrame):
        read(io.BytesIO(len(body).to_bytes(4, "big") + bytes(4) + body), RECORDS)


def test_a_frame_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(BrokenFrame, match=f"{MAX_PART + 1} bytes"):
        read(io.BytesIO((MAX_PART + 1).to_bytes(4, "big") + bytes(4)), RECORDS)
    with pytest.raises(BrokenFrame, match="more than a frame can hold"):
        encode(1, Value(bytes(MAX_PART + 1)))
