//! The stack that a guest keeps in its linear memory, and how a trap tells that it has overflowed.
//!
//! Compilers keep what is addressed, such as arrays, on a stack of their own in linear memory. Its linker puts it below all data, and
//! `-zstack-size` is its size, so a stack that overflows goes below address 0. That is address 2^32 or little less, and the next
//! access is out of bounds: the trap is that of a wild pointer. The stack pointer tells them apart. It is a global that the
//! linker names `__stack_pointer`, and nothing but an overflow makes it negative.
//!
//! The rule: where anything is unknown, such as the name or the order of the instances, a trap is never called an overflow. The other
//! stack, that of calls, is wasmtime's: [`wasmtime::Trap::StackOverflow`]. Tests: `tests/traps.rs`.

use std::collections::BTreeMap;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentTypeRef, DataKind, Encoding,
    Instance, KnownCustom, Name, NameSectionReader, Operator, Parser, Payload, TypeRef, ValType,
};
use wasmtime::{AsContextMut, Val, WasmCoreDump};

/// The name that linkers give to the stack pointer.
const POINTER: &str = "__stack_pointer";

/// The stacks of a component's core modules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GuestStacks(Vec<GuestStack>);

/// The stack of one core instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GuestStack {
    /// The place of the stack pointer among the globals that the instances of the component define, in the instances' order.
    pointer: usize,
    /// Its size in bytes.
    bytes: u32,
}

impl GuestStacks {
    /// Finds the stacks of a component that the [pre-pass](super::prepass) permits.
    pub(crate) fn of(component: &[u8]) -> Self {
        Self(find(component).unwrap_or_default())
    }

    /// The size in bytes of the stack that had overflowed when the guest failed, if one had.
    pub(crate) fn overflowed(&self, store: impl AsContextMut, error: &wasmtime::Error) -> Option<u32> {
        let dump = error.downcast_ref::<WasmCoreDump>()?;
        let mut store = store;
        let is_below_zero = |stack: &&GuestStack| {
            let pointer = dump.globals().get(stack.pointer).map(|pointer| pointer.get(&mut store));
            matches!(pointer, Some(Val::I32(pointer)) if pointer < 0)
        };
        self.0.iter().find(is_below_zero).map(|stack| stack.bytes)
    }
}

/// What is known of a core module.
#[derive(Default)]
struct Module {
    imported: usize,
    /// The first values of the globals that it defines, if they are mutable 32-bit integers.
    globals: Vec<Option<u32>>,
    /// The index of the stack pointer.
    pointer: Option<usize>,
    /// The lowest address of its data; `None` if it is unknown.
    data: Option<u32>,
}

impl Module {
    fn new() -> Self {
        Self { data: Some(u32::MAX), ..Self::default() }
    }

    /// Its stack pointer's place among the globals that it defines, and the size of its stack.
    fn stack(&self) -> Option<(usize, u32)> {
        let place = self.pointer?.checked_sub(self.imported)?;
        let bytes = (*self.globals.get(place)?)?;
        (bytes > 0 && self.data? >= bytes).then_some((place, bytes))
    }

