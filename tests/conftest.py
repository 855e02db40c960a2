"""What holds for every test: how many examples hypothesis tries, which event loop runs, which test files were seen."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_COLLECTED = pytest.StashKey[frozenset[Path]]()

# The machine may be shared: a slow example is no wrong one.
_ANYWHERE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _ANYWHERE, max_examples=50)
# A failure on the build server must be reproducible from its log alone.
settings.register_profile("ci", _ANYWHERE, max_examples=100, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A Postgres server for this process, and how it is reached as its superuser."""
    # Here: its driver is loaded by the tests that ask for it, not by every other.
    from dueprocess.testing.postgres import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def collected_files(request: pytest.FixtureRequest) -> frozenset[Path]:
    """The files that gave at least one test, before anything was deselected."""
    return request.config.stash[_COLLECTED]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[_COLLECTED] = frozenset(item.path for item in items)
