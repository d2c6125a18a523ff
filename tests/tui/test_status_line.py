"""What the line at the bottom says of a session's state."""

from __future__ import annotations

import pytest

from quoth.tui.chat.chat_session import State
from quoth.tui.widgets.status_line import StatusLine


@pytest.mark.parametrize(
    ("state", "progress", "shown"),
    [
        (State.IDLE, "", "no model yet"),
        (State.LOADING, "loading qwen 40 %", "no model yet · loading qwen 40 %"),
        (State.READING, "", "no model yet · reading"),
        (State.WRITING, "", "no model yet · writing"),
        (State.STOPPING, "", "no model yet · stopping"),
    ],
)
def test_a_state_is_shown_as_it_is(state: State, progress: str, shown: str) -> None:
    line = StatusLine()
    line.show(state, progress, private=False)
    assert str(line.render()) == shown
