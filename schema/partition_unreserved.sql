-- No migration: lets whoever wants to store more of early runs do so, as nobody moves them.

ALTER TABLE {s}.predictions_default DROP CONSTRAINT IF EXISTS predictions_moving;
