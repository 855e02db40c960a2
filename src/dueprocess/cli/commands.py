"""Commands told to a person, ready to be typed: the same words, the same folder. What they do is each verb's."""

import shlex
from pathlib import Path


def command(directory: Path, *words: str) -> str:
    """A `due` command in this folder."""
    place = () if directory == Path() else ("--dir", str(directory))
    return " ".join(("due", *(shlex.quote(word) for word in (*words, *place))))
