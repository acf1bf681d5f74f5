//! Whether a statement means the same as PostgreSQL says when the gate has accepted it.
//!
//! Statements that people wrote (`corpus/`) and generated ones (`grammar.txt`) run twice: as they are written, by a
//! superuser, and as the gate sends them, by the plugin's own login, with the same settings on the same tables. Both must
//! give the same SQLSTATE, or the same columns, types, rows and, for writes, tables.
//!
//! `PALISADE_DIFFERENTIAL=100000` sets how many generated statements are accepted, `PALISADE_TEST_POSTGRES` names the folder of
//! another server's programs, and `PALISADE_SQL_REPORT=1` prints what was accepted and why the rest was not.

mod corpus;
mod grammar;
mod spelling;
mod world;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::gate::{ReadStatement, WriteStatement};
use palisade_guard::refusal::Refusal;

use self::corpus::Row;
use self::grammar::Grammar;
use self::world::{Comparison, Outcome, Pair, World};

/// How many accepted statements a run must have.
const ACCEPTED_MIN: usize = 5_000;
/// How many of the generated statements of each of three ranges must be accepted, and how many are made for that at
/// most: the gate refuses some.
const QUOTA: usize = 1_400;
const RANGE: u64 = 10_000;
/// The first number of the statements, so that they are others than those of the tests beside this one.
const FIRST: u64 = 1 << 40;
/// How many statements one transaction has.
const BATCH: usize = 250;
/// How many refused statements the report shows for one reason.
const SHOWN: usize = 3;

/// Functions whose values differ each time. Only the columns of their statements are compared.
const VOLATILE: [&str; 2] = ["gen_random_uuid", "random"];

/// Whether the gate changes nothing any more in silence. While it does, `corpus/silent.sql` and the productions of its
/// kinds are expected to differ.
const IS_MENDED: bool = true;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_statement_means_what_its_author_wrote() {
    let world = World::new().await;
    let asked = std::env::var("PALISADE_DIFFERENTIAL").ok();
    let quota =
        asked.as_ref().map_or(QUOTA, |count| count.parse::<usize>().expect("a number of statements") / 3);
    let rows = if IS_MENDED {
        corpus::rows().into_iter().chain(corpus::silent()).collect()
    } else {
        corpus::rows_but_silent()
    };
    let (reads, writes): (Vec<Row>, Vec<Row>) = Vec::into_iter(rows).partition(|row| !row.is_write);
    // Two transactions that write would wait for each other: one task writes, the other reads.
    let range = |number: u64, is_write| {
        (is_write, FIRST + number * FIRST..FIRST + number * FIRST + RANGE.max(quota as u64 * 8))
    };
    let one = Runner::new(&world).await.run(reads, quota, vec![range(0, false)]);
    let two = Runner::new(&world).await.run(writes, quota, vec![range(1, true), range(2, false)]);
    let (one, two) = (tokio::spawn(one), tokio::spawn(two));
    let mut report = one.await.unwrap();
    report.add(two.await.unwrap());
    if std::env::var_os("PALISADE_SQL_REPORT").is_some() {
        println!("PostgreSQL {}\n{report}", world.version);
    }
    world.stop().await;
    let different = &report.different;
    assert!(
        different.is_empty(),
        "{} statements mean something else:\n\n{}",
        different.len(),
        different.join("\n\n")
    );
    let total = report.total();
    assert!(
        asked.is_some() || total.accepted >= ACCEPTED_MIN,
        "only {} statements were accepted",
        total.accepted
    );
    // If the server could run few of them, the test would prove little.
    assert!(total.ran * 10 > total.accepted * 7, "only {} of {} statements ran", total.ran, total.accepted);
}

/// What an extension adds, and what of PostgreSQL's own has the same signs.
#[tokio::test]
async fn accepted_statement_of_an_extension_means_what_its_author_wrote() {
    let world = World::with(&["pg_trgm"]).await;
    let rows = corpus::trigrams();
    let count = rows.len();
    let report = Runner::new(&world).await.run(rows, 0, Vec::new()).await;
    if std::env::var_os("PALISADE_SQL_REPORT").is_some() {
        println!("PostgreSQL {} with pg_trgm\n{report}", world.version);
    }
    world.stop().await;
    assert!(report.different.is_empty(), "{}", report.different.join("\n\n"));
    assert!(report.refused.is_empty(), "{report}");
    let total = report.total();
    assert!(total.accepted == count && total.ran * 10 > count * 9, "{total:?} of {count}");
}

