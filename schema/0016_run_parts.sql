-- One run that several processes do in parts: what its positions mean, who is at which part, and what is stored of it.

CREATE TABLE run_plans (
    run_id bigint PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    key text NOT NULL UNIQUE,
    images bigint NOT NULL,
    parts integer NOT NULL,
    parts_left integer NOT NULL,
    sha256 bytea NOT NULL,
    samples json NOT NULL,
    options json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE run_plans IS 'what all processes of a run have in common, if it is done in parts';
COMMENT ON COLUMN run_plans.key IS 'what the user calls the run, once in a database';
COMMENT ON COLUMN run_plans.parts_left IS 'those of which something is still missing; the run is finished when there is none';
COMMENT ON COLUMN run_plans.sha256 IS 'over the names of all images, in their order';
COMMENT ON COLUMN run_plans.samples IS 'size and beginning of some files, by position: names alone may be those of others';

CREATE TABLE run_names (
    run_id bigint NOT NULL REFERENCES run_plans ON DELETE CASCADE,
    first bigint NOT NULL,
    sha256 bytea NOT NULL,
    names bytea NOT NULL,
    PRIMARY KEY (run_id, first)
);
COMMENT ON TABLE run_names IS 'which file each position of such a run is, many in a row';
COMMENT ON COLUMN run_names.first IS 'the position of the first one';
COMMENT ON COLUMN run_names.sha256 IS 'of the names before they were compressed';
COMMENT ON COLUMN run_names.names IS 'zlib: of each image its name, NUL, why it cannot be read if that was known, NUL';
ALTER TABLE run_names ALTER COLUMN names SET STORAGE EXTERNAL;

CREATE TABLE run_claims (
    run_id bigint NOT NULL REFERENCES run_plans ON DELETE CASCADE,
    part integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    missing bigint NOT NULL,
    done boolean NOT NULL,
    host text,
    attempt text,
    held_until timestamptz,
    PRIMARY KEY (run_id, part)
) WITH (fillfactor = 50);
COMMENT ON TABLE run_claims IS 'the parts of such a run, counted from 0, and who is at each';
COMMENT ON COLUMN run_claims.missing IS 'positions of it that are yet to be stored';
COMMENT ON COLUMN run_claims.host IS 'who had it last';
COMMENT ON COLUMN run_claims.attempt IS 'the process that is at it; null when it was given back';
COMMENT ON COLUMN run_claims.held_until IS 'when another may take it, unless something of it is stored before';
CREATE INDEX run_claims_open ON run_claims (run_id, part) WHERE NOT done;

CREATE TABLE run_parts (
    run_id bigint NOT NULL REFERENCES run_plans ON DELETE CASCADE,
    part integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    skipped integer NOT NULL DEFAULT 0,
    host text NOT NULL,
    attempt text NOT NULL,
    environment_id bigint REFERENCES environments,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, part, first)
);
-- Where a position is: parts of a run do not overlap.
CREATE INDEX run_parts_run_id_last ON run_parts (run_id, last);
COMMENT ON TABLE run_parts IS 'the ledger: which positions are stored, written in the transaction that stores them';
COMMENT ON COLUMN run_parts.skipped IS 'positions of these that have no row, as the model had predicted their images before';
COMMENT ON COLUMN run_parts.environment_id IS 'of environments; null where nothing was recorded';
