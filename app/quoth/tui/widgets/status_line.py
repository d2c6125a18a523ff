"""The line at the bottom: which model, what it does, where it runs, how fast, how full."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from quoth.tui.chat.chat_session import State

BAR = 10  # cells


class StatusLine(Widget):
    """One line that says what the engine is and does."""

    DEFAULT_CSS = "StatusLine { height: 1; background: $panel; color: $text-muted; padding: 0 1; }"

    model: reactive[str] = reactive("no model yet")
    runs_on: reactive[str] = reactive("")
    rate: reactive[float] = reactive(0.0)  # tokens/s
    used: reactive[int] = reactive(0)  # tokens
    room: reactive[int] = reactive(0)  # tokens
    doing: reactive[str] = reactive("")
    private: reactive[bool] = reactive(False)

    def show(self, state: State, progress: str, private: bool) -> None:
        """What a session does, and how far it is; of an idle one nothing."""
        self.doing = progress or ("" if state is State.IDLE else state.value)
        self.private = private

    def render(self) -> Content:
        parts = [Content.styled(self.model, "bold")]
        if self.private:
            parts.append(Content.styled("private: nothing is kept", "$text-warning"))
        if self.doing:
            parts.append(Content.styled(self.doing, "$text-accent"))
        if self.runs_on and self.size.width >= 60:
            parts.append(Content(self.runs_on))
        if self.rate:
            parts.append(Content(f"{self.rate:.0f} tokens/s" if self.rate >= 10 else f"{self.rate:.1f} tokens/s"))
        if self.room:
            parts.append(Content(context_bar(self.used, self.room)))
        return Content(" · ").join(parts)


def context_bar(used: int, room: int) -> str:
    """How much of the context is filled: "▰▰▱▱▱▱▱▱▱▱ 1,204 of 8,192"."""
    filled = max(1, min(BAR, round(BAR * used / room))) if used else 0
    return f"{'▰' * filled}{'▱' * (BAR - filled)} {used:,} of {room:,}"
