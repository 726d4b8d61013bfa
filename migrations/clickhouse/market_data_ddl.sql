-- The candle store on ClickHouse. Plain SQL for clickhouse-client --multiquery, every statement may be repeated.
-- Types keep to what the releases from 18.16 on accept: whole minutes are DateTime, versions are epoch milliseconds.
CREATE DATABASE IF NOT EXISTS market_data;

CREATE TABLE IF NOT EXISTS market_data.canonical_candles_1m (
  market_id UInt16,
  symbol String,
  instrument_key String,
  ts_open DateTime('UTC'),
  open Float64,
  high Float64,
  low Float64,
  close Float64,
  volume_base Float64,
  volume_quote Nullable(Float64),
  trades_count Nullable(Int64),
  taker_buy_volume_base Nullable(Float64),
  taker_buy_volume_quote Nullable(Float64),
  source UInt8,
  ingested_at UInt64,
  ingest_id String
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toYYYYMM(ts_open)
ORDER BY (market_id, symbol, ts_open);

CREATE TABLE IF NOT EXISTS market_data.confirmed_gaps (
  market_id UInt16,
  symbol String,
  ts_from DateTime('UTC'),
  ts_to DateTime('UTC'),
  confirmed_at UInt64
) ENGINE = ReplacingMergeTree(confirmed_at)
ORDER BY (market_id, symbol, ts_from, ts_to);

CREATE TABLE IF NOT EXISTS market_data.schema_version (
  version String,
  applied_at UInt64
) ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version;

INSERT INTO market_data.schema_version (version, applied_at) VALUES ('20260301_0001', 1);
