-- A resting run may wait for several actions: one row for each, found by the action.
CREATE TABLE waits (
    "action" TEXT NOT NULL,
    "run"    TEXT NOT NULL,
    PRIMARY KEY ("action", "run")
) STRICT, WITHOUT ROWID;
INSERT INTO waits SELECT waiting_on, "run" FROM runs WHERE waiting_on <> '';
DROP INDEX runs_waiting;
ALTER TABLE runs RENAME COLUMN waiting_on TO waits_for;
