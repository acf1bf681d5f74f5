//! The keys of `palisade dev`.
//!
//! On a terminal that this process may read, keys act at once and are not shown; its mode is restored at every end but SIGKILL.
//! Signals stay as they are: Ctrl-C interrupts. Elsewhere the standard input is read as it is, and its end is no key.

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use std::io::{IsTerminal, Read};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// The terminal's mode before, if it was changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A key that does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Build,
    Reset,
    Cron,
    Test,
    Quit,
}

impl Key {
    fn of(byte: u8) -> Option<Self> {
        match byte.to_ascii_lowercase() {
            b'b' => Some(Self::Build),
            b'r' => Some(Self::Reset),
            b'c' => Some(Self::Cron),
            b't' => Some(Self::Test),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// The keys that are pressed. Dropping it restores the terminal.
pub(super) struct Keys(mpsc::UnboundedReceiver<Key>);

impl Keys {
    /// Reads keys from now on.
    pub(super) fn open() -> Self {
        let (sender, keys) = mpsc::unbounded_channel();
        // A job in the background that read the terminal would be stopped.
        if !std::io::stdin().is_terminal() || takes_over() {
            // The thread waits for a key, and ends with the process.
            std::thread::spawn(move || {
                for byte in std::io::stdin().lock().bytes() {
                    let Ok(byte) = byte else { return };
                    if Key::of(byte).is_some_and(|key| sender.send(key).is_err()) {
                        return;
                    }
                }
            });
        }
        Self(keys)
    }

    /// The next key. There may be none.
    pub(super) async fn next(&mut self) -> Key {
        match self.0.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// Lets keys act at once, if this process is the one that the terminal's keys are for.
fn takes_over() -> bool {
    let terminal = std::io::stdin();
    let is_ours = tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp());
    let Some(before) = is_ours.then(|| tcgetattr(&terminal).ok()).flatten() else { return false };
    let mut mode = before.clone();
    mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    tcsetattr(&terminal, OptionalActions::Now, &mode).is_ok()
}

/// Restores the terminal as it was.
pub(super) fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Nobody could be told.
        let _failed = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
}
