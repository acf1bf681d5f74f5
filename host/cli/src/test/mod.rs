//! `palisade test`: runs the tests that a plugin brings along in `tests/*.toml`, against the real host.
//!
//! [`form`] reads a file, [`run`] runs one test with the crate `palisade-test`, [`compare`] tells what differs, and [`update`]
//! writes it back. Tests: `tests/command/test/`.

mod compare;
mod form;
mod from;
mod run;
mod update;

use crate::folder;
use crate::host;
use crate::output::{self, Line};
use anstyle::AnsiColor;
use anyhow::{Context, Result, bail};
use clap::Args;
use compare::Side;
use form::File;
use futures_util::StreamExt;
use palisade::{Compiler, Source};
use palisade_guard::limits::{FOLDER_ENTRIES_MAX, TEST_FILE_BYTES_MAX, TEST_JOBS_MAX};
use palisade_store::files;
use palisade_test::{Options, Server, TestHost};
use run::{Failure, Ran};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The folder of a plugin's tests, in the plugin's.
const TESTS: &str = "tests";

/// Runs the tests of a plugin against the real host
///
/// They are the files tests/*.toml in the plugin's folder. Each test has a database of its own on a private PostgreSQL, which is
/// gone afterwards; `DATABASE_URL` is not used. The plugin gets what its manifest asks for. Build it first: `palisade build`.
///
/// A test that fails is shown with its place, what was expected (-), what it got (+), and what the plugin logged.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade test\n  palisade test plugins/guestbook --filter signed\n  palisade test --update"
)]
pub(super) struct TestArgs {
    /// The folder of a plugin, or of several in subfolders
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Run only tests whose name, or whose file's name, contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what the tests get in the place of what they expect
    #[arg(long)]
    update: bool,
    /// Write a test of a call that `palisade serve --record` has kept, instead of running tests; `palisade replay` lists them
    #[arg(long, value_name = "ID", conflicts_with_all = ["filter", "update", "jobs", "logs", "json"])]
    from: Option<u64>,
    /// Tests at once [default: one for each processor]
    #[arg(long, value_name = "COUNT", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=TEST_JOBS_MAX as u64))]
    jobs: Option<usize>,
    /// Show what the plugin logged below every test, and not only below those that fail
    #[arg(long)]
    logs: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A test that is to run.
struct Planned {
    folder: Arc<PathBuf>,
    plugin: Arc<str>,
    file: Arc<(PathBuf, File)>,
    /// Its place in the file.
    index: usize,
}

/// Runs the command.
pub(super) async fn run(args: TestArgs) -> Result<()> {
    if let Some(id) = args.from {
        return from::write(&args.dir, id);
    }
    let began = Instant::now();
    let (planned, left_out) = plan(&args)?;
    if planned.is_empty() {
        return Err(output::usage(match &args.filter {
            Some(filter) => format!("no test contains {filter:?} in its name: {left_out} are left out"),
            None => format!(
                "there are no tests in {}: write `{TESTS}/*.toml`, as docs/testing.md says",
                args.dir.display()
            ),
        }));
    }
    let server = Server::start().await?;
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let compiled = host::compiled_code();
    let runs = planned.iter().map(|planned| {
        let (server, compiled) = (Arc::clone(&server), compiled.clone());
        let (folder, file, index) = (Arc::clone(&planned.folder), Arc::clone(&planned.file), planned.index);
        async move {
            // On threads of the runtime, so that tests run beside each other.
            let test = async move { one(&server, &folder, &file.1, index, compiled).await };
            tokio::spawn(test).await.unwrap_or_else(|panic| {
                (Ran::failed(0, format!("the test ended the host's thread: {panic}")), Duration::ZERO)
            })
        }
    });
    let mut all = Vec::new();
    {
        let runs = futures_util::stream::iter(runs).buffered(jobs.min(TEST_JOBS_MAX));
        let mut runs = std::pin::pin!(runs);
        while let Some((ran, took)) = runs.next().await {
            if let Some(planned) = planned.get(all.len())
                && !args.json
            {
                print(planned, &ran, took, &args);
            }
            all.push((ran, took));
        }
    }
    server.stop().await;
    let updated = if args.update { write_back(&planned, &mut all)? } else { 0 };
    let failed = all.iter().filter(|(ran, _)| !ran.failures.is_empty()).count();
    if args.json {
        let tests = planned.iter().zip(&all).map(|(planned, (ran, took))| described(planned, ran, *took));
        output::json(&json!({
            "tests": tests.collect::<Vec<_>>(), "passed": all.len() - failed, "failed": failed,
            "left-out": left_out, "updated": updated,
        }));
    } else {
        let ms = began.elapsed().as_millis();
        let updated = if args.update { format!(", {updated} updated") } else { String::new() };
        let left_out = if left_out > 0 { format!(", {left_out} left out") } else { String::new() };
        Line::of(format_args!("{} passed, {failed} failed{updated}{left_out} ({ms} ms)", all.len() - failed))
            .print();
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} tests failed", all.len()),
    }
}

