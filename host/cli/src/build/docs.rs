//! Keeps what the WIT of a plugin says of its exported interfaces: in a section of the component, from which a host describes
//! the plugin's functions in `/openapi.json`.
//!
//! No tool of a language carries docs through to the component. The section has what tools for WIT write for a package, under a name
//! of its own, and only for what callers can call: not the world, and no interface of another package.

use anyhow::{Context, Result};
use palisade_guard::kind::DOCS_SECTION;
use palisade_guard::limits::DOCS_BYTES_MAX;
use serde_json::Value;
use wit_parser::{PackageMetadata, WorldItem, WorldKey};

use super::strip;
use super::world::World;

/// The component with the docs of its exported interfaces, and a remark if they were left out.
pub(super) fn keep(component: Vec<u8>, world: &World) -> Result<(Vec<u8>, Option<String>)> {
    let Some(docs) = of(world)? else { return Ok((component, None)) };
    if docs.len() > DOCS_BYTES_MAX {
        let remark = format!(
            "the docs of the exported interfaces are left out of the component: they have {} bytes, and a host reads \
             {DOCS_BYTES_MAX}",
            docs.len()
        );
        return Ok((component, Some(remark)));
    }
    Ok(([component, strip::custom_section(DOCS_SECTION, &docs)].concat(), None))
}

/// The content of the section, if there are docs.
fn of(world: &World) -> Result<Option<Vec<u8>>> {
    let encoded = PackageMetadata::extract(&world.resolve, world.package).encode()?;
    let (version, json) = encoded.split_first().context("the docs have no version")?;
    let mut docs: Value = serde_json::from_slice(json)?;
    let exported: Vec<&str> = exported(world).collect();
    let Some(interfaces) = docs.get_mut("interfaces").and_then(Value::as_object_mut) else { return Ok(None) };
    interfaces.retain(|name, _| exported.contains(&name.as_str()));
    if interfaces.is_empty() {
        return Ok(None);
    }
    let kept = serde_json::json!({"interfaces": interfaces});
    Ok(Some([&[*version], kept.to_string().as_bytes()].concat()))
}

/// The interfaces of the plugin's own package that its world exports.
fn exported(world: &World) -> impl Iterator<Item = &str> {
    let exports = world.resolve.worlds[world.id].exports.iter();
    exports.filter_map(|(key, item)| match (key, item) {
        (WorldKey::Interface(id), WorldItem::Interface { .. }) => {
            let interface = &world.resolve.interfaces[*id];
            (interface.package == Some(world.package)).then_some(())?;
            interface.name.as_deref()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::world::FOLDER;
    use palisade_store::files::Folder;
    use std::fs;
    use wasmparser::{Parser, Payload};

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn kept(wit: &str) -> (Vec<u8>, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        fs::write(folder.path().join("wit/blog.wit"), wit).unwrap();
        keep(EMPTY.to_vec(), &World::read(&Folder::open(folder.path()).unwrap()).unwrap()).unwrap()
    }

    fn section(component: &[u8]) -> Option<Value> {
        let sections = Parser::new(0).parse_all(component).map(Result::unwrap);
        let mut docs = sections.filter_map(|payload| match payload {
            Payload::CustomSection(section) if section.name() == DOCS_SECTION => {
                Some(serde_json::from_slice(&section.data()[1..]).unwrap())
            }
            _ => None,
        });
        docs.next()
    }

    fn wit(docs: &str) -> String {
        format!(
            "package acme:blog;\n/// {docs}\ninterface posts {{\n  /// A post.\n  record post {{\n    /// Its title.\n    title: string }}\n  \
             /// Lists.\n  all: func() -> list<post>;\n}}\n/// Nobody can call it.\ninterface inner {{ f: func(); }}\n/// A world.\n\
             world blog {{ export posts; }}\n"
        )
    }

    #[test]
    fn docs_of_exported_interfaces_are_kept_and_no_others() {
        let (component, remark) = kept(&wit("Reads."));
        assert_eq!(remark, None);
        let expected = serde_json::json!({"interfaces": {"posts": {
            "docs": "Reads.",
            "funcs": {"all": {"docs": "Lists."}},
            "types": {"post": {"docs": "A post.", "items": {"title": "Its title."}}},
        }}});
        assert_eq!(section(&component), Some(expected));
        let silent = "package acme:blog; interface posts { all: func(); } world blog { export posts; }";
        assert_eq!(kept(silent), (EMPTY.to_vec(), None));
    }

    #[test]
    fn docs_at_the_size_limit_are_kept_and_over_it_left_out_with_a_remark() {
        let empty = section(&kept(&wit("x")).0).unwrap().to_string().len();
        let sized = |bytes: usize| kept(&wit(&"x".repeat(bytes - empty)));
        assert!(section(&sized(DOCS_BYTES_MAX).0).is_some());
        let (component, remark) = sized(DOCS_BYTES_MAX + 1);
        assert_eq!(component, EMPTY);
        assert!(remark.unwrap().contains("they have 65537 bytes, and a host reads 65536"));
    }
}
