//! Two databases with the same tables and rows: one for a superuser, who sends statements as they are written, and one
//! with an installed plugin, whose login sends what the gate makes of them.
//!
//! The one is a copy of the other, so that both have the same object ids, and each has its own sequences. Each side runs
//! a batch of statements in one transaction and undoes every statement by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::parameter::Raw;
use palisade_guard::grant::Grants;
use palisade_guard::name::PluginName;
use palisade_store::postgres::{Database, DatabaseUrl, role::Plan};
use palisade_store::private::{PrivateOptions, PrivateServer};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage, Statement};

/// The plugin's migration: tables with a column of each type of the contract, and those of a small shop.
const TABLES: &str = include_str!("tables.sql");
/// Their rows.
const ROWS: &str = include_str!("rows.sql");
const TABLE_NAMES: [&str; 8] =
    ["customers", "orders", "items", "kinds", "tree", "stock", "Mixed Case", "words"];
/// Bytes that the plugin's tables may take: more than they do.
const STORAGE: u64 = 1 << 30;

/// A server with both databases.
pub struct World {
    server: PrivateServer,
    pub catalogue: Arc<Catalogue>,
    /// The version of the server, such as 15.
    pub version: u32,
    superuser: Config,
    plugin: Config,
    /// The settings of the plugin's login.
    settings: Vec<(String, String)>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world with extensions, which the plugin is granted. To the superuser their names are visible without a schema.
    pub async fn with(extensions: &[&str]) -> Self {
        let mut options = PrivateOptions::temporary();
        // Rows keep their places: a statement without an order gives them in the same order on both sides.
        options.settings.push(("autovacuum".into(), "off".into()));
        let server = PrivateServer::start(options).await.unwrap();
        let admin = connect(&palisade_store::private::config(&server)).await;
        admin.batch_execute("CREATE DATABASE plugins").await.unwrap();
        let mut superuser = palisade_store::private::config(&server);
        superuser.dbname("plugins");
        let owner = connect(&superuser).await;
        owner.batch_execute("CREATE SCHEMA extensions").await.unwrap();
        for name in extensions {
            owner.batch_execute(&format!("CREATE EXTENSION {name} SCHEMA extensions")).await.unwrap();
        }
        let url: DatabaseUrl = server.url().replace("dbname=postgres", "dbname=plugins").parse().unwrap();
        let host = Database::connect(url, 4).await.unwrap();
        let migrations = [("0001_tables.sql".to_owned(), TABLES.to_owned())];
        let name = PluginName::parse("words").unwrap();
        let (grants, version) = (grants(extensions), "0.1.0");
        let plan = Plan {
            name: &name,
            version,
            allows_downgrade: false,
            grants: &grants,
            storage: STORAGE,
            migrations: &migrations,
        };
        let installed = host.install(&plan).await.unwrap();
        let (role, catalogue) = (installed.role, installed.tables.catalogue());
        host.close();

        let known =
            format!("SET search_path = plugin_words; {ROWS}; ALTER ROLE {role} PASSWORD 'known'; ANALYZE");
        owner.batch_execute(&known).await.unwrap();
        let set = "SELECT split_part(s, '=', 1), substr(s, strpos(s, '=') + 1) FROM pg_db_role_setting, unnest(setconfig) s \
             WHERE setrole = $1::text::regrole";
        let settings = owner.query(set, &[&role]).await.unwrap();
        let settings = settings.iter().map(|row| (row.get(0), row.get(1))).collect();
        let version: String = owner.query_one("SHOW server_version_num", &[]).await.unwrap().get(0);
        drop(owner);
        // A database cannot be copied while anything is connected to it.
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'plugins'";
        while !admin.query(others, &[]).await.unwrap().is_empty() {}
        admin.batch_execute("CREATE DATABASE superusers TEMPLATE plugins STRATEGY file_copy").await.unwrap();

        let mut plugin = superuser.clone();
        plugin.user(&role).password("known");
        superuser.dbname("superusers");
        let version = version.parse::<u32>().unwrap() / 10_000;
        Self { server, catalogue, version, superuser, plugin, settings }
    }

