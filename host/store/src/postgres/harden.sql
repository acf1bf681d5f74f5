-- Palisade: hardening of one PostgreSQL database, version 13 or later. A superuser runs it in the database that the
-- host uses. It can run again at any time: it leaves alone what is done already.
--
-- IT CHANGES THE DATABASE FOR EVERYBODY IN IT. A plugin's login has the rights of PUBLIC, and PostgreSQL gives PUBLIC
-- the right to call functions with side effects, to run SQL that is hidden in strings, and to read about everybody
-- else. No right can be revoked from one login alone, so it is revoked from PUBLIC and granted to the role
-- palisade_trusted. The host's login becomes a member of that role. Other applications in this database need the same,
-- once for each of their logins:
--
--     GRANT palisade_trusted TO their_login;
--
-- No revoke covers the following, because PostgreSQL has no right for it: SET, RESET, LISTEN, NOTIFY, PREPARE, COMMIT,
-- ALTER ROLE of oneself, 'name'::regclass, and the names in pg_type, pg_attribute, pg_namespace and pg_enum, which the
-- host's own driver reads as the plugin. The gate for SQL text refuses each of these.

BEGIN;
-- One at a time: the lock under which a host changes the shape of its database.
SELECT pg_catalog.pg_advisory_xact_lock(1885432937); -- "pali" in ASCII
SET LOCAL search_path = pg_catalog;
SET LOCAL client_min_messages = warning;

-- The role that keeps what PUBLIC loses. The owner of the schema palisade is the host's login. All databases of a
-- server share its roles, so another session may be making the same role right now.
DO $$
DECLARE
    host regrole := (SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'palisade');
BEGIN
    IF to_regrole('palisade_trusted') IS NULL THEN
        CREATE ROLE palisade_trusted NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
    IF host IS NOT NULL AND NOT pg_has_role(host, 'palisade_trusted', 'USAGE') THEN
        EXECUTE format('GRANT palisade_trusted TO %s', host);
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

-- Functions with effects, and functions that tell about others. Default deny: every function that PostgreSQL itself
-- calls volatile, whatever its name will be in a later version; of the stable ones, those below; and all that is not
-- immutable, or runs as its owner, of extensions and other applications.
--   effects in a read:      set_config, setval, advisory locks, lo_*, pg_notify, pg_logical_emit_message, pg_current_xact_id
--   SQL in strings:         query_to_xml, cursor_to_xml, table_to_xml, database_to_xml, ts_stat, ts_rewrite; dblink, crosstab
--   harm to others:         pg_terminate_backend, pg_cancel_backend, pg_sleep, replication slots
--   catalogue reading:      current_setting, has_*_privilege, to_reg*, pg_get_*, pg_stat_get_*, inet_server_addr, version
DO $$
DECLARE
    -- Columns may have these as their DEFAULT, which runs with the rights of whoever inserts. nextval needs a right on
    -- the sequence and writes nothing in a read-only transaction. pg_advisory_unlock_all releases locks that no plugin
    -- can take: the host cleans connections with it. pg_column_size tells how large its argument is: the host's bound on
    -- the values of a row asks that, with the rights of whoever inserts.
    kept CONSTANT text[] := '{nextval,gen_random_uuid,uuidv4,uuidv7,random,clock_timestamp,pg_advisory_unlock_all,'
        'pg_column_size}';
    telling CONSTANT text := '^(pg_|has_.*_privilege$|to_reg|regclass$|txid_|inet_|current_setting$|version$'
        '|row_security_active$|(col|obj|shobj)_description$|(table|schema|database|cursor)_to_xml)';
    callable regprocedure;
BEGIN
    FOR callable IN
        SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prokind IN ('f', 'p')
            AND CASE n.nspname
                WHEN 'pg_catalog' THEN p.proname <> ALL (kept)
                    AND (p.provolatile = 'v' OR p.provolatile = 's' AND p.proname ~ telling)
                    -- Only the server itself can call these.
                    AND p.prorettype <> ALL ('{trigger,event_trigger}'::regtype[])
                    AND p.proargtypes::oid[] && '{internal}'::regtype[]::oid[] IS FALSE
                    -- The functions that read and write the values of a type run without a check of these rights.
                    AND NOT EXISTS (
                        SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend)
                    )
                ELSE (p.provolatile <> 'i' OR p.prosecdef)
                    -- The operators of an extension that a policy can grant: stable, because a setting is their threshold.
                    AND NOT (
                        p.proname ~ '^(strict_)?(word_)?similarity_(commutator_)?op$' AND NOT p.prosecdef AND EXISTS (
                            SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                                AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_trgm'
                        )
                    )
                    AND n.nspname <> 'palisade' AND n.nspname NOT LIKE 'plugin\_%'
            END
            AND EXISTS (
                SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0
            )
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO palisade_trusted', callable);
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', callable);
    END LOOP;
