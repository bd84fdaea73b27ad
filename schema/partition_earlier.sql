-- No migration: the first step towards partitions. Later runs than these are not to be in the default partition, so
-- that it need not be read when another partition comes beside it.

ALTER TABLE {s}.predictions
    ADD CONSTRAINT predictions_earlier CHECK (run_id IS NULL OR run_id < {first}) NOT VALID;
