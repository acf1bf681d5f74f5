//! Runs scripts of database calls with several open results. A test chooses the calls, their kind and their order.

palisade_sdk::plugin! { path: "wit" }

use exports::probe::cursors::{acting, changing, reading};
use palisade_sdk::raw::db::{
    Aggregation, Computation, Condition, Direction, Error, Measure, Ordering, Row, Rows, Scalar, Selection,
    Test, Value,
};
use palisade_sdk::raw::db_write::Insertion;
use palisade_sdk::raw::logging::{self, Level};
use palisade_sdk::raw::{cache, clock, db, db_write};
use probe::cursors::scripts::Step;

struct Cursors;

/// Rows per batch of the step `rest`.
const BATCH_ROWS: u32 = 250;
/// Iterations between two reads of the clock.
const ROUNDS: u32 = 1_000_000;
/// Microseconds in a millisecond.
const US_PER_MS: i64 = 1_000;

impl reading::Guest for Cursors {
    fn run(steps: Vec<Step>) -> Vec<String> {
        run(steps)
    }
}

impl changing::Guest for Cursors {
    fn run(steps: Vec<Step>) -> Vec<String> {
        run(steps)
    }
}

impl acting::Guest for Cursors {
    fn run(steps: Vec<Step>) -> Vec<String> {
        run(steps)
    }
}

fn run(steps: Vec<Step>) -> Vec<String> {
    let mut results: Vec<Option<Rows>> = Vec::new();
    steps.into_iter().map(|step| take(step, &mut results).unwrap_or_else(|error| name(&error))).collect()
}

fn take(step: Step, results: &mut Vec<Option<Rows>>) -> Result<String, Error> {
    let opened = match step {
        Step::Open => db::select(&all("n"))?,
        Step::First => {
            let first = Selection { limit: Some(1), ..all("n") };
            return Ok(shown(&db::select(&first)?.next(1)?));
        }
        Step::Only(number) => {
            let test = Test::Equal(Value::Scalar(Scalar::Integer(number)));
            let filter = vec![vec![Condition { column: "n".into(), test }]];
            return Ok(shown(&db::select(&Selection { filter, ..all("n") })?.next(1)?));
        }
        Step::Count => {
            let count = Measure { name: "count".into(), computation: Computation::Count };
            let aggregation = Aggregation {
                table: "numbers".into(),
                group_by: Vec::new(),
                measures: vec![count],
                filter: Vec::new(),
                order_by: Vec::new(),
                limit: None,
            };
            return Ok(shown(&db::aggregate(&aggregation)?.next(1)?));
        }
        Step::OpenFillers => db::select(&all("filler"))?,
        Step::OpenText(text) => db::query(&text, &[])?,
        Step::Next((index, max)) => {
            return read(results, index).map_or_else(|| Ok(none()), |rows| Ok(shown(&rows.next(max)?)));
        }
        Step::Rest(index) => {
            let Some(rows) = read(results, index) else { return Ok(none()) };
            let mut all = Vec::new();
            loop {
                let batch = rows.next(BATCH_ROWS)?;
                if batch.is_empty() {
                    return Ok(shown(&all));
                }
                all.extend(batch);
            }
        }
        Step::Close(index) => {
            results[index as usize] = None;
            return Ok("closed".into());
        }
        Step::Insert(number) => {
            let row = vec![Value::Scalar(Scalar::Integer(number))];
            let columns = vec!["n".into()];
            let insertion = Insertion {
                table: "numbers".into(),
                columns,
                rows: vec![row],
                on_conflict: None,
                returning: Vec::new(),
            };
            return Ok(db_write::insert(&insertion)?.count.to_string());
        }
        Step::Execute(text) => return Ok(db_write::execute(&text, &[])?.count.to_string()),
        Step::Pause => {
            let _nothing = cache::get("pause");
            return Ok("went on".into());
        }
        Step::Log(text) => {
            logging::log(Level::Info, &text, &[]);
            return Ok("logged".into());
        }
        Step::Spin(ms) => {
            let until = clock::now() + i64::from(ms) * US_PER_MS;
            while clock::now() < until {
                // Reading the clock is a host call, and host calls are limited.
                (0..ROUNDS).for_each(|round| {
                    let _ = std::hint::black_box(round);
                });
            }
            return Ok("spun".into());
        }
    };
    results.push(Some(opened));
    Ok("opened".into())
}

fn all(column: &str) -> Selection {
    Selection {
        table: "numbers".into(),
        columns: vec![column.into()],
        filter: Vec::new(),
        order_by: vec![Ordering { column: "n".into(), direction: Direction::Ascending }],
        limit: None,
        after: Vec::new(),
    }
}

fn read(results: &[Option<Rows>], index: u32) -> Option<&Rows> {
    results.get(index as usize).and_then(Option::as_ref)
}

fn none() -> String {
    "no such result".into()
}

fn shown(rows: &[Row]) -> String {
    let first: Vec<String> = rows.iter().filter_map(|row| row.first()).map(value).collect();
    match first.as_slice() {
        [] => "end".into(),
        [only] => only.clone(),
        [first, .., last] => format!("{first}..{last} ({})", rows.len()),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Scalar(Scalar::Integer(number)) => number.to_string(),
        Value::Scalar(Scalar::Text(text)) => text.chars().take(10).collect(),
        other => format!("{other:?}"),
    }
}

fn name(error: &Error) -> String {
    match error {
        Error::LimitExceeded(usage) => format!("{} {} of {}", usage.which, usage.used, usage.max),
        Error::InvalidArgument(rule) => format!("invalid: {rule}"),
        Error::Other(code) => format!("other: {code}"),
        other => format!("{other:?}"),
    }
}

export!(Cursors);