    /// A connection to each database, with the same state of the session.
    pub async fn pair(&self) -> Pair {
        let (superuser, plugin) = (connect(&self.superuser).await, connect(&self.plugin).await);
        for (name, value) in &self.settings {
            let set = "SELECT set_config($1, $2, false)";
            superuser.execute(set, &[name, value]).await.unwrap();
        }
        let see = "SELECT set_config('search_path', current_setting('search_path') || ', extensions', false)";
        superuser.execute(see, &[]).await.unwrap();
        let mut config = self.superuser.clone();
        let resets = [connect(&config).await, connect(config.dbname("plugins")).await];
        Pair { superuser: Side(superuser), plugin: Side(plugin), resets }
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// All operations on all tables, and extensions.
fn grants(extensions: &[&str]) -> Grants {
    let all = ["select", "insert", "update", "delete"];
    let tables: BTreeMap<&str, _> = TABLE_NAMES.iter().map(|name| (*name, all)).collect();
    let grants = serde_json::json!({ "db": { "tables": tables, "query": true, "execute": true, "extensions": extensions } });
    serde_json::from_value(grants).unwrap()
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A superuser's connection and a plugin's.
pub struct Pair {
    superuser: Side,
    plugin: Side,
    /// Superusers in both databases, who set sequences back.
    resets: [Client; 2],
}

/// What both sides made of one statement.
pub struct Comparison {
    pub written: Outcome,
    pub sent: Outcome,
}

impl Pair {
    /// Begins a batch of statements and returns its instant, which is what `now()` means to the superuser.
    pub async fn begin(&self) -> String {
        for Side(client) in [&self.superuser, &self.plugin] {
            let begin = "ROLLBACK; BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SAVEPOINT s";
            client.batch_execute(begin).await.unwrap();
        }
        let now = "SELECT now()::text";
        self.superuser.0.query_one(now, &[]).await.unwrap().get(0)
    }

    /// Sets the sequences of both sides to the same number. Only one pair may write, so only that one calls this.
    pub async fn reset(&self) {
        let back = "SELECT setval(c.oid, 1000) FROM pg_class c WHERE relkind = 'S' \
             AND relnamespace = 'plugin_words'::regnamespace";
        for client in &self.resets {
            client.query(back, &[]).await.unwrap();
        }
    }

    /// Runs a statement as it is written and as the gate sends it.
    ///
    /// A text that the gate sends has the author's parameters first. If it has one more, that one is the instant of the
    /// invocation, which stands for `now()`: it gets the superuser's.
    pub async fn compare(&self, written: &str, sent: &str, instant: &str, is_write: bool) -> Comparison {
        let (written, sent) = tokio::join!(
            self.superuser.run(written, instant, is_write),
            self.plugin.run(sent, instant, is_write)
        );
        Comparison { written, sent }
    }
}

impl Comparison {
    /// The difference, if there is one.
    pub fn difference(&self) -> Option<String> {
        use Outcome::{Failed, Ran};
        match (&self.written, &self.sent) {
            (Failed(a), Failed(b)) if a == b => None,
            (Ran(a), Ran(b)) => a.difference(b),
            (a, b) => Some(format!("{a:?} became {b:?}")),
        }
    }
}

/// What a statement did.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// Its SQLSTATE.
    Failed(String),
    Ran(Answer),
}

/// The answer to a statement.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// The object ids of the parameters' types.
    parameters: Vec<u32>,
    /// The name, the type's object id and the type's modifier of each column.
    columns: Vec<(String, u32, i32)>,
    /// The values in the server's binary format, which says more than its text.
    rows: Vec<Vec<Option<Vec<u8>>>>,
    /// The rows that were changed or read.
    affected: Option<u64>,
    /// A hash of all rows of all tables afterwards, if the statement writes.
    state: Option<String>,
}

impl Answer {
    fn difference(&self, other: &Self) -> Option<String> {
        let parameters = other.parameters.get(..self.parameters.len());
        if parameters != Some(&self.parameters) {
            return Some(format!("parameters {:?} became {:?}", self.parameters, other.parameters));
        }
        if self.columns != other.columns {
            return Some(format!("columns {:?} became {:?}", self.columns, other.columns));
        }
        if self.rows.len() != other.rows.len() {
            return Some(format!("{} rows became {}", self.rows.len(), other.rows.len()));
        }
        let differs = |(index, (a, b)): (usize, (&Vec<_>, &Vec<_>))| {
            (a != b).then(|| format!("row {index}: {} became {}", shown(a), shown(b)))
        };
        let row = self.rows.iter().zip(&other.rows).enumerate().find_map(differs);
        if row.is_some() {
            return row;
        }
        if self.affected != other.affected {
            return Some(format!("{:?} rows affected became {:?}", self.affected, other.affected));
        }
        (self.state != other.state).then(|| "the tables differ afterwards".to_owned())
    }

