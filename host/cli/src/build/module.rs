//! Turns a core module, as cargo or clang builds it, into a component.
//!
//! It compiles nothing and checks no contract: [`super::check`] does for a plugin's folder, and each host when it loads the
//! component. The imports of a module with a C library or all of `std` are resolved by the adapter of the WASI preview 1 that
//! the command carries, unless the author names another.

use std::fs;
use std::path::Path;

use crate::output::Line;
use anyhow::{Context, Result, anyhow, bail};
use palisade_guard::limits::MODULE_BYTES_MAX;
use palisade_store::files;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI_PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// The section in which wit-bindgen, and so the SDK, stores the types of a module's imports and exports.
const TYPES_SECTION: &str = "component-type";

/// Turns a core module into a component beside it, or at `out`.
pub(super) fn run(module: &Path, out: Option<&Path>, adapters: &[String]) -> Result<()> {
    let bytes = read(module)?;
    let adapters = adapters.iter().map(|adapter| read_adapter(adapter)).collect::<Result<Vec<_>>>()?;
    let component = encode(&bytes, &adapters).with_context(|| module.display().to_string())?;
    let beside = module.with_extension("component.wasm");
    let out = out.unwrap_or(&beside);
    write(out, &component)?;
    Line::of(format_args!("wrote {} ({} bytes)", out.display(), component.len())).remark();
    Ok(())
}

/// Encodes a core module as a component and validates the result.
pub(super) fn encode(module: &[u8], adapters: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let has_wasi = check(module)?;
    let mut encoder = ComponentEncoder::default().validate(true).module(module)?;
    if has_wasi && !adapters.iter().any(|(name, _)| name == WASI_PREVIEW_1) {
        encoder = encoder.adapter(WASI_PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
    }
    for (name, bytes) in adapters {
        encoder = encoder.adapter(name, bytes).with_context(|| format!("the adapter {name} does not fit"))?;
    }
    encoder.encode().context("the module does not fit the world it was built for; build it again")
}

/// Refuses, with a helpful message, what the encoder would refuse with an unhelpful one. Returns whether the module imports WASI's
/// preview 1.
fn check(module: &[u8]) -> Result<bool> {
    if Parser::is_component(module) {
        bail!("this is a component already; name it in palisade.toml as it is");
    }
    if !Parser::is_core_wasm(module) {
        bail!("this is not WebAssembly; pass the .wasm file that cargo built for a wasm32 target");
    }
    let (mut has_types, mut has_wasi) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| anyhow!("the module is damaged, build it again: {error}"))? {
            Payload::CustomSection(section) => has_types |= section.name().starts_with(TYPES_SECTION),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    has_wasi |= import?.module == WASI_PREVIEW_1;
                }
            }
            _ => {}
        }
    }
    if !has_types {
        bail!(
            "the module does not say which world it was built for; build the plugin with palisade-sdk, or wit-bindgen"
        );
    }
    Ok(has_wasi)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    files::open(path).and_then(|file| files::read(file, MODULE_BYTES_MAX)).with_context(|| {
        format!("cannot read {}; build the module first, or correct the path", path.display())
    })
}

fn read_adapter(adapter: &str) -> Result<(String, Vec<u8>)> {
    let (name, file) = adapter.split_once('=').with_context(|| {
        format!("`--adapt {adapter}` is not NAME=FILE; for example {WASI_PREVIEW_1}=adapter.wasm")
    })?;
    Ok((name.to_owned(), read(Path::new(file))?))
}

/// Writes to another file and renames it, so that a host that watches the folder never reads half a component.
pub(super) fn write(out: &Path, component: &[u8]) -> Result<()> {
    let unfinished = out.with_extension("wasm.unfinished");
    let written = fs::write(&unfinished, component).and_then(|()| fs::rename(&unfinished, out));
    written.with_context(|| format!("cannot write {}; does its folder exist?", out.display()))
}

#[cfg(test)]
mod tests {
    use wit_component::{StringEncoding, embed_component_metadata};
    use wit_parser::Resolve;

    use super::*;

    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    /// An import section with one function `wasi_snapshot_preview1` `f` of the type `func()`.
    fn module_with_wasi() -> Vec<u8> {
        let mut import = vec![1, 22];
        import.extend_from_slice(WASI_PREVIEW_1.as_bytes());
        import.extend_from_slice(&[1, b'f', 0, 0]);
        let types = [1, 4, 1, 0x60, 0, 0];
        let size = u8::try_from(import.len()).expect("a short section");
        [EMPTY_MODULE, &types, &[2, size], &import].concat()
    }

    fn typed(mut module: Vec<u8>) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("world.wit", "package a:b; world w {}").expect("a package");
        let world = resolve.select_world(&[package], None).expect("its world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("types");
        module
    }

    fn refusal(module: &[u8]) -> String {
        format!("{:#}", encode(module, &[]).expect_err("a refusal"))
    }

    #[test]
    fn file_that_is_not_a_module_is_rejected_with_what_it_is() {
        let damaged = [EMPTY_MODULE, &[1, 200]].concat();
        let rows: [(&[u8], &str); 5] = [
            (b"", "not WebAssembly"),
            (b"#!/bin/sh", "not WebAssembly"),
            (COMPONENT, "a component already"),
            (&damaged, "damaged"),
            (EMPTY_MODULE, "palisade-sdk, or wit-bindgen"),
        ];
        for (module, words) in rows {
            let message = refusal(module);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn wasip1_module_needs_no_adapter_of_the_author() {
        assert!(check(&typed(module_with_wasi())).expect("a module"));
        // The module imports a function that the adapter does not have: it was asked.
        let message = refusal(&typed(module_with_wasi()));
        assert!(message.contains(WASI_PREVIEW_1) && message.contains('f'), "{message}");
    }

    #[test]
    fn adapter_without_a_name_is_rejected() {
        let message = read_adapter("adapter.wasm").expect_err("a refusal").to_string();
        assert!(message.contains("NAME=FILE"), "{message}");
    }

    #[test]
    fn module_with_types_becomes_a_component() {
        let component = encode(&typed(EMPTY_MODULE.to_vec()), &[]).expect("a component");
        assert!(Parser::is_component(&component));
    }
}
