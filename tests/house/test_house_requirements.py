import re
import tomllib

import bootstrap
import pytest

HOUSE = bootstrap.House(bootstrap.ROOT)
FILES = ("uv", "build", *bootstrap.GROUPS)
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)(?: ; .+)? \\$")
PROJECT = tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_lines(group: str) -> list[str]:
    return [line for line in HOUSE.pins(group).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def pins(group: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in requirement_lines(group):
        if match := PIN.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("group", FILES)
def test_every_requirement_is_one_version_with_its_hashes(group: str):
    lines = requirement_lines(group)
    assert lines
    for before, line in zip(["", *lines], lines, strict=False):
        if PIN.match(line):
            continue
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), f"{group}: {line}"
        assert before.endswith("\\"), f"{group}: a hash of nothing: {line}"
    assert not lines[-1].endswith("\\")


@pytest.mark.parametrize("group", FILES)
def test_a_requirement_file_says_what_and_never_from_where(group: str):
    text = HOUSE.pins(group).read_text(encoding="utf-8")
    assert "://" not in text
    # One of the packages is called llama-index.
    assert "-index" not in text.replace("llama-index", "")
    assert "find-links" not in text


def test_any_groups_may_be_installed_together():
    versions: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for group in ("build", *bootstrap.GROUPS):
        for line in requirement_lines(group):
            if match := PIN.match(line):
                marker = line.partition(" ; ")[2].removesuffix(" \\")
                versions.setdefault(match[1], {}).setdefault(group, set()).add((match[2], marker))
    for name, found in versions.items():
        if len({version for told in found.values() for version, _ in told}) > 1:
            # Several versions of one name are right only when markers tell them apart, in every group the same way.
            first, *others = found.values()
            assert all(told == first for told in others), name
            assert len({marker for _, marker in first}) == len(first), name
            assert all(marker for _, marker in first), name


def test_the_base_is_what_the_project_declares():
    declared = {name_of(requirement) for requirement in PROJECT["project"]["dependencies"]}
    assert declared <= pins("base").keys()


@pytest.mark.parametrize("group", ["models", "analyze"])
def test_a_group_of_an_extra_is_that_extra(group: str):
    extra = {name_of(requirement) for requirement in PROJECT["project"]["optional-dependencies"][group]}
    assert extra <= pins(group).keys()
    assert pins("base").keys() <= pins(group).keys()


def test_the_retrievers_group_is_the_extras_of_the_shelf():
    extras = PROJECT["project"]["optional-dependencies"]
    asked = {name_of(requirement) for extra in ("pdf", "llamaindex") for requirement in extras[extra]}
    assert asked <= pins("retrievers").keys()
    assert pins("base").keys() <= pins("retrievers").keys()


def test_the_databases_group_is_the_extras_of_those_who_ask_databases():
    extras = PROJECT["project"]["optional-dependencies"]
    declared = {name_of(requirement) for extra in ("sql", "postgres") for requirement in extras[extra]}
    assert declared == {"sqlglot", "psycopg"}
    assert declared <= pins("databases").keys()
    assert pins("base").keys() <= pins("databases").keys()
    assert declared.isdisjoint(pins("base"))


@pytest.mark.parametrize("group", ["build", "test", "lint", "bench"])
def test_every_tool_asked_for_is_pinned(group: str):
    text = (HOUSE.requirements / f"{group}.in").read_text(encoding="utf-8")
    asked = {name_of(line) for line in text.splitlines() if line and not line.startswith("#")}
    assert asked <= pins(group).keys()


def test_the_base_stays_light():
    heavy = {
        "pydantic-ai-slim",
        "openai",
        "fastapi",
        "langgraph",
        "cedarpy",
        "pytest",
        "genai-prices",
        "litellm",
        "z3-solver",
    }
    assert heavy.isdisjoint(pins("base"))
    assert len(pins("base")) <= 25


def test_peers_are_needed_by_nothing_but_the_measurements():
    for group in ("base", "models", "analyze", "test", "lint"):
        assert not [name for name in pins(group) if name.startswith(("langgraph", "langchain"))], group


def test_the_project_is_built_by_the_pinned_backend():
    (required,) = PROJECT["build-system"]["requires"]
    name, _, version = required.partition("==")
    assert pins("build")[name] == {version}
