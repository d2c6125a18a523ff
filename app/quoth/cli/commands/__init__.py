"""The commands: the one table of them. The module quoth.cli.commands.NAME has a click command called `command`."""

from __future__ import annotations


class CommandFacts:
    """What is known of a command before its module is imported. Not a NamedTuple: typing takes 6 ms to import, and the
    worker is not started yet."""

    __slots__ = ("help", "names_things", "starts_engine")

    def __init__(self, help: str, *, starts_engine: bool = False, names_things: bool = False) -> None:
        """`starts_engine`: while the command line is parsed. `names_things`: its operands are models or files; words
        that name none may be a prompt."""
        self.help = help
        self.starts_engine = starts_engine
        self.names_things = names_things


COMMANDS = {
    "chat": CommandFacts("talk with a model", starts_engine=True),
    "summarize": CommandFacts("summarize documents of any length", starts_engine=True, names_things=True),
    "ask": CommandFacts("answer a question about documents, with citations", starts_engine=True, names_things=True),
    "complete": CommandFacts("continue a text, without a chat template", starts_engine=True),
    "tokens": CommandFacts("count the tokens of a text", starts_engine=True, names_things=True),
    "pull": CommandFacts("fetch a model and install it", names_things=True),
    "convert": CommandFacts("turn a checkpoint into a GGUF, and check it", names_things=True),
    "quantize": CommandFacts("write a GGUF at a smaller quantization", names_things=True),
    "inspect": CommandFacts("show what a GGUF or a checkpoint contains", names_things=True),
    "models": CommandFacts("list, show, add and remove models", names_things=True),
    "cache": CommandFacts("show and clear the notes on documents", names_things=True),
    "history": CommandFacts("list, search, show and export conversations", names_things=True),
    "doctor": CommandFacts("report what this installation is and can do"),
    "completions": CommandFacts("print a completion script for bash, zsh or fish"),
}
