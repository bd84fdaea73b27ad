-- What models say that have more than one class for an image: several labels, the value of a regression, other
-- outputs, and the class of each pixel.

ALTER TABLE predictions
    ADD COLUMN labels text[],
    ADD COLUMN value real,
    ADD COLUMN unit text,
    ADD COLUMN outputs json,
    ADD COLUMN map bytea;
-- A PNG is compressed already.
ALTER TABLE predictions ALTER COLUMN map SET STORAGE EXTERNAL;
COMMENT ON COLUMN predictions.labels IS 'those that hold, the likeliest first; null where only one can';
COMMENT ON COLUMN predictions.value IS 'the number of a regression, times the factor of its model';
COMMENT ON COLUMN predictions.unit IS 'what value is counted in';
COMMENT ON COLUMN predictions.outputs IS 'what the model said beside its prediction, by the names of its outputs';
COMMENT ON COLUMN predictions.map IS 'the class of each pixel, as a PNG with a palette';

CREATE INDEX predictions_labels ON predictions USING gin (labels) WHERE labels IS NOT NULL;
