"""Which words are a command and which are a prompt. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence

from quoth.errors import UsageError

PROMPT = "prompt"


def route(arguments: Sequence[str], commands: Collection[str], exists: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The command to run and its arguments; what is not a command is a prompt.

    Raises UsageError for a first word that is nearly a command if only flags or existing files follow: a mistyped
    command must not become a prompt. `--` and `-p` always mean a prompt.
    """
    words = list(arguments)
    if not words or words[0] in ("--", "-p", "--prompt"):
        return PROMPT, words
    first = words[0]
    if first in commands:
        return first, words[1:]
    if "--" in words:
        return PROMPT, words
    at = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    if at is not None and all(word.startswith("-") or exists(word) for word in words[at + 1 :]):
        meant = nearest(words[at], commands)
        if meant is not None and (at == 0 or words[at] == meant):
            line = shlex.join(["quoth", meant, *words[:at], *words[at + 1 :]])
            raise UsageError(
                f"there is no command {first!r}" if at == 0 else f"the command {meant!r} must come first",
                f"did you mean {line}?",
                as_prompt_hint(words),
            )
    return PROMPT, words


def nearest(word: str, commands: Collection[str]) -> str | None:
    """The command within two edits of a word; within one for a word of up to four letters."""
    if not word.isascii() or not word.replace("-", "").isalpha():
        return None
    most = 1 if len(word) <= 4 else 2
    edits, command = min(((distance(word.lower(), command), command) for command in commands), default=(9, ""))
    return command if edits <= most else None


def distance(a: str, b: str) -> int:
    """Edits between two words: insertions, deletions, substitutions (Levenshtein) and swaps of neighbours."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row, before_row = row, [i], before
        for j, y in enumerate(b, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before_row[j - 2] + 1)
            row.append(best)
        before = above
    return row[-1]


def is_sentence(words: Sequence[str]) -> bool:
    """Whether words look like those of a sentence, and not like flags or names of models or files."""
    return bool(words) and all(map(_is_plain_word, words))


def _is_plain_word(word: str) -> bool:
    letters = word.strip("\"'()“”‘’").rstrip(".,:;!?…").replace("'", "").replace("’", "").replace("-", "")
    return letters.isalpha() and not word.startswith("-")


def as_prompt_hint(words: Sequence[str]) -> str:
    """Names the line that sends words as a prompt; flags behind the words stay flags."""
    words = [word for word in words if word != "--"]
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    asked = ["--", *words] if first == len(words) else ["-p", " ".join(words[:first]), *words[first:]]
    return f"To send it as a prompt: {shlex.join(['quoth', *asked])}"