/// Runs one test on a host of its own.
async fn one(
    server: &Arc<Server>,
    folder: &Path,
    file: &File,
    index: usize,
    compiled_code: Option<PathBuf>,
) -> (Ran, Duration) {
    let began = Instant::now();
    let Some(test) = file.tests.get(index) else { return (Ran::default(), Duration::ZERO) };
    let options = Options { compiler: Compiler::this_program(), compiled_code };
    let ran = match TestHost::start(server, folder, options).await {
        Ok(host) => {
            let ran = run::run(&host, file, test).await;
            host.stop().await;
            ran
        }
        Err(error) => Ran::failed(test.at, format!("the plugin cannot be loaded: {error:#}")),
    };
    (ran, began.elapsed())
}

impl Ran {
    fn failed(at: usize, sentence: String) -> Self {
        Self { failures: vec![Failure { at, sentence, difference: Vec::new() }], ..Self::default() }
    }
}

/// The tests that are to run, and how many the filter leaves out.
fn plan(args: &TestArgs) -> Result<(Vec<Planned>, usize)> {
    let (mut planned, mut left_out) = (Vec::new(), 0);
    let plugins = folder::plugins(&args.dir)?;
    let many = plugins.len() > 1;
    for path in plugins {
        let source = Source::open(&path).map_err(|error| output::usage(error.to_string()))?;
        let (plugin, folder): (Arc<str>, _) = (source.name().as_str().into(), Arc::new(path));
        let inner = Path::new(TESTS);
        let within = files::Folder::open(&folder)?;
        let cannot = |path: &Path| format!("cannot read {}", folder.join(path).display());
        let names = within.names(inner, "toml").with_context(|| cannot(inner))?;
        if !names.is_empty() {
            check_component(&source)?;
        }
        for name in names {
            let path = inner.join(&name);
            let text = within.file(&path).and_then(|file| files::read_text(file, TEST_FILE_BYTES_MAX));
            let text = text.map_err(|error| output::usage(format!("{}: {error}", cannot(&path))))?;
            let shown =
                if many { format!("{plugin}/{}", path.display()) } else { path.display().to_string() };
            let file = Arc::new((folder.join(&path), File::parse(&shown, text)?));
            for (index, test) in file.1.tests.iter().enumerate() {
                let wanted = args.filter.as_ref().is_none_or(|text| {
                    test.name.contains(text.as_str()) || file.1.name.contains(text.as_str())
                });
                if !wanted {
                    left_out += 1;
                    continue;
                }
                let (folder, plugin, file) = (Arc::clone(&folder), Arc::clone(&plugin), Arc::clone(&file));
                planned.push(Planned { folder, plugin, file, index });
            }
        }
    }
    Ok((planned, left_out))
}

/// Checks that the plugin is built, and warns if its source has changed since.
fn check_component(source: &Source) -> Result<()> {
    let component = source.component_path();
    let Ok(built) = fs::metadata(&component).and_then(|file| file.modified()) else {
        return Err(output::usage(format!(
            "{} is not there, which palisade.toml names: run `palisade build` first",
            component.display()
        )));
    };
    let mut left = FOLDER_ENTRIES_MAX;
    let changed = ["src", "wit"].iter().find_map(|inner| newer(&source.path().join(inner), built, &mut left));
    if let Some(changed) = changed {
        let (changed, component) = (changed.display(), component.display());
        Line::of(format_args!(
            "warning: {changed} is newer than {component}: run `palisade build` to test it"
        ))
        .remark();
    }
    Ok(())
}

