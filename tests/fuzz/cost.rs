//! Expensive statements from everything that SQL text can call, with the largest values that are permitted, and
//! structured calls alike. The gate refuses some. No backend works on any of the others for more than a second past its
//! deadline, or takes more than 256 MiB.
//!
//! The statements run as the plugin's login, on a connection of the test, so that its backend can be watched. The
//! signatures are PostgreSQL's own, of each function and operator that has a cost.

use super::campaign::{Fuzzer, Tally};
use super::dice::Dice;
use crate::harness::{World, connect};
use palisade_guard::db::catalogue::{Catalogue, Column, Operations, Table};
use palisade_guard::db::cost;
use palisade_guard::db::gate::ReadStatement;
use palisade_guard::db::parameter::{Binder, Parameter};
use palisade_guard::db::structured::{
    Aggregation, Computation, Condition, Direction, Measure, Ordering, Selection, Statement, Test,
};
use palisade_guard::db::typmod::Typmod;
use palisade_guard::db::value::{Scalar, Value};
use palisade_guard::limits::DB_MEASURES_MAX;
use palisade_guard::refusal::Refusal;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool, AtomicU64};
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// The statement timeout of the session, in milliseconds.
const TIMEOUT_MS: u64 = 300;
/// Milliseconds of processor time that a statement may take: its timeout and a second.
const CPU_MS_MAX: u64 = TIMEOUT_MS + 1_000;
/// KiB of memory of its own that a backend may take.
const MEMORY_KIB_MAX: u64 = 256 * 1024;
/// Bytes that all parameters of a case have at most: what an invocation may send.
const BYTES_MAX: usize = 15 << 20;

/// One value of the largest permitted size in each column.
const FILL: &str = "
    INSERT INTO plugin_sql.notes (id, title, body, tags, extra, amount) VALUES
        (1, 'a', repeat('a', 1048570), array_fill('a'::text, ARRAY[10000]), ('[' || repeat('[],', 110000) || '[1]]')::jsonb,
            repeat('9', 1000)::numeric + 0.1),
        (2, 'b', repeat('é', 524280), (SELECT array_agg(repeat('x', 90) || n) FROM generate_series(1, 10000) n),
            ('[' || repeat('1,', 80000) || '2]')::jsonb, ('1e1000')::numeric),
        (3, 'c', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 32767) n), '{}',
            (SELECT jsonb_object_agg('key' || n, n) FROM generate_series(1, 25000) n), 7);
    INSERT INTO plugin_sql.kinds (id, label, data, raw, extra, numbers, amounts) VALUES
        (1, repeat('a', 1048570), decode(repeat('00', 1048570), 'hex'), ('[' || repeat('0,', 500000) || '1]')::json,
            ('{\"a\":[' || repeat('null,', 250000) || '1]}')::jsonb, array_fill(1::bigint, ARRAY[10000]),
            array_fill(1.5, ARRAY[10000]));";

pub struct Cost {
    world: World,
    login: String,
    client: Client,
    pid: i32,
    catalogue: Catalogue,
    signatures: Vec<Signature>,
}

/// A function, an operator or a cast.
#[derive(Clone, Debug)]
struct Signature {
    name: String,
    takes: Vec<String>,
    gives: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Function,
    Aggregate,
    Window,
    Operator,
    Cast,
}

/// A statement's text while it is made, with its values.
struct Made<'a> {
    signatures: &'a [Signature],
    values: Vec<Value>,
    bytes: usize,
}

impl Fuzzer for Cost {
    const NAME: &'static str = "cost";
    const TEST: &'static str = "fuzz::expensive_statement_ends_within_a_second_of_its_deadline";
    const SMOKE: u64 = 250;
    const CASES_PER_ARENA: u64 = 1_000;

