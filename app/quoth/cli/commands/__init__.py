"""The commands: the one table of them. The module quoth.cli.commands.NAME has a click command called `command`."""

from __future__ import annotations


class CommandFacts:
    """What is known of a command before its module is imported. Not a tuple of typing's, which costs 6 ms to import:
    a worker waits to be started."""

    __slots__ = ("help", "names_things", "starts_engine")

    def __init__(self, help: str, *, starts_engine: bool = False, names_things: bool = False) -> None:
        """`starts_engine`: while the command line is parsed. `names_things`: operands are models or files, and where
        words name nothing a prompt was meant."""
        self.help = help
        self.starts_engine = starts_engine
        self.names_things = names_things


COMMANDS = {
    "chat": CommandFacts("talk with a model, line by line", starts_engine=True),
    "summarize": CommandFacts("summarize documents of any length", starts_engine=True, names_things=True),
    "ask": CommandFacts("answer a question about documents, with citations", starts_engine=True, names_things=True),
    "complete": CommandFacts("continue a text, without a chat template", starts_engine=True),
    "tokens": CommandFacts("count the tokens of a text", starts_engine=True, names_things=True),
    "pull": CommandFacts("fetch a model and install it", names_things=True),
    "convert": CommandFacts("make a GGUF of a checkpoint, and check it", names_things=True),
    "quantize": CommandFacts("make a smaller file of a GGUF", names_things=True),
    "inspect": CommandFacts("what a GGUF or a checkpoint holds", names_things=True),
    "models": CommandFacts("list, show, add and remove models", names_things=True),
    "cache": CommandFacts("show and clear what is kept to go on from", names_things=True),
    "history": CommandFacts("list, search, show and export conversations", names_things=True),
    "doctor": CommandFacts("what this installation is and can do"),
    "completions": CommandFacts("a completion script for bash, zsh or fish"),
}
