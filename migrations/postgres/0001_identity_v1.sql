-- Users and their Telegram chats. Safe to run again.
BEGIN;

CREATE TABLE IF NOT EXISTS identity_users (
  user_id          uuid PRIMARY KEY,
  telegram_user_id bigint NOT NULL,
  paid_level       text NOT NULL DEFAULT 'free',
  created_at       timestamptz NOT NULL,
  last_login_at    timestamptz,
  is_deleted       boolean NOT NULL DEFAULT false,
  CONSTRAINT identity_users_paid_level_chk CHECK (paid_level IN ('base', 'free', 'pro', 'ultra'))
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_identity_users_telegram_user_id ON identity_users (telegram_user_id);
CREATE INDEX IF NOT EXISTS idx_identity_users_is_deleted ON identity_users (is_deleted);

CREATE TABLE IF NOT EXISTS identity_telegram_channels (
  user_id      uuid NOT NULL REFERENCES identity_users (user_id),
  chat_id      bigint NOT NULL,
  is_confirmed boolean NOT NULL DEFAULT false,
  confirmed_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_identity_telegram_channels_chat_id ON identity_telegram_channels (chat_id);

COMMIT;
