"""`quoth PROMPT...`: one answer, in a pipe or on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from quoth.chat import Attachment, user_message
from quoth.cli.environment import Environment
from quoth.cli.inputs import read_constraints, read_document, read_piped
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import UsageError
from quoth.text import well_formed

if TYPE_CHECKING:
    from quoth.history import Conversation, Turn

HELP = """Answer PROMPT with a model on this machine.

Text from a pipe and from -f files reaches the model too, marked as data.

\b
Examples:
  quoth "Why is the sky blue?"
  git diff --cached | quoth "write a commit message"
  quoth -f notes.txt "List the open questions." --json
"""


def _epilog() -> str:
    from quoth.cli.commands import COMMANDS
    from quoth.cli.main import EXIT_CODES

    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())
    return f"\b\nCommands (quoth COMMAND --help):\n{lines}\n\n{EXIT_CODES}"


class PromptCommand(click.Command):
    """The command that everything which is no other command goes to."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.epilog = _epilog()
        super().format_epilog(ctx, formatter)


@click.command(cls=PromptCommand, help=HELP, context_settings=HELP_NAMES)
@click.argument("words", nargs=-1, metavar="[PROMPT]...")
@click.option("-p", "--prompt", "prompt", metavar="TEXT", help="The prompt; always a prompt, whatever its first word.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Add a file as a document; may be repeated.")
@click.option("-x", "block", is_flag=True, help="Print the first fenced code block only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print events as JSON lines, as they come.")
@click.option("--logprobs", type=click.IntRange(1, 100), metavar="N", help="Log-probabilities, with N alternatives.")
@click.option("--schema", metavar="FILE", help="Answer with JSON that fits this JSON schema.")
@click.option("--grammar", metavar="FILE", help="Answer within this GBNF grammar.")
@click.option("--stop", "stop", multiple=True, metavar="TEXT", help="End before this text; may be repeated.")
@click.option("-c", "--continue", "goes_on", is_flag=True, help="Go on with the last conversation.")
@click.option("--conversation", type=int, metavar="ID", help="Go on with this conversation of the history.")
@setting_options()
@click.option("--version", is_flag=True, hidden=True)
@click.pass_obj
def command(
    environment: Environment,
    /,
    words: tuple[str, ...],
    prompt: str | None,
    files: tuple[str, ...],
    block: bool,
    as_json: bool,
    as_jsonl: bool,
    logprobs: int | None,
    schema: str | None,
    grammar: str | None,
    stop: tuple[str, ...],
    goes_on: bool,
    conversation: int | None,
    version: bool,
    **flags: Any,
) -> int:
    from quoth.cli.run.answering import answer, answer_format

    settings = environment.use(flags)
    before = _before(environment, goes_on, conversation)
    if not (words or prompt or files) and environment.streams.stdin_isatty:
        from quoth.cli.commands.chat import talk

        return talk(environment, before.id if before else None)
    format_ = answer_format(json=as_json, jsonl=as_jsonl, logprobs=logprobs, block=block)
    constraints = read_constraints(grammar, schema, settings.think)
    earlier = _go_on(environment, before) if before else []
    environment.streams.require_stdout()
    with answer(environment, format_) as answering:
        documents = [read_document(environment, name) for name in files]
        question = _question(environment, words, prompt, documents)
        options = {"stop": stop, "logprobs": logprobs or 0, **constraints}
        if not environment.keeps_history:
            answering.reply([user_message(question, documents)], **options)
            return 0
        from quoth.history import Turn, messages_of
        from quoth.library.recording import Recording, kept

        turn = Turn(0, 0, None, "user", question, documents=tuple(documents))
        system = environment.settings.system
        recording = Recording(environment.history, question, documents, after=before, system=system)
        with kept(recording, environment.tell):
            answering.reply(messages_of([*earlier, turn]), recording=recording, **options)
    return 0


def _before(environment: Environment, goes_on: bool, id_: int | None) -> Conversation | None:
    """The conversation to go on with. Raises UsageError if there is none."""
    if not goes_on and id_ is None:
        return None
    if not environment.keeps_history:
        why = "--private" if environment.settings.private else "--no-history"
        raise UsageError(f"{why} does not go with -c", "what goes on is kept", "Leave one of them out")
    if id_ is not None:
        return environment.history.conversation(id_)
    last = environment.history.last()
    if last is None:
        why = environment.history.problem or "the history is empty"
        raise UsageError("there is no conversation to go on with", why, 'Begin one: quoth "Why is the sky blue?"')
    return last


def _go_on(environment: Environment, conversation: Conversation) -> list[Turn]:
    """The turns so far; the conversation's system message and model count unless flags name others."""
    turns = environment.history.path(conversation.id)
    model = next((turn.model for turn in reversed(turns) if turn.model), None)
    kept = {"system": conversation.system, "model": model}
    unasked = {name: value for name, value in kept.items() if not environment.settings.origin(name).startswith("-")}
    environment.use(unasked, f"conversation {conversation.id}")
    return turns


def _question(environment: Environment, words: Sequence[str], prompt: str | None, documents: list[Attachment]) -> str:
    """The prompt in words; without any, the only document is the prompt itself."""
    said = well_formed(" ".join([*([prompt] if prompt is not None else []), *(w for w in words if w != "-")]))
    piped = read_piped(environment, typed="-" in words)
    if piped is not None and piped.strip():
        if not said.strip() and not documents:
            return piped.strip("\n")
        documents.append(Attachment("stdin", piped))
    if said.strip():
        return said
    if len(documents) == 1:
        return documents.pop().text.strip("\n")
    if documents:
        return ""
    raise UsageError("there is no prompt", "standard input is empty", 'Say something: quoth "Why is the sky blue?"')
