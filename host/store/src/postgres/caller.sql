-- On whose behalf a statement of a plugin runs, for policies on rows that belong to users.
--
-- The host writes its proof into the setting `palisade.caller`: WHO.EXPIRY.PID.MAC, where WHO is a user's id or `host`, EXPIRY
-- is in microseconds since 1970 by this server's clock, PID is the connection's, and MAC is made of the role and all
-- of these with keys that no plugin can read. Anybody may set the setting; nobody else can make a proof. It is good for
-- this role, on this connection, for seconds.
--
-- Returns the user's id; for the host, `host`, so that a policy can let it be every id at once; null for everybody else.
CREATE FUNCTION palisade.caller(role name, host uuid) RETURNS uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE proof.who WHEN 'host' THEN host ELSE proof.who::uuid END
    FROM palisade.secrets AS keys,
        (
            SELECT split_part(setting, '.', 1) AS who, split_part(setting, '.', 2) AS expiry,
                split_part(setting, '.', 3) AS pid, split_part(setting, '.', 4) AS mac
            FROM current_setting('palisade.caller', true) AS setting
        ) AS proof
    WHERE keys.name = 'callers'
        -- In this order: what has no MAC of ours may be anything, and is not read as a number.
        AND CASE
            WHEN proof.mac = encode(
                sha256(
                    substr(keys.value, 65) || sha256(
                        substr(keys.value, 1, 64)
                        || convert_to(concat_ws('.', role, proof.who, proof.expiry, proof.pid), 'UTF8')
                    )
                ),
                'hex'
            )
            THEN proof.pid::integer = pg_backend_pid()
                AND proof.expiry::numeric > extract(epoch FROM clock_timestamp()) * 1000000
            ELSE false
        END
$$;

-- A plugin whose tables have rows of users gets it, with its rights.
REVOKE ALL ON FUNCTION palisade.caller(name, uuid) FROM PUBLIC;

-- The server's end of a connection, which a proof names. A hardened database tells it no plugin, and it is theirs to know.
CREATE FUNCTION palisade.server(OUT pid integer, OUT clock timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT pg_backend_pid(), clock_timestamp() $$;

REVOKE ALL ON FUNCTION palisade.server() FROM PUBLIC;
