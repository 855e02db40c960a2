-- Documents, who may see them, and their passages. `everyone` and a row in `access` exclude each other.
CREATE TABLE documents (
    "document"    INTEGER PRIMARY KEY,
    "id"          TEXT NOT NULL UNIQUE,
    "digest"      TEXT NOT NULL,
    "source"      TEXT NOT NULL,
    "integrity"   TEXT NOT NULL,
    "everyone"    INTEGER NOT NULL,
    "fingerprint" TEXT NOT NULL
) STRICT;
CREATE TABLE access (
    "document" INTEGER NOT NULL REFERENCES documents ("document"),
    "name"     TEXT NOT NULL,
    PRIMARY KEY ("document", "name")
) STRICT, WITHOUT ROWID;
CREATE TABLE passages (
    "passage"    INTEGER PRIMARY KEY,
    "document"   INTEGER NOT NULL REFERENCES documents ("document"),
    "id"         TEXT NOT NULL,
    "start"      INTEGER NOT NULL,
    "text"       TEXT NOT NULL,
    "visibility" TEXT NOT NULL,
    "why"        TEXT NOT NULL,
    "integrity"  TEXT NOT NULL
) STRICT;
CREATE INDEX passages_of ON passages ("document");
-- The words of each passage, by its number, divided by us; the stemmer touches ASCII words only.
CREATE VIRTUAL TABLE words USING fts5 ("terms", tokenize = 'porter unicode61 remove_diacritics 2');
