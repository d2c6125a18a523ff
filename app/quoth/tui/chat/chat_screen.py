"""The chat's screen: its keys, and which part of the chat each message of a widget is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from quoth.errors import QuothError
from quoth.library.workspace import Workspace
from quoth.text import well_formed
from quoth.tui.chat.attached_files import AttachedFiles
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.conversation_list import ConversationList
from quoth.tui.chat.model_loader import FETCH, ModelLoader, OpenModel, is_model
from quoth.tui.chat.probability_lookup import ProbabilityLookup
from quoth.tui.chat.replies import Replies
from quoth.tui.chat.slash_commands import SlashCommands
from quoth.tui.chat.turn_actions import TurnActions
from quoth.tui.commands import parse
from quoth.tui.dialogs import Confirm
from quoth.tui.documents.document_tasks import DOCUMENTS, DocumentTasks
from quoth.tui.terminal import gc_pauses, links
from quoth.tui.terminal.external_editor import edited
from quoth.tui.widgets.prompt_input import Prompt
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.token_probabilities import TokenProbabilities
from quoth.tui.widgets.turn_view import TurnView
from quoth.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.widgets import Markdown

WIDE = 110  # columns from which the list of conversations is shown by itself
RETRY_SECONDS = 5.0  # a history that refused is tried again


class ChatScreen(ChatLayout):
    """`action_*` is for keys; slash commands are in SlashCommands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop"),
        Binding("ctrl+n", "command('new')", "New", id="chat.new"),
        Binding("ctrl+b", "sidebar", "Conversations", id="chat.sidebar"),
        Binding("ctrl+f", "search", "Search", show=False, id="chat.search"),
        Binding("ctrl+o", "command('model')", "Model", id="chat.model"),
        Binding("ctrl+r", "command('retry')", "Retry", show=False, id="chat.retry"),
        Binding("ctrl+up", "turn(-1)", "Turns", id="chat.turns"),
        Binding("ctrl+t", "drop_attachment", "Drop attachment", show=False, id="chat.drop"),
        Binding("ctrl+end", "bottom", "Bottom", show=False, id="chat.bottom"),
    ]

    def __init__(self, workspace: Workspace, open_model: OpenModel, conversation: int | None = None) -> None:
        """`conversation` is the one to begin with; None: an empty one."""
        super().__init__()
        self.workspace, settings = workspace, workspace.settings
        self.session = session = ChatSession(
            workspace.history, system=settings.system, private=settings.private, changed=self._show_state
        )
        self.replies = Replies(session, self, settings.max_tokens, self._turn_ended)
        self.models = ModelLoader(workspace, session, self, open_model, self.replies.ask_waiting)
        self.files = AttachedFiles(workspace, session, self)
        self.conversations = ConversationList(session, self, self.models, self.files)
        self.documents = DocumentTasks(workspace, session, self, self.models, self.replies.end)
        self.probabilities = ProbabilityLookup(session, self, self.models)
        self.turns = TurnActions(self)
        self.commands = SlashCommands(self)
        self._first = conversation

    async def on_mount(self) -> None:
        self.sidebar.display = self.app.size.width >= WIDE
        self.prompt.focus()
        self._show_state()
        await self.show_empty()
        self.watch(self, "focused", self.probabilities.leave, init=False)
        self.set_interval(RETRY_SECONDS, self.conversations.retry_writes)
        # After the first paint: what follows takes time on a slow disk.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc_pauses.after_first_paint()
        self.thread(self._warm, group="warm")
        self.models.find()
        self.conversations.refresh()
        if problem := self.session.lasting.history.problem:
            self.banner(problem)
        if self._first is not None:
            self.conversations.open(self._first)

    def _warm(self) -> None:
        """Import what the first turn needs, after the first paint."""
        import quoth.tui.widgets.answer_view  # noqa: F401

    def shutdown(self) -> int:
        """Stop what runs and close the engine; returns the changes that never got into the history."""
        unsaved = self.session.close()
        self.models.holder.close()
        return unsaved

    # What the parts of the chat tell each other

    def _show_state(self) -> None:
        self.status.show(self.session.state, self.session.progress, self.session.private)

    def _turn_ended(self) -> None:
        self.conversations.refresh()
        self.models.use_next()

    # Keys

    def action_stop(self) -> None:
        if self.session.stop():
            return
        if self.conversations.withdraw_question():
            self.prompt.focus()
        elif self.cancel(FETCH, DOCUMENTS, PROBABILITIES):
            self.session.settle()
        else:
            self.banner("")
            self.prompt.focus()

    async def action_command(self, name: str) -> None:
        await self.commands.carry_out(name)

    def action_sidebar(self) -> None:
        if self.sidebar.display:
            self.sidebar.display = False
            self.prompt.focus()
        else:
            self.conversations.refresh()
            self.action_search()

    def action_search(self) -> None:
        self.sidebar.display = True
        self.query_one("#search").focus()

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

    def action_drop_attachment(self) -> None:
        self.files.set(self.session.attachments[:-1])

    def action_bottom(self) -> None:
        self.transcript.anchor()

    # The prompt

    @on(Prompt.Submitted)
    async def _submitted(self, event: Prompt.Submitted) -> None:
        text = well_formed(event.text)
        command = parse(text)
        if command is not None:
            await self.commands.carry_out(*command)
        elif self.session.busy:
            self.prompt.restore_text(text)
            self.say("An answer is being written; Escape stops it")
        elif self.session.model is None and self.models.holder.model is None and is_model(text):
            self.models.choose(text)
        else:
            self.prompt.recallable.append(text)
            await self.replies.ask(text)

    def action_edit_prompt(self) -> None:
        try:
            text = edited(self.prompt.text, self.app, self.workspace.environ)
        except QuothError as error:
            self.notify(error.what, severity="error", markup=False)
        else:
            if text is not None:
                self.prompt.take(text)

    @on(Prompt.LongPaste)
    def _long_paste(self, event: Prompt.LongPaste) -> None:
        self.files.add_paste(event.text)

    @on(Prompt.FileNamed)
    def _file_named(self, event: Prompt.FileNamed) -> None:
        self.files.add_named(event.name, event.instead_of)

    # Other widgets

    @on(Welcome.Picked)
    async def _example_picked(self, event: Welcome.Picked) -> None:
        self.prompt.focus()
        await self.replies.ask(event.text)

    @on(Welcome.Chosen)
    def _model_chosen(self, event: Welcome.Chosen) -> None:
        self.models.choose(event.choice)
        self.prompt.focus()  # for what is typed meanwhile

    @on(Sidebar.Searched)
    def _searched(self) -> None:
        self.conversations.refresh()

    @on(Sidebar.Chosen)
    def _conversation_chosen(self, event: Sidebar.Chosen) -> None:
        self.conversations.choose(event.conversation, event.turn)

    @on(Sidebar.Removed)
    def _conversation_removed(self, event: Sidebar.Removed) -> None:
        self.beside(self.conversations.remove(event.conversation, event.title))

    @on(TurnView.Asked)
    async def _asked_of_turn(self, event: TurnView.Asked) -> None:
        event.stop()
        await self.turns.act(event.view, event.what)

    @on(TokenProbabilities.Looked)
    def _token_looked_at(self, event: TokenProbabilities.Looked) -> None:
        self.probabilities.show_token(event.view, event.text)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        self.beside(self._open_link(event.href))

    async def _open_link(self, url: str) -> None:
        if await self.app.push_screen_wait(Confirm("Open this link in the browser?", links.shown(url))):
            try:
                links.open_link(url)
            except QuothError as error:
                self.banner(str(error))
