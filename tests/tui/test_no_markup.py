"""No text from outside is ever parsed as markup: the source of the app is walked for what would do that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import quoth.tui

FOLDER = Path(quoth.tui.__file__).parent
ALWAYS_OFF = {"Static", "Label", "OptionList", "notify"}  # they take markup=False, for later updates too
# What parses its text and cannot be told otherwise, with the places and names of that text.
PARSING: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "Button": ((0,), ("label",)),
    "Checkbox": ((0,), ("label",)),
    "RadioButton": ((0,), ("label",)),
    "Collapsible": ((), ("title",)),
    "Tab": ((0,), ("label",)),
    "TabPane": ((0,), ("title",)),
    "Link": ((0,), ("text", "tooltip")),
    "Input": ((1,), ("placeholder",)),
    "TextArea": ((), ("placeholder",)),
    "SystemCommand": ((0, 1), ("title", "help")),
    "DiscoveryHit": ((0,), ("display", "help")),
    "Hit": ((1,), ("match_display", "help")),
}
PARSERS = {"from_markup", "to_content", "highlight", "render_markup"}
ATTRIBUTES = {"border_title", "border_subtitle", "tooltip", "label", "placeholder", "title", "sub_title"}
RENDERED = {"Content", "Text", "Strip"}
NUMERIC = tuple(",_dfeEgGn%")


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def content_functions(trees: list[ast.Module]) -> set[str]:
    """Functions that return Content by their annotation, which mypy checks."""
    functions = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if node.returns is not None and name_of(node.returns) == "Content"}


def is_safe(node: ast.expr, contents: set[str]) -> bool:
    """A literal, numbers in one, Content, or text whose brackets are escaped."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr():
            return all(is_safe(value, contents) for value in node.values)
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=str(spec))])):
            return spec.endswith(NUMERIC)  # a text in its place would raise
        case ast.BinOp(op=ast.Add()):
            return is_safe(node.left, contents) and is_safe(node.right, contents)
        case ast.IfExp():
            return is_safe(node.body, contents) and is_safe(node.orelse, contents)
        case ast.Call(func=ast.Attribute(attr="replace"), args=[ast.Constant(value="["), ast.Constant(value="\\[")]):
            return True
        case ast.Call():
            of = node.func.value if isinstance(node.func, ast.Attribute) else None
            made = name_of(of) == "Content" if of is not None else name_of(node.func) == "Content"
            return (made and name_of(node.func) not in PARSERS) or name_of(node.func) in contents
    return False


def is_off(call: ast.Call) -> bool:
    return any(
        k.arg == "markup" and isinstance(k.value, ast.Constant) and k.value.value is False for k in call.keywords
    )


def bad_call(call: ast.Call, contents: set[str]) -> str:
    name = name_of(call.func)
    if name in PARSERS:
        return f"{name} parses markup"
    if name in ALWAYS_OFF and not is_off(call):
        return f"{name} without markup=False"
    if name == "partial" and call.args and name_of(call.args[0]) in ALWAYS_OFF and not is_off(call):
        return f"{name_of(call.args[0])} without markup=False"
    places, names = PARSING.get(name, ((), ()))
    texts = [call.args[i] for i in places if i < len(call.args)]
    texts += [keyword.value for keyword in call.keywords if keyword.arg in names]
    if not all(is_safe(text, contents) for text in texts):
        return f"{name} parses a text that is no literal"
    if name == "update" and isinstance(call.func, ast.Attribute) and call.args:
        of = call.func.value
        if isinstance(of, ast.Call) and name_of(of.func) == "query_one" and not is_safe(call.args[0], contents):
            selector = of.args[0] if of.args else None
            if not (isinstance(selector, ast.Constant) and str(selector.value).split()[1:] == []):
                return "a widget that another one made is updated"
    return ""


def bad_class(node: ast.ClassDef) -> str:
    """A subclass of a widget that parses must turn that off itself."""
    if not ALWAYS_OFF & {name_of(base) for base in node.bases}:
        return ""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and name_of(each.func) == "__init__"]
    return "" if any(is_off(call) for call in calls) else f"{node.name} does not turn markup off"


def violations(tree: ast.Module, contents: set[str]) -> Iterator[tuple[int, str]]:
    """Line and sentence of everything that would parse outside text as markup."""
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                why = bad_call(node, contents)
            case ast.ClassDef():
                why = bad_class(node)
            case ast.FunctionDef(name="render") if node.returns is not None:
                why = "" if name_of(node.returns) in RENDERED else "render returns what may be a str"
            case ast.FunctionDef(name="render"):
                why = "render says not what it returns"
            case ast.Assign() | ast.AnnAssign() if node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                set_ = [t.attr for t in targets if isinstance(t, ast.Attribute)]
                named = ATTRIBUTES & set(set_)
                why = f"{min(named)} parses markup" if named and not is_safe(node.value, contents) else ""
            case _:
                continue
        if why:
            yield node.lineno, why


def test_nothing_in_the_app_parses_outside_text_as_markup() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in sources.items() if "textual" in text}  # the rest draws nothing
    assert len(trees) > 20
    contents = content_functions([*trees.values()])
    found = [
        f"{path.relative_to(FOLDER)}:{line}: {why}"
        for path, tree in trees.items()
        for line, why in violations(tree, contents)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "Static(text)",
        "Static('literal')",
        "Static(text, markup=True)",
        "widgets.Label(f'{name}', markup=flag)",
        "OptionList(*options)",
        "self.notify(str(error))",
        "call_from_thread(partial(self.notify, text))",
        "Button(title)",
        "Checkbox(label=title)",
        "Collapsible(child, title=turn.thought)",
        "Input(placeholder=f'Search {name}')",
        "Input('', name)",
        "Content.from_markup('[b]$x[/b]', x=text)",
        "Text.from_markup(text)",
        "matcher.highlight(row.title)",
        "DiscoveryHit(row.title, run)",
        "Hit(score, row.title, run)",
        "SystemCommand('Open', f'open {title}', run)",
        "view.border_title = name",
        "view.border_title = f'{name}'",
        "view.border_subtitle = f'{name:>8}'",
        "view.tooltip: str = url",
        "fold.title = turn.thought",
        "self.query_one('.thought Static', Static).update(thought)",
        "self.query_one(CollapsibleTitle).update(thought)",
        "class Line(Static): pass",
        "class Line(Static):\n def __init__(self, text): super().__init__(text)",
        "class Line(Widget):\n def render(self) -> str: return self.text",
        "class Line(Widget):\n def render(self): return self.text",
    ],
)
def test_what_parses_markup_is_found(source: str) -> None:
    tree = ast.parse(source)
    assert [*violations(tree, content_functions([tree]))]


@pytest.mark.parametrize(
    "source",
    [
        "Static(text, markup=False)",
        "self.notify(str(error), severity='error', markup=False)",
        "Button('Yes')",
        "Button(Content(title))",
        "Button(Content.styled(title, 'bold'))",
        "def head(x) -> Content: return Content(x)\nButton(head(title))",
        "fold.title = f'Reasoning, {words:,} words'",
        "SystemCommand('Open', title.replace('[', '\\\\['), run)",
        "self.query_one('.head', Static).update(text)",
        "class Line(Static):\n def __init__(self, text): super().__init__(text, markup=False)",
        "class Line(Widget):\n def render(self) -> Content: return Content(self.text)",
    ],
)
def test_what_shows_text_as_text_is_not(source: str) -> None:
    tree = ast.parse(source)
    assert [*violations(tree, content_functions([tree]))] == []
