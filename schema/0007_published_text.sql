-- The 2020 program's JSON may hold a \u0000, which is JSON and no text: such a vector is left as it
-- is, and its row is taken all the same.

CREATE OR REPLACE FUNCTION published_likely_class(output json, OUT likely_class integer, OUT score real)
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
    vector json := output;
BEGIN
    IF json_typeof(vector) = 'array' AND json_array_length(vector) = 1 THEN
        vector := vector -> 0;
    END IF;
    IF json_typeof(vector) <> 'array' OR json_array_length(vector) < 2 THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM json_array_elements(vector) AS element WHERE json_typeof(element) <> 'number') THEN
        RETURN;
    END IF;

    SELECT CASE WHEN abs(sum(value) - 1) < 0.001 AND min(value) >= 0
                THEN (array_agg(place ORDER BY value DESC, place))[1] - 1 END,
           CASE WHEN abs(sum(value) - 1) < 0.001 AND min(value) >= 0
                THEN max(value)::real END
    INTO likely_class, score
    FROM (
        SELECT element::text::numeric AS value, place
        FROM json_array_elements(vector) WITH ORDINALITY AS elements (element, place)
    ) AS probabilities;
EXCEPTION
    WHEN data_exception THEN
        likely_class := NULL;
        score := NULL;
END
$$;
