-- Which image an object of a bucket is, by its name and ETag: what is there need not be fetched again to be passed over.

CREATE TABLE remote_objects (
    version bytea PRIMARY KEY,
    input_id bigint NOT NULL REFERENCES inputs ON DELETE CASCADE
);
COMMENT ON TABLE remote_objects IS 'the image that an object of a bucket was, as it was fetched';
COMMENT ON COLUMN remote_objects.version IS
    'the first half of a SHA-256 over the object''s name, size and ETag: the name itself is in predictions alone';
-- For who deletes an image, or one of its names.
CREATE INDEX remote_objects_input_id ON remote_objects (input_id);
