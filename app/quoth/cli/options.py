"""Click options made from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from quoth.config import BY_NAME, SETTINGS, Setting
from quoth.errors import UsageError

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


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
    """Options for settings by name; those of the whole table without names."""
    chosen = [BY_NAME[name] for name in names] or list(SETTINGS)

    def decorate(command: Any) -> Any:
        for setting in reversed(chosen):
            command = _option(setting)(command)
        return command

    return decorate


def _option(setting: Setting) -> Callable[[Any], Any]:
    if setting.kind is bool:
        return click.option(*setting.flags, setting.name, default=None, is_flag=True, help=setting.help)
    metavar = {"model": "NAME|FILE", "template": "FILE"}.get(setting.name)
    return click.option(*setting.flags, setting.name, type=SettingType(setting), metavar=metavar, help=setting.help)
