"""What each slash command does; their names and what they take are in `quoth.tui.commands`."""

from __future__ import annotations

import os
from difflib import get_close_matches
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING

from quoth.errors import QuothError
from quoth.history import export
from quoth.tui.chat.open_conversation import Task
from quoth.tui.commands import BY_NAME
from quoth.tui.dialogs import EditText
from quoth.tui.widgets.prompt_input import path_of

if TYPE_CHECKING:
    from quoth.tui.chat.chat_screen import ChatScreen

FORMATS = {".json": "json", ".html": "html", ".htm": "html"}  # of an export; any other suffix is Markdown
AUTHORS = {"user": "You", "assistant": "Answer", "summary": "Summary"}


class SlashCommands:
    """`command_NAME` for each; they are in the palette and on the help screen too."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self._session = chat.session

    async def carry_out(self, name: str, argument: str = "") -> None:
        if name not in BY_NAME:
            near = " or ".join(f"/{each}" for each in get_close_matches(name, BY_NAME, n=2, cutoff=0.5))
            self._chat.say(f"There is no /{name}. " + (f"Did you mean {near}?" if near else "/help lists them"))
            return
        result = getattr(self, f"command_{name}")(argument)
        if isawaitable(result):
            await result

    def _has_turns(self, number: int, otherwise: str) -> bool:
        """Whether there are so many turns and none of them is being answered; says so if not."""
        if self._session.busy or len(self._session.path) < number:
            self._chat.say(otherwise)
            return False
        return True

    # Conversations

    async def command_new(self, argument: str) -> None:
        await self._chat.conversations.new()

    command_clear = command_new

    async def command_private(self, argument: str) -> None:
        await self._chat.conversations.new(private=True)

    def command_fork(self, argument: str) -> None:
        if self._has_turns(1, "There is nothing to copy yet"):
            self._chat.conversations.fork(self._session.path[-1].ref)

    def command_title(self, argument: str) -> None:
        self._chat.beside(self._title(argument))

    async def _title(self, argument: str) -> None:
        conversation = self._session.conversation
        text = argument or await self._edited("The title of this conversation", conversation.title)
        if text and text.strip():
            conversation.set_title(text)
            self._chat.conversations.refresh()

    def command_system(self, argument: str) -> None:
        self._chat.beside(self._system(argument))

    async def _system(self, argument: str) -> None:
        conversation = self._session.conversation
        text = argument or await self._edited("What the model is told before everything else", conversation.system)
        if text is not None:
            conversation.set_system(text)
            self._chat.say("The model is told this from the next answer on")

    async def _edited(self, title: str, text: str) -> str | None:
        return await self._chat.app.push_screen_wait(EditText(title, text))

    def command_export(self, argument: str) -> None:
        conversation = self._session.conversation.ref.id
        if conversation is None:
            self._chat.say("There is nothing to export yet")
            return
        path = Path(os.path.expanduser(argument or f"quoth-{conversation}.md"))
        try:
            format_ = FORMATS.get(path.suffix.lower(), "md")
            text = export.exported(self._session.writer.history, [conversation], format_)
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            self._chat.banner(f"{path} is there already: name another file, /export FILE")
        except OSError as error:
            self._chat.banner(f"{path} cannot be written ({error.strerror}). Name another file, /export FILE")
        except QuothError as error:
            self._chat.banner(str(error))
        else:
            self._chat.say(f"written to {path}")

    # Questions and answers

    def command_attach(self, argument: str) -> None:
        if argument:
            self._chat.files.add_file(path_of(argument))
        else:
            self._chat.say("Which file? /attach FILE; or paste a path, or type @ and Tab")

    def command_ask(self, argument: str) -> None:
        self._chat.documents.read(Task("ask", argument))

    def command_summarize(self, argument: str) -> None:
        self._chat.documents.read(Task("summarize", argument))

    async def command_retry(self, argument: str) -> None:
        if self._has_turns(1, "There is no answer to give again yet"):
            await self._chat.turns.by_task("retry", len(self._session.path) - 1)

    def command_edit(self, argument: str) -> None:
        asked = [index for index, entry in enumerate(self._session.path) if entry.turn.role != "assistant"]
        if asked and not self._session.busy:
            self._chat.turns.edit(asked[-1])
        else:
            self._chat.say("There is no question to edit yet")

    async def command_continue(self, argument: str) -> None:
        if self._has_turns(1, "There is no answer to continue"):
            await self._chat.turns.by_task("continue", len(self._session.path) - 1)

    async def command_compact(self, argument: str) -> None:
        if self._has_turns(2, "There is nothing to summarize yet") and self._chat.models.has_model():
            await self._chat.replies.compact()

    def command_copy(self, argument: str) -> None:
        turns = [entry.turn for entry in self._session.path]
        answers = [turn.text for turn in turns if turn.role == "assistant"]
        if argument == "all":
            self._chat.turns.copy("\n\n".join(f"{AUTHORS[turn.role]}:\n{turn.text}" for turn in turns))
        elif not answers:
            self._chat.say("There is no answer to copy yet")
        elif argument == "code":
            self._chat.turns.copy_block(answers[-1])
        else:
            self._chat.turns.copy(answers[-1])

    # The app

    def command_model(self, argument: str) -> None:
        if argument:
            self._chat.models.choose(argument)
        else:
            self._chat.beside(self._chat.models.ask_which())

    def command_theme(self, argument: str) -> None:
        if argument in self._chat.app.available_themes:
            self._chat.app.theme = argument
        else:
            self._chat.app.search_themes()

    async def command_help(self, argument: str) -> None:
        await self._chat.run_action("app.show_help")

    def command_quit(self, argument: str) -> None:
        self._chat.app.exit()
