-- What `list` filters by. With the id behind a label, a model or a run, its rows come newest first
-- without sorting, however many they are.

CREATE INDEX predictions_label_id ON predictions (label, id);
CREATE INDEX predictions_model_id_id ON predictions (model_id, id);
CREATE INDEX predictions_run_id_id ON predictions (run_id, id);
CREATE INDEX predictions_created_at ON predictions (created_at);
CREATE INDEX predictions_score ON predictions (score);
