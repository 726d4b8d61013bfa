-- roehub:version 20260301_0007
-- One-time codes are used once and guessed a few times only; a session can be ended before it expires; a repeated request
-- with the same Idempotency-Key gets the first answer.
ALTER TABLE identity_2fa ADD COLUMN IF NOT EXISTS last_step bigint;
ALTER TABLE identity_2fa ADD COLUMN IF NOT EXISTS attempts integer NOT NULL DEFAULT 0;
ALTER TABLE identity_2fa ADD COLUMN IF NOT EXISTS attempts_since timestamptz;

ALTER TABLE identity_users ADD COLUMN IF NOT EXISTS sessions_valid_from timestamptz;

CREATE TABLE IF NOT EXISTS api_idempotency_keys (
  user_id      uuid NOT NULL,
  key          text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  status       integer,
  body         text,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (user_id, key)
);
CREATE INDEX IF NOT EXISTS idx_api_idempotency_keys_created_at ON api_idempotency_keys (created_at);
