"""A pickle is read as data: nothing in it runs, and a damaged one is refused with a sentence."""

from __future__ import annotations

import argparse
import json
import pickle
import random
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

from quoth.errors import Exit, ModelError, escaped
from quoth_converters.formats.pickles import Record, load
from quoth_converters.formats.state_dicts import plain
from quoth_converters.formats.torch_objects import TORCH
from tests.converters.hostile_pickles import BROKEN, RUNNING

# Reads every pickle of a file of them under an audit hook; prints the events and what became of each.
PROGRAM = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
from quoth.errors import ModelError
from quoth_converters.formats.pickles import load
from quoth_converters.formats.torch_objects import TORCH
pickles = [bytes.fromhex(line) for line in open(sys.argv[1])]
events, outcomes, watching = [], [], False
WATCHED = ("exec", "compile", "import", "open", "os.", "socket.", "subprocess.", "ctypes.", "shutil.", "pickle.")
def watch(event, arguments):
    if watching and event.startswith(WATCHED):
        events.append([event, repr(arguments)[:200]])
sys.addaudithook(watch)
for data in pickles:
    watching = True
    try:
        load(data, TORCH)
        outcome = "read"
    except ModelError as error:
        outcome = str(error)
    except BaseException as error:
        outcome = "CRASH " + repr(error)
    watching = False
    outcomes.append(outcome)
print(json.dumps({"events": events, "outcomes": outcomes}))
"""


def read_watched(pickles: list[bytes], folder: Path) -> tuple[list[list[str]], list[str]]:
    """The audit events of reading these in a process of its own, and an outcome for each."""
    (folder / "pickles").write_text("".join(f"{data.hex()}\n" for data in pickles))
    command = [sys.executable, "-c", PROGRAM, str(folder / "pickles"), json.dumps(sys.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    report = json.loads(result.stdout)
    return report["events"], report["outcomes"]


def test_nothing_a_pickle_names_is_run(tmp_path: Path) -> None:
    events, outcomes = read_watched([*RUNNING.values()], tmp_path)
    assert len(RUNNING) + len(BROKEN) >= 500
    assert events == []
    assert not [o for o in outcomes if not o.startswith("the pickle names ")]


def test_a_broken_pickle_is_refused_with_a_sentence(tmp_path: Path) -> None:
    events, outcomes = read_watched([*BROKEN.values()], tmp_path)
    assert events == []
    wrong = [
        (name, o) for name, o in zip(BROKEN, outcomes, strict=True) if not o.startswith(("the pickle", "a tensor"))
    ]
    assert not wrong


def test_mutated_pickles_run_nothing_and_crash_nothing(tmp_path: Path) -> None:
    generator = random.Random(5)
    seeds = [*RUNNING.values(), pickle.dumps({"itos": {i: chr(i) for i in range(40, 60)}, "x": [1.5, None, (True,)]})]
    mutants = []
    for _ in range(20_000):
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        mutants.append(bytes(data))
    events, outcomes = read_watched(mutants, tmp_path)
    assert events == []
    assert not [o for o in outcomes if o.startswith("CRASH")]


def test_the_watch_sees_what_an_unpickler_does(tmp_path: Path) -> None:
    """The same watch over the standard library's own machine: the check above can fail."""
    program = PROGRAM.replace("load(data, TORCH)", "__import__('pickle').loads(data)")
    (tmp_path / "pickles").write_text(RUNNING["builtins exec by reduce"].hex() + "\n")
    command = [sys.executable, "-c", program, str(tmp_path / "pickles"), json.dumps(sys.path)]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert report["events"]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        {"vocab_size": 3, "itos": {0: "a", 1: "é", 2: "🚀"}},
        [1, -1, 2**40, -(2**70), 1.5, float("-inf"), True, False, None, "", "\n'\"\\ü"],
        ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[]], {"a": {"b": []}}),
        ["x" * 300, ["x" * 70_000] * 3],
    ],
)
def test_plain_values_come_back_as_they_were(value: object, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol), {}) == value


def test_bytes_and_sets_come_back_as_they_were() -> None:
    assert load(pickle.dumps([b"\0\xff", {1, 2}, frozenset({3})], 4), {}) == [b"\0\xff", {1, 2}, frozenset({3})]
    assert load(pickle.dumps(b"\0\xff", 2), TORCH) == b"\0\xff"


def test_an_ordered_dict_is_a_dict_and_a_namespace_is_its_fields() -> None:
    settings = argparse.Namespace(n_layer=3, name="x")
    value = load(pickle.dumps(OrderedDict(a=1, b=settings)), TORCH)
    assert value == {"a": 1, "b": Record("argparse.Namespace", {"n_layer": 3, "name": "x"})}


def test_a_circle_is_read_and_ends() -> None:
    circle: list[object] = []
    circle.append(circle)
    value = load(pickle.dumps(circle), {})
    assert value[0] is value


def test_a_refused_global_is_named_without_its_control_codes() -> None:
    with pytest.raises(ModelError, match=r"names os\.\\x1b\]0;x") as caught:
        load(b"cos\n\x1b]0;x\n.", TORCH)
    assert "\x1b" not in str(caught.value)
    assert caught.value.exit_code == Exit.MODEL


def test_a_table_without_names_knows_none() -> None:
    with pytest.raises(ModelError, match=r"collections\.OrderedDict"):
        load(pickle.dumps(OrderedDict()), {})


def laughs(depth: int) -> bytes:
    """Lists of two lists each, down to two values: 2 to the power of `depth` in what is printed of it."""
    return b"(](NNeq\x01" + b"](h\x01h\x01eq\x01" * depth + b"t"


DEEP = b"]" * 50_000 + b"a" * 49_999
MUCH = {
    "a global named by a billion lists": laughs(60) + b"\x8c\x01a\x93.",
    "a list copied over and over": b"]("
    + b"N" * 300_000
    + b"eq\x02(c__builtin__\nset\nq\x03"
    + b"h\x03h\x02\x85R" * 99_999
    + b"t.",
    "a text of 8 MiB copied over and over": b"X\0\0\x80\0"
    + b"a" * (8 << 20)
    + b"q\x02(c_codecs\nencode\nq\x03"
    + b"h\x03h\x02\x85R" * 99_999
    + b"t.",
    "a tuple of 300,000 as a key": b"}(" + b"N" * 300_000 + b"tq\x02Ns" + b"h\x02Ns" * 99_999 + b".",
    "a number of 50,000 bits": b"\x8b" + (6250).to_bytes(4, "little") + b"\x7f" * 6250 + b".",
}


@pytest.mark.parametrize("name", MUCH)
def test_a_short_pickle_cannot_ask_for_much_work_or_memory(name: str) -> None:
    with pytest.raises(ModelError):
        load(MUCH[name], TORCH)


@pytest.mark.parametrize("nested", [laughs(60), DEEP], ids=["a billion lists", "50,000 deep"])
def test_settings_without_end_are_none(nested: bytes) -> None:
    value = load(b"}(\x8c\x01dctorch\ndevice\n" + nested + b"\x85R\x8c\x01c" + nested + b"\x8c\x01nK\x05u.", TORCH)
    assert value["d"] == ""
    assert plain(value) == {"d": "", "c": None, "n": 5}
    assert len(escaped(value["c"])) <= 120


def test_an_escape_that_is_none_is_read_without_a_warning() -> None:
    assert load(b"S'\\|'\n.", {}) == "\\|"
