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

INSERT_RUN = SQL("""
    INSERT INTO runs (model_id, engine, keep, directory, version)
    VALUES (%s, %s, %s, %s, %s)
    RETURNING id
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

PREDICTIONS = SQL("""
    SELECT p.id, p.inputid, p.run_id, p.filename, p.filename_bytes, p.contenttype,
           p.predictions::text AS predictions, p.likely_class, p.label, p.score,
           m.name AS model_name, m.fingerprint, p.created_at
    FROM predictions AS p
    LEFT JOIN models AS m ON m.id = p.model_id
    WHERE {where}
    ORDER BY p.id DESC
    LIMIT %(page)s
""")

BEFORE = SQL("(%(before)s::bigint IS NULL OR p.id < %(before)s)")

CONDITIONS = {
    "labels": SQL("p.label = ANY(%(labels)s)"),
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
