//! The statements that people wrote, read from the files in `corpus/`.

use std::collections::BTreeSet;

const FILES: [&str; 4] = [
    include_str!("corpus/ordinary.sql"),
    include_str!("corpus/reads.sql"),
    include_str!("corpus/writes.sql"),
    include_str!("corpus/refused.sql"),
];
/// Statements that an earlier gate accepted and changed.
const SILENT: &str = include_str!("corpus/silent.sql");
/// Statements with what `pg_trgm` has.
const TRIGRAMS: &str = include_str!("corpus/trigrams.sql");
/// The start of a heading above statements that the gate should refuse.
const REFUSED: &str = "-- refused on purpose";

/// A statement of a file.
pub struct Row {
    pub text: String,
    /// Whether the gate is asked as for `execute`.
    pub is_write: bool,
    /// Whether the gate should refuse it.
    pub is_refused: bool,
}

/// All statements, and each column of a list of columns by itself. Every other statement keeps its semicolon.
pub fn rows() -> Vec<Row> {
    FILES.iter().flat_map(|file| of(file)).collect()
}

/// All statements but those that are also [silent](silent).
pub fn rows_but_silent() -> Vec<Row> {
    let bare = |row: &Row| row.text.trim_end_matches(';').to_owned();
    let silent: BTreeSet<String> = silent().iter().map(bare).collect();
    rows().into_iter().filter(|row| !silent.contains(&bare(row))).collect()
}

/// The statements that an earlier gate accepted and changed.
pub fn silent() -> Vec<Row> {
    of(SILENT)
}

/// The statements with functions and operators of `pg_trgm`.
pub fn trigrams() -> Vec<Row> {
    of(TRIGRAMS)
}

fn of(file: &str) -> Vec<Row> {
    let (mut rows, mut text, mut is_refused) = (Vec::new(), String::new(), false);
    for line in file.lines() {
        if text.is_empty() && (line.is_empty() || line.starts_with("--")) {
            if line.starts_with("--") {
                is_refused = line.starts_with(REFUSED);
            }
            continue;
        }
        text.push_str(line);
        if text.ends_with(';') {
            if rows.len() % 2 == 0 {
                text.pop();
            }
            let is_write = writes(&text);
            let apart = if is_write || is_refused { Vec::new() } else { columns(&text) };
            rows.extend(apart.into_iter().map(|text| Row { text, is_write, is_refused }));
            rows.push(Row { text: std::mem::take(&mut text), is_write, is_refused });
        } else {
            text.push('\n');
        }
    }
    rows
}

/// Whether a statement writes, by its first word or that behind WITH.
fn writes(text: &str) -> bool {
    const VERBS: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];
    let upper = text.to_uppercase();
    let is_with = upper.starts_with("WITH");
    VERBS.iter().any(|verb| {
        upper.starts_with(verb)
            || (is_with && [") ", "("].iter().any(|before| upper.contains(&format!("{before}{verb} "))))
    })
}

/// Words behind which the columns of a list depend on each other.
const JOINT: [&str; 10] =
    ["ORDER", "GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "LIMIT", "OFFSET", "FETCH"];

/// A select of each column of a list by itself, so that one refused column does not hide the others. None if there is
/// only one, or if they depend on each other.
fn columns(text: &str) -> Vec<String> {
    let Some(rest) = text.strip_prefix("SELECT ") else { return Vec::new() };
    if text.contains(['$', '\n']) || text.contains("--") || text.contains("/*") {
        return Vec::new();
    }
    let rest = rest.strip_suffix(';').unwrap_or(rest);
    let (mut list, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                list.push(&rest[start..at]);
                start = at + 1;
            }
            (None, ' ')
                if depth == 0 && [" FROM ", " WHERE "].iter().any(|word| rest[at..].starts_with(word)) =>
            {
                end = at;
                break;
            }
            _ => {}
        }
    }
    list.push(&rest[start..end]);
    let tail = &rest[end..];
    if list.len() == 1 || tail.split(' ').any(|word| JOINT.contains(&word)) || text.contains("DISTINCT ON") {
        return Vec::new();
    }
    list.iter().map(|column| format!("SELECT {}{tail}", column.trim())).collect()
}
