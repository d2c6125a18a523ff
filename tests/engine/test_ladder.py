"""The ladder: a way of computing that crashes, hangs or computes nonsense here is stepped over, once, and said."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.engine.client.rung_findings import Findings
from quoth.engine.client.timeouts import Timeouts
from quoth.engine.ladder import Finding, Fingerprint, Known, choose, usable
from quoth.errors import EngineError, ModelError
from tests.broken_build import broken_build
from tests.engine.gathered_events import say, text
from tests.gguf_files import tiny_bytes, write_corrupt
from tests.rounds import rounds

CPU = ("cpu-extra", "cpu", "one-thread")
ALL = ("gpu", "gpu-half", *CPU)
TINY_LAYERS = 3  # with the output
SAYS = {
    "crash": "signal SIGSEGV",
    "crash alone": "signal SIGSEGV",
    "illegal": "signal SIGILL",
    "hang": "nothing came from it for",
    "invalid numbers": "invalid numbers",
    "nonsense": "nonsense: NMSE ",
}
Open = Callable[..., "Opened"]


class Opened:
    """A client on a build of its own, and what it told the user."""

    def __init__(self, model: Path, findings: Path | None, **more: object) -> None:
        self.told: list[str] = []
        options = {"timeouts": Timeouts(proof=0.5, driver=0.5, kernels=0.5), "options": LoadOptions(threads=2), **more}
        self.client = Client(model, findings=Findings(findings), tell=self.told.append, **options)  # type: ignore[arg-type]  # keywords of Client

    @property
    def rung(self) -> str:
        return self.client.info.rung


@pytest.fixture
def open_on(tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open the tiny model on a build with faults, `open_on({"cpu-extra": "crash"})`; all use that of the last call."""
    builds, opened, true_path = dict[str, Path](), list[Opened](), [*sys.path]

    def open_(
        faults: dict[str, str], *, gpu: bool = False, rebuilt: bool = False, path: Path = tiny_path, **more: object
    ) -> Opened:
        name = json.dumps([faults, gpu, rebuilt])
        if name not in builds:
            folder, layers = tmp_path / f"build{len(builds)}", TINY_LAYERS if gpu else 0
            builds[name] = broken_build(folder, faults, gpu_layers=layers, rebuilt=rebuilt)
        monkeypatch.setattr(sys, "path", [str(builds[name]), *true_path])
        opened.append(Opened(path, tmp_path / "ladder.json", **{"log": tmp_path / "engine.log", **more}))
        return opened[-1]

    yield open_
    for each in opened:
        each.client.close()


def answer(opened: Opened) -> str:
    """A greedy answer to a prompt that is longer than a proof."""
    return say(opened.client, text("a" * 80, 8)).text


# The table


def test_the_rungs_are_in_the_order_in_which_they_are_tried() -> None:
    assert tuple(rung.name for rung in usable(gpu=True)) == ALL
    assert tuple(rung.name for rung in usable(gpu=False)) == CPU
    assert tuple(rung.name for rung in usable(gpu=True, only="cpu")) == ("cpu",)
    assert usable(gpu=False, only="gpu") == ()


def chosen(known: Known, failed: tuple[str, ...] = (), gpu: bool = False) -> str:
    rung = choose(usable(gpu), known, failed)
    return rung.name if rung else ""


def test_the_highest_rung_that_did_not_fail_is_chosen() -> None:
    bad = Finding("signal SIGSEGV")
    assert chosen(Known()) == "cpu-extra"
    assert chosen(Known(), gpu=True) == "gpu"
    assert chosen(Known({"cpu-extra": bad, "cpu": Finding()})) == "cpu"
    assert chosen(Known({"gpu": bad, "gpu-half": bad}), gpu=True) == "cpu-extra"
    assert chosen(Known({"cpu-extra": bad}), ("cpu",)) == "one-thread"
    assert chosen(Known(), CPU) == ""


def test_after_a_death_the_next_rung_is_chosen_where_there_is_one() -> None:
    assert chosen(Known({"cpu-extra": Finding()}, "cpu-extra")) == "cpu"
    assert chosen(Known({"cpu-extra": Finding("x")}, "cpu")) == "one-thread"
    assert chosen(Known({}, "one-thread")) == "cpu-extra"  # below it there is none
    assert chosen(Known({"cpu-extra": Finding("x")}, "cpu-extra")) == "cpu"


FAST, SLOW = Finding(read=100.0, write=20.0, load=0.3), Finding(read=90.0, write=19.0, load=1.5)


