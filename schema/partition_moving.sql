-- No migration: begins to move early runs out of the default partition. The table that they go into is no partition
-- yet, and nobody reads it. Until it is one, nothing more of these runs is stored: whoever wants to waits.

CREATE TABLE {moving} (
    LIKE {s}.predictions INCLUDING COMPRESSION INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE,
    PRIMARY KEY (id),
    CONSTRAINT predictions_within CHECK (run_id IS NOT NULL AND run_id >= {first} AND run_id < {end})
);
ALTER TABLE {moving} OWNER TO {owner};
ALTER TABLE {s}.predictions_default
    DROP CONSTRAINT IF EXISTS predictions_moving,
    ADD CONSTRAINT predictions_moving CHECK (run_id IS NULL OR run_id < {first}) NOT VALID;
