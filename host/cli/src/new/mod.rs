//! `palisade new`: makes the folder of a new plugin, which builds, tests and serves without a change.
//!
//! What it writes is in `templates/`, as files that read as the ones they become, and in the binary, so nothing is
//! downloaded. A plugin is made of four folders, one on top of the other: `every`, `LANGUAGE`, `TEMPLATE/every` and
//! `TEMPLATE/LANGUAGE`. A file that ends with `.jinja` is rendered. The contract and the schema of the manifest come
//! from where they are kept. Tests: `tests/command/new/`.

mod name;

use crate::build::{CONTRACT_FOLDER, carried};
use crate::output::{self, Line};
use anyhow::{Context, Result};
use clap::Args;
use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use palisade_guard::manifest::Language;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/new/templates");
/// The schema of `palisade.toml`, which `cargo xtask reference` makes.
const SCHEMA: &str = include_str!("../../carried/palisade.schema.json");
/// What a file's name ends with if it is rendered.
const RENDERED: &str = ".jinja";

/// Makes the folder of a new plugin
///
/// It contains the plugin's source in the language, its manifest palisade.toml, its interfaces and the host's, and
/// tests. It builds and runs as it is, and nothing is downloaded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade new guestbook\n  palisade new titles --lang js --template tap")]
pub(super) struct NewArgs {
    /// The plugin's name, and its folder's: lower-case letters, digits and `-`
    name: String,
    /// The language: rust, js, python or c
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", value_parser = language)]
    lang: Language,
    /// What the plugin does at first: guestbook (a table, with functions that read and write it), hello (one function),
    /// tap (tidies content items) or webhook (stores signed requests, and a page)
    #[arg(long, value_name = "TEMPLATE", default_value = "guestbook", value_parser = Template::parse)]
    template: Template,
}

/// What a new plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Template {
    Hello,
    Guestbook,
    Tap,
    Webhook,
}

impl Template {
    const ALL: [Self; 4] = [Self::Hello, Self::Guestbook, Self::Tap, Self::Webhook];

    fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|template| template.word() == word);
        found.ok_or_else(|| "there is no such template: use hello, guestbook, tap or webhook".to_owned())
    }

    fn word(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Guestbook => "guestbook",
            Self::Tap => "tap",
            Self::Webhook => "webhook",
        }
    }
}

fn language(word: &str) -> Result<Language, String> {
    let word = match word {
        "javascript" => "js",
        "py" => "python",
        other => other,
    };
    let found = Language::ALL.into_iter().find(|language| language.name() == word);
    found.ok_or_else(|| "there is no such language: use rust, js, python or c".to_owned())
}

/// The language's name for people.
fn spelled(language: Language) -> &'static str {
    match language {
        Language::Rust => "Rust",
        Language::Js => "JavaScript",
        Language::Python => "Python",
        Language::C => "C",
    }
}

/// The command that installs the tools that a plugin brings the list of.
fn install(language: Language) -> &'static str {
    match language {
        Language::Rust | Language::C => "",
        Language::Js => "npm install && ",
        Language::Python => "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && ",
    }
}

/// The files of a plugin, by their paths in its folder.
type Files = BTreeMap<PathBuf, String>;

/// Runs the command in the current folder.
pub(super) fn run(args: &NewArgs) -> Result<()> {
    let NewArgs { name, lang, template } = args;
    name::check(name).map_err(output::usage)?;
    let files = files(name, *lang, *template)?;
    write(Path::new(""), name, &files)?;
    Line::of(format_args!("made {name}/ from the template {} in {}", template.word(), spelled(*lang)))
        .remark();
    Line::of(format_args!("next: cd {name} && {}palisade dev", install(*lang))).remark();
    Ok(())
}

/// All files of a new plugin.
fn files(name: &str, language: Language, template: Template) -> Result<Files> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line of the template that has only a condition is no line of the file.
    let syntax =
        SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    let values = context! {
        name,
        snake => name.replace('-', "_"),
        language => language.name(),
        language_name => spelled(language),
        template => template.word(),
    };
    let mut files = Files::new();
    let (every, language, template) = ("every", language.name(), template.word());
    for layer in [every, language, &format!("{template}/{every}"), &format!("{template}/{language}")] {
        let folder = TEMPLATES.get_dir(layer).with_context(|| format!("there is no template {layer}"))?;
        for (path, text) in texts(folder)? {
            let text = match path.strip_suffix(RENDERED) {
                None => text.to_owned(),
                Some(_) => {
                    environment.render_str(text, &values).with_context(|| format!("{layer}/{path}"))?
                }
            };
            files.insert(PathBuf::from(path.strip_suffix(RENDERED).unwrap_or(path)), text);
        }
    }
    for (path, text) in carried::contract() {
        files.insert(Path::new(CONTRACT_FOLDER).join(path), text.to_owned());
    }
    files.insert(PathBuf::from("palisade.schema.json"), SCHEMA.to_owned());
    Ok(files)
}

/// The files below a folder in the binary, with their paths from it.
fn texts<'a>(folder: &'a Dir<'_>) -> Result<Vec<(&'a str, &'a str)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(next) = folders.pop() {
        folders.extend(next.dirs());
        for file in next.files() {
            let path = file.path().strip_prefix(folder.path())?.to_str();
            found.push(path.zip(file.contents_utf8()).context("a template is not UTF-8")?);
        }
    }
    Ok(found)
}

