-- The truth of an image, as somebody has said it: it holds for every prediction of the image, by whichever model,
-- before or after, however the image was kept. What was said before stays, with when that ended.

CREATE TABLE labels (
    id bigserial PRIMARY KEY,
    sha256 bytea,
    input_id bigint REFERENCES inputs ON DELETE CASCADE,
    label text NOT NULL,
    labels text[],
    value double precision,
    source text NOT NULL,
    labelled_by text,
    labelled_at timestamptz NOT NULL DEFAULT now(),
    superseded_by text,
    superseded_at timestamptz,
    CHECK ((sha256 IS NULL) <> (input_id IS NULL))
);
COMMENT ON TABLE labels IS 'the truth of images; that which holds has no superseded_at, and an image has one of those';
COMMENT ON COLUMN labels.sha256 IS 'of the image file, whatever inputs there are of it';
COMMENT ON COLUMN labels.input_id IS 'only for an input of the 2020 program, which has no sha256';
COMMENT ON COLUMN labels.labels IS 'those that hold, where several may; label has them with commas between';
COMMENT ON COLUMN labels.value IS 'the number that label is, if it is one';
COMMENT ON COLUMN labels.source IS 'how the image was chosen and labelled: folders, csv, command, review, page or api';
COMMENT ON COLUMN labels.superseded_by IS 'who revised or removed it';

CREATE UNIQUE INDEX labels_of_images ON labels (sha256) INCLUDE (label) WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX labels_of_inputs ON labels (input_id) INCLUDE (label)
    WHERE superseded_at IS NULL AND input_id IS NOT NULL;
-- For who deletes an image with all that was said of it.
CREATE INDEX labels_sha256 ON labels (sha256) WHERE superseded_at IS NOT NULL;
CREATE INDEX labels_input_id ON labels (input_id) WHERE input_id IS NOT NULL;

-- With the id in it, this index alone tells the inputs of an image: they need not be read for their truth.
DROP INDEX inputs_sha256_kept;
CREATE UNIQUE INDEX inputs_sha256_kept ON inputs (sha256, kept) INCLUDE (id);

-- Whether a prediction is right: of several labels all must hold and no other, one label must be among those that
-- hold. Null where there is no truth, or no label.
CREATE VIEW predictions_labelled AS
SELECT p.id AS prediction_id, p.inputid AS input_id, p.run_id, p.created_at, p.filename,
       m.name || '@' || left(m.fingerprint, 8) AS model, m.task,
       p.label, p.labels, p.score, p.value, p.unit,
       coalesce(t.label, u.label) AS true_label,
       coalesce(t.labels, u.labels) AS true_labels,
       coalesce(t.value, u.value) AS true_value,
       CASE WHEN t.id IS NULL AND u.id IS NULL
            THEN NULL
            WHEN p.labels IS NULL
            THEN p.label = coalesce(t.label, u.label)
                 OR coalesce(p.label = ANY (coalesce(t.labels, u.labels)), false)
            ELSE p.labels @> coalesce(t.labels, u.labels, ARRAY[coalesce(t.label, u.label)])
                 AND p.labels <@ coalesce(t.labels, u.labels, ARRAY[coalesce(t.label, u.label)])
       END AS is_right,
       coalesce(t.source, u.source) AS source,
       coalesce(t.labelled_by, u.labelled_by) AS labelled_by,
       coalesce(t.labelled_at, u.labelled_at) AS labelled_at
FROM predictions AS p
LEFT JOIN models AS m ON m.id = p.model_id
LEFT JOIN inputs AS i ON i.id = p.inputid
LEFT JOIN labels AS t ON t.sha256 = i.sha256 AND t.superseded_at IS NULL
LEFT JOIN labels AS u ON u.input_id = i.id AND u.superseded_at IS NULL;
COMMENT ON VIEW predictions_labelled IS 'every prediction with the truth of its image, and whether it is right';
