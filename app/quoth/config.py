"""Settings: defaults < file < environment < flags, in one table; and where Quoth keeps its files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from quoth.errors import UsageError

Value = bool | int | float | str
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off", ""), False),
}


class Setting(NamedTuple):
    """One setting: its name in the file, its environment variable QUOTH_NAME, its flags and its range."""

    name: str
    kind: type
    help: str
    flags: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf

    def parse(self, text: str) -> Value:
        """A value from text. Raises ValueError with the range in words."""
        try:
            return self.check(_BOOLEANS[text.lower()] if self.kind is bool else self.kind(text))
        except (KeyError, ValueError):
            raise ValueError(f"must be {self.range}") from None

    def check(self, value: Value) -> Value:
        """The value itself if it is of this kind and in range. Raises ValueError."""
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is self.kind and (isinstance(value, str) or self.low <= value <= self.high):
            return value
        raise ValueError(f"must be {self.range}")

    @property
    def default(self) -> Value | None:
        """None: decided elsewhere, by the catalogue, the model's file or the machine."""
        value: Value | None = Settings._field_defaults[self.name]
        return value

    @property
    def range(self) -> str:
        """In words: "a whole number from 1 to 512"."""
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return "text"
        noun = "a whole number" if self.kind is int else "a number"
        if self.low > -math.inf and self.high < math.inf:
            return f"{noun} from {self.low:,} to {self.high:,}"
        return f"{noun}, {self.low:,} or more" if self.low > -math.inf else noun


MIB = 1024 * 1024

SETTINGS: tuple[Setting, ...] = (
    Setting("model", str, "Model to use: a name or a GGUF file.", ("-m", "--model")),
    Setting("system", str, "System message: what the model is told first.", ("-s", "--system")),
    Setting("max_tokens", int, "Most tokens to write; by default until the model ends.", ("-n", "--max-tokens"), 1),
    Setting("temperature", float, "0 is greedy and repeatable; more is varied.", ("-t", "--temperature"), 0, 5),
    Setting("top_k", int, "Choose among the K likeliest tokens; 0: all.", ("--top-k",), 0, 1_000_000),
    Setting("top_p", float, "Choose among the likeliest tokens that make up P.", ("--top-p",), 0, 1),
    Setting("min_p", float, "Leave out tokens below P times the likeliest.", ("--min-p",), 0, 1),
    Setting("repeat_penalty", float, "Above 1: discourage repetition.", ("--repeat-penalty",), 0.01, 10),
    Setting("seed", int, "Same seed, same answer; by default a new one each time.", ("--seed",), 0, 2**32 - 2),
    Setting("think", bool, "Let a reasoning model think first.", ("--think/--no-think",)),
    Setting("ctx", int, "Most tokens in one context.", ("--ctx",), 8, 2**31 - 1),
    Setting(
        "threads",
        int,
        "Processor threads; by default one per physical core, fewer while other programs need them.",
        ("--threads",),
        1,
        512,
    ),
    Setting("gpu_layers", int, "Layers on the GPU; -1: as many as fit.", ("--gpu-layers",), -1, 10_000),
    Setting("template", str, "Chat template (Jinja) to use in place of the model's.", ("--template",)),
    Setting("max_input", int, "Most bytes to read from a pipe or a file.", ("--max-input",), 1, 2**40),
    Setting("raw", bool, "Pass control codes in model text through.", ("--raw",)),
    Setting("history", bool, "Keep conversations in the history.", ("--history/--no-history",)),
    Setting("private", bool, "Write nothing about this run to the disk.", ("--private",)),
    Setting("offline", bool, "Never use the network.", ("--offline",)),
    Setting("quiet", bool, "Print nothing but errors on standard error.", ("--quiet",)),
)
KEYS = "keys"  # the table in the file that is for the chat app
BY_NAME = {setting.name: setting for setting in SETTINGS}
SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")


