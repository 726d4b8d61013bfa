-- roehub:version 20260301_0006
-- The embedded candle store: one row a closed minute, the latest ingest wins.
CREATE SCHEMA IF NOT EXISTS market_data;

CREATE TABLE IF NOT EXISTS market_data.candles_1m (
  market_id              integer NOT NULL CHECK (market_id BETWEEN 1 AND 65535),
  symbol                 text NOT NULL,
  ts_open                timestamptz NOT NULL,
  open                   double precision NOT NULL,
  high                   double precision NOT NULL,
  low                    double precision NOT NULL,
  close                  double precision NOT NULL,
  volume_base            double precision NOT NULL,
  volume_quote           double precision,
  trades_count           bigint,
  taker_buy_volume_base  double precision,
  taker_buy_volume_quote double precision,
  source                 text NOT NULL CHECK (source IN ('ws', 'rest', 'file')),
  instrument_key         text NOT NULL,
  ingested_at            timestamptz NOT NULL,
  ingest_id              uuid,
  PRIMARY KEY (market_id, symbol, ts_open)
);

-- Minutes that the exchange confirmed it never had.
CREATE TABLE IF NOT EXISTS market_data.confirmed_gaps (
  market_id    integer NOT NULL,
  symbol       text NOT NULL,
  ts_from      timestamptz NOT NULL,
  ts_to        timestamptz NOT NULL CHECK (ts_to > ts_from),
  confirmed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (market_id, symbol, ts_from, ts_to)
);