    async fn new() -> Self {
        let world = World::new().await;
        let host = world.host(&["sql"]).await;
        host.stop().await;
        world.sql.batch_execute(FILL).await.unwrap();
        let login = "SELECT role FROM palisade.plugins WHERE name = 'sql'";
        let login: String = world.sql.query_one(login, &[]).await.unwrap().get(0);
        world.sql.batch_execute(&format!("ALTER ROLE {login} PASSWORD 'known'")).await.unwrap();
        let (client, pid) = session(&world, &login).await;
        let catalogue = catalogue(&world).await;
        let signatures = signatures(&world).await;
        Self { world, login, client, pid, catalogue, signatures }
    }

    async fn case(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        match dice.below(10) {
            0 => self.aggregate(dice).await,
            1 | 2 => self.structured(dice).await,
            _ => self.text(dice).await,
        }
    }

    async fn end(self) -> Result<(), String> {
        Ok(())
    }

    fn check_outcomes(tally: &Tally) -> Result<(), String> {
        for what in
            ["too expensive", "answered", "select too expensive", "select answered", "aggregate answered"]
        {
            if tally.get(what).is_none() {
                return Err(format!("no case was {what}: {tally:?}"));
            }
        }
        Ok(())
    }
}

impl Cost {
    async fn text(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let mut made = Made { signatures: &self.signatures, values: Vec::new(), bytes: 0 };
        let signature = dice.pick(&self.signatures).clone();
        let depth = dice.below(3);
        let Some(expression) = made.call(&signature, depth, dice) else { return Ok(vec!["not made".into()]) };
        let times = *dice.pick(&[1, 1, 2, 4, 10, 30, 60]);
        let list = |item: &str, between: &str| vec![item; times].join(between);
        let is_row_wise = matches!(signature.kind, Kind::Function | Kind::Operator | Kind::Cast);
        let from = "FROM notes n, kinds k";
        let sql = match dice.below(4) {
            1 if is_row_wise => {
                format!("SELECT 1 {from} WHERE {}", list(&format!("({expression}) IS NULL"), " OR "))
            }
            2 if is_row_wise => {
                format!("SELECT {} FROM (SELECT {expression} AS x {from}) s", list("(s.x) IS NULL", ", "))
            }
            3 if is_row_wise => format!("SELECT count(DISTINCT ({expression})::text) {from}"),
            _ => format!("SELECT {} {from}", list(&format!("({expression}) IS NULL"), ", ")),
        };
        let what = signature.name.clone();
        let statement = match ReadStatement::parse(&self.catalogue, &sql) {
            Ok(statement) => statement,
            Err(refusal) => return Ok(vec![outcome("", &refusal)]),
        };
        let prepared = match self.client.prepare(statement.text()).await {
            Ok(prepared) => prepared,
            Err(error) if error.is_closed() => return Err(format!("{sql}: {error}")),
            Err(error) => return Ok(vec![format!("not prepared: {}", code(&error))]),
        };
        let bound = Binder::parse(statement.demands(), made.values, 0)
            .and_then(|binder| binder.bind(prepared.params(), &mut |_| Ok(())));
        let bound: Vec<Parameter> = match bound {
            Ok(bound) => bound,
            Err(refusal) => return Ok(vec![outcome("", &refusal)]),
        };
        let parameters: Vec<&(dyn ToSql + Sync)> =
            bound.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let watched = Watched::start(self.pid);
        let answer = self.client.query(&prepared, &parameters).await;
        watched.check(&format!("{what}: {:.3000}", statement.text()))?;
        self.settle("", answer.map(drop)).await
    }

