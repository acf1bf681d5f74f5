//! The contract is complete: everything in `wit/` has a `///` and says since when it is there.

use wit_parser::{Docs, Resolve, Span, Stability, Type, TypeDef, TypeDefKind};

use super::{Finding, Tree};

/// Checks the package in `wit/`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let folder = tree.root.join("wit");
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    if let Err(error) = resolve.push_path(&folder) {
        return vec![Finding::new("wit", 1, format!("the contract does not parse: {error:#}"))];
    }
    let mut review = Review { tree, resolve: &resolve, findings: Vec::new() };
    review.worlds();
    review.interfaces();
    review.types();
    review.findings
}

struct Review<'a> {
    tree: &'a Tree,
    resolve: &'a Resolve,
    findings: Vec<Finding>,
}

impl Review<'_> {
    fn worlds(&mut self) {
        for (_, world) in &self.resolve.worlds {
            self.entry("world", &world.name, &world.docs, &world.stability, world.span);
        }
    }

    fn interfaces(&mut self) {
        for (_, interface) in &self.resolve.interfaces {
            let name = interface.name.as_deref().unwrap_or_default();
            self.entry("interface", name, &interface.docs, &interface.stability, interface.span);
            for (name, function) in &interface.functions {
                self.entry("function", name, &function.docs, &function.stability, function.span);
            }
        }
    }

    fn types(&mut self) {
        for (_, def) in &self.resolve.types {
            let Some(name) = &def.name else { continue };
            if is_use(self.resolve, def) {
                continue;
            }
            self.entry(def.kind.as_str(), name, &def.docs, &def.stability, def.span);
            let parts: Vec<_> = match &def.kind {
                TypeDefKind::Record(record) => {
                    record.fields.iter().map(|part| (&part.name, &part.docs, part.span)).collect()
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().map(|part| (&part.name, &part.docs, part.span)).collect()
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().map(|part| (&part.name, &part.docs, part.span)).collect()
                }
                TypeDefKind::Flags(flags) => {
                    flags.flags.iter().map(|part| (&part.name, &part.docs, part.span)).collect()
                }
                _ => Vec::new(),
            };
            for (part, docs, span) in parts {
                self.docs(&format!("{name}.{part}"), docs, span);
            }
        }
    }

    fn entry(&mut self, what: &str, name: &str, docs: &Docs, stability: &Stability, span: Span) {
        self.docs(&format!("the {what} {name}"), docs, span);
        if *stability == Stability::Unknown {
            self.add(
                span,
                format!("the {what} {name} does not say since when: write `@since(version = …)` above it."),
            );
        }
    }

    fn docs(&mut self, what: &str, docs: &Docs, span: Span) {
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            self.add(
                span,
                format!("{what} has no doc: write a `///` that says what it is or returns, and its bounds."),
            );
        }
    }

    /// The parser says `FILE:LINE:COLUMN`, with the whole path.
    fn add(&mut self, span: Span, fix: String) {
        let place = self.resolve.render_location(span);
        let place = place.strip_prefix(&format!("{}/", self.tree.root.display())).unwrap_or(&place);
        let mut parts = place.rsplitn(3, ':').skip(1);
        let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(1);
        self.findings.push(Finding::new(parts.next().unwrap_or("wit"), line, fix));
    }
}

/// A `use` makes a type that stands for another interface's, where the documentation is.
fn is_use(resolve: &Resolve, def: &TypeDef) -> bool {
    let TypeDefKind::Type(Type::Id(other)) = &def.kind else { return false };
    resolve.types.get(*other).is_some_and(|other| other.owner != def.owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{allows, finds};

    const WHOLE: &str = "package a:b@0.1.0;

/// An interface.
@since(version = 0.1.0)
interface i {
    /// A record.
    @since(version = 0.1.0)
    record r {
        /// A field.
        f: u32,
    }
    /// A variant.
    @since(version = 0.1.0)
    variant v {
        /// A case.
        c(r),
    }
    /// A resource.
    @since(version = 0.1.0)
    resource s {
        /// A method.
        @since(version = 0.1.0)
        m: func();
    }
    /// A function.
    @since(version = 0.1.0)
    g: func();
}

/// Another.
@since(version = 0.1.0)
interface j {
    use i.{r};
}

/// A world.
@since(version = 0.1.0)
world w {
    import j;
}
";

    #[test]
    fn whole_contract_is_allowed() {
        allows(check, "wit/a.wit", WHOLE);
    }

    #[test]
    fn part_without_a_doc_is_found_where_it_is() {
        let parts = [
            ("An interface", "a.wit:5: the interface i"),
            ("A record", "a.wit:8: the record r"),
            ("A field", "a.wit:10: r.f"),
            ("A variant", "the variant v"),
            ("A case", "v.c"),
            ("A resource", "the resource s"),
            ("A method", "the function [method]s.m"),
            ("A function", "the function g"),
            ("A world", "the world w"),
        ];
        for (sentence, words) in parts {
            let text = WHOLE.replace(&format!("/// {sentence}."), "");
            finds(check, "wit/a.wit", &text, words);
        }
    }

    #[test]
    fn part_without_a_version_is_found() {
        for line in ["resource s", "m: func", "g: func", "interface j", "world w", "record r"] {
            let text = WHOLE.lines().collect::<Vec<_>>();
            let at = text.iter().position(|text| text.contains(line)).expect("the line");
            let mut text = text;
            text[at - 1] = "";
            finds(check, "wit/a.wit", &text.join("\n"), "does not say since when");
        }
    }

    #[test]
    fn contract_that_does_not_parse_is_found() {
        finds(check, "wit/a.wit", "package a:b;\ninterface {", "the contract does not parse");
    }
}
