"""Bounds on what a chat template may do: time by a trace function, size and memory by weighing what it makes."""

from __future__ import annotations

import inspect
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

MOST_NODES = 100_000  # values inside one list or mapping that is written out
MOST_BITS = 4096  # of a computed integer
_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(?:\d{4}|\*)")


class Exceeded(BaseException):
    """A bound was passed. Not an Exception: jinja2 catches those while it compiles, and filters do too."""


@contextmanager
def deadline(seconds: float, *, lines: bool) -> Iterator[None]:
    """Raise Exceeded in this thread once the time is over.

    Looks at the clock when a Python function is called and, with `lines`, on every line of template code; not when a
    generator is called, which may be to end it: an exception would be ignored there.
    """
    end = time.monotonic() + seconds

    def look(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        ending = event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR
        if time.monotonic() > end and not ending:
            raise Exceeded(f"it was stopped after {seconds:g} seconds")
        return look if lines and frame.f_code.co_filename == "<template>" else None

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


class Bounds:
    """What one render may still make: characters in one value, and bytes in all values together."""

    def __init__(self, largest: int, budget: int) -> None:
        self.largest = largest
        self.budget = budget

    def expect(self, size: int) -> None:
        """Refuse a value of that many characters or items before it is made."""
        if size > self.largest:
            raise Exceeded(f"it makes a text of more than {self.largest:,} characters")

    def weigh(self, value: Any) -> Any:
        """Charge a value that was made."""
        if isinstance(value, (str, bytes)):
            self.expect(len(value))
        elif isinstance(value, (list, tuple, dict, set)):
            self._walk(value)
        else:
            return value
        self.budget -= sys.getsizeof(value)
        if self.budget < 0:
            raise Exceeded("it uses too much memory")
        return value

    def _walk(self, value: Any) -> None:
        """Refuse a container that would be too long written out, compared or hashed, however often it holds itself."""
        stack, nodes_seen, size = [value], 0, 0
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                size += len(item) + 1
                continue
            nodes_seen += 1
            if isinstance(item, dict):
                stack.extend(item.keys())
                stack.extend(item.values())
            elif isinstance(item, (list, tuple, set)):
                self.expect(len(item))
                stack.extend(item)
            if nodes_seen > MOST_NODES:
                raise Exceeded(f"it makes a list of more than {MOST_NODES:,} values")
        self.expect(size)

    def join(self, parts: Iterable[Any]) -> str:
        """The parts as one text."""
        texts, size = [], 0
        for part in parts:
            text = part if isinstance(part, str) else str(part)
            size += len(text)
            self.expect(size)
            texts.append(text)
        return str(self.weigh("".join(texts)))

    def replaced(self, text: Any, old: Any, new: Any, *_: Any) -> None:
        text, old, new = str(text), str(old), str(new)
        times = len(text) + 1 if not old else text.count(old)
        self.expect(len(text) + times * (len(new) - len(old)))

    def joined(self, separator: Any, items: list[Any]) -> None:
        length = len(str(separator)) * len(items)
        self.expect(length + sum(len(item) for item in items if isinstance(item, str)))

    def operator(self, operator: str, left: Any, right: Any) -> None:
        """Refuse an operation whose result would be too large."""
        if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            self.expect(len(left) + len(right))
        elif operator == "%" and isinstance(left, (str, bytes)):
            if isinstance(left, bytes) or _WIDE_PERCENT.search(left):
                raise Exceeded("it pads a text too far")
        elif operator == "*":
            for sized, times in ((left, right), (right, left)):
                if hasattr(sized, "__len__") and isinstance(times, int):
                    self.expect(len(sized) * max(times, 0))
        if operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > MOST_BITS:
                raise Exceeded("it computes a number that is too large")