    async fn structured(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let repeated = |bytes: usize, piece: &str| Scalar::Text(piece.repeat(bytes / piece.len()));
        let test = |dice: &mut Dice| -> Condition<Value> {
            let piece = *dice.pick(&["a", "%a", "_a", "é"]);
            let short = *dice.pick(&[1, 10, 100, 256]);
            let long = *dice.pick(&[10, 1_000, 1 << 20]);
            let json = |times: usize, piece: &str| {
                Value::Scalar(Scalar::Json(format!("[{}]", vec![piece; times].join(","))))
            };
            let pattern = Value::Scalar(repeated(short, piece));
            let (column, test) = match dice.below(8) {
                0 => ("body", Test::Like(pattern)),
                1 => ("body", Test::Ilike(pattern)),
                2 => {
                    let piece = *dice.pick(&["1", "[1]", "{\"a\":1}", "[[1]]"]);
                    ("extra", Test::Contains(json(*dice.pick(&[1, 10, 100, 10_000]), piece)))
                }
                3 => ("body", Test::Less(Value::Scalar(repeated(long, "a")))),
                4 => (
                    "body",
                    Test::OneOf(vec![Value::Scalar(repeated(1_000, "a")); *dice.pick(&[1, 100, 1_000])]),
                ),
                5 => ("extra", Test::Equal(json(*dice.pick(&[1, 1_000, 100_000]), "null"))),
                6 => (
                    "amount",
                    Test::AtLeast(Value::Scalar(Scalar::Numeric(
                        "9".repeat(*dice.pick(&[1, 1_000, 100_000])),
                    ))),
                ),
                _ => (
                    "tags",
                    Test::Equal(Value::Array(vec![
                        Scalar::Text("a".into());
                        *dice.pick(&[1, 10_000, 50_000])
                    ])),
                ),
            };
            Condition { column: column.to_owned(), test }
        };
        let times = *dice.pick(&[1, 2, 8, 32, 60]);
        let one = test(dice);
        let filter = (0..times).map(|_| vec![one.clone()]).collect();
        let selection = Selection {
            table: "notes".into(),
            columns: vec!["id".into()],
            filter,
            order_by: Vec::new(),
            limit: None,
            after: Vec::new(),
        };
        let statement = selection.parse(&self.catalogue);
        self.sent("select ", statement, &format!("{times} × {:.300}", format!("{one:?}"))).await
    }

    async fn aggregate(&mut self, dice: &mut Dice) -> Result<Vec<String>, String> {
        let columns = ["id", "title", "body", "tags", "extra", "amount"];
        let of = *dice.pick(&columns);
        let computation = match dice.below(6) {
            0 => Computation::CountDistinct(of.into()),
            1 => Computation::CountOf(of.into()),
            2 => Computation::Sum("amount".into()),
            3 => Computation::Average("amount".into()),
            4 => Computation::Minimum(dice.pick(&["body", "amount"]).to_string()),
            _ => Computation::Maximum(dice.pick(&["body", "amount"]).to_string()),
        };
        let measures = (0..*dice.pick(&[1, 8, DB_MEASURES_MAX]))
            .map(|n| Measure { name: n.to_string(), computation: computation.clone() });
        let group_by: Vec<String> =
            columns.iter().filter(|_| dice.one_in(2)).map(|&column| column.to_owned()).collect();
        let measures: Vec<Measure> = measures.collect();
        let names = group_by.iter().chain(measures.iter().map(|measure| &measure.name));
        let order_by =
            names.map(|column| Ordering { column: column.clone(), direction: Direction::Descending });
        let order_by = order_by.collect();
        let (table, filter, limit) = ("notes".into(), Vec::new(), None);
        let aggregation = Aggregation { table, group_by, measures, filter, order_by, limit };
        let what = format!("{:.600}", format!("{aggregation:?}"));
        self.sent("aggregate ", aggregation.parse(&self.catalogue), &what).await
    }

    /// Sends a structured call, unless it is refused.
    async fn sent(
        &mut self,
        kind: &str,
        statement: Result<Statement<Value>, Refusal>,
        what: &str,
    ) -> Result<Vec<String>, String> {
        let bound = match statement.and_then(|statement| statement.bind(&mut |_| Ok(()))) {
            Ok(bound) => bound,
            Err(refusal) => return Ok(vec![outcome(kind, &refusal)]),
        };
        let parameters: Vec<_> = bound.parameters().into_iter().zip(bound.types.iter().cloned()).collect();
        let watched = Watched::start(self.pid);
        let answer = self.client.query_typed(&bound.text, &parameters).await;
        watched.check(what)?;
        self.settle(kind, answer.map(drop)).await
    }

