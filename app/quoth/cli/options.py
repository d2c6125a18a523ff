"""Click options that several commands share, most of them made from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import click

from quoth.config import BY_NAME, SETTINGS, Setting
from quoth.errors import UsageError

# The settings of a command that reads documents with a model.
DOCUMENT_SETTINGS = (
    "model", "ctx", "threads", "gpu_layers", "template", "max_input", "private", "offline", "quiet",
)  # fmt: skip

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
jsonl_option = click.option("--jsonl", "as_jsonl", is_flag=True, help="Print events as JSON lines, as they come.")
logprobs_option = click.option(
    "--logprobs", type=click.IntRange(1, 100), metavar="N", help="Log-probabilities, with N alternatives."
)
stop_option = click.option("--stop", multiple=True, metavar="TEXT", help="End before this text; may be repeated.")


def checkpoint_options(command: Callable[..., Any]) -> Any:
    """What only the user can say of a checkpoint."""
    for option in (
        click.option("--n-head", type=click.IntRange(1), metavar="N", help="Heads, if the checkpoint does not say."),
        click.option("--meta", metavar="FILE", help="The meta.pkl of a character model's data set."),
        click.option("--tokenizer", metavar="PATH", help="The folder or file of the checkpoint's tokenizer."),
    ):
        command = option(command)
    return command


def runs(function: str) -> Callable[[Callable[[], None]], Callable[..., Any]]:
    """Have a command call MODULE:NAME of quoth.cli.run with the environment and what was parsed.

    The module is imported then: help needs none of it. A group does so when no command of its own follows.
    """
    module, _, name = function.partition(":")

    def decorate(described: Callable[[], None]) -> Callable[..., Any]:
        @wraps(described)
        def run(**parsed: Any) -> Any:
            context = click.get_current_context()
            if context.invoked_subcommand is None:
                return getattr(import_module(f"quoth.cli.run.{module}"), name)(context.obj, **parsed)

        return run

    return decorate


class SettingType(click.ParamType[Any]):
    """A setting's own parser, so that flags, environment and file have one range and one sentence."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.name = {int: "N", float: "X"}.get(setting.kind, "TEXT")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.setting.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            flag = max(self.setting.flags, key=len)
            raise UsageError(f"{flag} {error}", f"it is {value!r}", self.setting.help) from None


def setting_options(*names: str) -> Callable[[Any], Any]:
    """Options for settings by name, all of them by default; their values are in force when the command begins."""
    settings = [BY_NAME[name] for name in names] or SETTINGS

    def decorate(callback: Callable[..., Any]) -> Any:
        @wraps(callback)
        def with_settings(**values: Any) -> Any:
            click.get_current_context().obj.use({setting.name: values.pop(setting.name) for setting in settings})
            return callback(**values)

        command: Any = with_settings
        for setting in reversed(settings):
            command = _option(setting)(command)
        return command

    return decorate


def _option(setting: Setting) -> Callable[[Any], Any]:
    if setting.kind is bool:
        return click.option(*setting.flags, setting.name, default=None, is_flag=True, help=setting.help)
    metavar = {"model": "NAME|FILE", "template": "FILE"}.get(setting.name)
    return click.option(*setting.flags, setting.name, type=SettingType(setting), metavar=metavar, help=setting.help)
