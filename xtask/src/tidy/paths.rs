//! Paths in Rust code, and the module that each leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::rust::{Source, Token, starts};

/// A path as the code spells it, such as `crate`, `api`, `db`, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePath {
    pub segments: Vec<String>,
    pub line: usize,
    /// Whether a `use` gives its last name to the module.
    is_use: bool,
}

/// Every path of two segments or more. Braces are spelled out: `a::{b, c::d}` gives `a::b` and `a::c::d`.
pub fn paths(code: &[&Token]) -> Vec<CodePath> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let is_start = is_name(&code[at].text)
            && starts(&code[at + 1..], &[":", ":"])
            && !(at >= 2 && starts(&code[at - 2..], &[":", ":"]));
        if !is_start {
            at += 1;
            continue;
        }
        let (first, is_use) = (found.len(), at > 0 && code[at - 1].text == "use");
        at = spell_out(code, at, &[], &mut found);
        for path in &mut found[first..] {
            path.is_use = is_use;
        }
    }
    found
}

/// Reads one path that begins at a token, and returns the token after it.
fn spell_out(code: &[&Token], mut at: usize, prefix: &[String], found: &mut Vec<CodePath>) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = code[at].line;
    loop {
        match code.get(at) {
            Some(token) if is_name(&token.text) => {
                line = token.line;
                segments.push(token.text.clone());
                at += 1;
            }
            Some(token) if token.text == "{" => return group(code, at + 1, &segments, found),
            _ => break,
        }
        if !starts(&code[at.min(code.len())..], &[":", ":"]) {
            break;
        }
        at += 2;
    }
    if segments.last().is_some_and(|last| last == "self") && segments.len() > 1 {
        segments.pop();
    }
    found.push(CodePath { segments, line, is_use: false });
    at
}

/// Reads the paths in braces, and returns the token after the closing one.
fn group(code: &[&Token], mut at: usize, prefix: &[String], found: &mut Vec<CodePath>) -> usize {
    while let Some(token) = code.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            // The new name leads nowhere.
            "as" => at += 2,
            text if is_name(text) => at = spell_out(code, at, prefix, found),
            _ => at += 1,
        }
    }
    at
}

fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_alphabetic() || char == '_')
        && !["as", "use", "pub", "mod", "in", "return", "impl", "dyn", "mut", "ref"].contains(&text)
}

/// The modules of one crate.
pub struct Modules<'a> {
    /// Each file by its module's path; the crate's root has none.
    files: BTreeMap<Vec<String>, &'a Source>,
    /// What a module's `use` gives it from another module: the module and the name, and the path that leads there.
    uses: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl<'a> Modules<'a> {
    /// The modules of the crate whose sources are in a folder, given with a final `/`. Tests are left out.
    pub fn read(sources: &'a [Source], folder: &str) -> Self {
        let files: BTreeMap<_, _> = sources
            .iter()
            .filter(|source| !source.is_test())
            .filter_map(|source| Some((module(source.path.strip_prefix(folder)?), source)))
            .collect();
        let mut modules = Self { files, uses: BTreeMap::new() };
        let mut uses = BTreeMap::new();
        for (module, source) in &modules.files {
            for path in paths(&source.code()).into_iter().filter(|path| path.is_use) {
                if let Some(whole) = modules.absolute(module, &path.segments)
                    && let Some(name) = whole.last()
                {
                    uses.insert((module.clone(), name.clone()), whole);
                }
            }
        }
        modules.uses = uses;
        modules
    }

    /// Each module with a name, and its file.
    pub fn named(&self) -> impl Iterator<Item = (&Vec<String>, &'a Source)> {
        self.files.iter().filter(|(module, _)| !module.is_empty()).map(|(module, source)| (module, *source))
    }

    /// The modules that a module's code names, each with the first line that does. The module itself is none of them.
    pub fn reached(&self, from: &[String]) -> BTreeMap<Vec<String>, usize> {
        let mut reached = BTreeMap::new();
        let all = self.files.get(from).map_or(Vec::new(), |source| paths(&source.code()));
        for path in all {
            if let Some(to) = self.resolve(from, &path.segments).filter(|to| to != from) {
                reached.entry(to).or_insert(path.line);
            }
        }
        reached
    }

    /// The module that a path leads to, if it is one of the crate's: the one that has the item, behind each `use`.
    fn resolve(&self, from: &[String], segments: &[String]) -> Option<Vec<String>> {
        let mut whole = self.absolute(from, segments)?;
        // As many as there could be one after the other: names that lead to each other end here.
        for _ in 0..=self.uses.len() {
            let owner = self.longest(&whole)?;
            let Some(name) = whole.get(owner.len()) else { return Some(owner) };
            let Some(to) = self.uses.get(&(owner.clone(), name.clone())).filter(|to| **to != whole) else {
                return Some(owner).filter(|owner| !owner.is_empty());
            };
            whole = [to.clone(), whole[owner.len() + 1..].to_vec()].concat();
        }
        None
    }

    /// A path from the crate's root, if it is one of the crate's.
    fn absolute(&self, from: &[String], segments: &[String]) -> Option<Vec<String>> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let (base, rest) = match segments.first()?.as_str() {
            "crate" => (&from[..0], &segments[1..]),
            "self" => (from, &segments[1..]),
            "super" => (&from[..from.len().checked_sub(ups)?], &segments[ups..]),
            child => {
                let is_child = self.files.contains_key(&[from, &[child.to_owned()]].concat());
                (from, is_child.then_some(segments)?)
            }
        };
        Some([base, rest].concat())
    }

    /// The module in whose file a path ends.
    fn longest(&self, whole: &[String]) -> Option<Vec<String>> {
        let prefixes = (0..=whole.len()).rev().map(|length| &whole[..length]);
        prefixes.into_iter().find(|prefix| self.files.contains_key(*prefix)).map(<[String]>::to_vec)
    }

    /// Circles of more than two modules among the given ones: the shortest through each import, each once.
    pub fn circles(&self, among: &dyn Fn(&[String]) -> bool) -> Vec<Vec<Vec<String>>> {
        let edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = self
            .named()
            .filter(|(module, _)| among(module))
            .map(|(module, _)| {
                (module.clone(), self.reached(module).into_keys().filter(|to| among(to)).collect())
            })
            .collect();
        let mut known = BTreeSet::new();
        let mut circles = Vec::new();
        for (from, tos) in &edges {
            for to in tos {
                if let Some(circle) = way_back(&edges, to, from)
                    && known.insert(circle.iter().cloned().collect::<BTreeSet<_>>())
                {
                    circles.push(circle);
                }
            }
        }
        circles
    }
}

