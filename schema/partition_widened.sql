-- No migration: has an empty partition hold the runs of the empty ones behind it, too, which are dropped before.

ALTER TABLE {s}.predictions DETACH PARTITION {lowest};
ALTER TABLE {s}.predictions ATTACH PARTITION {lowest} FOR VALUES FROM ({first}) TO ({end});
