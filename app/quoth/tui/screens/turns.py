"""What is done to a single turn: copied, edited, tried again, looked at."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from textual import on, work

from quoth.tui.history_writer import stored
from quoth.tui.screens.dialogs import EditText
from quoth.tui.screens.probabilities import WithProbabilities
from quoth.tui.terminal import clipboard
from quoth.tui.widgets.turn import TurnView


class WithTurns(WithProbabilities):
    """The keys of a turn."""

    def action_turn(self, step: int) -> None:
        """Move the focus from turn to turn; below the last one is the prompt."""
        views = self.transcript.views
        at = next((i for i, view in enumerate(views) if view.has_focus), len(views)) + step
        if 0 <= at < len(views):
            views[at].focus()
            views[at].scroll_visible(animate=False)
        elif at >= len(views):
            self.prompt.focus()
        else:
            self.transcript.scroll_home(animate=False)

    @on(TurnView.Asked)
    async def _asked_of_turn(self, event: TurnView.Asked) -> None:
        event.stop()
        index = next((i for i, entry in enumerate(self.talk.path) if entry.ref is event.view.ref), None)
        if index is None:
            return
        if self.busy and event.what not in ("copy", "copy_block"):
            self.notify("An answer is being written; Escape stops it", markup=False)
            return
        turn = event.view.turn
        match event.what:
            case "copy":
                self.copy(turn.text)
            case "copy_block":
                self.copy_block(turn.text)
            case "edit":
                self.edit_turn(index)
            case "retry":
                await self.retry(index)
            case "continue":
                await self.go_on_from(index)
            case "previous_sibling" | "next_sibling":
                self.walk(event.view.ref, -1 if event.what == "previous_sibling" else 1)
            case "fork":
                self.fork(event.view.ref)
            case "probabilities":
                await self.probabilities(event.view, index)

    async def retry(self, index: int) -> None:
        """Answer again: the question at this turn, or the one before it; a summary is made again."""
        if not self.has_model():
            return
        if self.talk.path[index].turn.role == "summary":
            await self.compact(index)
            return
        answer = index + 1 if self.talk.path[index].turn.role == "user" else index
        await self.answer_again(answer)

    async def go_on_from(self, index: int) -> None:
        entry = self.talk.path[index]
        if index != len(self.talk.path) - 1 or entry.turn.role != "assistant":
            self.notify("Only the last answer can be continued", markup=False)
        elif self.has_model():
            await self.go_on()

    @work(exit_on_error=False)
    async def edit_turn(self, index: int) -> None:
        """Ask again in other words, or correct a summary."""
        if index and self.talk.path[index].turn.role == "assistant":
            index -= 1
        talk = self.talk
        entry = self.talk.path[index]
        title = "Edit the summary" if entry.turn.role == "summary" else "Ask this instead; the first stays beside it"
        text = await self.app.push_screen_wait(EditText(title, entry.turn.text))
        if text is None or not text.strip() or text == entry.turn.text:
            return
        asks = entry.turn.role != "summary"
        if self.busy or talk is not self.talk or entry not in talk.path or (asks and not self.has_model()):
            self.prompt.give_back(text)  # something was asked or opened meanwhile, or there is no model
            return
        if asks:
            await self.ask_at(index, text.strip(), entry.turn.documents)
            return
        entry.turn = replace(entry.turn, text=text)
        keeper = self.keeper
        keeper.do(lambda: keeper.history.edit(stored(entry.ref), text))
        for view in self.transcript.views:
            if view.ref is entry.ref:
                await view.finish(entry.turn)

    def copy_block(self, text: str) -> None:
        from quoth.text import first_block

        block = first_block(text)
        if block:
            self.copy(block)
        else:
            self.notify("There is no code block in it", markup=False)

    def copy(self, text: str) -> None:
        """Copy, and say truly how far that got."""
        if text:
            self.copy_in_thread(text)

    @work(thread=True, group="copy", exit_on_error=False)
    def copy_in_thread(self, text: str) -> None:
        environ, folder = self.backend.environ, self.backend.state
        try:
            detail = clipboard.copy(text, write=self.write_to_terminal, environ=environ, folder=folder).detail
        except OSError as error:
            detail = f"it could not be copied: {folder} cannot be written ({error.strerror})"
        self.app.call_from_thread(partial(self.notify, detail, markup=False))

    def write_to_terminal(self, sequence: str) -> None:
        driver = self.app._driver
        if driver is not None:
            self.app.call_from_thread(driver.write, sequence)