    async fn settle(
        &mut self,
        kind: &str,
        answer: Result<(), tokio_postgres::Error>,
    ) -> Result<Vec<String>, String> {
        Ok(vec![match answer {
            Ok(()) => format!("{kind}answered"),
            Err(error) if error.is_closed() => {
                (self.client, self.pid) = session(&self.world, &self.login).await;
                format!("{kind}connection lost")
            }
            Err(error) => format!("{kind}failed: {}", code(&error)),
        }])
    }
}

fn outcome(kind: &str, refusal: &Refusal) -> String {
    let text = refusal.to_string();
    if text.contains("for one row") { format!("{kind}too expensive") } else { format!("{kind}refused") }
}

fn code(error: &tokio_postgres::Error) -> String {
    error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned())
}

/// A session of the plugin's login with a short timeout, and its process id.
async fn session(world: &World, login: &str) -> (Client, i32) {
    let url = world.url().replace("user=palisade", &format!("user={login} password=known"));
    let client = connect(&url).await;
    client.batch_execute(&format!("SET statement_timeout = {TIMEOUT_MS}")).await.unwrap();
    let newest = "SELECT pid FROM pg_stat_activity WHERE usename = $1 ORDER BY backend_start DESC LIMIT 1";
    let pid = world.sql.query_one(newest, &[&login]).await.unwrap().get(0);
    (client, pid)
}

async fn catalogue(world: &World) -> Catalogue {
    let mut catalogue = Catalogue::new("plugin_sql", true, true);
    for name in ["notes", "kinds"] {
        let described = world.sql.prepare(&format!("SELECT * FROM plugin_sql.{name}")).await.unwrap();
        let columns = described.columns().iter().map(|column| Column {
            name: column.name().to_owned(),
            data_type: column.type_().clone(),
            nullable: true,
            typmod: Typmod::of(column.type_(), column.type_modifier()),
        });
        let all = Operations { select: true, insert: true, update: true, delete: true };
        catalogue = catalogue.with_table(Table::new(name, columns.collect(), all));
    }
    catalogue
}

/// What PostgreSQL knows of each function and operator that has a cost, and casts between all pairs of types.
async fn signatures(world: &World) -> Vec<Signature> {
    let functions: Vec<&str> = cost::functions().collect();
    let query = "SELECT p.proname::text, \
            ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u (t, n) ORDER BY n), \
            format_type(p.prorettype, NULL), p.prokind::text, p.provariadic <> 0 \
        FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY($1) AND p.pronargs > 0 \
        ORDER BY p.proname, p.oid";
    let mut all: Vec<Signature> = Vec::new();
    for row in world.sql.query(query, &[&functions]).await.unwrap() {
        let (name, mut takes, is_variadic): (String, Vec<String>, bool) =
            (row.get(0), row.get(1), row.get(4));
        if is_variadic && let Some(last) = takes.pop() {
            let element =
                if last == "\"any\"" { "text".to_owned() } else { last.trim_end_matches("[]").to_owned() };
            takes.extend(vec![element; 4]);
        }
        let kind = match row.get(3) {
            "a" => Kind::Aggregate,
            "w" => Kind::Window,
            _ => Kind::Function,
        };
        all.push(Signature { name, takes, gives: row.get(2), kind });
    }
    let signs: Vec<&str> = cost::operators().collect();
    let query = "SELECT oprname::text, ARRAY[format_type(oprleft, NULL), format_type(oprright, NULL)], \
            format_type(oprresult, NULL) FROM pg_operator WHERE oprname = ANY($1) AND oprleft <> 0 ORDER BY oid";
    for row in world.sql.query(query, &[&signs]).await.unwrap() {
        all.push(Signature { name: row.get(0), takes: row.get(1), gives: row.get(2), kind: Kind::Operator });
    }
    let types = ["text", "numeric", "jsonb", "json", "bytea", "text[]", "bigint[]", "numeric[]"];
    for from in types {
        for to in types.iter().chain(&["bigint", "character(10000)", "numeric(20,4)", "date"]) {
            let (name, gives) = ((*to).to_owned(), (*to).to_owned());
            all.push(Signature { name, takes: vec![from.to_owned()], gives, kind: Kind::Cast });
        }
    }
    for name in ["coalesce", "nullif", "greatest", "least"] {
        for of in ["text", "numeric", "jsonb", "text[]"] {
            let takes = vec![of.to_owned(); 2];
            all.push(Signature { name: name.into(), takes, gives: of.into(), kind: Kind::Function });
        }
    }
    for sign in ["LIKE", "ILIKE", "= ANY", "<= ANY", "<> ALL", "> ALL"] {
        let right = if sign.ends_with('E') { "text" } else { "text[]" };
        let takes = vec!["text".to_owned(), right.to_owned()];
        all.push(Signature { name: sign.into(), takes, gives: "boolean".into(), kind: Kind::Operator });
    }
    all.retain(|signature| signature.takes.iter().all(|name| is_known(name)));
    all
}