/// Writes the files to a folder beside the new one and renames it, so that nothing is ever half written.
fn write(parent: &Path, name: &str, files: &Files) -> Result<()> {
    let folder = parent.join(name);
    let exists = || {
        output::usage(format!("{} exists already: choose another name, or remove it first", folder.display()))
    };
    if folder.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let cannot = "cannot write to the current folder: change to one that you may write to";
    let beside = tempfile::Builder::new().prefix(&format!(".{name}.")).tempdir_in(here).context(cannot)?;
    // The temporary folder is private to this user; the one in it has the usual rights.
    let unfinished = beside.path().join(name);
    for (path, text) in files {
        let path = unfinished.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.context(cannot)?;
    }
    match renameat_with(CWD, &unfinished, CWD, &folder, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Made by somebody else meanwhile.
        Err(Errno::EXIST) => Err(exists()),
        // A file system that cannot refuse to replace. Without the option, only an empty folder is replaced.
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(&unfinished, &folder).context(cannot),
        Err(error) => Err(error).context(cannot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::manifest::Manifest;

    fn every() -> impl Iterator<Item = (Language, Template, Files)> {
        let pairs =
            Language::ALL.iter().flat_map(|language| Template::ALL.iter().map(move |t| (*language, *t)));
        pairs
            .map(|(language, template)| (language, template, files("first-try", language, template).unwrap()))
    }

    fn manifest(text: &str) -> Manifest {
        Manifest::parse(text, Path::new("palisade.toml")).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[test]
    fn every_template_is_complete_and_rendered() {
        for (language, template, files) in every() {
            for path in ["palisade.toml", "palisade.schema.json", "README.md", ".gitignore", "wit/world.wit"]
            {
                assert!(files.contains_key(Path::new(path)), "{language:?} {template:?}: no {path}");
            }
            let has_tests = files.keys().any(|path| path.starts_with("tests"));
            let has_contract = files.contains_key(Path::new("wit/deps/palisade/world.wit"));
            assert!(has_tests && has_contract, "{language:?} {template:?}");
            for (path, text) in &files {
                let ours = !path.starts_with("wit/deps") && !path.ends_with("palisade.schema.json");
                // Two empty lines stand before a class.
                let is_python = path.extension().is_some_and(|kind| kind == "py");
                let is_plain =
                    !text.contains("{%") && (is_python || !text.contains("\n\n\n")) && !text.contains(" \n");
                assert!(
                    !ours || is_plain && text.ends_with('\n'),
                    "{language:?} {}:\n{text}",
                    path.display()
                );
                assert!(path.extension().is_none_or(|kind| kind != "jinja"), "{}", path.display());
            }
        }
    }

    #[test]
    fn each_commented_line_of_a_manifest_is_valid_without_its_mark() {
        for (language, template, files) in every() {
            let text = &files[Path::new("palisade.toml")];
            assert!(text.starts_with("#:schema ./palisade.schema.json\n"));
            assert_eq!(manifest(text).plugin.name.as_str(), "first-try");
            let mut uncommented = 0;
            for line in text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
                manifest(&text.replace(&format!("{line}\n"), &format!("{}\n", &line[2..])));
                uncommented += 1;
            }
            assert!(uncommented >= 8, "{language:?} {template:?}: {uncommented}");
        }
    }

    #[test]
    fn word_that_is_no_language_or_template_is_rejected_with_those_that_are() {
        assert_eq!(language("go").unwrap_err(), "there is no such language: use rust, js, python or c");
        assert_eq!(
            Template::parse("blog").unwrap_err(),
            "there is no such template: use hello, guestbook, tap or webhook"
        );
        assert_eq!((language("javascript"), language("py")), (Ok(Language::Js), Ok(Language::Python)));
        for known in Language::ALL {
            assert_eq!(language(known.name()), Ok(known));
        }
        for template in Template::ALL {
            assert_eq!(Template::parse(template.word()), Ok(template));
        }
    }

    #[test]
    fn nothing_is_written_where_a_file_or_folder_is() {
        let parent = tempfile::tempdir().unwrap();
        let files = files("first", Language::Rust, Template::Hello).unwrap();
        let inside = || {
            let mut names: Vec<_> =
                fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        fs::write(parent.path().join("file"), "").unwrap();
        fs::create_dir(parent.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", parent.path().join("link")).unwrap();
        let before = inside();
        for name in ["file", "folder", "link"] {
            let refused = write(parent.path(), name, &files).unwrap_err().to_string();
            assert!(refused.contains("exists already: choose another name"), "{refused}");
        }
        assert_eq!(inside(), before);
        assert_eq!(fs::read_dir(parent.path().join("folder")).unwrap().count(), 0);
        write(parent.path(), "first", &files).unwrap();
        assert_eq!(inside().len(), before.len() + 1);
    }

    #[test]
    fn nothing_is_left_when_a_file_cannot_be_written() {
        let parent = tempfile::tempdir().unwrap();
        // A file that is a folder, too: the second one fails after the first is there.
        let files = ["a", "a/b"].map(|path| (PathBuf::from(path), String::new())).into();
        let failed = format!("{:#}", write(parent.path(), "first", &files).unwrap_err());
        assert!(failed.contains("cannot write to the current folder"), "{failed}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
