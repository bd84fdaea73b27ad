-- The two tables of the 2020 program: made where they are missing, adopted with their rows where
-- they stand. Their first columns keep names, types and places; ids grow from 32 to 64 bits.

CREATE TABLE IF NOT EXISTS inputs (
    id bigserial PRIMARY KEY,
    image text
);

CREATE TABLE IF NOT EXISTS predictions (
    id bigserial PRIMARY KEY,
    inputid bigint REFERENCES inputs,
    predictions json
);

DO $$
DECLARE
    narrow record;
    owned_sequence text;
BEGIN
    FOR narrow IN
        SELECT c.table_name, c.column_name
        FROM information_schema.columns AS c
        WHERE c.table_schema = current_schema()
          AND (c.table_name, c.column_name) IN (('inputs', 'id'), ('predictions', 'id'), ('predictions', 'inputid'))
          AND c.data_type = 'integer'
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE bigint', narrow.table_name, narrow.column_name);
        owned_sequence := pg_get_serial_sequence(quote_ident(narrow.table_name), narrow.column_name);
        IF owned_sequence IS NOT NULL THEN
            EXECUTE format('ALTER SEQUENCE %s AS bigint', owned_sequence);
        END IF;
    END LOOP;
END
$$;
