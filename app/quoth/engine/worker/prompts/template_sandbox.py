"""Jinja2's immutable sandbox with bounds on time, size and memory: a chat template is an untrusted program.

The sandbox of jinja2 keeps a template from Python's internals, but not from using all time and memory. Here no constant
is folded while compiling, every call, join, slice and operator that can make something large is weighed before or
after it runs, and a trace function looks at the clock on every line of the template's own code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from jinja2 import TemplateError, nodes, pass_context
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.filters import do_indent, do_round
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from quoth.engine.worker.prompts.template_bounds import Bounds, Exceeded

BLOATING_FILTERS = ("batch", "center", "format", "pprint", "slice", "urlize", "wordwrap", "xmlattr")
BLOATING_METHODS = frozenset(
    ("center", "encode", "expandtabs", "from_bytes", "ljust", "maketrans", "rjust", "to_bytes", "translate", "zfill")
)
_WIDE_BRACES = re.compile(r"\{[^{}]*(?:\d{4}|\{)")


class _Code(CodeGenerator):
    """Generated code in which joins, slices and literals are weighed too."""

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        self.write("environment.bounds.join((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Any) -> None:
        self._weighed(super().visit_List, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Any) -> None:
        self._weighed(super().visit_Dict, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Any) -> None:
        if node.ctx == "load":
            self._weighed(super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Any) -> None:
        if isinstance(node.arg, nodes.Slice):
            self._weighed(super().visit_Getitem, node, frame)
        else:
            super().visit_Getitem(node, frame)

    def _weighed(self, visit: Callable[[Any, Any], None], node: nodes.Node, frame: Any) -> None:
        self.write("environment.bounds.weigh(")
        visit(node, frame)
        self.write(")")


class Generation(Extension):
    """`{% generation %}` marks the assistant's words for training; it renders its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The environment that the reference implementation renders chat templates in, and bounds."""

    code_generator_class = _Code
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            cache_size=0,
            finalize=_finalize,
            extensions=[Generation, "jinja2.ext.loopcontrols"],
        )
        self.bounds = Bounds(0, 0)
        self.concat = lambda parts: self.bounds.join(parts)  # type: ignore[method-assign]  # "".join there
        self.globals["raise_exception"] = _raise_exception
        del self.globals["lipsum"]
        for name in BLOATING_FILTERS:
            del self.filters[name]
        self.filters |= {"tojson": _tojson, "sum": _sum, "round": _round}
        self.filters |= {"join": self._join, "replace": self._replace, "indent": self._indent}
        self.filters = {name: self._weighed(function) for name, function in self.filters.items()}

    def _weighed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def weighed(*arguments: Any, **named: Any) -> Any:
            return self.bounds.weigh(function(*arguments, **named))

        return weighed

    def _join(self, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
        items = [item if attribute is None else self.getitem(item, attribute) for item in value]
        self.bounds.joined(d, items)
        return str(d).join(map(str, items))

    def _replace(self, s: str, old: str, new: str, count: int | None = None) -> str:
        self.bounds.replaced(s, old, new)
        return str(s).replace(str(old), str(new), -1 if count is None else count)

    def _indent(self, s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        margin = width if isinstance(width, int) else len(width)
        self.bounds.expect(len(s) + (s.count("\n") + 1) * margin)
        return do_indent(s, width, first, blank)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr in BLOATING_METHODS and isinstance(obj, (str, bytes, int)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        if _WIDE_BRACES.search(value.__self__):
            raise Exceeded("it pads a text too far")

        @wraps(wrapped)
        def bounded(*arguments: Any, **named: Any) -> str:
            self.bounds.expect(len(value.__self__) * (1 + sum(len(a) for a in arguments if isinstance(a, str))))
            return wrapped(*arguments, **named)

        return bounded

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.bounds.operator(operator, left, right)
        return self.bounds.weigh(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        name, owner = getattr(__obj, "__name__", ""), getattr(__obj, "__self__", None)
        if isinstance(owner, (str, bytes)):
            if name == "replace":
                __self.bounds.replaced(owner, *args)
            elif name == "join" and args:
                args = (list(args[0]),)
                __self.bounds.joined(owner, args[0])
        return __self.bounds.weigh(super().call(__context, __obj, *args, **kwargs))


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """Do nothing; but that it takes the context keeps jinja2 from computing constants while it compiles."""
    return value


def _raise_exception(message: object) -> None:
    raise TemplateError(str(message))


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as the reference writes it: no escaping for HTML, letters of other scripts as they are."""
    width = indent if isinstance(indent, int) else len(indent or "")
    if width > 64 or sum(map(len, separators or ())) > 64:
        raise SecurityError("JSON is spread too wide")
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _sum(value: Iterable[Any], attribute: None = None, start: float = 0) -> float:
    if attribute is not None or not isinstance(start, (int, float)):
        raise SecurityError("only numbers can be summed")
    return sum(value, start)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    if abs(precision) > 100:
        raise SecurityError("a number can be rounded to 100 places at most")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # jinja2 checks the name itself
