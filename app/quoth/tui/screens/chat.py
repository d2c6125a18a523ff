"""The chat: what keys, slash commands and the palette do to the conversation."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message

from quoth.chat import Document
from quoth.errors import QuothError
from quoth.store import History, pages
from quoth.text import well_formed
from quoth.tui import clipboard, links
from quoth.tui.commands import BY_NAME, nearest, parse
from quoth.tui.keeper import Keeper, Ref, stored
from quoth.tui.screens.conversing import Conversing, Talk
from quoth.tui.screens.dialogs import ChooseModel, Confirm, EditText
from quoth.tui.widgets.prompt import Prompt, path_of
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.turn import TurnView
from quoth.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.widgets import Markdown

    from quoth.models.choices import Choice


class HelpAsked(Message):
    """The help screen is wanted: it has the bindings of the whole app."""


class ChatScreen(Conversing):
    """`action_*` is for keys, `command_*` for slash commands; both are in the palette and on the help screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop"),
        Binding("ctrl+n", "new", "New", id="chat.new"),
        Binding("ctrl+b", "sidebar", "Conversations", id="chat.sidebar"),
        Binding("ctrl+f", "search", "Search", show=False, id="chat.search"),
        Binding("ctrl+o", "choose_model", "Model", id="chat.model"),
        Binding("ctrl+r", "retry", "Retry", show=False, id="chat.retry"),
        Binding("ctrl+up", "turn(-1)", "Turns", id="chat.turns"),
        Binding("ctrl+t", "drop_attachment", "Drop attachment", show=False, id="chat.drop"),
        Binding("ctrl+end", "bottom", "Bottom", show=False, id="chat.bottom"),
    ]

    # The prompt

    @on(Prompt.Submitted)
    async def _submitted(self, event: Prompt.Submitted) -> None:
        text = well_formed(event.text)
        command = parse(text)
        if command is not None:
            await self.carry_out(*command)
            return
        if self.busy:
            self.prompt.give_back(text)
            self.notify("An answer is being written; Escape stops it", markup=False)
            return
        if self.model is None and self.holder.engine is None and self.is_model(text):
            self.take_choice(text)
            return
        self.prompt.recallable.append(text)
        await self.ask(text)

    def is_model(self, text: str) -> bool:
        """Whether what was typed, while there is no model, names one."""
        return text.startswith("hf:") or (text.lower().endswith(".gguf") and "\n" not in text)

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

    @on(Prompt.LongPaste)
    def _long_paste(self, event: Prompt.LongPaste) -> None:
        path = path_of(event.text)
        if len(path) < 4096 and "\n" not in path and os.path.isfile(path):
            self.attach(path)
            return
        number = 1 + sum(document.name.startswith("pasted") for document in self.attachments)
        text = well_formed(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        self.set_attachments([*self.attachments, Document(f"pasted text {number}", text)])

    @on(Prompt.FileNamed)
    def _file_named(self, event: Prompt.FileNamed) -> None:
        self.set_attachments([d for d in self.attachments if d.name != (os.path.basename(event.instead_of) or None)])
        if event.name:
            self.attach(os.path.expanduser(event.name))

    @on(Prompt.EditOutside)
    def _edit_outside(self, event: Prompt.EditOutside) -> None:
        """Open the text in $VISUAL or $EDITOR."""
        environ = self.backend.environ
        editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
        descriptor, name = tempfile.mkstemp(suffix=".md", prefix="quoth-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(event.text)
            with self.app.suspend():
                import shlex

                done = subprocess.run([*shlex.split(editor), name], check=False)
            if done.returncode == 0:
                self.prompt.take(Path(name).read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        except (OSError, ValueError, SuspendNotSupported) as error:
            why = (isinstance(error, OSError) and error.strerror) or str(error) or "this terminal cannot be lent"
            self.notify(f"{editor} cannot be started: {why}", severity="error", markup=False)
        finally:
            with suppress(OSError):
                os.unlink(name)

    @work(thread=True, group="attach", exit_on_error=False)
    def attach(self, path: str) -> None:
        try:
            text, notice = self.backend.read_file(path)
        except QuothError as error:
            self.app.call_from_thread(self.banner, str(error))
            return
        if notice:
            self.app.call_from_thread(partial(self.notify, notice, markup=False))
        document = Document(os.path.basename(path), text)
        self.app.call_from_thread(lambda: self.set_attachments([*self.attachments, document]))

    # Keys

    def action_stop(self) -> None:
        if self.job is not None:
            self.job.stop.set()
            self.status.doing = "stopping"
        elif self.take_back():
            self.prompt.focus()
        elif fetching := [worker for worker in self.workers if worker.group == "fetch" and worker.is_running]:
            for worker in fetching:
                worker.cancel()
        else:
            self.banner("")
            self.prompt.focus()

    async def action_new(self) -> None:
        await self.command_new("")

    def action_sidebar(self) -> None:
        self.sidebar.display = not self.sidebar.display
        if self.sidebar.display:
            self.refresh_conversations()
            self.query_one("#search").focus()
        else:
            self.prompt.focus()

    def action_search(self) -> None:
        self.sidebar.display = True
        self.query_one("#search").focus()

    def action_choose_model(self) -> None:
        self.command_model("")

    async def action_retry(self) -> None:
        await self.command_retry("")

    def action_drop_attachment(self) -> None:
        self.set_attachments(self.attachments[:-1])

    def action_bottom(self) -> None:
        self.transcript.anchor()

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
                if not await event.view.show_probabilities():
                    self.notify("The probabilities of this answer were not kept; r answers again", markup=False)

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

    def has_model(self) -> bool:
        """Whether an answer can be written, and by which model; says so if not."""
        if self.model is None:
            self.notify("There is no model yet: it loads, or Ctrl+O chooses one", markup=False)
        return self.model is not None

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
                await view.finish(entry.turn, ())

    def walk(self, ref: Ref, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        if ref.id is None or self.talk.ref.id is None:
            return
        try:
            siblings = self.keeper.history.siblings(ref.id)
        except QuothError as error:
            self.banner(str(error))
            return
        at = siblings.index(ref.id) + step
        if 0 <= at < len(siblings):
            self.open_conversation(self.talk.ref.id, siblings[at], self.keeper)
        else:
            self.notify("There is no other version on that side", markup=False)

    @work(thread=True, group="open", exit_on_error=False)
    def fork(self, ref: Ref) -> None:
        """Go on in a copy of the conversation up to this turn."""
        if ref.id is None:
            return
        keeper = self.keeper
        try:
            number = keeper.history.fork(ref.id)
        except QuothError as error:
            self.app.call_from_thread(self.banner, str(error))
            return
        self.app.call_from_thread(self.open_conversation, number, None, keeper)
        self.app.call_from_thread(self.refresh_conversations)

    # Models and links

    @on(Welcome.Chosen)
    def _chosen(self, event: Welcome.Chosen) -> None:
        self.take_choice(event.choice)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        self.open_link(event.href)

    # Conversations

    @on(Sidebar.Chosen)
    def _conversation_chosen(self, event: Sidebar.Chosen) -> None:
        here = self.keeper is self._lasting and self.talk.ref.id == event.conversation
        if here and self.busy and event.turn is None:
            self.prompt.focus()  # it is on the screen, and an answer is being written
            return
        self.open_conversation(event.conversation, event.turn)

    @on(Sidebar.Searched)
    def _searched(self, event: Sidebar.Searched) -> None:
        self.refresh_conversations()

    @on(Sidebar.Removed)
    def _conversation_removed(self, event: Sidebar.Removed) -> None:
        self.remove_conversation(event.conversation, event.title)

    @work(exit_on_error=False)
    async def remove_conversation(self, number: int, title: str) -> None:
        if not await self.app.push_screen_wait(Confirm("Delete this conversation for good?", title)):
            return
        if self.keeper is self._lasting and self.talk.ref.id == number:
            await self.command_new("")
        try:
            self._lasting.history.delete(number)
        except QuothError as error:
            self.banner(str(error))
        self.refresh_conversations()

    # Slash commands

    async def command_new(self, argument: str) -> None:
        self.let_go()
        left = self.leave_private()  # then nothing of it goes along
        self.talk = Talk(system=self.backend.setting("system") if left else self.talk.system)
        self.banner("")
        await self.show_empty()
        self.prompt.focus()
        if self.model is None and not self.model_is_coming:
            self.offer_models()

    async def command_clear(self, argument: str) -> None:
        await self.command_new("")

    async def command_private(self, argument: str) -> None:
        await self.command_new("")
        self.private = self.status.private = True
        self.keeper = Keeper(History(None))

    @work(exit_on_error=False)
    async def command_model(self, argument: str) -> None:
        choice: Choice | str | None = argument
        if not argument:
            choice = await self.app.push_screen_wait(ChooseModel(self.backend.models.choices, self.backend.models.fit))
        if choice is not None:
            self.take_choice(choice)

    def take_choice(self, choice: Choice | str) -> None:
        """Load a model that is here, fetch one that is not."""
        if self.busy:
            self.notify("An answer is being written; Escape stops it", markup=False)
        elif isinstance(choice, str):
            self.resolve_model(choice)
        elif choice.model is not None:
            self.adopt(choice.model)
        elif choice.row is not None:
            self.fetch(choice.row.name)

    @work(thread=True, group="model", exit_on_error=False)
    def resolve_model(self, name: str) -> None:
        try:
            model = self.backend.models.resolve(name)
        except QuothError as error:
            if "quoth pull" in error.try_:
                self.app.call_from_thread(self.fetch, name)
            else:
                self.app.call_from_thread(self.banner, str(error))
            return
        self.app.call_from_thread(self.use_model, model)

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

    def command_export(self, argument: str) -> None:
        if self.talk.ref.id is None:
            self.notify("There is nothing to export yet", markup=False)
            return
        path = Path(os.path.expanduser(argument or f"quoth-{self.talk.ref.id}.md"))
        format_ = {".json": "json", ".html": "html", ".htm": "html"}.get(path.suffix.lower(), "md")
        try:
            text = pages.exported(self.keeper.history, [self.talk.ref.id], format_)
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

    def command_help(self, argument: str) -> None:
        self.post_message(HelpAsked())

    def command_quit(self, argument: str) -> None:
        self.app.exit()

    @work(exit_on_error=False)
    async def open_link(self, url: str) -> None:
        """Show a link in full, and open it if that is wanted."""
        question = "Open this link in the browser?"
        if not await self.app.push_screen_wait(Confirm(question, links.shown(url))):
            return
        try:
            links.open_link(url)
        except QuothError as error:
            self.banner(str(error))
