"""The index in one SQLite file: documents kept, forgotten, and found by those who may see them.

Rule 1. Who may see is asked in the query itself, before ranks and limits.
Rule 2. A change is one transaction. What was removed or replaced is wiped: rows zeroed, the word lists written anew, the
        log cut.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dueprocess.errors import BadValue, StoreUnavailable
from dueprocess.evidence import (
    MAX_LIMIT,
    PUBLIC,
    Access,
    Chunk,
    Document,
    Listed,
    Passage,
    Retrieved,
    Viewer,
    Visibility,
    passages,
)
from dueprocess.evidence.document import CHUNK_SIZE
from dueprocess.retrievers.sqlite.terms import match_of, terms_of
from dueprocess.sqlite_file import Kind, SqliteFile
from dueprocess.values import Digest, Json, canonical, digest_json, digest_text
from dueprocess.values.trust import Integrity

INDEX: Final = Kind(article="an", name="index", application_id=b"duei", package="dueprocess.retrievers.sqlite")

_MAY_SEE: Final = """(d.everyone OR EXISTS (
    SELECT 1 FROM access a WHERE a.document = d.document AND a.name IN (SELECT value FROM json_each(:names))))"""

_SEARCH: Final = f"""
    SELECT p.id, p.start, p.text, p.visibility, p.why, p.integrity, d.id, d.digest, d.source, d.everyone, d.document
    FROM words JOIN passages p ON p.passage = words.rowid JOIN documents d ON d.document = p.document
    WHERE words MATCH :match AND (p.visibility = 'visible') = :visible AND {_MAY_SEE}
    ORDER BY bm25(words), p.passage LIMIT :most"""  # noqa: S608 - made of our own words; values are bound

_LIST: Final = f"""
    SELECT d.document, d.id, d.digest, d.source, d.integrity, d.everyone, count(p.passage),
           count(p.passage) FILTER (WHERE p.visibility <> 'visible')
    FROM documents d LEFT JOIN passages p ON p.document = d.document
    WHERE :all OR {_MAY_SEE} GROUP BY d.document ORDER BY d.id"""  # noqa: S608 - as above


class SqliteIndex:
    """An `Index` in one SQLite file (WAL). Several threads and processes may use the same file."""

    def __init__(self, path: Path, *, chunk_size: int = CHUNK_SIZE) -> None:
        """Opens the file, and makes it where it is missing. `chunk_size`: code points of a chunk at most.

        Raises:
            StoreUnavailable: it cannot be opened, or is no index.
        """
        self._file = SqliteFile(path, kind=INDEX)
        self._size = chunk_size

    def search(self, query: str, *, principal: Viewer, limit: int = 5) -> tuple[Retrieved, ...]:
        """The best chunks by BM25 that this viewer may see (rule 1)."""
        if isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
            raise BadValue(f"a limit of {limit}; expected 1 to {MAX_LIMIT}")
        match = match_of(query)
        if not match:
            return ()
        names = sorted(principal.names)
        asked = {"match": match, "names": canonical([*names]), "most": limit}
        with self._file.reading() as connection:
            rows = [
                row
                for visible in (True, False)
                for row in connection.execute(_SEARCH, {**asked, "visible": visible}).fetchall()
            ]
            access = {row[10]: _labels(connection, row[10], names, everyone=row[9]) for row in rows}
        return tuple(_retrieved(row, access[row[10]]) for row in rows)

    def add(self, document: Document) -> bool:
        """Keeps a document, in place of the one of the same id."""
        cut = passages(document, size=self._size)
        fingerprint = _fingerprint(document, cut)
        with self._file.lent() as connection:
            with _changing(connection):
                row = connection.execute(
                    "SELECT document, fingerprint FROM documents WHERE id = ?", (document.id,)
                ).fetchone()
                if row is not None and row[1] == fingerprint:
                    return False
                if row is not None:
                    _forget(connection, row[0])
                _keep(connection, document, cut, fingerprint)
            if row is not None:
                _wipe_log(connection)
        return True

    def remove(self, document: str) -> bool:
        """Forgets a document (rule 2)."""
        with self._file.lent() as connection:
            with _changing(connection):
                row = connection.execute("SELECT document FROM documents WHERE id = ?", (document,)).fetchone()
                if row is not None:
                    _forget(connection, row[0])
            _wipe_log(connection)
        return row is not None

    def documents(self, *, principal: Viewer | None = None) -> tuple[Listed, ...]:
        """The documents kept, by id: all, or those that a viewer may see."""
        names = sorted(principal.names) if principal is not None else []
        with self._file.reading() as connection:
            rows = connection.execute(_LIST, {"all": principal is None, "names": canonical([*names])}).fetchall()
            kept: dict[int, set[str]] = {}
            for number, name in connection.execute("SELECT document, name FROM access"):
                kept.setdefault(number, set()).add(name)
        return tuple(_listed(row, kept.get(row[0], set()), principal) for row in rows)

    def close(self) -> None:
        """Closes the file. Every later call is refused."""
        self._file.close()


@contextmanager
def _changing(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _keep(connection: sqlite3.Connection, document: Document, cut: Sequence[Passage], fingerprint: str) -> None:
    number = connection.execute(
        "INSERT INTO documents (id, digest, source, integrity, everyone, fingerprint) VALUES (?, ?, ?, ?, ?, ?)",
        (
            document.id,
            document.digest,
            document.source,
            document.integrity.value,
            int(document.access.everyone),
            fingerprint,
        ),
    ).lastrowid
    connection.executemany(
        "INSERT INTO access (document, name) VALUES (?, ?)", [(number, name) for name in sorted(document.access.names)]
    )
    for each in cut:
        passage = connection.execute(
            "INSERT INTO passages (document, id, start, text, visibility, why, integrity) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, each.id, each.start, each.text, each.visibility.value, each.why, each.integrity.value),
        ).lastrowid
        connection.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (passage, terms_of(each.text)))


def _forget(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM words WHERE rowid IN (SELECT passage FROM passages WHERE document = ?)", (number,))
    connection.execute("DELETE FROM passages WHERE document = ?", (number,))
    connection.execute("DELETE FROM access WHERE document = ?", (number,))
    connection.execute("DELETE FROM documents WHERE document = ?", (number,))
    # A deleted row stays in the word lists, marked, until they are merged; SQLite's own way out (`secure-delete`) makes a
    # file that versions before 3.42 cannot read.
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


def _wipe_log(connection: sqlite3.Connection) -> None:
    # What was deleted stands in old pages of the log until it is cut. Waits for readers, as long as for a writer.
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise StoreUnavailable(
            "the old text is not found any more, but still stands in the file's log, which another process reads: it goes "
            "with the next change, or when the document is removed again"
        )


def _fingerprint(document: Document, cut: Sequence[Passage]) -> str:
    marks: list[Json] = [[each.id, each.visibility.value, each.why, each.integrity.value] for each in cut]
    access: list[Json] = [*sorted(document.access.names)]
    return digest_json(
        [document.digest, document.source, document.integrity.value, document.access.everyone, access, marks]
    )


def _labels(connection: sqlite3.Connection, number: int, names: Sequence[str], *, everyone: bool) -> tuple[str, ...]:
    if everyone:
        return PUBLIC.seen_by(Viewer())
    found = {name for (name,) in connection.execute("SELECT name FROM access WHERE document = ?", (number,))}
    return tuple(name for name in names if name in found)


def _retrieved(row: Sequence[str | int], access: tuple[str, ...]) -> Retrieved:
    passage, start, text, visibility, why, integrity, document, digest, source = row[:9]
    start, text = int(start), str(text)
    return Retrieved(
        chunk=Chunk(
            document=str(document),
            digest=digest_text(text),
            start=start,
            end=start + len(text),
            text=text,
            id=str(passage),
            document_digest=Digest(str(digest)),
        ),
        access=access,
        source=str(source),
        integrity=Integrity(integrity),
        visibility=Visibility(visibility),
        why=str(why),
    )


def _listed(row: Sequence[str | int], names: set[str], principal: Viewer | None) -> Listed:
    _, name, digest, source, integrity, everyone, count, hidden = row
    seen = names if principal is None else names & principal.names
    return Listed(
        id=str(name),
        digest=Digest(str(digest)),
        source=str(source),
        access=PUBLIC if everyone else Access.of(*seen),
        integrity=Integrity(integrity),
        passages=int(count),
        hidden=int(hidden),
    )