    /// The same without its values, for statements whose values differ each time.
    pub fn without_values(mut self) -> Self {
        self.rows.iter_mut().for_each(|row| row.iter_mut().for_each(|value| *value = None));
        self.state = None;
        self
    }
}

/// A row, with what is printable as text.
fn shown(row: &[Option<Vec<u8>>]) -> String {
    let value = |value: &Option<Vec<u8>>| {
        value.as_ref().map_or("NULL".to_owned(), |bytes| bytes.escape_ascii().to_string())
    };
    row.iter().map(value).collect::<Vec<_>>().join(" | ")
}

/// One side's connection.
struct Side(Client);

impl Side {
    async fn run(&self, sql: &str, instant: &str, is_write: bool) -> Outcome {
        // Both are sent at once. A failed statement before has left the transaction in need of it.
        let (back, prepared) =
            tokio::join!(self.0.batch_execute("ROLLBACK TO SAVEPOINT s"), self.0.prepare(sql));
        back.unwrap();
        let ran = match prepared {
            Ok(statement) => self.answer(&statement, instant).await,
            Err(error) => Err(error),
        };
        match ran {
            Ok(mut answer) => {
                if is_write {
                    answer.state = Some(self.state().await);
                }
                Outcome::Ran(answer)
            }
            Err(error) => {
                Outcome::Failed(error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
            }
        }
    }

    async fn answer(&self, statement: &Statement, instant: &str) -> Result<Answer, Error> {
        let values = statement.params().iter().map(|kind| Written(value_of(kind, instant)));
        let stream = self.0.query_raw(statement, values.collect::<Vec<_>>()).await?;
        tokio::pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            let value = |index| row.get::<_, Raw<'_>>(index).0.map(<[u8]>::to_vec);
            rows.push((0..row.len()).map(value).collect());
        }
        let columns = statement.columns().iter();
        let columns =
            columns.map(|column| (column.name().to_owned(), column.type_().oid(), column.type_modifier()));
        Ok(Answer {
            parameters: statement.params().iter().map(Type::oid).collect(),
            columns: columns.collect(),
            rows,
            affected: stream.rows_affected(),
            state: None,
        })
    }

    /// A hash of all rows of all tables.
    async fn state(&self) -> String {
        let rows =
            TABLE_NAMES.map(|name| format!("SELECT '{name}' || t::text AS x FROM plugin_words.\"{name}\" t"));
        let text = format!("SELECT md5(string_agg(x, '|' ORDER BY x)) FROM ({}) s", rows.join(" UNION ALL "));
        let answer = self.0.simple_query(&text).await.unwrap();
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        row.unwrap_or_default().to_owned()
    }
}

/// A value for a parameter of a type, as text. Every statement gets the same ones.
fn value_of(kind: &Type, instant: &str) -> Option<String> {
    let value = match kind.name() {
        "bool" => "true",
        "int2" | "int4" | "int8" => "1",
        "float4" | "float8" => "1.5",
        "numeric" => "2.50",
        "text" | "varchar" | "bpchar" => "open",
        "bytea" => "\\x0102",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "date" => "2026-01-15",
        "time" => "10:30",
        "timestamp" => "2026-01-15 10:30",
        "timestamptz" => instant,
        "interval" => "1 day 02:03",
        "json" | "jsonb" => "{\"a\": [1, 2]}",
        "inet" | "cidr" => "10.0.0.1",
        "_int2" | "_int4" | "_int8" => "{1,2,NULL}",
        "_text" => "{vip,gift}",
        "mood" => "ok",
        _ => return None,
    };
    Some(value.to_owned())
}

/// A value of any type in the server's text format.
#[derive(Debug)]
struct Written(Option<String>);

impl ToSql for Written {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
