"""The figures that keep the house easy to carry on: circles, sizes, names. What imports what is in pyproject.toml."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TREES = ("app", "converters")


def modules() -> dict[str, tuple[Path, ast.Module]]:
    """By dotted name."""
    found = {}
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT / tree).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path, ast.parse(path.read_text("utf-8"))
    return found


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[ast.ImportFrom | ast.Import]:
    """Every import that is carried out, wherever it stands."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        yield from imported(node)


def targets(tree: ast.AST) -> set[str]:
    """The modules of the project that a module imports."""
    names: set[str] = set()
    for node in imported(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif node.module:
            names.update(
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in MODULES else node.module for a in node.names
            )
    return names & MODULES.keys()


def test_no_module_imports_itself_over_others() -> None:
    left = {name: targets(tree) - {name} for name, (_, tree) in MODULES.items()}
    while ends := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ends}
    assert left == {}


def test_no_folder_has_more_than_fourteen_modules() -> None:
    sizes = Counter(path.parent for path, _ in MODULES.values() if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): size for folder, size in sizes.items() if size > 14} == {}


def test_no_module_has_more_than_four_hundred_lines_and_no_function_more_than_fifty() -> None:
    long = [name for name, (path, _) in MODULES.items() if len(path.read_text("utf-8").splitlines()) > 400]
    for name, (_, tree) in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                long += [f"{name}.{node.name}"] if node.end_lineno - node.lineno + 1 > 50 else []
    assert long == []


def test_a_class_name_stands_for_one_thing() -> None:
    names = Counter(
        node.name
        for path, tree in MODULES.values()
        if path.is_relative_to(ROOT / "app")
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_a_module_name_stands_for_one_thing() -> None:
    """A command's module has the command's name, and that alone may be another module's too."""
    names = Counter(
        path.stem
        for path, _ in MODULES.values()
        if path.is_relative_to(ROOT / "app") and path.stem != "__init__" and path.parent.name != "commands"
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_imports_stand_at_the_top_unless_they_would_slow_the_start() -> None:
    """Some 80 do: in a command's callback what it runs, elsewhere what few runs need."""
    inside = [
        name
        for name, (_, tree) in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for _ in imported(node)
    ]
    assert len(inside) < 100, Counter(inside).most_common(10)


def test_a_family_of_checkpoints_is_a_short_file() -> None:
    folder = ROOT / "converters" / "quoth_converters" / "families"
    families = {path.name: path.read_text("utf-8") for path in folder.glob("*.py")}
    lengths = {name: len(text.splitlines()) for name, text in families.items() if ": Final = Family(" in text}
    assert len(lengths) > 8
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_contributing_names_every_room_and_only_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    where = text[text.index("## Where things live") : text.index("## How to add")]
    named = re.findall(r"`((?:app|converters|tests)/[\w/.]*)`", text)
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []
    rooms = [path for path in (ROOT / "app" / "quoth").iterdir() if (path / "__init__.py").exists()]
    assert [room.name for room in rooms if f"{room.name}/" not in where] == []


def test_a_setting_or_an_option_is_a_name_and_not_a_key() -> None:
    app = {name: path.read_text("utf-8") for name, (path, _) in MODULES.items() if path.is_relative_to(ROOT / "app")}
    assert [name for name, text in app.items() if re.search(r"""(settings|values)\[["']""", text)] == []
