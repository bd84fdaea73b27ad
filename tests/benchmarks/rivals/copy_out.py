"""All predictions out of PostgreSQL as fast as psycopg gives them: copy_out.py DSN"""

import sys

import psycopg

QUERY = """
    COPY (
        SELECT p.id, p.inputid, p.run_id, p.filename, p.contenttype, p.predictions::text, p.likely_class,
               p.label, p.score, m.name || '@' || left(m.fingerprint, 8), p.created_at
        FROM predictions AS p
        LEFT JOIN models AS m ON m.id = p.model_id
        ORDER BY p.id DESC
    ) TO STDOUT
"""
with (
    psycopg.connect(sys.argv[1], autocommit=True) as connection,
    connection.cursor() as cursor,
    cursor.copy(QUERY) as rows,
):
    for block in rows:
        sys.stdout.buffer.write(block)