class Settings(NamedTuple):
    """The values in force, and where they were set. A field for each row of SETTINGS; None: decided elsewhere."""

    model: str | None = None
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    think: bool = False
    ctx: int | None = None
    threads: int | None = None
    gpu_layers: int = -1
    template: str | None = None
    max_input: int = 8 * MIB
    raw: bool = False
    history: bool = True
    private: bool = False
    offline: bool = False
    quiet: bool = False
    origins: Mapping[str, str] = MappingProxyType({})  # of those that are set: a path, "QUOTH_SEED", "--seed"

    def origin(self, name: str) -> str:
        """Where a value comes from; "default" if it was not set."""
        return self.origins.get(name, "default")

    def is_set(self, name: str) -> bool:
        """Whether a file, the environment or a flag sets this value."""
        return name in self.origins

    def over(self, values: Mapping[str, Any], origin: str | None = None) -> Settings:
        """These settings with others on top, except those that are None. Raises ValueError for an unknown name."""
        given = {name: value for name, value in values.items() if value is not None}
        if unknown := given.keys() - BY_NAME.keys():
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        origins = {name: origin or max(BY_NAME[name].flags, key=len) for name in given}
        return self._replace(**given, origins={**self.origins, **origins})

    @property
    def sampling(self) -> dict[str, tuple[float | None, str]]:
        """The settings that are fields of the engine's Sampling, each with its origin."""
        return {name: (getattr(self, name), self.origin(name)) for name in SAMPLING}


def load(folders: Folders, environ: Mapping[str, str]) -> Settings:
    """Defaults, then the file, then QUOTH_* of the environment. Raises UsageError naming the place."""
    settings = Settings().over(_from_file(folders.config_file), str(folders.config_file))
    for setting in SETTINGS:
        variable = f"QUOTH_{setting.name.upper()}"
        if text := environ.get(variable):
            try:
                settings = settings.over({setting.name: setting.parse(text)}, variable)
            except ValueError as error:
                raise UsageError(f"{variable} {error}", f"it is {text!r}", "Correct it or unset it") from None
    return settings


def keys(folders: Folders) -> dict[str, str]:
    """Key bindings of the chat app, by the binding's id: the table [keys] of the file. Raises UsageError."""
    table = _table(folders.config_file).get(KEYS, {})
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        what = f"{folders.config_file}: [{KEYS}] must map names to texts"
        raise UsageError(what, "", 'For example: "prompt.newline" = "ctrl+n"')
    return table


def _table(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or str(error), "Correct it or remove it") from None
    import tomllib  # 4 ms; most users have no file

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML", str(error), "Correct it or remove it") from None


def _from_file(path: Path) -> dict[str, Value]:
    table = _table(path)
    table.pop(KEYS, None)
    values: dict[str, Value] = {}
    for name, value in table.items():
        setting = BY_NAME.get(name)
        if setting is None:
            raise UsageError(f"{path}: there is no setting {name!r}", "", f"There are: {', '.join(BY_NAME)}")
        try:
            values[name] = setting.check(value)
        except ValueError as error:
            raise UsageError(f"{path}: {name} {error}", f"it is {value!r}", "Correct it") from None
    return values


class Folders(NamedTuple):
    """Where files are kept. Any of them may be missing or read-only."""

    config: Path
    data: Path
    cache: Path
    state: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def history(self) -> Path:
        return self.data / "history.db"

    @property
    def notes(self) -> Path:
        return self.cache / "notes.db"

    @property
    def ladder(self) -> Path:
        """Which ways of computing work here."""
        return self.cache / "ladder.json"

    @property
    def engine_log(self) -> Path:
        return self.state / "engine.log"


# No HOME, and a user who is not in the password file: nothing is found and nothing can be kept.
NOWHERE = Folders(*[Path(os.devnull, "quoth")] * 4)


def folders(environ: Mapping[str, str]) -> Folders:
    """By platformdirs; QUOTH_HOME puts everything under one folder."""
    home = environ.get("QUOTH_HOME")
    if home:
        root = Path(home)
        return Folders(root / "config", root / "data", root / "cache", root / "state")
    from platformdirs import PlatformDirs  # 6 ms

    dirs = PlatformDirs("quoth", appauthor=False)
    try:
        found = Folders(dirs.user_config_path, dirs.user_data_path, dirs.user_cache_path, dirs.user_state_path)
    except RuntimeError:
        return NOWHERE
    return found if found.data.is_absolute() else NOWHERE
