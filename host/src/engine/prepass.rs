//! The pre-pass: checks a component's size and shape before it is compiled. What its types may be is checked in `types.rs`.
//!
//! A valid component can be a compilation bomb: 1.5 KiB can take gigabytes to compile. The compiler does not bound that, so
//! this walk over the binary does, in time linear in its size. Numbers and reasons are in [`palisade_guard::limits`].

use palisade_guard::limits::{
    COMPONENT_INSTANCES_MAX, COMPONENT_NESTING_MAX, FUNCTION_BYTES_MAX, FUNCTION_LOCALS_MAX,
    MODULE_MEMORIES_MAX,
};
use wasmparser::{CanonicalFunction, ComponentInstance, Encoding, Instance, Parser, Payload, TypeRef};

/// The counts of one component or module during the walk.
#[derive(Default)]
struct Component {
    /// For each component defined in this one: the instances that it makes.
    components: Vec<Made>,
    /// The instances that it makes itself and through the components that it instantiates.
    made: Made,
    /// Whether it lifts or lowers functions, so that calls between it and its siblings need code of their own.
    is_called: bool,
    /// The linear memories of a module, its own and imported ones.
    memories: usize,
}

/// The instances that a component makes.
#[derive(Clone, Copy, Default)]
struct Made {
    all: usize,
    /// The instances of core modules among them.
    core: usize,
}

impl Made {
    fn with(self, other: Self) -> Self {
        Self { all: self.all.saturating_add(other.all), core: self.core.saturating_add(other.core) }
    }

    fn most(self, other: Self) -> Self {
        Self { all: self.all.max(other.all), core: self.core.max(other.core) }
    }
}

/// Refuses a component that must not reach the compiler. Returns how many core instances it makes, at most.
pub(crate) fn check(bytes: &[u8]) -> Result<usize, String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("this is no WebAssembly: build the plugin, then run `palisade build`".into());
    }
    let mut stack: Vec<Component> = Vec::new();
    let mut instances = 0;
    let mut is_composed = false;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| malformed(&error))?;
        visit(&mut stack, payload)?;
        match &*stack {
            [outermost] => instances = outermost.made.core,
            [_, .., inner] => is_composed |= inner.is_called,
            [] => {}
        }
    }
    // Code between components is instantiated, too, at most once for each instance that it is between.
    Ok(if is_composed { instances.saturating_mul(2) } else { instances })
}

fn visit(stack: &mut Vec<Component>, payload: Payload<'_>) -> Result<(), String> {
    match payload {
        Payload::Version { encoding: Encoding::Module, .. } if stack.is_empty() => {
            return Err(
                "this is a core module, not a component: run `palisade build FILE.wasm --out PLUGIN.wasm`"
                    .into(),
            );
        }
        Payload::Version { .. } => {
            stack.push(Component::default());
            if stack.len() > COMPONENT_NESTING_MAX {
                return Err(format!("components nest deeper than {COMPONENT_NESTING_MAX}"));
            }
        }
        Payload::End(_) => {
            let ended = stack.pop().unwrap_or_default();
            if let Some(outer) = stack.last_mut() {
                outer.components.push(ended.made);
            }
        }
        Payload::MemorySection(section) => memories(stack, section.count())?,
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                let import = import.map_err(|error| malformed(&error))?;
                memories(stack, u32::from(matches!(import.ty, TypeRef::Memory(_))))?;
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            for function in section {
                let function = function.map_err(|error| malformed(&error))?;
                if let (Some(current), CanonicalFunction::Lift { .. } | CanonicalFunction::Lower { .. }) =
                    (stack.last_mut(), function)
                {
                    current.is_called = true;
                }
            }
        }
        Payload::InstanceSection(section) => {
            for instance in section {
                let instance = instance.map_err(|error| malformed(&error))?;
                let made = usize::from(matches!(instance, Instance::Instantiate { .. }));
                add(stack, Made { all: made, core: made })?;
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                let instance = instance.map_err(|error| malformed(&error))?;
                if let ComponentInstance::Instantiate { component_index, .. } = instance {
                    let known = stack
                        .last()
                        .and_then(|outer| outer.components.get(component_index as usize))
                        .copied()
                        .unwrap_or_default();
                    // Aliases and imports have indices, too, but no counts here: count them as the largest component defined so far.
                    let largest = stack
                        .iter()
                        .flat_map(|outer| outer.components.iter().copied())
                        .fold(known, Made::most);
                    add(stack, largest.with(Made { all: 1, core: 0 }))?;
                }
            }
        }
        Payload::CodeSectionEntry(body) => function(&body)?,
        _ => {}
    }
    Ok(())
}

fn memories(stack: &mut [Component], count: u32) -> Result<(), String> {
    let Some(current) = stack.last_mut() else { return Ok(()) };
    current.memories = current.memories.saturating_add(count as usize);
    if current.memories > MODULE_MEMORIES_MAX {
        return Err(format!(
            "a module has {} memories, or more: at most {MODULE_MEMORIES_MAX} is allowed (multi-memory is disabled); build it with one",
            current.memories
        ));
    }
    Ok(())
}

fn add(stack: &mut [Component], made: Made) -> Result<(), String> {
    let Some(current) = stack.last_mut() else { return Ok(()) };
    current.made = current.made.with(made);
    if current.made.all > COMPONENT_INSTANCES_MAX {
        return Err(format!(
            "the component makes more than {COMPONENT_INSTANCES_MAX} instances: build it as one module"
        ));
    }
    Ok(())
}

