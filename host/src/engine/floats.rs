//! The check for floats, if an operator's policy refuses them: a component that uses floats anywhere is refused.
//!
//! Floats are deterministic here (NaNs are canonical, relaxed SIMD is off), but sums of money and sizes should not be rounded,
//! and other machines may compute another result for the same component. So no function's type, local, block or instruction
//! may use a float, and no global may be one. Floats in the types of the exports are found by
//! [`Signature`](crate::value::Signature). The walk is linear in the component's size and runs after the
//! [pre-pass](super::prepass), which bounds that size.

use palisade_guard::limits::FUNCTION_NAME_CHARS_MAX;
use wasmparser::{
    BlockType, CompositeInnerType, FunctionBody, KnownCustom, Name, Operator, Parser, Payload, Result,
    TypeRef, ValType,
};

/// Refuses a component with a float anywhere in its code.
pub(crate) fn check(bytes: &[u8]) -> std::result::Result<(), String> {
    let malformed = |error: wasmparser::Error| format!("the component is malformed: {}", error.message());
    // A stack, because components and modules nest and both end with the same payload.
    let mut open: Vec<Module> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { .. } => open.push(Module::default()),
            Payload::End(_) => {
                if let Some(found) = open.pop().and_then(Module::refusal) {
                    return Err(found);
                }
            }
            other => {
                if let Some(module) = open.last_mut() {
                    module.visit(other).map_err(malformed)?;
                }
            }
        }
    }
    Ok(())
}

/// What is known of one module so far.
#[derive(Default)]
struct Module {
    /// Whether each type has a float in it.
    types: Vec<bool>,
    /// How many functions have a known type. Imported ones come first.
    functions: u32,
    /// How many of these are imported.
    imported: u32,
    /// How many bodies have been read.
    bodies: u32,
    found: Option<Found>,
    /// The name of the function in which the float was found. A module's names come after its code.
    name: Option<String>,
}

/// The first float that was found.
enum Found {
    /// In the function with this index, with a phrase that says where in it.
    Function(u32, String),
    /// In a global.
    Global,
}

impl Module {
    fn visit(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        let is_float = match &ty.composite_type.inner {
                            CompositeInnerType::Func(function) => {
                                function.params().iter().chain(function.results()).copied().any(is_float)
                            }
                            _ => false,
                        };
                        self.types.push(is_float);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.function(ty);
                            self.imported = self.functions;
                        }
                        TypeRef::Global(global) => self.global(global.content_type),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.function(ty?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.global(global?.ty.content_type);
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    self.names(names)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, ty: u32) {
        if self.is_float_type(ty) {
            self.find(Found::Function(self.functions, "has a float in its type".to_owned()));
        }
        self.functions = self.functions.saturating_add(1);
    }

    fn global(&mut self, ty: ValType) {
        if is_float(ty) {
            self.find(Found::Global);
        }
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let index = self.imported.saturating_add(self.bodies);
        self.bodies = self.bodies.saturating_add(1);
        if self.found.is_some() {
            return Ok(());
        }
        for local in body.get_locals_reader()? {
            if is_float(local?.1) {
                self.find(Found::Function(index, "has a float among its locals".to_owned()));
                return Ok(());
            }
        }
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let name = name(&operator);
            if ["f32", "f64"].iter().any(|float| name.contains(float)) || self.is_typed_by_float(&operator) {
                let what = format!("uses `{}`", name.trim_start_matches("visit_").replacen('_', ".", 1));
                self.find(Found::Function(index, what));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the type that an instruction names has a float in it.
    fn is_typed_by_float(&self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                match blockty {
                    BlockType::Empty => false,
                    BlockType::Type(ty) => is_float(*ty),
                    BlockType::FuncType(ty) => self.is_float_type(*ty),
                }
            }
            Operator::TypedSelect { ty } => is_float(*ty),
            Operator::CallIndirect { type_index, .. } => self.is_float_type(*type_index),
            _ => false,
        }
    }

    fn is_float_type(&self, ty: u32) -> bool {
        self.types.get(ty as usize).copied().unwrap_or(false)
    }

    fn find(&mut self, found: Found) {
        self.found.get_or_insert(found);
    }

