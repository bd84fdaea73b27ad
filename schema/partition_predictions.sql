-- Puts `predictions` into partitions by run: no migration, but applied where it is asked for. The table that stands
-- becomes the default partition, with all that is in it, so that no row is moved. Names without a schema are those
-- of pg_catalog alone. The constraint that keeps numbers of later runs out of it is there already.

DO $$
DECLARE
    home constant text := current_setting('mlpredict.schema');
    before constant regclass := format('%I.predictions', home)::regclass;
    counter constant text := pg_get_serial_sequence(format('%I.predictions', home), 'id');
    owner name;
    told text;
    made text[];
    given text[];
    one record;
    command text;
BEGIN
    SELECT pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class') INTO owner, told
    FROM pg_class AS c WHERE c.oid = before;

    -- What is to stand on the new table as it stood on this one, in the order in which it is made.
    SELECT array_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid) INTO made
    FROM pg_index AS i WHERE i.indrelid = before AND NOT i.indisprimary;
    made := made || ARRAY(
        SELECT format('ALTER TABLE %I.predictions ADD CONSTRAINT %I %s', home, conname, pg_get_constraintdef(oid))
        FROM pg_constraint
        WHERE conrelid = before AND (contype = 'f' OR contype = 'c' AND conname <> 'predictions_earlier')
        ORDER BY oid
    ) || ARRAY(
        SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = before AND NOT tgisinternal ORDER BY tgname
    );
    given := ARRAY(
        SELECT format('CREATE OR REPLACE VIEW %s %s AS %s', v.oid::regclass,
                      'WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid))
        FROM pg_class AS v
        WHERE v.relkind = 'v' AND v.oid IN (
            SELECT r.ev_class
            FROM pg_depend AS d
            JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = before
        )
        ORDER BY v.oid
    ) || ARRAY(
        SELECT format('GRANT %s%s ON %I.predictions TO %s%s', acl.privilege_type, acl.part, home,
                      CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
                      CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
            SELECT x.*, '' AS part FROM pg_class AS c, aclexplode(c.relacl) AS x WHERE c.oid = before
            UNION ALL
            SELECT x.*, format(' (%I)', a.attname)
            FROM pg_attribute AS a, aclexplode(a.attacl) AS x WHERE a.attrelid = before
        ) AS acl
        WHERE acl.grantee <> owner::regrole
    );

    FOR one IN SELECT tgname FROM pg_trigger WHERE tgrelid = before AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, before);
    END LOOP;
    FOR one IN
        SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = before
    LOOP
        EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', home, one.relname,
                       left('predictions_default_' || regexp_replace(one.relname, '^predictions_', ''), 63));
    END LOOP;
    EXECUTE format('ALTER TABLE %s RENAME TO predictions_default', before);
    EXECUTE format(
        'CREATE TABLE %1$I.predictions (LIKE %1$I.predictions_default INCLUDING COMMENTS INCLUDING COMPRESSION '
        'INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (run_id)', home);
    EXECUTE format('ALTER TABLE %I.predictions OWNER TO %I', home, owner);
    EXECUTE format('ALTER SEQUENCE %s OWNED BY %I.predictions.id', counter, home);
    EXECUTE format('COMMENT ON TABLE %I.predictions IS %L', home, told);
    EXECUTE format('COMMENT ON TABLE %I.predictions_default IS %L', home,
                   'rows without a run, and of runs before predictions was put into partitions');
    FOREACH command IN ARRAY made || given LOOP
        EXECUTE command;
    END LOOP;
END
$$;
