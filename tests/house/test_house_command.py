import subprocess
import sys

import pytest

# The modules that `due --help` loads are printed after its text. Isolated: nothing of the tests' own process is seen.
PROBE = """
import sys
from dueprocess.cli.main import main
sys.argv = ["due", "--help"]
try:
    main()
finally:
    print("MODULES", *sorted(sys.modules))
"""


@pytest.fixture(scope="module")
def shown() -> str:
    return subprocess.run([sys.executable, "-I", "-c", PROBE], capture_output=True, check=True, text=True).stdout


@pytest.fixture(scope="module")
def loaded(shown: str) -> set[str]:
    return set(shown.partition("MODULES ")[2].split())


def test_the_help_is_shown(shown: str):
    assert shown.startswith("Usage:")
    assert "dueprocess.cli.main" in shown


@pytest.mark.parametrize(
    "module",
    [
        "pydantic",
        "fastapi",
        "pydantic_ai",
        "openai",
        "genai_prices",
        "cryptography",
        "yaml",
        "jsonschema_rs",
        "msgspec",
        "rich",
        "z3",
    ],
)
def test_the_help_does_not_load_what_only_a_verb_needs(loaded: set[str], module: str):
    assert "click" in loaded
    assert module not in loaded
