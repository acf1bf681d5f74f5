//! Runs a test of the macro: on the server of the process, with a host of its own.

use crate::host::{Options, TestHost};
use crate::server::Server;
use futures_util::FutureExt;
use palisade::Compiler;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs the test with this path, `crate::module::name`, on a host with the plugin in a folder relative to the crate's. The macro
/// [`test`](macro@crate::test) calls it.
///
/// The host compiles the component in a process of its own, which is this program, started to run the same test: then this function
/// is the compiler, and does not return.
///
/// # Panics
/// If the host does not start, with the reason; and with the test's own panic.
#[doc(hidden)]
pub fn run<T, Ran: Future<Output = T>>(
    test: &str,
    crate_folder: &str,
    plugin: &str,
    body: impl FnOnce(TestHost) -> Ran,
) -> T {
    palisade::compile_if_asked();
    let folder = Path::new(crate_folder).join(plugin);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("the test has no threads: {error}"));
    runtime.block_on(async {
        let host = Box::pin(async {
            let server = Server::of_process().await?;
            let options = Options { compiler: Compiler::of_test(name(test)), compiled_code: compiled_code() };
            TestHost::start(&server, &folder, options).await
        });
        let host = host.await.unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
        let rest = host.rest();
        let ran = AssertUnwindSafe(body(host)).catch_unwind().await;
        rest.remove().await;
        ran.unwrap_or_else(|panic| {
            for line in rest.logs() {
                eprintln!("the plugin logged: {line}");
            }
            resume_unwind(panic)
        })
    })
}

/// A test's name for the program that runs it: its path without the crate.
fn name(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, name)| name)
}

/// The folder for compiled code, which hosts of this user share; `None` if there is no home.
fn compiled_code() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?.join("palisade");
    std::fs::create_dir_all(&cache).ok()?;
    Some(cache.join("compiled"))
}

/// What is left of a host when its test has ended.
pub(crate) struct Rest {
    pub(crate) server: Arc<Server>,
    pub(crate) database: String,
    pub(crate) log: Arc<crate::log::Kept>,
}

impl Rest {
    /// Removes the database. If that fails, it goes with the server.
    async fn remove(&self) {
        let _ = self.server.remove(&self.database).await;
    }

    fn logs(&self) -> Vec<String> {
        self.log.lines()
    }
}
