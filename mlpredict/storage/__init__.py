"""Everything that talks to PostgreSQL; nothing else imports psycopg."""
