"""Everyday pipes, judged by what must be so of the answer: greedy, with the data in fences and as Quoth marks it.

QUOTH_BENCH_PIPES=emails,dates runs only those; QUOTH_BENCH_VERBOSE=1 shows every answer.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Done, Engine, Piece, Sampling
from quoth.engine.client.client import Client
from quoth.tasks.reply import reply
from tests.bench import places
from tests.bench.report import Figure, Report

MOST = 240  # tokens of an answer; none of these needs so many
FENCE = "```"
MARKS = re.compile(r"</?text(-\d+)?>|\bstdin:")
PREAMBLE = re.compile(
    r"^\s*(sure|certainly|of course|here (is|are)|here's|the (following|extracted|corrected|sorted|title|dates?|emails?"
    r"|commit message|translation|text|answer|output|json)\b[^\n]{0,60}(is|are|:)|translation:|output:|answer:|title:)",
    re.IGNORECASE,
)

Right = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pipe:
    """What is piped, what is asked, and what is true of a right answer."""

    name: str
    prompt: str
    text: str
    right: Right
    bare: bool = True  # nothing but what was asked for: no "Here are the ..."
    code: bool = False  # a fence is as welcome as none


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong with an answer."""

    faults: tuple[str, ...]
    text: str
    tokens: int
    seconds: float


def has(*words: str) -> Right:
    """All of these are said, in whatever case; "|" parts words of which one is enough."""
    patterns = [re.compile("|".join(map(re.escape, word.split("|"))), re.IGNORECASE) for word in words]
    return lambda text: all(pattern.search(text) for pattern in patterns)


def lines(*expected: str) -> Right:
    """These lines and no others, whatever bullet or number stands before them."""
    return lambda text: [_bare(line) for line in _lines(text)] == [*expected]


def one_line(right: Right, most: int) -> Right:
    """One line of at most so many characters, and right."""
    return lambda text: len(_lines(text)) == 1 and len(text.strip()) <= most and right(text)


def labels(*expected: str, least: int) -> Right:
    """A line for each, and of the lines at least so many with the label expected."""

    def right(text: str) -> bool:
        found = [re.findall(r"positive|negative", line, re.IGNORECASE) for line in _lines(text)]
        same = sum(said[-1:] == [label] for said, label in zip(_lowered(found), expected, strict=False))
        return len(found) == len(expected) and all(found) and same >= least

    return right


def object_with(**fields: object) -> Right:
    """A JSON object, in a fence or not, with these values under whatever capitals."""

    def right(text: str) -> bool:
        try:
            value = json.loads(re.sub(r"^\s*```\w*\n|```\s*$", "", text))
        except ValueError:
            return False
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        said = {str(k).lower(): v for k, v in value.items()} if isinstance(value, dict) else {}
        return all(str(said.get(name)) == str(wanted) for name, wanted in fields.items())

    return right


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(FENCE)]


def _bare(line: str) -> str:
    return re.sub(r"^([-*•]|\d+[.)]) +", "", line).strip("`")


def _lowered(found: list[list[str]]) -> list[list[str]]:
    return [[label.lower() for label in said] for said in found]


