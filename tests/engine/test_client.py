"""The client and its worker: deaths, hangs, cancels, several callers, and what the worker may not do."""

from __future__ import annotations

import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from quoth.engine import Done, LoadOptions, Piece, Reading, Request, Scored, Scoring, Text
from quoth.engine.client.client import Client
from quoth.engine.client.timeouts import Timeouts
from quoth.engine.worker.program import LOG_LIMIT
from quoth.errors import EngineError, ModelError, QuothError, UsageError
from tests.engine.gathered_events import GREEDY, Flag, say, say_all, text
from tests.gguf_files import CORRUPT, tiny_bytes, write_corrupt

ROOT = Path(__file__).parent.parent.parent
Open = Callable[..., Client]
LONG = text("a" * 30, 900)  # a second or two of the tiny model

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture
def open_client(tiny_path: Path, tmp_path: Path) -> Iterator[Open]:
    """Open clients, of the tiny model unless told otherwise, and close them afterwards."""
    opened: list[Client] = []

    def open_(path: Path | None = tiny_path, **more: object) -> Client:
        options = {"log": tmp_path / "engine.log", **more}  # it says where a worker hung
        opened.append(Client(path, **options))  # type: ignore[arg-type]  # keywords of Client
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def refusal(client: Client) -> str:
    """Why the model is not loaded; nothing if a fake worker left so early that a true one loaded it."""
    try:
        client.ready()
    except QuothError as error:
        return str(error)
    return ""


def freeze(pid: int) -> None:
    """Stop a process, and wait until all its threads stand still."""
    os.kill(pid, signal.SIGSTOP)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)


def pid_of(client: Client) -> int:
    client.ready()
    assert client.pid is not None
    return client.pid


def gone(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def die_in_an_answer(client: Client) -> None:
    pid, events = pid_of(client), client.generate([LONG])
    next(events)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="the engine was killed"):
        list(events)


# Deaths


@posix
def test_a_worker_killed_in_the_middle_of_an_answer_loses_nothing_that_was_said(
    client: Client, model_path: Path, open_client: Open
) -> None:
    request, kept = text("Once upon a time", 150), list[str]()
    whole, victim = say(client, request).text, open_client(model_path)

    def listen() -> None:
        for event in victim.generate([request]):
            if isinstance(event, Piece):
                kept.append(event.text)
                if len(kept) == 5:
                    os.kill(pid_of(victim), signal.SIGKILL)

    with pytest.raises(EngineError, match=r"the engine was killed \(signal SIGKILL"):
        listen()
    assert len(kept) >= 5
    assert whole.startswith("".join(kept))
    assert say(victim, request).text == whole


@posix
def test_a_worker_killed_while_it_scores_loses_no_score_that_came(open_client: Open) -> None:
    client, kept = open_client(), list[Scored]()
    scorings = [Scoring(Text("a" * n), "b" * 100) for n in range(200)]

    def listen() -> None:
        for event in client.score(scorings):
            if isinstance(event, Scored):
                kept.append(event)
                if len(kept) == 3:
                    os.kill(pid_of(client), signal.SIGKILL)

    with pytest.raises(EngineError, match=r"the engine was killed \(signal SIGKILL"):
        listen()
    again = [event for event in client.score(scorings[:3]) if isinstance(event, Scored)]
    assert [one.logprobs for one in again] == [one.logprobs for one in kept[:3]]


@posix
def test_a_worker_that_dies_too_often_is_not_started_again(open_client: Open, tmp_path: Path) -> None:
    client = open_client(timeouts=Timeouts(deaths=2), log=tmp_path / "log")
    for _ in range(2):
        die_in_an_answer(client)
    with pytest.raises(EngineError, match=r"died 2 times within 5 minutes.*not started again") as caught:
        say(client, text("a"))
    assert str(tmp_path / "log") in str(caught.value)


@posix
@pytest.mark.more
def test_deaths_are_forgotten_after_a_while(open_client: Open) -> None:
    client = open_client(timeouts=Timeouts(deaths=1, window=0.2))
    for _ in range(3):
        die_in_an_answer(client)
        time.sleep(0.3)
    assert client.tokenize("a")


