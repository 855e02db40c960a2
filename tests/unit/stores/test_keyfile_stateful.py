"""The key file against a dictionary: several openings of one file always tell what a dictionary would."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from dueprocess.errors import NotFound
from dueprocess.ledger.seal import Erased, Missing, RunKey
from dueprocess.stores.kek import Kek
from dueprocess.stores.keyfile import SLOT_BYTES, KeyFile

KEK = Kek(secret=b"k" * 32)
runs = st.sampled_from("abcdef")
which = st.integers(0, 2)


class Keys(RuleBasedStateMachine):
    """Three openings, as three processes would hold them, and what each run must have."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.openings = [KeyFile.open(self.folder / "keys", KEK) for _ in range(3)]
        self.expected: dict[str, RunKey | Erased] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(opening=which, wanted=st.lists(runs, max_size=4))
    def create(self, opening: int, wanted: list[str]) -> None:
        made = self.openings[opening].create(wanted)
        assert set(made) == set(wanted)
        for run, key in made.items():
            assert self.expected.setdefault(run, key) == key

    @rule(opening=which, run=runs)
    def get(self, opening: int, run: str) -> None:
        assert self.openings[opening].get(run) == self.expected.get(run, Missing(run=run))

    @rule(opening=which, run=runs)
    def erase(self, opening: int, run: str) -> None:
        if run in self.expected:
            self.openings[opening].erase(run)
            self.expected[run] = Erased(run=run)
        else:
            with pytest.raises(NotFound):
                self.openings[opening].erase(run)

    @rule(opening=which)
    def open_again(self, opening: int) -> None:
        self.openings[opening] = KeyFile.open(self.folder / "keys", KEK)

    @rule(torn=st.binary(min_size=1, max_size=SLOT_BYTES))
    def a_writer_dies_in_the_middle_of_a_slot(self, torn: bytes) -> None:
        with (self.folder / "keys").open("ab") as file:
            file.write(torn)


TestKeys = Keys.TestCase
TestKeys.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
