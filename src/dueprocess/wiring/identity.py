"""Who is who: people, groups and tokens in `identities.yaml`. What a person may do is decided by policy and approval.

Rule 1. A token is 256 random bits, shown once and never stored. The file keeps its SHA-256: there is nothing to guess,
        so a slow password hash would add cost and no safety.
Rule 2. Roles and groups come from this file alone, never from arguments or what callers say of themselves.
Rule 3. The file is read anew for every question, so that a token taken out of it is worth nothing at once.
Rule 4. A change is whole or not there: written beside, synced, renamed, under a lock that all writers share.
Rule 5. A file that is not fully understood, or that anybody may write, authenticates nobody.
"""

import fcntl
import hmac
import os
import re
import secrets
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from dueprocess.errors import BadValue, FileInvalid, NotAuthenticated, Problem, StoreUnavailable
from dueprocess.policy.source import Listing, Node, Scalar, Table, read_nodes
from dueprocess.runtime import Person
from dueprocess.values import Digest, digest_text

TOKEN_VARIABLE: Final = "DUE_TOKEN"  # noqa: S105 - the name of a variable
_PREFIX: Final = "due_"  # by which people and scanners of secrets know such a token
_TOKEN_BYTES: Final = 32
_MAX_TOKEN_FILE: Final = 4096  # a file larger than this is not a token file
_NAME = re.compile(r"[a-z0-9._-]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEADER: Final = """\
# People who may approve, settle, publish and erase. `due identity add NAME --group GROUP` writes this file.
# A token is known here by its SHA-256 only. To take one back, remove its line. Comments of your own are not kept.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One person of the file, by plain name."""

    name: str
    groups: tuple[str, ...]
    tokens: tuple[Digest, ...]

    @property
    def id(self) -> str:
        """The name everywhere else."""
        return f"user:{self.name}"


class IdentityFile:
    """The people of one file. A file that is not there has nobody in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the file and reads it once, so that a fault shows at the start.

        Raises:
            FileInvalid: it is not of its form, or anybody may write it.
            StoreUnavailable: it cannot be read.
        """
        # The true path: renaming over a symbolic link would put the new file beside the one that is meant.
        opened = cls(Path(os.path.realpath(path)))
        opened.people()
        return opened

    def people(self) -> tuple[Entry, ...]:
        """Everybody in the file, by name.

        Raises:
            FileInvalid, StoreUnavailable: as `open`.
        """
        return tuple(sorted(self._read().values(), key=lambda entry: entry.name))

    def groups(self) -> Mapping[str, frozenset[str]]:
        """The members of each group: `group:NAME` to `user:NAME`s."""
        people = self.people()
        names = {group for entry in people for group in entry.groups}
        return {
            f"group:{name}": frozenset(entry.id for entry in people if name in entry.groups) for name in sorted(names)
        }

    def names(self) -> Mapping[str, frozenset[str]]:
        """The people behind each name that a policy may use: of a group its members, of `user:NAME` that person."""
        return {**self.groups(), **{entry.id: frozenset((entry.id,)) for entry in self.people()}}

    def authenticate(self, token: str) -> Person:
        """The person this token was given to. Every hash is compared, in constant time, whichever fits.

        Raises:
            NotAuthenticated: it is nobody's.
            FileInvalid, StoreUnavailable: as `open`.
        """
        presented = _hash(token)
        found: Entry | None = None
        for entry in self.people():
            for known in entry.tokens:
                if hmac.compare_digest(presented, known):
                    found = entry
        if found is None:
            raise NotAuthenticated(
                f"this token is nobody's in {self._path.name}; expected one printed by: due identity add NAME"
            )
        return Person(id=found.id, groups=frozenset(f"group:{name}" for name in found.groups), how="token")

    def add(self, name: str, *, groups: tuple[str, ...] = ()) -> str:
        """Adds a person, or a further token and further groups to one who is there; returns the token, once.

        Raises:
            BadValue: a name that is not of its form; nothing was written.
            FileInvalid, StoreUnavailable: as `open`, or the file cannot be written; the old one is unchanged.
        """
        for word in (name, *groups):
            if _NAME.fullmatch(word) is None:
                raise BadValue(f"{word!a} is no name; expected 1 to 64 of a-z, 0-9, dot, dash and underscore")
        token = _PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._path):
                people = self._read()
                before = people.get(name, Entry(name=name, groups=(), tokens=()))
                people[name] = Entry(
                    name=name,
                    groups=tuple(sorted({*before.groups, *groups})),
                    tokens=(*before.tokens, _hash(token)),
                )
                _replace(self._path, _text(people).encode())
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {error.strerror}; nobody was added") from None
        return token

    def _read(self) -> dict[str, Entry]:
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be read: {error.strerror}") from None
        if mode & stat.S_IWOTH:
            raise FileInvalid(
                self._path.name,
                (Problem(line=0, path="", message="anybody may write it, so it proves nothing; chmod o-w"),),
            )
        return _Reader(self._path.name).read(content)


