-- What was answered to requests that bear an Idempotency-Key: one that is repeated, as its answer was lost,
-- gets the same again and stores nothing.

CREATE TABLE idempotency_keys (
    key bytea PRIMARY KEY,
    request bytea NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE idempotency_keys IS 'answers to requests that may be repeated, for a day';
COMMENT ON COLUMN idempotency_keys.key IS 'SHA-256 of the key, with the server''s token, the route and the model';
COMMENT ON COLUMN idempotency_keys.request IS 'SHA-256 of what was asked, which the same key may not change';
COMMENT ON COLUMN idempotency_keys.body IS 'the answer''s, which is JSON';

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