END $$;

-- An earlier version of this file revoked these.
DO $$
DECLARE
    callable regprocedure;
BEGIN
    IF NOT has_function_privilege('public', 'pg_column_size("any")'::regprocedure, 'EXECUTE') THEN
        GRANT EXECUTE ON FUNCTION pg_column_size("any") TO PUBLIC;
    END IF;
    FOR callable IN
        SELECT p.oid::regprocedure FROM pg_proc p
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
        WHERE e.extname = 'pg_trgm' AND p.proname ~ '^(strict_)?(word_)?similarity_(commutator_)?op$' AND NOT p.prosecdef
            AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', callable);
    END LOOP;
END $$;

-- Relations that tell about others, and the one whose UPDATE is a SET: pg_settings, pg_stat_*, pg_roles, pg_proc,
-- pg_class, the views of extensions (pg_stat_statements has other people's queries), information_schema. Default deny
-- as well. The exceptions are those which the host's driver reads to learn what an enum or a domain is made of.
DO $$
DECLARE
    kept CONSTANT text[] := '{pg_type,pg_range,pg_enum,pg_namespace,pg_attribute}';
    found record;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS relation, a.privileges, a.columns FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace,
            LATERAL (
                SELECT string_agg(e.privilege_type, ', ') AS privileges, '' AS columns
                    FROM aclexplode(c.relacl) e WHERE e.grantee = 0
                UNION ALL
                SELECT string_agg(DISTINCT e.privilege_type, ', '), format(' (%I)', t.attname)
                    FROM pg_attribute t, aclexplode(t.attacl) e WHERE t.attrelid = c.oid AND e.grantee = 0
                    GROUP BY t.attname
            ) a
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND a.privileges IS NOT NULL
            AND NOT (n.nspname = 'pg_catalog' AND c.relname = ANY (kept))
            AND n.nspname <> 'palisade' AND n.nspname NOT LIKE 'plugin\_%'
    LOOP
        found.privileges := regexp_replace(found.privileges, '(\w+)', '\1' || found.columns, 'g');
        EXECUTE format('GRANT %s ON %s TO palisade_trusted', found.privileges, found.relation);
        EXECUTE format('REVOKE %s ON %s FROM PUBLIC', found.privileges, found.relation);
    END LOOP;
END $$;

-- Places to store things: a temporary table shadows a real one for the next user of the connection, a function in
-- public is found by everybody who searches there, and nobody cleans up a large object.
DO $$
DECLARE
    place record;
BEGIN
    FOR place IN
        SELECT format('DATABASE %I', d.datname) AS name, a.privilege_type AS privilege
            FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
            WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type <> 'CONNECT'
        UNION ALL
        SELECT format('SCHEMA %I', n.nspname), a.privilege_type
            FROM pg_namespace n, aclexplode(n.nspacl) a
            WHERE a.grantee = 0 AND (a.privilege_type = 'CREATE' OR n.nspname = 'information_schema')
    LOOP
        EXECUTE format('GRANT %s ON %s TO palisade_trusted', place.privilege, place.name);
        EXECUTE format('REVOKE %s ON %s FROM PUBLIC', place.privilege, place.name);
    END LOOP;
END $$;

-- Inline code: DO needs no place to store code, only a language.
DO $$
DECLARE
    language name;
BEGIN
    FOR language IN
        SELECT l.lanname FROM pg_language l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a
        WHERE l.lanpltrusted AND a.grantee = 0
    LOOP
        EXECUTE format('GRANT USAGE ON LANGUAGE %I TO palisade_trusted', language);
        EXECUTE format('REVOKE USAGE ON LANGUAGE %I FROM PUBLIC', language);
    END LOOP;
END $$;

-- A view of the host or of a plugin shows what its reader may see, not what its owner may see: otherwise a view is a
-- way around row-level security. PostgreSQL supports this from version 15; before, neither may have a view.
DO $$
DECLARE
    seen regclass;
BEGIN
    FOR seen IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'v' AND (n.nspname = 'palisade' OR n.nspname LIKE 'plugin\_%')
            AND current_setting('server_version_num')::integer >= 150000
            AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    LOOP
        EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', seen);
    END LOOP;
END $$;

COMMIT;
