-- roehub:version 20260222_0003
-- The leased queue of backtest jobs and what they find. Part of the chain that existing databases already carry.
CREATE TABLE IF NOT EXISTS backtest_jobs (
  job_id                       uuid PRIMARY KEY,
  user_id                      uuid NOT NULL,
  mode                         text NOT NULL,
  state                        text NOT NULL,
  created_at                   timestamptz NOT NULL,
  updated_at                   timestamptz NOT NULL,
  started_at                   timestamptz,
  finished_at                  timestamptz,
  cancel_requested_at          timestamptz,
  request_json                 jsonb NOT NULL,
  request_hash                 text NOT NULL,
  spec_hash                    text,
  spec_payload_json            jsonb,
  engine_params_hash           text NOT NULL,
  backtest_runtime_config_hash text NOT NULL,
  stage                        text NOT NULL,
  processed_units              integer NOT NULL DEFAULT 0,
  total_units                  integer NOT NULL DEFAULT 0,
  progress_updated_at          timestamptz,
  locked_by                    text,
  locked_at                    timestamptz,
  lease_expires_at             timestamptz,
  heartbeat_at                 timestamptz,
  attempt                      integer NOT NULL DEFAULT 0,
  last_error                   text,
  last_error_json              jsonb,
  CONSTRAINT backtest_jobs_mode_chk CHECK (mode IN ('saved', 'template')),
  CONSTRAINT backtest_jobs_state_chk CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  CONSTRAINT backtest_jobs_stage_chk CHECK (stage IN ('stage_a', 'stage_b', 'finalizing')),
  CONSTRAINT backtest_jobs_units_chk CHECK (
    attempt >= 0 AND processed_units >= 0 AND total_units >= 0 AND (total_units = 0 OR processed_units <= total_units)),
  CONSTRAINT backtest_jobs_json_shape_chk CHECK (
    jsonb_typeof(request_json) = 'object'
    AND (spec_payload_json IS NULL OR jsonb_typeof(spec_payload_json) = 'object')
    AND (last_error_json IS NULL OR jsonb_typeof(last_error_json) = 'object')),
  CONSTRAINT backtest_jobs_mode_spec_chk CHECK (
    (mode = 'saved' AND spec_hash IS NOT NULL AND spec_payload_json IS NOT NULL)
    OR (mode = 'template' AND spec_hash IS NULL AND spec_payload_json IS NULL)),
  CONSTRAINT backtest_jobs_hashes_chk CHECK (
    request_hash ~ '^[0-9a-f]{64}$' AND engine_params_hash ~ '^[0-9a-f]{64}$'
    AND backtest_runtime_config_hash ~ '^[0-9a-f]{64}$' AND (spec_hash IS NULL OR spec_hash ~ '^[0-9a-f]{64}$')),
  CONSTRAINT backtest_jobs_state_times_chk CHECK (
    (state = 'queued' AND started_at IS NULL AND finished_at IS NULL)
    OR (state = 'running' AND started_at IS NOT NULL AND finished_at IS NULL)
    OR (state IN ('succeeded', 'failed', 'cancelled') AND finished_at IS NOT NULL)),
  CONSTRAINT backtest_jobs_lease_chk CHECK (
    (state = 'running' AND locked_by IS NOT NULL AND locked_at IS NOT NULL AND lease_expires_at IS NOT NULL
      AND heartbeat_at IS NOT NULL)
    OR (state <> 'running' AND locked_by IS NULL AND locked_at IS NULL AND lease_expires_at IS NULL
      AND heartbeat_at IS NULL)),
  CONSTRAINT backtest_jobs_error_chk CHECK (
    (state = 'failed' AND last_error IS NOT NULL AND last_error_json IS NOT NULL)
    OR (state <> 'failed' AND last_error IS NULL AND last_error_json IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_backtest_jobs_user_state_created_desc
  ON backtest_jobs (user_id, state, created_at DESC, job_id DESC);
CREATE INDEX IF NOT EXISTS idx_backtest_jobs_claim_fifo ON backtest_jobs (state, created_at, job_id);
CREATE INDEX IF NOT EXISTS idx_backtest_jobs_reclaim ON backtest_jobs (state, lease_expires_at, created_at, job_id);
CREATE INDEX IF NOT EXISTS idx_backtest_jobs_user_active
  ON backtest_jobs (user_id) WHERE state IN ('queued', 'running');

CREATE TABLE IF NOT EXISTS backtest_job_top_variants (
  job_id                uuid NOT NULL REFERENCES backtest_jobs (job_id) ON DELETE CASCADE,
  rank                  integer NOT NULL CHECK (rank > 0),
  variant_key           text NOT NULL,
  indicator_variant_key text NOT NULL,
  variant_index         integer NOT NULL CHECK (variant_index >= 0),
  total_return_pct      double precision NOT NULL,
  payload_json          jsonb NOT NULL CHECK (jsonb_typeof(payload_json) = 'object'),
  report_table_md       text,
  trades_json           jsonb CHECK (trades_json IS NULL OR jsonb_typeof(trades_json) = 'array'),
  updated_at            timestamptz NOT NULL,
  PRIMARY KEY (job_id, rank),
  UNIQUE (job_id, variant_key)
);

CREATE TABLE IF NOT EXISTS backtest_job_stage_a_shortlist (
  job_id                 uuid PRIMARY KEY REFERENCES backtest_jobs (job_id) ON DELETE CASCADE,
  stage_a_indexes_json   jsonb NOT NULL CHECK (jsonb_typeof(stage_a_indexes_json) = 'array'),
  stage_a_variants_total integer NOT NULL CHECK (stage_a_variants_total > 0),
  risk_total             integer NOT NULL CHECK (risk_total > 0),
  preselect_used         integer NOT NULL CHECK (preselect_used > 0),
  updated_at             timestamptz NOT NULL
);