def test_of_rungs_that_were_measured_together_the_fastest_is_chosen() -> None:
    def choice(*findings: Finding, died_on: str = "", failed: tuple[str, ...] = (), compared: bool = True) -> str:
        return chosen(Known(dict(zip(CPU, findings, strict=False)), died_on, compared), failed)

    assert choice(FAST, SLOW) == "cpu-extra"
    assert choice(SLOW, FAST) == "cpu"
    assert choice(SLOW, FAST, compared=False) == "cpu-extra"
    assert choice(FAST, FAST._replace(write=20.5)) == "cpu-extra"  # within the noise
    assert choice(SLOW, FAST, failed=("cpu",)) == "cpu-extra"
    assert choice(SLOW, FAST, died_on="cpu") == "one-thread"
    assert choice(Finding("signal SIGSEGV"), SLOW, FAST) == "cpu"  # other programs were busy: that passes
    assert chosen(Known({"cpu": FAST}, compared=True)) == "cpu-extra"  # which is still to be measured


# Climbing down


@pytest.mark.parametrize("fault", [*SAYS])
def test_a_way_that_does_not_work_is_stepped_over_and_said_once(open_on: Open, fault: str) -> None:
    faults = {"cpu-extra": fault}
    first = open_on(faults)
    said = answer(first)
    assert first.rung == "cpu"
    (sentence,) = first.told
    assert re.fullmatch(
        rf"does not work here: a layout of weights for this processor \({SAYS[fault]}.*\)\. Quoth now computes on the "
        r'processor without it; "quoth doctor" has the way back',
        sentence,
    )
    again = open_on(faults)
    assert (again.rung, answer(again), again.told) == ("cpu", said, [])


@pytest.mark.parametrize("fault", [*SAYS])
@pytest.mark.parametrize("below", [*range(2, len(CPU))])
def test_further_rungs_are_tried(open_on: Open, fault: str, below: int) -> None:
    opened = open_on(dict.fromkeys(CPU[:below], fault))
    assert answer(opened)
    assert opened.rung == CPU[below]
    assert opened.client.info.threads == 1
    assert len(opened.told) == 1


@pytest.mark.parametrize("broken", [*range(1, len(ALL))])
def test_a_gpu_is_left_for_half_of_it_and_for_the_processor(open_on: Open, broken: int) -> None:
    opened = open_on(dict.fromkeys(ALL[:broken], "crash"), gpu=True)
    assert answer(opened)
    info = opened.client.info
    assert opened.rung == info.rung == ALL[broken]
    assert info.on_gpu == {"gpu": 3, "gpu-half": 1}.get(ALL[broken], 0)


@pytest.mark.parametrize("fault", ["crash", "hang"])
def test_a_driver_that_fails_when_it_is_asked_for_devices_is_left_alone(open_on: Open, fault: str) -> None:
    opened = open_on({"driver": fault}, gpu=True)
    assert answer(opened)
    assert opened.rung == "cpu-extra"
    (sentence,) = opened.told
    assert sentence.startswith("does not work here: the GPU (")
    again = open_on({"driver": fault}, gpu=True)  # and is not asked again
    assert answer(again)
    assert (again.rung, again.told) == ("cpu-extra", [])
    assert again.client.describe(without_gpu=True)["sandbox"].endswith("seccomp")


def test_a_gpu_that_works_has_all_layers(open_on: Open) -> None:
    opened = open_on({"cpu-extra": "crash"}, gpu=True)
    assert opened.client.info.on_gpu == TINY_LAYERS
    assert opened.told == []


def test_without_gpu_layers_the_gpu_is_not_tried(open_on: Open) -> None:
    opened = open_on({"gpu": "crash", "gpu-half": "crash"}, gpu=True, options=LoadOptions(gpu_layers=0))
    assert (opened.rung, opened.told) == ("cpu-extra", [])


def test_one_way_can_be_asked_for(open_on: Open) -> None:
    assert open_on({}, options=LoadOptions(rung="one-thread")).rung == "one-thread"
    crashes = open_on({"cpu": "crash"}, options=LoadOptions(rung="cpu", threads=2))
    with pytest.raises(ModelError, match=r"tiny\.gguf makes the engine fail \(signal SIGSEGV\)"):
        crashes.client.ready()
    with pytest.raises(EngineError, match=r"there is no such way of computing here \(gpu\)"):
        open_on({}, options=LoadOptions(rung="gpu")).client.ready()


