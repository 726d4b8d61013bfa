-- roehub:version 20260301_0005
-- Accepted login payloads, remembered while they could still be presented again.
CREATE TABLE IF NOT EXISTS identity_login_replays (
  hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  first_seen timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_identity_login_replays_expires_at ON identity_login_replays (expires_at);
