"""`due policy` as a person or a script runs it: output, exit codes, and what bad input gets."""

import functools
import io
import json
import sys
from pathlib import Path

import pytest

from dueprocess.cli.main import due, run

POLICY = """\
tools:
  issue_refund: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25}
tests:
  - {name: 51 is denied, call: {tool: issue_refund, args: {amount_usd: 51}}, expect: {decision: deny, rule: issue_refund.max_amount_usd}}
"""
TOOLS = {
    "tools": [
        {
            "name": "issue_refund",
            "description": "Gives money back.",
            "parameters": {"type": "object", "properties": {"amount_usd": {"type": "number"}}},
            "kind": "write",
        }
    ]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))
    return tmp_path


class Command:
    """Runs `due policy` in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        def entry(*, standalone_mode: bool) -> object:
            return due.main(["policy", *(self._place(word) for word in words)], standalone_mode=standalone_mode)

        code = run(entry)
        out, err = self._capsys.readouterr()
        return int(code), out, err

    def _place(self, word: str) -> str:
        return str(self._folder / word[1:]) if word.startswith("@") else word


@pytest.fixture
def policy(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(folder, capsys)


def test_check_ends_with_0_where_the_policy_loads(policy: Command):
    code, out, err = policy("check", "@policy.yaml", "--tools", "@tools.json")

    assert (code, err) == (0, "")
    assert out.startswith("policy.yaml loads: 1 tools, digest ")
    assert policy("check", "@policy.yaml")[1].rstrip().endswith("; without --tools, arguments were not checked")


def test_check_ends_with_3_and_every_error(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("tools:\n  isue_refund: {allowed: yes}\n  issue_refund: {alowed: true}\n")

    code, out, err = policy("check", "@policy.yaml", "--tools", "@tools.json")

    assert (code, err) == (3, "")
    assert out.split("\n") == [
        "policy.yaml does not load:",
        "  line 2: tools.isue_refund: unknown tool 'isue_refund'; did you mean 'issue_refund'?",
        "  line 2: tools.isue_refund.allowed: got the text 'yes'; expected true or false",
        "  line 3: tools.issue_refund.alowed: unknown key 'alowed'; did you mean 'allowed'?",
        "  line 3: tools.issue_refund: the key allowed is missing",
        "",
    ]


def test_check_prints_json(policy: Command, folder: Path):
    code, out, _ = policy("check", "@policy.yaml", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["tools"], told["problems"], told["file"]) == (
        0,
        True,
        ["issue_refund"],
        [],
        "policy.yaml",
    )
    assert len(told["digest"]) == 64

    (folder / "policy.yaml").write_text("tool: {}")
    code, out, _ = policy("check", "@policy.yaml", "--json")
    assert (code, json.loads(out)) == (
        3,
        {
            "ok": False,
            "file": "policy.yaml",
            "problems": [{"line": 1, "path": "tool", "message": "unknown key 'tool'; did you mean 'tools'?"}],
            "warnings": [],
        },
    )


def test_check_prints_warnings_and_still_ends_with_0(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("tools: {issue_refund: {allowed: true}}")

    code, out, _ = policy("check", "@policy.yaml", "--tools", "@tools.json")
    assert code == 0
    assert out.startswith("warning: line 1: tools.issue_refund: a write without a limit")
    code, out, _ = policy("check", "@policy.yaml", "--json")
    assert json.loads(out)["warnings"][0]["path"] == "tools.issue_refund"


def test_check_compares_quorums_with_identities(policy: Command, folder: Path):
    (folder / "identities.yaml").write_text(
        'identities: 1\npeople:\n  "ann":\n    groups: ["finance"]\n    tokens: []\n'
    )
    (folder / "policy.yaml").write_text("approvers: {default: {any_of: ['group:finance'], quorum: 2}}\n" + POLICY)

    code, out, _ = policy("check", "@policy.yaml", "--identities", "@identities.yaml")
    assert code == 3
    assert "a quorum of 2 cannot be reached: these are 1 people" in out
    assert policy("check", "@policy.yaml")[0] == 0
    code, _, err = policy("check", "@policy.yaml", "--identities", "@nobody.yaml")
    assert code == 1
    assert "cannot be read: there is no such file" in err


@pytest.mark.parametrize("word", ["check", "test", "decide", "explain"])
def test_a_file_that_is_not_there_is_a_clear_error(policy: Command, word: str):
    words = {
        "check": ["check", "@none.yaml"],
        "test": ["test", "@none.yaml", "--tools", "@tools.json"],
        "decide": ["decide", "--policy", "@none.yaml", "--tools", "@tools.json", "--calls", "-"],
        "explain": ["explain", "--policy", "@none.yaml", "--tools", "@tools.json", "--call", "{}"],
    }

    code, out, err = policy(*words[word])
    assert (code, out) == (1, "")
    assert "none.yaml cannot be read: No such file or directory" in err
    assert "Traceback" not in err


def test_a_folder_is_no_file(policy: Command, folder: Path):
    (folder / "sub").mkdir()

    code, _, err = policy("check", "@sub")
    assert code == 1
    assert "cannot be read: Is a directory" in err


def decide(policy: Command, folder: Path, content: bytes, *more: str) -> tuple[int, list[str], str]:
    (folder / "calls.jsonl").write_bytes(content)
    code, out, err = policy(
        "decide", "--policy", "@policy.yaml", "--tools", "@tools.json", "--calls", "@calls.jsonl", *more
    )
    assert out == "" or out.endswith("\n")
    return code, out.splitlines(), err


def call(id_: str, amount: object) -> bytes:
    return json.dumps({"id": id_, "tool": "issue_refund", "arguments": {"amount_usd": amount}}).encode()


def test_decide_gives_one_line_for_each_line_and_ends_with_0(policy: Command, folder: Path):
    lines = [call("a", 5), b"", b"{", call("b", 30), b"\xff\xfe", call("c", 51), b"[]", call("d", 5) + b"\r", b"   "]

    code, out, err = decide(policy, folder, b"\n".join(lines) + b"\n")

    assert (code, err) == (0, "")
    told = [json.loads(line) for line in out]
    assert [each["id"] for each in told] == ["a", None, None, "b", None, "c", None, "d", None]
    decisions = " ".join(each["decision"] for each in told)
    assert decisions == "allow deny deny hold deny deny deny allow deny"
    assert all(list(each) == ["id", "decision", "findings", "run_checks"] for each in told)
    assert all(each["run_checks"] == "not_evaluated" for each in told)


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"\n\n", 2),
        (b"{}", 1),
        (b"{}\n", 1),
        (b"{}\n{}", 2),
        (b"\x0b\x0c", 1),
        ("\u2028{}\x85\x1c".encode(), 1),
    ],
)
def test_lines_end_with_a_newline_and_with_nothing_else(policy: Command, folder: Path, content: bytes, count: int):
    assert len(decide(policy, folder, content)[1]) == count


def test_the_last_line_needs_no_end(policy: Command, folder: Path):
    _, out, _ = decide(policy, folder, call("a", 5) + b"\n" + call("b", 5))

    assert [json.loads(line)["id"] for line in out] == ["a", "b"]


def test_a_line_that_is_too_long_is_one_line(policy: Command, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dueprocess.cli.policy.MAX_LINE", 100)
    monkeypatch.setattr("dueprocess.gate.line.MAX_LINE", 100)
    exact = call("ok", 5).ljust(100)

    _, out, _ = decide(
        policy, folder, b"\n".join([b'{"id": "long", ' + b" " * 500 + b"}", exact, exact + b" ", call("z", 5)])
    )

    told = [json.loads(line) for line in out]
    assert [(each["id"], each["decision"]) for each in told] == [
        ("long", "deny"),
        ("ok", "allow"),
        ("ok", "deny"),
        ("z", "allow"),
    ]


def test_decide_reads_stdin(policy: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(call("a", 5) + b"\n" + call("b", 51))))

    code, out, _ = policy("decide", "--policy", "@policy.yaml", "--tools", "@tools.json", "--calls", "-", "--json")
    assert code == 0
    assert [json.loads(line)["decision"] for line in out.splitlines()] == ["allow", "deny"]


def test_decide_says_which_environment_is_meant(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("environments: {staging: {mode: shadow}}\n" + POLICY)

    assert json.loads(decide(policy, folder, call("a", 51))[1][0])["decision"] == "deny"
    _, (line,), _ = decide(policy, folder, call("a", 51), "--environment", "staging")
    assert json.loads(line)["decision"] == "allow"
    assert [each["advisory"] for each in json.loads(line)["findings"]] == [True, True]


def test_decide_decides_nothing_under_a_policy_that_does_not_load(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("tools: {other: {allowed: true}}")

    code, out, err = decide(policy, folder, call("a", 5))
    assert (code, out) == (1, [])
    assert "unknown tool 'other'; did you mean" in err or "unknown tool 'other'; expected one of: issue_refund" in err
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tools.json").write_text("{")
    code, out, err = decide(policy, folder, call("a", 5))
    assert (code, out) == (1, [])
    assert "tools.json does not load:" in err


def test_decide_says_where_calls_cannot_be_read(policy: Command):
    code, out, err = policy("decide", "--policy", "@policy.yaml", "--tools", "@tools.json", "--calls", "@none.jsonl")

    assert (code, out) == (1, "")
    assert "none.jsonl cannot be read: No such file or directory" in err


def test_explain_shows_every_rule(policy: Command):
    words = ("explain", "--policy", "@policy.yaml", "--tools", "@tools.json", "--call", call("a", 30).decode())

    code, out, _ = policy(*words)
    assert code == 0
    assert out.startswith("hold: 'issue_refund'\n  pass   issue_refund.allowed")
    code, out, _ = policy(*words, "--json")
    assert (code, json.loads(out)["decision"]) == (0, "hold")


def test_explain_reads_stdin_and_refuses_what_is_no_call(policy: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(call("a", 5) + b"\n")))
    words = ("explain", "--policy", "@policy.yaml", "--tools", "@tools.json", "--call")

    assert policy(*words, "-")[1].startswith("allow: 'issue_refund'")
    code, out, err = policy(*words, "{")
    assert (code, out) == (1, "")
    assert "not JSON" in err


def test_test_runs_the_tests_of_the_policy(policy: Command, folder: Path):
    assert policy("test", "@policy.yaml", "--tools", "@tools.json") == (
        0,
        "pass  51 is denied\n1 of 1 tests pass\n",
        "",
    )

    (folder / "policy.yaml").write_text(POLICY.replace("decision: deny", "decision: hold"))
    code, out, _ = policy("test", "@policy.yaml", "--tools", "@tools.json")
    assert code == 3
    assert out == (
        "FAIL  51 is denied\n"
        "      line 4: got deny by issue_refund.max_amount_usd, issue_refund.require_approval_over_usd; "
        "expected hold by 'issue_refund.max_amount_usd'\n0 of 1 tests pass\n"
    )


def test_test_prints_json(policy: Command, folder: Path):
    code, out, _ = policy("test", "@policy.yaml", "--tools", "@tools.json", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["file"]) == (0, True, "policy.yaml")
    assert [each["name"] for each in told["tests"]] == ["51 is denied"]

    (folder / "policy.yaml").write_text(POLICY.replace("decision: deny", "decision: allow"))
    code, out, _ = policy("test", "@policy.yaml", "--tools", "@tools.json", "--json")
    assert (code, json.loads(out)["ok"]) == (3, False)


def test_test_without_tests_passes(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("tools: {}")

    assert policy("test", "@policy.yaml", "--tools", "@tools.json") == (0, "0 of 0 tests pass\n", "")


def test_a_missing_option_is_a_usage_error(policy: Command):
    code, _, err = policy("decide", "--policy", "@policy.yaml")
    assert code == 2
    assert "--tools" in err


def test_the_output_of_json_is_ascii(policy: Command, folder: Path):
    (folder / "policy.yaml").write_text("'tööl': {}")

    _, out, _ = policy("check", "@policy.yaml", "--json")
    assert out.isascii()
    assert json.loads(out)["problems"][0]["path"] == "tööl"


def test_no_more_of_a_file_is_read_than_tells_that_it_is_too_large(policy: Command):
    code, out, _ = policy("check", "/dev/zero")
    assert (code, "bytes; expected at most 1048576" in out) == (3, True)
    code, out, _ = policy("check", "@policy.yaml", "--tools", "/dev/zero")
    assert (code, "bytes; expected at most 16777216" in out) == (3, True)


def test_each_verb_is_summed_up_in_one_whole_line(policy: Command):
    _, out, _ = policy("--help")
    assert out.count("...") == 1, out  # that of the usage line


def test_in_a_project_the_tools_are_those_of_the_agent_whose_policy_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    due.main(["init", str(tmp_path / "shop")], standalone_mode=False)
    monkeypatch.chdir(tmp_path / "shop")
    policy = tmp_path / "shop" / "policy.yaml"
    capsys.readouterr()

    def called(*words: str) -> int:
        return run(functools.partial(due.main, args=["policy", *words], prog_name="due"))

    for words in (["test", "policy.yaml"], ["check", "policy.yaml"], ["check", str(policy), "--json"]):
        assert called(*words) == 0
    assert "without --tools" not in capsys.readouterr().out
    call = json.dumps({"id": "1", "tool": "refund", "arguments": {}})
    assert called("explain", "--policy", "policy.yaml", "--call", call) == 0
    policy.with_name("other.yaml").write_text(policy.read_text())
    assert called("test", "other.yaml") == 2
    assert "no agent's policy in a project" in capsys.readouterr().err
    policy.write_text("tools: {no_such_tool: {allowed: true}}")
    assert called("check", "policy.yaml") == 3
    (tmp_path / "shop" / "tools.py").write_text("1 / 0")
    assert called("check", "policy.yaml") == 1
    assert "tools.py line 1 cannot be loaded" in capsys.readouterr().err
