-- No migration: makes a partition of the table that early runs have been moved into. The default partition is shown
-- to have none of them, and is not read for it.

ALTER TABLE {s}.predictions_default DROP CONSTRAINT predictions_earlier;
ALTER TABLE {s}.predictions_default RENAME CONSTRAINT predictions_moving TO predictions_earlier;
ALTER TABLE {s}.predictions ATTACH PARTITION {moving} FOR VALUES FROM ({first}) TO ({end});
ALTER TABLE {moving} DROP CONSTRAINT predictions_within;
