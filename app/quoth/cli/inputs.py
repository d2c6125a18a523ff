"""What commands read: a pipe, a terminal, files, and the grammar or schema of an answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from quoth.chat import Attachment
from quoth.cli.environment import Environment
from quoth.errors import UsageError
from quoth.library.text_files import read_text_file, why_and_hint
from quoth.platform.safe_files import read_text
from quoth.text import decode_input


def path_of(text: str) -> Path:
    """A path that was typed; "~" is the home folder."""
    return Path(os.path.expanduser(text))


def read_piped(environment: Environment, *, typed: bool = False) -> str | None:
    """The text on standard input; of a terminal None, or with `typed` what the user types there."""
    streams = environment.streams
    data = streams.read_stdin(environment.settings.max_input)
    if data is None and typed and streams.stdin_isatty:
        streams.say("reading from the terminal; Ctrl-D on an empty line ends the input")
        data = streams.read_terminal()
    if data is None:
        return None
    decoded = decode_input(data, "standard input")
    if decoded.notice:
        streams.say(decoded.notice)
    return decoded.text


def read_document(environment: Environment, name: str) -> Attachment:
    """A file as a document; "-" is standard input."""
    if name == "-":
        return Attachment("stdin", read_piped(environment, typed=True) or "")
    document, notice = read_text_file(name, environment.settings.max_input)
    if notice:
        environment.streams.say(notice)
    return document


def read_constraints(grammar: str | None, schema: str | None, think: bool) -> dict[str, Any]:
    """Grammar or schema as Sampling takes them. Raises UsageError for files that are neither."""
    if grammar and schema:
        raise UsageError("--grammar and --schema exclude each other", "", "Pass one of them")
    if (grammar or schema) and think:
        what = "--think cannot be combined with --grammar or --schema"
        raise UsageError(what, "thoughts fit no grammar", "Pass --no-think")
    if grammar:
        return {"grammar": _text_of(grammar)}
    if schema:
        text = _text_of(schema)
        _check_schema(text, schema)
        return {"schema": text}
    return {}


def _check_schema(text: str, name: str) -> None:
    import jsonschema  # 30 ms

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON", str(error), "Pass a JSON schema") from None
    why = "" if isinstance(value, dict) else "it is not a JSON object"
    try:
        if not why:
            jsonschema.validators.validator_for(value).check_schema(value)
    except jsonschema.exceptions.SchemaError as error:
        why = f"{error.json_path}: {error.message}"
    if why:
        raise UsageError(f"{name} is not a JSON schema", why, "See https://json-schema.org")


def _text_of(name: str) -> str:
    try:
        return read_text(Path(name))
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read", *why_and_hint(error)) from None
