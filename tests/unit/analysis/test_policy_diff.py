import functools
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dueprocess.analysis.difference import Difference, NotDecided, differences
from dueprocess.analysis.structure import structural
from dueprocess.analysis.way import Way
from dueprocess.cli.main import due, run
from dueprocess.policy import Policy, Verdict, load
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json

TEXT: dict[str, Json] = {"type": "string"}
REFUND = ToolSpec(
    name="refund",
    parameters={
        "type": "object",
        "properties": {
            "amount_usd": {"type": "number"},
            "order_id": {"type": "string", "pattern": "^#W[0-9]+$"},
            "email": {"type": "string", "format": "email"},
            "tags": {"type": "array", "items": TEXT},
            "changes": {"type": "object"},
            "other": {"type": "object"},
            "note": TEXT,
        },
        "required": ["amount_usd", "order_id"],
    },
)
LOOK = ToolSpec(name="look", parameters={"type": "object", "properties": {"page": TEXT}}, effect=Effect.READ)
TOOLS = {"refund": REFUND, "look": LOOK}
ALLOWED = "{allowed: true, max_amount_usd: 50, require_approval_over_usd: 25"


def policy(entry: str, *further: str) -> Policy:
    text = "\n".join([*further, f"tools: {{look: {{allowed: true}}, refund: {entry}}}"])
    return load(text.encode(), name="policy", tools=TOOLS)


def changes(before: Policy, after: Policy) -> list[tuple[str, str, Verdict, Verdict]]:
    found = differences(before, after, TOOLS)
    assert not [each for each in found if isinstance(each, NotDecided)]
    return [
        (each.way.value, each.place, each.before.verdict, each.after.verdict)
        for each in found
        if isinstance(each, Difference)
    ]


def rules(*written: str) -> str:
    return f"{{allowed: true, rules: [{', '.join(written)}]}}"


def test_a_policy_does_not_differ_from_itself_and_a_reason_is_no_difference():
    one = policy(rules("{id: a, when: 'args.amount_usd > 5', then: hold, why: one}"))
    two = policy(rules("{id: a, when: 'args.amount_usd > 5', then: hold, why: two}"))
    assert changes(one, two) == []
    assert structural(one, two, TOOLS) == ()


def test_a_condition_written_otherwise_that_says_the_same_is_no_difference():
    one = policy(rules("{id: a, when: '!(args.amount_usd <= 5)', then: hold}"))
    two = policy(rules("{id: b, when: '5 < args.amount_usd', then: hold}"))
    assert changes(one, two) == []


def test_a_higher_limit_is_a_widening_with_an_amount_between_the_two():
    (found,) = differences(policy(f"{ALLOWED}}}"), policy(f"{ALLOWED.replace('50', '80')}}}"), TOOLS)
    assert isinstance(found, Difference)
    assert (found.way, found.place) == (Way.WIDENING, "refund.max_amount_usd")
    assert 50 < found.witness.arguments["amount_usd"] <= 80  # type: ignore[operator]
    assert found.witness.arguments["order_id"] == "#W0"
    assert [finding.rule for finding in found.after.findings] == ["refund.require_approval_over_usd"]


def test_a_cent_is_enough():
    before, after = (policy(f"{{allowed: true, max_amount_usd: {limit}}}") for limit in ("50.00", "50.01"))
    (found,) = differences(before, after, TOOLS)
    assert isinstance(found, Difference)
    assert str(found.witness.arguments["amount_usd"]) == "50.01"


