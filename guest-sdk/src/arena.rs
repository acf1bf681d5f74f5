//! The guest's allocator: a bump arena in the guest's first memory, and the standard library's allocator behind it.
//!
//! An instance lives for one invocation, so most plugins never need to free anything; and growing a memory costs the
//! host system calls and page faults that a call this short is measured by. What does not fit into the arena goes to
//! the standard allocator, which grows the memory and does reuse what is freed: an arena that is full costs speed,
//! never correctness. Not for threads: a guest has none, and a target with atomics is left alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// Size of the arena in bytes: with a stack of 64 KiB and little static data a guest's first memory is 256 KiB, which a
/// pooling host can keep resident between calls.
#[cfg(all(feature = "arena", target_arch = "wasm32", not(target_feature = "atomics")))]
const ARENA_BYTES: usize = 128 * 1024;

/// The largest alignment in bytes that the arena serves.
const ALIGNMENT_MAX: usize = 16;

#[cfg(all(feature = "arena", target_arch = "wasm32", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: Arena<ARENA_BYTES> = Arena::new();

/// `BYTES` bytes that are handed out once, from the first to the last.
#[cfg_attr(
    not(all(feature = "arena", target_arch = "wasm32")),
    allow(dead_code, reason = "guests alone use it")
)]
struct Arena<const BYTES: usize> {
    buffer: UnsafeCell<Buffer<BYTES>>,
    used: Cell<usize>,
}

#[repr(align(16))]
struct Buffer<const BYTES: usize>(
    #[allow(dead_code, reason = "reached through pointers only")] MaybeUninit<[u8; BYTES]>,
);

#[cfg_attr(
    not(all(feature = "arena", target_arch = "wasm32")),
    allow(dead_code, reason = "guests alone use it")
)]
impl<const BYTES: usize> Arena<BYTES> {
    const fn new() -> Self {
        Self { buffer: UnsafeCell::new(Buffer(MaybeUninit::uninit())), used: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.buffer.get().cast()
    }

    /// Takes room for `layout`: its offset, or `None` when it does not fit.
    fn take(&self, layout: Layout) -> Option<usize> {
        let start = self.used.get().checked_next_multiple_of(layout.align())?;
        let end = start.checked_add(layout.size())?;
        let fits = end <= BYTES && layout.align() <= ALIGNMENT_MAX;
        fits.then(|| {
            self.used.set(end);
            start
        })
    }

    /// The offset of a block of the arena, or `None` for a block of the standard allocator.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().checked_sub(self.base().addr())?;
        (offset < BYTES).then_some(offset)
    }

    /// Whether the block is the last one handed out.
    fn is_last(&self, offset: usize, layout: Layout) -> bool {
        offset.checked_add(layout.size()) == Some(self.used.get())
    }

    /// Resizes the last block where it is. False when there is no room, or when it isn't the last.
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

// SAFETY: `take` hands out ranges of the buffer that don't overlap, aligned as asked, and only the last one is ever
// taken back or resized; everything else is the standard allocator's own.
#[allow(unsafe_code, reason = "an allocator hands out pointers")]
unsafe impl<const BYTES: usize> GlobalAlloc for Arena<BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: `take` returns an offset inside the buffer.
            Some(offset) => unsafe { self.base().add(offset) },
            // SAFETY: the caller's promise, passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) if self.is_last(offset, layout) => self.used.set(offset),
            Some(_) => {}
            // SAFETY: a block outside the buffer is the standard allocator's.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: a block outside the buffer is the standard allocator's.
            return unsafe { System.realloc(block, layout, size) };
        };
        if self.resize(offset, layout, size) {
            return block;
        }
        // SAFETY: the caller promises that `size` is not zero and fits the alignment; the two blocks don't overlap.
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
#[allow(unsafe_code, reason = "an allocator hands out pointers")]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn take_at_the_arenas_size_fits_and_over_it_does_not() {
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
    fn alloc_past_the_arena_is_served_and_freed_by_the_standard_allocator() {
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
    fn dealloc_of_the_last_block_gives_its_room_back_and_of_another_does_not() {
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
    fn realloc_keeps_the_bytes_in_place_moved_and_out_of_the_arena() {
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
    fn realloc_to_less_stays_in_place() {
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
