//! What no plugin can bring about, and a session must bear all the same.

use super::Database;
use super::statement::Sql;
use crate::backend::private::{PrivateOptions, PrivateServer};
use crate::kind::Kind;
use crate::ledger::Ledger;
use crate::limits::{HOST_CONNECTIONS_MAX, Limits};

/// The role that a statement is to run as is gone, and the first statement's BEGIN goes through all but that.
#[tokio::test]
async fn connection_whose_transaction_opened_in_part_is_not_pooled() {
    let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
    let database = Database::connect(server.config(), 1).await.unwrap();
    let mut ledger = Ledger::new(Limits::default());
    let sql = |role| Sql { text: "SELECT 1", parameters: &[], types: &[], role };
    for kind in [Kind::Mutation, Kind::Action] {
        for _ in 0..3 {
            let mut session = database.session(kind);
            assert!(session.run(sql(Some("nobody")), &mut ledger).await.is_err(), "{kind:?}");
            session.rollback().await;
        }
        // As often as the pool has connections, so that each is somebody's.
        for _ in 0..HOST_CONNECTIONS_MAX {
            let mut session = database.session(kind);
            assert!(session.run(sql(None), &mut ledger).await.is_ok(), "{kind:?}");
            session.rollback().await;
        }
    }
    drop(database);
    server.stop().await;
}
