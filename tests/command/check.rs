//! `palisade check`: what it finds, where, and that it changes nothing. `docs/checking.md` has an example, which is run here.

use super::child::{Ran, examples, finish, palisade, run};
use crate::harness::{World, blocks, copy, read};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A plugin's folder.
pub struct Plugin(tempfile::TempDir);

pub const HEAD: &str = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";
const EXPORTS: &str = "[exports]\n\"acme:blog/posts\" = \"query\"\n";
const WORLD: &str = "package acme:blog;\n\ninterface posts {\n    count: func() -> u64;\n}\n\nworld blog {\n    \
    include palisade:plugin/plugin@0.1.0;\n    export posts;\n}\n";

impl Plugin {
    /// A folder without a mistake, with this behind the head of its manifest.
    pub fn new(rest: &str) -> Self {
        let plugin = Self(tempfile::tempdir().unwrap());
        plugin.write("palisade.toml", &format!("{HEAD}{EXPORTS}{rest}"));
        plugin.write("wit/blog.wit", WORLD);
        plugin
    }

    /// A folder with this manifest alone.
    pub fn of_manifest(text: &str) -> Self {
        let plugin = Self(tempfile::tempdir().unwrap());
        plugin.write("palisade.toml", text);
        plugin
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.file(name).parent().unwrap()).unwrap();
        fs::write(self.file(name), text).unwrap();
    }

    pub fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    pub async fn run(&self, options: &[&str]) -> Ran {
        let arguments = [&["check", self.path().to_str().unwrap()], options].concat();
        finish(palisade(&arguments)).await
    }

    /// What it prints about its findings.
    pub async fn found(&self) -> String {
        let ran = self.run(&[]).await;
        assert_eq!(ran.code(), 1, "{ran:?}");
        ran.stdout
    }
}

/// Every file below a folder, with its text.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn folder_without_a_mistake_has_nothing_to_change() {
    for language in ["rust", "js", "python", "c"] {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("guestbooks");
        copy(&source.join(language), folder.path());
        fs::copy(source.join("shared/wit/guestbook.wit"), folder.path().join("wit/guestbook.wit")).unwrap();
        let shared = source.join("shared/migrations");
        if shared.is_dir() && !folder.path().join("migrations").is_dir() {
            fs::create_dir(folder.path().join("migrations")).unwrap();
            copy(&shared, &folder.path().join("migrations"));
        }
        let before = files(folder.path());
        let ran = finish(palisade(&["check", folder.path().to_str().unwrap(), "--json"])).await;
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        // Two of them send a query without a grant on purpose.
        let expected = usize::from(matches!(language, "js" | "python"));
        assert_eq!(findings.len(), expected, "{language}: {ran:?}");
        assert!(
            findings.iter().all(|one| one["message"].as_str().unwrap().contains("`query = true`")),
            "{ran:?}"
        );
        assert_eq!(files(folder.path()), before, "it never writes");
    }
    let ran = Plugin::new("").run(&["--json"]).await;
    assert_eq!((ran.code(), ran.json()), (0, json!({ "findings": [] })));
}

#[tokio::test]
async fn component_that_is_not_looked_at_is_named_and_one_that_is_not() {
    let plugin = Plugin::new("");
    let ran = plugin.run(&[]).await;
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(
        ran.stdout.contains("nothing to change") && ran.stderr.contains("run `palisade build`"),
        "{ran:?}"
    );
    let built = tempfile::tempdir().unwrap();
    copy(&examples().join("greeter"), built.path());
    let component = fs::File::options().write(true).open(built.path().join("greeter.wasm")).unwrap();
    component.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
    let ran = finish(palisade(&["check", built.path().to_str().unwrap()])).await;
    assert!(!ran.stderr.contains("was not checked"), "{ran:?}");
}