def test_a_file_that_fails_in_every_way_is_a_bad_file_and_teaches_nothing(open_on: Open, tmp_path: Path) -> None:
    bad = open_on({}, path=write_corrupt("eps NaN", tmp_path / "bad.gguf"), timeouts=Timeouts(deaths=9))
    for _ in range(2):
        with pytest.raises(ModelError, match=r"bad\.gguf makes the engine fail \(signal SIGABRT"):
            bad.client.ready()
    assert not (tmp_path / "ladder.json").exists()
    good = open_on({})
    assert (good.rung, good.told) == ("cpu-extra", [])


def test_nonsense_in_every_way_is_a_bad_file(open_on: Open) -> None:
    opened = open_on(dict.fromkeys(CPU, "invalid numbers"))
    with pytest.raises(
        ModelError, match=r"tiny\.gguf cannot be computed \(invalid numbers\). Check it with quoth models"
    ):
        opened.client.ready()


def test_a_build_for_another_processor_is_not_a_bad_file(open_on: Open) -> None:
    opened = open_on(dict.fromkeys(CPU, "illegal"))
    with pytest.raises(EngineError, match="the engine uses instructions that this processor lacks"):
        opened.client.ready()


def test_a_stop_while_ways_are_tried_is_back_at_once_and_trying_goes_on(open_on: Open) -> None:
    opened = open_on({"cpu-extra": "crash", "cpu": "crash"})
    said = say(opened.client, text("a", 3), stop=lambda: True)
    assert said.done.reason == "cancelled"
    assert answer(opened)
    assert opened.rung == "one-thread"


# After the proof


def test_after_a_death_the_next_start_is_one_rung_lower_once(open_on: Open) -> None:
    faults = {"cpu-extra": "crash later"}
    opened = open_on(faults)
    assert opened.rung == "cpu-extra"
    with pytest.raises(EngineError, match=r"the engine died \(signal SIGSEGV"):
        answer(opened)
    assert answer(opened)  # by the same client
    assert opened.rung == "cpu"
    assert opened.told == [
        "the engine died when it last used a layout of weights for this processor; "
        "this time it computes on the processor without it"
    ]
    again = open_on(faults)
    assert again.rung == "cpu-extra"
    with pytest.raises(EngineError, match=r"the engine died \(signal SIGSEGV"):
        answer(again)
    again.client.close()
    later = open_on(faults)  # and by the next one
    assert answer(later)
    assert (later.rung, len(later.told)) == ("cpu", 1)


def test_an_engine_that_somebody_killed_starts_where_it_was(open_on: Open) -> None:
    opened = open_on({})
    assert opened.rung == "cpu-extra"
    assert opened.client.pid is not None
    os.kill(opened.client.pid, signal.SIGKILL)
    with suppress(EngineError):
        answer(opened)
    assert answer(opened)
    assert (opened.rung, opened.told) == ("cpu-extra", [])


# What is kept


def test_what_was_proved_is_not_proved_again(open_on: Open) -> None:
    first = open_on({})
    first.client.ready()
    assert first.client.climb.finding.read > 0
    first.client.close()
    again = open_on({"cpu-extra": "crash"})  # a proof would step over it
    again.client.ready()
    assert (again.rung, again.client.climb.finding) == ("cpu-extra", first.client.climb.finding)


def test_another_build_processor_or_kind_of_model_is_proved_again(open_on: Open, tmp_path: Path) -> None:
    findings = tmp_path / "ladder.json"
    open_on({}).client.ready()
    other = tmp_path / "half.gguf"
    other.write_bytes(tiny_bytes(general__file_type=1))  # the same weights as another kind
    assert open_on({"cpu-extra": "crash"}, path=other).rung == "cpu"
    assert open_on({"cpu-extra": "crash"}).rung == "cpu-extra"
    content = json.loads(findings.read_text())
    for entry in content["entries"]:
        entry["key"] = entry["key"].replace(entry["key"][:8], "00000000")  # of another build or machine
    findings.write_text(json.dumps(content))
    assert open_on({"cpu-extra": "crash"}).rung == "cpu"


def test_libraries_that_were_built_again_are_proved_again(open_on: Open, tmp_path: Path) -> None:
    open_on({}).client.ready()
    rebuilt = open_on({"cpu-extra": "crash"}, rebuilt=True)
    assert (rebuilt.rung, len(rebuilt.told)) == ("cpu", 1)


def test_the_file_is_private_small_and_whole_or_not_there(open_on: Open, tmp_path: Path) -> None:
    findings = tmp_path / "ladder.json"
    for content in (b"", b"{", b'{"form": 1}', b'{"form": 1, "entries": [{}]}', b'{"form": 9, "entries": []}', b"[]"):
        findings.write_bytes(content)
        findings.chmod(0o644)
        assert open_on({}).rung == "cpu-extra"
        assert len(json.loads(findings.read_bytes())["entries"]) == 1
        assert stat.S_IMODE(findings.stat().st_mode) == 0o600
    assert findings.stat().st_size < 2000
    assert not [*tmp_path.glob("ladder.json.*")]


