"""Files and long pastes that go with the next question."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from quoth.chat import Attachment
from quoth.library.text_files import read_text_file
from quoth.library.workspace import Workspace
from quoth.text import well_formed
from quoth.tui.chat.chat_layout import ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.widgets.prompt_input import dropped_file


@dataclass(eq=False)
class AttachedFiles:
    """What is pasted, dropped or named is attached."""

    workspace: Workspace
    session: ChatSession
    view: ChatLayout

    def set(self, documents: Sequence[Attachment]) -> None:
        self.session.attachments = [*documents]
        self.view.show_attachments(documents)

    def add_paste(self, pasted: str) -> None:
        """A long text, or the path of a file."""
        if path := dropped_file(pasted):
            self.add_file(path)
            return
        number = 1 + sum(document.name.startswith("pasted") for document in self.session.attachments)
        text = well_formed(pasted.replace("\r\n", "\n").replace("\r", "\n"))
        self._add(Attachment(f"pasted text {number}", text))

    def add_named(self, name: str, instead_of: str) -> None:
        """A name that was completed in the prompt, perhaps in place of another."""
        before = os.path.basename(instead_of)
        self.set([document for document in self.session.attachments if not before or document.name != before])
        if name:
            self.add_file(os.path.expanduser(name))

    def add_file(self, path: str) -> None:
        self.view.thread(self._read, path, group="attach")

    def _read(self, path: str) -> None:
        document, notice = read_text_file(path, self.workspace.settings.max_input)
        if notice:
            self.view.call(self.view.say, notice)
        self.view.call(self._add, document._replace(name=os.path.basename(path)))

    def _add(self, document: Attachment) -> None:
        self.set([*self.session.attachments, document])
