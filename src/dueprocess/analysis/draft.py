"""A first policy for a set of tools, as the text of a file: what the schemas alone let one guess, commented, failing closed.

What is guessed is in `guess`. Nobody has reviewed a draft, and the file says so.

Rule 1. The same tools make the same text, byte for byte.
Rule 2. Whatever a tool, argument or description is called, the text loads with these tools: names are quoted as JSON where
        they are not plain, and a tool that no policy can list is told in a comment, and so denied.
Rule 3. Nothing that would widen what may run is written as a guess: sources are untrusted, thresholds and rates are low.
        What a person may want to widen stands in comments.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dueprocess.analysis.guess import ToolGuess, Use, guess
from dueprocess.analysis.sample import sample
from dueprocess.analysis.words import DIRECTORIES, WRITTEN_BY_OTHERS, parts
from dueprocess.policy.reader import MAX_NAME
from dueprocess.tool import ToolSpec
from dueprocess.values import Json, canonical
from dueprocess.values.foreign import visible

_MAX_USD: Final = 1000  # more is denied, whoever asks; a first policy should not move more at once
_APPROVE_OVER_USD: Final = 50  # what a person need not look at
_DAY_USD: Final = 200  # of one tool in a day without a person: closes the splitting of a larger amount
_RATES: Final[Mapping[str, tuple[int, str]]] = {"write": (20, "1h"), "critical": (10, "1h")}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_NOT_PLAIN: Final = frozenset("true false null yes no on off y n inf nan".split())
_LISTABLE = re.compile(r"[^\s\x00-\x1f\x7f]+")

_HEADER: Final = """\
# A draft, made by `due policy draft` from the schemas of the tools alone. Nobody has reviewed it.
#
# Every guess fails closed: an unclear effect counts as a write, an unclear argument as one that directs the effect, every
# result of a tool as untrusted. What is guessed carries its reason in a comment: correct it where you know better.
#
# Next:
#   1  Read each tool below. Set `allowed: false` on what this agent does not need: nothing is safer.
#   2  control / bounded / content: move an argument only if a wrong value of it could not direct anything.
#   3  sources: give a label to a result only if nobody outside can write into it.
#   4  approvers, roles: nobody is named here; a hold goes to the project's group `approvers`.
#   5  due policy check, due policy test, due policy lint; then run in an environment with `mode: shadow`, and publish.
policy: 1
agent:
  max_tool_calls: 20  # a guess
  max_wall_clock_seconds: 300  # a guess
  max_model_spend_usd: 0.50  # a guess, for one run
  escalation: {on_budget_exceeded: handoff_to_human, on_tool_error_retries_exhausted: handoff_to_human}
tiers:
  read: {effect: read}
  write: {effect: write, on_untrusted_control: hold}
  critical: {effect: write, on_untrusted_control: deny}
