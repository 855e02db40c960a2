"""Who may call, where, and whether it is cited: the few cases that policies tell apart, each a concrete one. Arguments are in `symbol`.

Rule 1. Principals: each member that a policy names, for a user and for nobody; a stranger; nobody. Environments: each that
        a policy names, `prod`, and one that none names. No policy tells more apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dueprocess.analysis.terms import Script, Term, apply, both, equals, integer
from dueprocess.policy import DEFAULT_ENVIRONMENT, Policy, Principal

_USER: Final = "user:somebody"
_RELEASE: Final = "@any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The cases, and the terms that say which one it is. `cited`: a citation resolves."""

    principals: tuple[Principal | None, ...]
    environments: tuple[str, ...]
    principal: Term
    environment: Term
    cited: Term

    def is_principal(self, index: int) -> Term:
        """It is this one of the principals."""
        return equals(self.principal, integer(index))

    def is_environment(self, index: int) -> Term:
        """It is this one of the environments."""
        return equals(self.environment, integer(index))

    @property
    def within(self) -> Term:
        """There are no other cases."""
        return both(
            *(
                both(apply("<=", integer(0), term), apply("<", term, integer(count)))
                for term, count in ((self.principal, len(self.principals)), (self.environment, len(self.environments)))
            )
        )


def callers(script: Script, policies: Iterable[Policy]) -> Callers:
    """The cases that these policies tell apart (rule 1)."""
    members: set[str] = set()
    environments = {DEFAULT_ENVIRONMENT: None}
    for policy in policies:
        members.update(*(role.members for role in policy.roles.values()))
        environments |= dict.fromkeys(policy.environments)
        for tool in policy.tools.values():
            environments |= dict.fromkeys(tool.environments or ())
    stranger, elsewhere = "agent:stranger", "elsewhere"
    while stranger in members:
        stranger += "_"
    while elsewhere in environments:
        elsewhere += "_"
    named = [
        Principal(id=f"{member}{_RELEASE}", on_behalf_of=user)
        for member in (*sorted(members), stranger)
        for user in (_USER, None)
    ]
    return Callers(
        principals=(*named, None),
        environments=(*environments, elsewhere),
        principal=script.free("Int"),
        environment=script.free("Int"),
        cited=script.free("Bool"),
    )
