-- What made the predictions of a run, as far as it may change their last bits: versions, the processor, the rules
-- by which images are decoded. One row for each distinct set. Of runs before this, nobody knows.

CREATE TABLE environments (
    id bigserial PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    facts json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE environments IS 'what predictions were made with, beside the model';
COMMENT ON COLUMN environments.digest IS 'SHA-256 over the facts';
COMMENT ON COLUMN environments.facts IS 'by name: engine, compiled model, decoders, processor, system';

ALTER TABLE runs ADD COLUMN environment_id bigint REFERENCES environments;
COMMENT ON COLUMN runs.environment_id IS 'null where nothing was recorded';
