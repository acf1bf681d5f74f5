-- How many bytes a plugin's tables take, with their indexes and what a running transaction has added. A login may ask only
-- for itself; the host, which is a member of every plugin's role, asks for each.
CREATE FUNCTION palisade.storage(login name) RETURNS bigint
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    FROM palisade.plugins p
        JOIN pg_namespace n ON n.nspname = 'plugin_' || replace(p.name, '-', '_')
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm')
    WHERE p.role = $1 AND pg_has_role(session_user, p.role, 'MEMBER')
$$;

REVOKE ALL ON FUNCTION palisade.storage(name) FROM PUBLIC;