fn function(body: &wasmparser::FunctionBody<'_>) -> Result<(), String> {
    let bytes = body.range().len();
    if bytes > FUNCTION_BYTES_MAX {
        return Err(format!(
            "a function has {bytes} bytes: at most {FUNCTION_BYTES_MAX} are allowed; split it"
        ));
    }
    let locals = body.get_locals_reader().map_err(|error| malformed(&error))?;
    let mut total = 0_u32;
    for local in locals {
        let (count, _) = local.map_err(|error| malformed(&error))?;
        total = total.saturating_add(count);
    }
    if total > FUNCTION_LOCALS_MAX {
        return Err(format!(
            "a function has {total} locals: at most {FUNCTION_LOCALS_MAX} are allowed; split it"
        ));
    }
    Ok(())
}

/// The parser's error on one line. The parser spreads the bytes that it shows over several lines.
pub(super) fn malformed(error: &wasmparser::Error) -> String {
    let message: Vec<&str> = error.message().split_whitespace().collect();
    format!("the component is malformed: {}", message.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        check(&wat::parse_str(text).unwrap()).unwrap_err()
    }

    fn locals(count: u32) -> String {
        format!("(component (core module (func (local {}))))", "i32 ".repeat(count as usize))
    }

    fn large(bytes: usize) -> String {
        // A `nop` is one byte; the body ends with one more and begins with a count of locals.
        format!("(component (core module (func {})))", "nop ".repeat(bytes))
    }

    /// Each level instantiates the one below it twice.
    fn doubling(levels: usize) -> String {
        let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        for level in 1..=levels {
            let below = level - 1;
            text = format!(
                "(component $c{level} {text} (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
            );
        }
        text
    }

    #[test]
    fn file_that_is_not_a_component_is_refused_with_the_command_that_makes_one() {
        assert!(check(b"").unwrap_err().contains("palisade build"));
        assert!(check(b"#!/bin/sh").unwrap_err().contains("no WebAssembly"));
        assert!(refusal("(module)").contains("palisade build"));
        assert!(check(b"\0asm\x0d\0\x01\0\xff\xff\xff").unwrap_err().contains("malformed"));
        let inner = check(b"\0asm\x0d\0\x01\0\x01\x08no magic").unwrap_err();
        assert!(inner.contains("malformed") && !inner.contains('\n'), "{inner}");
    }

    #[test]
    fn component_over_a_bound_is_refused() {
        assert!(refusal(&locals(FUNCTION_LOCALS_MAX + 1)).contains("locals"));
        assert!(refusal(&large(FUNCTION_BYTES_MAX)).contains("bytes"));
        assert!(refusal(&doubling(10)).contains("instances"));
        let nested = format!(
            "{}{}",
            "(component ".repeat(COMPONENT_NESTING_MAX + 1),
            ")".repeat(COMPONENT_NESTING_MAX + 1)
        );
        assert!(refusal(&nested).contains("nest"));
        let modules = "(core instance (instantiate $m))".repeat(COMPONENT_INSTANCES_MAX + 1);
        assert!(refusal(&format!("(component (core module $m) {modules})")).contains("instances"));
    }

    #[test]
    fn module_with_several_memories_is_refused_and_one_with_one_is_not() {
        for (module, is_fine) in [
            ("(memory 1)", true),
            (r#"(import "a" "b" (memory 1))"#, true),
            ("(memory 1) (memory 1)", false),
            (r#"(import "a" "b" (memory 1)) (memory 1)"#, false),
            (r#"(import "a" "b" (memory 1)) (import "a" "c" (memory 1))"#, false),
        ] {
            for text in [
                format!("(component (core module {module}))"),
                format!("(component (component (core module) (core module {module})))"),
            ] {
                let checked = check(&wat::parse_str(text).unwrap());
                assert_eq!(checked.is_ok(), is_fine, "{module}: {checked:?}");
                assert!(is_fine || checked.unwrap_err().contains("a module has 2 memories"), "{module}");
            }
        }
    }

    #[test]
    fn components_that_call_each_other_count_the_code_between_them() {
        let inner = r#"(component $c (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#;
        let composed = format!("(component {inner} (instance (instantiate $c)) (instance (instantiate $c)))");
        assert_eq!(check(&wat::parse_str(&composed).unwrap()), Ok(4));
        // A component that only renames what it is given, as `palisade build` makes them, needs none.
        let renaming = r#"(component (component $c (import "f" (func $f)) (export "g" (func $f)))
            (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f"))) (instance (instantiate $c (with "f" (func $f)))))"#;
        assert_eq!(check(&wat::parse_str(renaming).unwrap()), Ok(1));
    }

    #[test]
    fn core_instances_are_counted_apart_from_others() {
        let others = "(component $c) (instance (instantiate $c)) (instance (instantiate $c))";
        let text = format!("(component (core module $m) (core instance (instantiate $m)) {others})");
        assert_eq!(check(&wat::parse_str(&text).unwrap()), Ok(1));
        assert_eq!(check(&wat::parse_str(doubling(3)).unwrap()), Ok(8));
    }

    #[test]
    fn component_at_the_bounds_is_accepted() {
        let modules = "(core instance (instantiate $m))".repeat(COMPONENT_INSTANCES_MAX);
        let nested =
            format!("{}{}", "(component ".repeat(COMPONENT_NESTING_MAX), ")".repeat(COMPONENT_NESTING_MAX));
        for text in [
            locals(FUNCTION_LOCALS_MAX),
            large(FUNCTION_BYTES_MAX - 2),
            doubling(5),
            nested,
            format!("(component (core module $m) {modules})"),
        ] {
            assert!(check(&wat::parse_str(&text).unwrap()).unwrap() <= COMPONENT_INSTANCES_MAX);
        }
    }
}