def test_a_tool_that_is_newly_listed_is_a_widening_and_one_no_longer_listed_a_narrowing():
    alone = load(b"tools: {look: {allowed: true}}", name="policy", tools=TOOLS)
    both = policy("{allowed: true}")
    assert changes(alone, both) == [("widening", "unlisted", Verdict.DENY, Verdict.ALLOW)]
    assert changes(both, alone) == [("narrowing", "unlisted", Verdict.ALLOW, Verdict.DENY)]


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("{allowed: false}", "{allowed: true}", "refund.allowed"),
        ("{allowed: true, require_citation: true}", "{allowed: true}", "refund.require_citation"),
        (
            "{allowed: true, bind: {fields: $.changes}, allowed_fields: [a]}",
            "{allowed: true, bind: {fields: $.changes}, allowed_fields: [a, b.c]}",
            "refund.allowed_fields",
        ),
        ("{allowed: true, idempotency_key: [$.note]}", "{allowed: true}", "refund.idempotency_key"),
        (
            rules("{id: a, when: \"has(args.email) && domain(args.email) != 'corp.com'\", then: deny}"),
            rules("{id: a, when: \"has(args.email) && !domain(args.email).endsWith('corp.com')\", then: deny}"),
            "refund.rules.a",
        ),
        (
            rules("{id: a, when: \"has(args.tags) && args.tags.exists(t, t.startsWith('vip'))\", then: deny}"),
            rules("{id: a, when: \"has(args.tags) && 'vip' in args.tags\", then: deny}"),
            "refund.rules.a",
        ),
        (
            rules("{id: a, when: 'size(args.note) > 3', then: deny}"),
            rules("{id: a, when: 'has(args.note) && size(args.note) > 3', then: deny}"),
            "refund.rules.a",
        ),
    ],
)
def test_what_a_rule_no_longer_denies_is_shown_by_a_call_and_the_way_back_narrows(before, after, rule):
    assert changes(policy(before), policy(after)) == [("widening", rule, Verdict.DENY, Verdict.ALLOW)]
    assert changes(policy(after), policy(before)) == [("narrowing", rule, Verdict.ALLOW, Verdict.DENY)]


def test_roles_and_environments_are_seen_through_who_calls_and_where():
    frame = (
        'roles: {a: {members: ["agent:a"], on_behalf_of: required}, b: {members: ["agent:b"]}}',
        "environments: {qa: {}}",
    )
    before = policy("{allowed: true, roles: [a], environments: [prod]}", *frame)
    after = policy("{allowed: true, roles: [a, b], environments: [prod, qa]}", *frame)
    found = [each for each in differences(before, after, TOOLS) if isinstance(each, Difference)]
    assert {each.place for each in found} == {"refund.roles", "refund.environments"}
    (by_role,) = [each for each in found if each.place == "refund.roles"]
    assert by_role.witness.principal is not None
    assert by_role.witness.principal.member == "agent:b"
    (by_place,) = [each for each in found if each.place == "refund.environments"]
    assert by_place.witness.environment == "qa"


def test_a_mode_that_only_records_is_a_widening_there():
    before, after = (
        policy(f"{ALLOWED}}}", f"environments: {{qa: {{mode: {mode}}}}}") for mode in ("enforce", "shadow")
    )
    found = [each for each in differences(before, after, TOOLS) if isinstance(each, Difference)]
    assert found
    assert {(each.way, each.witness.environment) for each in found} == {(Way.WIDENING, "qa")}


def test_what_a_tool_decides_itself_hides_no_change():
    before, after = (
        policy(f"{{allowed: true, mode: parameterized_only, max_amount_usd: {limit}}}") for limit in (5, 9)
    )
    assert changes(before, after) == [("widening", "refund.max_amount_usd", Verdict.DENY, Verdict.ALLOW)]


def test_what_has_no_exact_terms_is_a_widening_that_says_so_unless_it_did_not_change():
    opaque = "{id: a, when: 'has(args.changes) && has(args.other) && args.changes == args.other', then: deny}"
    (found,) = differences(policy(rules(opaque)), policy("{allowed: true}"), TOOLS)
    assert isinstance(found, NotDecided)
    assert "two objects compared" in found.why
    assert changes(
        policy(rules(opaque)), policy(rules(opaque, "{id: b, when: 'args.amount_usd > 1', then: hold}"))
    ) == [("narrowing", "refund.rules.b", Verdict.ALLOW, Verdict.HOLD)]


# What no call shows ---------------------------------------------------------------------------------------------------


def entry(text: str) -> tuple[str, ...]:
    return (f"{{allowed: true, {text}}}",)


def by(who: str, quorum: int, time: str) -> tuple[str, str]:
    return "{allowed: true}", f"approvers: {{default: {{any_of: [{who}], quorum: {quorum}, expires_after: {time}}}}}"


