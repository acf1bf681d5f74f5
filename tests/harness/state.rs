//! Everything that a statement could change, as the superuser sees it.

use super::World;
use std::collections::BTreeMap;

/// The state of a database in parts: a hash of each table's rows, the values of sequences, large objects, the
/// catalogue, and the server's entries for the plugins' roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

/// All tables outside the system schemas.
const TABLES: &str = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables \
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";

/// The other parts. Roles belong to the whole server, so only the roles of this database and those that an attack
/// would create are included. Columns that the server itself changes (statistics, frozen transactions) are left out.
const REST: &str = "
    WITH own AS (
        SELECT * FROM pg_authid
        WHERE rolname IN (SELECT role FROM palisade.plugins) OR rolname = current_user OR rolname LIKE '%evil%'
    )
    SELECT 'sequence ' || schemaname || '.' || sequencename, coalesce(last_value::text, 'unused') FROM pg_sequences
    UNION ALL SELECT 'large objects', md5(string_agg(concat(loid, ':', pageno, md5(data)), '|' ORDER BY loid, pageno)) FROM pg_largeobject
    UNION ALL SELECT 'owners of large objects', string_agg(concat(oid, lomowner, lomacl), '|' ORDER BY oid) FROM pg_largeobject_metadata
    UNION ALL SELECT 'roles', string_agg(concat_ws(' ', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
        rolreplication, rolbypassrls, rolconnlimit, md5(rolpassword), rolvaliduntil), '|' ORDER BY oid) FROM own
    UNION ALL SELECT 'settings', string_agg(concat_ws(' ', setdatabase, setrole, setconfig), '|' ORDER BY setdatabase, setrole)
        FROM pg_db_role_setting WHERE setrole = 0 OR setrole IN (SELECT oid FROM own)
    UNION ALL SELECT 'members', string_agg(concat_ws(' ', roleid, member, admin_option), '|' ORDER BY roleid, member)
        FROM pg_auth_members WHERE member IN (SELECT oid FROM own WHERE rolname <> current_user)
    UNION ALL SELECT 'relations', md5(string_agg(concat_ws(' ', oid, relname, relkind, relowner, relacl, relrowsecurity,
        relforcerowsecurity, reloptions), '|' ORDER BY oid)) FROM pg_class
    UNION ALL SELECT 'columns', md5(string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull, attacl), '|' ORDER BY attrelid, attnum))
        FROM pg_attribute
    UNION ALL SELECT 'functions', md5(string_agg(concat_ws(' ', oid, proname, proowner, proacl, md5(prosrc), proconfig), '|' ORDER BY oid)) FROM pg_proc
    UNION ALL SELECT 'schemas', md5(string_agg(concat_ws(' ', oid, nspname, nspowner, nspacl), '|' ORDER BY oid)) FROM pg_namespace
    UNION ALL SELECT 'types', md5(string_agg(concat_ws(' ', oid, typname, typacl), '|' ORDER BY oid)) FROM pg_type
    UNION ALL SELECT 'languages', md5(string_agg(concat_ws(' ', oid, lanname, lanacl), '|' ORDER BY oid)) FROM pg_language
    UNION ALL SELECT 'policies', md5(string_agg(concat_ws(' ', oid, polname, polroles, polqual, polwithcheck), '|' ORDER BY oid)) FROM pg_policy
    UNION ALL SELECT 'database', md5(string_agg(concat_ws(' ', datname, datdba, datacl), '|')) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'counts', concat_ws(' ', (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint),
        (SELECT count(*) FROM pg_rewrite), (SELECT count(*) FROM pg_attrdef), (SELECT count(*) FROM pg_extension),
        (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_cast), (SELECT count(*) FROM pg_operator),
        (SELECT count(*) FROM pg_collation), (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_description),
        (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pg_enum),
        (SELECT count(*) FROM pg_statistic_ext), (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()),
        (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()))";

impl World {
    /// The current state.
    pub async fn snapshot(&self) -> Snapshot {
        let mut parts = BTreeMap::new();
        for row in self.sql.query(TABLES, &[]).await.unwrap() {
            let table: String = row.get(0);
            let rows = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t");
            let hash: Option<String> = self.sql.query_one(&rows, &[]).await.unwrap().get(0);
            parts.insert(table, hash.unwrap_or_default());
        }
        for row in self.sql.query(REST, &[]).await.unwrap() {
            parts.insert(row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default());
        }
        Snapshot(parts)
    }
}

impl Snapshot {
    /// The parts that differ from an earlier state.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> Vec<&'a str> {
        let parts = self.0.keys().chain(before.0.keys().filter(|part| !self.0.contains_key(*part)));
        parts.filter(|part| self.0.get(*part) != before.0.get(*part)).map(String::as_str).collect()
    }
}
