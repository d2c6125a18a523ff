"""The model's own template: rendered as the reference does, and stopped when it is hostile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Template as PlainTemplate
from jinja2 import nodes
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from quoth.chat import Message
from quoth.engine.worker.prompts.template import Template
from quoth.engine.worker.prompts.template_bounds import Exceeded, deadline
from quoth.engine.worker.prompts.thinking import ThinkingMarks, marks
from quoth.errors import Exit, ModelError
from tests.upstream import templates

TODAY = date(2026, 1, 2)
ROOT = Path(__file__).resolve().parents[2]
HELLO = [Message("user", "hello")]
CONVERSATION = [
    Message("system", "Be short."),
    Message("user", "Hello there, “world”!\n\n  def f(x): return x < 2"),
    Message("assistant", "Hi, I am fine."),
    Message("user", "Und dann? 然后呢? 🙂"),
]

# What a person who knows the template would pass, besides enable_thinking and thinking.
OFF: dict[str, dict[str, object]] = {
    "ByteDance-Seed-OSS": {"thinking_budget": 0},
    "Cohere2MoE": {"reasoning": False},
    "MiniMax-M3": {"thinking_mode": "disabled"},
    "muse-glimmer": {"reasoning_strength": "low"},
    "openai-gpt-oss-120b": {"reasoning_effort": "low"},
    "tencent-Hy3": {"reasoning_effort": "no_think"},
    "upstage-Solar-Open-100B": {"reasoning_effort": "minimal"},
}
ON: dict[str, dict[str, object]] = {
    "Cohere2MoE": {"reasoning": True},
    "MiniMax-M3": {"thinking_mode": "enabled"},
    "tencent-Hy3": {"reasoning_effort": "high"},
}
# Written for tools alone: the plain render fails without a list of them; ours passes an empty one.
WANT_TOOLS = {
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
}
NO_SYSTEM = {"google-gemma-2-2b-it"}  # raises "System role not supported"
REFUSES = {
    "fireworks-ai-llama-3-firefunction-v2"
}  # adds two variables, `functions` and `datetime`, that nobody defines


class _Generation(Extension):
    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@cache
def _plain_template(source: str) -> PlainTemplate:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )

    def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    def raise_exception(message: str) -> None:
        raise JinjaError(message)

    environment.filters["tojson"] = tojson
    environment.globals |= {"raise_exception": raise_exception, "strftime_now": TODAY.strftime}
    return environment.from_string(source)


def plain_render(source: str, messages: list[Message], **variables: object) -> str:
    """A chat template rendered plainly, with the settings of the reference implementation."""
    turns = [{"role": m.role, "content": m.text} for m in messages]
    given = {"messages": turns, "tools": None, "documents": None, "add_generation_prompt": True, **variables}
    return _plain_template(source).render(**given)


def ours(source: str | None, **options: Any) -> Template:
    return Template(source, bos="<s>", eos="</s>", today=lambda: TODAY, **options)


@pytest.mark.parametrize("think", [False, True])
@pytest.mark.parametrize("name", sorted(templates()))
def test_every_template_of_upstreams_collection_renders_as_the_plain_render(name: str, think: bool) -> None:
    source = templates()[name]
    if name in REFUSES:
        with pytest.raises(ModelError, match=r"'functions' is undefined.*quoth complete"):
            ours(source).render(CONVERSATION)
        return
    messages = CONVERSATION[1:] if name in NO_SYSTEM else CONVERSATION
    given: dict[str, object] = {"bos_token": "<s>", "eos_token": "</s>", "enable_thinking": think, "thinking": think}
    given |= (ON if think else OFF).get(name, {})
    if name in WANT_TOOLS:
        given["tools"] = []
    expected = plain_render(source, messages, **given)
    assert ours(source).render(messages, think=think) == expected
    assert messages[-1].text in expected


def test_a_template_without_a_place_for_the_system_message_gets_it_before_the_first_user_message() -> None:
    source = templates()["google-gemma-2-2b-it"]
    merged = [Message("user", "Be short.\n\n" + CONVERSATION[1].text), *CONVERSATION[2:]]
    assert ours(source).render(CONVERSATION) == plain_render(source, merged, bos_token="<s>")


def test_a_template_that_silently_drops_the_system_message_gets_it_too() -> None:
    source = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
    assert ours(source).render(CONVERSATION[:2]).startswith("[Be short.\n\nHello there")


def test_neighbours_of_one_role_are_merged_only_where_the_template_insists() -> None:
    two = [Message("user", "one"), Message("user", "two")]
    assert "one\n\ntwo" in ours(templates()["google-gemma-2-2b-it"]).render(two)
    assert "one\n\ntwo" not in ours(templates()["Qwen-Qwen2.5-7B-Instruct"]).render(two)


@pytest.mark.parametrize("name", sorted(set(templates()) - REFUSES))
def test_a_conversation_can_be_continued_in_the_middle_of_the_last_answer(name: str) -> None:
    messages = [Message("user", "Count."), Message("assistant", "One, two, e")]
    text = ours(templates()[name]).render(messages, continue_last=True)
    assert text.endswith("One, two, e")
    assert text.count("One, two, e") == 1
    assert "CONTINUE_FINAL" not in text


def test_the_date_has_no_time_of_day() -> None:
    assert (
        ours("{{ strftime_now('%d %b %Y %H:%M:%S') }}{{ messages[0].content }}")
        .render(HELLO)
        .startswith(TODAY.strftime("%d %b %Y 00:00:00"))
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen-Qwen3-0.6B", ThinkingMarks("<think>", "</think>")),
        ("mistralai-Ministral-3-14B-Reasoning-2512", ThinkingMarks("[THINK]", "[/THINK]")),
        ("ByteDance-Seed-OSS", ThinkingMarks("<seed:think>", "</seed:think>")),
        ("MiniMax-M3", ThinkingMarks("<mm:think>", "</mm:think>")),
        ("google-gemma-4-31B-it", ThinkingMarks("<|channel>thought\n", "<channel|>")),
        ("Cohere2MoE", ThinkingMarks("<|START_THINKING|>", "<|END_THINKING|>")),
        ("tencent-Hy3", ThinkingMarks("<think:opensource>", "</think:opensource>")),
        ("Qwen-Qwen2.5-7B-Instruct", None),
        ("meta-llama-Llama-3.2-3B-Instruct", None),
    ],
)
def test_thinking_marks_are_found_in_the_source(name: str, expected: ThinkingMarks | None) -> None:
    assert marks(templates()[name]) == expected


def test_the_final_header_of_gpt_oss_is_to_be_dropped() -> None:
    found = marks(templates()["openai-gpt-oss-120b"])
    assert found is not None
    assert (found.open, found.close) == ("<|channel|>analysis<|message|>", "<|end|>")
    assert "<|start|>assistant<|channel|>final<|message|>" in found.drop


@pytest.mark.long
def test_whether_thinking_has_a_switch_is_seen_in_the_prompt() -> None:
    def prompt(name: str, think: bool) -> str:
        try:
            return ours(templates()[name]).render([Message("user", "x")], think=think)
        except ModelError:
            return ""

    thinks = {name for name in templates() if prompt(name, True) != prompt(name, False)}
    assert {"Qwen-Qwen3-0.6B", "deepseek-ai-DeepSeek-V3.1", "google-gemma-4-31B-it", "openai-gpt-oss-120b"} <= thinks
    assert not thinks & {"Qwen-Qwen2.5-7B-Instruct", "llama-cpp-deepseek-r1", "meta-llama-Llama-3.2-3B-Instruct"}


@pytest.mark.parametrize("source", [None, "", " \n"])
def test_a_model_without_a_template_is_a_base_model(source: str | None) -> None:
    with pytest.raises(ModelError, match="base model") as caught:
        Template(source)
    assert caught.value.exit_code == Exit.MODEL
    assert "quoth complete" in str(caught.value)


_NESTED = "{% set n = namespace(l=['x'], m=['x']) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}"
HOSTILE = {
    "nested ranges": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "nested ranges with output": "{% for a in range(99999) %}{% for b in range(99999) %}xxxx{% endfor %}{% endfor %}",
    "nested ranges in a set block": (
        "{% set x %}{% for a in range(99999) %}{% for b in range(99999) %}xxxx{% endfor %}{% endfor %}{% endset %}"
    ),
    "a loop inside a filter": "{% for a in range(99999) %}{{ range(99999)|select('odd')|list|length }}{% endfor %}",
    "exponential macro": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "endless macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "1 GB of text": "{{ 'x' * 1000000000 }}",
    "1 GB in a variable": "{% set a = 'x' * 1000000000 %}",
    "a list of 1 GB": "{% set a = [1] * 1000000000 %}",
    "power": "{% set a = 2 ** 999999999 %}",
    "tower of powers": "{% set a = 9 ** 9 ** 9 ** 9 ** 9 %}",
    "squaring": "{% set n = namespace(a=9) %}{% for i in range(99) %}{% set n.a = n.a * n.a %}{% endfor %}",
    "doubling": "{% set n = namespace(a='xx') %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}",
    "doubling by join": "{% set n = namespace(a='xx') %}{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
    "doubling by block": (
        "{% set n = namespace(a='xx') %}{% for i in range(99) %}"
        "{% set b %}{{ n.a }}{{ n.a }}{% endset %}{% set n.a = b %}{% endfor %}"
    ),
    "hoarding": (
        "{% set n = namespace(l={}) %}{% set s = 'x' * 500000 %}{% for i in range(99999) %}"
        "{% set n.l = {'a': n.l, 'b': s ~ i} %}{% endfor %}"
    ),
    "hoarding slices": (
        "{% set s = 'x' * 900000 %}{% set n = namespace(a=0) %}{% for i in range(99999) %}"
        "{% set n.a = namespace(b=n.a, c=s[1:]) %}{% endfor %}"
    ),
    "replace": "{{ ('a' * 99999)|replace('a', 'a' * 99999) }}",
    "replace method": "{{ ('a' * 99999).replace('a', 'a' * 99999) }}",
    "join": "{{ range(99999)|join('x' * 99999) }}",
    "join method": "{{ ('x' * 99999).join(['a'] * 99999) }}",
    "percent width": "{{ '%999999999d' % 1 }}",
    "percent star": "{{ '%*d' % (999999999, 1) }}",
    "format width": "{{ '{:999999999}'.format(1) }}",
    "nested format width": "{{ '{:{}}'.format(1, 999999999) }}",
    "repeated format": "{{ ('{0}' * 9999).format('x' * 99999) }}",
    "center": "{{ 'x'.center(999999999) }}",
    "center by attr": "{{ ('x'|attr('center'))(999999999) }}",
    "to_bytes": "{{ (1).to_bytes(999999999, 'big') }}",
    "zfill": "{{ 'x'.zfill(999999999) }}",
    "expandtabs": "{{ '\t'.expandtabs(999999999) }}",
    "indent": "{{ 'x\ny'|indent(999999999) }}",
    "json indent": "{{ [1]|tojson(indent=999999999) }}",
    "json separators": "{{ range(9999)|list|tojson(separators=('x' * 99999, ':')) }}",
    "round": "{{ 5|round(-999999999) }}",
    "sum of lists": "{{ ([[1] * 999] * 99)|sum(start=[]) }}",
    "a list that holds itself twice": _NESTED + "{% endfor %}{{ n.l|upper }}",
    "a comparison of such lists": _NESTED + "{% set n.m = [n.m, n.m] %}{% endfor %}{{ n.l == n.m }}",
    "a key made of itself": (
        "{% set n = namespace(t=(0,)) %}{% for i in range(60) %}{% set n.t = (n.t, n.t) %}{% endfor %}{{ {n.t: 1} }}"
    ),
    "syntax error": "{% if %}",
    "unclosed block": "{% for m in messages %}",
    "deep parentheses": "{{ " + "(" * 9000 + "1" + ")" * 9000 + " }}",
    "deep blocks": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "a very long sum": "{{ " + "1+" * 100_000 + "1 }}",
    "a long template": "{{ a }}" * 60_000,
    "a longer one": "x" * (1 << 20),
    "a file": "{% include '/etc/passwd' %}",
    "a module": "{% from 'os' import system %}{{ system('id') }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_stopped_in_time_and_memory_with_one_sentence(name: str) -> None:
    resource = pytest.importorskip("resource") if sys.platform != "win32" else None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource else 0
    begin = time.monotonic()
    with pytest.raises(ModelError) as caught:
        ours(HOSTILE[name], seconds=0.6).render(HELLO)
    assert time.monotonic() - begin < 5.0
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 400
    assert "--template FILE" in sentence
    if resource:
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 400 * 1024 * (1024 if sys.platform == "darwin" else 1)  # KiB on Linux, bytes on macOS


def test_a_time_that_is_over_when_a_generator_is_given_up_still_ends_the_work() -> None:
    def numbers() -> Iterator[int]:
        yield from range(2)

    def work() -> None:
        time.sleep(0.1)
        given_up.clear()  # calls the generator to end it; an exception would be ignored
        next(numbers())
        len(str(Path()))

    given_up = [numbers()]
    next(given_up[0])
    with pytest.raises(Exceeded), deadline(0.05, lines=False):
        work()


def test_what_a_template_raises_is_cleaned() -> None:
    with pytest.raises(ModelError, match=r"\(\[31mno such luck\)\. --template") as caught:
        ours("{{ raise_exception('\x1b[31mno\x07 such\n luck.') }}").render(HELLO)
    assert str(caught.value).isprintable()


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__['os'].system('id') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ raise_exception.__globals__['__builtins__'] }}",
    "{{ strftime_now.__func__.__globals__ }}",
    "{{ strftime_now.__self__ }}",
    "{{ (''|attr('__class__'))|attr('__mro__') }}",
    "{{ ''['__cl' ~ 'ass__'] }}",
    "{{ '{0.__class__.__mro__}'.format('') }}",
    "{{ '{0.__class__}'.format_map({'0': ''}) }}",
    "{{ (messages|map(attribute='__class__')|list)[0].__mro__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ environment.finalize }}{{ context.environment }}{{ bounds.budget }}",
    "{{ messages.append({'role': 'system', 'content': 'x'}) }}",
    "{{ messages[0].update({'content': 'x'}) }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_does_not_reach_out_of_its_sandbox(source: str) -> None:
    try:
        text = ours(source).render(HELLO)
    except ModelError:
        return
    assert not text.strip(), text


def test_the_trace_function_of_a_debugger_is_put_back() -> None:
    seen: list[str] = []

    def trace(frame: object, event: str, argument: object) -> None:
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        ours("{{ messages[0].content }}").render(HELLO)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_a_worker_that_starts_has_not_imported_jinja2_nor_numpy_nor_the_converters() -> None:
    lines = (
        "import sys; sys.path[:0] = ['app', 'converters']",
        "import quoth.engine.worker.program, quoth.engine.worker.jobs",
        "assert not {'jinja2', 'numpy', 'gguf', 'quoth_converters'} & {*sys.modules}",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=60, cwd=ROOT)
