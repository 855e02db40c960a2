"""Who gives a command: the person behind the token. What they may do is decided by policy and approval."""

import os
from pathlib import Path

from dueprocess.runtime import Person
from dueprocess.wiring.access import Access
from dueprocess.wiring.identity import resolve_token


def person(here: Access, token_file: Path | None) -> Person:
    """The authenticated person.

    Raises:
        NotAuthenticated: no token, or one that is nobody's.
    """
    return here.home.identities.authenticate(resolve_token(os.environ, token_file=token_file))
