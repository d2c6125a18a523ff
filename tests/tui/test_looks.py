"""How the screens look, as text: `QUOTH_UPDATE_LOOKS=1 pytest tests/tui/test_looks.py` takes the pictures again."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from quoth.tui.app import QuothApp
from tests.tui.driving import chat, say, until
from tests.tui.scripted_app import ScriptedModels

pytestmark = pytest.mark.more


LOOKS = Path(__file__).with_name("looks")
ANSWER = """The **Kelvin** scale begins at absolute zero.

| scale | water freezes |
| --- | --- |
| Kelvin | 273.15 |
| 摄氏 | 0 |

1. Take the value in degrees.
2. Add 273.15.

```python
def kelvin(celsius: float) -> float:
    return celsius + 273.15
```
"""
Scene = Callable[[QuothApp, Pilot[None]], Awaitable[None]]


async def nothing(app: QuothApp, pilot: Pilot[None]) -> None:
    pass


async def an_answer(app: QuothApp, pilot: Pilot[None]) -> None:
    await say(app, pilot, "How do I get from Celsius to Kelvin?")
    app.chat.status.rate = 0
    await until(pilot, lambda: app.chat.sidebar.query("OptionList").first().option_count == 1)  # type: ignore[attr-defined]


async def the_help(app: QuothApp, pilot: Pilot[None]) -> None:
    await pilot.press("f1")


async def a_focused_turn(app: QuothApp, pilot: Pilot[None]) -> None:
    await an_answer(app, pilot)
    await say(app, pilot, "/retry")
    app.chat.status.rate = 0
    await pilot.press("ctrl+up")


SCENES: dict[str, Scene] = {
    "empty": nothing,
    "answer": an_answer,
    "help": the_help,
    "turn": a_focused_turn,
}


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES)
async def test_a_screen_looks_as_it_did(home: Path, scene: str, size: tuple[int, int]) -> None:
    async with chat(home, models=ScriptedModels(lambda request: ANSWER), size=size) as (app, pilot):
        await SCENES[scene](app, pilot)
        await pilot.pause(0.5)
        shown = "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips()) + "\n"
    file = LOOKS / f"{scene}-{size[0]}x{size[1]}.txt"
    if os.environ.get("QUOTH_UPDATE_LOOKS"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")
