//! The contract is complete: each part of `wit/` has a `///`, and says since which version it exists.
//!
//! What the sentences say of bounds is checked in [`bounds`](super::bounds).

use wit_parser::{Docs, Resolve, Span, Stability, Type, TypeDef, TypeDefKind};

use super::{Finding, Tree};

/// Checks the package in `wit/`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let contract = match Contract::read(tree) {
        Ok(Some(contract)) => contract,
        Ok(None) => return Vec::new(),
        Err(finding) => return vec![finding],
    };
    let mut findings = Vec::new();
    for part in contract.parts() {
        let Part { name, docs, stability, .. } = &part;
        if docs.is_empty() {
            let fix =
                format!("{name} has no doc: write a `///` that says what it is or returns, and its bounds.");
            findings.push(contract.finding(&part, fix));
        }
        if *stability == Some(&Stability::Unknown) {
            let fix = format!("{name} does not say since when: write `@since(version = …)` above it.");
            findings.push(contract.finding(&part, fix));
        }
    }
    findings
}

/// The parsed package in `wit/`.
pub struct Contract<'a> {
    tree: &'a Tree,
    resolve: Resolve,
}

/// A part of the contract that has a doc of its own.
pub struct Part<'a> {
    /// Such as `the function get`, or `usage.which` for a field or case.
    pub name: String,
    /// Its `///` lines.
    pub docs: &'a str,
    /// `None` for a field or case, which have no version of their own.
    stability: Option<&'a Stability>,
    span: Span,
}

impl<'a> Contract<'a> {
    /// Parses the contract; `None` where there is none.
    pub fn read(tree: &'a Tree) -> Result<Option<Self>, Finding> {
        let folder = tree.root.join("wit");
        if !folder.is_dir() {
            return Ok(None);
        }
        let mut resolve = Resolve { all_features: true, ..Resolve::default() };
        match resolve.push_path(&folder) {
            Ok(_) => Ok(Some(Self { tree, resolve })),
            Err(error) => Err(Finding::new("wit", 1, format!("the contract does not parse: {error:#}"))),
        }
    }

    /// Every part: worlds, interfaces, functions, types, fields and cases.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut add = |name: String, docs, stability, span| {
            parts.push(Part { name, docs: text(docs), stability, span });
        };
        for (_, world) in &self.resolve.worlds {
            add(format!("the world {}", world.name), &world.docs, Some(&world.stability), world.span);
        }
        for (_, interface) in &self.resolve.interfaces {
            let name = format!("the interface {}", interface.name.as_deref().unwrap_or_default());
            add(name, &interface.docs, Some(&interface.stability), interface.span);
            for (name, function) in &interface.functions {
                let name = format!("the function {name}");
                add(name, &function.docs, Some(&function.stability), function.span);
            }
        }
        for (_, def) in &self.resolve.types {
            let Some(name) = def.name.as_ref().filter(|_| !is_use(&self.resolve, def)) else { continue };
            add(format!("the {} {name}", def.kind.as_str()), &def.docs, Some(&def.stability), def.span);
            for (part, docs, span) in members(&def.kind) {
                add(format!("{name}.{part}"), docs, None, span);
            }
        }
        parts
    }

    /// A finding at a part. The parser says `FILE:LINE:COLUMN`, with the whole path.
    pub fn finding(&self, part: &Part<'_>, fix: String) -> Finding {
        let place = self.resolve.render_location(part.span);
        let place = place.strip_prefix(&format!("{}/", self.tree.root.display())).unwrap_or(&place);
        let mut parts = place.rsplitn(3, ':').skip(1);
        let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(1);
        Finding::new(parts.next().unwrap_or("wit"), line, fix)
    }
}

fn text(docs: &Docs) -> &str {
    docs.contents.as_deref().unwrap_or_default().trim()
}

/// The fields or cases of a type.
fn members(kind: &TypeDefKind) -> Vec<(&String, &Docs, Span)> {
    match kind {
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
    }
}

/// A `use` makes a type that stands for the type of another interface, which has the doc.
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
