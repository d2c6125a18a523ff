"""Settings: defaults < file < environment < flags, and each error names its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from quoth.config import BY_NAME, SETTINGS, Folders, Settings, folders, load
from quoth.errors import UsageError
from tests.cli.commands import run_here


@pytest.fixture
def place(tmp_path: Path) -> Folders:
    found = folders({"QUOTH_HOME": str(tmp_path)})
    found.config.mkdir()
    return found


def settings(place: Folders, text: str = "", **environ: str) -> Settings:
    place.config_file.write_text(text, encoding="utf-8")
    return load(place, environ)


def test_flags_beat_the_environment_which_beats_the_file_which_beats_defaults(place: Folders) -> None:
    assert settings(place).max_input == 8 * 1024 * 1024
    assert settings(place).origin("max_input") == "default"
    assert not settings(place).is_set("max_input")
    from_file = settings(place, "max_input = 5\ntemperature = 1\nraw = true")
    assert (from_file.max_input, from_file.temperature, from_file.raw) == (5, 1.0, True)
    assert from_file.origin("max_input") == str(place.config_file)
    from_environment = settings(place, "max_input = 5", QUOTH_MAX_INPUT="6", QUOTH_RAW="")
    assert (from_environment.max_input, from_environment.origin("max_input")) == (6, "QUOTH_MAX_INPUT")
    assert from_environment.raw is False
    from_flags = from_environment.over({"max_input": 7, "raw": None})
    assert (from_flags.max_input, from_flags.origin("max_input")) == (7, "--max-input")
    assert from_flags.raw is False


def test_every_setting_is_known_in_all_four_places() -> None:
    for setting in SETTINGS:
        assert setting.flags, setting.name
        assert setting.help.endswith("."), setting.name
        if setting.default is not None:
            assert setting.check(setting.default) == setting.default


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("temperature = 9", ["temperature must be a number from 0 to 5", "it is 9"]),
        ("temperature = nan", ["temperature must be a number from 0 to 5", "it is nan"]),
        ("seed = 'x'", ["seed must be a whole number"]),
        ("seed = true", ["seed must be a whole number"]),
        ("offline = 1", ["offline must be true or false"]),
        ("model = 3", ["model must be text"]),
        ("modle = 'x'", ["there is no setting 'modle'", "model, system"]),
        ("model =", ["is not TOML"]),
        ("[model]\nname = 'x'", ["model must be text"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_in_the_file_names_the_file(place: Folders, text: str, parts: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        settings(place, text)
    assert str(place.config_file) in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_bytes_that_are_no_text_and_a_folder_in_its_place_are_named(place: Folders) -> None:
    place.config_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not TOML"):
        load(place, {})
    place.config_file.unlink()
    assert load(place, {}).seed is None
    place.config_file.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        load(place, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUOTH_TEMPERATURE", "hot"), ("QUOTH_SEED", "1.5"), ("QUOTH_OFFLINE", "maybe"), ("QUOTH_CTX", "7")],
)
def test_an_error_in_the_environment_names_the_variable(place: Folders, name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(place, **{name: value})
    expected = BY_NAME[name.removeprefix("QUOTH_").lower()].range
    assert str(caught.value) == f"{name} must be {expected} (it is {value!r}). Correct it or unset it"


def test_a_command_names_the_place_too(environ: dict[str, str], home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("temperature = 9")
    outcome = run_here("hello", environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"quoth: error: {home / 'config' / 'config.toml'}: temperature must be")
    outcome = run_here("hello", environ={**environ, "QUOTH_TEMPERATURE": "x"})
    assert outcome.code == 2


def test_one_variable_moves_every_folder(tmp_path: Path) -> None:
    found = folders({"QUOTH_HOME": str(tmp_path)})
    assert {found.config, found.data, found.cache, found.state} == {
        tmp_path / name for name in ("config", "data", "cache", "state")
    }


if sys.platform != "win32":

    def test_without_any_home_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("CONFIG", "DATA", "CACHE", "STATE"):
            monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for a user without an entry
        found = folders({})
        with pytest.raises(NotADirectoryError):
            found.models.mkdir(parents=True)
        assert load(found, {}).seed is None
