//! The author's source: its code without comments and texts, and the texts that stand in it.
//!
//! It knows as much of each language as finding texts needs, and judges nothing. Where it is not sure, a text has holes: nothing is
//! said about it.

use super::finding::{Finding, Place};
use palisade_guard::limits::{FOLDER_ENTRIES_MAX, SOURCE_BYTES_MAX};
use palisade_guard::manifest::{BuildSection, Language};
use palisade_store::files::{self, Folder};
use std::path::{Path, PathBuf};

/// Folders beside a source that are not the author's text.
const OTHERS: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// A source file.
pub(crate) struct SourceFile {
    /// Its name, relative to the plugin's folder.
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) text: String,
    /// The text with every comment, and what stands in every literal, as spaces. Its bytes are where they are in `text`.
    pub(crate) code: String,
    pub(crate) literals: Vec<Literal>,
}

/// A text in a source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Where it begins, its prefix included.
    pub(crate) start: usize,
    /// Where it ends, its quotes included.
    pub(crate) end: usize,
    /// What it says, each character with its place in the source.
    pub(crate) letters: Vec<(char, usize)>,
    /// Whether it says more than that: something is put in when it runs, or it has an escape that is not known here.
    pub(crate) has_holes: bool,
}

impl Literal {
    /// What it says.
    pub(crate) fn says(&self) -> String {
        self.letters.iter().map(|(letter, _)| letter).collect()
    }
}

/// The endings of a language's files.
pub(crate) fn extensions(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["rs"],
        Language::Js => &["js", "mjs"],
        Language::Python => &["py"],
        Language::C => &["c", "h"],
    }
}

/// The folder of the files beside a source.
pub(crate) fn root(source: &Path, language: Language) -> PathBuf {
    let beside = source.parent().unwrap_or(Path::new(""));
    if language == Language::Rust { beside.join("src") } else { beside.to_owned() }
}

/// Reads the source files of a plugin. One that cannot be read is a finding.
pub(crate) fn read(folder: &Folder, build: &BuildSection, found: &mut Vec<Finding>) -> Vec<SourceFile> {
    let (mut sources, mut folders) = (Vec::new(), vec![root(build.source(), build.language)]);
    while let Some(inner) = folders.pop() {
        let here = if inner.as_os_str().is_empty() { PathBuf::from(".") } else { inner.clone() };
        let cannot = |path: &Path, error: std::io::Error| {
            let name = path.display().to_string();
            Finding::at(format!("it cannot be checked: {error}"), Place::whole(&name))
        };
        match folder.folders(&here) {
            Ok(names) => {
                let names =
                    names.iter().filter(|name| !name.starts_with('.') && !OTHERS.contains(&name.as_str()));
                folders.extend(names.map(|name| inner.join(name)));
            }
            Err(error) => {
                found.push(cannot(&here, error));
                continue;
            }
        }
        for extension in extensions(build.language) {
            for name in folder.names(&here, extension).unwrap_or_default() {
                if sources.len() >= FOLDER_ENTRIES_MAX {
                    return sources;
                }
                let path = inner.join(&name);
                match folder.file(&path).and_then(|file| files::read_text(file, SOURCE_BYTES_MAX)) {
                    Ok(text) => {
                        sources.push(SourceFile::of(path.display().to_string(), text, build.language));
                    }
                    Err(error) => found.push(cannot(&path, error)),
                }
            }
        }
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    sources
}

impl SourceFile {
    /// Takes a text apart.
    pub(crate) fn of(name: String, text: String, language: Language) -> Self {
        let mut reader = Reader { text: &text, language, at: 0, blank: Vec::new(), literals: Vec::new() };
        reader.run();
        let Reader { blank, literals, .. } = reader;
        let mut code = text.clone().into_bytes();
        for (start, end, keeps) in blank {
            for (index, byte) in code.iter_mut().enumerate().take(end).skip(start) {
                if *byte != b'\n' {
                    *byte = if keeps && (index == start || index + 1 == end) { b'"' } else { b' ' };
                }
            }
        }
        let mut code = String::from_utf8_lossy(&code).into_owned();
        if language == Language::Rust {
            without_tests(&mut code);
        }
        let literals =
            literals.into_iter().filter(|literal| code.as_bytes().get(literal.start) == Some(&b'"'));
        let literals = literals.collect();
        Self { name, language, text, code, literals }
    }

    /// The place of some bytes.
    pub(crate) fn place(&self, start: usize, length: usize) -> Place {
        let (line, column) = palisade_guard::mistakes::position(&self.text, start);
        Place::of_line(&self.name, &self.text, line, column, length)
    }
}

/// Blanks what `#[cfg(test)]` stands before: tests run on the author's machine.
fn without_tests(code: &mut String) {
    const TESTS: &str = "#[cfg(test)]";
    let mut from = 0;
    while let Some(start) = code[from..].find(TESTS).map(|at| from + at) {
        let rest = &code[start + TESTS.len()..];
        let mut depth = 0_usize;
        let end = rest.char_indices().find_map(|(at, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    return (depth == 0).then_some(at + 1);
                }
                ';' if depth == 0 => return Some(at + 1),
                _ => {}
            }
            None
        });
        let end = start + TESTS.len() + end.unwrap_or(rest.len());
        let blank: String =
            code[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
        from = end;
    }
}

