-- The final layout of exchange keys: the key encrypted, with its hash and last four characters beside it.
-- No table: made as it should be. An empty table of the first layout: converted. One with rows: refused, because the
-- keys must be encrypted by a program that has the key for it. The final layout: nothing to do.
BEGIN;

DO $$
DECLARE
  has_rows boolean;
BEGIN
  IF to_regclass('public.identity_exchange_keys') IS NULL THEN
    CREATE TABLE identity_exchange_keys (
      key_id         uuid PRIMARY KEY,
      user_id        uuid NOT NULL REFERENCES identity_users (user_id) ON DELETE CASCADE,
      exchange_name  text NOT NULL,
      market_type    text NOT NULL,
      label          text,
      permissions    text NOT NULL,
      api_secret_enc bytea NOT NULL,
      passphrase_enc bytea,
      created_at     timestamptz NOT NULL,
      updated_at     timestamptz NOT NULL,
      is_deleted     boolean NOT NULL DEFAULT false,
      deleted_at     timestamptz,
      api_key_enc    bytea NOT NULL,
      api_key_hash   bytea NOT NULL,
      api_key_last4  text NOT NULL,
      CONSTRAINT identity_exchange_keys_exchange_name_chk CHECK (exchange_name IN ('binance', 'bybit')),
      CONSTRAINT identity_exchange_keys_market_type_chk CHECK (market_type IN ('spot', 'futures')),
      CONSTRAINT identity_exchange_keys_permissions_chk CHECK (permissions IN ('read', 'trade')),
      CONSTRAINT identity_exchange_keys_deleted_state_chk CHECK (
        (is_deleted AND deleted_at IS NOT NULL) OR (NOT is_deleted AND deleted_at IS NULL)),
      CONSTRAINT identity_exchange_keys_api_key_hash_len_chk CHECK (octet_length(api_key_hash) = 32),
      CONSTRAINT identity_exchange_keys_api_key_last4_len_chk CHECK (char_length(api_key_last4) BETWEEN 1 AND 4)
    );
    CREATE INDEX idx_identity_exchange_keys_user_deleted_created
      ON identity_exchange_keys (user_id, is_deleted, created_at, key_id);
    CREATE INDEX idx_identity_exchange_keys_active_by_user
      ON identity_exchange_keys (user_id, created_at, key_id) WHERE is_deleted = false;
  ELSIF EXISTS (SELECT 1 FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name = 'identity_exchange_keys' AND column_name = 'api_key') THEN
    LOCK TABLE identity_exchange_keys IN ACCESS EXCLUSIVE MODE;
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM identity_exchange_keys)' INTO has_rows;
    IF has_rows THEN
      RAISE EXCEPTION '0004_identity_exchange_keys_v2.sql requires empty identity_exchange_keys table'
        USING HINT = 'Run explicit re-encryption migration for existing rows before applying v2 schema.';
    END IF;
    DROP INDEX IF EXISTS idx_identity_exchange_keys_active_unique_key;
    ALTER TABLE identity_exchange_keys
      DROP COLUMN api_key,
      ADD COLUMN api_key_enc bytea NOT NULL,
      ADD COLUMN api_key_hash bytea NOT NULL,
      ADD COLUMN api_key_last4 text NOT NULL,
      ADD CONSTRAINT identity_exchange_keys_api_key_hash_len_chk CHECK (octet_length(api_key_hash) = 32),
      ADD CONSTRAINT identity_exchange_keys_api_key_last4_len_chk CHECK (char_length(api_key_last4) BETWEEN 1 AND 4);
  END IF;
  CREATE UNIQUE INDEX IF NOT EXISTS idx_identity_exchange_keys_active_unique_key
    ON identity_exchange_keys (user_id, exchange_name, market_type, api_key_hash) WHERE is_deleted = false;
END
$$;

COMMIT;
