"""Named statements that people have written and reviewed: the model chooses one and fills it in. The preferred form.

Rule 1. A template is a statement of the same language, checked when it is made: one that would be refused does not load.
Rule 2. Its parameters are declared with JSON Schema types of single values. In one set a name has one schema.
Rule 3. A call gives exactly the parameters of the template that it names. Its constants are its author's: no call can set
        one, and they are bound like any other value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.sql.judge import check
from dueprocess.sql.scope import NAME, Scope
from dueprocess.sql.statement import PARAMETERS, Checked, Refusal, Refused
from dueprocess.values import Json
from dueprocess.values.foreign import kind_of, quoted

TEMPLATE: Final = "template"
"""The argument that names the template."""

_TYPES: Final = frozenset({"string", "integer", "number", "boolean"})
_KEYS: Final = frozenset({"type", "description", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A statement with a name. `parameters`: name -> JSON Schema of one value (rule 2); `description`: what it answers.

    `constants`: what the statement binds besides, the same in every call: a status, a unit.
    """

    name: str
    sql: str
    description: str = ""
    parameters: Mapping[str, Mapping[str, Json]] = field(default_factory=dict[str, Mapping[str, Json]])
    constants: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The templates of one tool.

    Raises:
        BadValue: by rules 1 and 2; names the template and says what is wrong with it.
    """

    scope: Scope
    templates: tuple[Template, ...]

    def __post_init__(self) -> None:
        if not self.templates:
            raise BadValue("a set without templates; expected at least one")
        seen: set[str] = set()
        for template in self.templates:
            if NAME.fullmatch(template.name) is None or template.name in seen:
                raise BadValue(
                    f"{quoted(template.name)} is no name of a template, or there twice; expected a to z, 0 to 9, _"
                )
            seen.add(template.name)
            _check_types(template)
            both = template.parameters.keys() & template.constants.keys()
            if both:
                raise BadValue(
                    f"the template {template.name} has {', '.join(sorted(both))} as parameter and as constant"
                )
            values = {**dict.fromkeys(template.parameters), **template.constants}
            checked = check(self.scope, template.sql, values=values)
            if isinstance(checked, Refused):
                raise BadValue(f"the template {template.name} is refused: {checked.reason}")
        _ = self.properties

    @property
    def properties(self) -> dict[str, Json]:
        """The schemas of all parameters of the set."""
        found: dict[str, Json] = {}
        for template in self.templates:
            for name, schema in template.parameters.items():
                if found.setdefault(name, {**schema}) != {**schema}:
                    raise BadValue(
                        f"the parameter {name} has two schemas in one set of templates; give it another name"
                    )
        return found

    @property
    def parameters(self) -> dict[str, Json]:
        """The JSON Schema of the tool's arguments: which template, and its parameters."""
        return {
            "type": "object",
            "properties": {
                TEMPLATE: {"type": "string", "enum": [template.name for template in self.templates]},
                PARAMETERS: {"type": "object", "properties": self.properties, "additionalProperties": False},
            },
            "required": [TEMPLATE],
            "additionalProperties": False,
        }

    def judge(self, arguments: Mapping[str, Json]) -> Checked | Refused:
        """What a call of the tool runs (rule 3). Types are the schema's matter."""
        name, values = arguments.get(TEMPLATE), arguments.get(PARAMETERS, {})
        if not isinstance(name, str) or not isinstance(values, dict) or arguments.keys() - {TEMPLATE, PARAMETERS}:
            return Refused(
                rule=Refusal.ARGUMENTS,
                reason=f"got {TEMPLATE}: {kind_of(name)}, {PARAMETERS}: {kind_of(values)}; expected a name and an object",
            )
        template = next((each for each in self.templates if each.name == name), None)
        if template is None:
            listed = ", ".join(each.name for each in self.templates)
            return Refused(rule=Refusal.ARGUMENTS, reason=f"there is no template of that name; expected {listed}")
        if values.keys() != template.parameters.keys():
            expected = ", ".join(sorted(template.parameters)) or "no parameters"
            return Refused(rule=Refusal.PARAMETER, reason=f"{template.name} takes {expected}, neither more nor fewer")
        return check(self.scope, template.sql, values={**values, **template.constants})


def _check_types(template: Template) -> None:
    for name, schema in template.parameters.items():
        where = f"the template {template.name}, parameter {quoted(name)}"
        if schema.get("type") not in _TYPES:
            raise BadValue(f"{where}: expected a type of {', '.join(sorted(_TYPES))}")
        unknown = sorted(schema.keys() - _KEYS)
        if unknown:
            raise BadValue(f"{where}: {', '.join(map(quoted, unknown))}; expected only {', '.join(sorted(_KEYS))}")