#[tokio::test]
async fn silent_differences_are_named_until_they_are_mended() {
    if IS_MENDED {
        return;
    }
    let world = World::new().await;
    let report = Runner::new(&world).await.run(corpus::silent(), 0, Vec::new()).await;
    assert!(!report.different.is_empty(), "nothing in corpus/silent.sql differs any more: set IS_MENDED");
    world.stop().await;
}

/// Tests the comparison itself: it finds each kind of difference.
#[tokio::test]
async fn comparison_finds_what_differs() {
    let world = World::new().await;
    let pair = world.pair().await;
    let instant = pair.begin().await;
    for (written, sent, is_write) in [
        ("SELECT ~1 + 2", "SELECT (~1) + 2", false),
        ("SELECT 1 AS a", "SELECT 1 AS b", false),
        ("SELECT 1", "SELECT 1::int8", false),
        ("SELECT '1 s'::interval(0)", "SELECT '1 s'::interval", false),
        ("SELECT $1::int", "SELECT $1::int8::int", false),
        ("SELECT id FROM tree ORDER BY id", "SELECT id FROM tree ORDER BY id DESC", false),
        ("SELECT id FROM tree", "SELECT id FROM tree WHERE id < 3", false),
        ("SELECT 1 / 0", "SELECT 1", false),
        ("SELECT 1 / 0", "SELECT 2147483647 + 1", false),
        ("SELECT 1.0", "SELECT 1.00", false),
        ("UPDATE tree SET name = 'x' WHERE id = 1", "UPDATE tree SET name = 'x' WHERE id = 2", true),
        ("DELETE FROM items WHERE id = 1", "DELETE FROM items WHERE id < 1", true),
        ("SELECT id FROM tree", "SELECT role FROM palisade.tokens", false),
    ] {
        let comparison = pair.compare(written, sent, &instant, is_write).await;
        assert!(comparison.difference().is_some(), "{written} became {sent}");
        let same = pair.compare(written, written, &instant, is_write).await;
        assert_eq!(same.difference(), None, "{written}");
    }
    // The instant of an invocation takes the place of the superuser's clock.
    let clock = pair.compare("SELECT now() AS now", "SELECT $1::timestamptz AS now", &instant, false).await;
    assert_eq!(clock.difference(), None);
    drop(pair);
    world.stop().await;
}

/// One task: a pair of connections, and what it found.
struct Runner {
    pair: Pair,
    catalogue: Arc<Catalogue>,
    report: Report,
}

impl Runner {
    async fn new(world: &World) -> Self {
        let catalogue = Arc::clone(&world.catalogue);
        Self { pair: world.pair().await, catalogue, report: Report::default() }
    }

    /// Runs the rows of the corpus, and then the generated statements with these numbers, which write or read,
    /// until so many of each range are accepted.
    async fn run(mut self, rows: Vec<Row>, quota: usize, ranges: Vec<(bool, Range<u64>)>) -> Report {
        for batch in rows.chunks(BATCH) {
            self.batch(batch, Source::Corpus).await;
        }
        let grammar = Grammar::new(IS_MENDED);
        for (is_write, numbers) in ranges {
            let numbers: Vec<u64> = numbers.collect();
            let mut accepted = 0;
            for batch in numbers.chunks(BATCH) {
                let row =
                    |&number| Row { text: grammar.statement(number, is_write), is_write, is_refused: false };
                let rows: Vec<Row> = batch.iter().map(row).collect();
                accepted += self.batch(&rows, Source::Generated).await;
                if accepted >= quota {
                    break;
                }
            }
        }
        self.report
    }

