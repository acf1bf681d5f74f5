//! What a running guest uses of the machine's memory. Processor time is counted around each poll: `engine/processor.rs`.

use super::State;
use palisade_guard::ledger::{Exceeded, Ledger, Usage};
use palisade_guard::limits::{Limit, Limits, TABLE_ELEMENT_BYTES};
use wasmtime::ResourceLimiter;

/// The memories, tables and instances of one store, and their limits. A growth over a limit fails in the guest; one for which
/// the host has no bytes ends the invocation, because the guest is not to blame. The ledger holds the bytes.
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

    /// Bytes of all linear memories. Linear memory never shrinks, so this is the peak.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Elements of all tables.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// The latest growth that was refused, if any: the cause of a trap that follows it.
    pub(crate) fn refused(&self) -> Option<Exceeded> {
        self.refused
    }

    /// Whether a memory may grow; its bytes are held then.
    fn grow_memory(&mut self, current: usize, desired: usize, ledger: &mut Ledger) -> wasmtime::Result<bool> {
        let [max, _, _] = self.limits;
        let Some(bytes) = self.grow(Limit::Memory, self.bytes, max, current, desired) else {
            return Ok(false);
        };
        ledger.hold(bytes.saturating_sub(self.bytes))?;
        self.bytes = bytes;
        Ok(true)
    }

    /// Whether a table may grow; its bytes are held then.
    fn grow_table(&mut self, current: usize, desired: usize, ledger: &mut Ledger) -> wasmtime::Result<bool> {
        let [_, max, _] = self.limits;
        let grown = self.grow(Limit::TableElements, self.elements, max, current, desired);
        let Some(elements) = grown else { return Ok(false) };
        let more = elements.saturating_sub(self.elements);
        ledger.hold(more.saturating_mul(TABLE_ELEMENT_BYTES))?;
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        let [_, _, max] = self.limits;
        usize::try_from(max).unwrap_or(usize::MAX)
    }

    /// Adds a growth to a total. Returns `None` and records the refusal if the total would exceed its maximum.
    fn grow(&mut self, limit: Limit, total: u64, max: u64, current: usize, desired: usize) -> Option<u64> {
        let used = total.saturating_add(desired.saturating_sub(current) as u64);
        if used > max {
            self.refused = Some(Exceeded(Usage { limit, used, max }));
            return None;
        }
        Some(used)
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory.grow_memory(current, desired, &mut self.ledger)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory.grow_table(current, desired, &mut self.ledger)
    }

    fn instances(&self) -> usize {
        self.memory.instances()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::memory::{MemoryBudget, OutOfMemory};

    fn with(limit: Limit, max: u64) -> (Memory, Ledger) {
        let limits = Limits::default().with(limit, max);
        (Memory::new(&limits), Ledger::new(limits))
    }

    #[test]
    fn memory_over_the_limit_is_refused_across_all_memories() {
        let (mut memory, mut ledger) = with(Limit::Memory, 100);
        assert!(memory.grow_memory(0, 60, &mut ledger).unwrap());
        assert!(!memory.grow_memory(0, 41, &mut ledger).unwrap());
        assert_eq!(memory.refused(), Some(Exceeded(Usage { limit: Limit::Memory, used: 101, max: 100 })));
        assert!(memory.grow_memory(0, 40, &mut ledger).unwrap());
        assert_eq!(memory.bytes(), 100);
    }

    #[test]
    fn growth_beyond_the_hosts_memory_ends_the_invocation() {
        let budget = MemoryBudget::new(1_000_000);
        let invocation = || {
            let limits = Limits::default();
            (Memory::new(&limits), Ledger::within(budget.reservation(None, None), limits))
        };
        let (mut one, mut first) = invocation();
        assert!(one.grow_memory(0, 900_000, &mut first).unwrap());
        let (mut two, mut second) = invocation();
        assert!(two.grow_memory(0, 200_000, &mut second).unwrap_err().is::<OutOfMemory>());
        assert!(two.grow_table(0, 100_000, &mut second).unwrap_err().is::<OutOfMemory>());
        drop(first);
        assert!(two.grow_memory(0, 200_000, &mut second).unwrap());
    }

    #[test]
    fn table_over_the_limit_is_refused() {
        let (mut memory, mut ledger) = with(Limit::TableElements, 10);
        assert!(!memory.grow_table(0, 11, &mut ledger).unwrap());
        assert!(memory.grow_table(0, 10, &mut ledger).unwrap());
        assert_eq!(memory.elements(), 10);
    }

    #[test]
    fn instances_are_limited_to_the_invocations_limit() {
        assert_eq!(with(Limit::Instances, 7).0.instances(), 7);
    }
}