/// A file below a folder that is newer than this. The contract's copy is left out, which a build writes.
fn newer(folder: &Path, than: SystemTime, left: &mut usize) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.filter_map(Result::ok) {
        *left = left.checked_sub(1)?;
        let (path, kind) = (entry.path(), entry.file_type().ok()?);
        if kind.is_dir() {
            if entry.file_name() != "deps"
                && let Some(found) = newer(&path, than, left)
            {
                return Some(found);
            }
        } else if kind.is_file()
            && entry.metadata().and_then(|file| file.modified()).is_ok_and(|at| at > than)
        {
            return Some(path);
        }
    }
    None
}

/// Writes what tests got in the place of what they expect. Those that only differed have passed then. Returns how many.
fn write_back(planned: &[Planned], all: &mut [(Ran, Duration)]) -> Result<usize> {
    let (mut updated, mut at) = (0, 0);
    while let Some(Planned { file, .. }) = planned.get(at) {
        let of_file = planned[at..].iter().take_while(|planned| Arc::ptr_eq(&planned.file, file)).count();
        let mut edits = Vec::new();
        for (ran, _) in &mut all[at..at + of_file] {
            if ran.can_be_updated() && !ran.failures.is_empty() {
                edits.append(&mut ran.edits);
                ran.failures.clear();
                updated += 1;
            }
        }
        if !edits.is_empty() {
            update::write(&file.0, &file.1, edits)?;
        }
        at += of_file;
    }
    Ok(updated)
}

fn print(planned: &Planned, ran: &Ran, took: Duration, args: &TestArgs) {
    let file = &planned.file.1;
    let Some(test) = file.tests.get(planned.index) else { return };
    let is_passed = ran.failures.is_empty();
    let (word, colour) = match () {
        () if is_passed => ("ok    ", AnsiColor::Green),
        () if args.update && ran.can_be_updated() => ("update", AnsiColor::Yellow),
        () => ("FAILED", AnsiColor::Red),
    };
    let line = Line::default().styled(colour.on_default().bold(), word);
    line.text(format_args!(" {}: {} ({} ms)", file.line(test.at), test.name, took.as_millis())).print();
    for Failure { at, sentence, difference } in &ran.failures {
        Line::of(format_args!("    {}: {sentence}", file.line(*at))).print();
        for (side, line) in difference {
            let (mark, colour) = match side {
                Side::Both => (' ', None),
                Side::Expected => ('-', Some(AnsiColor::Red)),
                Side::Got => ('+', Some(AnsiColor::Green)),
            };
            let style = colour.map_or_else(anstyle::Style::new, AnsiColor::on_default);
            Line::of("      ").styled(style, format_args!("{mark} {line}")).print();
        }
    }
    if (!is_passed || args.logs) && !ran.logs.is_empty() {
        Line::of("    the plugin logged:").print();
        for line in &ran.logs {
            Line::of("      ").text(line).print();
        }
    }
}

fn described(planned: &Planned, ran: &Ran, took: Duration) -> Value {
    let file = &planned.file.1;
    let test = file.tests.get(planned.index);
    let failures = ran.failures.iter().map(|Failure { at, sentence, difference }| {
        let (line, column) = form::place(&file.text, *at);
        let side = |one: Side| {
            let lines = difference.iter().filter(|(side, _)| *side == one || *side == Side::Both);
            lines.map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
        };
        let (expected, got) = if difference.is_empty() {
            (Value::Null, Value::Null)
        } else {
            (side(Side::Expected).into(), side(Side::Got).into())
        };
        json!({ "line": line, "column": column, "sentence": sentence, "expected": expected, "got": got })
    });
    json!({
        "plugin": &*planned.plugin, "file": file.name, "line": test.map(|test| form::place(&file.text, test.at).0),
        "name": test.map(|test| &test.name), "passed": ran.failures.is_empty(),
        "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "failures": failures.collect::<Vec<_>>(), "logs": ran.logs,
    })
}
