//! What a running guest takes of the machine: time on the processor and memory.

use crate::ledger::Exceeded;
use crate::limits::{Limit, Limits};
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// A stopwatch that runs only while guest code runs.
#[derive(Debug)]
pub(crate) struct Meter {
    guest: Duration,
    since: Option<Instant>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { guest: Duration::ZERO, since: None }
    }

    pub(crate) fn enter_guest(&mut self) {
        self.since = Some(Instant::now());
    }

    pub(crate) fn leave_guest(&mut self) {
        if let Some(since) = self.since.take() {
            self.guest = self.guest.saturating_add(since.elapsed());
        }
    }

    /// Milliseconds of guest code so far.
    pub(crate) fn guest_ms(&self) -> u64 {
        u64::try_from(self.guest.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Memories, tables and instances of one store together.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: u64,
    elements: u64,
    limits: [u64; 3],
    refused: Option<Exceeded>,
}

impl Memory {
    pub(crate) fn new(limits: &Limits) -> Self {
        let max = [Limit::Memory, Limit::TableElements, Limit::Instances].map(|limit| limits.get(limit));
        Self { bytes: 0, elements: 0, limits: max, refused: None }
    }

    /// Bytes of all linear memories. They never shrink, so this is the peak.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Elements of all tables.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// The growth that was refused, if one was: what a trap after it is due to.
    pub(crate) fn refused(&self) -> Option<Exceeded> {
        self.refused
    }

    /// Adds a growth to a total within its maximum; notes a refusal.
    fn grow(&mut self, limit: Limit, total: u64, max: u64, current: usize, desired: usize) -> Option<u64> {
        let used = total.saturating_add(desired.saturating_sub(current) as u64);
        if used > max {
            self.refused = Some(Exceeded { limit, used, max });
            return None;
        }
        Some(used)
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let [max, _, _] = self.limits;
        let grown = self.grow(Limit::Memory, self.bytes, max, current, desired);
        self.bytes = grown.unwrap_or(self.bytes);
        Ok(grown.is_some())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let [_, max, _] = self.limits;
        let grown = self.grow(Limit::TableElements, self.elements, max, current, desired);
        self.elements = grown.unwrap_or(self.elements);
        Ok(grown.is_some())
    }

    fn instances(&self) -> usize {
        let [_, _, max] = self.limits;
        usize::try_from(max).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_over_the_limit_is_refused_across_all_memories() {
        let mut memory = Memory::new(&Limits::default().with(Limit::Memory, 100));
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 41, None).unwrap());
        assert_eq!(memory.refused(), Some(Exceeded { limit: Limit::Memory, used: 101, max: 100 }));
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert_eq!(memory.bytes(), 100);
    }

    #[test]
    fn table_over_the_limit_is_refused() {
        let mut memory = Memory::new(&Limits::default().with(Limit::TableElements, 10));
        assert!(!memory.table_growing(0, 11, None).unwrap());
        assert!(memory.table_growing(0, 10, None).unwrap());
    }
}