    /// Runs statements in one transaction on each side, and returns how many were accepted.
    async fn batch(&mut self, rows: &[Row], source: Source) -> usize {
        let instant = self.pair.begin().await;
        if rows.iter().any(|row| row.is_write) {
            self.pair.reset().await;
        }
        let mut accepted = 0;
        for row in rows {
            let tally = self.report.tallies.entry((source, row.is_write)).or_default();
            let sent = match sent(&self.catalogue, row) {
                Ok(sent) => sent,
                Err(refusal) => {
                    tally.refused_on_purpose += usize::from(row.is_refused);
                    tally.refused += usize::from(!row.is_refused);
                    if source == Source::Corpus && !row.is_refused {
                        self.report.refuse(&row.text, &refusal);
                    }
                    continue;
                }
            };
            tally.accepted += 1;
            accepted += 1;
            let mut comparison = self.pair.compare(&row.text, &sent, &instant, row.is_write).await;
            tally.ran += usize::from(matches!(comparison.written, Outcome::Ran(_)));
            if VOLATILE.iter().any(|name| row.text.to_lowercase().contains(name)) {
                comparison = without_values(comparison);
            }
            if let Some(difference) = comparison.difference() {
                let shown = format!("{}\n   was sent as\n{sent}\n   and {difference}", row.text);
                self.report.different.push(shown);
            }
            // A statement that failed may have taken more numbers from a sequence on one side.
            if row.is_write
                && !matches!((&comparison.written, &comparison.sent), (Outcome::Ran(_), Outcome::Ran(_)))
            {
                self.pair.reset().await;
            }
        }
        accepted
    }
}

fn without_values(comparison: Comparison) -> Comparison {
    let strip = |outcome| match outcome {
        Outcome::Ran(answer) => Outcome::Ran(answer.without_values()),
        failed @ Outcome::Failed(_) => failed,
    };
    Comparison { written: strip(comparison.written), sent: strip(comparison.sent) }
}

/// The text that the plugin's login sends. The instant of the invocation is a parameter behind the author's, see
/// [`Pair::compare`].
fn sent(catalogue: &Catalogue, row: &Row) -> Result<String, Refusal> {
    if row.is_write {
        WriteStatement::parse(catalogue, &row.text).map(|statement| statement.text().to_owned())
    } else {
        ReadStatement::parse(catalogue, &row.text).map(|statement| statement.text().to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Corpus,
    Generated,
}

/// What became of the statements of one source that read, or write.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    accepted: usize,
    /// Of these, the server ran so many for the superuser.
    ran: usize,
    refused: usize,
    refused_on_purpose: usize,
}

#[derive(Debug, Default)]
struct Report {
    tallies: BTreeMap<(Source, bool), Tally>,
    /// The reasons of refusals, and the statements that each refused.
    refused: BTreeMap<String, Vec<String>>,
    /// Statements, and what differed.
    different: Vec<String>,
}

impl Report {
    fn refuse(&mut self, sql: &str, refusal: &Refusal) {
        let text = refusal.to_string();
        // The place in the text is not part of the reason.
        let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
        self.refused.entry(reason.to_owned()).or_default().push(sql.to_owned());
    }

    fn add(&mut self, other: Self) {
        for (key, tally) in other.tallies {
            let sum = self.tallies.entry(key).or_default();
            sum.accepted += tally.accepted;
            sum.ran += tally.ran;
            sum.refused += tally.refused;
            sum.refused_on_purpose += tally.refused_on_purpose;
        }
        for (reason, rows) in other.refused {
            self.refused.entry(reason).or_default().extend(rows);
        }
        self.different.extend(other.different);
    }

    fn total(&self) -> Tally {
        let sum = |of: fn(&Tally) -> usize| self.tallies.values().map(of).sum();
        Tally { accepted: sum(|t| t.accepted), ran: sum(|t| t.ran), ..Tally::default() }
    }
}

/// How many statements were accepted, and why the others were not, the most frequent reason first.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((source, is_write), tally) in &self.tallies {
            let given = tally.accepted + tally.refused;
            let permille = tally.accepted * 1_000 / given.max(1);
            let kind = if *is_write { "writes" } else { "reads" };
            writeln!(
                f,
                "{source:?}, {kind}: {} of {given} accepted ({}.{} %), of which {} ran; {} refused on purpose",
                tally.accepted,
                permille / 10,
                permille % 10,
                tally.ran,
                tally.refused_on_purpose
            )?;
        }
        let mut reasons: Vec<_> = self.refused.iter().collect();
        reasons.sort_by_key(|(_, rows)| usize::MAX - rows.len());
        for (reason, rows) in reasons {
            writeln!(f, "{:>5} {reason}", rows.len())?;
            for sql in rows.iter().take(SHOWN) {
                writeln!(f, "          {}", sql.replace('\n', "⏎"))?;
            }
        }
        let mut different = String::new();
        for difference in &self.different {
            writeln!(different, "\n{difference}")?;
        }
        write!(f, "{} statements mean something else{different}", self.different.len())
    }
}
