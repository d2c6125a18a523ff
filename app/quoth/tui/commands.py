"""The slash commands: one table for the prompt, the palette and the help screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`/name argument`, carried out by `SlashCommands.command_name`."""

    name: str
    help: str
    argument: str = ""
    names_files: bool = False  # Tab completes them


COMMANDS = (
    Command("new", "begin a new conversation"),
    Command("model", "choose another model", "[NAME]"),
    Command("system", "what the model is told before everything else", "[TEXT]"),
    Command("attach", "add a file to the next question", "FILE", True),
    Command("ask", "a question about documents, answered with the lines that say so", "[FILE ...] QUESTION", True),
    Command("summarize", "a summary of documents of any length", "[FILE ...] [FOCUS]", True),
    Command("retry", "answer the last question again"),
    Command("edit", "change the last question and ask again"),
    Command("continue", "go on with the last answer"),
    Command("fork", "go on in a copy of this conversation"),
    Command("compact", "replace what was said by a summary that can be edited"),
    Command("copy", "copy the last answer, a code block of it, or everything", "[answer|code|all]"),
    Command("export", "write the conversation to a file: .md, .json or .html", "[FILE]"),
    Command("title", "name this conversation", "[TEXT]"),
    Command("clear", "clear the screen: a new conversation, the old one stays in the history"),
    Command("private", "begin a conversation of which nothing is kept"),
    Command("theme", "choose other colours", "[NAME]"),
    Command("help", "keys and commands"),
    Command("quit", "leave"),
)
BY_NAME = {command.name: command for command in COMMANDS}


def parse(text: str) -> tuple[str, str] | None:
    """Name and argument of a slash command; None for any other text, as "/etc/hosts is what?"."""
    if not text.startswith("/") or text.startswith("//"):
        return None
    name, _, argument = text[1:].partition(" ")
    if not name.isalpha():
        return None
    return name.lower(), argument.strip()
