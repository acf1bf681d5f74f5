//! Removes an export that an engine adds for itself and no plugin means: componentize-py's `exports`, by which its own build
//! step asks the engine what the plugin has.

use anyhow::{Context, Result};
use wasmparser::{ComponentExternalKind, Parser, Payload};

/// The ids of a component's sections of instances and exports.
const INSTANCES: u8 = 5;
// wire: the component model's binary format
const EXPORTS: u8 = 11;
const CUSTOM: u8 = 0;
/// One instance, made from no exports.
const EMPTY_INSTANCE: &[u8] = &[1, 1, 0];

/// Returns the component without the exported instance of this name; unchanged if it has none.
///
/// An export is an instance with an index of its own, so without it the indices of all that follow would shift. An empty instance
/// takes its place, which nothing names.
pub(super) fn export(component: &[u8], name: &str) -> Result<Vec<u8>> {
    let (mut depth, mut start) = (0_u32, 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.context("the component is damaged")?;
        match &payload {
            Payload::Version { range, .. } => start = range.end,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth = depth.saturating_add(1);
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                let range = section.range();
                let entries: Vec<_> = section.clone().into_iter_with_offsets().collect::<Result<_, _>>()?;
                let is_ours = |entry: &(usize, wasmparser::ComponentExport<'_>)| {
                    entry.1.name.name == name && entry.1.kind == ComponentExternalKind::Instance
                };
                if let Some(at) = entries.iter().position(is_ours) {
                    let bytes = |index: usize| {
                        let start = entries.get(index).map_or(range.end, |(start, _)| *start);
                        let end = entries.get(index.saturating_add(1)).map_or(range.end, |(end, _)| *end);
                        component.get(start..end).unwrap_or_default()
                    };
                    let entries = entries.len();
                    let before: Vec<&[u8]> = (0..at).map(bytes).collect();
                    let after: Vec<&[u8]> = (at.saturating_add(1)..entries).map(bytes).collect();
                    return Ok([
                        component.get(..start).unwrap_or_default(),
                        &exports(&before),
                        &section_of(INSTANCES, EMPTY_INSTANCE),
                        &exports(&after),
                        component.get(range.end..).unwrap_or_default(),
                    ]
                    .concat());
                }
            }
            _ => {}
        }
        if let Some((_, range)) = payload.as_section() {
            start = range.end;
        }
    }
    Ok(component.to_vec())
}

/// A section with these exports; nothing without any.
fn exports(entries: &[&[u8]]) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut body = leb(entries.len());
    body.extend(entries.concat());
    section_of(EXPORTS, &body)
}

/// A section that no engine reads.
pub(super) fn custom_section(name: &str, content: &[u8]) -> Vec<u8> {
    section_of(CUSTOM, &[&leb(name.len())[..], name.as_bytes(), content].concat())
}

fn section_of(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

/// An unsigned number in LEB128.
fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        // wire: LEB128
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        // wire: LEB128
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Validator, WasmFeatures};

    /// A component that imports an instance and exports it under these names, each export but the first of the one before it.
    fn component(names: &[&str], sections: bool) -> Vec<u8> {
        let name = |name: &str| [&[0][..], &leb(name.len()), name.as_bytes()].concat();
        // A type of an instance with nothing in it, and an import of that type.
        let types = section_of(7, &[1, 0x42, 0]);
        let import = section_of(10, &[&[1][..], &name("a:b/c"), &[5, 0]].concat());
        let entries: Vec<Vec<u8>> = names
            .iter()
            .enumerate()
            .map(|(index, &export)| {
                // Never the one that is removed.
                let from = if index > 0 && names[index - 1] != "exports" { index } else { 0 };
                [&name(export)[..], &[5, u8::try_from(from).unwrap(), 0]].concat()
            })
            .collect();
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let exported = if sections {
            entries.iter().flat_map(|entry| exports(&[entry])).collect()
        } else {
            exports(&entries)
        };
        [&b"\0asm\x0d\0\x01\0"[..], &types, &import, &exported].concat()
    }

    fn names(component: &[u8]) -> Vec<String> {
        Validator::new_with_features(WasmFeatures::default())
            .validate_all(component)
            .expect("a valid component");
        let exports = Parser::new(0).parse_all(component).filter_map(|payload| match payload.unwrap() {
            Payload::ComponentExportSection(section) => Some(section),
            _ => None,
        });
        exports.flatten().map(|export| export.unwrap().name.name.to_owned()).collect()
    }

    #[test]
    fn only_the_named_export_is_removed_wherever_it_is() {
        for sections in [false, true] {
            for (before, after) in [
                (&["exports"][..], &[][..]),
                (&["exports", "a:b/d", "a:b/e"], &["a:b/d", "a:b/e"]),
                (&["a:b/d", "exports", "a:b/e", "a:b/f"], &["a:b/d", "a:b/e", "a:b/f"]),
                (&["a:b/d", "a:b/e", "exports"], &["a:b/d", "a:b/e"]),
            ] {
                let whole = component(before, sections);
                assert_eq!(names(&whole), before);
                assert_eq!(names(&export(&whole, "exports").unwrap()), after);
            }
        }
        let without = component(&["a:b/d"], false);
        assert_eq!(export(&without, "exports").unwrap(), without);
    }
}
