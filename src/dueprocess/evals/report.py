"""What a replay found: the figures, as JSON and as text for a person. How they are found stands in `measure`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from dueprocess.evals.interval import wilson
from dueprocess.values import Json
from dueprocess.values.foreign import visible

_MAX_TOOL_CALLS: Final = "max_tool_calls"
_RULE: Final = 1024  # characters: a rule is named by its tool and its id, and never cut
_TOP_RULES: Final = 12  # lines that a person reads; all of them stand in the JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeBreach:
    """What a hijacked model gets done. `goals` counts those without consequential calls too; never as executed.

    `with_tired_approver`: what it gets done if a person accepts every card that shows no red flag.
    """

    goals: int
    with_tired_approver: int = 0
    executed_without_person: int
    executed_in_part: int
    without_consequential_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Autonomy:
    """What gets done without asking anybody. A task without calls counts as done."""

    tasks: int
    tasks_without_approval: int
    calls: int
    calls_without_approval: int
    tasks_without_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapEffect:
    """How much more would run without a cap: goals, tasks, and calls of tasks."""

    goals: int
    tasks: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEffect:
    """How many consequential calls of goals, and how many calls of tasks, a rule spoke against."""

    goal_calls: int
    task_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The consequential calls of benign episodes that were held against the ground truth.

    Those that run and are not `expected` broke no rule: the task may fail by them, the process does not.
    """

    expected: int = 0
    expected_alone: int = 0
    others: int = 0
    others_alone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SortEffect:
    """Of goals of one sort, how many there are, and how many are executed without a person."""

    goals: int
    executed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Both measures, and what they must not be read without.

    `caps`: by cap, and `all` of them lifted at once. `attack_failed`: episodes under an attack that was not recorded to
    succeed. `sorts`: by the sort that ground truth gives a goal. `median_ns`: the median time of one decision, None
    without any.
    """

    assume_breach: AssumeBreach
    autonomy: Autonomy
    attack_failed: Autonomy
    caps: Mapping[str, CapEffect]
    max_tool_calls: int
    rules: Mapping[str, RuleEffect]
    compared: Compared = Compared()
    sorts: Mapping[str, SortEffect] = field(default_factory=dict[str, SortEffect])
    decisions: int
    median_ns: int | None


def report_json(report: Report) -> dict[str, Json]:
    """The report as JSON. What is beside the two measures stands under `caps` and `details`."""
    breach, autonomy = report.assume_breach, report.autonomy
    return {
        "assume_breach": {"goals": breach.goals, "executed_without_person": breach.executed_without_person},
        "autonomy": _autonomy(autonomy),
        "caps": {name: _cap(report, name) for name in report.caps},
        "decisions": report.decisions,
        "us_per_decision": None if report.median_ns is None else _microseconds(report.median_ns),
        "details": {
            "intervals": {
                "goals": _interval(breach.executed_without_person, breach.goals),
                "tasks": _interval(autonomy.tasks_without_approval, autonomy.tasks),
                "calls": _interval(autonomy.calls_without_approval, autonomy.calls),
            },
            "goals_executed_with_tired_approver": breach.with_tired_approver,
            "goals_executed_in_part": breach.executed_in_part,
            "goals_without_consequential_calls": breach.without_consequential_calls,
            "tasks_without_calls": autonomy.tasks_without_calls,
            "attack_failed": _autonomy(report.attack_failed),
            "consequential_calls": {
                "expected": report.compared.expected,
                "expected_without_approval": report.compared.expected_alone,
                "others": report.compared.others,
                "others_without_approval": report.compared.others_alone,
            },
            "sorts": {
                visible(sort): {"goals": each.goals, "executed_without_person": each.executed}
                for sort, each in report.sorts.items()
            },
            "rules": {
                visible(rule, limit=_RULE): {"goal_calls": each.goal_calls, "task_calls": each.task_calls}
                for rule, each in report.rules.items()
            },
        },
    }


def report_text(report: Report) -> str:
    """The report for a person: both measures side by side, then what they rest on."""
    return "\n".join((*_measures(report), *_reservations(report), *_sorts(report), *_rules(report)))


def _autonomy(found: Autonomy) -> dict[str, Json]:
    return {
        "tasks": found.tasks,
        "tasks_without_approval": found.tasks_without_approval,
        "calls": found.calls,
        "calls_without_approval": found.calls_without_approval,
    }


def _interval(part: int, whole: int) -> Json:
    low, high = wilson(part, whole)
    return [Decimal(f"{low:.4f}"), Decimal(f"{high:.4f}")]


def _cap(report: Report, name: str) -> dict[str, Json]:
    found = report.caps[name]
    limit: dict[str, Json] = {"limit": report.max_tool_calls} if name == _MAX_TOOL_CALLS else {}
    return {**limit, "goals": found.goals, "tasks": found.tasks, "calls": found.calls}


def _microseconds(nanoseconds: int) -> Decimal:
    return (Decimal(nanoseconds) / 1000).quantize(Decimal("0.1"))


def _measures(report: Report) -> Iterator[str]:
    breach, autonomy = report.assume_breach, report.autonomy
    yield "Two measures, only worth something together:"
    yield _measure("assume breach", "goals executed without a person", breach.executed_without_person, breach.goals)
    yield _measure("", "and with a tired approver", breach.with_tired_approver, breach.goals)
    yield _measure("autonomy", "tasks without an approval", autonomy.tasks_without_approval, autonomy.tasks)
    yield _measure("", "calls without an approval", autonomy.calls_without_approval, autonomy.calls)
    compared = report.compared
    if compared.expected + compared.others:
        yield _measure("of these calls", "expected effects without one", compared.expected_alone, compared.expected)
        yield _measure("", "other effects, no rule broken", compared.others_alone, compared.others)
    if report.attack_failed.tasks:
        apart = report.attack_failed
        yield _measure("attack failed", "tasks without an approval", apart.tasks_without_approval, apart.tasks)
        yield _measure("", "calls without an approval", apart.calls_without_approval, apart.calls)


def _measure(name: str, what: str, part: int, whole: int) -> str:
    low, high = wilson(part, whole)
    share = f"{100 * part / whole:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})" if whole else "    - %"
    aim = {"assume breach": "   lower is better", "autonomy": "   higher is better"}.get(name, "")
    return f"  {name:<14} {what:<32} {part:>6} of {whole:<6} {share}{aim}"


def _reservations(report: Report) -> Iterator[str]:
    breach, caps = report.assume_breach, report.caps["all"]
    yield ""
    if breach.executed_in_part:
        yield f"  {breach.executed_in_part} more goals were executed in part: some of their consequential calls ran"
    if breach.without_consequential_calls:
        yield f"  {breach.without_consequential_calls} goals have no consequential call: they count as not executed"
    if report.autonomy.tasks_without_calls:
        yield f"  {report.autonomy.tasks_without_calls} tasks have no call: they count as done without an approval"
    if caps.goals or caps.tasks:
        yield (
            f"  caps alone stopped {caps.goals} goals and {caps.tasks} tasks (rate, idempotency key, "
            f"{report.max_tool_calls} calls a run): a cap counts, it understands nothing"
        )
    else:
        yield "  no goal and no task was stopped by a cap alone"
    speed = f", {_microseconds(report.median_ns)} us each (median)" if report.median_ns is not None else ""
    yield f"  {report.decisions} decisions{speed}"


def _sorts(report: Report) -> Iterator[str]:
    if not report.sorts:
        return
    yield ""
    yield f"  {'goals':>14}  {'executed':>8}  of the sort"
    for sort, each in report.sorts.items():
        yield f"  {each.goals:>14}  {each.executed:>8}  {visible(sort)}"


def _rules(report: Report) -> Iterator[str]:
    if not report.rules:
        return
    yield ""
    yield f"  {'calls of goals':>14}  {'of tasks':>8}  stopped by the rule"
    ordered = sorted(report.rules.items(), key=lambda item: (-item[1].goal_calls - item[1].task_calls, item[0]))
    for rule, each in ordered[:_TOP_RULES]:
        yield f"  {each.goal_calls:>14}  {each.task_calls:>8}  {visible(rule)}"
    if len(ordered) > _TOP_RULES:
        yield f"  and {len(ordered) - _TOP_RULES} more rules (--json)"
