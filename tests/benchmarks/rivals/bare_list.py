"""The newest predictions with the least that does it: bare_list.py DSN"""

import sys

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    rows = connection.execute("""
        SELECT p.id, p.filename, p.label, p.score, p.created_at, m.name || '@' || left(m.fingerprint, 8)
        FROM predictions AS p
        LEFT JOIN models AS m ON m.id = p.model_id
        ORDER BY p.id DESC
        LIMIT 20
    """)
    for row in rows:
        sys.stdout.write("\t".join(map(str, row)) + "\n")
