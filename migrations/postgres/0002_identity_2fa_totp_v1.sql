-- Two-factor state, one row a user. Safe to run again.
BEGIN;

CREATE TABLE IF NOT EXISTS identity_2fa (
  user_id         uuid PRIMARY KEY REFERENCES identity_users (user_id) ON DELETE CASCADE,
  totp_secret_enc bytea NOT NULL,
  enabled         boolean NOT NULL DEFAULT false,
  enabled_at      timestamptz,
  updated_at      timestamptz NOT NULL,
  CONSTRAINT identity_2fa_enabled_state_chk CHECK (
    (enabled AND enabled_at IS NOT NULL) OR (NOT enabled AND enabled_at IS NULL))
);
CREATE INDEX IF NOT EXISTS idx_identity_2fa_enabled ON identity_2fa (enabled);

COMMIT;
