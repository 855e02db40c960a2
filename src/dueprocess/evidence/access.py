"""Who may see a document, and who looks. Whether somebody is who they say is the identities' matter.

Rule 1. Access is a set of names, `user:`, `group:` or `agent:`, or everyone. An empty set is nobody. The name of an agent
        is that without its release: it holds no `@`.
Rule 2. Who looks is an agent, for a person or for nobody, with the groups that the identities give; never arguments.
Rule 3. A document may be seen where its access names one of these; `agent:` names the agent whoever it acts for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.values import Json
from dueprocess.values.foreign import kind_of, quoted

EVERYONE: Final = "everyone"
"""The label of what is withheld from nobody; no name has this form."""

MAX_NAMES: Final = 1000  # of one document; more is a group
_NAME = re.compile(r"(?:user|group):[^\s\x00-\x1f\x7f]{1,200}|agent:[^\s@\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: the agent without its release, the person it acts for, and the groups of the two.

    Two are the same when agent and person are: groups may change during a run.
    """

    agent: str = ""
    on_behalf_of: str = ""
    groups: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def of(cls, principal: str, *, on_behalf_of: str | None = None, groups: Iterable[str] = ()) -> "Viewer":
        """Who acts as this principal, `agent:support@RELEASE`. Groups are named with or without `group:`."""
        listed = frozenset(each if each.startswith("group:") else f"group:{each}" for each in groups)
        return cls(agent=principal.partition("@")[0], on_behalf_of=on_behalf_of or "", groups=listed)

    @property
    def names(self) -> frozenset[str]:
        """All that access may name this viewer by (rule 3). What is not of its own kind of name opens nothing."""
        # Whoever is asked for is named by the caller: a task on behalf of `group:finance` is not one of that group.
        kinds = (("agent:", (self.agent,)), ("user:", (self.on_behalf_of,)), ("group:", self.groups))
        return frozenset(
            each for kind, names in kinds for each in names if each.startswith(kind) and _NAME.fullmatch(each)
        )

    def __str__(self) -> str:
        return f"{self.agent or 'nobody'} for {self.on_behalf_of}" if self.on_behalf_of else self.agent or "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may see (rule 1).

    Raises:
        BadValue: a name is not of its form, there are too many, or names stand beside everyone.
    """

    names: frozenset[str] = frozenset()
    everyone: bool = False

    def __post_init__(self) -> None:
        for name in self.names:
            if _NAME.fullmatch(name) is None:
                raise BadValue(f"{quoted(name)} is no name; expected user:, group: or agent: and a name without blanks")
        if len(self.names) > MAX_NAMES:
            raise BadValue(f"access has {len(self.names)} names; expected at most {MAX_NAMES}: make it a group")
        if self.everyone and self.names:
            raise BadValue("access is everyone and names besides; expected one of the two")

    @classmethod
    def of(cls, *names: str) -> "Access":
        """Those named; none is nobody."""
        return cls(names=frozenset(names))

    def seen_by(self, viewer: Viewer) -> tuple[str, ...]:
        """The names by which the viewer may see it, sorted; `everyone` alone where it is for all. None is no access."""
        return (EVERYONE,) if self.everyone else tuple(sorted(self.names & viewer.names))


PUBLIC: Final = Access(everyone=True)


def read_access(value: Json) -> Access:
    """Access as written in JSON: `"everyone"`, one name, or a list of names.

    Raises:
        BadValue: it is not of the form.
    """
    if value == EVERYONE:
        return PUBLIC
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise BadValue(f"access is {kind_of(value)}; expected everyone, or names such as user:ann or group:finance")
    return Access.of(*(each for each in listed if isinstance(each, str)))
