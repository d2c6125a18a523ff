"""What commands are given to read: a pipe, a terminal, files; and what bounds an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quoth.chat import Attachment
from quoth.cli.environment import Environment
from quoth.errors import UsageError
from quoth.library.text_files import bytes_of
from quoth.platform.safe_files import read_text
from quoth.text import decode_input


def read_piped(environment: Environment, *, typed: bool = False) -> str | None:
    """The text on standard input; of a terminal what is `typed` there, else None."""
    streams = environment.streams
    data = streams.read_stdin(environment.settings.max_input)
    if data is None and typed and streams.stdin_isatty:
        streams.say("reading from the terminal; Ctrl-D on a line of its own ends it")
        data = streams.read_terminal()
    return None if data is None else _decoded(environment, data, "standard input")


def read_document(environment: Environment, name: str) -> Attachment:
    """A file as a document; "-" is standard input."""
    if name == "-":
        return Attachment("stdin", read_piped(environment, typed=True) or "")
    return Attachment(name, _decoded(environment, bytes_of(name, environment.settings.max_input), name))


def _decoded(environment: Environment, data: bytes, name: str) -> str:
    decoded = decode_input(data, name)
    if decoded.notice:
        environment.streams.say(decoded.notice)
    return decoded.text


def read_constraints(grammar: str | None, schema: str | None, think: bool) -> dict[str, Any]:
    """Grammar or schema as Sampling takes them. Raises UsageError for files that are neither."""
    import json

    if grammar and schema:
        raise UsageError("--grammar and --schema exclude each other", "", "Pass one of them")
    if (grammar or schema) and think:
        raise UsageError("--think does not go with --grammar or --schema", "thoughts fit no grammar", "Pass --no-think")
    if grammar:
        return {"grammar": _text_of(grammar)}
    if schema:
        text = _text_of(schema)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{schema} is no JSON", str(error), "A JSON schema is needed") from None
        if not isinstance(value, dict):
            raise UsageError(f"{schema} is no JSON schema", "it is no JSON object", "See https://json-schema.org")
        _check_schema(value, schema)
        return {"schema": text}
    return {}


def _check_schema(value: dict[str, Any], name: str) -> None:
    import jsonschema

    try:
        jsonschema.validators.validator_for(value).check_schema(value)
    except jsonschema.exceptions.SchemaError as error:
        raise UsageError(
            f"{name} is no JSON schema", f"{error.json_path}: {error.message}", "See https://json-schema.org"
        ) from None


def _text_of(name: str) -> str:
    try:
        return read_text(Path(name))
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} cannot be read", str(error), "Check the name") from None
