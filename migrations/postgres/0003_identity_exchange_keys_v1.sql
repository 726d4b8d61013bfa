-- The first layout of exchange keys, with the key in plain text. Creates the table only where there is none: a table of
-- either layout is left as it is.
BEGIN;

DO $$
BEGIN
  IF to_regclass('public.identity_exchange_keys') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE TABLE identity_exchange_keys (
    key_id         uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES identity_users (user_id) ON DELETE CASCADE,
    exchange_name  text NOT NULL,
    market_type    text NOT NULL,
    label          text,
    permissions    text NOT NULL,
    api_key        text NOT NULL,
    api_secret_enc bytea NOT NULL,
    passphrase_enc bytea,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    is_deleted     boolean NOT NULL DEFAULT false,
    deleted_at     timestamptz,
    CONSTRAINT identity_exchange_keys_exchange_name_chk CHECK (exchange_name IN ('binance', 'bybit')),
    CONSTRAINT identity_exchange_keys_market_type_chk CHECK (market_type IN ('spot', 'futures')),
    CONSTRAINT identity_exchange_keys_permissions_chk CHECK (permissions IN ('read', 'trade')),
    CONSTRAINT identity_exchange_keys_deleted_state_chk CHECK (
      (is_deleted AND deleted_at IS NOT NULL) OR (NOT is_deleted AND deleted_at IS NULL))
  );
  CREATE INDEX idx_identity_exchange_keys_user_deleted_created
    ON identity_exchange_keys (user_id, is_deleted, created_at, key_id);
  CREATE INDEX idx_identity_exchange_keys_active_by_user
    ON identity_exchange_keys (user_id, created_at, key_id) WHERE is_deleted = false;
  CREATE UNIQUE INDEX idx_identity_exchange_keys_active_unique_key
    ON identity_exchange_keys (user_id, exchange_name, market_type, api_key) WHERE is_deleted = false;
END
$$;

COMMIT;
