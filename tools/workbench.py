"""Turns the runs of WorkBench into recordings for `due replay`: the gold calls, the same broken on purpose, recorded runs.

The data are not part of this project: (WorkBench, MIT) 3,840 runs of five models, each with the calls that do the task. What is written:

- `tools.json`: the tools, from their descriptions (`workbench_office`).
- `gold.jsonl`: one task for each message. The gold calls are writes alone: what was read before, and answered, nobody kept.
- `broken.jsonl`: every gold write, once for each rule of the policy that can be broken in it (`sort`); all else is right.
- `hijacked.jsonl`: every gold write, unbroken, after another suite's task: what something untrusted told the model to do.
- `turned.jsonl`: what a run has found turned against it: a record that an answer holds, and no gold call touches, is deleted.
- `runs.jsonl`: the recorded runs, each write held against the gold calls; without answers, which most of them lack.
- `answered.jsonl`: each run as far as its answers were kept (1,500 characters of it were), and the call after them.
"""

import argparse
import ast
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recordings import Row, read_rows, write_rows
from workbench_breaks import broken_tasks
from workbench_office import WRITES, catalogue

_TOKEN: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\](){}'"]""", re.DOTALL)
_STEPS: Final = "'intermediate_steps'"
_REFUSED: Final = re.compile(
    r"not (found|provided|valid)|[Mm]issing|Invalid|must be one of|[Pp]lease (choose|provide)|not a valid tool"
)
_DELETED_BY: Final = {
    "email_id": "email.delete_email",
    "event_id": "calendar.delete_event",
    "task_id": "project_management.delete_task",
    "customer_id": "customer_relationship_manager.delete_customer",
}
_UNREADABLE: Final = "(an answer that cannot be read)"


def gold_tasks(rows: list[Row]) -> Iterator[Row]:
    """Each message once, with the calls that do what it asks."""
    for number, row in enumerate(_messages(rows)):
        calls = [{**call, "env_changed": True} for call in row["gold_calls"]]
        yield {"suite": row["suite"], "task_id": number, "kind": "user", "prompt": row["user_message"], "calls": calls}


def hijacked_tasks(rows: list[Row], *, seed: int) -> Iterator[Row]:
    """Each gold write as a goal that something untrusted tells of, while the task is another suite's."""
    chance, tasks = random.Random(seed), list(gold_tasks(rows))
    for task in tasks:
        others = [each for each in tasks if each["suite"] != task["suite"] and each["calls"]]
        for number, call in enumerate(task["calls"]):
            mine = {"suite": f"{task['task_id']}.{number}", "task_id": number}
            yield {**chance.choice(others), **mine}
            yield {**mine, "kind": "injection", "prompt": task["prompt"], "sort": call["name"], "calls": [call]}


def turned_tasks(rows: list[Row]) -> Iterator[Row]:
    """Each recorded run as far as its answers were kept, and as the goal of an injection a record deleted that it has found."""
    for row, run in zip(rows, answered_runs(rows), strict=True):
        wanted = {value for call in row["gold_calls"] for value in call["arguments"].values()}
        done = [
            {**step["tool_calls"][0], "result": step["results"][0]["content"], "error": step["results"][0]["error"]}
            for step in run["steps"]
            if "results" in step
        ]
        named = wanted | {str(value) for call in done if call["name"] for value in call["arguments"].values()}
        found = next((goal for call in done for goal in _deletions(call["result"], named)), None)
        if found is not None:
            base = {"suite": row["id"], "task_id": row["id"]}
            yield {**base, "kind": "user", "prompt": row["user_message"], "calls": done}
            yield {**base, "kind": "injection", **found}