#[tokio::test]
async fn every_new_plugin_has_nothing_to_change() {
    for language in ["rust", "js", "python", "c"] {
        for template in ["hello", "guestbook", "tap"] {
            let folder = tempfile::tempdir().unwrap();
            let mut command = palisade(&["new", "my-plugin", "--lang", language, "--template", template]);
            command.current_dir(folder.path());
            let made = finish(command).await;
            assert_eq!(made.code(), 0, "{made:?}");
            let ran = finish(palisade(&["check", folder.path().join("my-plugin").to_str().unwrap()])).await;
            assert_eq!(ran.code(), 0, "{language} {template}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn everything_is_found_at_once_each_at_its_place() {
    let plugin = Plugin::new(
        "[grants.db]\nquery = true\n[grants.db.tables]\nposts = { select = [\"id\", \"titel\"] }\npots = [\"select\"]\n\
         [limits]\nmemroy = \"1 MiB\"\n[build]\nlanguage = \"js\"\n",
    );
    plugin.change("wit/blog.wit", "export posts;", "import palisade:plugin/http@0.1.0;\n    export posts;");
    plugin.write("migrations/1.sql", "CREATE TABLE posts (id bigint, title text);\n");
    plugin.write(
        "src/plugin.js",
        "import { query } from 'palisade:plugin/db@0.1.0';\nimport fs from 'node:fs';\n\
         export const posts = { count: () => query('SELECT count(*) FROM post', []) };\n",
    );
    let ran = plugin.run(&["--json"]).await;
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr.ends_with("error: 7 things to change\n"), "{ran:?}");
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    let place = |finding: &Value| {
        (finding["file"].as_str().unwrap().to_owned(), finding["line"].as_u64(), finding["column"].as_u64())
    };
    let places: Vec<_> = findings.iter().map(place).collect();
    let expected = [
        ("palisade.toml", 13, 1),
        ("palisade.toml", 1, 1),
        ("wit/blog.wit", 9, 12),
        ("palisade.toml", 10, 26),
        ("palisade.toml", 11, 1),
        ("src/plugin.js", 2, 16),
        ("src/plugin.js", 3, 65),
    ];
    let files: Vec<&str> = places.iter().map(|(file, ..)| file.as_str()).collect();
    assert_eq!(files, expected.map(|(file, ..)| file), "{findings:#?}");
    for ((_, line, column), (file, at, _)) in
        places.iter().zip(expected).filter(|(_, (_, line, _))| *line > 1)
    {
        assert_eq!(*line, Some(at), "{file} {findings:#?}");
        assert!(column.is_some());
    }
}

#[tokio::test]
async fn migrations_are_tried_where_a_database_is_and_rolled_back() {
    let world = World::new().await;
    let plugin = Plugin::new("");
    // Nothing but a server knows that there is no such table.
    let text = "CREATE TABLE posts (id bigint);\nALTER TABLE nothing ADD COLUMN a text;\n";
    plugin.write("migrations/1.sql", text);
    let arguments = ["check", plugin.path().to_str().unwrap()];
    let alone = finish(palisade(&arguments)).await;
    assert_eq!(alone.code(), 0, "{alone:?}");
    let tried = run(&world, &arguments).await;
    assert_eq!(tried.code(), 1, "{tried:?}");
    assert!(tried.stdout.contains("plugin `blog`") && tried.stdout.contains("nothing"), "{tried:?}");
    plugin.write("migrations/1.sql", "CREATE TABLE posts (id bigint);\n");
    let tried = run(&world, &arguments).await;
    assert_eq!(tried.code(), 0, "{tried:?}");
    assert_eq!(world.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'plugin_blog'").await, 0);
}

#[tokio::test]
async fn caret_stands_below_what_is_meant() {
    let plugin = Plugin::of_manifest(&HEAD.replace("0.1.0", "1"));
    insta::assert_snapshot!("caret", plugin.found().await);
}

/// The blocks of the page are the files of a folder, and the console shows what the command prints for it.
#[tokio::test]
async fn example_of_the_page_runs() {
    let page = read("docs/checking.md");
    let plugin = Plugin(tempfile::tempdir().unwrap());
    let mut ran = 0;
    for (language, text) in blocks(&page) {
        if language == "console" {
            let shown = text.strip_prefix("$ palisade check\n").unwrap();
            assert_eq!(plugin.found().await, shown);
            ran += 1;
        } else {
            let (head, _) = text.split_once('\n').unwrap();
            plugin.write(head.trim_start_matches(['#', '-', ' ']), text);
        }
    }
    assert_eq!(ran, 1);
}

#[tokio::test]
async fn folder_without_a_manifest_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("nowhere")] {
        let ran = finish(palisade(&["check", path.to_str().unwrap()])).await;
        assert_eq!((ran.code(), ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("name a plugin's folder, or make one with `palisade new`"), "{ran:?}");
    }
}

#[tokio::test]
async fn control_characters_of_a_manifest_reach_no_terminal() {
    let plugin = Plugin::of_manifest(&format!("{HEAD}\"\u{202e}x\\u001b[2J\" = 1 # \u{202e}\n"));
    let said = plugin.found().await;
    assert!(
        !said.chars().any(|letter| letter != '\n' && palisade_guard::text::is_unsafe(letter)),
        "{said:?}"
    );
    let json = plugin.run(&["--json"]).await;
    assert!(!json.stdout.trim_end().chars().any(palisade_guard::text::is_unsafe), "{json:?}");
    // Not TOML at all.
    let said = Plugin::of_manifest("\u{1b}[2J\u{0}").found().await;
    assert!(
        !said.chars().any(|letter| letter != '\n' && palisade_guard::text::is_unsafe(letter)),
        "{said:?}"
    );
}

#[tokio::test]
async fn long_line_is_shown_around_its_place() {
    let long = format!("{HEAD}description = \"{}\"\ncolour = 1\n", "x".repeat(60 * 1024));
    let wide = long.replace("description = \"", "description = [\"").replace("\"\ncolour", "\"]\ncolour");
    for text in [long, wide, format!("{HEAD}{}", "x".repeat(64 * 1024)), "[".repeat(60 * 1024)] {
        let ran = Plugin::of_manifest(&text).run(&[]).await;
        assert_eq!(ran.code(), 1, "{}", ran.stderr);
        assert!(ran.stdout.lines().all(|line| line.len() < 1_000), "{}", ran.stdout.len());
    }
}

#[tokio::test]
async fn link_out_of_the_folder_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.wit"), "package a:b;\n secret").unwrap();
    fs::write(outside.path().join("secret.js"), "query('SELECT secret FROM x')").unwrap();
    fs::write(outside.path().join("palisade.toml"), "secret\n").unwrap();
    for (link, to) in [
        ("wit", ""),
        ("wit/other.wit", "secret.wit"),
        ("wit/deps", ""),
        ("wit/deps/x.wit", "secret.wit"),
        ("migrations", ""),
        ("src", ""),
        ("src/plugin.js", "secret.js"),
        ("palisade.toml", "palisade.toml"),
    ] {
        let plugin = Plugin::new("[build]\nlanguage = \"js\"\n");
        if link == "wit" {
            fs::remove_dir_all(plugin.file("wit")).unwrap();
        }
        if link == "palisade.toml" {
            fs::remove_file(plugin.file(link)).unwrap();
        }
        fs::create_dir_all(plugin.file(link).parent().unwrap()).unwrap();
        symlink(outside.path().join(to), plugin.file(link)).unwrap();
        let ran = plugin.run(&[]).await;
        assert!(ran.stdout.contains("it is a link out of the folder"), "{link}: {ran:?}");
        assert!(!ran.stdout.contains("secret\n") && !ran.stdout.contains("SELECT"), "{link}: {ran:?}");
        assert_eq!(ran.code(), 1);
    }
}

#[tokio::test]
async fn file_that_does_not_end_or_is_no_file_is_not_read() {
    for name in ["src/plugin.js", "wit/endless.wit", "migrations/1.sql", "blog.wasm"] {
        let plugin = Plugin::new("[build]\nlanguage = \"js\"\n");
        fs::create_dir_all(plugin.file(name).parent().unwrap()).unwrap();
        // As large as a disk, and without a byte on it.
        fs::File::create(plugin.file(name)).unwrap().set_len(1 << 40).unwrap();
        let ran = plugin.run(&[]).await;
        assert!(ran.stdout.contains("it has more than"), "{name}: {ran:?}");
        assert_eq!(ran.code(), 1);
        fs::remove_file(plugin.file(name)).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            plugin.file(name),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let ran = plugin.run(&[]).await;
        assert!(ran.stdout.contains("only a regular file is read") || name == "blog.wasm", "{name}: {ran:?}");
    }
}
