//! The guest's allocator: a bump arena in the guest's initial memory, backed by the standard library's allocator.
//!
//! An instance lives for one invocation, so most plugins never need to free memory. Growing a memory costs the host
//! system calls and page faults, which are a large part of a short call's time. Allocations that do not fit into the
//! arena go to the standard allocator, which grows the memory and reuses freed blocks: a full arena costs speed, never
//! correctness. Not for threads: a guest has none, and a target with atomics keeps the standard allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// Size of the arena in bytes. With a stack of 64 KiB and little static data, a guest's initial memory is 256 KiB,
/// which a pooling host can keep resident between calls.
#[cfg(all(feature = "arena", target_arch = "wasm32", not(target_feature = "atomics")))]
const ARENA_BYTES: usize = 128 * 1024;

/// The largest alignment in bytes that the arena serves.
const ALIGNMENT_MAX: usize = 16;

#[cfg(all(feature = "arena", target_arch = "wasm32", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: Arena<ARENA_BYTES> = Arena::new();

/// A buffer of `BYTES` bytes that is allocated once, from the first byte to the last.
#[cfg_attr(
    not(all(feature = "arena", target_arch = "wasm32")),
    allow(dead_code, reason = "only guests use it")
)]
struct Arena<const BYTES: usize> {
    buffer: UnsafeCell<Buffer<BYTES>>,
    used: Cell<usize>,
}

#[repr(align(16))]
struct Buffer<const BYTES: usize>(
    #[allow(dead_code, reason = "accessed only through raw pointers")] MaybeUninit<[u8; BYTES]>,
);

#[cfg_attr(
    not(all(feature = "arena", target_arch = "wasm32")),
    allow(dead_code, reason = "only guests use it")
)]
impl<const BYTES: usize> Arena<BYTES> {
    const fn new() -> Self {
        Self { buffer: UnsafeCell::new(Buffer(MaybeUninit::uninit())), used: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.buffer.get().cast()
    }

    /// Reserves space for `layout` and returns its offset, or `None` when it does not fit.
    fn take(&self, layout: Layout) -> Option<usize> {
        let start = self.used.get().checked_next_multiple_of(layout.align())?;
        let end = start.checked_add(layout.size())?;
        let fits = end <= BYTES && layout.align() <= ALIGNMENT_MAX;
        fits.then(|| {
            self.used.set(end);
            start
        })
    }

    /// Returns the offset of a block in the arena, or `None` for a block of the standard allocator.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().checked_sub(self.base().addr())?;
        (offset < BYTES).then_some(offset)
    }

    /// Returns whether the block is the last one allocated.
    fn is_last(&self, offset: usize, layout: Layout) -> bool {
        offset.checked_add(layout.size()) == Some(self.used.get())
    }

    /// Resizes a block in place: the last block up to the end of the arena, any other block only to a smaller size.
    /// Returns whether this was possible.
    fn resize(&self, offset: usize, layout: Layout, size: usize) -> bool {
        let end = offset.checked_add(size).filter(|end| *end <= BYTES);
        match end {
            Some(end) if self.is_last(offset, layout) => {
                self.used.set(end);
                true
            }
            _ => size <= layout.size(),
        }
    }
}

// SAFETY: a guest without atomics has one thread.
#[cfg(all(feature = "arena", target_arch = "wasm32", not(target_feature = "atomics")))]
#[allow(unsafe_code, reason = "a static must be Sync")]
unsafe impl<const BYTES: usize> Sync for Arena<BYTES> {}

// SAFETY: `take` returns ranges of the buffer that do not overlap and have the requested alignment, and only the last
// range is ever freed or grown; every other block belongs to the standard allocator.
#[allow(unsafe_code, reason = "an allocator returns raw pointers")]
unsafe impl<const BYTES: usize> GlobalAlloc for Arena<BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: `take` returns an offset inside the buffer.
            Some(offset) => unsafe { self.base().add(offset) },
            // SAFETY: the caller upholds the contract of `alloc`.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) if self.is_last(offset, layout) => self.used.set(offset),
            Some(_) => {}
            // SAFETY: a block outside the buffer belongs to the standard allocator.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: a block outside the buffer belongs to the standard allocator.
            return unsafe { System.realloc(block, layout, size) };
        };
        if self.resize(offset, layout, size) {
            return block;
        }
        // SAFETY: the caller promises that `size` is not zero and fits the alignment; the two blocks do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size());
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "an allocator returns raw pointers")]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn take_at_the_arena_size_fits_and_over_it_does_not() {
        let arena = Arena::<64>::new();
        assert_eq!(arena.take(layout(65, 1)), None);
        assert_eq!(arena.take(layout(usize::MAX >> 1, 1)), None);
        assert_eq!(arena.take(layout(64, 1)), Some(0));
        assert_eq!(arena.take(layout(1, 1)), None);
    }

    #[test]
    fn take_over_the_largest_alignment_does_not_fit() {
        let arena = Arena::<64>::new();
        assert_eq!(arena.take(layout(1, 32)), None);
        assert_eq!(arena.take(layout(1, 1)), Some(0));
        assert_eq!(arena.take(layout(1, 16)), Some(16));
    }

    #[test]
    fn alloc_over_the_arena_size_uses_the_standard_allocator() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is used within its layout and freed once.
        unsafe {
            let large = arena.alloc(layout(10 << 20, 8));
            large.write_bytes(7, 10 << 20);
            assert_eq!(arena.offset(large), None);
            let larger = arena.realloc(large, layout(10 << 20, 8), 11 << 20);
            assert_eq!(larger.read(), 7);
            arena.dealloc(larger, layout(11 << 20, 8));
        }
        assert_eq!(arena.used.get(), 0);
    }

    #[test]
    fn dealloc_frees_the_last_block_only() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is freed once.
        unsafe {
            let first = arena.alloc(layout(8, 8));
            let second = arena.alloc(layout(8, 8));
            arena.dealloc(first, layout(8, 8));
            assert_eq!(arena.used.get(), 16);
            arena.dealloc(second, layout(8, 8));
            assert_eq!(arena.used.get(), 8);
        }
    }

    #[test]
    fn realloc_keeps_the_bytes_in_place_and_when_it_moves_the_block() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is used within its layout and freed once.
        unsafe {
            let block = arena.alloc(layout(8, 8));
            block.write_bytes(7, 8);
            assert_eq!(arena.realloc(block, layout(8, 8), 16), block);
            let between = arena.alloc(layout(8, 8));
            let moved = arena.realloc(block, layout(16, 8), 24);
            assert_eq!(arena.offset(moved), Some(24));
            let outside = arena.realloc(moved, layout(24, 8), 4096);
            assert_eq!(arena.offset(outside), None);
            assert_eq!(std::slice::from_raw_parts(outside, 8), [7; 8]);
            assert_eq!(arena.used.get(), 24);
            arena.dealloc(outside, layout(4096, 8));
            arena.dealloc(between, layout(8, 8));
        }
    }

    #[test]
    fn realloc_to_a_smaller_size_stays_in_place() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is used within its layout.
        unsafe {
            let first = arena.alloc(layout(16, 8));
            let last = arena.alloc(layout(16, 8));
            assert_eq!(arena.realloc(first, layout(16, 8), 8), first);
            assert_eq!(arena.used.get(), 32);
            assert_eq!(arena.realloc(last, layout(16, 8), 8), last);
            assert_eq!(arena.used.get(), 24);
        }
    }
}
