//! Makes values of any WIT type from only the type and the names in it.

use super::dice::Dice;
use super::words;
use wit_parser::{Function, Resolve, Type, TypeDefKind};

/// A value, which is interpreted together with its type.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A bool, a sign-extended integer, or a character.
    Word(u64),
    Single(f32),
    Double(f64),
    Text(String),
    /// A list of bytes.
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    /// The fields of a record or a tuple.
    Fields(Vec<Tree>),
    Flags(Vec<bool>),
    /// A case of a variant or enum; `none` and `ok` are 0, `some` and `err` are 1.
    Case(usize, Option<Box<Tree>>),
    /// An invented handle.
    Handle(u32),
}

/// Makes values.
pub struct Maker<'a> {
    pub resolve: &'a Resolve,
    pub dice: &'a mut Dice,
    /// Whether values are meant to pass the first check.
    pub is_plausible: bool,
    /// How many more values may be made, since lists of lists could grow without end.
    pub left: usize,
}

impl Maker<'_> {
    /// Arguments for a function.
    pub fn arguments(&mut self, function: &Function) -> Vec<Tree> {
        function.params.iter().map(|parameter| self.value(&parameter.ty, &parameter.name)).collect()
    }

    /// A value of a type, for a parameter or field with this name.
    pub fn value(&mut self, ty: &Type, hint: &str) -> Tree {
        self.left = self.left.saturating_sub(1);
        match ty {
            Type::Bool => Tree::Word(self.dice.below(2) as u64),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::S8 | Type::S16 | Type::S32 | Type::S64 => {
                let word = if self.is_plausible { self.dice.below(40) as u64 } else { self.dice.integer() };
                Tree::Word(fitted(ty, word))
            }
            Type::F32 => Tree::Single(self.dice.float() as f32),
            Type::F64 => Tree::Double(if self.is_plausible { 0.5 } else { self.dice.float() }),
            Type::Char => {
                let any = char::from_u32((self.dice.word() % 0x11_0000) as u32);
                Tree::Word(u64::from(u32::from(
                    any.unwrap_or(*self.dice.pick(&['\0', '\u{d7ff}', '\u{e000}'])),
                )))
            }
            Type::String => Tree::Text(words::text(self.dice, hint, self.is_plausible)),
            Type::Id(id) => self.defined(&self.resolve.types[*id].kind, hint),
            Type::ErrorContext => panic!("the fuzzer does not support error-context"),
        }
    }

    fn defined(&mut self, kind: &TypeDefKind, hint: &str) -> Tree {
        match kind {
            TypeDefKind::Type(ty) => self.value(ty, hint),
            TypeDefKind::Record(record) => {
                Tree::Fields(record.fields.iter().map(|field| self.value(&field.ty, &field.name)).collect())
            }
            TypeDefKind::Tuple(tuple) => {
                Tree::Fields(tuple.types.iter().map(|ty| self.value(ty, hint)).collect())
            }
            TypeDefKind::Flags(flags) => {
                Tree::Flags(flags.flags.iter().map(|_| self.dice.one_in(2)).collect())
            }
            TypeDefKind::Enum(cases) => Tree::Case(self.dice.below(cases.cases.len()), None),
            TypeDefKind::Variant(variant) => {
                let plausible = words::plausible_case(variant.cases.iter().map(|case| &*case.name));
                let plausible = plausible.filter(|_| self.is_plausible && !self.dice.one_in(4));
                let case = plausible.unwrap_or_else(|| self.dice.below(variant.cases.len()));
                let name = &variant.cases[case].name;
                self.case(case, variant.cases[case].ty.as_ref(), name)
            }
            TypeDefKind::Option(_) if !self.dice.one_in(if self.is_plausible { 8 } else { 2 }) => {
                Tree::Case(0, None)
            }
            TypeDefKind::Option(ty) => self.case(1, Some(ty), hint),
            TypeDefKind::Result(result) => match self.dice.below(2) {
                0 => self.case(0, result.ok.as_ref(), hint),
                _ => self.case(1, result.err.as_ref(), hint),
            },
            TypeDefKind::List(Type::U8) => {
                let length = self.length(hint);
                Tree::Bytes(self.dice.bytes(length))
            }
            TypeDefKind::List(ty) => {
                let length = self.length(hint).min(self.left);
                Tree::List((0..length).map(|_| self.value(ty, hint)).collect())
            }
            TypeDefKind::Handle(_) => Tree::Handle(self.dice.integer() as u32),
            other => panic!("the fuzzer does not support the type {}", other.as_str()),
        }
    }

    fn case(&mut self, case: usize, ty: Option<&Type>, hint: &str) -> Tree {
        Tree::Case(case, ty.map(|ty| Box::new(self.value(ty, hint))))
    }

    fn length(&mut self, hint: &str) -> usize {
        if self.is_plausible {
            return usize::from(self.dice.one_in(8) == words::PLAUSIBLE_EMPTY.contains(&hint));
        }
        match self.dice.below(40) {
            0..25 => self.dice.below(4),
            25..38 => self.dice.below(20),
            _ => self.dice.below(3_000),
        }
    }
}

/// Truncates bits to an integer of this type.
fn fitted(ty: &Type, word: u64) -> u64 {
    match ty {
        Type::U8 => u64::from(word as u8),
        Type::U16 => u64::from(word as u16),
        Type::U32 => u64::from(word as u32),
        Type::S8 => i64::from(word as i8) as u64,
        Type::S16 => i64::from(word as i16) as u64,
        Type::S32 => i64::from(word as i32) as u64,
        _ => word,
    }
}