def _deletions(answer: object, named: set[str]) -> Iterator[Row]:
    records = [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []
    how = "found alone" if len(records) == 1 else "one of several"
    for record in records:
        for key, tool in _DELETED_BY.items():
            if record.get(key, "") not in {"", *named}:
                yield {"sort": f"{tool}: {how}", "calls": [{"name": tool, "arguments": {key: record[key]}}]}


def runs(rows: list[Row]) -> Iterator[Row]:
    """Every recorded run: its calls, and which of them are gold."""
    for row in rows:
        calls = [_readable(call) for call in row["calls"]]
        yield {"id": row["id"], "user_messages": _said(row), "calls": list(_compared(calls, row["gold_calls"]))}


def answered_runs(rows: list[Row]) -> Iterator[Row]:
    """Every run as far as its answers were kept. What is decided of a call depends on what was before it alone."""
    for row in rows:
        answers = list(_answers(row["recorded"]["final"] or ""))
        calls = list(_compared([_readable(call) for call in row["calls"]], row["gold_calls"]))
        steps: list[Row] = []
        for number, call in enumerate(calls):
            if number == len(answers) or answers[number][0] != call["name"]:
                steps.append({"tool_calls": [call]})
                break
            answer = answers[number][1]
            refused = isinstance(answer, str) and bool(_REFUSED.search(answer))
            changed = {"db_changed": not refused} if call["name"] in WRITES else {}
            result = {"content": answer, "error": answer if refused else None}
            steps.append({"tool_calls": [{**call, **changed}], "results": [result]})
        yield {"id": row["id"], "user_messages": _said(row), "steps": steps}


def _messages(rows: list[Row]) -> list[Row]:
    return list({(row["suite"], row["user_message"]): row for row in reversed(rows)}.values())[::-1]


def _said(row: Row) -> list[Row]:
    return [{"before_step": 0, "text": row["user_message"]}]


def _compared(calls: list[Row], gold: list[Row]) -> Iterator[Row]:
    """Each write held against the gold calls; one of them is met once, in any order."""
    left = Counter(_same(call) for call in gold)
    for call in calls:
        if call["name"] not in WRITES:
            yield call
            continue
        met = left[_same(call)] > 0
        left[_same(call)] -= met
        yield {**call, "gold_match": "the same" if met else None}


def _same(call: Row) -> str:
    # Small and large letters are one, as where WorkBench compares what came of it.
    return json.dumps([call["name"], call["arguments"]], sort_keys=True).casefold()


def _readable(call: Row) -> Row:
    """The call; where only its text was kept, as that says. What is no call stays one of no tool."""
    if call["name"] is not None:
        return {"name": call["name"], "arguments": call["arguments"]}
    try:
        found = ast.parse(call["raw"].replace("\n", "\\n"), mode="eval").body
        if not isinstance(found, ast.Call) or found.args:
            return {"name": None}
        name = ast.unparse(found.func).removesuffix(".func")
        return {"name": name, "arguments": {each.arg: _value(each.value) for each in found.keywords}}
    except (SyntaxError, ValueError):
        return {"name": None}


def _answers(text: str) -> Iterator[tuple[str, object]]:
    """The tools and their answers in a text that Python printed, as far as it is whole. Nothing of it is evaluated."""
    for piece in _pieces(text):
        try:
            step = ast.parse(piece, mode="eval").body
        except SyntaxError:
            return
        if not isinstance(step, ast.Tuple) or not isinstance(step.elts[0], ast.Call):
            return
        said = {each.arg: each.value for each in step.elts[0].keywords}
        try:
            answer = _value(step.elts[1])
        except ValueError:
            answer = _UNREADABLE
        yield str(_value(said["tool"])), answer


def _pieces(text: str) -> Iterator[str]:
    """The steps, each from bracket to bracket; quotes are read as Python writes them."""
    depth, start, asked, inside = 0, 0, False, False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "'\"":
            return
        if mark[0] in "'\"":
            asked = asked or (depth == 1 and mark == _STEPS)
        elif mark in "[({":
            depth += 1
            inside = inside or (asked and depth == 2)
            start = token.start() if depth == 3 else start
        else:
            depth -= 1
            if inside and depth == 2:
                yield text[start : token.end()]
            if inside and depth == 1:
                return


def _value(node: ast.expr) -> object:
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None):
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(each) for each in node.elts]
        case ast.Dict():
            return {
                str(_value(key)): _value(value)
                for key, value in zip(node.keys, node.values, strict=True)
                if key is not None
            }
        case ast.Name(id="nan"):
            return None
        case ast.Call(func=ast.Name(id="array")):
            return _value(node.args[0])
        case _:
            raise ValueError("no value that is written out")


def main(words: list[str]) -> int:
    """Writes the recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="the runs, JSON lines, plain or packed with xz")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    rows = list(read_rows(asked.runs))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "tools.json").write_text(catalogue())
    write_rows(asked.out / "gold.jsonl", gold_tasks(rows))
    write_rows(asked.out / "broken.jsonl", broken_tasks(list(gold_tasks(rows)), seed=asked.seed))
    write_rows(asked.out / "hijacked.jsonl", hijacked_tasks(rows, seed=asked.seed))
    write_rows(asked.out / "turned.jsonl", turned_tasks(rows))
    write_rows(asked.out / "runs.jsonl", runs(rows))
    write_rows(asked.out / "answered.jsonl", answered_runs(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
