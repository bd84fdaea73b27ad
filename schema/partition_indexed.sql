-- No migration: gives a table that is to be a partition the indexes of `predictions`, so that it need not get them
-- while that is locked. Names without a schema are those of pg_catalog alone.

DO $$
DECLARE
    home constant text := current_setting('mlpredict.schema');
    whole constant regclass := format('%I.predictions', home)::regclass;
    moving constant regclass := current_setting('mlpredict.moving')::regclass;
    one record;
BEGIN
    FOR one IN
        SELECT indisunique, pg_get_indexdef(indexrelid) AS told FROM pg_index WHERE indrelid = whole ORDER BY indexrelid
    LOOP
        EXECUTE format('CREATE %s INDEX ON %s %s', CASE WHEN one.indisunique THEN 'UNIQUE' ELSE '' END, moving,
                       substring(one.told FROM ' (USING .*)'));
    END LOOP;
    EXECUTE format('ANALYZE %s', moving);
END
$$;