"""


def draft(tools: Mapping[str, ToolSpec]) -> str:
    """The text of a policy for these tools (rules 1 to 3)."""
    listed = {name: guess(spec) for name, spec in sorted(tools.items()) if _listable(name)}
    lines = [_HEADER.rstrip("\n"), *_sources(listed)]
    lines.append("tools:" if listed else "tools: {}  # there is no tool: every call is denied")
    lines += [
        f"  # denied, since no policy can list it: {_ascii(name)}" for name in sorted(tools.keys() - listed.keys())
    ]
    for name, found in listed.items():
        lines += _tool(name, found)
    lines += _tests(listed)
    return "\n".join(lines) + "\n"


def _listable(name: str) -> bool:
    return _LISTABLE.fullmatch(name) is not None and len(name) <= MAX_NAME and name.isprintable()


def _sources(listed: Mapping[str, ToolGuess]) -> Iterator[str]:
    reads = {name: found for name, found in listed.items() if found.reads}
    yield "# What each read brings into the run. Untrusted: no control argument is vouched by it."
    yield "sources:" if reads else "sources: {}"
    for name, found in reads.items():
        yield f"  {_name(name)}: {{integrity: untrusted, audience: internal}}{_label(found)}"


def _label(found: ToolGuess) -> str:
    """What a person may want to write instead; in a comment, since only who knows the source can say so."""
    known = frozenset(parts(found.spec.name)) & DIRECTORIES
    if found.egress is not None:
        return "  # comes from outside: keep it untrusted; audience: public where it is"
    if frozenset(parts(found.spec.name)) & WRITTEN_BY_OTHERS:
        return "  # text that others write: keep it untrusted"
    if known:
        return f"  # '{min(known)}': integrity: directory, if only your own people write into it"
    return '  # fields: {"$.id": system_id} for ids that your own system makes'


def _tool(name: str, found: ToolGuess) -> Iterator[str]:
    yield f"  {_name(name)}:  # {found.tier.value}: {_ascii(found.tier.why)}"
    unnamed = [argument.name for argument in found.arguments if not argument.name]
    yield (
        "    allowed: false  # an argument without a name can be governed by nothing"
        if unnamed
        else "    allowed: true"
    )
    yield f"    tier: {found.tier.value}"
    if found.egress is not None:
        yield f"    egress: external  # {_ascii(found.egress)}"
    if unnamed:
        return
    if found.reads:
        if found.egress is not None:
            yield from _uses(
                found, Use.CONTROL, "what it is given leaves the house: each must be vouched in a tainted run"
            )
        return
    if found.amount is not None:
        yield from _amount(found)
    yield from _uses(found, Use.CONTROL, "each must be vouched once the run is tainted")
    yield from _uses(found, Use.BOUNDED, "not vouched, because the thresholds and limits above bound it")
    yield from _uses(
        found, Use.CONTENT, "free text; only active tokens in it (URL, e-mail, IBAN, phone) must be vouched"
    )
    count, window = _RATES[found.tier.value]
    yield f"    rate: {{count: {count}, window: {window}}}  # a guess; more is denied"


def _amount(found: ToolGuess) -> Iterator[str]:
    amount = found.amount
    if amount is None:
        return
    if amount.usd:
        yield f"    bind: {{amount: $.{amount.name}}}  # {amount.why}"
        yield f"    max_amount_usd: {_MAX_USD}  # a guess; more is denied"
    else:
        # Only held, never denied: in another currency the figure may be an everyday one.
        yield f"    bind: {{amount: $.{amount.name}}}  # {amount.why}: if it is, add max_amount_usd; if not, take this out"
    yield f"    require_approval_over_usd: {_APPROVE_OVER_USD}  # a guess; more is held for people"
    yield "    limits:"
    yield f"      - {{sum: amount, max_usd: {_DAY_USD}, per: [], window: 24h, over: hold}}  # a guess; closes splitting"


def _uses(found: ToolGuess, use: Use, meaning: str) -> Iterator[str]:
    arguments = found.arguments if found.reads else found.named(use)
    if not arguments:
        # Written even so: without the key every argument would be control, the free text too.
        if use is Use.CONTROL:
            yield "    control: []  # none directs it: in a tainted run it is held unless the task's scope names it"
        return
    yield f"    {use.value}:  # {meaning}"
    for argument in arguments:
        said = "" if argument.use is use and _usual(argument.why) else f"  # {_ascii(argument.why)}"
        yield f"      - {_name(argument.name)}{said if not found.reads else ''}"


def _usual(why: str) -> bool:
    return why in ("it directs the effect, or is unclear", "free text by its name")


def _tests(listed: Mapping[str, ToolGuess]) -> Iterator[str]:
    critical = {name: found for name, found in listed.items() if found.tier.value == "critical"}
    yield "# What the file promises; `due policy test` runs them. Add what must be held and what must run."
    yield "tests:" if critical else "tests: []"
    for name, found in critical.items():
        arguments = _arguments(found)
        if all(argument.name for argument in found.arguments) and found.amount is not None and found.amount.usd:
            arguments[found.amount.name] = _MAX_USD + 1
            yield from _test(f"{name}: more than {_MAX_USD} is denied", name, arguments, rule=f"{name}.max_amount_usd")
        elif not all(argument.name for argument in found.arguments):
            yield from _test(f"{name}: it is not allowed", name, arguments, rule=f"{name}.allowed")
        else:
            arguments[_undeclared([argument.name for argument in found.arguments])] = True
            yield from _test(f"{name}: an argument that it does not declare is denied", name, arguments, rule="schema")


def _test(told: str, tool: str, arguments: Mapping[str, Json], *, rule: str) -> Iterator[str]:
    call = _json({"tool": tool, "args": dict(arguments)})
    yield f"  - {{name: {_json(told)}, call: {call}, expect: {{decision: deny, rule: {_json(rule)}}}}}"


def _arguments(found: ToolGuess) -> dict[str, Json]:
    made = sample(found.spec.parameters)
    # A file nests at most 32 levels and is read by people: what is too large to be read is left out.
    fits = isinstance(made, dict) and len(canonical(made)) < 1000 and _depth(made) <= 16  # noqa: PLR2004
    return made if fits and isinstance(made, dict) else {}


def _depth(value: Json) -> int:
    below: Sequence[Json] = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, below), default=0)


def _undeclared(names: Sequence[str]) -> str:
    free = "undeclared"
    while free in names:
        free += "_"
    return free


def _name(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return json.dumps(text)


def _json(value: Json) -> str:
    # In ASCII: what a name holds beyond it is written as an escape, and cannot make the file look other than it reads.
    return "".join(each if " " <= each <= "~" else json.dumps(each)[1:-1] for each in canonical(value))


def _ascii(text: str) -> str:
    return visible(text, limit=200).encode("ascii", "backslashreplace").decode()
