"""What a Python program passes, held to the ranges of the command line."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

from quoth.config import BY_NAME, SAMPLING, Setting
from quoth.errors import UsageError

# What is not a setting: the command line has its own options for these.
_LOGPROBS = Setting("logprobs", int, "Alternatives reported for each token.", (), 0, 100)
_WORDS = Setting("words", int, "How long the summary should be, in words.", (), 1, 10_000)
_OPTIONS = {name: BY_NAME[name] for name in (*SAMPLING, "seed", "max_tokens")} | {"logprobs": _LOGPROBS}


def check_setting(name: str, value: Any) -> None:
    """Raise UsageError for a setting that does not exist or is not in its range."""
    setting = BY_NAME.get(name)
    if setting is None:
        raise UsageError(f"there is no setting {name!r}", "", f"There are: {', '.join(BY_NAME)}")
    _check(setting, value)


def check_options(known: Collection[str], **given: Any) -> None:
    """Raise UsageError for an option of an answer that is not `known` or not in its range; None is left to others."""
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"there is no option {name!r}", "", f"There are: {', '.join(known)}")
        if value is not None and name in _OPTIONS:
            _check(_OPTIONS[name], value)


def check_summary(words: int, style: str) -> None:
    """Raise UsageError for a length or a layout that no summary can have."""
    from quoth.tasks.summaries.summary import Style  # an answer does without

    _check(_WORDS, words)
    if style not in get_args(Style):
        raise UsageError(f"style must be one of {', '.join(get_args(Style))}", f"it is {style!r}")


def check_question(question: str) -> None:
    """Raise UsageError for a question without a word."""
    if not question.strip():
        raise UsageError("there is no question")


def _check(setting: Setting, value: Any) -> None:
    try:
        setting.check(value)
    except ValueError as error:
        raise UsageError(f"{setting.name} {error}", f"it is {value!r}", setting.help) from None
