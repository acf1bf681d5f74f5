-- A proof of who calls that is authentic, but expired or made for another connection, fails with SQLSTATE PAL01: the host
-- proves again and repeats the statement. Without the error the statement would see no rows, which reads like an answer.
-- Whatever else the setting holds proves nothing, and shows nothing.
CREATE OR REPLACE FUNCTION palisade.caller(role name, host uuid) RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting CONSTANT text := current_setting('palisade.caller', true);
    who CONSTANT text := split_part(setting, '.', 1);
    expiry CONSTANT text := split_part(setting, '.', 2);
    pid CONSTANT text := split_part(setting, '.', 3);
    keys CONSTANT bytea := (SELECT value FROM palisade.secrets WHERE name = 'callers');
BEGIN
    -- What has no MAC of ours may be anything, and is not read as a number.
    IF split_part(setting, '.', 4) IS DISTINCT FROM encode(
        sha256(
            substr(keys, 65)
            || sha256(substr(keys, 1, 64) || convert_to(concat_ws('.', role, who, expiry, pid), 'UTF8'))
        ),
        'hex'
    ) THEN
        RETURN NULL;
    END IF;
    IF pid::integer <> pg_backend_pid() OR expiry::numeric <= extract(epoch FROM clock_timestamp()) * 1000000 THEN
        RAISE EXCEPTION 'the proof of who calls is not valid here and now' USING ERRCODE = 'PAL01';
    END IF;
    RETURN CASE who WHEN 'host' THEN host ELSE who::uuid END;
END $$;
