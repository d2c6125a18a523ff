"""Files and long pastes that go with the next question."""

from __future__ import annotations

import os
from functools import partial

from textual import on, work

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.text import well_formed
from quoth.tui.screens.turns import WithTurns
from quoth.tui.widgets.prompt import Prompt, path_of


class WithAttachments(WithTurns):
    """What is pasted, dropped or named is attached."""

    @on(Prompt.LongPaste)
    def _long_paste(self, event: Prompt.LongPaste) -> None:
        path = path_of(event.text)
        if len(path) < 4096 and "\n" not in path and os.path.isfile(path):
            self.attach(path)
            return
        number = 1 + sum(document.name.startswith("pasted") for document in self.attachments)
        text = well_formed(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        self.set_attachments([*self.attachments, Attachment(f"pasted text {number}", text)])

    @on(Prompt.FileNamed)
    def _file_named(self, event: Prompt.FileNamed) -> None:
        self.set_attachments([d for d in self.attachments if d.name != (os.path.basename(event.instead_of) or None)])
        if event.name:
            self.attach(os.path.expanduser(event.name))

    @work(thread=True, group="attach", exit_on_error=False)
    def attach(self, path: str) -> None:
        try:
            text, notice = self.backend.read_file(path)
        except QuothError as error:
            self.app.call_from_thread(self.banner, str(error))
            return
        if notice:
            self.app.call_from_thread(partial(self.notify, notice, markup=False))
        document = Attachment(os.path.basename(path), text)
        self.app.call_from_thread(lambda: self.set_attachments([*self.attachments, document]))

    def action_drop_attachment(self) -> None:
        self.set_attachments(self.attachments[:-1])
