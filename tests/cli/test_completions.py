"""`quoth completions`: the scripts are read by the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from quoth.cli.commands import COMMANDS
from tests.cli.commands import run_here

SHELLS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}
PRESENT = [shell for shell in SHELLS if shutil.which(shell)]


def script(shell: str, folder: Path, environ: dict[str, str]) -> Path:
    outcome = run_here("completions", shell, environ=environ)
    assert (outcome.err, outcome.code) == ("", 0)
    file = folder / f"quoth.{shell}"
    file.write_text(outcome.out)
    return file


@pytest.mark.parametrize("shell", PRESENT)
def test_the_script_parses(shell: str, tmp_path: Path, environ: dict[str, str]) -> None:
    result = subprocess.run([*SHELLS[shell], str(script(shell, tmp_path, environ))], capture_output=True, timeout=30)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_knows_every_command_and_flag(shell: str, tmp_path: Path, environ: dict[str, str]) -> None:
    text = script(shell, tmp_path, environ).read_text()
    for word in (*COMMANDS, "max-tokens", "num-sequences", "logprobs"):
        assert word in text


def completed(line: str, file: Path) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    program = f"""
        source {file}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _quoth; printf '%s\\n' "${{COMPREPLY[@]}}"; complete -p quoth >&2"""
    result = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, timeout=30, cwd=file.parent
    )
    assert "-F _quoth quoth" in result.stderr
    return result.stdout.split()


def test_bash_completes_commands_flags_and_files(tmp_path: Path, environ: dict[str, str]) -> None:
    file = script("bash", tmp_path, environ)
    assert completed("quoth mod", file) == ["models"]
    assert completed("quoth co", file) == ["complete", "convert", "completions"]
    assert completed("quoth complete --max-l", file) == ["--max-length"]
    assert completed("quoth hello --temper", file) == ["--temperature"]
    assert completed("quoth tokens quoth.b", file) == ["quoth.bash"]
    assert completed("quoth models s", file) == ["show"]
    assert completed("quoth completions z", file) == ["zsh"]
    assert completed("quoth pull quoth.b", file) == ["quoth.bash"]


def test_another_shell_is_a_usage_error(environ: dict[str, str]) -> None:
    outcome = run_here("completions", "powershell", environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert "'bash', 'zsh', 'fish'" in outcome.err
    assert "as a prompt" not in outcome.err
