"""A project put together: what cannot run is refused before anything runs, and the message says where."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dueprocess.errors import BadValue, DueProcessError, FileInvalid, StoreUnavailable
from dueprocess.model import Price
from dueprocess.runtime.tables import POLICIES, RELEASES
from dueprocess.values import ZERO, usd
from dueprocess.wiring.access import Access, access
from dueprocess.wiring.build import build
from dueprocess.wiring.code import Modules
from dueprocess.wiring.settings import Settings

DUE = "project: 1\nagents:\n  support: {tools: tools.py, prompt: prompt.md, policy: policy.yaml, model: 'scripted:offline.py:script'}\n"
TOOLS = '''
from dueprocess.tool import tool

@tool(effect="read")
async def look(name: str) -> str:
    """Looks."""
    return name
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "due.yaml").write_text(DUE)
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "policy.yaml").write_text("tools: {look: {allowed: true}}")
    (tmp_path / "prompt.md").write_text("You look.")
    (tmp_path / "offline.py").write_text("def script(request, run, turn): ...\nnothing = None\n")
    return tmp_path


@pytest.fixture
def here(folder: Path) -> Iterator[Access]:
    with access(folder, {}) as opened:
        yield opened


def test_an_agent_becomes_a_release_that_its_store_knows(here: Access):
    built = build(here, {})
    release = built.releases["support"]
    assert release.manifest.prompt == "You look."
    assert [tool.name for tool in release.manifest.tools] == ["look"]
    assert here.home.store.read(lambda tx: tx.get(RELEASES, here.tenant, release.digest)) is not None
    policy = here.home.store.read(lambda tx: tx.get(POLICIES, here.tenant, "support"))
    assert policy is not None
    assert (policy.digest, policy.author) == (release.policy.digest, "unknown")


def test_the_same_files_are_the_same_release_and_others_are_another(folder: Path):
    digests: list[str] = []
    for prompt in ("You look.", "You look.", "You look!"):
        (folder / "prompt.md").write_text(prompt)
        with access(folder, {}) as here:
            digests.append(build(here, {}).releases["support"].digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_project_whose_agent_plans_first_is_another_release(folder: Path):
    digests: list[str] = []
    for mode in ("tool_loop", "plan_first"):
        (folder / "due.yaml").write_text(DUE.replace("model:", f"mode: {mode}, model:"))
        with access(folder, {}) as here:
            digests.append(build(here, {}).releases["support"].digest)
    assert digests[0] != digests[1]


def test_a_digest_is_of_the_files_exact_bytes(folder: Path):
    (folder / "policy.yaml").write_bytes(b"tools: {look: {allowed: true}}\r\n")
    with access(folder, {}) as here:
        assert build(here, {}).releases["support"].manifest.policy.endswith("\r\n")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("tools.py", "import nothing_like_this", "tools.py line 1 cannot be loaded: ModuleNotFoundError"),
        ("tools.py", "x = 1\ny = x / 0", "tools.py line 2 cannot be loaded: ZeroDivisionError"),
        ("tools.py", "def (", "tools.py line 1 cannot be loaded: SyntaxError"),
        ("tools.py", "", "tools.py has no tool"),
        ("tools.py", TOOLS.replace("name: str", "name"), "ToolInvalid"),
        ("policy.yaml", "tools: {lok: {allowed: true}}", "did you mean 'look'"),
        ("policy.yaml", "", "policy.yaml does not load"),
        ("due.yaml", DUE.replace("tools.py", "tols.py"), "tols.py is not there"),
        ("due.yaml", DUE.replace("tools.py", "no.such.module"), "no.such.module is not found"),
        ("due.yaml", DUE.replace("tools.py", "tools.py:NONE"), "there is no 'NONE' in tools.py"),
        ("due.yaml", DUE.replace("prompt.md", "prompt.txt"), "prompt.txt cannot be read"),
        ("due.yaml", DUE.replace("offline.py:script", "offline.py"), "names no object"),
        ("due.yaml", DUE.replace("offline.py:script", "offline.py:nothing"), "is not a function"),
        ("due.yaml", DUE.replace("scripted:offline.py:script", "gpt-4o-mini"), "set OPENAI_API_KEY"),
        ("due.yaml", DUE.replace("model:", "workflow: offline.py:script, model:"), "expected a Workflow"),
    ],
)
def test_what_cannot_run_is_refused_with_its_place(folder: Path, file: str, content: str, said: str):
    (folder / file).write_text(content)
    with access(folder, {}) as here, pytest.raises(DueProcessError) as caught:
        build(here, {})
    assert said in str(caught.value)


@pytest.mark.parametrize("file", ["prompt.md", "policy.yaml"])
def test_a_file_that_is_not_utf8_is_told_with_its_line(folder: Path, file: str):
    (folder / file).write_bytes(b"one\ntwo \xff")
    with access(folder, {}) as here, pytest.raises(FileInvalid, match="line 2: not UTF-8"):
        build(here, {})


def test_one_name_is_one_tool_in_a_project(folder: Path):
    other = DUE.split("agents:\n")[1].replace("support", "sales").replace("tools.py", "other.py")
    (folder / "due.yaml").write_text(DUE + other)
    (folder / "other.py").write_text(TOOLS)
    with access(folder, {}) as here, pytest.raises(BadValue, match="another name="):
        build(here, {})


def test_agents_may_share_their_tools(folder: Path):
    (folder / "due.yaml").write_text(DUE + DUE.split("agents:\n")[1].replace("support", "sales"))
    with access(folder, {}) as here:
        assert set(build(here, {}).releases) == {"support", "sales"}


def test_the_environment_names_another_model_server_and_price(folder: Path):
    environment = {"DUE_MODEL": "m", "DUE_BASE_URL": "http://127.0.0.1:1/v1", "DUE_PRICE": "0.10, 0.40"}
    pytest.importorskip("pydantic_ai")
    with access(folder, environment) as here:
        built = build(here, environment)
        assert built.releases["support"].manifest.model == "m"
        assert built.shell.provider is not None
        assert built.shell.provider.price("m") == Price(input=usd("0.10"), output=usd("0.40"))
        assert built.shell.provider.price("scripted:offline.py:script") is None


def test_a_scripted_model_costs_nothing_unless_the_file_prices_it(folder: Path):
    name = "scripted:offline.py:script"
    with access(folder, {}) as here:
        provider = build(here, {}).shell.provider
        assert provider is not None
        assert provider.price(name) == Price(input=ZERO, output=ZERO)
        assert provider.price("scripted:other.py:script") is None
        assert provider.price("gpt-4o-mini") is None
    (folder / "due.yaml").write_text(DUE + f"prices: {{'{name}': {{input_usd: 1, output_usd: 2}}}}\n")
    with access(folder, {}) as here:
        provider = build(here, {}).shell.provider
        assert provider is not None
        assert provider.price(name) == Price(input=usd("1"), output=usd("2"))


@pytest.mark.parametrize("text", ["1", "a,b", "1,2,3", "-1,2"])
def test_a_price_that_cannot_be_read_is_refused(text: str):
    with pytest.raises(BadValue):
        Settings.of({"DUE_PRICE": text})


def test_a_file_named_like_a_module_takes_no_modules_place(folder: Path):
    (folder / "json.py").write_text(TOOLS)
    (tool,) = Modules(folder).tools("json.py")
    assert tool.importable == (str(folder / "json.py"), "look")
    import json

    assert json.loads("1") == 1
    # Nor in a process that begins with the search path of this one, as the hosts of tools do.
    started = f"import sys; sys.path[:] = {sys.path!r}; import json; print(json.__file__)"
    done = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, check=True)
    assert not done.stdout.startswith(str(folder))


def test_code_beside_the_project_file_can_be_imported(folder: Path):
    (folder / "shop_of_this_test.py").write_text("NAME = 'look_up'")
    (folder / "tools.py").write_text(
        "from shop_of_this_test import NAME\n" + TOOLS.replace('"read"', '"read", name=NAME')
    )
    assert [tool.name for tool in Modules(folder).tools("tools.py")] == ["look_up"]


@pytest.mark.parametrize("listed", ["[look]", "(look,)", "{'look': look}", "look"])
def test_tools_may_be_named_instead_of_found(folder: Path, listed: str):
    (folder / "tools.py").write_text(TOOLS + f"\nTOOLS = {listed}")
    assert [tool.name for tool in Modules(folder).tools("tools.py:TOOLS")] == ["look"]


def test_what_is_no_tool_among_the_named_is_refused(folder: Path):
    (folder / "tools.py").write_text(TOOLS + "\nTOOLS = [look, look.function]")
    with pytest.raises(DueProcessError, match="decorate the function"):
        Modules(folder).tools("tools.py:TOOLS")


def test_a_folder_that_is_no_project_becomes_none(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StoreUnavailable, match="due init"), access(folder, {}):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_told(folder: Path):
    (folder / ".due").mkdir()
    (folder / ".due" / "ledger.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnavailable), access(folder, {}):
        pass


def test_another_key_encryption_key_opens_nothing(folder: Path):
    with access(folder, {}):
        pass
    with pytest.raises(DueProcessError, match="key-encryption key"), access(folder, {"DUE_KEK": "A" * 43 + "="}):
        pass
    (folder / ".due" / "kek").write_bytes(b"x" * 32)
    with pytest.raises(DueProcessError, match="key-encryption key"), access(folder, {}):
        pass


def test_a_store_by_itself_is_opened_without_a_project(folder: Path):
    with access(folder, {}):
        pass
    with access(folder / ".due", {}) as here:
        assert here.project is None
        with pytest.raises(StoreUnavailable, match=r"due\.yaml is not there"):
            build(here, {})


SUB = """    sub_agents:
      finder: {prompt: finder.md, describe: Finds., tools: [look], MORE}
