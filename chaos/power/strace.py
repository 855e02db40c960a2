"""Reads what strace wrote as the records that the C recorder would have made. For machines without a C compiler.

Rule 1. Times are numbers of records here, not bytes: `end` of a record, and how many there were when a sync began.
Rule 2. strace names files by path, not by inode: a file that is written to after it was renamed keeps its identity by its
        new name, and one that was unlinked is nobody's any more. For what SQLite and this project do that is enough;
        the replayed files are compared with the real ones all the same.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from typing import Final

from chaos.power.trace import Kind, Record, TraceUnusable, told_text

_CALLS: Final = (
    "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,lseek,fsync,fdatasync,sync_file_range,ftruncate,truncate,"
    "fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,rmdir,sendfile,copy_file_range,symlink,symlinkat"
)
OPTIONS: Final = ("-f", "-qq", "-y", "-xx", "-s", "16777216", "-e", f"trace={_CALLS}", "-e", "signal=none")
"""`-xx`: all bytes as hex. `-s`: none cut off. `-y`: the path of every descriptor."""

_LINE: Final = re.compile(r"^(\d+) +(.*)$")
_RESUMED: Final = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL: Final = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"^-?\w+<([^>]*)>")
_UNFINISHED: Final = " <unfinished ...>"
_NOT_SEEN: Final = frozenset({"writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "symlink", "symlinkat"})
_NAMES: Final = {
    "rename": Kind.RENAME,
    "renameat": Kind.RENAME,
    "renameat2": Kind.RENAME,
    "unlink": Kind.UNLINK,
    "unlinkat": Kind.UNLINK,
    "link": Kind.LINK,
    "linkat": Kind.LINK,
    "mkdir": Kind.MKDIR,
    "mkdirat": Kind.MKDIR,
    "rmdir": Kind.RMDIR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call that returned: `began` is how many records there were when it was made."""

    name: str
    arguments: str
    result: int
    path: str
    began: int

    @property
    def file(self) -> str:
        """The path of the descriptor that is the first argument."""
        found = _FILE.match(self.arguments)
        return _plain(found[1]) if found else ""

    @property
    def texts(self) -> list[bytes]:
        """The quoted arguments."""
        return [_bytes(text) for text in _TEXT.findall(self.arguments)]

    def number(self, place: int) -> int:
        """An argument that is a number, counted from the end."""
        return int(self.arguments.rsplit(", ", -place)[place])


def read_text(text: Path, *, root: Path, told: Path, sizes: Mapping[str, int]) -> list[Record]:
    """Every record below `root`; what was written to the file `told` are facts. `sizes`: of files there were before.

    Raises:
        TraceUnusable: something was done to the files that strace's text does not tell enough about.
    """
    reader = _Reader(root=str(root.resolve()), told=str(told.resolve()), sizes=dict(sizes))
    waiting: dict[str, tuple[str, int]] = {}
    with text.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            for call in _calls(line.rstrip("\n"), waiting, began=len(reader.records)):
                reader.take(call)
    return reader.records


def _calls(line: str, waiting: dict[str, tuple[str, int]], *, began: int) -> Iterator[_Call]:
    found = _LINE.match(line)
    if found is None:
        return
    pid, rest = found.groups()
    if rest.endswith(_UNFINISHED):
        waiting[pid] = (rest.removesuffix(_UNFINISHED), began)
        return
    resumed = _RESUMED.match(rest)
    if resumed is not None and pid in waiting:
        first, began = waiting.pop(pid)
        rest = first + resumed[1]
    call = _CALL.match(rest)
    if call is not None and int(call[3]) >= 0:
        path = _plain(call[4]) if call[4] else ""
        yield _Call(name=call[1], arguments=call[2], result=int(call[3]), path=path, began=began)


