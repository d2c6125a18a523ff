"""What is written to the history, in order, whatever the history says."""

from __future__ import annotations

from pathlib import Path

import pytest

from quoth.history import History
from quoth.tui.history_writer import HistoryWriter, PendingId


@pytest.mark.more
def test_a_write_that_can_never_succeed_does_not_hold_up_the_next(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    keeper = HistoryWriter(history)
    gone, turn = PendingId(4711), PendingId()
    keeper.add(turn, gone, None, "user", "lost")
    keeper.finish(turn, "lost", "", "stop")
    assert keeper.problem
    conversation, kept = PendingId(), PendingId()
    keeper.new(conversation, title="")
    keeper.add(kept, conversation, None, "user", "kept")
    assert keeper.problem == ""
    assert conversation.id is not None
    assert [t.text for t in history.path(conversation.id)] == ["kept"]
