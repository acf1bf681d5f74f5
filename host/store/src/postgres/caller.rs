//! A session that acts on behalf of a caller: when the proof of the caller is made and sent.
//!
//! What a proof is: see [`super::claim`].

use super::claim::{Claim, Server};
use super::failure::{self, Failure};
use super::pool::Connection;
use super::session::Session;
use jiff::Timestamp;

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
        let is_pooled = self.connection.as_ref().is_some_and(Connection::is_pooled);
        // Behind a PgBouncer each transaction has a server connection of its own, so the transaction must begin before
        // the server is asked.
        let may_differ = is_pooled && !(self.begun && self.proof.is_some());
        let opening = if is_pooled && !self.begun { self.prefix(None) } else { None };
        self.in_flight = true;
        let connection = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let opened = connection.batch(opening.as_deref()).await;
        self.opened(opened, opening.is_some())?;
        let connection = self.connection.as_ref().ok_or(Failure::NoConnection)?;
        let known = connection.server().get().filter(|server| server.is_current() && !may_differ);
        let server = match known {
            Some(server) => server,
            None => ask(connection).await?,
        };
        self.in_flight = false;
        self.proof = Some(claim.proof(server));
        Ok(())
    }
}

/// Asks the server for its process id and its clock.
async fn ask(connection: &Connection) -> Result<Server, Failure> {
    // Read before the query is sent: a slow network makes the proof valid for longer, never for a shorter time.
    let sent_us = Timestamp::now().as_microsecond();
    let query = "SELECT pid, clock FROM palisade.server()";
    let rows = connection.client().query_typed(query, &[]).await.map_err(failure::of)?;
    let row =
        rows.first().ok_or_else(|| Failure::Unknown("the server does not return its process id".into()))?;
    let clock: Timestamp = row.try_get(1).map_err(failure::of)?;
    let ahead_us = clock.as_microsecond().saturating_sub(sent_us);
    let pid = row.try_get(0).map_err(failure::of)?;
    let server = Server::learnt(pid, ahead_us);
    connection.server().keep(server);
    Ok(server)
}