ANY = ("{allowed: true}",)
LIMIT = entry("limits: [{count: 1, per: [], window: 1h, over: deny}]")
ONCE = "temporal: [{id: t, at_most: 1, of: {tool: refund}, effect: deny}]"
STRUCTURAL = [
    (entry("rate: {count: 3, window: 1m}"), entry("rate: {count: 4, window: 1m}"), "tools.refund.rate.count"),
    (entry("rate: {count: 3, window: 2m}"), entry("rate: {count: 3, window: 1m}"), "tools.refund.rate.window"),
    (entry("rate: {count: 3, window: 2m}"), ("{allowed: true}",), "tools.refund.rate"),
    (entry("control: [note, email]"), entry("control: [note]"), "tools.refund.control"),
    (
        entry("control: [amount_usd, order_id, email, tags, changes, other, note]"),
        entry("content: [note]"),
        "tools.refund.control",
    ),
    (entry("content: []"), entry("content: [note]"), "tools.refund.content"),
    (entry("redact: [$.note]"), ("{allowed: true}",), "tools.refund.redact"),
    (entry("egress: external"), ("{allowed: true}",), "tools.refund.egress"),
    (entry("row_level_security: true"), entry("row_level_security: false"), "tools.refund.row_level_security"),
    (LIMIT, entry("limits: []"), "tools.refund.limits"),
    (LIMIT, entry("limits: [{count: 2, per: [], window: 1h, over: deny}]"), "tools.refund.limits.count"),
    (LIMIT, entry("limits: [{count: 1, per: [], window: 30m, over: deny}]"), "tools.refund.limits.window"),
    (LIMIT, entry("limits: [{count: 1, per: [], window: 1h, over: hold}]"), "tools.refund.limits.over"),
    (entry("checks: [{name: c, from: look, assert: 'result.a == 1'}]"), entry("checks: []"), "tools.refund.checks.c"),
    (entry("confirm: true"), ("{allowed: true}",), "tools.refund.confirm"),
    (entry("confirm: true"), entry("confirm: false"), "tools.refund.confirm"),
    (entry("confirm: true"), entry("confirm: {within: 16m}"), "tools.refund.confirm"),
    (entry("retries: {max_attempts: 1}"), entry("retries: {max_attempts: 2}"), "tools.refund.retries.max_attempts"),
    (
        entry("idempotency_key: [$.order_id]"),
        entry("idempotency_key: [$.order_id, $.amount_usd]"),
        "tools.refund.idempotency_key",
    ),
    (
        ("{allowed: true}", "agent: {max_tool_calls: 3}"),
        ("{allowed: true}", "agent: {max_tool_calls: 4}"),
        "agent.max_tool_calls",
    ),
    (
        ("{allowed: true}", "agent: {max_model_spend_usd: 0.3}"),
        ("{allowed: true}", "agent: {max_model_spend_usd: 0.4}"),
        "agent.max_model_spend",
    ),
    (
        ("{allowed: true}", "agent: {clock: include_suspension}"),
        ("{allowed: true}",),
        "agent.clock_includes_suspension",
    ),
    (by('"group:a"', 2, "1h"), by('"group:a"', 1, "1h"), "approvers.quorum of look, refund"),
    (by('"group:a"', 1, "1h"), by('"group:a", "group:b"', 1, "1h"), "approvers.any_of of look, refund"),
    (by('"group:a"', 1, "1h"), by('"group:a"', 1, "2h"), "approvers.expires_after of look, refund"),
    (
        ("{allowed: true}", "sources: {look: {integrity: untrusted}}"),
        ("{allowed: true}", "sources: {look: {integrity: directory}}"),
        "sources.look.integrity",
    ),
    (("{allowed: true}", "sources: {look: {audience: confidential}}"), ("{allowed: true}",), "sources.look.audience"),
    (("{allowed: true}", ONCE), ("{allowed: true}", ONCE.replace("1", "2")), "temporal.t.at_most"),
    (("{allowed: true}", ONCE), ("{allowed: true}",), "temporal.t"),
    (
        (entry("tier: t")[0], "tiers: {t: {on_untrusted_control: deny}}"),
        (entry("tier: t")[0], "tiers: {t: {on_untrusted_control: hold}}"),
        "tools.refund.on_untrusted_control",
    ),
]


@pytest.mark.parametrize(("before", "after", "place"), STRUCTURAL, ids=[place for _, _, place in STRUCTURAL])
def test_what_no_single_call_shows_is_weighed_by_what_it_restricts(before, after, place):
    widened = structural(policy(*before), policy(*after), TOOLS)
    assert (place, Way.WIDENING) in {(each.place, each.way) for each in widened}
    narrowed = structural(policy(*after), policy(*before), TOOLS)
    assert (place, Way.NARROWING) in {(each.place, each.way) for each in narrowed}
    assert not [each for each in narrowed if each.way is Way.WIDENING and each.place == place]


