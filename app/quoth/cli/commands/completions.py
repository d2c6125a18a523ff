"""`quoth completions SHELL`: a completion script."""

from __future__ import annotations

import click

from quoth.cli.commands import COMMANDS
from quoth.cli.environment import Environment
from quoth.cli.main import load_command
from quoth.cli.routing import PROMPT

_BASH = """\
_quoth() {{
    local word=${{COMP_WORDS[COMP_CWORD]}}
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{commands} {flags}" -- "$word"))
    elif [[ $word == -* ]]; then
        case ${{COMP_WORDS[1]}} in
{cases}
            *) COMPREPLY=($(compgen -W "{flags}" -- "$word")) ;;
        esac
    elif [[ $COMP_CWORD -eq 2 ]]; then
        case ${{COMP_WORDS[1]}} in
{operands}
        esac
    fi
    [[ ${{#COMPREPLY[@]}} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$word"))
}}
complete -o filenames -F _quoth quoth
"""
_BASH_CASE = '            {name}) COMPREPLY=($(compgen -W "{words}" -- "$word")) ;;'

_ZSH = """\
#compdef quoth
_quoth() {{
    local -a commands
    commands=({described})
    if (( CURRENT == 2 )); then
        _describe command commands
        _files
    fi
    case $words[2] in
{cases}
        *) [[ $words[CURRENT] == -* ]] && compadd -- {flags} || _files ;;
    esac
}}
_quoth "$@"
"""
_ZSH_CASE = "        {name}) [[ $words[CURRENT] == -* ]] && compadd -- {flags} || compadd -- {operands} || _files ;;"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(environment: Environment, /, shell: str) -> None:
    """Print a completion script for SHELL: bash, zsh or fish.

    \b
    Examples:
      quoth completions bash > ~/.local/share/bash-completion/completions/quoth
      quoth completions zsh > "${fpath[1]}/_quoth"
      quoth completions fish > ~/.config/fish/completions/quoth.fish
    """
    environment.streams.print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]())


def _flags() -> dict[str, list[tuple[str, str]]]:
    """Every command's flags with their help; the prompt's under its own name."""
    return {
        name: [
            (flag, option.help or "")
            for option in load_command(name).params
            if isinstance(option, click.Option) and not option.hidden
            for flag in (*option.opts, *option.secondary_opts)
        ]
        for name in (PROMPT, *COMMANDS)
    }


def _operands(name: str) -> list[str]:
    """The words that may follow a command: its own commands, or what its argument can be."""
    command = load_command(name)
    if isinstance(command, click.Group):
        return [*command.commands]
    types = [parameter.type for parameter in command.params if isinstance(parameter, click.Argument)]
    return [str(choice) for type_ in types if isinstance(type_, click.Choice) for choice in type_.choices]


def _bash() -> str:
    flags = _flags()
    cases = "\n".join(_BASH_CASE.format(name=name, words=_words(flags[name])) for name in COMMANDS)
    operands = "\n".join(_BASH_CASE.format(name=name, words=" ".join(_operands(name))) for name in COMMANDS)
    return _BASH.format(commands=" ".join(COMMANDS), flags=_words(flags[PROMPT]), cases=cases, operands=operands)


def _zsh() -> str:
    flags = _flags()
    described = " ".join(f"'{name}:{command.help}'" for name, command in COMMANDS.items())
    cases = "\n".join(
        _ZSH_CASE.format(name=name, flags=_words(flags[name]), operands=" ".join(_operands(name))) for name in COMMANDS
    )
    return _ZSH.format(described=described, flags=_words(flags[PROMPT]), cases=cases)


def _fish() -> str:
    lines = [
        f"complete -c quoth -n __fish_use_subcommand -a {name} -d '{facts.help}'" for name, facts in COMMANDS.items()
    ]
    for name, flags in _flags().items():
        where = "__fish_use_subcommand" if name == PROMPT else f"__fish_seen_subcommand_from {name}"
        lines += [f"complete -c quoth -n '{where}' -a {operand}" for operand in _operands(name)]
        for flag, help_ in flags:
            kind = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            text = help_.replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"complete -c quoth -n '{where}' {kind} -d '{text}'")
    return "\n".join(lines) + "\n"


def _words(flags: list[tuple[str, str]]) -> str:
    return " ".join(flag for flag, _ in flags)
