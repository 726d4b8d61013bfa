-- roehub:version 20260301_0004
-- What the programs promise about strategies, the database enforces: specs never change, events are only added, a run
-- moves along its table of transitions.
CREATE OR REPLACE FUNCTION strategy_strategies_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'strategy_strategies: rows are never deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  IF (to_jsonb(NEW) - 'is_deleted') IS DISTINCT FROM (to_jsonb(OLD) - 'is_deleted')
     OR (OLD.is_deleted AND NOT NEW.is_deleted) THEN
    RAISE EXCEPTION 'strategy_strategies: only is_deleted may change, from false to true'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
DROP TRIGGER IF EXISTS strategy_strategies_guard ON strategy_strategies;
CREATE TRIGGER strategy_strategies_guard BEFORE UPDATE OR DELETE ON strategy_strategies
  FOR EACH ROW EXECUTE FUNCTION strategy_strategies_guard();

CREATE OR REPLACE FUNCTION strategy_events_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'strategy_events: rows are only added' USING ERRCODE = 'restrict_violation';
END
$$;
DROP TRIGGER IF EXISTS strategy_events_guard ON strategy_events;
CREATE TRIGGER strategy_events_guard BEFORE UPDATE OR DELETE ON strategy_events
  FOR EACH ROW EXECUTE FUNCTION strategy_events_guard();

CREATE OR REPLACE FUNCTION strategy_runs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'strategy_runs: rows are never deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
       ('starting', 'warming_up'), ('starting', 'stopping'), ('starting', 'failed'),
       ('warming_up', 'running'), ('warming_up', 'stopping'), ('warming_up', 'failed'),
       ('running', 'stopping'), ('running', 'failed'),
       ('stopping', 'stopped'), ('stopping', 'failed')) THEN
    RAISE EXCEPTION 'strategy_runs: invalid transition % -> %', OLD.state, NEW.state
      USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.state IN ('stopped', 'failed') AND to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) THEN
    RAISE EXCEPTION 'strategy_runs: a finished run never changes' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END
$$;
DROP TRIGGER IF EXISTS strategy_runs_guard ON strategy_runs;
CREATE TRIGGER strategy_runs_guard BEFORE UPDATE OR DELETE ON strategy_runs
  FOR EACH ROW EXECUTE FUNCTION strategy_runs_guard();

-- Owners are users, where identity lives in the same database. Rows of an older installation are not checked again.
DO $$
BEGIN
  IF to_regclass('public.identity_users') IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'strategy_strategies_user_id_fkey') THEN
    ALTER TABLE strategy_strategies ADD CONSTRAINT strategy_strategies_user_id_fkey
      FOREIGN KEY (user_id) REFERENCES identity_users (user_id) NOT VALID;
  END IF;
END
$$;
