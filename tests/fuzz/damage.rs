//! Valid JSON for a function, invalid JSON values, and text that is not JSON.

use super::dice::Dice;
use super::lower::kind;
use super::values::Tree;
use super::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wit_parser::{Resolve, Type, TypeDefKind};

/// A value in the form in which callers write it.
pub fn json(resolve: &Resolve, ty: &Type, tree: &Tree) -> Value {
    match (tree, kind(resolve, ty)) {
        (Tree::Word(word), _) => integer(ty, *word),
        (Tree::Single(float), _) => json!(float),
        (Tree::Double(float), _) => json!(float),
        (Tree::Text(text), _) => json!(text),
        (Tree::Bytes(bytes), _) => json!(STANDARD.encode(bytes)),
        (Tree::Handle(handle), _) => json!(handle),
        (Tree::List(trees), Some(TypeDefKind::List(element))) => {
            trees.iter().map(|tree| json(resolve, element, tree)).collect()
        }
        (Tree::Fields(trees), Some(TypeDefKind::Tuple(tuple))) => {
            tuple.types.iter().zip(trees).map(|(ty, tree)| json(resolve, ty, tree)).collect()
        }
        (Tree::Fields(trees), Some(TypeDefKind::Record(record))) => {
            let fields = record.fields.iter().zip(trees);
            Value::Object(
                fields.map(|(field, tree)| (camel(&field.name), json(resolve, &field.ty, tree))).collect(),
            )
        }
        (Tree::Flags(set), Some(TypeDefKind::Flags(flags))) => {
            let flags = flags.flags.iter().zip(set);
            Value::Object(flags.map(|(flag, set)| (camel(&flag.name), json!(set))).collect())
        }
        (Tree::Case(case, _), Some(TypeDefKind::Enum(cases))) => json!(cases.cases[*case].name),
        (Tree::Case(case, payload), Some(TypeDefKind::Option(some))) => {
            let inner = payload.as_deref().map(|tree| json(resolve, some, tree));
            match kind(resolve, some) {
                Some(TypeDefKind::Option(_)) => tagged(["none", "some"][*case], inner),
                _ => inner.unwrap_or_default(),
            }
        }
        (Tree::Case(case, payload), Some(TypeDefKind::Result(result))) => {
            let side = if *case == 0 { result.ok } else { result.err };
            tagged(["ok", "err"][*case], inner(resolve, side.as_ref(), payload.as_deref()))
        }
        (Tree::Case(case, payload), Some(TypeDefKind::Variant(variant))) => {
            let case = &variant.cases[*case];
            tagged(&case.name, inner(resolve, case.ty.as_ref(), payload.as_deref()))
        }
        (tree, _) => panic!("{tree:?} does not match its type"),
    }
}

fn inner(resolve: &Resolve, ty: Option<&Type>, tree: Option<&Tree>) -> Option<Value> {
    Some(json(resolve, ty?, tree?))
}

fn tagged(tag: &str, inner: Option<Value>) -> Value {
    match inner {
        None => json!({ "tag": tag }),
        Some(inner) => json!({ "tag": tag, "val": inner }),
    }
}

fn integer(ty: &Type, word: u64) -> Value {
    match ty {
        Type::Bool => json!(word != 0),
        Type::Char => json!(char::from_u32(word as u32).unwrap_or_default()),
        Type::U64 if word >> 53 != 0 => json!(word.to_string()),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => json!(word),
        _ if (word as i64).unsigned_abs() >> 53 != 0 => json!((word as i64).to_string()),
        _ => json!(word as i64),
    }
}

/// A name in the form that JSON uses.
pub fn camel(kebab: &str) -> String {
    let mut words = kebab.split('-').map(str::to_lowercase);
    let first = words.next().unwrap_or_default();
    let rest = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    first + &rest.collect::<String>()
}

/// A JSON value of any shape.
pub fn any(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth > 6 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(dice.one_in(2)),
        2 => json!(dice.integer()),
        3 => json!(dice.integer() as i64),
        4 => json!(dice.float()),
        5 => json!(words::text(dice, "", false)),
        6 => (0..dice.below(6)).map(|_| any(dice, depth + 1)).collect(),
        _ => {
            let members = (0..dice.below(5)).map(|_| (key(dice), any(dice, depth + 1)));
            Value::Object(members.collect())
        }
    }
}

fn key(dice: &mut Dice) -> String {
    let known = [
        "tag", "val", "name", "id", "limit", "v", "n", "text", "sql", "title", "itemType", "status", "fields",
    ];
    if dice.one_in(3) { words::text(dice, "", false) } else { (*dice.pick(&known)).to_owned() }
}

