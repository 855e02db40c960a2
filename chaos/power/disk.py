"""A disk as the recorded calls leave it: what is surely on it, and what is only asked for. What may survive is in `image`.

Rule 1. What a file holds is sure up to its last sync; what a folder lists is sure up to the sync of the folder itself.
        Syncing a file does not make its name sure: some file systems do that, POSIX promises it nowhere.
Rule 2. A sync covers what had returned when it began; what was asked for meanwhile stays unsure.
Rule 3. `sync_file_range` makes nothing sure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.power.trace import Kind, Record, TraceUnusable

SHARED_MEMORY: Final = "-shm"
"""How the name of a file ends that SQLite maps rather than writes, and makes anew after a crash: it is not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a file that may not be on the disk: bytes at an offset, or (`data` None) a size.

    `grows`: the size is only a least one, as of an allocation.
    """

    end: int
    at: int
    data: bytes | None = None
    grows: bool = False

    def size_after(self, size: int) -> int:
        """The size of a file of this size once the change is made."""
        if self.data is not None:
            return max(size, self.at + len(self.data))
        return max(size, self.at) if self.grows else self.at


@dataclass(slots=True, eq=False)
class File:
    """A file, whatever its names: `sure` is on the disk, `unsure` was asked for since, in order."""

    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Change] = field(default_factory=list[Change])
    size: int = 0

    def change(self, change: Change) -> None:
        """Takes a change that may or may not reach the disk."""
        self.unsure.append(change)
        self.size = change.size_after(self.size)

    def sync(self, start: int) -> None:
        """Makes sure what was recorded before this place in the log."""
        covered = [change for change in self.unsure if change.end <= start]
        for change in covered:
            make(self.sure, change)
        self.unsure = self.unsure[len(covered) :]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Naming:
    """A change of the names in a folder: `node` loses the name `of` and gets the name `to`, where there are such."""

    end: int
    node: "Node"
    to: str | None = None
    of: str | None = None


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: the names that are surely on the disk, and what was asked for since."""

    sure: dict[str, "Node"] = field(default_factory=dict[str, "Node"])
    unsure: list[Naming] = field(default_factory=list[Naming])
    names: dict[str, "Node"] = field(default_factory=dict[str, "Node"])

    def change(self, naming: Naming) -> None:
        """Takes a change that may or may not reach the disk."""
        self.unsure.append(naming)
        rename(self.names, naming)

    def sync(self, start: int) -> None:
        """Makes sure what was recorded before this place in the log."""
        covered = [naming for naming in self.unsure if naming.end <= start]
        for naming in covered:
            rename(self.sure, naming)
        self.unsure = self.unsure[len(covered) :]


Node = File | Folder


def make(content: bytearray, change: Change) -> None:
    """Applies a change to bytes."""
    size = change.size_after(len(content))
    if size > len(content):
        content.extend(bytes(size - len(content)))
    if change.data is not None:
        content[change.at : change.at + len(change.data)] = change.data
    else:
        del content[size:]


def rename(names: dict[str, Node], naming: Naming) -> None:
    """Applies a change to the names of a folder, as a whole: a rename is never half there."""
    if naming.of is not None and names.get(naming.of) is naming.node:
        del names[naming.of]
    if naming.to is not None:
        names[naming.to] = naming.node


