//! Extensions that a plugin is granted: where the operator installed each, and that its names mean what the gate's list says.
//!
//! The gate prints the names of an extension with its schema, so nobody but the extension may have an object of such a name
//! there: not one that overloads it, and nobody can add one later. A schema of a plugin, of the host or of PostgreSQL itself is
//! refused. A plugin's roles get USAGE of the schema and no more. Its list is in `host/guard/src/db/extension.rs`. Tests:
//! `tests/db/extensions.rs`.

use super::role::{InstallFailure, Work, quoted};
use palisade_guard::db::extension::{Extension, Extensions};
use palisade_guard::grant::DbGrant;
use tokio_postgres::Client;

/// The extension's schema, whether it is one of others, whether everybody may create objects in it, and whether the host may use
/// it.
const PLACE: &str = "SELECT n.nspname::text, \
        n.nspname IN ('palisade', 'information_schema') OR n.nspname ~ '^(pg_|plugin_)', \
        pg_catalog.has_schema_privilege('public', n.oid, 'CREATE'), \
        pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.quote_ident(CURRENT_USER) \
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1";

/// Objects in the extension's schema ($2) with the names of its functions ($3), operators ($4), types ($5) and operator classes
/// ($6) that belong to none of the extensions ($1) that a policy can name: two of them may share a schema and a sign.
const FOREIGN: &str = "WITH found AS ( \
        SELECT 'pg_catalog.pg_proc'::regclass AS class, p.oid, p.oid::regprocedure::text AS name \
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
            WHERE n.nspname = $2 AND p.proname = ANY ($3::text[]) \
        UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, o.oid, o.oid::regoperator::text \
            FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
            WHERE n.nspname = $2 AND o.oprname = ANY ($4::text[]) \
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, t.oid::regtype::text \
            FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
            WHERE n.nspname = $2 AND t.typname = ANY ($5::text[]) \
        UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, c.oid, c.opcname::text \
            FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace \
            WHERE n.nspname = $2 AND c.opcname = ANY ($6::text[])) \
    SELECT name FROM found WHERE NOT EXISTS ( \
        SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
            WHERE d.classid = class AND d.objid = found.oid AND d.objsubid = 0 AND d.deptype = 'e' \
                AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND e.extname = ANY ($1::text[])) \
    ORDER BY name LIMIT 1";

/// An operator in the schema $2 with one of the signs $3 whose function the role $1 cannot call.
const UNCALLABLE: &str = "SELECT o.oid::regoperator::text FROM pg_catalog.pg_operator o \
        JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
    WHERE n.nspname = $2 AND o.oprname = ANY ($3::text[]) \
        AND NOT pg_catalog.has_function_privilege($1::name, o.oprcode::oid, 'EXECUTE') LIMIT 1";

/// Schemas of others that the role $1 may use, except those in $2, if the host may revoke it. Any other right there is for the
/// canary's attacks to find.
const FORMER: &str = "SELECT DISTINCT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace n, \
        pg_catalog.aclexplode(n.nspacl) a \
    WHERE a.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1) AND a.privilege_type = 'USAGE' \
        AND n.nspname <> ALL ($2::text[]) \
        AND n.nspname NOT LIKE 'plugin\\_%' AND n.nspname <> 'palisade' \
        AND pg_catalog.pg_has_role(a.grantor, 'USAGE')";

