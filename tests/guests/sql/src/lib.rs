//! Exposes `db` and `db-write` to the tests in each of the three kinds. Statements are passed unchanged, and several
//! can share one invocation, so that a test sees what one leaves for the next.

palisade_sdk::plugin! { path: "wit" }

use exports::probe::sql::in_query::Answer;
use exports::probe::sql::{in_action, in_mutation, in_query};
use palisade_sdk::raw::db::{self, Aggregation, Error, Selection, Value};
use palisade_sdk::raw::db_write::{self, Insertion, Modification, Outcome, Removal};

struct Sql;

/// Rows per batch.
const BATCH_ROWS: u32 = 1_000;

fn drained(rows: &db::Rows) -> Result<Answer, Error> {
    let mut answer = Answer { columns: rows.columns(), rows: Vec::new() };
    loop {
        let batch = rows.next(BATCH_ROWS)?;
        if batch.is_empty() {
            return Ok(answer);
        }
        answer.rows.extend(batch);
    }
}

/// Reads all rows and keeps only their number.
fn counted(rows: &db::Rows) -> Result<u32, Error> {
    let mut count = 0;
    loop {
        let batch = rows.next(BATCH_ROWS)?;
        if batch.is_empty() {
            return Ok(count);
        }
        count += u32::try_from(batch.len()).unwrap_or(u32::MAX);
    }
}

fn select(selection: &Selection) -> Result<Answer, Error> {
    drained(&db::select(selection)?)
}

fn aggregate(aggregation: &Aggregation) -> Result<Answer, Error> {
    drained(&db::aggregate(aggregation)?)
}

fn query(sql: &str, parameters: &[Value]) -> Result<Answer, Error> {
    drained(&db::query(sql, parameters)?)
}

fn query_each(statements: &[String]) -> Vec<Result<u32, Error>> {
    statements.iter().map(|sql| counted(&db::query(sql, &[])?)).collect()
}

fn query_then_fail(sql: &str) -> Result<(), String> {
    db::query(sql, &[])?.next(1)?;
    Err("failed after the query".to_owned())
}

fn execute_each(statements: &[String]) -> Vec<Result<u64, Error>> {
    statements.iter().map(|sql| Ok(db_write::execute(sql, &[])?.count)).collect()
}

impl in_query::Guest for Sql {
    fn select(selection: Selection) -> Result<Answer, Error> {
        select(&selection)
    }

    fn aggregate(aggregation: Aggregation) -> Result<Answer, Error> {
        aggregate(&aggregation)
    }

    fn query(sql: String, parameters: Vec<Value>) -> Result<Answer, Error> {
        query(&sql, &parameters)
    }

    fn select_each(selections: Vec<Selection>) -> Vec<Result<u32, Error>> {
        selections.iter().map(|selection| counted(&db::select(selection)?)).collect()
    }

    fn query_each(statements: Vec<String>) -> Vec<Result<u32, Error>> {
        query_each(&statements)
    }

    fn query_then_fail(sql: String) -> Result<(), String> {
        query_then_fail(&sql)
    }
}

/// The functions that mutations and actions share.
macro_rules! writes {
    () => {
        fn select(selection: Selection) -> Result<Answer, Error> {
            select(&selection)
        }

        fn aggregate(aggregation: Aggregation) -> Result<Answer, Error> {
            aggregate(&aggregation)
        }

        fn query(sql: String, parameters: Vec<Value>) -> Result<Answer, Error> {
            query(&sql, &parameters)
        }

        fn query_each(statements: Vec<String>) -> Vec<Result<u32, Error>> {
            query_each(&statements)
        }

        fn query_then_fail(sql: String) -> Result<(), String> {
            query_then_fail(&sql)
        }

        fn insert(insertion: Insertion) -> Result<Outcome, Error> {
            db_write::insert(&insertion)
        }

        fn update(modification: Modification) -> Result<Outcome, Error> {
            db_write::update(&modification)
        }

        fn delete(removal: Removal) -> Result<Outcome, Error> {
            db_write::delete(&removal)
        }

        fn execute(sql: String, parameters: Vec<Value>) -> Result<u64, Error> {
            db_write::execute(&sql, &parameters).map(|outcome| outcome.count)
        }

        fn execute_returning(sql: String, parameters: Vec<Value>) -> Result<Outcome, Error> {
            db_write::execute(&sql, &parameters)
        }

        fn execute_each(statements: Vec<String>) -> Vec<Result<u64, Error>> {
            execute_each(&statements)
        }
    };
}

impl in_mutation::Guest for Sql {
    writes!();

    fn select_each_then_insert(selections: Vec<Selection>, insertion: Insertion) -> Result<u32, Error> {
        let count =
            selections.iter().try_fold(0, |sum, selection| Ok(sum + counted(&db::select(selection)?)?));
        db_write::insert(&insertion)?;
        count
    }
}

impl in_action::Guest for Sql {
    writes!();
}

export!(Sql);
