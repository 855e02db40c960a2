"""One call as a line of JSON, and its judgement as another. Reading files and printing is the command's matter.

Rule 1. A line is `{"id", "tool", "arguments", "principal"?, "evidence"?, "citations"?}`; any other key is an error.
Rule 2. Every line gets one answer. One that cannot be read is a deny by `parse`, with its id where the id alone can be
        read.
Rule 3. `arguments` is an object: text, lists and nothing are refused. A principal that is absent or null is nobody.
Rule 4. The answer is ASCII: whatever a caller wrote, no terminal obeys it.
Rule 5. Counters are empty here, so of the rates only one of none speaks, and of the limits one that the call alone passes.
        What needs a run (sequences, where values come from) is not asked.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from dueprocess.errors import BadValue
from dueprocess.evidence import read_chunks
from dueprocess.gate.judge import Judgement, RawCall, in_mode, judge, parse_finding
from dueprocess.gate.limits import over_limit
from dueprocess.policy import DEFAULT_ENVIRONMENT, Finding, Policy, Principal, Verdict, verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import MAX_DEPTH, Instant, Json, canonical, parse
from dueprocess.values.foreign import kind_of, quoted

MAX_LINE: Final = 16 << 20  # bytes of one line
_KEYS: Final = ("id", "tool", "arguments", "principal", "evidence", "citations")
_REQUIRED: Final = ("id", "tool", "arguments")
_MAX_NAME: Final = 1024
_MAX_CHAIN: Final = 16  # sub-agents that one call is made through; there is one level of them
_NOT_ASCII = re.compile("[^ -~]")
_NOT_EXACT = re.compile("[\ud800-\udfff\ufffd]")  # half characters, and what stands for bytes that are no text
# The id at the very start of a line that is no JSON, or nests too deep to be read leniently.
_LEADING_ID = re.compile(
    r'[ \t\r]*\{[ \t\r]*"id"[ \t\r]*:[ \t\r]*("(?:[^"\\\x00-\x1f]|\\.)*"|-?[0-9]{1,18})[ \t\r]*[,}]'
)

CallId = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """A line as read: its id, the call, and what in it is not of its form without making it unreadable."""

    id: CallId
    call: RawCall
    findings: tuple[Finding, ...] = ()


def judge_line(
    policy: Policy, tools: Mapping[str, ToolSpec], line: bytes, *, environment: str = DEFAULT_ENVIRONMENT
) -> str:
    """The answer to one line, as one line of JSON without its end (rules 2 and 4). Pure.

    Never raises for what a line holds.
    """
    try:
        read = read_line(line, environment=environment)
    except BadValue as error:
        return answer(_id_alone(line), (parse_finding(str(error)),))
    judged = judge(policy, tools, call=read.call)
    return answer(read.id, (*read.findings, *judged.findings, *beyond_empty(policy, judged, call=read.call)))


def read_line(line: bytes, *, environment: str = DEFAULT_ENVIRONMENT) -> CallLine:
    """Reads one line (rules 1 and 3).

    Raises:
        BadValue: it is not of the form.
    """
    if len(line) > MAX_LINE:
        raise BadValue(f"a line of {len(line)} bytes; expected at most {MAX_LINE}")
    value = parse(line, max_depth=MAX_DEPTH + 1)
    if not isinstance(value, dict):
        raise BadValue(f"the line is {kind_of(value)}; expected an object with {', '.join(_REQUIRED)}")
    for key in value:
        if key not in _KEYS:
            raise BadValue(f"unknown key {quoted(key)}; expected {', '.join(_KEYS)}")
    for key in _REQUIRED:
        if key not in value:
            raise BadValue(f"the key {key} is missing; expected {', '.join(_REQUIRED)}")
    number = value["id"]
    if isinstance(number, bool) or not isinstance(number, (str, int)):
        raise BadValue(f"the id is {kind_of(number)}; expected text or a whole number")
    tool = value["tool"]
    if not isinstance(tool, str):
        raise BadValue(f"the tool is {kind_of(tool)}; expected its name as text")
    arguments = value["arguments"]
    if not isinstance(arguments, dict):
        raise BadValue(f"the arguments are {kind_of(arguments)}; expected one JSON object")
    chunks, malformed = read_chunks(value.get("evidence"))
    return CallLine(
        id=number,
        call=RawCall(
            tool=tool,
            arguments=arguments,
            principal=read_principal(value.get("principal")),
            environment=environment,
            evidence=chunks,
            citations=value.get("citations"),
        ),
        findings=tuple(parse_finding(f"{entry.where}: {entry.reason}") for entry in malformed[:1]),
    )


def read_principal(value: Json) -> Principal | None:
    """Who acts, as written in a call: `{"id", "on_behalf_of"?, "through"?}`, or nobody.

    Raises:
        BadValue: it is not of the form.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadValue(f"the principal is {kind_of(value)}; expected an object with id and on_behalf_of")
    for key in value:
        if key not in ("id", "on_behalf_of", "through"):
            raise BadValue(f"unknown key {quoted(key)} of the principal; expected id, on_behalf_of and through")
    name, user = value.get("id"), value.get("on_behalf_of")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise BadValue(f"the principal's id is {kind_of(name)}; expected text such as agent:support@RELEASE")
    if user is not None and (not isinstance(user, str) or not 0 < len(user) <= _MAX_NAME):
        raise BadValue(f"on_behalf_of is {kind_of(user)}; expected text such as user:ann, or null")
    return Principal(id=name, on_behalf_of=user, through=_through(value.get("through")))


