-- roehub:version 20260215_0001
-- Strategies, their runs, and the event log that is the truth about both.
CREATE TABLE IF NOT EXISTS strategy_strategies (
  strategy_id     uuid PRIMARY KEY,
  user_id         uuid NOT NULL,
  name            text NOT NULL,
  instrument_id   jsonb NOT NULL,
  instrument_key  text NOT NULL,
  market_type     text NOT NULL,
  symbol          text NOT NULL,
  timeframe       text NOT NULL,
  indicators_json jsonb NOT NULL,
  spec_json       jsonb NOT NULL,
  created_at      timestamptz NOT NULL,
  is_deleted      boolean NOT NULL DEFAULT false,
  CONSTRAINT strategy_strategies_instrument_id_shape_chk CHECK (
    jsonb_typeof(instrument_id) = 'object' AND instrument_id ? 'market_id' AND instrument_id ? 'symbol'),
  CONSTRAINT strategy_strategies_market_type_chk CHECK (market_type IN ('spot', 'futures')),
  CONSTRAINT strategy_strategies_timeframe_chk CHECK (timeframe IN ('1m', '5m', '15m', '1h', '4h', '1d')),
  CONSTRAINT strategy_strategies_spec_schema_version_chk CHECK (
    coalesce(spec_json ->> 'schema_version', '') = '1'),
  CONSTRAINT strategy_strategies_spec_kind_chk CHECK (
    coalesce(spec_json ->> 'spec_kind', '') = 'roehub.strategy.v1')
);
CREATE INDEX IF NOT EXISTS idx_strategy_strategies_user_created
  ON strategy_strategies (user_id, created_at, strategy_id);
CREATE INDEX IF NOT EXISTS idx_strategy_strategies_tags
  ON strategy_strategies (user_id, symbol, market_type, timeframe);

CREATE TABLE IF NOT EXISTS strategy_runs (
  run_id             uuid PRIMARY KEY,
  user_id            uuid NOT NULL,
  strategy_id        uuid NOT NULL REFERENCES strategy_strategies (strategy_id),
  state              text NOT NULL,
  started_at         timestamptz NOT NULL,
  stopped_at         timestamptz,
  checkpoint_ts_open timestamptz,
  last_error         text,
  updated_at         timestamptz NOT NULL,
  CONSTRAINT strategy_runs_state_chk CHECK (
    state IN ('starting', 'warming_up', 'running', 'stopping', 'stopped', 'failed'))
);
CREATE INDEX IF NOT EXISTS idx_strategy_runs_strategy_started ON strategy_runs (strategy_id, started_at, run_id);
CREATE UNIQUE INDEX IF NOT EXISTS strategy_runs_one_active
  ON strategy_runs (strategy_id) WHERE state IN ('starting', 'warming_up', 'running', 'stopping');

CREATE TABLE IF NOT EXISTS strategy_events (
  event_id     uuid PRIMARY KEY,
  user_id      uuid NOT NULL,
  strategy_id  uuid NOT NULL REFERENCES strategy_strategies (strategy_id),
  run_id       uuid REFERENCES strategy_runs (run_id),
  ts           timestamptz NOT NULL,
  event_type   text NOT NULL,
  payload_json jsonb NOT NULL,
  CONSTRAINT strategy_events_event_type_nonempty_chk CHECK (length(btrim(event_type)) > 0),
  CONSTRAINT strategy_events_payload_shape_chk CHECK (jsonb_typeof(payload_json) = 'object')
);
CREATE INDEX IF NOT EXISTS idx_strategy_events_strategy_ts ON strategy_events (strategy_id, ts, event_id);
CREATE INDEX IF NOT EXISTS idx_strategy_events_run_ts
  ON strategy_events (run_id, ts, event_id) WHERE run_id IS NOT NULL;
