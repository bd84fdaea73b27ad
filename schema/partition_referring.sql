-- No migration: gives a table that is to be a partition the foreign keys of `predictions`, and looks whether its rows
-- keep them. What they refer to is not changed meanwhile. Names without a schema are those of pg_catalog alone.

DO $$
DECLARE
    home constant text := current_setting('mlpredict.schema');
    whole constant regclass := format('%I.predictions', home)::regclass;
    moving constant regclass := current_setting('mlpredict.moving')::regclass;
    one record;
BEGIN
    FOR one IN
        SELECT conname, pg_get_constraintdef(oid) AS told FROM pg_constraint
        WHERE conrelid = whole AND contype = 'f' ORDER BY oid
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', moving, one.conname, one.told);
    END LOOP;
END
$$;
