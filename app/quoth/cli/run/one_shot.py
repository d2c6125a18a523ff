"""`quoth PROMPT`, `quoth complete`, `quoth tokens`: one text is answered, continued or counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quoth.chat import Attachment, user_message
from quoth.cli.environment import Environment
from quoth.cli.inputs import read_constraints, read_document, read_piped
from quoth.cli.printing import print_result
from quoth.cli.run.answer_session import answer, answer_format
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.config import Settings
from quoth.errors import UsageError
from quoth.history import Conversation, Turn, messages_of
from quoth.library.recording import Recording, kept
from quoth.text import well_formed


def reply(
    environment: Environment,
    words: Sequence[str],
    prompt: str | None,
    files: Sequence[str],
    block: bool,
    as_json: bool,
    as_jsonl: bool,
    logprobs: int | None,
    schema: str | None,
    grammar: str | None,
    stop: Sequence[str],
    continues: bool,
    conversation: int | None,
) -> int:
    """Answer a prompt, or without one open the chat. Returns the exit code."""
    before = _conversation_to_continue(environment, continues, conversation)
    if not (words or prompt or files) and environment.streams.stdin_isatty:
        from quoth.cli.run.talk import talk

        return talk(environment, before.id if before else None)
    format_ = answer_format(json=as_json, jsonl=as_jsonl, logprobs=logprobs, block=block)
    constraints = read_constraints(grammar, schema, environment.settings.think)
    earlier = _earlier_turns(environment, before) if before else []
    environment.streams.require_stdout()
    with answer(environment, format_) as answering:
        documents = [read_document(environment, name) for name in files]
        question = _question(environment, words, prompt, documents)
        options = {"on_data": bool(documents), "stop": stop, "logprobs": logprobs or 0, **constraints}
        if not environment.keeps_history:
            answering.reply([user_message(question, documents)], **options)
            return 0
        turn = Turn(0, 0, None, "user", question, documents=tuple(documents))
        system = environment.settings.system
        recording = Recording(environment.history, question, documents, after=before, system=system)
        with kept(recording, environment.tell):
            answering.reply(messages_of([*earlier, turn]), recording=recording, **options)
    return 0


def _conversation_to_continue(environment: Environment, last: bool, id_: int | None) -> Conversation | None:
    if not last and id_ is None:
        return None
    if not environment.keeps_history:
        why = f"{_why_no_history(environment.settings)}: no conversation is kept"
        raise UsageError("there is no conversation to continue", why, "Leave that out, or leave out -c")
    if id_ is not None:
        return environment.history.conversation(id_)
    found = environment.history.last()
    if found is None:
        why = environment.history.problem or "the history is empty"
        raise UsageError("there is no conversation to continue", why, 'Begin one: quoth "Why is the sky blue?"')
    return found


def _why_no_history(settings: Settings) -> str:
    """ "--private", "QUOTH_PRIVATE", "history in /home/ada/.config/quoth/config.toml"."""
    name = "private" if settings.private else "history"
    origin = settings.origin(name)
    if origin.startswith("-"):
        return origin.rpartition("/")[2]  # of --history/--no-history
    return origin if origin.startswith("QUOTH_") else f"{name} in {origin}"


def _earlier_turns(environment: Environment, conversation: Conversation) -> list[Turn]:
    """The turns so far. The conversation's system message and model apply, unless flags name others."""
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
    raise UsageError("there is no prompt", "standard input is empty", 'For example: quoth "Why is the sky blue?"')


def complete(
    environment: Environment,
    text: str | None,
    as_json: bool,
    as_jsonl: bool,
    logprobs: int | None,
    grammar: str | None,
    **options: Any,
) -> None:
    """Continue a text; `options` are those of AnswerSession.complete."""
    format_ = answer_format(json=as_json, jsonl=as_jsonl, logprobs=logprobs)
    constraints = read_constraints(grammar, None, False)
    environment.streams.require_stdout()
    with answer(environment, format_) as answering:
        if text in (None, "-"):
            text = read_piped(environment)
        if not text:
            raise UsageError("there is no text to continue", "", 'For example: quoth complete "Once upon a time"')
        answering.complete(well_formed(text), logprobs=logprobs or 0, **constraints, **options)


def count_tokens(environment: Environment, file: str | None, ids: bool, as_json: bool) -> None:
    """Print how many tokens a text has, or their ids."""
    streams = environment.streams
    streams.require_stdout()
    with open_chosen_model(environment) as model:
        text = read_piped(environment) if file is None else read_document(environment, file).text
        if text is None:
            raise UsageError("there is no text to count", "", "Name a file or pipe a text: quoth tokens report.txt")
        tokens = model.tokens(text)
    fields = {"model": model.name, "tokens": len(tokens), **({"ids": tokens} if ids else {})}
    print_result(streams, as_json, fields, [" ".join(map(str, tokens)) if ids else str(len(tokens))])
