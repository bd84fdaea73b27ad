-- What fills in the likely class of the 2020 program's rows ran with the search path of whoever inserts
-- them, who could put functions and operators of their own there. It is one function now, which looks for
-- everything in pg_catalog.

CREATE OR REPLACE FUNCTION fill_published_likely_class() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    vector json := NEW.predictions;
BEGIN
    NEW.likely_class := NULL;
    NEW.score := NULL;
    IF vector IS NULL THEN
        RETURN NEW;
    END IF;
    IF json_typeof(vector) = 'array' AND json_array_length(vector) = 1 THEN
        vector := vector -> 0;
    END IF;
    IF json_typeof(vector) <> 'array' OR json_array_length(vector) < 2 THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM json_array_elements(vector) AS element WHERE json_typeof(element) <> 'number') THEN
        RETURN NEW;
    END IF;

    SELECT CASE WHEN abs(sum(value) - 1) < 0.001 AND min(value) >= 0
                THEN (array_agg(place ORDER BY value DESC, place))[1] - 1 END,
           CASE WHEN abs(sum(value) - 1) < 0.001 AND min(value) >= 0
                THEN max(value)::real END
    INTO NEW.likely_class, NEW.score
    FROM (
        SELECT element::text::numeric AS value, place
        FROM json_array_elements(vector) WITH ORDINALITY AS elements (element, place)
    ) AS probabilities;
    NEW.label := NEW.likely_class::text;
    RETURN NEW;
EXCEPTION
    WHEN data_exception THEN
        NEW.likely_class := NULL;
        NEW.label := NULL;
        NEW.score := NULL;
        RETURN NEW;
END
$$;

DO $$
BEGIN
    DROP FUNCTION published_likely_class(json);
EXCEPTION
    -- Somebody has made something of it: then it stays, and looks nowhere else either.
    WHEN dependent_objects_still_exist THEN
        ALTER FUNCTION published_likely_class(json) SET search_path = pg_catalog, pg_temp;
END
$$;