@posix
@pytest.mark.more
def test_a_worker_that_hangs_is_noticed_and_ended(open_client: Open) -> None:
    client = open_client(timeouts=Timeouts(hung=2.0))
    pid, events = pid_of(client), client.generate([LONG])
    next(events)
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(EngineError, match=r"the engine hangs \(nothing came from it for \d+ s\)"):
        list(events)
    assert time.monotonic() - begun < 10.0
    assert gone(pid)
    assert say(client, text("a", 3)).text


@posix
def test_a_worker_that_does_not_stop_in_time_is_ended_and_that_is_no_death(open_client: Open) -> None:
    client = open_client(timeouts=Timeouts(stop=0.3, deaths=1))
    for _ in range(2):
        flag, reason = Flag(), None
        for event in client.generate([LONG], stop=flag):
            reason = event.reason if isinstance(event, Done) else None
            if not flag.set:
                freeze(pid_of(client))
                flag.set = True
        assert reason == "cancelled"
    assert say(client, text("a", 3)).text


@pytest.mark.parametrize("frame", [b"this is no frame at all", b"\0\0\0\2\0\0\0\0[]"])
def test_what_is_not_a_frame_is_an_error_and_no_hang(open_client: Open, frame: bytes) -> None:
    code = f"import sys, time; sys.stdout.buffer.write({frame!r}); sys.stdout.flush(); time.sleep(60)"
    fake = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    client, begun = open_client(process=fake), time.monotonic()
    assert re.search(r"the engine was ended \(what it sent is not a message|^$", refusal(client))
    assert time.monotonic() - begun < 10.0
    assert client.tokenize("a")  # by a true worker, started after the fake one
    assert fake.returncode == -signal.SIGKILL


def test_a_worker_that_leaves_is_an_error_and_no_hang(open_client: Open) -> None:
    fake = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=-1, stdout=-1, bufsize=0)
    client = open_client(process=fake)
    assert re.search("exit code 3|before it could answer|^$", refusal(client))
    assert client.tokenize("a")
    assert fake.returncode == 3


# Files that end a worker


@pytest.mark.parametrize("name", ["block_count 513", "block_count 0", "duplicate tokens", "empty"])
@pytest.mark.more
def test_a_file_that_ends_its_worker_is_a_model_error_and_the_client_lives(
    open_client: Open, tmp_path: Path, name: str
) -> None:
    path = write_corrupt(name, tmp_path / "bad.gguf")
    client = open_client(path, log=tmp_path / "engine.log", timeouts=Timeouts(deaths=9))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"bad\.gguf") as caught:
            say(client, text("a", 3))
        assert "(" in str(caught.value)
    path.write_bytes(tiny_bytes())
    assert say(client, text("a", 3)).text


def test_a_model_that_aborts_at_its_first_token_in_every_way_is_a_bad_file(open_client: Open, tmp_path: Path) -> None:
    client = open_client(write_corrupt("eps NaN", tmp_path / "bad.gguf"), log=tmp_path / "engine.log")
    with pytest.raises(ModelError, match=r"bad\.gguf makes the engine fail \(signal SIGABRT: ggml/.*GGML_ASSERT\(eps"):
        say(client, text("a", 3))


def test_a_file_that_is_not_there_is_an_error(open_client: Open, tmp_path: Path) -> None:
    with pytest.raises(QuothError):
        open_client(tmp_path / "none.gguf").ready()


def test_what_aborts_says_what_llama_cpp_said_last(open_client: Open, tmp_path: Path) -> None:
    path = write_corrupt("block_count 513", tmp_path / "bad.gguf")
    with pytest.raises(ModelError, match=r"makes the engine fail \(signal SIGABRT|cannot be loaded"):
        open_client(path, log=tmp_path / "engine.log").ready()


def test_a_bad_grammar_is_a_usage_error_and_the_worker_lives(open_client: Open) -> None:
    client = open_client()
    pid = pid_of(client)
    with pytest.raises(UsageError, match="the grammar does not parse"):
        say(client, text("a", 3, GREEDY._replace(grammar="root ::= (")))
    assert say(client, text("a", 3)).text
    assert client.pid == pid


# Cancelling


