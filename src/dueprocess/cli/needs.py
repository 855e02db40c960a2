"""What a verb needs beyond the base, asked before it is imported, so that a person is told what to install."""

from importlib.util import find_spec

from dueprocess.errors import CallerError


def need_z3(verb: str) -> None:
    """Says what to install where the solver is not there.

    Raises:
        CallerError: it is not installed.
    """
    if find_spec("z3") is None:
        raise CallerError(
            f"{verb} needs the solver z3, which is not installed; install it: pip install 'dueprocess[analyze]'"
        )