def _through(value: Json) -> tuple[str, ...]:
    named = [] if value is None else value
    if not isinstance(named, list) or len(named) > _MAX_CHAIN:
        raise BadValue(f"through is {kind_of(named)}; expected a list of at most {_MAX_CHAIN} sub-agents")
    found = tuple(each for each in named if isinstance(each, str) and 0 < len(each) <= _MAX_NAME)
    if len(found) != len(named):
        raise BadValue("through names something else than sub-agents; expected text such as agent:support/researcher")
    return found


def beyond_empty(policy: Policy, judged: Judgement, *, call: RawCall) -> tuple[Finding, ...]:
    """What speaks against a call even where every counter is empty (rule 5): a rate of none, an amount above a sum."""
    listed = policy.tools.get(call.tool)
    found: tuple[Finding, ...] = ()
    if listed is not None:
        over = (over_limit(listed, window, marks=(), now=Instant(0)) for window in judged.windows)
        found = in_mode(policy, call.environment, tuple(each for each in over if each is not None))
    return (*rate_of_none(policy, call.tool), *found)


def rate_of_none(policy: Policy, tool: str) -> tuple[Finding, ...]:
    """The finding against a tool whose rate lets no call through, empty counters or not (rule 5)."""
    listed = policy.tools.get(tool)
    if listed is None or listed.rate is None or listed.rate.count:
        return ()
    return (
        Finding(
            rule=f"{tool}.rate",
            decision=Verdict.DENY,
            reason="0 + 1 > 0 in the window; a rate of none lets no call through",
            compared={"counted": 0, "asked": 1, "limit": 0},
            always=True,
        ),
    )


def answer(call: CallId, findings: tuple[Finding, ...]) -> str:
    """The judgement of one call as one line of ASCII JSON."""
    told = ",".join(canonical(finding_json(finding)) for finding in findings)
    decision = verdict(findings).value
    text = f'{{"id":{canonical(call)},"decision":"{decision}","findings":[{told}],"run_checks":"not_evaluated"}}'
    return _NOT_ASCII.sub(_escaped, text)


def finding_json(finding: Finding) -> dict[str, Json]:
    """A finding as it is written everywhere; `advisory` only where it is."""
    told: dict[str, Json] = {
        "rule": finding.rule,
        "decision": finding.decision.value,
        "reason": finding.reason,
        "compared": dict(finding.compared),
    }
    if finding.advisory:
        told["advisory"] = True
    return told


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _id_alone(line: bytes) -> CallId:
    """The id of a line that cannot be read whole: where it occurs once at the top, or leads a line that is no JSON."""
    text = line[:MAX_LINE].decode("utf-8", "replace")
    try:
        # Objects become tuples of pairs: a key that occurs twice is seen, and no list is taken for an object.
        value: object = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        leading = _LEADING_ID.match(text)
        return _usable(json.loads(leading[1])) if leading is not None else None
    pairs = cast("tuple[tuple[str, object], ...]", value) if isinstance(value, tuple) else ()
    ids = [item for key, item in pairs if key == "id"]
    return _usable(ids[0]) if len(ids) == 1 else None


def _usable(value: object) -> CallId:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return None if isinstance(value, str) and _NOT_EXACT.search(value) else value
