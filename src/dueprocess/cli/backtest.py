"""What `due policy backtest` does and prints. Deciding again is `analysis.backtest`'s matter; the verb stands with its siblings."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from dueprocess.analysis.recorded import Again
from dueprocess.cli.exits import Exit
from dueprocess.cli.inputs import read_input, since_instant
from dueprocess.cli.output import print_json, print_table, tell
from dueprocess.policy import Verdict
from dueprocess.values import ZERO, Json, Money, rfc3339
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import access
from dueprocess.wiring.backtest import Backtest
from dueprocess.wiring.backtest import backtest as test_again

_DAY = len("2026-01-01")
_SHOWN = 400  # characters of a reason
_LOOSER = {Verdict.DENY: 2, Verdict.HOLD: 1, Verdict.ALLOW: 0}


def backtest(policy_path: Path, *, since: str, agent: str, directory: Path, as_json: bool) -> int:
    """Decides recorded calls again and prints what would have been otherwise."""
    with access(directory) as here:
        start = since_instant(since, now=here.shell.clock.now())
        found = test_again(here.shell, read_input(policy_path), name=policy_path.name, agent=agent, since=start)
    if as_json:
        print_json(_json(found))
    else:
        _print(found)
    return Exit.OK


def _changed(found: Backtest, *, looser: bool) -> list[Again]:
    """The calls decided otherwise, one way or the other."""
    return [
        each
        for each in found.again
        if each.after is not each.recorded.decision
        and (_LOOSER[each.after] < _LOOSER[each.recorded.decision]) is looser
    ]


def _turns(found: Backtest) -> Counter[tuple[Verdict, Verdict]]:
    return Counter((each.recorded.decision, each.after) for each in found.again)


def _days(found: Backtest) -> dict[str, tuple[int, int]]:
    """How many calls a day were held, then and under the other policy."""
    days: dict[str, tuple[int, int]] = {}
    for each in found.again:
        day = rfc3339(each.recorded.at)[:_DAY]
        then, now = days.get(day, (0, 0))
        held = then + (each.recorded.decision is Verdict.HOLD), now + (each.after is Verdict.HOLD)
        days[day] = held
    return {day: held for day, held in sorted(days.items()) if any(held)}


def _money(again: Iterable[Again]) -> Money:
    return sum((each.amount for each in again if each.amount is not None), start=ZERO)


def _exposed(found: Backtest) -> tuple[Money, Money]:
    """The bound amounts of what runs without a person, then and under the other policy."""
    then = [each for each in found.again if each.recorded.decision is Verdict.ALLOW and not each.recorded.reused]
    return _money(then), _money(each for each in found.again if each.after is Verdict.ALLOW and not each.reused)


def _print(found: Backtest) -> None:
    tell(f"{len(found.again)} calls of {found.runs} runs since {rfc3339(found.since)}, decided again")
    for title, changed in (
        ("would have been let through or held instead of denied", _changed(found, looser=True)),
        ("would have been held or denied", _changed(found, looser=False)),
    ):
        if changed:
            click.echo(f"{len(changed)} {title}:")
            print_table([_row(each) for each in changed])
    for day, (then, now) in _days(found).items():
        click.echo(f"held on {day}: {then} then, {now} now")
    then, now = _exposed(found)
    click.echo(f"money moved without a person: {then} USD then, {now} USD now")
    unclear = [each for each in found.again if each.unclear]
    if unclear:
        click.echo(f"{len(unclear)} depend on what nobody recorded, and are decided by their other rules alone:")
        print_table(
            [
                (each.recorded.action, each.recorded.tool, visible(why, limit=_SHOWN))
                for each in unclear
                for why in each.unclear
            ]
        )
    if found.lost:
        click.echo(f"{len(found.lost)} cannot be decided from what was kept:")
        print_table([(each.action, visible(each.why, limit=_SHOWN)) for each in found.lost])
    if found.erased:
        click.echo(f"{found.erased} runs were erased; nobody can read their calls")
    if not _changed(found, looser=True) and not _changed(found, looser=False):
        tell("nothing that was decided would have been decided otherwise")


def _row(each: Again) -> tuple[str, ...]:
    turn = f"{each.recorded.decision.value} -> {each.after.value}"
    rules = ", ".join(each.rules) or ", ".join(sorted(rule for rule, _ in each.recorded.said or ()))
    money = f"{each.amount} USD" if each.amount is not None else ""
    return (each.recorded.action, visible(each.recorded.tool), turn, money, visible(rules, limit=_SHOWN))


def _json(found: Backtest) -> dict[str, Json]:
    then, now = _exposed(found)
    return {
        "agent": found.agent,
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "runs": found.runs,
        "erased_runs": found.erased,
        "calls": len(found.again),
        "decisions": [
            {"then": before.value, "now": after.value, "calls": count}
            for (before, after), count in sorted(
                _turns(found).items(), key=lambda each: (each[0][0].value, each[0][1].value)
            )
        ],
        "changed": [_told(each) for each in (*_changed(found, looser=True), *_changed(found, looser=False))],
        "held": [{"day": day, "then": held[0], "now": held[1]} for day, held in _days(found).items()],
        "money_without_a_person": {"then": then.decimal, "now": now.decimal},
        "unclear": [
            {
                "action": each.recorded.action,
                "run": each.recorded.run,
                "tool": each.recorded.tool,
                "why": [*each.unclear],
            }
            for each in found.again
            if each.unclear
        ],
        "not_decidable": [{"action": each.action, "run": each.run, "why": each.why} for each in found.lost],
    }


def _told(each: Again) -> dict[str, Json]:
    return {
        "action": each.recorded.action,
        "run": each.recorded.run,
        "at": rfc3339(each.recorded.at),
        "tool": each.recorded.tool,
        "then": each.recorded.decision.value,
        "now": each.after.value,
        "rules": [*each.rules],
        "amount_usd": each.amount.decimal if each.amount is not None else None,
    }
