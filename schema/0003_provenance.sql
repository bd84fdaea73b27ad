-- Which model, in which run, from which file, when: the tables beside the published two, and the
-- columns to their right. Every added column may be null: the 2020 program goes on inserting, and
-- nobody knows these things of its rows.

CREATE TABLE models (
    id bigserial PRIMARY KEY,
    fingerprint text NOT NULL UNIQUE,
    name text NOT NULL,
    format text NOT NULL,
    path text NOT NULL,
    task text NOT NULL,
    labels json,
    description json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN models.fingerprint IS 'SHA-256 over the model''s own files and its preprocessing';
COMMENT ON COLUMN models.description IS 'image size, preprocessing and activation the model was used with';

CREATE TABLE runs (
    id bigserial PRIMARY KEY,
    model_id bigint NOT NULL REFERENCES models,
    engine text NOT NULL,
    keep text NOT NULL,
    directory text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
COMMENT ON TABLE runs IS 'one invocation of predict';
COMMENT ON COLUMN runs.directory IS 'the working directory that relative file names start from';
COMMENT ON COLUMN runs.finished_at IS 'null while it runs, and for ever when it was killed';

ALTER TABLE inputs
    ADD COLUMN sha256 bytea,
    ADD COLUMN kept text,
    ADD COLUMN contenttype text,
    ADD COLUMN width integer,
    ADD COLUMN height integer,
    ADD COLUMN created_at timestamptz;
ALTER TABLE inputs ALTER COLUMN created_at SET DEFAULT now();
COMMENT ON COLUMN inputs.sha256 IS 'of the image file''s own bytes, whatever is kept of them';
COMMENT ON COLUMN inputs.kept IS 'original, reference, or model-input/ and the preprocessing that made it';

ALTER TABLE predictions
    ADD COLUMN run_id bigint REFERENCES runs,
    ADD COLUMN position bigint,
    ADD COLUMN model_id bigint REFERENCES models,
    ADD COLUMN filename text,
    ADD COLUMN filename_bytes bytea,
    ADD COLUMN contenttype text,
    ADD COLUMN likely_class integer,
    ADD COLUMN label text,
    ADD COLUMN score real,
    ADD COLUMN created_at timestamptz;
ALTER TABLE predictions ALTER COLUMN created_at SET DEFAULT now();
COMMENT ON COLUMN predictions.position IS 'place of the source within its run, counted from 0';
COMMENT ON COLUMN predictions.filename_bytes IS 'the name as the file system has it, where that is not UTF-8';

CREATE TABLE failures (
    id bigserial PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES runs,
    position bigint NOT NULL,
    filename text NOT NULL,
    filename_bytes bytea,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, position)
);
COMMENT ON TABLE failures IS 'sources that gave no prediction';

-- The same image is one input, however often it is predicted.
CREATE UNIQUE INDEX inputs_sha256_kept ON inputs (sha256, kept);
CREATE UNIQUE INDEX predictions_run_id_position ON predictions (run_id, position);
CREATE INDEX predictions_inputid ON predictions (inputid);
