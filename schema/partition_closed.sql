-- No migration: gives the last partition an end.

ALTER TABLE {s}.predictions DETACH PARTITION {last};
ALTER TABLE {s}.predictions ATTACH PARTITION {last} FOR VALUES FROM ({first}) TO ({end});
ALTER TABLE {last} DROP CONSTRAINT IF EXISTS predictions_between;