struct Reader<'t> {
    text: &'t str,
    language: Language,
    at: usize,
    /// What is not code: from, to, and whether it is a literal, whose first and last byte stay.
    blank: Vec<(usize, usize, bool)>,
    literals: Vec<Literal>,
}

impl Reader<'_> {
    fn run(&mut self) {
        // The last letter of code, and the word that it ends.
        let (mut last, mut word) = (None, String::new());
        while let Some(letter) = self.peek() {
            let start = self.at;
            if self.comment() {
                self.blank.push((start, self.at, false));
                continue;
            }
            if self.language == Language::Js && letter == '/' && begins_pattern(last, &word) {
                self.pattern();
                self.blank.push((start, self.at, true));
                last = Some('"');
                continue;
            }
            let prefix = if is_word(last) { 0 } else { self.prefix() };
            let opening = self.text[self.at + prefix..].chars().next();
            if opening.is_some_and(|opening| self.is_quote(opening))
                && (letter == opening.unwrap_or(' ') || prefix > 0)
            {
                if let Some(literal) = self.literal(prefix) {
                    self.blank.push((literal.start, literal.end, true));
                    self.literals.push(literal);
                }
                last = Some('"');
                word.clear();
                continue;
            }
            self.at += letter.len_utf8();
            if is_word(Some(letter)) {
                if !is_word(last) {
                    word.clear();
                }
                word.push(letter);
            } else if !letter.is_whitespace() {
                word.clear();
            }
            if !letter.is_whitespace() || is_word(last) {
                last = Some(letter);
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Skips a comment.
    fn comment(&mut self) -> bool {
        let rest = self.rest();
        let line = if self.language == Language::Python { "#" } else { "//" };
        if rest.starts_with(line) {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return true;
        }
        if self.language == Language::Python || !rest.starts_with("/*") {
            return false;
        }
        let (mut depth, mut at) = (1_usize, 2);
        while depth > 0 && at < rest.len() {
            let here = &rest.as_bytes()[at..];
            if here.starts_with(b"*/") {
                (depth, at) = (depth - 1, at + 2);
            } else if here.starts_with(b"/*") && self.language == Language::Rust {
                (depth, at) = (depth + 1, at + 2);
            } else {
                at += 1;
            }
        }
        self.at += at.min(rest.len());
        true
    }

    /// Skips a regular expression of JavaScript.
    fn pattern(&mut self) {
        let (mut is_escaped, mut is_class) = (false, false);
        for (index, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '\n' => {
                    self.at += index;
                    return;
                }
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '[' => is_class = true,
                ']' => is_class = false,
                '/' if !is_class => {
                    self.at += index + 1;
                    return;
                }
                _ => {}
            }
        }
        self.at = self.text.len();
    }

    /// How long the prefix of a literal is, if one begins here.
    fn prefix(&self) -> usize {
        let rest = self.rest();
        let letters = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(0);
        let (word, behind) = rest.split_at(letters);
        match self.language {
            Language::Rust if matches!(word, "r" | "br" | "cr") => {
                let hashes = behind.len() - behind.trim_start_matches('#').len();
                if behind[hashes..].starts_with('"') { letters + hashes } else { 0 }
            }
            Language::Rust if matches!(word, "b" | "c") && behind.starts_with('"') => letters,
            Language::Python
                if letters > 0
                    && letters <= 2
                    && word.chars().all(|letter| "rbufRBUF".contains(letter))
                    && behind.starts_with(['"', '\'']) =>
            {
                letters
            }
            _ => 0,
        }
    }

    fn is_quote(&self, letter: char) -> bool {
        match self.language {
            Language::Rust | Language::C | Language::Python => letter == '"' || letter == '\'',
            Language::Js => matches!(letter, '"' | '\'' | '`'),
        }
    }

    /// Takes a literal with its prefix. None for what only looks like one, and for a character.
    fn literal(&mut self, prefix: usize) -> Option<Literal> {
        let start = self.at;
        let words = self.text[start..start + prefix].to_ascii_lowercase();
        let hashes = words.matches('#').count();
        let is_raw = words.contains('r');
        let opening = self.text[start + prefix..].chars().next()?;
        if opening == '\'' && self.language == Language::Rust {
            // A lifetime has no second quote behind one letter.
            let rest = &self.text[start + 1..];
            let mut letters = rest.char_indices();
            let first = letters.next().map(|(_, letter)| letter);
            let end = if first == Some('\\') {
                rest.get(2..).and_then(|rest| rest.find('\'')).map(|at| at + 3)
            } else {
                letters.next().filter(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1)
            };
            let end = start + 1 + end.unwrap_or(0);
            self.blank.push((start, end, end > start + 1));
            self.at = end;
            return None;
        }
        let triple = opening.to_string().repeat(3);
        let is_triple = self.language == Language::Python && self.text[start + prefix..].starts_with(&triple);
        let closing = match self.language {
            Language::Rust => format!("\"{}", "#".repeat(hashes)),
            _ if is_triple => triple.clone(),
            _ => opening.to_string(),
        };
        let mut at = start + prefix + if is_triple { 3 } else { 1 };
        let mut literal =
            Literal { start, end: self.text.len(), letters: Vec::new(), has_holes: words.contains('f') };
        while let Some(letter) = self.text[at..].chars().next() {
            let rest = &self.text[at..];
            if rest.starts_with(&closing) {
                literal.end = at + closing.len();
                break;
            }
            if letter == '\n' && !is_triple && !matches!(self.language, Language::Rust) && opening != '`' {
                // It is not closed on its line: a mistake for the language's own tools.
                literal.end = at;
                literal.has_holes = true;
                break;
            }
            if opening == '`' && rest.starts_with("${") {
                literal.has_holes = true;
            }
            if letter != '\\' || is_raw {
                literal.letters.push((letter, at));
                at += letter.len_utf8();
                continue;
            }
            let escaped = rest[1..].chars().next();
            let plain = match escaped {
                Some('n') => Some('\n'),
                Some('t') => Some('\t'),
                Some('r') => Some('\r'),
                Some(letter @ ('\\' | '"' | '\'' | '`')) => Some(letter),
                Some('\n') => None,
                _ => {
                    literal.has_holes = true;
                    None
                }
            };
            literal.letters.extend(plain.map(|plain| (plain, at)));
            at += 1 + escaped.map_or(0, char::len_utf8);
            if escaped == Some('\n') && self.language == Language::Rust {
                // The line goes on with its first letter.
                let rest = &self.text[at..];
                at += rest.len() - rest.trim_start().len();
            }
        }
        self.at = literal.end;
        if opening == '\'' && self.language == Language::C {
            self.blank.push((literal.start, literal.end, true));
            return None;
        }
        Some(literal)
    }
}

fn is_word(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
}

/// Whether a slash of JavaScript begins a regular expression, by what stands before it.
fn begins_pattern(last: Option<char>, word: &str) -> bool {
    match last {
        None => true,
        Some(letter) if is_word(Some(letter)) || letter.is_whitespace() => {
            matches!(word, "return" | "typeof" | "case" | "in" | "of")
        }
        Some(letter) => !matches!(letter, ')' | ']' | '}' | '"'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(language: Language, text: &str) -> (String, Vec<String>) {
        let file = SourceFile::of("a".to_owned(), text.to_owned(), language);
        assert_eq!(file.code.len(), text.len(), "{text}");
        let says =
            |literal: &Literal| format!("{}{}", literal.says(), if literal.has_holes { "…" } else { "" });
        (file.code.split_whitespace().collect::<Vec<_>>().join(" "), file.literals.iter().map(says).collect())
    }

    #[test]
    fn texts_are_told_from_code_comments_and_characters() {
        use Language::{C, Js, Python, Rust};
        for (language, text, code, literals) in [
            (Rust, "a(\"x\\\"y\"); // \"no\"\n/* /* \"no\" */ */ b", "a(\" \"); b", &["x\"y"][..]),
            (Rust, "let c: &'static str = r#\"a\"b\\n\"#;", "let c: & static str = \" \";", &["a\"b\\n"]),
            (Rust, "['\"', '\\'', 'a', b\"x\"]", "[\" \", \" \", \" \", \" \"]", &["x"]),
            (Rust, "f(\"SELECT 1 \\\n   FROM t\")", "f(\" \")", &["SELECT 1 FROM t"]),
            (Rust, "a; #[cfg(test)]\nmod tests { f(\"no\"); } b", "a; b", &[]),
            (Rust, "for r in x { bar(\"é\", r) }", "for r in x { bar(\" \", r) }", &["é"]),
            (Js, "a('x', `y ${z} \"`) / 2 // 'no'\n", "a(\" \", \" \") / 2", &["x", "y ${z} \"…"]),
            (
                Js,
                "const q = /[/'\"]'/.test(a) || b / c / d; e('x')",
                "const q = \" \".test(a) || b / c / d; e(\" \")",
                &["x"],
            ),
            (Js, "return /'/", "return \" \"", &[]),
            (
                Python,
                "a = f'{x}' # 'no'\nb = '''y\n\"z'''\nc = r'\\d'",
                "a = \" \" b = \" \" c = \" \"",
                &["{x}…", "y\n\"z", "\\d"],
            ),
            (Python, "of = 'x'", "of = \" \"", &["x"]),
            (C, "f('\"', \"a\" \"b\\0\"); /* \"no\" */", "f(\" \", \" \" \" \");", &["a", "b…"]),
            (C, "f(\"not closed\n); g(\"x\");", "f(\" \" ); g(\" \");", &["not closed…", "x"]),
        ] {
            let (found, texts) = parts(language, text);
            let tidy = |text: &str| {
                let mut tidy = text.to_owned();
                while tidy.contains("\"  ") {
                    tidy = tidy.replace("\"  ", "\" ");
                }
                tidy.replace("\"\"", "\" \"")
            };
            assert_eq!(tidy(&found), code, "{text}");
            assert_eq!(texts, literals, "{text}");
        }
    }

    #[test]
    fn files_below_the_source_are_read_and_packages_of_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "src/plugin.js",
            "src/lib/a.mjs",
            "src/node_modules/x/a.js",
            "src/.hidden/a.js",
            "src/a.py",
            "other.js",
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "f('x')").unwrap();
        }
        let build = toml::from_str("language = \"js\"").unwrap();
        let mut found = Vec::new();
        let files = read(&Folder::open(folder.path()).unwrap(), &build, &mut found);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!((names, found), (vec!["src/lib/a.mjs", "src/plugin.js"], vec![]));
    }

    #[test]
    fn every_beginning_of_a_text_is_read() {
        let texts = ["r#\"é\"# b'\\'' /* x", "`${'a'}` /[\\/]/ 'b", "f'''x''' # é", "\"\\\n\" '\\''"];
        for text in texts {
            for language in Language::ALL {
                for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
                    let file = SourceFile::of(String::new(), text[..end].to_owned(), language);
                    assert_eq!(file.code.len(), end);
                }
            }
        }
    }
}
