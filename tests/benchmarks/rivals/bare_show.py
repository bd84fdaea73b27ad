"""One prediction as JSON with the least that does it: bare_show.py DSN ID"""

import json
import sys

import psycopg
from psycopg.rows import dict_row

QUERY = """
    SELECT p.id AS prediction_id, p.inputid AS input_id, p.run_id, p.filename, p.contenttype,
           p.predictions AS prediction, p.likely_class, p.label, p.score,
           m.name || '@' || left(m.fingerprint, 8) AS model, p.created_at::text
    FROM predictions AS p
    LEFT JOIN models AS m ON m.id = p.model_id
    WHERE p.id = %s
"""
with psycopg.connect(sys.argv[1], autocommit=True, row_factory=dict_row) as connection:
    rows = connection.execute(QUERY, (sys.argv[2],)).fetchall()
    sys.stdout.write(json.dumps(rows) + "\n")
