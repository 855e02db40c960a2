from collections.abc import Iterator
from pathlib import Path

import pytest

from dueprocess.ledger import Store
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.memory import MemoryStore
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.workbench import signing_key


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One store of each kind."""
    if request.param == "memory":
        made: Store = MemoryStore(signing_key=signing_key())
    else:
        made = SqliteStore(tmp_path / "ledger.db", keys=MemoryKeys(), signing_key=signing_key(), origin="memory")
    yield made
    made.close()
