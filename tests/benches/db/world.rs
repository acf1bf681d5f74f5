//! A private server with one table, and a host with one plugin.

use crate::contender::Client;
use palisade::store::private::{PrivateOptions, PrivateServer};
use palisade::{Host, Policy};
use std::path::PathBuf;
use tokio_postgres::NoTls;

/// Rows of the table. The table and its index fit in memory, so that the benchmark does not measure the disk.
pub const ROWS: i64 = 10_000;
/// The statement that a structured select of the plugin's `get` becomes. All contenders use the same text.
const SELECT: &str =
    r#"SELECT "id", "title", "body" FROM "plugin_bench"."entries" WHERE ("id" = $1) LIMIT $2"#;

/// Everything that the benchmark uses.
pub struct World {
    server: PrivateServer,
    host: Host,
    pub server_version: String,
}

impl World {
    /// Starts the server, loads the plugin and fills its table.
    pub async fn start() -> Self {
        // The server is not durable, because nothing is written during the measurement.
        let server = PrivateServer::start(PrivateOptions::temporary()).await.expect("a private server");
        let guests = std::env::var_os("PALISADE_GUESTS").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests"),
            PathBuf::from,
        );
        let host = Host::builder()
            .database(server.url())
            .plugin(guests.join("tests/bench"), Policy::as_asked())
            .build()
            .await
            .expect("a host with the plugin `bench`: run `cargo xtask guests`");
        let sql = connect(&server).await;
        let fill = format!(
            "INSERT INTO plugin_bench.entries (title, body) \
                 SELECT 'Entry ' || n, repeat('x', 200) FROM generate_series(1, {ROWS}) n"
        );
        sql.batch_execute(&fill).await.expect("rows");
        sql.batch_execute("VACUUM (ANALYZE, FREEZE) plugin_bench.entries").await.expect("a vacuum");
        let version = sql.query_one("SHOW server_version", &[]).await.expect("a version");
        Self { server, host, server_version: version.get(0) }
    }

    /// A client with its own connections.
    pub async fn client(&self, number: usize) -> Client {
        let mut connections = Vec::new();
        for _ in 0..2 {
            let connection = connect(&self.server).await;
            let select = connection.prepare(SELECT).await.expect("a prepared statement");
            connections.push((connection.into(), select));
        }
        Client::new(self.host.clone(), connections, number)
    }

    pub async fn stop(self) {
        self.host.stop().await;
        self.server.stop().await;
    }
}

async fn connect(server: &PrivateServer) -> tokio_postgres::Client {
    let (client, connection) =
        palisade_store::private::config(server).connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
