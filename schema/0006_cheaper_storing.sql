-- What makes storing cheaper without making it less safe.

-- Image files are compressed already. PostgreSQL tried all the same with each that is too large for
-- its row, which took it three times as long as storing it.
ALTER TABLE inputs ALTER COLUMN image SET STORAGE EXTERNAL;

-- A prediction's model is its run's. One reference says so, where two said less and took longer to check.
ALTER TABLE runs ADD CONSTRAINT runs_id_model_id_key UNIQUE (id, model_id);
ALTER TABLE predictions
    DROP CONSTRAINT predictions_run_id_fkey,
    DROP CONSTRAINT predictions_model_id_fkey,
    ADD CONSTRAINT predictions_run_id_model_id_fkey
        FOREIGN KEY (run_id, model_id) REFERENCES runs (id, model_id);
