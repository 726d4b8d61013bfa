-- The roles of the suite, one for each kind of process, and who owns what. Run by `migrations bootstrap` with the rights of
-- an administrator, after every migration file; safe to run again. Passwords are set by the program, never here.
DO $$
DECLARE
  role   text;
  object record;
BEGIN
  FOREACH role IN ARRAY ARRAY['roehub_migrations', 'roehub_api', 'roehub_worker', 'roehub_market_data'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- roles belong to the server: another database of it, or another bootstrap, made it
    END;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
  END LOOP;
  IF NOT pg_has_role(current_user, 'roehub_migrations', 'MEMBER') THEN
    GRANT roehub_migrations TO CURRENT_USER;
  END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO roehub_migrations', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO roehub_market_data', current_database());
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT USAGE, CREATE ON SCHEMA public TO roehub_migrations;

  FOR object IN
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) <> 'roehub_migrations' AND (n.nspname = 'market_data'
      OR (n.nspname = 'public' AND c.relname ~ '^(identity|strategy|backtest|api|roehub|trade|operator)_|^alembic_version$'))
  LOOP
    EXECUTE format('ALTER TABLE %I.%I OWNER TO roehub_migrations', object.nspname, object.relname);
  END LOOP;
  FOR object IN
    SELECT n.nspname, p.oid::regprocedure::text AS signature FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE pg_get_userbyid(p.proowner) <> 'roehub_migrations' AND n.nspname = 'public' AND p.proname ~ '^strategy_'
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO roehub_migrations', object.signature);
  END LOOP;
  ALTER SCHEMA market_data OWNER TO roehub_migrations;
END
$$;
