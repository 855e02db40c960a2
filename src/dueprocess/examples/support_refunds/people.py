"""The people of the demo: each in the identities file, each with a token in a file of their own."""

import os
from pathlib import Path

from dueprocess.errors import NotAuthenticated
from dueprocess.examples.support_refunds.agent import PEOPLE
from dueprocess.examples.support_refunds.office import Office
from dueprocess.runtime import Person


def token_file(office: Office, name: str) -> Path:
    """Where a person's token is."""
    return office.place.folder / f"{name}.token"


def person(office: Office, name: str) -> Person:
    """An authenticated person of the demo. Made the first time; a token that is not known any more is replaced."""
    file = token_file(office, name)
    if file.exists():
        try:
            return office.home.identities.authenticate(file.read_text("ascii").strip())
        except NotAuthenticated:
            file.unlink()
    token = office.home.identities.add(name, groups=PEOPLE[name])
    beside = file.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"{token}\n")
    beside.replace(file)
    return office.home.identities.authenticate(token)
