"""Documents in parts, numbered through, each with its place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.tasks.collection import Collection, Span
from quoth.tasks.model_classes import CLASSES, model_class
from tests.scripted_engine import Scripted
from tests.tasks.texts import collection, document, harbours


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=400), max_size=4))
def test_the_parts_of_all_documents_are_their_texts(texts: list[str]) -> None:
    documents = [document(text, f"{n}.txt") for n, text in enumerate(texts)]
    parts = Collection(documents, Scripted().offsets, 20)
    for number, one in enumerate(documents):
        mine = [n for n in range(len(parts)) if parts.span(n).document == number]
        assert "".join(map(parts.text, mine)) == str(one.text)
    assert parts.tokens == sum(parts.sizes)


def test_places_and_titles_are_those_of_the_document() -> None:
    parts = collection(
        "first line\nsecond line\n", "# Boats\n\n## Herring\n\nHerring boats leave before dawn.\n", size=40
    )
    assert parts.cite(Span(0, 11, 22)) == "a.txt:2"
    assert parts.title(0) == "a.txt"
    assert parts.title(len(parts) - 1).startswith("b.md > Boats")
    assert [*parts.titled_texts()][-1].startswith("Boats\n")


def test_neighbours_are_of_the_same_document() -> None:
    parts = collection(harbours(3), harbours(3))
    for number in range(len(parts)):
        for near in parts.neighbours(number):
            assert abs(near - number) == 1
            assert parts.span(near).document == parts.span(number).document
    assert parts.neighbours(0) == (1,)


def test_headings_of_a_part_are_counted_from_its_beginning() -> None:
    parts = collection("# One\n\nText of one.\n\n# Two\n\nText of two.\n", size=200)
    assert [parts.text(0)[at:].partition("\n")[0] for at in sorted(parts.headings(0))] == ["# One", "# Two"]


def test_models_have_classes_and_a_small_context_makes_everything_smaller() -> None:
    sizes = [model_class(n) for n in (1, 1_000_000_000, 70_000_000_000)]
    assert sizes == [*CLASSES]
    for row in CLASSES:
        for n_ctx in (512, 1024, 4096, 131_072):
            fitted = model_class(int(min(row.params, 1e12)), n_ctx)
            assert fitted.part + fitted.note < n_ctx
            assert 2 * fitted.passage < n_ctx
    assert model_class(1, 131_072) == CLASSES[0]
