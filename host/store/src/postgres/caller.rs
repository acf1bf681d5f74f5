//! A session that acts on behalf of a caller: when the proof of the caller is made and sent.
//!
//! What a proof is: see [`super::claim`].

use super::claim::{Claim, Server};
use super::failure::{self, Failure};
use super::pool::Connection;
use super::session::Session;
use super::watch::patience;
use jiff::Timestamp;
use palisade_guard::limits::CALLER_PROOFS_MAX;
use std::time::Instant;
use tokio::time::timeout;
use tokio_postgres::Client;

impl Session {
    /// Makes the session act on behalf of a caller from now on.
    pub fn on_behalf(mut self, claim: Option<Claim>) -> Self {
        (self.claim, self.proof) = (claim, None);
        self
    }

    /// Makes the proof for the next statement, if the plugin's tables ask for one. Asks the server who it is, if that
    /// is not known yet or was learnt so long ago that a clock may have been set since.
    pub(super) async fn prove(&mut self) -> Result<(), Failure> {
        let Some(claim) = self.claim.clone() else { return Ok(()) };
        let proving = timeout(patience(), self.prove_claim(&claim));
        proving.await.unwrap_or_else(|_| Err(failure::silent()))
    }

    /// Forgets what the connection remembers of its server, and has the next statement proven anew: its proof came too
    /// late, or the server is another one. Returns whether it is worth another try.
    pub(super) fn prove_again(&mut self, tries: u32) -> bool {
        if let Some(connection) = &self.connection {
            connection.server().forget();
        }
        self.reproves = true;
        tries < CALLER_PROOFS_MAX
    }

    async fn prove_claim(&mut self, claim: &Claim) -> Result<(), Failure> {
        let is_pooled = self.connection.as_ref().is_some_and(Connection::is_pooled);
        // Behind a PgBouncer each transaction has a server connection of its own, so the transaction must begin before
        // the server is asked.
        let may_differ = is_pooled && !(self.begun && self.proof.is_some());
        let opening = if is_pooled && !self.begun { self.prefix(None) } else { None };
        self.flies();
        let connection = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let opened = connection.batch(opening.as_deref()).await;
        self.opened(opened, opening.is_some())?;
        let connection = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let known = connection.server().get().filter(|server| server.is_current() && !may_differ);
        let server = match known {
            Some(server) => server,
            None => {
                let server = ask(connection.client(), true).await?;
                connection.server().keep(server);
                server
            }
        };
        self.in_flight = false;
        self.proof = Some(claim.proof(server));
        Ok(())
    }
}

/// Asks the server for its process id and its clock. The host's own login also knows them without the host's functions,
/// which a new database does not have yet.
pub(super) async fn ask(client: &Client, is_plugin: bool) -> Result<Server, Failure> {
    let asked = Instant::now();
    let query = if is_plugin {
        "SELECT pid, clock FROM palisade.server()"
    } else {
        "SELECT pg_catalog.pg_backend_pid(), pg_catalog.clock_timestamp()"
    };
    let rows = client.query_typed(query, &[]).await.map_err(failure::of)?;
    let row =
        rows.first().ok_or_else(|| Failure::Unknown("the server does not return its process id".into()))?;
    let clock: Timestamp = row.try_get(1).map_err(failure::of)?;
    let pid = row.try_get(0).map_err(failure::of)?;
    Ok(Server::learnt(pid, clock.as_microsecond(), asked))
}
