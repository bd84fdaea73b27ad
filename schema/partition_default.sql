-- No migration: the table that stood is the default partition, beside the first one of all runs to come.

ALTER TABLE {s}.predictions ATTACH PARTITION {s}.predictions_default DEFAULT;
