-- How a run ended, where it could still tell; and what has the runs of a model without reading all others.

ALTER TABLE runs ADD COLUMN ended text;
COMMENT ON COLUMN runs.ended IS 'finished or interrupted; null while it runs, and for ever when it was killed';
UPDATE runs SET ended = 'finished' WHERE finished_at IS NOT NULL;

CREATE INDEX runs_model_id_id ON runs (model_id, id);