def test_the_order_of_limits_is_no_change_and_names_in_another_case_are_one():
    one, two = "{count: 1, per: [], window: 1h, over: deny}", "{count: 9, per: [$.note], window: 1d, over: hold}"
    first, second = policy(*entry(f"limits: [{one}, {two}]")), policy(*entry(f"limits: [{two}, {one}]"))
    assert structural(first, second, TOOLS) == ()


def test_what_is_said_of_a_tool_that_runs_under_neither_is_no_change():
    before, after = (policy(f"{{allowed: false, rate: {{count: {count}, window: 1m}}}}") for count in (1, 2))
    assert structural(before, after, TOOLS) == ()
    assert changes(before, after) == []


def test_a_change_that_nobody_has_weighed_is_a_widening():
    before, after = (policy(*entry(f"bind: {{subject: $.{name}}}")) for name in ("note", "order_id"))
    assert [(each.place, each.way) for each in structural(before, after, TOOLS)] == [
        ("tools.refund.bind.subject", Way.WIDENING)
    ]


# The verb -------------------------------------------------------------------------------------------------------------


def diff(folder: Path, before: str, after: str, *words: str) -> tuple[int, str]:
    tools = [{"name": tool.name, "parameters": tool.parameters, "kind": tool.effect.value} for tool in TOOLS.values()]
    (folder / "tools.json").write_text(json.dumps({"tools": tools}), encoding="utf-8")
    for name, text in (("old.yaml", before), ("new.yaml", after)):
        (folder / name).write_text(f"tools: {{refund: {text}}}", encoding="utf-8")
    paths = [str(folder / name) for name in ("old.yaml", "new.yaml", "tools.json")]
    done = CliRunner().invoke(due, ["policy", "diff", *paths[:2], "--tools", paths[2], *words], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value, done.output


def test_a_widening_ends_with_3_unless_it_is_allowed(tmp_path):
    before, after = f"{ALLOWED}}}", f"{ALLOWED.replace('25', '30')}}}"
    code, output = diff(tmp_path, before, after)
    assert code == 3
    assert "widening   refund.require_approval_over_usd: hold -> allow" in output
    assert diff(tmp_path, before, after, "--allow-widening")[0] == 0
    assert diff(tmp_path, after, before)[0] == 0


def test_the_call_of_a_change_is_one_that_decide_takes(tmp_path):
    code, output = diff(tmp_path, "{allowed: true, require_citation: true}", "{allowed: true}", "--json")
    told = json.loads(output)
    assert (code, told["widened"]) == (3, True)
    (change,) = told["changes"]
    calls = tmp_path / "calls.jsonl"
    calls.write_text(json.dumps(change["call"]) + "\n", encoding="utf-8")
    for name, expected in (("old.yaml", "deny"), ("new.yaml", "allow")):
        words = ["policy", "decide", "--policy", str(tmp_path / name), "--tools", str(tmp_path / "tools.json")]
        done = CliRunner().invoke(due, [*words, "--calls", str(calls)], standalone_mode=False)
        assert json.loads(done.output)["decision"] == expected


@pytest.mark.parametrize("words", [("diff", "{0}", "{0}"), ("lint", "{0}")])
def test_without_the_solver_a_person_is_told_what_to_install(tmp_path, monkeypatch, capsys, words):
    (tmp_path / "policy.yaml").write_text("tools: {refund: {allowed: true}}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "z3", None)
    asked = [word.format(tmp_path / "policy.yaml") for word in words]
    code = run(functools.partial(due.main, args=["policy", *asked, "--tools", "none.json"], prog_name="due"))
    assert code == 1
    assert "pip install 'dueprocess[analyze]'" in capsys.readouterr().err


def test_what_is_not_decided_and_what_no_call_shows_is_printed_and_counted(tmp_path):
    opaque = "rules: [{id: a, when: 'has(args.changes) && has(args.other) && args.changes == args.other', then: deny}]"
    code, output = diff(tmp_path, f"{{allowed: true, {opaque}, rate: {{count: 2, window: 1m}}}}", "{allowed: true}")
    assert code == 3
    assert (
        "widening   refund.rules.a: not decided: 'refund.rules.a' is beyond the encoding: two objects compared"
        in output
    )
    assert 'widening   tools.refund.rate: {"count":2,"window":"1m"} -> not there' in output
    assert "2 widening, 0 narrowing, 0 neutral; 1 not decided, counted as widening" in output
    _, told = diff(tmp_path, f"{{allowed: true, {opaque}}}", "{allowed: true}", "--json")
    assert json.loads(told)["changes"][0]["not_decided"].endswith("two objects compared")