def prompt_of(client: Client, n: int) -> str:
    """A text of about n tokens."""
    sentence = "The old lighthouse keeper counted the ships that passed in the night. "
    return sentence * (n // client.count([sentence])[0])


def test_a_cancel_while_a_long_prompt_is_read_is_back_at_once(model_path: Path, open_client: Open) -> None:
    client, times = open_client(model_path, options=LoadOptions(n_ctx=8192)), []
    prompt = prompt_of(client, 4000)
    for _ in range(5):
        flag, asked, last = Flag(), 0.0, None
        for event in client.generate([text(prompt)], stop=flag):
            last = event
            if isinstance(event, Reading) and event.done > 60 and not flag.set:
                time.sleep(0.03)  # into the next slice
                flag.set, asked = True, time.monotonic()
        times.append(time.monotonic() - asked)
        assert isinstance(last, Done)
        assert last.reason == "cancelled"
        say(client, text("Something else", 1))  # so that the next round reads again
    assert statistics.median(times) < 0.3


@pytest.mark.more
def test_a_cancel_while_texts_are_scored_is_back_at_once(model_path: Path, open_client: Open) -> None:
    client, times = open_client(model_path, options=LoadOptions(n_ctx=8192)), []
    passage = prompt_of(client, 1000)
    for number in range(3):
        flag, asked, events = Flag(), 0.0, list[object]()
        for event in client.score([Scoring(Text(f"{number} {passage}"), passage)] * 3, stop=flag):
            events.append(event)
            if isinstance(event, Reading) and event.done > 60 and not flag.set:
                time.sleep(0.03)  # into the next slice
                flag.set, asked = True, time.monotonic()
        times.append(time.monotonic() - asked)
        assert not [event for event in events if isinstance(event, Scored)]
    assert statistics.median(times) < 0.3
    (one,) = [e for e in client.score([Scoring(Text("a b"), " c")]) if isinstance(e, Scored)]
    assert one.logprobs


def test_after_a_cancel_the_next_answer_is_that_of_a_fresh_start(
    client: Client, model_path: Path, open_client: Open
) -> None:
    prompt = prompt_of(client, 200)
    fresh, flag = say(open_client(model_path), text(prompt, 12)), Flag()
    for event in client.generate([text(prompt, 12)], stop=flag):
        if isinstance(event, Reading) and event.done > 60:
            flag.set = True
    assert isinstance(event, Done)
    assert event.reason == "cancelled"
    again = say(client, text(prompt, 12))
    assert again.text == fresh.text
    assert 0 < again.done.usage.reused < again.done.usage.prompt


def test_a_cancel_while_loading_is_back_at_once_and_loading_goes_on(model_path: Path, open_client: Open) -> None:
    client = open_client(model_path)
    pid, begun = client.pid, time.monotonic()
    said = say_all(client, [text("a"), text("b")], stop=lambda: True)
    assert [s.done.reason for s in said] == ["cancelled", "cancelled"]
    assert time.monotonic() - begun < 1.0
    assert say(client, text("The capital of France is", 2)).text
    assert client.pid == pid


# Several callers


def test_two_clients_work_at_once(open_client: Open) -> None:
    one, other, said = open_client(), open_client(), list[str]()
    alone = say(one, text("a", 100)).text
    threads = [threading.Thread(target=lambda c=c: said.append(say(c, text("a", 100)).text)) for c in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [alone, alone]
    assert one.pid != other.pid


def test_many_threads_may_wait_for_one_loading(model_path: Path, open_client: Open) -> None:
    client, counts = open_client(model_path), list[int]()
    threads = [threading.Thread(target=lambda: counts.extend(client.count(["one two three"]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert say(client, text("a", 1)).done.reason == "length"
    for thread in threads:
        thread.join()
    assert counts == [3] * 8


def test_a_closed_client_says_so(open_client: Open) -> None:
    client = open_client()
    pid = pid_of(client)
    client.close()
    client.close()
    assert gone(pid)
    with pytest.raises(EngineError, match="the engine is closed"):
        client.tokenize("a")


def test_closing_ends_a_computation(model_path: Path, open_client: Open) -> None:
    client = open_client(model_path)
    events = client.generate([text("Once upon a time", 2000)])
    while not isinstance(next(events), Piece):
        pass
    begun, pid = time.monotonic(), pid_of(client)
    client.close()
    assert time.monotonic() - begun < 2.0
    assert gone(pid)


# What the worker may not do


def run_python(code: str, **more: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'app'}:{ROOT}"}
    return subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True, env=environment, **more)  # type: ignore[call-overload,no-any-return]  # keywords pass through


@linux
def test_a_worker_ends_when_its_parent_is_killed(model_path: Path) -> None:
    parent = run_python(
        "from pathlib import Path; from quoth.engine.client.client import Client; from quoth.engine import *;"
        f"c = Client(Path({str(model_path)!r}));"
        "e = c.generate([Request(Text('Once'), max_tokens=4000)]);"
        "[next(e) for _ in range(4)]; print(c.pid, flush=True); import time; time.sleep(60)"
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert psutil.pid_exists(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(worker, within=2.0)


@posix
def test_ctrl_c_reaches_only_the_parent(open_client: Open) -> None:
    client = open_client()
    pid = pid_of(client)
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    assert say(client, text("a", 3)).text
    assert client.pid == pid


@posix
def test_the_log_is_private_and_starts_again_when_it_is_large(open_client: Open, tmp_path: Path) -> None:
    log = tmp_path / "state" / "engine.log"
    log.parent.mkdir()
    log.write_bytes(b"old line\n" * (LOG_LIMIT // 8))
    log.chmod(0o666)
    say(open_client(log=log), text("a", 3))
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.stat().st_size < LOG_LIMIT


@posix
def test_a_new_log_is_private_in_a_private_folder(open_client: Open, tmp_path: Path) -> None:
    log = tmp_path / "state" / "engine.log"
    say(open_client(log=log), text("a", 3))
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_a_log_that_cannot_be_written_is_no_reason_to_fail(open_client: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert say(open_client(log=tmp_path / "file" / "engine.log"), text("a", 3)).text


# Many


def outcome(path: Path, folder: Path) -> str:
    """How a file fares in a worker of its own: a reason, or the sentence of the error."""
    client, begun = Client(path, log=folder / "engine.log"), time.monotonic()
    try:
        return say_all(client, [text("a", 3), text("b", 3)])[0].done.reason
    except QuothError as error:
        return str(error)
    finally:
        client.close()
        assert time.monotonic() - begun < 30.0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_hundred_mutants_of_a_header_end_in_a_sentence_or_an_answer(tmp_path: Path) -> None:
    whole, path, outcomes = tiny_bytes(), tmp_path / "mutant.gguf", list[str]()
    header = whole.index(b"token_embd.weight")
    for seed in range(300):
        generator, data = random.Random(seed), bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(4, header)] = generator.choice([0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)])
        path.write_bytes(data)
        outcomes.append(outcome(path, tmp_path))
    assert len(outcomes) == 300
    assert not [sentence for sentence in outcomes if "\n" in sentence or "a bug" in sentence]
    assert 10 < sum(o == "length" for o in outcomes) < 290


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_corrupt_file_ends_in_a_sentence_or_an_answer(tmp_path: Path) -> None:
    outcomes = {name: outcome(write_corrupt(name, tmp_path / "bad.gguf"), tmp_path) for name in CORRUPT}
    assert not [name for name, sentence in outcomes.items() if "\n" in sentence or "a bug" in sentence]


@pytest.mark.long
@posix
@pytest.mark.timeout(900)
def test_fifty_kills_at_random_moments_keep_what_was_said(client: Client, model_path: Path) -> None:
    request, generator = Request(Text("The capital of France is"), GREEDY, 80), random.Random(5)
    whole, deaths = say(client, request).text, 0
    victim = Client(model_path, timeouts=Timeouts(deaths=99))
    for _ in range(50):
        pid, kept = pid_of(victim), ""
        timer = threading.Timer(generator.uniform(0.0, 1.0), os.kill, (pid, signal.SIGKILL))
        timer.start()
        try:
            for event in victim.generate([request]):
                kept += event.text if isinstance(event, Piece) else ""
        except EngineError:
            deaths += 1
        timer.join()
        assert whole.startswith(kept)
        while victim.pid == pid:  # killed after the answer: until the client knows
            time.sleep(0.01)
    victim.close()
    assert deaths > 10
