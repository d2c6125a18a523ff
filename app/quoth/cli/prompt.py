"""`quoth PROMPT...`: one answer, in a pipe or on a terminal."""

from __future__ import annotations

import click

from quoth.cli.commands import COMMANDS
from quoth.cli.main import EXIT_CODES
from quoth.cli.options import json_option, jsonl_option, logprobs_option, runs, setting_options, stop_option


class PromptCommand(click.Command):
    """The command of every line that names no other command."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        lines = "\n".join(f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())
        self.epilog = f"\b\nCommands (quoth COMMAND --help):\n{lines}\n\n{EXIT_CODES}"
        super().format_epilog(ctx, formatter)


@click.command(cls=PromptCommand)
@click.argument("words", nargs=-1, metavar="[PROMPT]...")
@click.option("-p", "--prompt", "prompt", metavar="TEXT", help="The prompt; always a prompt, whatever its first word.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Add a file as a document; may be repeated.")
@click.option("-x", "block", is_flag=True, help="Print the first fenced code block only.")
@json_option
@jsonl_option
@logprobs_option
@click.option("--schema", metavar="FILE", help="Answer with JSON that fits this JSON schema.")
@click.option("--grammar", metavar="FILE", help="Answer within this GBNF grammar.")
@stop_option
@click.option("-c", "--continue", "continues", is_flag=True, help="Continue the last conversation.")
@click.option("--conversation", type=int, metavar="ID", help="Continue this conversation of the history.")
@setting_options()
@click.option("--version", is_flag=True, hidden=True, expose_value=False)
@runs("one_shot:reply")
def command() -> None:
    """Answer PROMPT with a model on this machine.

    Text from a pipe and from -f files reaches the model too, marked as data. With data the temperature is 0 unless
    you set one, so that the same input gives the same answer; without, it is the model's own.

    \b
    Examples:
      quoth "Why is the sky blue?"
      git diff --cached | quoth "write a commit message"
      quoth -f notes.txt "List the open questions." --json
    """
