"""The SQL of the repository."""

from __future__ import annotations

from psycopg.sql import SQL

UPSERT_MODEL = SQL("""
    INSERT INTO models (fingerprint, name, format, path, task, labels, description)
    VALUES (%s, %s, %s, %s, %s, %s::json, %s::json)
    ON CONFLICT (fingerprint) DO UPDATE
    SET name = excluded.name, path = excluded.path, task = excluded.task,
        labels = excluded.labels, description = excluded.description
    RETURNING id
""")

RUN_ID = SQL("SELECT nextval(pg_get_serial_sequence('runs', 'id'))")

INSERT_RUN = SQL("""
    INSERT INTO runs (id, model_id, engine, keep, directory, version)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (id) DO NOTHING
""")

FINISH_RUN = SQL("UPDATE runs SET finished_at = now() WHERE id = %s")

INSERT_INPUTS = SQL("""
    INSERT INTO inputs (sha256, kept, image, contenttype, width, height)
    SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::text[],
                         %b::integer[], %b::integer[])
    ON CONFLICT (sha256, kept) DO NOTHING
    RETURNING sha256, kept, id
""")

# A statement of its own, after the one above: it then sees inputs that other runs have committed.
INPUT_IDS = SQL("""
    SELECT inputs.sha256, inputs.kept, inputs.id
    FROM unnest(%b::bytea[], %b::text[]) AS wanted (sha256, kept)
    JOIN inputs ON inputs.sha256 = wanted.sha256 AND inputs.kept = wanted.kept
""")

# Ids beforehand, as COPY returns none. `now()` is what the column's default will be, too.
PREDICTION_IDS = SQL("""
    SELECT nextval(ids.sequence), now()
    FROM (SELECT pg_get_serial_sequence('predictions', 'id')::regclass AS sequence) AS ids,
         generate_series(1, %s)
""")

# Faster than INSERT … SELECT FROM unnest, and there is nothing for a prediction to conflict with.
COPY_PREDICTIONS = SQL("""
    COPY predictions (id, run_id, model_id, position, inputid, filename, filename_bytes, contenttype,
                      predictions, likely_class, label, score)
    FROM STDIN
""")

INSERT_FAILURES = SQL("""
    INSERT INTO failures (run_id, position, filename, filename_bytes, reason)
    SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[])
""")

# What tells whether a batch is there whose commit nobody answered: a run has each position once.
STORED = SQL("""
    SELECT position, id, inputid, created_at
    FROM predictions
    WHERE run_id = %s AND position = ANY(%s::bigint[])
""")

FAILED = SQL("SELECT FROM failures WHERE run_id = %s AND position = ANY(%s::bigint[]) LIMIT 1")

PREDICTED = SQL("""
    SELECT DISTINCT inputs.sha256
    FROM inputs
    JOIN predictions ON predictions.inputid = inputs.id
    JOIN models ON models.id = predictions.model_id
    WHERE models.fingerprint = %s AND inputs.sha256 = ANY(%s::bytea[])
""")

MODEL_IDS = SQL("""
    SELECT id FROM models
    WHERE name = %(model)s
       OR name || '@' || left(fingerprint, 8) = %(model)s
       OR starts_with(fingerprint, lower(%(model)s))
""")

# The columns are `prediction_pieces.Pieces`. The last ends in a backslash where PostgreSQL does not write a
# number or a time as Python does, who has at least one digit after the point, exponents of no leading zero,
# and either no fraction of a second or six digits of it.
PREDICTIONS = SQL("""
    SELECT '{{"prediction_id":' || p.id || ',"input_id":' || coalesce(p.inputid::text, 'null')
               || ',"run_id":' || coalesce(p.run_id::text, 'null')
               || ',"filename":' || coalesce('"' || p.filename || '"', 'null'),
           ',"contenttype":' || coalesce('"' || p.contenttype || '"', 'null') || ',"prediction":',
           coalesce(p.predictions::text, 'null'),
           ',"likely_class":' || coalesce(p.likely_class::text, 'null')
               || ',"label":' || coalesce('"' || p.label || '"', 'null'),
           ',"score":' || CASE WHEN p.score = 1 THEN '1.0' ELSE coalesce(p.score::text, 'null') END
               || ',"model":' || coalesce(m.label, 'null')
               || ',"created_at":' || coalesce(to_json(p.created_at)::text, 'null') || '}}'
               || CASE WHEN p.filename_bytes IS NULL
                            AND (p.score BETWEEN 0.0001::real AND 1 OR p.score IS NULL)
                            AND (p.created_at::timestamptz(0) = p.created_at
                                 OR p.created_at::timestamptz(5) <> p.created_at
                                 OR p.created_at IS NULL)
                            AND (p.created_at BETWEEN '0001-01-03' AND '9999-12-30' OR p.created_at IS NULL)
                       THEN '' ELSE coalesce(encode(p.filename_bytes, 'hex'), '') || '\\' END
    FROM predictions AS p
    LEFT JOIN (
        SELECT id, to_json(name || '@' || left(fingerprint, 8))::text AS label FROM models
        OFFSET 0  -- so that it is made once a model, and not once a prediction
    ) AS m ON m.id = p.model_id
    WHERE {where}
    ORDER BY p.id DESC
    LIMIT {limit}
""")

WITHOUT_SORTING = SQL("SET LOCAL enable_sort = off")

# One label or model is compared with `=`: an index on it and the id then has the rows in order.
CONDITIONS = {
    "id": SQL("p.id = %(id)s"),
    "before": SQL("p.id < %(before)s::bigint"),
    "label": SQL("p.label = %(label)s"),
    "labels": SQL("p.label = ANY(%(labels)s::text[])"),
    "model": SQL("p.model_id = %(model)s"),
    "models": SQL("p.model_id = ANY(%(models)s::bigint[])"),
    "run": SQL("p.run_id = %(run)s"),
    "min_score": SQL("p.score >= %(min_score)s::real"),
    "max_score": SQL("p.score <= %(max_score)s::real"),
    "since": SQL("p.created_at >= %(since)s"),
    "until": SQL("p.created_at < %(until)s"),
    "filename": SQL("p.filename ~ %(filename)s"),
}

DETAIL = SQL("""
    SELECT i.image, i.sha256, i.contenttype AS image_contenttype, i.width, i.height,
           m.task, m.labels, m.description
    FROM predictions AS p
    LEFT JOIN inputs AS i ON i.id = p.inputid
    LEFT JOIN models AS m ON m.id = p.model_id
    WHERE p.id = %s
""")

# As the 2020 program's `SELECT * FROM predictions ORDER BY id DESC` gave it, in JSON.
PUBLISHED_ROWS = SQL("""
    SELECT id, '[' || id || ',' || coalesce(inputid::text, 'null') || ','
                   || coalesce(predictions::text, 'null') || ']'
    FROM predictions
    WHERE id < %s::bigint
    ORDER BY id DESC
    LIMIT %s
""")

# The last prediction of a page, and the one behind it.
PAGE_END = SQL("""
    SELECT id FROM predictions WHERE id < %s::bigint ORDER BY id DESC LIMIT 2 OFFSET %s
""")

IMAGE = SQL("SELECT id, image, sha256, contenttype, width, height FROM inputs WHERE id = %s")
