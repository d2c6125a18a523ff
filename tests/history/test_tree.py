"""Any sequence of additions, choices, forks and removals against a tree in Python, with reopenings in between."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quoth.history import History


class Trees(RuleBasedStateMachine):
    """`parents` has each turn's parent and conversation, `leaves` each conversation's leaf, `order` the changes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.history = History(self.folder / "history.db")
        self.parents: dict[int, int | None] = {}
        self.homes: dict[int, int] = {}
        self.texts: dict[int, str] = {}
        self.leaves: dict[int, int | None] = {}
        self.order: list[int] = []

    def teardown(self) -> None:
        self.history.close()
        shutil.rmtree(self.folder)

    def changed(self, home: int) -> None:
        self.order = [home, *(each for each in self.order if each != home)]

    def path(self, leaf: int | None) -> list[int]:
        found: list[int] = []
        while leaf is not None:
            found.insert(0, leaf)
            leaf = self.parents[leaf]
        return found

    @rule()
    def begin(self) -> None:
        home = self.history.new()
        self.leaves[home] = None
        self.changed(home)

    @precondition(lambda self: self.leaves)
    @rule(data=st.data(), text=st.text(max_size=8))
    def add(self, data: st.DataObject, text: str) -> None:
        home = data.draw(st.sampled_from(sorted(self.leaves)))
        parent = data.draw(st.sampled_from([None, *(turn for turn, at in self.homes.items() if at == home)]))
        turn = self.history.add(home, parent, "user", text)
        assert turn > max(self.parents, default=0)
        self.parents[turn], self.homes[turn], self.leaves[home] = parent, home, turn
        self.texts[turn] = text
        self.changed(home)

    @precondition(lambda self: self.parents)
    @rule(data=st.data())
    def select(self, data: st.DataObject) -> None:
        turn = data.draw(st.sampled_from(sorted(self.parents)))
        newest = max(each for each in self.parents if turn in self.path(each))
        assert self.history.select(turn) == newest
        self.leaves[self.homes[turn]] = newest
        self.changed(self.homes[turn])

    @precondition(lambda self: self.parents)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        turn = data.draw(st.sampled_from(sorted(self.parents)))
        fork = self.history.fork(turn)
        copies = self.history.path(fork)
        assert [each.text for each in copies] == [self.texts[each] for each in self.path(turn)]
        for copy in copies:
            self.parents[copy.id], self.homes[copy.id], self.texts[copy.id] = copy.parent, fork, copy.text
        self.leaves[fork] = copies[-1].id
        self.changed(fork)

    @precondition(lambda self: len(self.leaves) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        home = data.draw(st.sampled_from(sorted(self.leaves)))
        self.history.delete(home)
        for turn in [turn for turn, at in self.homes.items() if at == home]:
            del self.parents[turn], self.homes[turn], self.texts[turn]
        del self.leaves[home]
        self.order.remove(home)

    @rule()
    def reopen(self) -> None:
        self.history.close()
        self.history = History(self.folder / "history.db")

    @invariant()
    def is_the_same(self) -> None:
        assert [each.id for each in self.history.conversations()] == self.order
        for home, leaf in self.leaves.items():
            assert [turn.id for turn in self.history.path(home)] == self.path(leaf)
            assert {turn.id for turn in self.history.tree(home)} == {t for t, at in self.homes.items() if at == home}
        for turn, parent in self.parents.items():
            same = [each for each, of in self.parents.items() if of == parent and self.homes[each] == self.homes[turn]]
            assert self.history.siblings(turn) == sorted(same)


TestTrees = Trees.TestCase
TestTrees.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
