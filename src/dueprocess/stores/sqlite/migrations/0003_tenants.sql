-- What is in force is in force for one tenant. A store of an earlier version had one: that of its system run.
CREATE TABLE tenant_stops (
    tenant TEXT    NOT NULL,
    target TEXT    NOT NULL,
    "by"     TEXT    NOT NULL,
    "at"     INTEGER NOT NULL,
    PRIMARY KEY (tenant, target)
) STRICT, WITHOUT ROWID;
INSERT INTO tenant_stops SELECT runs.tenant, stops.target, stops."by", stops."at" FROM stops, runs
    WHERE runs.status = 'system';
DROP TABLE stops;
ALTER TABLE tenant_stops RENAME TO stops;

CREATE TABLE tenant_policies (
    tenant TEXT    NOT NULL,
    agent  TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    author TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    "at"     INTEGER NOT NULL,
    PRIMARY KEY (tenant, agent)
) STRICT, WITHOUT ROWID;
INSERT INTO tenant_policies
    SELECT runs.tenant, policies.agent, policies.digest, policies.author, policies.seq, policies."at"
    FROM policies, runs WHERE runs.status = 'system';
DROP TABLE policies;
ALTER TABLE tenant_policies RENAME TO policies;

CREATE TABLE tenant_releases (
    tenant TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    agent  TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;
INSERT INTO tenant_releases SELECT runs.tenant, releases.digest, releases.agent, releases.seq FROM releases, runs
    WHERE runs.status = 'system';
DROP TABLE releases;
ALTER TABLE tenant_releases RENAME TO releases;
