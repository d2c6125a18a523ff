"""What each slash command does; their names and what they take are in `quoth.tui.commands`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from quoth.errors import QuothError
from quoth.history import export
from quoth.tui.commands import BY_NAME, nearest
from quoth.tui.history_writer import stored
from quoth.tui.screens.dialogs import ChooseModel, EditText
from quoth.tui.screens.reading import WithReading
from quoth.tui.widgets.prompt import path_of

if TYPE_CHECKING:
    from quoth.models.offered_models import Choice


class WithCommands(WithReading):
    """`command_*` is for slash commands and the palette."""

    async def carry_out(self, name: str, argument: str) -> None:
        """A slash command by name."""
        if name not in BY_NAME:
            near = " or ".join(f"/{each}" for each in nearest(name))
            self.notify(
                f"There is no /{name}. " + (f"Did you mean {near}?" if near else "/help lists them"), markup=False
            )
            return
        result = getattr(self, f"command_{name}")(argument)
        if result is not None and hasattr(result, "__await__") and not hasattr(result, "cancel"):
            await result

    async def command_new(self, argument: str) -> None:
        await self.begin_conversation()

    async def command_clear(self, argument: str) -> None:
        await self.begin_conversation()

    async def command_private(self, argument: str) -> None:
        await self.begin_private()

    @work(exit_on_error=False)
    async def command_model(self, argument: str) -> None:
        choice: Choice | str | None = argument
        if not argument:
            choice = await self.app.push_screen_wait(ChooseModel(self.backend.models.choices, self.backend.models.fit))
        if choice is not None:
            self.take_choice(choice)

    @work(exit_on_error=False)
    async def command_system(self, argument: str) -> None:
        text: str | None = argument
        if not argument:
            text = await self.app.push_screen_wait(
                EditText("What the model is told before everything else", self.talk.system)
            )
        if text is None:
            return
        talk = self.talk
        talk.system = text.strip()
        if talk.ref.id is not None:
            keeper = self.keeper
            keeper.do(lambda: keeper.history.set_system(stored(talk.ref), talk.system))
        self.notify("The model is told this from the next answer on", markup=False)

    def command_attach(self, argument: str) -> None:
        if argument:
            self.attach(path_of(argument))
        else:
            self.notify("Which file? /attach FILE; or paste a path, or type @ and Tab", markup=False)

    def command_ask(self, argument: str) -> None:
        self.read("ask", argument)

    def command_summarize(self, argument: str) -> None:
        self.read("summarize", argument)

    async def command_retry(self, argument: str) -> None:
        if self.busy or not self.talk.path:
            self.notify("There is no answer to give again yet", markup=False)
        else:
            await self.retry(len(self.talk.path) - 1)

    def command_edit(self, argument: str) -> None:
        asked = [i for i, entry in enumerate(self.talk.path) if entry.turn.role in ("user", "summary")]
        if self.busy or not asked:
            self.notify("There is no question to edit yet", markup=False)
        else:
            self.edit_turn(asked[-1])

    async def command_continue(self, argument: str) -> None:
        if self.busy or not self.talk.path:
            self.notify("There is no answer to go on with", markup=False)
        else:
            await self.go_on_from(len(self.talk.path) - 1)

    def command_fork(self, argument: str) -> None:
        if self.busy or not self.talk.path:
            self.notify("There is nothing to copy yet", markup=False)
        else:
            self.fork(self.talk.path[-1].ref)

    async def command_compact(self, argument: str) -> None:
        if self.busy or len(self.talk.path) < 2:
            self.notify("There is nothing to summarize yet", markup=False)
        elif self.has_model():
            await self.compact()

    def command_copy(self, argument: str) -> None:
        answers = [entry.turn.text for entry in self.talk.path if entry.turn.role == "assistant"]
        if argument == "all":
            names = {"user": "You", "assistant": "Answer", "summary": "Summary"}
            self.copy("\n\n".join(f"{names[e.turn.role]}:\n{e.turn.text}" for e in self.talk.path))
        elif not answers:
            self.notify("There is no answer to copy yet", markup=False)
        elif argument == "code":
            self.copy_block(answers[-1])
        else:
            self.copy(answers[-1])

    def command_export(self, argument: str) -> None:
        if self.talk.ref.id is None:
            self.notify("There is nothing to export yet", markup=False)
            return
        path = Path(os.path.expanduser(argument or f"quoth-{self.talk.ref.id}.md"))
        format_ = {".json": "json", ".html": "html", ".htm": "html"}.get(path.suffix.lower(), "md")
        try:
            text = export.exported(self.keeper.history, [self.talk.ref.id], format_)
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            self.banner(f"{path} is there already: name another file, /export FILE")
        except OSError as error:
            self.banner(f"{path} cannot be written ({error.strerror}). Name another file, /export FILE")
        except QuothError as error:
            self.banner(str(error))
        else:
            self.notify(f"written to {path}", markup=False)

    @work(exit_on_error=False)
    async def command_title(self, argument: str) -> None:
        text: str | None = argument
        if not argument:
            text = await self.app.push_screen_wait(EditText("The title of this conversation", self.talk.title))
        talk = self.talk
        if text and text.strip():
            talk.title = " ".join(text.split())
            if talk.ref.id is not None:
                keeper = self.keeper
                keeper.do(lambda: keeper.history.rename(stored(talk.ref), talk.title))
            self.refresh_conversations()

    def command_theme(self, argument: str) -> None:
        if argument in self.app.available_themes:
            self.app.theme = argument
        else:
            self.app.search_themes()

    def command_quit(self, argument: str) -> None:
        self.app.exit()
