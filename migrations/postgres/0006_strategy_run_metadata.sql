-- roehub:version 20260216_0002
-- Progress of a run: roll-up, warm-up and evaluation.
ALTER TABLE strategy_runs ADD COLUMN IF NOT EXISTS metadata_json jsonb NOT NULL DEFAULT '{}'::jsonb;