    fn visit(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.imported += usize::from(matches!(import?.ty, TypeRef::Global(_)));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let is_pointer = global.ty.mutable && global.ty.content_type == ValType::I32;
                    let first = constant(&mut global.init_expr.get_operators_reader());
                    self.globals.push(first.filter(|_| is_pointer));
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    if let DataKind::Active { offset_expr, .. } = data?.kind {
                        let offset = constant(&mut offset_expr.get_operators_reader());
                        self.data = self.data.zip(offset).map(|(lowest, offset)| lowest.min(offset));
                    }
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    // Names are for people, and no part of what was checked.
                    self.pointer = pointer(names).unwrap_or(None);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The number that an expression begins with, if it is one.
fn constant(expression: &mut wasmparser::OperatorsReader<'_>) -> Option<u32> {
    match expression.read().ok()? {
        Operator::I32Const { value } => Some(value.cast_unsigned()),
        _ => None,
    }
}

/// The index of the only global that is named as the stack pointer.
fn pointer(names: NameSectionReader<'_>) -> wasmparser::Result<Option<usize>> {
    let mut found = Vec::new();
    for name in names {
        if let Name::Global(globals) = name? {
            for global in globals {
                let global = global?;
                if global.name == POINTER {
                    found.push(global.index as usize);
                }
            }
        }
    }
    Ok(if let [only] = *found { Some(only) } else { None })
}

/// The stacks of a component, or `None` if the order of its core instances is unknown.
fn find(component: &[u8]) -> Option<Vec<GuestStack>> {
    let mut depth = 0_usize;
    let mut current: Option<Module> = None;
    let mut modules: BTreeMap<u32, Module> = BTreeMap::new();
    let mut made = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.ok()?;
        match payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                current = (encoding == Encoding::Module).then(Module::new);
            }
            Payload::End(_) => {
                depth -= 1;
                // A module of an inner component is used there, if at all.
                if let Some(module) = current.take().filter(|_| depth == 1) {
                    modules.insert(u32::try_from(modules.len()).ok()?, module);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance.ok()? {
                        // Where in the order an inner component's instances come depends on who instantiates it.
                        made.push((depth == 1).then_some(module_index)?);
                    }
                }
            }
            // Modules from elsewhere would have indices among those of the component's own.
            Payload::ComponentImportSection(section) => {
                for import in section {
                    (!matches!(import.ok()?.ty, ComponentTypeRef::Module(_))).then_some(())?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    let is_module = match alias.ok()? {
                        ComponentAlias::InstanceExport { kind, .. } => kind == ComponentExternalKind::Module,
                        ComponentAlias::Outer { kind, .. } => kind == ComponentOuterAliasKind::CoreModule,
                        ComponentAlias::CoreInstanceExport { .. } => false,
                    };
                    (!is_module).then_some(())?;
                }
            }
            other => {
                if let Some(module) = &mut current {
                    module.visit(other).ok()?;
                }
            }
        }
    }
    let (mut stacks, mut before) = (Vec::new(), 0);
    for index in made {
        let module = modules.get(&index)?;
        stacks.extend(module.stack().map(|(place, bytes)| GuestStack { pointer: before + place, bytes }));
        before += module.globals.len();
    }
    Some(stacks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core module with a stack of this size, and more.
    fn module(name: &str, bytes: u32, more: &str) -> String {
        format!(
            "(core module ${name} (memory 1) {more} (global $other (mut i64) (i64.const 7)) \
             (global $__stack_pointer (mut i32) (i32.const {bytes})))"
        )
    }

    fn found(component: &str) -> Vec<(usize, u32)> {
        let GuestStacks(stacks) =
            GuestStacks::of(&wat::parse_str(format!("(component {component})")).unwrap());
        stacks.into_iter().map(|stack| (stack.pointer, stack.bytes)).collect()
    }

    #[test]
    fn stack_whose_place_or_size_is_unknown_is_not_found() {
        let (plain, instance) = (module("m", 1_024, ""), "(core instance (instantiate $m))");
        for component in [
            String::new(),
            plain.clone(),
            // No stack, or none that is below the data.
            format!("{} {instance}", module("m", 0, "")),
            format!("{} {instance}", module("m", 1_024, "(data (i32.const 1023) \"x\")")),
            format!(
                "{} {instance}",
                module("m", 1_024, "(global $g i32 (i32.const 9)) (data (global.get $g) \"x\")")
            ),
            // Not its name, or not its type.
            format!("{} {instance}", plain.replace("$__stack_pointer", "$pointer")),
            format!("{} {instance}", plain.replace("(mut i32)", "i32")),
            format!(
                "(core module $m (memory 1) (global $__stack_pointer (mut i64) (i64.const 8))) {instance}"
            ),
            // Who instantiates it is another component.
            format!("(component $c {plain} {instance}) (instance (instantiate $c))"),
            format!("{plain} {instance} (component $c (core module $n) (core instance (instantiate $n)))"),
            format!("(import \"m\" (core module $n)) {plain} {instance}"),
        ] {
            assert_eq!(found(&component), [], "{component}");
        }
        assert_eq!(GuestStacks::of(b"\0asm"), GuestStacks::default());
        assert_eq!(GuestStacks::of(b""), GuestStacks::default());
    }

    #[test]
    fn stack_is_found_among_the_globals_of_all_instances() {
        let (one, two) = (module("one", 1_024, "(data (i32.const 1024) \"x\")"), module("two", 65_536, ""));
        let instances = "(core instance (instantiate $two)) (core instance (instantiate $one))";
        assert_eq!(found(&format!("{one} {two} {instances}")), [(1, 65_536), (3, 1_024)]);
        assert_eq!(
            found(&format!("{two} {one} {instances} {instances}")),
            [(1, 65_536), (3, 1_024), (5, 65_536), (7, 1_024)]
        );
        let plain =
            "(core module $plain (global (mut i32) (i32.const 1))) (core instance (instantiate $plain))";
        assert_eq!(found(&format!("{plain} {one} (core instance (instantiate $one))")), [(2, 1_024)]);
        // Inner components that only pass functions on, as bindings generators make them.
        assert_eq!(found(&format!("{one} (core instance (instantiate $one)) (component)")), [(1, 1_024)]);
    }
}
