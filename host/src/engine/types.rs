//! The second pre-pass: checks the names and the number of a component's types before it is compiled.
//!
//! Names and types multiply: a name stands in each value of its type, in each schema and in each error, and a type is spelled
//! out wherever it is used. So the rule is: what a component can name is bounded here, name by name and in number, and what its
//! functions spell out is bounded where they are read, in `value/load.rs`.
//!
//! The parser recurses over types, and a component of a few KiB can nest them deep enough to overflow the stack. So this check
//! runs in the compiler's process, where that ends the load and not the host.

use palisade_guard::limits::{COMPONENT_NAME_BYTES_MAX, COMPONENT_NESTING_MAX, COMPONENT_TYPES_MAX};
use palisade_guard::text::quoted;
use wasmparser::{
    ComponentAlias, ComponentDefinedType, ComponentExternName, ComponentInstance, ComponentType,
    ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload,
};

/// The bounds. Compiled code is kept only for as long as they do not change.
pub(super) const BOUNDS: [usize; 3] = [COMPONENT_NAME_BYTES_MAX, COMPONENT_TYPES_MAX, COMPONENT_NESTING_MAX];

/// Refuses a component whose types have too many names, or too long ones.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut types = Types { left: COMPONENT_TYPES_MAX };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    types.read(&ty.map_err(malformed)?, 1)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    types.named(&import.map_err(malformed)?.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    types.named(&export.map_err(malformed)?.name)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    types.alias(&alias.map_err(malformed)?)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    match instance.map_err(malformed)? {
                        ComponentInstance::Instantiate { args, .. } => {
                            args.iter().try_for_each(|argument| types.name(argument.name))?;
                        }
                        ComponentInstance::FromExports(exports) => {
                            exports.iter().try_for_each(|export| types.named(&export.name))?;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes by value")]
fn malformed(error: wasmparser::Error) -> String {
    super::prepass::malformed(&error)
}

/// What a component may still declare.
struct Types {
    left: usize,
}

impl Types {
    fn read(&mut self, ty: &ComponentType<'_>, depth: usize) -> Result<(), String> {
        if depth > COMPONENT_NESTING_MAX {
            return Err(format!("its types nest deeper than {COMPONENT_NESTING_MAX}"));
        }
        self.spend(1)?;
        let deeper = depth.saturating_add(1);
        match ty {
            ComponentType::Defined(ty) => self.defined(ty),
            ComponentType::Func(function) => function.params.iter().try_for_each(|(name, _)| self.name(name)),
            ComponentType::Component(declarations) => {
                declarations.iter().try_for_each(|declaration| match declaration {
                    ComponentTypeDeclaration::Type(ty) => self.read(ty, deeper),
                    ComponentTypeDeclaration::Export { name, .. } => self.named(name),
                    ComponentTypeDeclaration::Import(import) => self.named(&import.name),
                    ComponentTypeDeclaration::Alias(alias) => self.alias(alias),
                    ComponentTypeDeclaration::CoreType(_) => self.spend(1),
                })
            }
            ComponentType::Instance(declarations) => {
                declarations.iter().try_for_each(|declaration| match declaration {
                    InstanceTypeDeclaration::Type(ty) => self.read(ty, deeper),
                    InstanceTypeDeclaration::Export { name, .. } => self.named(name),
                    InstanceTypeDeclaration::Alias(alias) => self.alias(alias),
                    InstanceTypeDeclaration::CoreType(_) => self.spend(1),
                })
            }
            ComponentType::Resource { .. } => Ok(()),
        }
    }

    fn defined(&mut self, ty: &ComponentDefinedType<'_>) -> Result<(), String> {
        match ty {
            ComponentDefinedType::Record(fields) => fields.iter().try_for_each(|(name, _)| self.name(name)),
            ComponentDefinedType::Variant(cases) => cases.iter().try_for_each(|case| self.name(case.name)),
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => {
                names.iter().try_for_each(|name| self.name(name))
            }
            ComponentDefinedType::Tuple(parts) => self.spend(parts.len()),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), String> {
        match alias {
            ComponentAlias::InstanceExport { name, .. } => self.name(name),
            // Names of core modules stand in no type. They are not multiplied.
            ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => self.spend(1),
        }
    }

    fn named(&mut self, name: &ComponentExternName<'_>) -> Result<(), String> {
        let further = [name.implements, name.version_suffix, name.external_id];
        further.into_iter().flatten().try_for_each(|name| self.name(name))?;
        self.name(name.name)
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        self.spend(1)?;
        if name.len() <= COMPONENT_NAME_BYTES_MAX {
            return Ok(());
        }
        Err(format!(
            "{} is a name of {} bytes in its types: at most {COMPONENT_NAME_BYTES_MAX} are allowed; shorten it",
            quoted(name),
            name.len()
        ))
    }

    fn spend(&mut self, types: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(types).ok_or_else(|| {
            format!(
                "it declares more than {COMPONENT_TYPES_MAX} types and names: split the plugin, or import less"
            )
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        check(&wat::parse_str(text).unwrap())
    }

    /// A text with `NAME` in each place where a component can have a name.
    const NAMED: [(&str, &str); 12] = [
        ("field", r#"(type (record (field "NAME" u8)))"#),
        ("case of a variant", r#"(type (variant (case "NAME")))"#),
        ("case of an enum", r#"(type (enum "NAME"))"#),
        ("flag", r#"(type (flags "NAME"))"#),
        ("parameter", r#"(type (func (param "NAME" u8)))"#),
        ("function of an instance", r#"(type (instance (export "NAME" (func))))"#),
        ("resource", r#"(type (instance (export "NAME" (type (sub resource)))))"#),
        ("import of a component", r#"(type (component (import "NAME" (func))))"#),
        ("nested", r#"(type (component (type (instance (type (record (field "NAME" u8)))))))"#),
        ("interface", r#"(import "NAME" (instance))"#),
        ("export", r#"(component $c) (export "NAME" (component $c))"#),
        ("inner component", r#"(component (type (enum "NAME")))"#),
    ];

    #[test]
    fn name_over_the_limit_is_refused_wherever_it_is_and_one_at_it_is_not() {
        for (what, text) in NAMED {
            let of =
                |bytes: usize| checked(&format!("(component {})", text.replace("NAME", &"n".repeat(bytes))));
            let refused = of(COMPONENT_NAME_BYTES_MAX + 1).expect_err(what);
            assert!(
                refused.contains("is a name of 129 bytes in its types: at most 128"),
                "{what}: {refused}"
            );
            assert!(of(99_000).expect_err(what).len() < 300, "{what}");
            assert_eq!(of(COMPONENT_NAME_BYTES_MAX), Ok(()), "{what}");
        }
    }

    #[test]
    fn number_of_types_and_names_is_refused_over_the_limit_and_accepted_at_it() {
        let many = |each: &str, count: usize| checked(&format!("(component {})", each.repeat(count)));
        for (what, each, counted) in [
            ("types", "(type (list u8))", 1),
            ("functions", r#"(type (func (param "a" u8)))"#, 2),
            ("names", r#"(type (enum "a" "b" "c"))"#, 4),
            ("tuples", "(type (tuple u8 u8))", 3),
        ] {
            let most = COMPONENT_TYPES_MAX / counted;
            assert_eq!(many(each, most), Ok(()), "{what}");
            let refused = many(each, most + 1).expect_err(what);
            assert!(refused.contains("more than 10000 types and names"), "{what}: {refused}");
        }
    }

    #[test]
    fn types_that_nest_too_deep_are_refused() {
        let nested = |levels: usize| {
            let (open, close) = ("(type (instance ".repeat(levels), "))".repeat(levels));
            checked(&format!("(component {open}{close})"))
        };
        assert_eq!(nested(COMPONENT_NESTING_MAX), Ok(()));
        assert!(nested(COMPONENT_NESTING_MAX + 1).unwrap_err().contains("nest deeper than"));
    }
}
