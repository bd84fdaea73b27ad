-- No migration: the partition of all runs from a number on. Its ids are unique in themselves; those of all partitions
-- come from one sequence.

CREATE TABLE {last} (
    LIKE {s}.predictions INCLUDING COMPRESSION INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE,
    PRIMARY KEY (id)
);
ALTER TABLE {last} OWNER TO {owner};
ALTER TABLE {s}.predictions ATTACH PARTITION {last} FOR VALUES FROM ({first}) TO (MAXVALUE);
