-- A model is what its first use said it was, for good. Where the same bytes are called otherwise later, the run
-- tells; of runs before this, nobody knows.

ALTER TABLE runs
    ADD COLUMN model_name text,
    ADD COLUMN model_path text;
COMMENT ON COLUMN runs.model_name IS 'what the model was called in this run; models.name is what it was called first';
COMMENT ON COLUMN runs.model_path IS 'where the model was in this run';
