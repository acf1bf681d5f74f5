//! Results of instructions: floats whose bits WebAssembly leaves open, scalar and SIMD, and memory.
//!
//! On other targets than WebAssembly, where lints check this file, these functions return nothing.

use std::hint::black_box;

/// Bits of results, each with the instruction that computed it.
pub fn floats() -> Vec<String> {
    let mut lines = scalar();
    lines.extend(vector());
    lines.push(format!("a chain: {:016x} {:08x}", chain(0.1_f64).to_bits(), narrow_chain(0.1_f32).to_bits()));
    lines
}

/// Sums and quotients in which every rounding matters.
fn chain(start: f64) -> f64 {
    (1..200_u32).fold(black_box(start), |sum, index| (sum * 1.1 + f64::from(index).sqrt()) / 1.7)
}

fn narrow_chain(start: f32) -> f32 {
    (1..200_u16).fold(black_box(start), |sum, index| (sum * 1.1 + f32::from(index).sqrt()) / 1.7)
}

/// NaNs as `f32` and `f64`: computed, with a payload, narrowed and widened.
#[allow(clippy::eq_op, reason = "this computes a NaN")]
fn scalar() -> Vec<String> {
    let (zero, infinite, negative) = (black_box(0.0_f32), black_box(f32::INFINITY), black_box(-1.0_f32));
    let payload = black_box(f32::from_bits(0xffa1_2345));
    let narrow =
        [zero / zero, infinite - infinite, zero * infinite, negative.sqrt(), payload + 1.0, 1.0 / payload];
    let wide_payload = black_box(f64::from_bits(0xfff4_0123_4567_89ab));
    let (zero, infinite, negative) = (black_box(0.0_f64), black_box(f64::INFINITY), black_box(-1.0_f64));
    let wide = [
        zero / zero,
        infinite - infinite,
        zero * infinite,
        negative.sqrt(),
        wide_payload + 1.0,
        wide_payload * wide_payload,
        f64::from(payload),
    ];
    #[expect(clippy::cast_possible_truncation, reason = "the test is about narrowing")]
    let narrowed = wide_payload as f32;
    vec![
        format!("f32: {:08x?} {:08x}", narrow.map(f32::to_bits), narrowed.to_bits()),
        format!("f64: {:016x?}", wide.map(f64::to_bits)),
    ]
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use std::arch::wasm32::{
        f32x4, f32x4_add, f32x4_div, f32x4_max, f32x4_min, f32x4_sqrt, f32x4_sub, f64x2, f64x2_div,
        f64x2_mul, f64x2_promote_low_f32x4, f64x2_sqrt, memory_grow, memory_size, u64x2_extract_lane, v128,
    };
    use std::hint::black_box;

    fn bits(vector: v128) -> String {
        format!("{:016x}{:016x}", u64x2_extract_lane::<1>(vector), u64x2_extract_lane::<0>(vector))
    }

    #[target_feature(enable = "simd128")]
    fn vectors() -> Vec<v128> {
        let odd = black_box(f32x4(0.0, f32::INFINITY, -1.0, f32::from_bits(0xffa1_2345)));
        let mixed = black_box(f32x4(0.0, f32::INFINITY, f32::from_bits(0x7fa5_4321), 2.0));
        let wide = black_box(f64x2(-4.0, f64::from_bits(0xfff4_0123_4567_89ab)));
        vec![
            f32x4_div(odd, mixed),
            f32x4_sub(odd, mixed),
            f32x4_add(odd, mixed),
            f32x4_sqrt(odd),
            f32x4_min(odd, mixed),
            f32x4_max(odd, mixed),
            f64x2_sqrt(wide),
            f64x2_mul(wide, wide),
            f64x2_div(wide, wide),
            f64x2_promote_low_f32x4(mixed),
        ]
    }

    pub fn vector() -> Vec<String> {
        vectors()
            .into_iter()
            .enumerate()
            .map(|(index, vector)| format!("v128 {index}: {}", bits(vector)))
            .collect()
    }

    pub fn memory() -> Vec<String> {
        let before = memory_size::<0>();
        let grown = [1, 3, 60_000].map(memory_grow::<0>);
        vec![format!(
            "memory: {before} pages, grown by 1, 3, too many: {grown:?}, {} pages",
            memory_size::<0>()
        )]
    }

    pub fn unreachable() {
        std::arch::wasm32::unreachable()
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod wasm {
    pub fn vector() -> Vec<String> {
        Vec::new()
    }

    pub fn memory() -> Vec<String> {
        Vec::new()
    }

    pub fn unreachable() {}
}

use wasm::vector;
pub use wasm::{memory, unreachable};
