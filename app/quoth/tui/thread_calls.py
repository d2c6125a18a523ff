"""How threads reach a screen: what they want shown is a call in the app's own thread, in the order of the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump


@dataclass(eq=False)
class ThreadCall(Message):
    """A function or a coroutine to call. Of several in a row that are only the `latest`, the last one is called."""

    function: Callable[..., Any]
    arguments: Sequence[Any]
    latest: bool

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, ThreadCall) and self.latest and message.latest and message.function == self.function


class ThreadCalls(MessagePump):
    """A screen that threads can call."""

    def call(self, function: Callable[..., Any], *arguments: Any, latest: bool = False) -> None:
        """From any thread; returns at once."""
        self.post_message(ThreadCall(function, arguments, latest))

    async def on_thread_call(self, event: ThreadCall) -> None:
        result = event.function(*event.arguments)
        if isawaitable(result):
            await result