"""
BLOCK = DUE.replace("{tools: tools.py", "\n    tools: tools.py").replace(", ", "\n    ").replace("}", "")


def with_sub_agent(folder: Path, more: str = "max_turns: 3", **changed: str) -> None:
    text = BLOCK + SUB.replace("MORE", more)
    for old, new in changed.items():
        text = text.replace(old, new)
    (folder / "due.yaml").write_text(text)
    (folder / "finder.md").write_text("Find it.")


def test_a_sub_agent_is_part_of_its_agent_s_release(folder: Path):
    with_sub_agent(folder)
    with access(folder, {}) as here:
        release = build(here, {}).releases["support"]
    finder = release.config.sub_agents["finder"]
    assert (finder.prompt, finder.tools, finder.model, finder.max_turns) == ("Find it.", ("look",), "", 3)
    (folder / "finder.md").write_text("Find it!")
    with access(folder, {}) as here:
        assert build(here, {}).releases["support"].digest != release.digest


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"[look]": "[look, see]"},
            "line 9: agents.support.sub_agents.finder.tools: sub-agent finder has 'see'; expected tools of its agent alone: look",
        ),
        ({"finder:": "look:"}, "look is a tool of its agent; expected another name for the sub-agent"),
        ({"finder:": "ask_clarification:"}, "ask_clarification can be asked for by every agent"),
        ({"finder.md": "other.md"}, "other.md cannot be read"),
    ],
)
def test_a_sub_agent_that_cannot_be_is_refused_with_its_place(folder: Path, changed: dict[str, str], said: str):
    with_sub_agent(folder, **changed)
    with access(folder, {}) as here, pytest.raises(DueProcessError) as caught:
        build(here, {})
    assert said in str(caught.value)


def test_the_model_of_a_sub_agent_is_there_for_it_alone(folder: Path):
    (folder / "small.py").write_text("def script(request, run, turn): ...\n")
    with_sub_agent(folder, "model: 'scripted:small.py:script'")
    with access(folder, {}) as here:
        provider = build(here, {}).shell.provider
    assert provider is not None
    assert provider.price("scripted:small.py:script") == Price(input=ZERO, output=ZERO)
    with_sub_agent(folder, "model: gpt-4o-mini")
    with access(folder, {}) as here, pytest.raises(BadValue, match="the model gpt-4o-mini needs a server"):
        build(here, {})


def test_the_environment_s_model_is_the_sub_agents_too(folder: Path):
    (folder / "other.py").write_text("def script(request, run, turn): ...\n")
    with_sub_agent(folder, "model: gpt-4o-mini")
    environment = {"DUE_MODEL": "scripted:other.py:script"}
    with access(folder, environment) as here:
        release = build(here, environment).releases["support"]
    assert {release.manifest.model, release.config.sub_agents["finder"].model} == {"scripted:other.py:script"}
