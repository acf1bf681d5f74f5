//! Returns its argument, for every type that a plugin's function may have.

palisade_sdk::plugin! { path: "wit" }

use exports::probe::types::echo::{Alias, Colour, Guest, Many, Nested, Permissions, Point, Shape};

struct Types;

/// Defines functions that return their argument.
macro_rules! echoes {
    ($($name:ident: $type:ty,)*) => {$(
        fn $name(v: $type) -> $type {
            v
        }
    )*};
}

impl Guest for Types {
    echoes! {
        echo_bool: bool,
        echo_u8: u8,
        echo_s8: i8,
        echo_u16: u16,
        echo_s16: i16,
        echo_u32: u32,
        echo_s32: i32,
        echo_u64: u64,
        echo_s64: i64,
        echo_f32: f32,
        echo_f64: f64,
        echo_char: char,
        echo_string: String,
        echo_bytes: Vec<u8>,
        echo_strings: Vec<String>,
        echo_lists: Vec<Vec<i32>>,
        echo_tuple: (u8, String, bool),
        echo_option: Option<u32>,
        echo_option_option: Option<Option<u32>>,
        echo_option_list: Option<Vec<Option<String>>>,
        echo_result_both: Result<u32, String>,
        echo_result_ok: Result<u32, ()>,
        echo_result_err: Result<(), String>,
        echo_result_none: Result<(), ()>,
        echo_result_inside: Vec<Result<u32, String>>,
        echo_enum: Colour,
        echo_flags: Permissions,
        echo_many_flags: Many,
        echo_record: Point,
        echo_nested: Nested,
        echo_alias: Alias,
        echo_variant: Shape,
        echo_variants: Vec<Shape>,
    }

    fn nothing() {}

    fn three(first_one: u32, second: Option<String>, third: Colour) -> String {
        format!("{first_one} {second:?} {third:?}")
    }
}

export!(Types);