MAIL = """\
From: Anna Weber <anna.weber@example.com>
To: orders@nordlicht.example
Cc: "T. Okafor" <t.okafor+inbox@mail.example.org>

Hello, the parcel has not come. Please write to me or to my colleague (lea_ruiz@example.net), who is in
the office until six. My old address anna@old.example is not read any more.
"""
NOTES = """\
The lease began on 3 March 2019 and was renewed on 2021-04-01. The roof was repaired between May 12, 2022 and
the end of that month; the last inspection took place on 17/11/2023.
"""
ENGLISH = "The museum is closed on Mondays. Children under twelve do not pay, and dogs must stay outside.\n"
CHINESE = "明天下午三点开会，请大家带上季度报告。会议室在二楼，如果迟到请提前通知王经理。\n"
DIFF = """\
diff --git a/server/upload.py b/server/upload.py
index 3f1c2aa..9b0de41 100644
--- a/server/upload.py
+++ b/server/upload.py
@@ -14,8 +14,10 @@ def receive(request):
     name = request.form["name"]
-    data = request.files["file"].read()
+    upload = request.files["file"]
+    if upload.content_length > MAX_UPLOAD_BYTES:
+        raise TooLarge(f"uploads are limited to {MAX_UPLOAD_BYTES} bytes")
+    data = upload.read()
     store(name, data)
"""
BEES = """\
Honey bees keep the temperature of the brood nest between 33 and 36 degrees. When it gets too warm, workers carry
water into the hive and fan it with their wings until it evaporates. When it gets cold they crowd together and
shiver with their flight muscles, without moving their wings. A colony burns up to thirty kilograms of honey a year
for this heating.
"""
COMPLAINT = (
    "I ordered the lamp three weeks ago, it arrived broken, and nobody answers my letters. I want my money back.\n"
)
REVIEWS = """\
Great phone, I love the camera.
The battery died after two days.
Fast delivery and friendly service.
It broke the first time I used it.
Best headphones I have ever owned.
The screen is scratched and support ignores me.
My children adore this game.
Terrible taste, I threw it away.
Works perfectly, even better than described.
A complete waste of money.
"""
SIGNS = ("positive", "negative") * 5
PERSON = "Our new neighbour, Marta Lindqvist, is 42 years old. She moved here from Uppsala and works as a nurse.\n"
SED = "sed -n '5,10p' access.log | awk '{print $1}' | sort | uniq -c\n"
TYPOS = "I definately recieved the packege yesterday, but the adress on it was completly wrong.\n"
FRUIT = "pear\nbanana\nfig\napple\ncherry\n"
SORTED = ("apple", "banana", "cherry", "fig", "pear")
TASK = "Find all files under /var/log that end in .log and are larger than 10 megabytes.\n"
SALES = "date,region,amount\n2024-01-03,north,120\n2024-01-04,south,80\n2024-01-09,north,45\n"
ADDRESSES = (
    "anna.weber@example.com",
    "orders@nordlicht.example",
    "t.okafor+inbox@mail.example.org",
    "lea_ruiz@example.net",
)

PIPES: tuple[Pipe, ...] = (
    Pipe("emails", "Extract all email addresses, one per line, nothing else.", MAIL, has(*ADDRESSES)),
    Pipe(
        "dates",
        "List every date in this text, one per line, nothing else.",
        NOTES,
        has(
            "3 March 2019|2019-03-03|3/3/2019",
            "2021-04-01|1 April",
            "May 12|2022-05-12|5/12/2022",
            "17/11/2023|2023-11-17",
        ),
    ),
    Pipe("to German", "Translate into German.", ENGLISH, has("Museum", "montag", "Kinder", "zwölf|12", "Hunde")),
    Pipe("from Chinese", "Translate into English.", CHINESE, has("tomorrow", "three|3", "quarter", "second", "Wang")),
    Pipe(
        "commit message",
        "Write a commit message of one line for this diff.",
        DIFF,
        one_line(has("upload|file|size", "limit|check|size|large|maximum"), 120),
    ),
    Pipe("title", "Give this text a title. Answer with the title only.", BEES, one_line(has("bee|hive|honey"), 100)),
    Pipe("yes or no", "Is this a complaint? Answer yes or no.", COMPLAINT, one_line(has("yes"), 8)),
    Pipe(
        "sentiment",
        "For each line say whether it is positive or negative. One word per line, nothing else.",
        REVIEWS,
        labels(*SIGNS, least=9),
    ),
    Pipe(
        "JSON",
        "Extract name, age and city of origin as a JSON object with the keys name, age and city. Only JSON.",
        PERSON,
        object_with(name="Marta Lindqvist", age=42, city="Uppsala"),
    ),
    Pipe("explanation", "Explain this command in one or two sentences.", SED, has("line", "5", "10"), bare=False),
    Pipe(
        "spelling",
        "Fix the spelling. Answer with the corrected text only.",
        TYPOS,
        lines("I definitely received the package yesterday, but the address on it was completely wrong."),
    ),
    Pipe("sorting", "Sort these lines alphabetically. Answer with the lines only.", FRUIT, lines(*SORTED)),
    Pipe("summary", "Summarize this in one sentence.", BEES, one_line(has("bee", "temperature|heat|warm"), 400)),
    Pipe(
        "shell command",
        "Write one shell command that does this. Answer with the command only.",
        TASK,
        has("find", "/var/log", ".log", "size +10"),
        code=True,
    ),
    Pipe(
        "script",
        "Write a short Python script that prints the sum of amount per region of such a file. Code only.",
        SALES,
        has(FENCE, "import|open", "region", "amount"),
        code=True,
    ),
)


