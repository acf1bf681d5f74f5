//! Steps: each prints its name, shows its progress, and prints how long it took.
//!
//! On a terminal a quiet step shows its last line of output beside a spinner; elsewhere it prints one line before and one
//! after. A quiet step that fails prints all of its output.

use std::env;
use std::io::{BufRead, BufReader, IsTerminal, Read, stderr};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

pub const RED: &str = "31";
pub const GREEN: &str = "32";

/// Colours a text, on a terminal only.
pub fn paint(colour: &str, text: &str) -> String {
    let plain = !stderr().is_terminal() || env::var_os("NO_COLOR").is_some();
    if plain { text.to_owned() } else { format!("\x1b[{colour}m{text}\x1b[0m") }
}

/// Prints a message for the developer.
pub fn say(text: &str) {
    eprintln!("{} {text}", paint(GREEN, "palisade:"));
}

/// Runs a command whose output is shown, such as a test.
pub fn run(label: &str, command: &mut Command) -> Result<()> {
    timed(label, || {
        let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(command))?;
        if !status.success() {
            bail!("{label} failed ({status}): {}", spelled(command));
        }
        Ok(())
    })
}

/// Runs work between a line that names it and a line with its duration.
pub fn timed<T>(label: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{label} …"));
    let start = Instant::now();
    let done = work()?;
    say(&format!("{label}: done in {}", seconds(start.elapsed())));
    Ok(done)
}

/// Runs a command whose output is shown only if it fails. Returns its stdout.
pub fn quiet(label: &str, command: &mut Command) -> Result<String> {
    let start = Instant::now();
    let bar = spinner(label);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    let (lines, received) = channel();
    pipe(child.stdout.take(), lines.clone(), true);
    pipe(child.stderr.take(), lines, false);
    let (mut all, mut out) = (String::new(), String::new());
    for (line, is_out) in received {
        bar.set_message(line.trim().to_owned());
        all.push_str(&line);
        all.push('\n');
        if is_out {
            out.push_str(&line);
            out.push('\n');
        }
    }
    let status = child.wait()?;
    bar.finish_and_clear();
    if !status.success() {
        bail!("{label} failed ({status}): {}\n{}", spelled(command), all.trim_end());
    }
    say(&format!("{label}: done in {}", seconds(start.elapsed())));
    Ok(out)
}

/// Runs a command without showing anything. Returns its stdout; an error has its stderr.
pub fn ask(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("{} failed: {}", spelled(command), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn spinner(label: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        say(&format!("{label} …"));
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.set_prefix(label.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Sends the lines of a pipe to a channel. Both pipes are read at once: a full pipe would block the child.
fn pipe(from: Option<impl Read + Send + 'static>, to: Sender<(String, bool)>, is_out: bool) {
    let Some(from) = from else { return };
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if to.send((String::from_utf8_lossy(&line).into_owned(), is_out)).is_err() {
                return;
            }
        }
    });
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().to_string_lossy())
}

/// The command as a shell shows it.
fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