    fn names(&mut self, names: wasmparser::NameSectionReader<'_>) -> Result<()> {
        let Some(Found::Function(index, _)) = &self.found else { return Ok(()) };
        for subsection in names {
            if let Name::Function(functions) = subsection? {
                for naming in functions {
                    let naming = naming?;
                    if naming.index == *index {
                        // The plugin author's text: escaped, and cut to the length of a name.
                        let escaped = naming.name.chars().take(FUNCTION_NAME_CHARS_MAX);
                        self.name = Some(escaped.flat_map(char::escape_debug).collect());
                    }
                }
            }
        }
        Ok(())
    }

    fn refusal(self) -> Option<String> {
        let place = match self.found? {
            Found::Global => "a global is a float".to_owned(),
            Found::Function(index, what) => {
                let name = self.name.map(|name| format!(" (`{name}`)")).unwrap_or_default();
                format!("function {index}{name} {what}")
            }
        };
        Some(format!("{place}, and {REFUSED}"))
    }
}

/// The end of each refusal: why, and what to do about it.
pub(crate) const REFUSED: &str = "the operator's policy refuses floats: compute with integers, or set `floats = true` for this plugin there";

fn is_float(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64)
}

/// Makes a match over every instruction, so that none is forgotten.
macro_rules! names {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The name of an instruction's visitor method. It contains `f32` or `f64` if the instruction uses a float.
        fn name(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op { .. } => stringify!($visit),)*
                // An instruction that this code does not know, from a later parser: refused as if it used a float.
                _ => "visit_f64_unknown",
            }
        }
    };
}
wasmparser::for_each_operator!(names);

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(module: &str) -> std::result::Result<(), String> {
        check(&wat::parse_str(format!("(component (core module {module}))")).unwrap())
    }

    #[test]
    fn float_is_found_wherever_code_can_have_one() {
        for (module, place) in [
            ("(func (drop (f64.add (f64.const 1) (f64.const 2))))", "function 0 uses `f64.const`"),
            (
                "(func) (func $sum (drop (i32.trunc_f32_s (f32.const 0))))",
                "function 1 (`sum`) uses `f32.const`",
            ),
            ("(memory 1) (func (drop (i64.reinterpret_f64 (f64.load (i32.const 0)))))", "`f64.load`"),
            ("(func (drop (f32x4.splat (unreachable))))", "`f32x4.splat`"),
            (
                "(func (drop (i32x4.trunc_sat_f32x4_s (v128.const i32x4 0 0 0 0))))",
                "`i32x4.trunc_sat_f32x4_s`",
            ),
            ("(func (param f32))", "function 0 has a float in its type"),
            ("(func (result f64) unreachable)", "function 0 has a float in its type"),
            ("(import \"a\" \"b\" (func (param f64))) (func)", "function 0 has a float in its type"),
            ("(import \"a\" \"b\" (func)) (func (local f64))", "function 1 has a float among its locals"),
            ("(func (drop (block (result f64) unreachable)))", "`block`"),
            (
                "(type $t (func (result f32))) (table 1 funcref) (func (drop (call_indirect (type $t) (i32.const 0))))",
                "`call.indirect`",
            ),
            ("(func (drop (select (result f64) unreachable)))", "`typed.select`"),
            ("(global f32 (f32.const 0))", "a global is a float"),
            ("(import \"a\" \"b\" (global f64))", "a global is a float"),
        ] {
            let refusal = checked(module).unwrap_err();
            assert!(refusal.starts_with("function") || refusal.starts_with("a global"), "{refusal}");
            assert!(refusal.contains(place) && refusal.ends_with(REFUSED), "{module}: {refusal}");
        }
    }

    #[test]
    fn name_of_a_function_is_cut_and_escaped() {
        let module = format!("(func $\"\\1b[31m{}\" (drop (f64.const 0)))", "x".repeat(1_000));
        let refusal = checked(&module).unwrap_err();
        assert!(
            refusal.contains("(`\\u{1b}[31mxxx") && !refusal.contains('\u{1b}') && refusal.len() < 400,
            "{refusal}"
        );
    }

    #[test]
    fn component_without_floats_is_accepted() {
        for module in [
            "",
            "(type (func (param f64))) (func (param i32 i64 v128) (result i64) local.get 1)",
            "(func (drop (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4))))",
            "(global (mut i64) (i64.const 0)) (func (local v128))",
        ] {
            assert_eq!(checked(module), Ok(()), "{module}");
        }
    }
}