def between_fences(question: str, document: Attachment) -> Message:
    """As data was marked before: as in Markdown, in a fence longer than any of the text's own."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", document.text)), default=0))
    return Message("user", f"{document.name}:\n{fence}\n{document.text.rstrip()}\n{fence}\n\n{question}")


def as_marked_now(question: str, document: Attachment) -> Message:
    return user_message(question, [document])


WAYS: dict[str, Callable[[str, Attachment], Message]] = {"fences": between_fences, "now": as_marked_now}


def judge(pipe: Pipe, text: str, reason: str) -> Iterator[str]:
    """What is wrong with an answer, in a word each."""
    if FENCE in text and not pipe.code:
        yield "fence"
    if MARKS.search(text):
        yield "marks"
    if pipe.bare and PREAMBLE.match(text):
        yield "preamble"
    if reason != "stop":
        yield reason
    if not pipe.right(text):
        yield "wrong"


def answered(engine: Engine, pipe: Pipe, message: Message) -> Verdict:
    began = time.monotonic()
    text, reason, tokens = "", "", 0
    for event in reply(engine, [message], sampling=Sampling(temperature=0.0), max_tokens=MOST):
        if isinstance(event, Piece):
            text += event.text
        elif isinstance(event, Done):
            reason, tokens = event.reason, event.usage.generated
    return Verdict(tuple(judge(pipe, text, reason)), text, tokens, time.monotonic() - began)


@dataclass(slots=True)
class Tally:
    """What became of all pipes in one way of marking data."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def share(self, fault: str = "") -> float:
        """Of the answers, those with this fault; with none named, those without any."""
        held = [fault in one.faults if fault else not one.faults for one in self.verdicts.values()]
        return sum(held) / max(1, len(held))


def run(report: Report, rounds: int) -> None:
    """One round: greedy answers do not differ."""
    wanted = os.environ.get("QUOTH_BENCH_PIPES", "").split(",")
    pipes = [pipe for pipe in PIPES if wanted == [""] or pipe.name in wanted]
    tallies = {way: Tally() for way in WAYS}
    with closing(Client(places.small_model())) as client:
        for pipe in pipes:
            for way, marked in WAYS.items():
                verdict = answered(client, pipe, marked(pipe.prompt, Attachment("stdin", pipe.text)))
                tallies[way].verdicts[pipe.name] = verdict
                if os.environ.get("QUOTH_BENCH_VERBOSE"):
                    print(f"== {pipe.name}, {way}: {', '.join(verdict.faults) or 'good'}\n{verdict.text}")
    report.notes.append(f"{'pipe':<16}" + "".join(f"{way:<26}" for way in WAYS))
    for pipe in pipes:
        cells = (", ".join(tally.verdicts[pipe.name].faults) or "good" for tally in tallies.values())
        report.notes.append(f"{pipe.name:<16}" + "".join(f"{cell:<26}" for cell in cells))
    for fault in ("", "fence", "marks", "preamble", "wrong"):
        name = f"answers with {fault}" if fault else "good answers"
        before, now = (tally.share(fault) for tally in tallies.values())
        report.figures.append(Figure(name, "share", [now], [before], "fences"))
