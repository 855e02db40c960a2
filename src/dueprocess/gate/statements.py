"""A call that carries a statement of a query language: judged by what its tool declares, and run only as it was written anew.

What a statement may be is decided in `sql`, whose reader is an extra: it is loaded when a policy asks for it.

Rule 1. `mode: parameterized_only`: the tool declares its tables or templates (`ToolSpec.statements`), and the statement that is
        decided, recorded, approved and run is the one that was written anew. Anything else is denied.
Rule 2. `row_level_security: true`: the tool says what keeps tenants apart (`ToolSpec.row_security`), which was proved when it
        was made. One that says nothing is denied.
Rule 3. A denial holds the rule and the part of the language, never a value.
"""

from collections.abc import Mapping

from dueprocess.errors import BadValue
from dueprocess.policy import Finding, ToolPolicy, Verdict
from dueprocess.tool import ToolSpec
from dueprocess.values import Json
from dueprocess.values.foreign import visible


def with_statement(
    spec: ToolSpec, listed: ToolPolicy, arguments: dict[str, Json]
) -> tuple[dict[str, Json], tuple[Finding, ...]]:
    """The arguments with the statement that may run, and what speaks against the call (rules 1 and 2). Pure."""
    found: list[Finding] = []
    if listed.row_level_security and not spec.row_security:
        reason = "the policy asks for rows kept apart by tenant, and the tool does not say what keeps them apart"
        found.append(_deny(listed, "row_level_security", reason, {"row_security": None}))
    if listed.parameterized_only:
        judged = _judged(spec, listed, arguments)
        if isinstance(judged, Finding):
            found.append(judged)
        else:
            arguments = judged
    return arguments, tuple(found)


def _judged(spec: ToolSpec, listed: ToolPolicy, arguments: dict[str, Json]) -> dict[str, Json] | Finding:
    if spec.statements is None:
        return _deny(listed, "mode", "the tool does not declare which statements it may be given", {})
    try:
        # An extra, and a heavy one: who asks for no statements does not load it.
        from dueprocess.sql import Refused, arguments_that_run  # noqa: PLC0415
    except ImportError:
        return _deny(listed, "mode", "statements cannot be read here: the extra `sql` is not installed", {})
    try:
        judged = arguments_that_run(spec.statements, arguments)
    except BadValue as error:
        return _deny(listed, "mode", f"what the tool declares cannot be read: {visible(str(error), limit=200)}", {})
    if isinstance(judged, Refused):
        return _deny(listed, "mode", judged.reason, {"rule": judged.rule.value})
    return judged


def _deny(listed: ToolPolicy, key: str, reason: str, compared: Mapping[str, Json]) -> Finding:
    return Finding(rule=f"{listed.name}.{key}", decision=Verdict.DENY, reason=reason, compared=compared, always=True)