/// Damages one place of a value: something is removed, added, or gets another type or name.
pub fn damage(dice: &mut Dice, value: &mut Value) {
    match value {
        Value::Object(members) if !members.is_empty() && !dice.one_in(4) => damage_member(dice, members),
        Value::Array(values) if !values.is_empty() && !dice.one_in(4) => {
            let at = dice.below(values.len());
            match dice.below(5) {
                0 => drop(values.remove(at)),
                1 => values.insert(at, any(dice, 0)),
                2 => {
                    let times = dice.below(2_000);
                    values.extend(vec![values[at].clone(); times]);
                }
                _ => damage(dice, &mut values[at]),
            }
        }
        Value::Number(_) if dice.one_in(2) => {
            let wrong = [
                json!(1.5),
                json!(-1),
                json!(256),
                json!(1_u64 << 53),
                json!(u64::MAX),
                json!(1e300),
                json!("1"),
            ];
            *value = dice.pick(&wrong).clone();
        }
        other => *other = any(dice, 0),
    }
}

fn damage_member(dice: &mut Dice, members: &mut Map<String, Value>) {
    let keys: Vec<String> = members.keys().cloned().collect();
    let key = dice.pick(&keys).clone();
    match dice.below(6) {
        0 => drop(members.remove(&key)),
        1 => drop(members.insert(self::key(dice), any(dice, 0))),
        2 => {
            let old = members.remove(&key).unwrap_or_default();
            let new = [key.to_uppercase(), format!("{key} "), format!("{key}\0"), key.replace('a', "а")];
            members.insert(dice.pick(&new).clone(), old);
        }
        _ => members.values_mut().for_each(|value| {
            if dice.one_in(keys.len()) {
                damage(dice, value);
            }
        }),
    }
}

/// Numbers outside the range of every type.
const NUMBERS: &[&str] = &[
    "1e999",
    "-1e999",
    "1e-999",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1e1",
    "-0",
    "1.0",
    "01",
    "+1",
    "NaN",
    "Infinity",
    "0x10",
    "1e",
    "123456789012345678901234567890123456789012345678901234567890",
];
/// Texts that no string may contain.
const STRINGS: &[&[u8]] = &[
    b"\"\\ud800\"",
    b"\"\\u12\"",
    b"\"\xff\"",
    b"\"\xc0\x80\"",
    b"\"\xed\xa0\x80\"",
    b"\"\n\"",
    b"\"\\x\"",
    b"'a'",
];

/// A value as text, with damage to the text.
pub fn text(dice: &mut Dice, value: &Value) -> Vec<u8> {
    let whole = value.to_string();
    let mut bytes = whole.clone().into_bytes();
    let at = dice.below(bytes.len());
    match dice.below(9) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => {
            let (open, close) = *dice.pick(&[("[", "]"), ("{\"a\":", "}")]);
            let deep = *dice.pick(&[63, 64, 65, 127, 128, 129, 1_000, 200_000]);
            bytes = format!("{}{whole}{}", open.repeat(deep), close.repeat(deep)).into_bytes();
        }
        3 => {
            // Repeats the first key.
            let end = whole.find(':').map_or(0, |colon| colon + 1);
            let twice = whole.get(1..end).map(|key| format!("{{{key}null,{}", &whole[1..]));
            bytes = twice.unwrap_or(whole).into_bytes();
        }
        4 => {
            bytes = replaced(
                dice,
                bytes,
                |byte| byte.is_ascii_digit(),
                |dice| dice.pick(NUMBERS).as_bytes().to_vec(),
            );
        }
        5 => bytes = replaced(dice, bytes, |byte| byte == b'"', |dice| dice.pick(STRINGS).to_vec()),
        6 => bytes.extend(dice.pick(&[&b"}"[..], b" {}", b"\0", b"//", b",", b"\xef\xbb\xbf"]).iter()),
        7 => {
            let size = dice.below(100);
            bytes = dice.bytes(size);
        }
        _ => bytes.splice(at..at, [b'"', b'\\', 0xff, b'{', b',', 0]).for_each(drop),
    }
    bytes
}

/// Replaces one byte that satisfies the condition.
fn replaced(
    dice: &mut Dice,
    mut bytes: Vec<u8>,
    is_such: fn(u8) -> bool,
    with: impl Fn(&mut Dice) -> Vec<u8>,
) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| is_such(bytes[*at])).collect();
    if let [_, ..] = places[..] {
        let at = *dice.pick(&places);
        bytes.splice(at..=at, with(dice)).for_each(drop);
    }
    bytes
}
