-- What each role may touch: no more than its process does. Run after every migration, by the owner of the tables.
REVOKE ALL ON ALL TABLES IN SCHEMA public, market_data FROM PUBLIC, roehub_api, roehub_worker, roehub_market_data;
GRANT USAGE ON SCHEMA public, market_data TO roehub_api, roehub_worker, roehub_market_data;
GRANT SELECT ON alembic_version TO roehub_api, roehub_worker, roehub_market_data;

-- api: accounts and their secrets (sealed), strategies and their runs; it reads candles
GRANT SELECT, INSERT, UPDATE ON identity_users, identity_2fa, identity_exchange_keys TO roehub_api;
GRANT SELECT ON identity_telegram_channels TO roehub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON identity_login_replays, api_idempotency_keys TO roehub_api;
GRANT SELECT, INSERT, UPDATE ON strategy_strategies, strategy_runs TO roehub_api;
GRANT SELECT, INSERT ON strategy_events TO roehub_api;
GRANT SELECT, INSERT, UPDATE ON backtest_jobs TO roehub_api;
GRANT SELECT ON backtest_job_top_variants, backtest_job_stage_a_shortlist TO roehub_api;
GRANT SELECT ON ALL TABLES IN SCHEMA market_data TO roehub_api;

-- workers: runs and jobs; of accounts only where a notification goes to
GRANT SELECT ON strategy_strategies TO roehub_worker;
GRANT SELECT, INSERT, UPDATE ON strategy_runs TO roehub_worker;
GRANT SELECT, INSERT ON strategy_events TO roehub_worker;
GRANT SELECT ON identity_telegram_channels TO roehub_worker;
GRANT SELECT, INSERT, UPDATE ON backtest_jobs TO roehub_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON backtest_job_top_variants, backtest_job_stage_a_shortlist TO roehub_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA market_data TO roehub_worker;

-- market data: candles, and nothing about people
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA market_data TO roehub_market_data;
