"""`quoth ask` with a model that reads: evidence first, an answer that its own odds bear out, or what comes nearest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from quoth.cli.commands.ask import command
from quoth.cli.environment import Environment
from quoth.engine import Chat, Scoring
from quoth.library.model import Model
from quoth.models import ModelFile
from quoth.tasks.answers.question_answering import BUDGET
from tests.cli.commands import Outcome, run_here
from tests.scripted_engine import ScriptedAnswer, Timing
from tests.scripted_model import ScriptedEngine, ScriptedModel
from tests.tasks.texts import harbours

QUESTION = "Since which year have the people of Corley had one?"  # hardly a word of the answer's sentence
FACT = "The harbour of Corley was opened in 1802 by the council of the county."
ANSWER = "It was opened in 1802."
CITED = "[harbours.txt:5]"


def says_it(scoring: Scoring) -> float:
    """The model sees where the answer stands."""
    assert isinstance(scoring.input, Chat)
    return 5.0 if any("1802" in message.text for message in scoring.input.messages) else -1.0


@dataclass
class Desk:
    """The command with a scripted model, in a folder with a text."""

    environ: Mapping[str, str]
    answers: Sequence[ScriptedAnswer | str] = (ANSWER,) * 3
    odds: Callable[[Scoring], float] = says_it
    timing: Timing | None = None
    engines: list[ScriptedEngine] = field(default_factory=list)

    def model(self, environment: Environment) -> Model:
        engine = ScriptedEngine(self.answers, odds=self.odds, timing=self.timing, sleep=lambda seconds: None)
        # The model that the thresholds were measured with.
        engine.info = engine.info._replace(architecture="qwen2", n_params=1_543_714_304)
        self.engines.append(engine)
        return ScriptedModel(environment, ModelFile("scripted", Path("harbours.txt").absolute(), "file", 0), engine)

    def ask(self, *arguments: str) -> Outcome:
        return run_here("ask", "-f", "harbours.txt", *arguments, environ=self.environ)


@pytest.fixture
def desk(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    (tmp_path / "harbours.txt").write_text(harbours(60))
    monkeypatch.chdir(tmp_path)
    desk = Desk(environ)
    monkeypatch.setattr("quoth.cli.run.answer_citations.open_chosen_model", desk.model)
    return desk


def events(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_the_evidence_is_told_and_the_answer_is_on_stdout_with_its_quote(desk: Desk) -> None:
    outcome = desk.ask(QUESTION)
    assert outcome.code == 0
    assert outcome.out == f"{ANSWER}\n\n  “{FACT}” {CITED}\n"
    assert outcome.err.startswith("quoth: found by its words: “The harbour of Corley ")
    assert outcome.err.count("\n") == 1


def test_the_budget_that_help_names_is_the_programs_own() -> None:
    [option] = [option for option in command.params if option.name == "budget"]
    assert option.default == BUDGET


def test_where_the_model_does_not_find_it_the_nearest_is_told(desk: Desk) -> None:
    desk.odds = lambda scoring: -4.0
    outcome = desk.ask(QUESTION)
    assert (outcome.code, outcome.out) == (8, "not in the documents\n")
    assert "nearest: “The harbour of Corley " in outcome.err
    assert "--all reads all of them" in outcome.err
    assert desk.engines[0].requests == []  # nothing was written


def test_json_has_the_odds_and_what_comes_nearest(desk: Desk) -> None:
    found = json.loads(desk.ask("--json", QUESTION).out)
    assert (found["answer"], found["found"], found["nearest"]) == (ANSWER, True, [])
    assert (found["odds"], found["source_odds"]) == pytest.approx((5.0, 5.0))
    assert found["citations"][0]["quote"] == FACT
    assert found["thresholds"] == "class"
    desk.odds = lambda scoring: -4.0
    missing = json.loads(desk.ask("--json", QUESTION).out)
    assert (missing["found"], missing["citations"], missing["source_odds"]) == (False, [], None)
    assert missing["odds"] == pytest.approx(-4.0)
    assert "Corley" in missing["nearest"][0]["quote"]
    assert missing["nearest"][0]["start_line"] > 0


def test_events_come_as_lines_of_json(desk: Desk) -> None:
    outcome = desk.ask("--jsonl", QUESTION)
    found = events(outcome)
    kinds = [event["event"] for event in found]
    assert kinds[0] == "quotesfound"
    assert kinds[-1] == "answered"
    assert kinds.index("passagesread") < kinds.index("drafted")
    assert found[0]["citations"][0]["file"] == "harbours.txt"
    assert [event["text"] for event in found if event["event"] == "drafted"][-1] == ANSWER
    assert (found[-1]["answer"], found[-1]["reason"]) == (ANSWER, "stop")


def test_the_budget_bounds_what_is_read(desk: Desk) -> None:
    desk.odds, desk.timing = lambda scoring: -4.0, Timing(slice=1.0)
    read = []
    for budget in ("0", "15", "1000"):
        found = json.loads(desk.ask("--json", "--budget", budget, QUESTION).out)
        read.append(found["passages_read"])
        assert len(found["read"]) == read[-1]
    assert read[0] == 1
    assert 1 < read[1] < 8 <= read[2]
    assert desk.ask("--budget", "-1", QUESTION).code == 2
    assert desk.ask("--budget", "soon", QUESTION).code == 2


def test_all_reads_every_passage(desk: Desk) -> None:
    def only_corley(scoring: Scoring) -> float:
        assert isinstance(scoring.input, Chat)
        return 5.0 if FACT in scoring.input.messages[-1].text else -5.0

    desk.odds, desk.answers = only_corley, (ANSWER,)
    found = json.loads(desk.ask("--all", "--json", QUESTION).out)
    assert (found["answer"], found["passages_unread"]) == (ANSWER, 0)
    planned = [event for event in events(desk.ask("--all", "--jsonl", QUESTION)) if event["event"] == "readingplanned"]
    assert [event["passages"] for event in planned] == [found["passages_read"] - 3]  # by the speed of the first three
