//! What the documents say, against what is there.

use crate::harness::{Served, World, blocks, read, root};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md"];
/// Where other pages are: those for authors, and those behind SECURITY.md.
const PAGES: [&str; 4] = ["docs", "docs/languages", "docs/reference", "docs/security"];
/// The folders that documents speak of; what begins otherwise in a code span is no path.
const FOLDERS: [&str; 7] = ["docs/", "wit/", "host/", "guest-sdk/", "example-plugins/", "tests/", "xtask/"];
/// Lines that README promises of its plugin.
const PLUGIN_LINES_MAX: usize = 15;

/// Every document, as a path from the root.
fn documents() -> impl Iterator<Item = String> {
    let pages = PAGES.into_iter().flat_map(|folder| {
        let pages = fs::read_dir(root().join(folder)).unwrap();
        pages.map(move |page| format!("{folder}/{}", page.unwrap().file_name().to_str().unwrap()))
    });
    DOCUMENTS
        .into_iter()
        .map(str::to_owned)
        .chain(pages.filter(|page| Path::new(page).extension().is_some_and(|kind| kind == "md")))
}

/// What stands between the first fence of a language and its end.
fn block(text: &str, language: &str) -> String {
    let (_, rest) =
        text.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no block of {language}"));
    rest.split_once("```").unwrap().0.to_owned()
}

/// The code spans of one line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The lines of a document that are in no block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(str::lines)
}

#[test]
fn readme_plugin_is_greeters_source_within_the_lines_it_promises() {
    let (readme, source) = (read("README.md"), read("example-plugins/greeter/src/lib.rs"));
    let shown = block(&readme, "rust");
    assert_eq!(shown, source);
    assert!(shown.lines().filter(|line| !line.trim().is_empty()).count() <= PLUGIN_LINES_MAX);
    assert!(readme.contains(&format!("{PLUGIN_LINES_MAX} lines")), "README says how many");
}

#[test]
fn pages_of_languages_show_the_source_of_the_guestbook_that_new_makes() {
    let templates = "host/cli/src/new/templates/guestbook";
    // The README of a new plugin, whose commands build it.
    let told = read("host/cli/src/new/templates/every/README.md.jinja");
    let languages = [
        ("rust", "rust", "rust/src/lib.rs"),
        ("javascript", "js", "js/src/plugin.js"),
        ("python", "python", "python/src/plugin.py"),
        ("c", "c", "c/src/plugin.c"),
    ];
    for (page, language, source) in languages {
        let source = read(format!("{templates}/{source}.jinja")).replace("{{ snake }}", "guestbook");
        let text = read(format!("docs/languages/{page}.md"));
        let blocks = blocks(&text);
        assert!(blocks.iter().any(|(known, _)| *known == language), "{page} shows nothing");
        for (known, block) in blocks {
            if known == language {
                assert!(source.contains(block), "{page}: the guestbook does not have\n{block}");
                continue;
            }
            assert_eq!(known, "console", "{page}");
            for command in block.lines().map(|line| line.strip_prefix("$ ").unwrap()) {
                assert!(told.contains(command), "{page}: no new plugin is told `{command}`");
            }
        }
    }
}

#[test]
fn documents_link_and_name_only_files_that_exist() {
    let mut absent = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = root().join(&document).parent().unwrap().to_owned();
        let links =
            prose(&text).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
        let local = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
        let local = local.map(|link| (link, folder.clone()));
        let named =
            prose(&text).flat_map(spans).filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder)));
        let named = named.filter(|span| !span.contains(['<', ' ', '*', '{'])).map(|span| (span, root()));
        for (target, base) in local.chain(named) {
            // What is in the file is another test's to find.
            let file = target.split('#').next().unwrap().split("::").next().unwrap();
            if !base.join(file).exists() {
                absent.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(absent.is_empty(), "{absent:#?}");
}

/// Whether a span of the column `shown by` names something that exists.
fn is_shown(span: &str) -> bool {
    let Some((file, name)) = span.split_once("::") else {
        let path = if span.contains('/') { root().join(span) } else { root().join("tests").join(span) };
        return path.exists();
    };
    // A number is named as its constant is, everything else is a test.
    let is_number =
        name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
    let (paths, item) = match (is_number, file.contains('/')) {
        (true, _) => (vec![format!("host/guard/src/{file}/mod.rs")], format!("const {name}:")),
        (false, true) => (vec![file.to_owned()], format!("fn {name}(")),
        (false, false) => {
            (vec![format!("tests/{file}.rs"), format!("tests/{file}/mod.rs")], format!("fn {name}("))
        }
    };
    paths.iter().any(|path| fs::read_to_string(root().join(path)).is_ok_and(|text| text.contains(&item)))
}

#[test]
fn security_pages_name_only_tests_that_exist() {
    let mut absent = Vec::new();
    let mut found = 0;
    for document in documents().filter(|document| document.to_lowercase().contains("security")) {
        let text = read(&document);
        let mut in_table = false;
        for line in text.lines() {
            in_table = line.starts_with('|') && (in_table || line.contains("| shown by |"));
            let cell = line.trim_end_matches('|').rsplit('|').next().filter(|_| in_table);
            for span in cell.into_iter().flat_map(spans) {
                found += 1;
                if !is_shown(span) {
                    absent.push(format!("{document}: {span}"));
                }
            }
        }
    }
    assert!(absent.is_empty() && found > 200, "{found} named, of which these do not exist: {absent:#?}");
}

#[test]
fn readme_commands_are_tasks_that_xtask_has() {
    let (readme, xtask) = (read("README.md"), read("xtask/src/main.rs"));
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("$ cargo xtask ")).collect();
    assert_eq!(commands, ["demo --once", "test"]);
    let tasks = xtask.split_once("enum Task {").unwrap().1.split_once("\n}").unwrap().0;
    for command in commands {
        let (name, option) = command.split_once(" --").unwrap_or((command, ""));
        let variant = format!("\n    {}{} {{", name[..1].to_uppercase(), &name[1..]);
        let (_, fields) = tasks.split_once(&variant).unwrap_or_else(|| panic!("xtask has no `{name}`"));
        let fields = fields.split_once("\n    }").unwrap().0;
        assert!(
            option.is_empty() || fields.contains(&format!(" {option}: bool")),
            "`{name}` has no --{option}"
        );
    }
}

/// The answer that README shows for a path: the JSON after the request's line and the status.
fn shown(readme: &str, path: &str) -> Value {
    let block = block(readme, "console");
    let (_, after) = block.split_once(path).unwrap_or_else(|| panic!("README shows no answer for {path}"));
    let mut lines = after.lines().skip(1);
    assert_eq!(lines.next(), Some("HTTP 200"));
    let json: Vec<&str> = lines.take_while(|line| !line.is_empty() && !line.starts_with("$ ")).collect();
    serde_json::from_str(&json.join("\n")).unwrap()
}

#[tokio::test]
async fn readme_shows_the_answer_that_greeter_gives() {
    let world = World::new().await;
    let served = Served::new(world.host(&["greeter"]).await).await;
    let path = "/call/greeter/greeting/greet";
    let answer = served.post(path, &json!({ "name": "Ada" })).await;
    assert_eq!(shown(&read("README.md"), path), answer.body);
}