@dataclass(slots=True, kw_only=True)
class _Reader:
    root: str
    told: str
    sizes: dict[str, int]
    records: list[Record] = field(default_factory=list[Record])
    places: dict[str, int] = field(default_factory=dict[str, int])
    appends: set[str] = field(default_factory=set[str])

    def take(self, call: _Call) -> None:
        if call.name == "write" and call.file == self.told:
            self._add(Kind.TOLD, "", data=told_text(call.texts[0]))
            return
        if call.name in _NAMES:
            self._name(call, _NAMES[call.name])
            return
        if call.name in {"open", "openat", "creat"}:
            path = call.path
        elif call.name in {"truncate", "symlink", "symlinkat"}:
            path = normpath(call.texts[-1].decode())
        else:
            path = call.file
        if not self._is_ours(path):
            return
        if call.name in _NOT_SEEN:
            raise TraceUnusable(f"{path} was changed by {call.name}, which is not read from strace")
        self._change(call, path)

    def _change(self, call: _Call, path: str) -> None:
        match call.name:
            case "open" | "openat" | "creat":
                self._open(call, path)
            case "write":
                at = self.sizes.get(path, 0) if path in self.appends else self.places.get(path, 0)
                self.places[path] = at + call.result
                self._write(call, path, at)
            case "pwrite64":
                self._write(call, path, call.number(-1))
            case "lseek":
                self.places[path] = call.result
            case "ftruncate" | "truncate":
                self.sizes[path] = call.number(-1)
                self._add(Kind.TRUNCATE, path, a=call.number(-1))
            case "fsync" | "fdatasync":
                self._add(Kind.SYNC, path, a=call.began)
            case "sync_file_range":
                self._add(Kind.RANGE, path)
            case "fallocate":
                self._allocate(call, path)
            case _:
                raise TraceUnusable(f"{call.name} is not read from strace")

    def _open(self, call: _Call, path: str) -> None:
        self.places[path] = 0
        (self.appends.add if "O_APPEND" in call.arguments else self.appends.discard)(path)
        creates = "O_CREAT" in call.arguments or call.name == "creat"
        if creates and path not in self.sizes:
            self.sizes[path] = 0
            self._add(Kind.CREATE, path)
        elif "O_TRUNC" in call.arguments or call.name == "creat":
            self.sizes[path] = 0
            self._add(Kind.TRUNCATE, path)

    def _write(self, call: _Call, path: str, at: int) -> None:
        self.sizes[path] = max(self.sizes.get(path, 0), at + call.result)
        self._add(Kind.WRITE, path, a=at, data=call.texts[0][: call.result])

    def _allocate(self, call: _Call, path: str) -> None:
        mode, at, length = call.arguments.rsplit(", ", 3)[1:]
        if mode != "0":
            raise TraceUnusable(f"{path}: fallocate with a mode is not read from strace")
        end = int(at) + int(length)
        self.sizes[path] = max(self.sizes.get(path, 0), end)
        self._add(Kind.ALLOCATE, path, b=end)

    def _name(self, call: _Call, kind: Kind) -> None:
        names = [text.decode() for text in call.texts]
        if any(not name.startswith("/") for name in names):
            names = self._from_folders(call, names)
        names = [normpath(name) for name in names]
        ours = [self._is_ours(name) for name in names]
        if not any(ours):
            return
        if not all(ours):
            raise TraceUnusable(f"{names[0]} was moved across the border of the recorded folder")
        size = self.sizes.get(names[0], 0)
        if kind in {Kind.RENAME, Kind.UNLINK}:
            self.sizes.pop(names[0], None)
        if kind in {Kind.RENAME, Kind.LINK}:
            self.sizes[names[1]] = size
        actual = Kind.RMDIR if "AT_REMOVEDIR" in call.arguments else kind
        self._add(actual, names[0], second=names[1] if len(names) > 1 else "")

    def _from_folders(self, call: _Call, names: list[str]) -> list[str]:
        folders = re.findall(r"<([^>]*)>, \"", call.arguments)
        if len(folders) != len(names):
            return names  # relative to a folder that strace does not name: not below the root, or the comparison tells
        return [
            name if name.startswith("/") else f"{_plain(of)}/{name}" for of, name in zip(folders, names, strict=True)
        ]

    def _is_ours(self, path: str) -> bool:
        return path == self.root or path.startswith(f"{self.root}/")

    def _add(self, kind: Kind, path: str, *, second: str = "", a: int = 0, b: int = 0, data: bytes = b"") -> None:
        self.records.append(
            Record(
                kind=kind,
                end=len(self.records) + 1,
                path=path[len(self.root) :].lstrip("/"),
                second=second[len(self.root) :].lstrip("/"),
                a=a,
                b=b,
                data=data,
            )
        )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _plain(text: str) -> str:
    # Paths come as hex, "(deleted)" behind them does not.
    return _bytes(text).decode() if text.startswith("\\x") else text