def resolve_token(environment: Mapping[str, str], *, token_file: Path | None = None) -> str:
    """The token a command was given: from the file that it names, else from DUE_TOKEN.

    Raises:
        NotAuthenticated: there is none, or the file cannot be read or holds none.
    """
    if token_file is None:
        token = environment.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise NotAuthenticated(f"no token; set {TOKEN_VARIABLE} or name a file that holds one: --token-file FILE")
        return token
    try:
        with token_file.open("rb") as file:
            content = file.read(_MAX_TOKEN_FILE + 1)
    except OSError as error:
        raise NotAuthenticated(f"the token file {token_file} cannot be read: {error.strerror}") from None
    words = content.decode("utf-8", "replace").split()
    if len(content) > _MAX_TOKEN_FILE or len(words) != 1:
        raise NotAuthenticated(f"the token file {token_file} holds {len(words)} words; expected one token and no more")
    return words[0]


def _hash(token: str) -> Digest:
    return digest_text(token.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))


def _text(people: Mapping[str, Entry]) -> str:
    """The file's text. Every value is in quotes: a hash of digits alone must stay text."""
    lines = [_HEADER + "identities: 1", "people:" if people else "people: {}"]
    for name in sorted(people):
        groups = ", ".join(f'"{group}"' for group in people[name].groups)
        lines += [f'  "{name}":', f"    groups: [{groups}]", "    tokens:"]
        lines += [f'      - "{token}"' for token in people[name].tokens]
    return "\n".join(lines) + "\n"


@contextmanager
def _locked(path: Path) -> Generator[None, None, None]:
    # A file of its own: the lock of a file that is renamed away protects nothing.
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _replace(path: Path, content: bytes) -> None:
    # Only one writer at a time comes here, so one fixed name is enough; a leftover of a crash is overwritten.
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Reader:
    """Reads the file's nodes; collects every problem, then raises them together."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._problems: list[Problem] = []

    def read(self, content: bytes) -> dict[str, Entry]:
        top = read_nodes(content, name=self._name)
        self._keys(top, "", required=("identities", "people"))
        version = top.items.get("identities")
        if version is not None and not (isinstance(version, Scalar) and version.text == "1"):
            self._note(version.line, "identities", "this version reads 1")
        table = top.items.get("people")
        people: dict[str, Entry] = {}
        if isinstance(table, Table):
            people = {name: self._entry(name, node, table.lines[name]) for name, node in table.items.items()}
        elif table is not None and not _is_empty(table):
            self._note(table.line, "people", "expected a mapping from names to their groups and tokens")
        self._unique_tokens(table)
        if self._problems:
            raise FileInvalid(self._name, tuple(sorted(self._problems, key=lambda problem: problem.line)))
        return people

    def _entry(self, name: str, node: Node, line: int) -> Entry:
        path = f"people.{name if _NAME.fullmatch(name) else ascii(name)}"
        if _NAME.fullmatch(name) is None:
            self._note(line, path, "no name; expected 1 to 64 of a-z, 0-9, dot, dash and underscore")
        if not isinstance(node, Table):
            self._note(line, path, "expected a mapping with groups and tokens")
            return Entry(name=name, groups=(), tokens=())
        self._keys(node, path, required=("groups", "tokens"))
        groups = self._texts(node, "groups", path, _NAME, "a group's name, without `group:`")
        tokens = self._texts(node, "tokens", path, _HASH, "the SHA-256 of a token, 64 lower-case hex digits in quotes")
        return Entry(name=name, groups=groups, tokens=tuple(Digest(token) for token in tokens))

    def _texts(self, table: Table, key: str, path: str, form: re.Pattern[str], expected: str) -> tuple[str, ...]:
        node = table.items.get(key)
        if node is None or _is_empty(node):
            return ()
        if not isinstance(node, Listing):
            self._note(node.line, f"{path}.{key}", "expected a list")
            return ()
        found: list[str] = []
        for item in node.items:
            text = item.value if isinstance(item, Scalar) else None
            if not isinstance(text, str) or form.fullmatch(text) is None:
                self._note(item.line, f"{path}.{key}", f"expected {expected}")
            elif text in found:
                self._note(item.line, f"{path}.{key}", "occurs twice")
            else:
                found.append(text)
        return tuple(found)

    def _unique_tokens(self, table: Node | None) -> None:
        seen: dict[str, str] = {}
        for name, node in table.items.items() if isinstance(table, Table) else ():
            tokens = node.items.get("tokens") if isinstance(node, Table) else None
            for item in tokens.items if isinstance(tokens, Listing) else ():
                if isinstance(item, Scalar) and seen.setdefault(item.text, name) != name:
                    self._note(item.line, f"people.{name}.tokens", f"the same token as {seen[item.text]}'s")

    def _keys(self, table: Table, path: str, *, required: tuple[str, ...]) -> None:
        for key in required:
            if key not in table.items:
                self._note(table.line, path, f"no key {key}")
        for key, line in table.lines.items():
            if key not in required:
                self._note(line, path, f"unknown key {key!a}; expected {' and '.join(required)}")

    def _note(self, line: int, path: str, message: str) -> None:
        self._problems.append(Problem(line=line, path=path, message=message))


def _is_empty(node: Node) -> bool:
    """What is left when the last line of a list is taken out by hand."""
    return isinstance(node, Scalar) and node.value is None