def fingerprint(number: int) -> Fingerprint:
    return Fingerprint(f"key {number}", "build", "processor", "llama Q8_0, 145 MB")


def test_the_oldest_entries_go_and_those_of_other_processes_stay(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "ladder.json"
    one, other = Findings(path), Findings(path)
    for number in range(40):
        (one, other)[number % 2].put(fingerprint(number), Known({"cpu": Finding(read=1.0 + number, write=1.0)}, "cpu"))
    kept = Findings(path)
    assert [entry.about.key for entry in kept.entries] == [f"key {number}" for number in range(39, 7, -1)]
    assert kept.of("key 39") == Known({"cpu": Finding(read=40.0, write=1.0)}, "cpu")


def test_what_another_process_found_meanwhile_is_not_undone(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    Findings(path).put(fingerprint(1), Known({"cpu-extra": Finding(read=1.0, write=1.0)}))
    here = Findings(path)
    Findings(path).put(fingerprint(1), Known({"cpu-extra": Finding(failed="SIGSEGV")}, "cpu-extra"))
    here.put(fingerprint(2), Known({"cpu": Finding(read=1.0, write=1.0)}))
    assert Findings(path).of("key 1") == Known({"cpu-extra": Finding(failed="SIGSEGV")}, "cpu-extra")


@pytest.mark.parametrize(
    "change",
    [
        {"died_on": "zzz"}, {"died_on": ["x"]}, {"since": "NaN"}, {"findings": {"cpu": {}}}, {"findings": 5},
        {"findings": {"cpu": Finding(read=math.nan, write=1.0)._asdict()}},
        {"findings": {"cpu": Finding(read=math.inf, write=1.0)._asdict()}},
        {"findings": {"cpu": {**Finding(read=1.0, write=1.0)._asdict(), "load": -5}}},
        {"findings": {"cpu": {**Finding(read=1.0, write=1.0)._asdict(), "read": 10**400}}},
        {"findings": {"cpu": Finding()._asdict()}},
        {"findings": {"cpu": Finding("one\nquoth: error: two")._asdict()}},
    ],
)  # fmt: skip
def test_a_file_that_was_tampered_with_is_read_as_far_as_it_makes_sense(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "ladder.json"
    Findings(path).put(fingerprint(1), Known({"cpu": Finding(read=1.0, write=1.0)}))
    content = json.loads(path.read_bytes())
    content["entries"][0] |= change
    path.write_text(json.dumps(content))
    known = Findings(path).of("key 1")
    assert known.died_on == ""
    assert all("\n" not in finding.failed for finding in known.findings.values())
    assert all(0 < f.read < 1e12 and 0 < f.write < 1e12 for f in known.findings.values() if not f.failed)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_or_a_device_in_its_place_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    assert Findings(tmp_path / "pipe").entries == Findings(tmp_path / "zeros").entries == []


def test_where_every_way_is_said_to_fail_all_are_tried_again(open_on: Open, tmp_path: Path) -> None:
    client = open_on({}).client
    client.ready()
    assert client.climb.about is not None
    Findings(tmp_path / "ladder.json").put(client.climb.about, Known(dict.fromkeys(CPU, Finding("signal SIGSEGV"))))
    again = open_on({})
    assert answer(again)
    assert again.rung == "cpu-extra"


def test_what_is_not_to_be_kept_is_not_written(tmp_path: Path) -> None:
    findings = Findings(tmp_path / "ladder.json", keep=False)
    findings.put(fingerprint(1), Known({"cpu": Finding()}))
    assert findings.of("key 1") == Known({"cpu": Finding()})
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    Findings(tmp_path / "file" / "ladder.json").put(fingerprint(1), Known())


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", ["crash", "invalid numbers", "nonsense", "hang"])
@pytest.mark.parametrize("below", range(1, len(ALL)))
def test_every_run_answers_whatever_fails_and_on_how_many_rungs(
    open_on: Open, tmp_path: Path, fault: str, below: int
) -> None:
    faults, answers = dict.fromkeys(ALL[:below], fault), list[str]()
    for _ in range(rounds(100, 20)):
        (tmp_path / "ladder.json").unlink(missing_ok=True)
        opened = open_on(faults, gpu=True)
        answers.append(answer(opened))
        assert opened.rung == ALL[below]
        opened.client.close()
    assert len(answers) == rounds(100, 20)
    assert all(answers)
