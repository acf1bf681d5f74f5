//! Failures that no plugin can cause, and that a session must handle all the same.

use super::Database;
use super::session::Session;
use super::statement::Sql;
use crate::private::{PrivateOptions, PrivateServer};
use palisade_guard::db::catalogue::Catalogue;
use palisade_guard::db::gate::ReadStatement;
use palisade_guard::kind::Kind;
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::{HOST_CONNECTIONS_MAX, Limits};
use std::sync::Arc;

/// The role of the statement does not exist, so the first statement's prefix begins the transaction and then fails.
#[tokio::test]
async fn connection_with_a_partly_opened_transaction_is_not_pooled() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let database = Database::connect(crate::private::config(&server), 1).await.unwrap();
    let mut ledger = Ledger::new(Limits::default());
    let sql = |role| Sql { text: "SELECT 1", parameters: &[], types: &[], role };
    for kind in [Kind::Mutation, Kind::Action] {
        for _ in 0..3 {
            let mut session = database.session(kind);
            assert!(session.run(sql(Some("missing_role")), &mut ledger).await.is_err(), "{kind:?}");
            session.rollback().await;
        }
        // As often as the pool has connections, so that each connection is used.
        for _ in 0..HOST_CONNECTIONS_MAX {
            let mut session = database.session(kind);
            assert!(session.run(sql(None), &mut ledger).await.is_ok(), "{kind:?}");
            session.rollback().await;
        }
    }
    drop(database);
    server.stop().await;
}

/// The second statement is a select like the first, one that is read from a cursor, or a guest's text.
#[tokio::test]
async fn second_statement_after_autocommit_is_refused_and_the_invocation_runs_again() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let database = Database::connect(crate::private::config(&server), 1).await.unwrap();
    let mut ledger = Ledger::new(Limits::default());
    let sql = Sql { text: "SELECT 1", parameters: &[], types: &[], role: None };
    let read = ReadStatement::parse(&Catalogue::new("any", true, true), "SELECT 1").unwrap();
    for second in 0..4 {
        let mut session = Session::of_plugin(Arc::clone(&database.transactions), Kind::Query);
        session.expect_one();
        assert!(session.look_up(sql, &mut ledger).await.is_ok());
        assert!(!session.has_outgrown(), "one statement was expected");
        let refused = match second {
            0 => session.look_up(sql, &mut ledger).await.is_err(),
            1 => session.run(sql, &mut ledger).await.is_err(),
            2 => session.read(sql, &mut ledger).await.is_err(),
            _ => session.read_text(&read, |_, _| Ok(Vec::new()), &mut ledger).await.is_err(),
        };
        assert!(refused && session.has_outgrown(), "{second}");
        session.rollback().await;
    }
    drop(database);
    server.stop().await;
}
