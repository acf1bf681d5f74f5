//! `palisade build` in a plugin's folder: what it finds before it compiles, and what it says when a tool is missing or fails.
//! `tests/languages.rs` calls what it builds.

use super::child::{Ran, finish, palisade};
use crate::harness::copy;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A copy of a guestbook's source, and a folder with the only programs on the `PATH`.
struct Plugin {
    folder: tempfile::TempDir,
    programs: tempfile::TempDir,
}

impl Plugin {
    fn new(language: &str) -> Self {
        let (folder, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("guestbooks");
        copy(&source.join(language), folder.path());
        fs::copy(source.join("shared/wit/guestbook.wit"), folder.path().join("wit/guestbook.wit")).unwrap();
        Self { folder, programs }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(self.file(name), text.replace(from, to)).unwrap();
    }

    /// Puts a shell script on the `PATH`.
    fn program(&self, name: &str, script: &str) {
        let path = self.programs.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn build(&self) -> Ran {
        let mut command = palisade(&["build", self.folder.path().to_str().unwrap()]);
        for name in [
            "CARGO",
            "RUSTC",
            "VIRTUAL_ENV",
            "WASI_SDK_PATH",
            "PALISADE_GUEST_RUSTC",
            "PALISADE_GUEST_SYSROOT",
        ] {
            command.env_remove(name);
        }
        command.env("PATH", self.programs.path()).env("PALISADE_CACHE", self.programs.path().join("cache"));
        finish(command).await
    }

    /// What it says when it fails. Asserts that it wrote no component.
    async fn failure(&self) -> String {
        let ran = self.build().await;
        assert_ne!(ran.code(), 0, "{ran:?}");
        assert!(ran.stdout.is_empty() && !self.file("guestbook.wasm").exists(), "{ran:?}");
        let said = ran.stderr.lines().filter(|line| !line.starts_with("building guestbook-"));
        said.collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn missing_tool_is_one_sentence_with_the_command_that_installs_it() {
    for (language, programs, expected) in [
        ("rust", &[][..], "cargo is not installed: install Rust with rustup"),
        ("rust", &["cargo", "rustc"], "run `rustup target add wasm32-unknown-unknown`"),
        (
            "c",
            &[],
            "clang is not installed: run `apt-get install clang lld wasi-libc libclang-rt-dev-wasm32`",
        ),
        ("js", &[], "Node.js is not installed: run `apt-get install nodejs npm`"),
        ("js", &["node"], "@bytecodealliance/componentize-js is not installed: run `npm install` in"),
        ("python", &[], "run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt`"),
    ] {
        let plugin = Plugin::new(language);
        for name in programs {
            plugin.program(name, "exit 1");
        }
        let said = plugin.failure().await;
        assert!(said.contains(expected) && said.lines().count() == 1, "{language}: {said}");
    }
    let plugin = Plugin::new("js");
    plugin.program("node", "exit 1");
    fs::remove_file(plugin.file("package.json")).unwrap();
    let said = plugin.failure().await;
    assert!(said.contains("npm install --save-dev @bytecodealliance/componentize-js@0.23.0"), "{said}");
}

#[tokio::test]
async fn mistakes_are_all_named_before_anything_is_compiled() {
    // No tool is there, so nothing can have been compiled.
    for language in ["rust", "c", "js", "python"] {
        let plugin = Plugin::new(language);
        plugin.change(
            "wit/world.wit",
            "export writing;",
            "import palisade:plugin/http@0.1.0;\n    import palisade:plugin/item@0.1.0;",
        );
        plugin.change("palisade.toml", "\"acme:guestbook/reading\" = \"query\"\n", "");
        let said = plugin.failure().await;
        for expected in [
            "4 things to change, found before compiling:",
            "it imports `http.fetch`, `item.find`, `item.get`, `item.get-many` without a grant",
            "it exports `acme:guestbook/reading`: give it a kind",
            "[exports] of palisade.toml lists `acme:guestbook/writing`, which it does not export",
            "it imports `http`, which only an action has",
        ] {
            assert!(said.contains(expected), "{language}: {expected} in {said}");
        }
    }
}

#[tokio::test]
async fn import_that_no_world_has_is_refused_before_compiling() {
    let plugin = Plugin::new("js");
    fs::create_dir_all(plugin.file("wit/deps/http")).unwrap();
    let http = "package wasi:http@0.2.0;\ninterface outgoing-handler { handle: func(); }\n";
    fs::write(plugin.file("wit/deps/http/http.wit"), http).unwrap();
    plugin.change(
        "wit/world.wit",
        "export writing;",
        "import wasi:http/outgoing-handler@0.2.0;\n    export writing;",
    );
    let said = plugin.failure().await;
    assert!(said.contains("`wasi:http/outgoing-handler@0.2.0`, which no world of a host has"), "{said}");
}

#[tokio::test]
async fn mistake_in_the_wit_or_the_manifest_has_its_file_and_line() {
    let plugin = Plugin::new("c");
    plugin.change("wit/guestbook.wit", "    recent: func", "    list: func");
    let said = plugin.failure().await;
    assert!(said.contains("wit/guestbook.wit:16:5: write %list"), "{said}");
    let plugin = Plugin::new("c");
    plugin.change("palisade.toml", "language = \"c\"", "language = \"cobol\"");
    let said = plugin.failure().await;
    assert!(said.contains("palisade.toml:7:12: unknown word `cobol`"), "{said}");
    let plugin = Plugin::new("c");
    plugin.change("palisade.toml", "[build]\nlanguage = \"c\"\n", "");
    let said = plugin.failure().await;
    assert!(
        said.contains("add `[build]` with `language = …`, one of \"rust\", \"js\", \"python\", \"c\""),
        "{said}"
    );
    let nowhere = finish(palisade(&["build", plugin.programs.path().to_str().unwrap()])).await;
    assert!(nowhere.code() == 2 && nowhere.stderr.contains("palisade new"), "{nowhere:?}");
}

#[tokio::test]
async fn output_of_a_failed_tool_is_shown_whole() {
    for (language, program) in
        [("c", "clang"), ("rust", "cargo"), ("js", "node"), ("python", "componentize-py")]
    {
        let plugin = Plugin::new(language);
        plugin.program(
            program,
            "echo to stdout; for line in 1 2 3 4 5; do echo \"plugin.x:$line: a mistake\" >&2; done; exit 3",
        );
        if language == "rust" {
            // A toolchain with the target.
            fs::create_dir_all(plugin.programs.path().join("lib")).unwrap();
            fs::write(plugin.programs.path().join("lib/libcore-x.rlib"), "").unwrap();
            plugin.program("rustc", &format!("echo {}/lib", plugin.programs.path().display()));
        }
        if language == "js" {
            fs::create_dir_all(plugin.file("node_modules/@bytecodealliance/componentize-js")).unwrap();
        }
        let said = plugin.failure().await;
        assert!(
            said.contains(&format!("{program} failed (exit status: 3):\n  to stdout\n")),
            "{language}: {said}"
        );
        for line in 1..=5 {
            assert!(said.contains(&format!("plugin.x:{line}: a mistake")), "{language}: {said}");
        }
    }
}

#[tokio::test]
async fn contract_is_written_beside_the_plugins_wit_and_refreshed() {
    let plugin = Plugin::new("c");
    let contract = plugin.file("wit/deps/palisade");
    fs::create_dir_all(&contract).unwrap();
    fs::write(contract.join("db.wit"), "package palisade:plugin@0.0.1;\n").unwrap();
    plugin.failure().await;
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    for entry in fs::read_dir(own).unwrap() {
        let path = entry.unwrap().path();
        let written = fs::read(contract.join(path.file_name().unwrap())).unwrap();
        assert_eq!(written, fs::read(&path).unwrap(), "{}", path.display());
    }
}

/// An interpreted plugin's world is made from the grants, so what its source names without one is not there.
#[tokio::test]
async fn grants_that_a_source_lacks_are_all_named_before_compiling() {
    for (language, file, from, to) in [
        (
            "js",
            "src/plugin.js",
            "import { current",
            "import * as http from \"palisade:plugin/http@0.1.0\";\nimport { find } from \"palisade:plugin/item@0.1.0\";\nimport { current",
        ),
        ("python", "src/plugin.py", "import db, db_write, user", "import db, db_write, http, item, user"),
    ] {
        let plugin = Plugin::new(language);
        plugin.change(file, from, to);
        let said = plugin.failure().await;
        for expected in [
            "3 things to change, found before compiling:",
            "the source imports `http` without a grant: add `http = [{ url = \"https://HOST/\" }]` to [grants]",
            "the source imports `http`, which only an action has",
            "the source imports `item` without a grant: add `item = { types = { TYPE = [\"read\"] } }` to [grants]",
        ] {
            assert!(said.contains(expected), "{language}: {expected} in {said}");
        }
    }
}