/// Looks where the granted extensions are, and refuses one that is missing, or whose names could mean something else.
pub(super) async fn place(client: &Client, grants: &DbGrant) -> Result<Extensions, InstallFailure> {
    let mut placed = Extensions::default();
    for &extension in &grants.extensions {
        let name = extension.name();
        let Some(row) = client.query_opt(PLACE, &[&name]).await? else {
            return refused(format!(
                "[grants] db names the extension `{name}`, which this database does not have: an operator runs `CREATE SCHEMA IF \
                 NOT EXISTS extensions; CREATE EXTENSION {name} SCHEMA extensions`, or the policy leaves it out"
            ));
        };
        let (schema, is_others, is_open): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
        let shown = quoted(&schema);
        if is_others {
            return refused(format!(
                "the extension `{name}` is in the schema {shown}, which is no place for it: an operator runs `CREATE SCHEMA IF NOT \
                 EXISTS extensions; ALTER EXTENSION {name} SET SCHEMA extensions`"
            ));
        }
        if is_open {
            return refused(format!(
                "the extension `{name}` is in the schema {shown}, where everybody may create functions of the same names: an \
                 operator runs `REVOKE CREATE ON SCHEMA {shown} FROM PUBLIC`, or moves the extension to a schema of its own"
            ));
        }
        if !row.get::<_, bool>(3) {
            return Err(unusable(&shown, &row.get::<_, String>(4)));
        }
        let all = Extension::ALL.map(Extension::name).to_vec();
        let (functions, operators): (Vec<_>, Vec<_>) =
            (extension.functions().collect(), extension.operators().collect());
        let (types, classes): (Vec<_>, Vec<_>) =
            (extension.types().collect(), extension.index_classes().collect());
        let given: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&all, &schema, &functions, &operators, &types, &classes];
        if let Some(row) = client.query_opt(FOREIGN, &given).await? {
            return refused(format!(
                "the schema {shown} of the extension `{name}` also has `{}`, which is not the extension's: an operator drops it, \
                 or moves the extension to a schema of its own",
                row.get::<_, String>(0)
            ));
        }
        // Only a superuser may give a role a setting that the server does not know yet.
        let load = match extension {
            Extension::PgTrgm => format!("SELECT {shown}.similarity('', '')"),
            Extension::Vector => format!("SELECT '[1]'::{shown}.vector"),
        };
        client.batch_execute(&load).await?;
        placed = placed.with(extension, schema);
    }
    Ok(placed)
}

/// The host cannot use a schema, or not give its use.
fn unusable(schema: &str, host: &str) -> InstallFailure {
    InstallFailure::Sentence(format!(
        "the host may not give the plugin the use of the schema {schema} of an extension: an operator runs `GRANT USAGE ON SCHEMA \
         {schema} TO {host} WITH GRANT OPTION`"
    ))
}

fn refused<T>(sentence: String) -> Result<T, InstallFailure> {
    Err(InstallFailure::Sentence(sentence))
}

impl Work<'_> {
    /// Gives the plugin's roles the use of the extensions' schemas, and takes that of all others.
    pub(super) async fn extension_rights(&self, extensions: &Extensions) -> Result<(), InstallFailure> {
        let schemas: Vec<&str> = extensions.iter().map(|(_, schema)| schema).collect();
        for role in [self.role, self.owner] {
            for row in self.client.query(FORMER, &[&role, &schemas]).await? {
                let former: String = row.get(0);
                self.client.batch_execute(&format!("REVOKE USAGE ON SCHEMA {former} FROM {role}")).await?;
            }
            for schema in &schemas {
                self.use_schema(role, schema).await?;
            }
        }
        for (extension, schema) in extensions.iter() {
            self.callable(extension, schema).await?;
        }
        Ok(())
    }

    async fn use_schema(&self, role: &str, schema: &str) -> Result<(), InstallFailure> {
        let may = "SELECT pg_catalog.has_schema_privilege($1::name, $2::text, 'USAGE'), \
             pg_catalog.has_schema_privilege($2::text, 'USAGE WITH GRANT OPTION'), pg_catalog.quote_ident(CURRENT_USER)";
        let row = self.client.query_one(may, &[&role, &schema]).await?;
        let (has, may_grant): (bool, bool) = (row.get(0), row.get(1));
        let shown = quoted(schema);
        if !has && !may_grant {
            return Err(unusable(&shown, &row.get::<_, String>(2)));
        }
        if !has {
            self.client.batch_execute(&format!("GRANT USAGE ON SCHEMA {shown} TO {role}")).await?;
        }
        Ok(())
    }

    /// Refuses an extension whose operators the plugin could not use.
    async fn callable(&self, extension: Extension, schema: &str) -> Result<(), InstallFailure> {
        let signs: Vec<&str> = extension.operators().collect();
        match self.client.query_opt(UNCALLABLE, &[&self.role, &schema, &signs]).await? {
            None => Ok(()),
            Some(row) => refused(format!(
                "the plugin may not call the function of `{}` of the extension `{}`: run `palisade db harden` again, which leaves \
                 it to everybody",
                row.get::<_, String>(0),
                extension.name()
            )),
        }
    }
}
