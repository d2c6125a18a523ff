"""The library as a Python program uses it, with the real model."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import quoth as program
from quoth import Attachment, Message, Model, open_model, read_documents
from quoth.errors import InputError, ModelError, UsageError
from tests.conftest import Run

TEXT = "".join(f"On day {n} the committee met and talked about the weather of week {n * 7 % 100}.\n" for n in range(60))
FACT = "The pump of the cellar failed on the third of March because of a broken valve.\n"


@pytest.fixture
def model(installed: Path, environ: dict[str, str]) -> Iterator[Model]:
    with open_model(environ=environ, ctx=2048) as model:
        yield model


def test_text_comes_piece_by_piece_and_is_what_the_command_prints(model: Model, quoth: Run) -> None:
    answer = model.reply("What is a volcano?", max_tokens=12, temperature=0)
    pieces = [*answer]
    assert len(pieces) > 2
    assert answer.text == "".join(pieces)
    assert (answer.reason, answer.usage.generated) == ("length", 12)
    printed = quoth("What is a volcano?", "-n", "12", "-t", "0", "--ctx", "2048").stdout.decode()
    assert printed.strip() == answer.text.strip()


def test_a_conversation_and_documents_reach_the_model(model: Model) -> None:
    talk = [Message("user", "Say one word."), Message("assistant", "Sea."), Message("user", "Another one.")]
    longer = model.reply(talk, max_tokens=2, temperature=0)
    assert longer.text
    given = model.reply("What is it about?", [Attachment("notes.txt", FACT)], max_tokens=2, temperature=0)
    assert given.text
    assert longer.usage.prompt > 30
    assert given.usage.prompt > 30


@pytest.mark.parametrize(
    ("how", "text"), [("reply", "Write a long story about a lighthouse."), ("complete", "Once upon a time")]
)
def test_an_answer_that_is_cancelled_keeps_what_was_said(model: Model, how: str, text: str) -> None:
    answer = getattr(model, how)(text, max_tokens=400, temperature=0)
    first = next(answer)
    answer.cancel()
    assert answer.text.startswith(first)
    assert answer.reason == "cancelled"
    assert answer.usage.generated < 400


def test_sampling_is_passed_on_and_checked_by_the_engine(model: Model) -> None:
    schema = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert "n" in json.loads(model.reply("A number, please.", schema=schema, max_tokens=60, temperature=0).text)
    scored = model.complete("The sky is", max_tokens=3, temperature=0, logprobs=2)
    assert scored.text
    assert [len(token.top) for token in scored.logprobs] == [2, 2, 2]
    assert model.complete("Once", max_tokens=4, seed=7).text == model.complete("Once", max_tokens=4, seed=7).text


def test_tokens_are_counted_while_an_answer_is_written(model: Model) -> None:
    counted: list[int] = []
    answer = model.reply("Write a long story about a lighthouse.", max_tokens=60)
    next(answer)
    thread = threading.Thread(target=lambda: counted.append(len(model.tokens("a b c"))))
    thread.start()
    thread.join(20)
    assert counted == [3]
    assert answer.reason is None
    assert answer.text


def test_a_summary_has_sentences_with_their_sources(model: Model, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text(TEXT + FACT + TEXT)
    with read_documents(tmp_path / "report.txt") as report:
        summary = model.summarize(report, words=60)
        sentences = [*summary]
    assert sentences
    assert summary.text == "".join(one.before + one.text for one in sentences)
    assert all(str(tmp_path / "report.txt") == source.document for one in sentences for source in one.sources)
    assert summary.end is not None
    assert (summary.end.dropped, summary.end.reason) == (0, "stop")


def test_a_summary_that_is_cancelled_ends(model: Model, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text(TEXT + FACT + TEXT)
    with read_documents(tmp_path / "report.txt") as report:
        summary = model.summarize(report, words=100)
        first = next(summary)
        summary.cancel()
        assert summary.text == first.text
    assert summary.end is None


def test_questions_are_answered_by_quotes_from_documents_that_stay_open(model: Model, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text(TEXT + FACT + TEXT)
    with read_documents(tmp_path / "report.txt") as report:
        found = model.ask("When did the pump of the cellar fail?", report)
        assert found.found
        assert found.quotes[0].text.startswith(FACT.strip())
        assert found.quotes[0].source.start_line == 61
        missing = model.ask("Who painted the zebra crossing purple?", report)
        assert not missing.found
        assert (missing.text, missing.quotes) == ("", ())


def test_what_cannot_be_opened_is_an_error_of_its_own_kind(
    environ: dict[str, str], model: Model, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="there is no setting 'temprature'"):
        open_model(environ=environ, temprature=0.5)
    with pytest.raises(UsageError, match="ctx must be a whole number"):
        open_model(environ=environ, ctx="many")
    with pytest.raises(ModelError, match="no model is called 'nothing'"):
        open_model("nothing", environ=environ)
    with pytest.raises(ModelError, match="there is no model on this machine"):
        open_model(environ={**environ, "QUOTH_HOME": str(tmp_path / "empty"), "HOME": str(tmp_path / "empty")})
    with pytest.raises(InputError):
        read_documents(tmp_path / "missing.txt")
    (tmp_path / "blank.txt").write_text(" \n")
    with pytest.raises(InputError, match="has no text"):
        read_documents(tmp_path / "blank.txt")
    with pytest.raises(InputError):
        model.reply("word " * 5000).text  # noqa: B018  # it is the asking that raises


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"temperature": -3}, "temperature must be a number from 0 to 5"),
        ({"max_tokens": 0}, "max_tokens must be a whole number, 1 or more"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"logprobs": 101}, "logprobs must be a whole number from 0 to 100"),
        ({"temprature": 0.5}, "there is no option 'temprature'"),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_anything_is_computed(
    model: Model, options: dict[str, Any], why: str
) -> None:
    for method in (model.reply, model.complete):
        with pytest.raises(UsageError, match=why):
            method("Hello", **options)


def test_a_summary_of_no_length_and_a_blank_question_are_refused(model: Model, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text(TEXT)
    with read_documents(tmp_path / "report.txt") as report:
        for words in (-1, 0, 10_001):
            with pytest.raises(UsageError, match="words must be a whole number from 1 to 10,000"):
                model.summarize(report, words=words)
        with pytest.raises(UsageError, match="style must be one of prose, bullets, outline"):
            model.summarize(report, style="verse")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="there is no question"):
            model.ask("  ", report)


def test_answers_about_documents_are_greedy_unless_a_temperature_is_named(model: Model) -> None:
    assert (model.sampling().temperature, model.sampling(on_data=True).temperature) == (0.2, 0)
    answers = {model.reply("What is it about?", [Attachment("n", FACT)], max_tokens=6).text for _ in range(3)}
    assert len(answers) == 1


def test_settings_of_the_environment_count_and_those_passed_count_more(
    installed: Path, environ: dict[str, str]
) -> None:
    environ = {**environ, "QUOTH_CTX": "512", "QUOTH_TEMPERATURE": "0", "QUOTH_MAX_TOKENS": "3"}
    with open_model(environ=environ) as model:
        assert model.info.n_ctx == 512
        assert model.sampling().temperature == 0
        assert model.sampling(temperature=0.5).temperature == 0.5
        assert model.sampling(on_data=True, temperature=0.5).temperature == 0.5
        answer = model.complete("Once upon a time")
        assert answer.text
        assert answer.usage.generated == 3
    with open_model(environ=environ, ctx=1024) as model:
        assert model.info.n_ctx == 1024


def test_nothing_is_written_to_the_history(model: Model, installed: Path) -> None:
    assert model.reply("Hello", max_tokens=2).text
    assert not (installed / "data" / "history.db").exists()


def test_all_names_are_there_with_a_docstring_and_import_nothing_before() -> None:
    for name in program.__all__:
        assert (getattr(program, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="has no attribute 'open_modle'"):
        program.open_modle  # noqa: B018  # it is the asking that raises
    assert (Path(program.__file__).parent / "py.typed").exists()
    heavy = "{'quoth.library', 'quoth.engine', 'textual', 'click', 'numpy', 'llama_cpp', 'huggingface_hub', 'httpx'}"
    code = f"import quoth, sys; assert 'quoth.engine' not in sys.modules; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
    code = (
        "import sys; from quoth import open_model; print({'textual', 'click', 'numpy', 'llama_cpp'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_the_lines_of_the_readme_run(installed: Path, environ: dict[str, str], tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    section = (root / "README.md").read_text("utf-8").split("## In a Python program")[1]
    code = section.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "lines.py").write_text(code)
    run = subprocess.run(
        [sys.executable, str(tmp_path / "lines.py")], env=environ, cwd=root, capture_output=True, text=True, timeout=100
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND" in run.stdout
    assert "'LICENSE:144-152'" in run.stdout
