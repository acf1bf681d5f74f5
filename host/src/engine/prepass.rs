//! The pre-pass: checks a component's size and shape before it is compiled.
//!
//! A valid component can be a compilation bomb: 1.5 KiB can take gigabytes to compile. The compiler does not bound that, so
//! this walk over the binary does, in time linear in its size. Numbers and reasons are in [`palisade_guard::limits`].

use palisade_guard::limits::{
    COMPONENT_INSTANCES_MAX, COMPONENT_NESTING_MAX, FUNCTION_BYTES_MAX, FUNCTION_LOCALS_MAX,
};
use wasmparser::{ComponentInstance, Encoding, Instance, Parser, Payload};

/// The counts of one component during the walk.
#[derive(Default)]
struct Component {
    /// For each component defined in this one: the instances that it makes.
    components: Vec<Made>,
    /// The instances that it makes itself and through the components that it instantiates.
    made: Made,
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

/// Refuses a component that must not reach the compiler. Returns how many core instances it makes.
pub(crate) fn check(bytes: &[u8]) -> Result<usize, String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("this is no WebAssembly: build the plugin, then run `palisade build`".into());
    }
    let mut stack: Vec<Component> = Vec::new();
    let mut instances = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| malformed(&error))?;
        visit(&mut stack, payload)?;
        if let [outermost] = &*stack {
            instances = outermost.made.core;
        }
    }
    Ok(instances)
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
fn malformed(error: &wasmparser::BinaryReaderError) -> String {
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
