"""Write turns without an end and log what was acknowledged: `python -m tests.history.endless_writer FILE LOG`."""

from __future__ import annotations

import os
import sys
import time
from itertools import count
from pathlib import Path

from quoth.history import History


def main() -> None:
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def acknowledge(turn: int, text: str) -> None:
        os.write(log, f"{turn} {text}\n".encode())
        time.sleep(0.003)  # or the other never gets the lock

    history = History(Path(sys.argv[1]))
    history.wait_for_locks(60)
    for number in count():
        text = f"question {number} of {os.getpid()} " + "word " * (number * 37 % 900)
        home, question = history.begin(text)
        acknowledge(question, text)
        answer = history.add(home, question, "assistant", "", ended=False)
        for part in range(1, 4):
            history.write(answer, text[: part * 30])
            acknowledge(answer, text[: part * 30])
        history.finish(answer, text[::-1], "", "stop")
        acknowledge(answer, text[::-1])


if __name__ == "__main__":
    main()
