-- The ledger: one row per line, exactly as hashed. `run`, `seq`, `action` repeat what the line says, to be found by.
CREATE TABLE events (
    leaf   INTEGER PRIMARY KEY,
    "run"    TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    "action" TEXT    NOT NULL,
    line   BLOB    NOT NULL,
    UNIQUE (run, seq)
) STRICT;
CREATE INDEX events_by_action ON events (action, leaf) WHERE action <> '';

-- The head of the log: one row, replaced by every commit that appends.
CREATE TABLE log (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    frontier BLOB    NOT NULL,
    last     BLOB    NOT NULL,
    note     BLOB    NOT NULL
) STRICT;

CREATE TABLE runs (
    "run"          TEXT    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    "release"      TEXT    NOT NULL,
    policy       TEXT    NOT NULL,
    queue        TEXT    NOT NULL,
    session      TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    due          INTEGER NOT NULL,
    wake_at      INTEGER NOT NULL,
    waiting_on   TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    "at"           INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_due ON runs (due, wake_at);
CREATE INDEX runs_waiting ON runs (waiting_on) WHERE waiting_on <> '';
CREATE INDEX runs_status ON runs (status);

CREATE TABLE actions (
    "action"          TEXT    NOT NULL PRIMARY KEY,
    "run"             TEXT    NOT NULL,
    tool            TEXT    NOT NULL,
    effect          TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    sink_key        TEXT    NOT NULL,
    dispatch_before INTEGER NOT NULL,
    "at"              INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX actions_run ON actions (run);
CREATE INDEX actions_open ON actions (state) WHERE state IN ('held', 'dispatched', 'unknown', 'unsettled');

CREATE TABLE holds (
    "action"     TEXT    NOT NULL PRIMARY KEY,
    "run"        TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    tool       TEXT    NOT NULL,
    open       INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    approvals  TEXT    NOT NULL,
    asked_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    execute_by INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_open ON holds (open, asked_at);
CREATE INDEX holds_run ON holds (run);

CREATE TABLE gauges (
    "key"      TEXT    NOT NULL PRIMARY KEY,
    spent    INTEGER NOT NULL,
    reserved INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    "key"     TEXT    NOT NULL,
    "action"  TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    "at"      INTEGER NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (key, action, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_time ON marks (key, at);
CREATE INDEX marks_action ON marks (action, attempt);

CREATE TABLE idempotency (
    scope     TEXT NOT NULL,
    "action"    TEXT NOT NULL,
    "run"       TEXT NOT NULL,
    arguments TEXT NOT NULL,
    state     TEXT NOT NULL,
    PRIMARY KEY (scope, action)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_action ON idempotency (action);
CREATE INDEX idempotency_run ON idempotency (run);

CREATE TABLE stops (
    target TEXT    NOT NULL PRIMARY KEY,
    "by"     TEXT    NOT NULL,
    "at"     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    agent  TEXT    NOT NULL PRIMARY KEY,
    digest TEXT    NOT NULL,
    author TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    "at"     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE releases (
    digest TEXT    NOT NULL PRIMARY KEY,
    agent  TEXT    NOT NULL,
    seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    "run"        TEXT    NOT NULL PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    owner      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_expiry ON leases (expires_at);
