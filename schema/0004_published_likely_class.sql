-- Rows of the 2020 program carry a vector and nothing else. Its likely class and score are filled
-- in, for the rows that stand and for those the program goes on inserting, so that they are listed
-- and filtered like ours. A vector that is no probability distribution is left as it is.

CREATE FUNCTION published_likely_class(output json, OUT likely_class integer, OUT score real)
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

CREATE FUNCTION fill_published_likely_class() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    SELECT likely.likely_class, likely.likely_class::text, likely.score
    INTO NEW.likely_class, NEW.label, NEW.score
    FROM published_likely_class(NEW.predictions) AS likely;
    RETURN NEW;
END
$$;

CREATE TRIGGER fill_published_likely_class
    BEFORE INSERT ON predictions
    FOR EACH ROW
    WHEN (NEW.run_id IS NULL AND NEW.label IS NULL)
    EXECUTE FUNCTION fill_published_likely_class();

UPDATE predictions
SET likely_class = likely.likely_class,
    label = likely.likely_class::text,
    score = likely.score
FROM predictions AS published
CROSS JOIN LATERAL published_likely_class(published.predictions) AS likely
WHERE predictions.id = published.id
  AND predictions.run_id IS NULL
  AND likely.likely_class IS NOT NULL;