/// The shortest way between two modules that is not their import of each other, both ends included.
fn way_back(
    edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    from: &[String],
    to: &[String],
) -> Option<Vec<Vec<String>>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from.to_owned()]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| edges.get(last)).into_iter().flatten() {
                if next == to && way.len() > 1 {
                    return Some([way, vec![to.to_owned()]].concat());
                }
                if next != to && seen.insert(next.clone()) {
                    longer.push([way.clone(), vec![next.clone()]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The module's path of a file in its crate's folder.
fn module(file: &str) -> Vec<String> {
    let name = file.strip_suffix(".rs").unwrap_or(file);
    let name = name.strip_suffix("/mod").unwrap_or(name);
    if ["lib", "main"].contains(&name) {
        return Vec::new();
    }
    name.split('/').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> Vec<String> {
        let source = Source::read("a.rs", text).expect("Rust");
        paths(&source.code()).iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn braces_are_spelled_out_and_new_names_left_out() {
        assert_eq!(
            spelled("use crate::{a, b::{self, c as d}, e::*};"),
            ["crate::a", "crate::b", "crate::b::c", "crate::e"]
        );
        assert_eq!(
            spelled("fn a(b: super::c::D<e::F>) { g::h(); ::std::i(); }"),
            ["super::c::D", "e::F", "g::h"]
        );
        assert_eq!(spelled("pub(crate) mod a; let a: b = c;"), Vec::<String>::new());
    }

    #[test]
    fn path_leads_to_the_module_whose_file_has_the_item() {
        let files = [
            ("host/src/lib.rs", "pub use top::inner::{Item as Thing, Other};"),
            ("host/src/top/mod.rs", "use inner::Item; mod inner;"),
            ("host/src/top/inner.rs", "use super::Top; use super::super::low; struct Other;"),
            ("host/src/low.rs", "use crate::Other; use std::fmt; use $crate::top::Top;"),
        ];
        let sources = files.map(|(path, text)| Source::read(path, &text.replace('$', "")).expect("Rust"));
        let modules = Modules::read(&sources, "host/src/");
        let reached = |from: &str| {
            let from: Vec<_> = from.split("::").map(str::to_owned).collect();
            modules.reached(&from).into_keys().map(|to| to.join("::")).collect::<Vec<_>>()
        };
        assert_eq!(reached("top"), ["top::inner"]);
        assert_eq!(reached("top::inner"), ["low", "top"]);
        assert_eq!(reached("low"), ["top", "top::inner"]);
    }

    #[test]
    fn circle_of_two_is_none_and_one_of_three_is_found_once() {
        let circles = |files: &[(&str, &str)]| {
            let sources: Vec<_> =
                files.iter().map(|(path, text)| Source::read(path, text).expect("Rust")).collect();
            let circles = Modules::read(&sources, "host/src/").circles(&|_| true);
            circles.iter().map(|circle| circle.concat().join(" ")).collect::<Vec<_>>()
        };
        // A module and its parts may know each other, two by two.
        let star = [
            ("host/src/a/mod.rs", "use b::B; use c::C; struct A;"),
            ("host/src/a/b.rs", "use super::A;"),
            ("host/src/a/c.rs", "use super::A;"),
        ];
        assert_eq!(circles(&star), Vec::<String>::new());
        let three = [
            ("host/src/a.rs", "use crate::b::B;"),
            ("host/src/b.rs", "use crate::c::C;"),
            ("host/src/c.rs", "use crate::a::A;"),
        ];
        assert_eq!(circles(&three), ["b c a"]);
        // A part that takes another part's item by its parent's name knows that part, and not the parent.
        let parts = [
            ("host/src/a/mod.rs", "pub use b::B; pub use c::C;"),
            ("host/src/a/b.rs", "use super::C;"),
            ("host/src/a/c.rs", ""),
        ];
        assert_eq!(circles(&parts), Vec::<String>::new());
    }
}
