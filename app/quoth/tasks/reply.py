"""Answer a message, or continue a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from quoth.chat import Message, marks_of
from quoth.engine import Chat, Done, Engine, Event, Piece, Request, Sampling, Text
from quoth.errors import InputError
from quoth.text import CopiedMarks


def with_system(system: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """A conversation with its system message in front, if there is one."""
    return (Message("system", system), *messages) if system else tuple(messages)


def reply(
    engine: Engine,
    messages: Sequence[Message],
    *,
    sampling: Sampling,
    max_tokens: int | None = None,
    stop: Sequence[str] = (),
    think: bool = False,
    keep: bool = True,
    continue_last: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Answer the last message, or continue it where it is an answer itself (`continue_last`).

    Raises InputError if a JSON value was asked for and ended before it was whole.
    """
    request = Request(Chat(tuple(messages), continue_last, think), sampling, max_tokens, tuple(stop), keep)
    events = engine.generate([request], stop=cancelled)
    if sampling.schema is not None:
        return validated_json(events, sampling.schema)
    marks = None if continue_last else marks_of(messages)
    return without_copied_marks(events, *marks) if marks else events


def without_copied_marks(
    events: Generator[Event, None, None], open_mark: str, close_mark: str
) -> Generator[Event, None, None]:
    """Pass events on; an answer that stands between the marks of its data, as small models do it, loses them."""
    copied = CopiedMarks(open_mark, close_mark)
    with closing(events):
        for event in events:
            if isinstance(event, Piece):
                event = event._replace(text=copied.feed(event.text))
                if not event.text and not event.logprobs:
                    continue
            elif isinstance(event, Done) and (rest := copied.flush()):
                yield Piece(event.request, rest, tokens=0)
            yield event


def messages_to_drop(engine: Engine, messages: Sequence[Message], reserve: int, at_least: int = 0) -> int:
    """How many messages after the system message must go so that the rest leaves `reserve` tokens to answer in.

    The oldest go first, up to the next question, so that what is left begins with one; the last question always
    stays. `at_least` is what was left out before: it does not come back, so that the beginning that the engine has
    read stays the same from turn to turn.
    """
    first = 1 if messages and messages[0].role == "system" else 0
    said = messages[first:]
    borders = [i for i, message in enumerate(said) if message.role == "user"] or [0]
    room = engine.info.n_ctx - reserve

    def fits(border: int) -> bool:
        return engine.count([(*messages[:first], *said[border:])])[0] <= room

    low = next((i for i, border in enumerate(borders) if border >= at_least), len(borders) - 1)
    if fits(borders[low]):
        return borders[low]
    high = len(borders) - 1  # kept, whether or not it fits: the engine says so with the numbers
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(borders[middle]) else (middle, high)
    return borders[high]


def continue_text(
    engine: Engine,
    text: str,
    *,
    sampling: Sampling,
    sequences: int = 1,
    max_tokens: int | None = None,
    total_tokens: int | None = None,
    stop: Sequence[str] = (),
    keep: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Continue a text, `sequences` times; each has its own seed, counted up from the given one."""
    requests = [
        Request(Text(text), sampling._replace(seed=seed % 2**32), max_tokens, tuple(stop), keep, total_tokens)
        for seed in range(sampling.seed, sampling.seed + sequences)
    ]
    return engine.generate(requests, stop=cancelled)


def validated_json(events: Generator[Event, None, None], schema: str) -> Generator[Event, None, None]:
    """Pass events on when the answer is a JSON value that fits the schema; hold its text back until that is known.

    The grammar makes every token fit, but a limit can end the answer in the middle, and no grammar holds some keywords
    of a schema (minimum, uniqueItems). Raises InputError then.
    """
    held: list[Piece] = []
    for event in events:
        if isinstance(event, Piece):
            held.append(event)
            continue
        if isinstance(event, Done) and event.reason != "cancelled":
            _validate("".join(piece.text for piece in held), schema, event)
            yield from held
        yield event


def _validate(text: str, schema: str, done: Done) -> None:
    import jsonschema
    from referencing import Registry

    try:
        value = json.loads(text)
    except ValueError:
        raise InputError(
            "the value was cut short of its schema",
            f"it ended by {done.reason} after {done.usage.generated:,} tokens",
            "Raise --max-tokens, or bound the schema's strings and arrays (maxLength, maxItems)",
        ) from None
    loaded = json.loads(schema)
    validator = jsonschema.validators.validator_for(loaded)(loaded, registry=Registry())  # no reference is ever fetched
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is not None:
        raise InputError(
            "the value does not fit its schema",
            f"{error.json_path}: {error.message}",
            "Try another --seed, or say in the prompt what the schema asks for",
        )


def sampling_of(values: Mapping[str, Any], **more: Any) -> Sampling:
    """Sampling from resolved values by name; names that Sampling does not know are left out."""
    known = {name: value for name, value in values.items() if name in Sampling._fields and value is not None}
    return Sampling(**known, **more)