class Disk:
    """Replays a log, record by record. It begins as `found`: files that were there before, all of them sure."""

    def __init__(self, found: Mapping[str, tuple[int, bytes]] | None = None) -> None:
        self.root = Folder()
        self._by_inode: dict[int, Node] = {}
        for path, (inode, content) in (found or {}).items():
            node = File(sure=bytearray(content), size=len(content))
            folder, name = self._place(path, make_folders=True)
            folder.names[name] = folder.sure[name] = self._by_inode[inode] = node

    def replay(self, records: Iterable[Record]) -> None:
        """Takes these records, in order."""
        for record in records:
            self.take(record)

    def take(self, record: Record) -> None:
        """Takes the next record.

        Raises:
            TraceUnusable: it does not fit the state, or is of a kind that the model does not have.
        """
        match record.kind:
            case Kind.CREATE | Kind.MKDIR:
                self._create(record)
            case Kind.WRITE:
                self._file(record).change(Change(end=record.end, at=record.a, data=record.data))
            case Kind.TRUNCATE:
                self._file(record).change(Change(end=record.end, at=record.a))
            case Kind.ALLOCATE:
                self._file(record).change(Change(end=record.end, at=record.b, grows=True))
            case Kind.SYNC:
                self._node(record).sync(record.a)
            case Kind.UNLINK | Kind.RMDIR:
                folder, name = self._place(record.path)
                folder.change(Naming(end=record.end, node=_named(folder, name, record), of=name))
            case Kind.RENAME | Kind.LINK:
                self._rename(record)
            case Kind.RANGE | Kind.TOLD:
                pass
            case Kind.UNSEEN:
                raise TraceUnusable(f"{record.path}: {record.second} is not recorded")

    def files(self) -> dict[str, bytes]:
        """Every file as a program would read it now: all that was asked for, sure or not."""
        found: dict[str, bytes] = {}
        for path, node in walk(self.root, names=lambda folder: folder.names):
            if isinstance(node, File) and not path.endswith(SHARED_MEMORY):
                content = bytearray(node.sure)
                for change in node.unsure:
                    make(content, change)
                found[path] = bytes(content)
        return found

    def _create(self, record: Record) -> None:
        folder, name = self._place(record.path)
        known = folder.names.get(name)
        if known is not None and record.inode and self._by_inode.get(record.inode) is known:
            return  # two processes opened it at once, and both found it missing
        node = Folder() if record.kind is Kind.MKDIR else File()
        if record.inode:
            self._by_inode[record.inode] = node
        folder.change(Naming(end=record.end, node=node, to=name))

    def _rename(self, record: Record) -> None:
        folder, name = self._place(record.path)
        target, new = self._place(record.second)
        if folder is not target:
            raise TraceUnusable(f"{record.path} moved to another folder, {record.second}: the model has no such move")
        of = name if record.kind is Kind.RENAME else None
        folder.change(Naming(end=record.end, node=_named(folder, name, record), to=new, of=of))

    def _file(self, record: Record) -> File:
        node = self._node(record)
        if not isinstance(node, File):
            raise TraceUnusable(f"{record.path} is a folder and was written to")
        return node

    def _node(self, record: Record) -> Node:
        if not record.path:
            return self.root
        node = self._by_inode.get(record.inode)
        if node is not None:
            return node
        folder, name = self._place(record.path)
        return _named(folder, name, record)

    def _place(self, path: str, *, make_folders: bool = False) -> tuple[Folder, str]:
        folder = self.root
        *above, name = path.split("/")
        for part in above:
            if make_folders and part not in folder.names:
                folder.names[part] = folder.sure[part] = Folder()
            inner = folder.names.get(part)
            if not isinstance(inner, Folder):
                raise TraceUnusable(f"{path} is in a folder that was never seen to be made")
            folder = inner
        return folder, name


def _named(folder: Folder, name: str, record: Record) -> Node:
    if name not in folder.names:
        raise TraceUnusable(f"{record.kind.name.lower()} of {record.path}, which was never seen to be made")
    return folder.names[name]


def walk(
    folder: Folder, *, names: Callable[[Folder], Mapping[str, Node]], above: str = ""
) -> Iterator[tuple[str, Node]]:
    """Every node below a folder with its path, folders before what is in them; `names` says which names count."""
    for name, node in sorted(names(folder).items(), key=lambda item: item[0]):
        path = f"{above}{name}"
        yield path, node
        if isinstance(node, Folder):
            yield from walk(node, names=names, above=f"{path}/")


def real_files(root: Path) -> dict[str, bytes]:
    """Every file below a real folder, but what SQLite keeps in shared memory."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(SHARED_MEMORY)
    }


def found_on(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a real folder with its inode, as `Disk` begins with it."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_ino, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