/// Whether a value of a type can be made.
fn is_known(name: &str) -> bool {
    let element = name.trim_end_matches("[]");
    [
        "text",
        "character varying",
        "character",
        "numeric",
        "smallint",
        "integer",
        "bigint",
        "real",
        "double precision",
        "boolean",
        "json",
        "jsonb",
        "bytea",
        "uuid",
        "inet",
        "cidr",
        "date",
        "interval",
        "timestamp without time zone",
        "timestamp with time zone",
        "time without time zone",
        "\"any\"",
        "anyelement",
        "anyarray",
        "anynonarray",
        "anycompatible",
        "anycompatiblearray",
    ]
    .contains(&element)
}

impl Made<'_> {
    /// A call with arguments of the largest sizes.
    fn call(&mut self, signature: &Signature, depth: usize, dice: &mut Dice) -> Option<String> {
        let Signature { name, takes, kind, .. } = signature;
        let element = *dice.pick(&["text", "bigint", "numeric"]);
        let mut arguments = Vec::new();
        for of in takes {
            let of = match of.as_str() {
                "anyelement" | "anynonarray" | "anycompatible" => element.to_owned(),
                "anyarray" | "anycompatiblearray" => format!("{element}[]"),
                "\"any\"" => (*dice.pick(&["text", "jsonb", "text[]", "numeric", "bytea"])).to_owned(),
                other => other.to_owned(),
            };
            arguments.push(self.value(&of, depth, dice)?);
        }
        Some(match (kind, arguments.as_slice()) {
            (Kind::Operator, [left, right]) if name.contains(' ') => format!("({left}) {name} ({right})"),
            (Kind::Operator, [left, right]) => format!("(({left}) {name} ({right}))"),
            (Kind::Cast, [value]) => format!("CAST({value} AS {name})"),
            (Kind::Window, _) => format!("{name}({}) OVER (ORDER BY n.id)", arguments.join(", ")),
            _ => format!("{name}({})", arguments.join(", ")),
        })
    }

    /// An expression of a type.
    fn value(&mut self, of: &str, depth: usize, dice: &mut Dice) -> Option<String> {
        if depth > 0 && dice.one_in(2) {
            let giving: Vec<Signature> = self
                .signatures
                .iter()
                .filter(|other| {
                    other.gives == of && matches!(other.kind, Kind::Function | Kind::Operator | Kind::Cast)
                })
                .cloned()
                .collect();
            if !giving.is_empty() {
                let signature = dice.pick(&giving).clone();
                return self.call(&signature, depth - 1, dice);
            }
        }
        let columns: &[&str] = match of {
            "text" | "character varying" | "character" => &["n.body", "k.label", "'a'", "n.title", "k.code"],
            "numeric" => &["n.amount", "3", "1.5e100"],
            "smallint" | "integer" | "bigint" => &["1", "2", "n.rank", "1000000"],
            "real" | "double precision" => &["1.5::float8", "k.ratio"],
            "boolean" => &["true", "n.id = 1"],
            "json" => &["k.raw"],
            "jsonb" => &["n.extra", "k.extra"],
            "bytea" => &["k.data"],
            "text[]" | "character varying[]" => &["n.tags"],
            "bigint[]" | "integer[]" => &["k.numbers"],
            "numeric[]" => &["k.amounts"],
            "uuid" => &["k.key"],
            "inet" | "cidr" => &["k.address"],
            "date" => &["k.day", "date '2024-01-01'"],
            "interval" => &["k.span", "interval '1 day'"],
            "timestamp without time zone" => &["k.local_at", "timestamp '2024-01-01'"],
            "timestamp with time zone" => &["k.at", "timestamptz '2024-01-01 00:00+00'"],
            "time without time zone" => &["k.hour", "time '10:00'"],
            _ => return None,
        };
        if dice.one_in(2) {
            return Some((*dice.pick(columns)).to_owned());
        }
        let (value, cast) = match of {
            "text" | "character varying" => {
                let bytes = *dice.pick(&[1, 20, 256, 10_000, 4 << 20]);
                (Value::Scalar(Scalar::Text(dice.pick(&["a", "b"]).repeat(bytes))), "text")
            }
            "numeric" => {
                let digits = *dice.pick(&[1, 20, 1_000, 65_536, 131_072]);
                (Value::Scalar(Scalar::Numeric(dice.pick(&["9", "7", "1"]).repeat(digits))), "numeric")
            }
            "jsonb" => {
                let piece = *dice.pick(&["1", "null", "[1]", "{\"a\":1}", "\"a\""]);
                let times = *dice.pick(&[1, 50, 1_000, 100_000]);
                (Value::Scalar(Scalar::Json(format!("[{}]", vec![piece; times].join(",")))), "jsonb")
            }
            "text[]" => {
                let times = *dice.pick(&[1, 50, 1_000, 100_000]);
                (Value::Array(vec![Scalar::Text(dice.pick(&["", "a"]).to_string()); times]), "text[]")
            }
            "bigint[]" => {
                (Value::Array(vec![Scalar::Integer(1); *dice.pick(&[1, 1_000, 100_000])]), "bigint[]")
            }
            "bytea" => (Value::Scalar(Scalar::Bytes(vec![0; *dice.pick(&[1, 1_000, 4 << 20])])), "bytea"),
            _ => return Some((*dice.pick(columns)).to_owned()),
        };
        let bytes = usize::try_from(cost::Size::of(&value).bytes).unwrap();
        if self.bytes + bytes > BYTES_MAX {
            return Some((*dice.pick(columns)).to_owned());
        }
        self.bytes += bytes;
        self.values.push(value);
        Some(format!("${}::{cast}", self.values.len()))
    }
}

/// A backend that is watched while it runs a statement.
struct Watched {
    pid: i32,
    cpu_ms: u64,
    peak_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Watched {
    fn start(pid: i32) -> Self {
        let (peak_kib, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (peak, is_over) = (Arc::clone(&peak_kib), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !is_over.load(atomic::Ordering::Relaxed) {
                peak.fetch_max(memory_kib(pid), atomic::Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { pid, cpu_ms: cpu_ms(pid), peak_kib, stop }
    }

    /// Checks what the statement took.
    fn check(self, what: &str) -> Result<(), String> {
        self.stop.store(true, atomic::Ordering::Relaxed);
        let cpu_ms = cpu_ms(self.pid).saturating_sub(self.cpu_ms);
        let kib = self.peak_kib.load(atomic::Ordering::Relaxed).max(memory_kib(self.pid));
        if cpu_ms > CPU_MS_MAX || kib > MEMORY_KIB_MAX {
            return Err(format!("{cpu_ms} ms of processor time and {kib} KiB for {what}"));
        }
        Ok(())
    }
}

/// The processor time of a process, in milliseconds.
fn cpu_ms(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // The kernel counts in hundredths of a second.
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// The memory of a process that it shares with no other, in KiB.
fn memory_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    anonymous.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
