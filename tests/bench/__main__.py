"""`python -m tests.bench NAME`: measure, print the table, write it as JSON. A missed floor is shown, and no failure."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tests.bench import places
from tests.bench.places import BENCH
from tests.bench.report import Report

BENCHES = {
    "cold": "a one-shot from the start to the first byte and to the end, against llm",
    "speed": "reading and writing through the worker, against the bare loop and the library",
    "help": "quoth --help against the bare interpreter",
    "memory": "peak memory of all processes against the model file",
    "tui": "the chat app in a terminal: first paint, echo, frames, tokens/s",
    "store": "the history with 100 conversations of 1,000 turns: list, search, a long path",
    "answers": "questions over documents: retrieval, right answers, citations, invented answers",
    "pipes": "everyday pipes: no fences, no preamble, right; against data in fences",
    "summaries": "summaries of documents: sections covered, sentences supported, facts said, inventions, language",
    "support": "whether right sentences of summaries stay and wrong ones go",
    "convert": "GPT-2 124M to F16 against numpy's cast and one write; checking it; peak memory",
    "families": "peak memory of converting each of transformers' families (needs the verify extra)",
    "cancel": "stop while a long prompt is being read",
    "contention": "an answer of a 1.5B model beside busy programs, against the library",
    "proof": "what proving a way of computing costs, how far right ways differ, what a crash costs",
}


def main() -> int:
    lines = "\n".join(f"  {name:<11}{what}" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", epilog=lines, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=[*BENCHES, "all"], metavar="NAME", help="which; all for every one")
    parser.add_argument("--out", type=Path, help="the JSON file, for one benchmark (.cache/bench/NAME.json)")
    parser.add_argument(
        "--model", help="a GGUF file, or a name of the catalogue that the package index has (smollm2-135m)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many rounds (5)")
    arguments = parser.parse_args()
    names = list(BENCHES) if "all" in arguments.names else arguments.names
    if arguments.out and len(names) > 1:
        parser.error("--out goes with one benchmark")
    if arguments.model:
        places.choose_model(arguments.model)
    for name in names:
        report = Report(name)
        importlib.import_module(f"tests.bench.{name}").run(report, arguments.rounds)
        report.print()
        report.write(arguments.out or BENCH / f"{name}.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
