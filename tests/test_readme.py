"""What the README says is so: tables equal the code, command lines parse, and examples print what is shown."""

from __future__ import annotations

import io
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from textual.binding import Binding

from quoth.cli.commands import COMMANDS
from quoth.cli.environment import Environment
from quoth.cli.main import load_command
from quoth.cli.routing import PROMPT, route
from quoth.cli.run.doctor import reinstall
from quoth.cli.run.doctor.reinstall import AMX_FLAG
from quoth.cli.streams import Streams
from quoth.config import BY_NAME, SETTINGS, Setting, folders, keys, load
from quoth.errors import Exit
from quoth.models import catalogue
from tests.conftest import Run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CLONE = (
    f'python3 -m venv .venv && {AMX_FLAG} .venv/bin/pip install . && .venv/bin/quoth "Why is the sky blue?"',
    f'python3 -m venv .venv && {AMX_FLAG} .venv/bin/pip install -e ".[dev]" && .venv/bin/pytest',
)
SURE = 0.5  # natural-log units; two ways of computing differ by some 0.1
FLAGS_OF_OTHERS = {"--extra-index-url", "--pip-args", "--install"}  # uv's, pipx's and xcode-select's


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def examples() -> list[tuple[str, str]]:
    """Each command line of the console blocks with what it printed."""
    found = []
    for block in blocks("console"):
        for part in block.split("$ ")[1:]:
            line, _, printed = part.partition("\n")
            found.append((line, printed.rstrip("\n")))
    return found


def quoth_lines() -> list[list[str]]:
    """The words after "quoth" of every command line in the README."""
    lines = [line for line, _ in examples()]
    for block in blocks("sh"):
        lines += block.splitlines()
    lines += re.findall(r"`((?:[^`]+\| )?quoth [^`]+)`", README)
    return [words for line in lines for words in _calls(line)]


def _calls(line: str) -> Iterator[list[str]]:
    for command in re.split(r" \| | && ", line):
        words = shlex.split(command, comments=True)
        if words and words[0].rpartition("/")[2] == "quoth":
            yield words[1:]


def parse(words: list[str]) -> click.Context:
    """A command line parsed as the program would, without running it. Raises click's or Quoth's usage errors."""
    name, rest = route(words, COMMANDS, lambda word: False)
    command = load_command(name)
    if isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    nowhere = Streams(io.BytesIO(), io.BytesIO(), io.BytesIO())
    return command.make_context(name, list(rest), obj=Environment(nowhere, {}))


def test_the_two_commands_for_a_clone_are_there_once_and_whole() -> None:
    assert tuple(line for line in README.splitlines() if line.startswith("python3 -m venv ")) == CLONE


def test_ci_runs_the_readmes_own_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "grep '^python3 -m venv ' \"$root/README.md\"" in script
    assert "readme_command 1" in script
    assert "readme_command 2" in script
    assert script.rstrip().endswith(".venv/bin/pytest tests/reference")


def test_the_models_are_the_catalogues() -> None:
    expected = [
        [f"`{r.name}`", r.params, _size(r.size), f"{r.context:,}", r.licence, r.languages, r.tier]
        for r in catalogue.ROWS
    ]
    assert table("Which model for my machine") == expected


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 95e7 else f"{size / 1e6:.0f} MB"


def test_the_exit_codes_are_the_programs() -> None:
    rows = table("Exit codes")
    assert [int(code) for code, _ in rows] == sorted(Exit)
    assert all(meaning for _, meaning in rows)


def test_the_settings_are_the_programs() -> None:
    expected = [[f"`{s.name}`", ", ".join(f"`{flag}`" for flag in s.flags), _default(s), s.help] for s in SETTINGS]
    assert table("Settings") == expected


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default == "":
        return ""
    return f"`{str(setting.default).lower()}`"


def test_the_examples_of_a_settings_file_are_some(tmp_path: Path) -> None:
    from quoth.tui.chat.chat_screen import ChatScreen
    from quoth.tui.widgets.prompt_input import Prompt

    ids = {binding.id for kind in (ChatScreen, Prompt) for binding in kind.BINDINGS if isinstance(binding, Binding)}
    changed, set_ = dict[str, str](), dict[str, object]()
    for block in blocks("toml"):
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / "config.toml").write_text(block, "utf-8")
        places = folders({"QUOTH_HOME": str(tmp_path)})
        settings = load(places, {})
        set_ |= {name: getattr(settings, name) for name in settings.origins}
        changed |= keys(places)
    assert set_
    assert changed
    assert set(changed) <= ids


def test_the_variables_named_are_settings() -> None:
    named = set(re.findall(r"QUOTH_([A-Z_]+)", README)) - {"NAME", "HOME"}
    assert named
    assert named <= {name.upper() for name in BY_NAME}


def test_the_index_of_wheels_is_the_one_that_doctor_names() -> None:
    assert set(re.findall(r"https://\S+/whl", README)) == {reinstall.WHEELS}


def test_the_version_named_is_the_one_that_is_pinned() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    pins = [line for line in pyproject["project"]["dependencies"] if line.startswith("llama-cpp-python==")]
    assert set(re.findall(r"llama-cpp-python (\d[\d.]*\d)", README)) == {pins[0].partition("==")[2]}


@pytest.mark.parametrize("words", quoth_lines(), ids=lambda words: shlex.join(words)[:60])
def test_every_command_line_parses(words: list[str]) -> None:
    with suppress(click.exceptions.Exit):  # --help leaves
        parse(words)


def test_every_flag_named_exists() -> None:
    known = {"--version", "--debug", "--help"}
    for name in (*COMMANDS, PROMPT):
        command = load_command(name)
        commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        known |= {flag for each in commands for p in each.params for flag in (*p.opts, *p.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - FLAGS_OF_OTHERS
    assert named
    assert named <= known


@pytest.mark.parametrize(("line", "printed"), examples(), ids=lambda text: text[:50])
def test_an_example_prints_what_is_shown(quoth: Run, installed: Path, tmp_path: Path, line: str, printed: str) -> None:
    (schema,) = blocks("json")
    (tmp_path / "person.json").write_text(schema, "utf-8")
    (tmp_path / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    *before, last = line.split(" | ")
    said = "".join(shlex.join(shlex.split(part)[1:]) for part in before).strip("'") + "\n" if before else ""
    words = shlex.split(last)[1:]
    run = quoth(*words, input=said.encode(), cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().rstrip("\n") == printed
    if "-t" in words and "--schema" not in words:
        flags = ["--json" if word == "-x" else word for word in words if word != "--echo"]
        flags += ["--logprobs", "2"] if "--json" in flags else ["--json", "--logprobs", "2"]
        tokens = json.loads(quoth(*flags, input=said.encode(), cwd=tmp_path).stdout)["logprobs"]
        assert min(_gaps(tokens, printed)) > SURE


def _gaps(tokens: list[dict[str, Any]], printed: str) -> Iterator[float]:
    """How much likelier each token was than the next best, up to the end of what is shown."""
    text = ""
    for token in tokens:
        if printed in text:
            return
        text += token["text"]
        yield token["top"][0]["logprob"] - token["top"][1]["logprob"]
