//! The page for authors, `docs/sql.md`, made from the lists: what a statement may be, its types, operators and functions, what
//! is refused, and what to write instead.
//!
//! The signatures of the functions are a server's: `cargo xtask sql-page` asks one and writes the page. Without a server the
//! test takes the signatures from the page itself, and compares everything else.

use super::super::functions::{self, CONFIGURATIONS, FAMILIES, INSTEAD, Kind};
use super::super::types::{COLLATIONS, TYPES};
use super::{read, write};
use crate::db::cost::{self, Class, Family};
use crate::db::extension::Extension;
use crate::refusal::Refusal;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The file with a server's signatures, from which the page is written.
const SIGNATURES: &str = "PALISADE_SQL_SIGNATURES";
/// How the page begins; the rest is made.
const HEAD: &str = "\
# SQL for plugins

What `db.query` and `db-write.execute` accept. Everything else is refused, with the line and column of the place and a reason.
They need `query = true` and `execute = true` in `[grants.db]` of the manifest, and a statement sees the tables and columns that
`[grants.db.tables]` names. `palisade sql --check FILE --dir DIR` says of each statement of a file whether it is accepted, without
a server and without a component. It does not check what only PostgreSQL knows: the types of operands, labels of enums, groups.
To the guest a name that is not granted is `access-denied`; the host's log and `sql --check` say which.

One text is one statement of at most 64 KiB. It is sent to PostgreSQL as it stands, token for token, with names in quotes and
schemas before them, so it means what it means to PostgreSQL. Values go as parameters `$1`, `$2` and so on. PostgreSQL decides
the type of each, and the call sends that case of `value`: `$1::date` needs a `date` and no text; `to_date($1, 'YYYY-MM-DD')`
takes a text. The lists below come from the code; a test compares them and runs the examples.

A step of WITH RECURSIVE adds at most 1,024 bytes to a value: give a path of names a length on both sides, as in
`name::varchar(500)` and `(path || '/' || name)::varchar(500)`. A `tsvector`, a range and a whole row cannot be results: name the
columns, or convert them to text or JSON. A `jsonb` that is made of a stored text, as `body::jsonb` or `to_jsonb(js)`, can be
searched, and is no result and no text again, because its numbers may have exponents: keep it `json` for that.

The examples use two tables:

```text
drafts (id bigint, title text, body text, status status, tags text[], data jsonb, price numeric, created timestamptz, owner uuid)
comments (id bigint, draft_id bigint, body text)
```
";

struct Form {
    title: &'static str,
    note: &'static str,
    examples: &'static [&'static str],
}

const FORMS: &[Form] = &[
    Form {
        title: "Reading",
        note: "SELECT, VALUES, TABLE, or WITH before one of them.",
        examples: &[
            "SELECT id, title FROM drafts WHERE status = 'live' ORDER BY created DESC LIMIT 20 OFFSET 40",
            "SELECT d.id, count(c.id) FROM drafts d LEFT JOIN comments c ON c.draft_id = d.id GROUP BY d.id HAVING count(c.id) > 3",
            "SELECT DISTINCT ON (owner) owner, title FROM drafts ORDER BY owner, created DESC",
            "SELECT status, owner, count(*) FROM drafts GROUP BY GROUPING SETS ((status), (owner), ())",
            "SELECT id, sum(price) OVER (PARTITION BY owner ORDER BY created ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM drafts",
            "WITH live AS (SELECT * FROM drafts WHERE status = 'live') SELECT title FROM live UNION SELECT body FROM comments",
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT i FROM n",
            "SELECT t.tag, count(*) FROM drafts CROSS JOIN LATERAL unnest(tags) AS t (tag) GROUP BY t.tag",
            "SELECT unnest(tags) AS tag, count(*) FROM drafts GROUP BY 1",
            "SELECT x.name, x.size FROM drafts, jsonb_to_recordset(data -> 'files') AS x (name text, size int)",
            "SELECT d::date FROM generate_series(current_date - 30, current_date, '1 day') AS d",
            "SELECT to_jsonb(c), count(*) OVER () FROM comments c LEFT JOIN drafts d ON d.id = c.draft_id WHERE d IS NULL",
            "SELECT jsonb_agg(x) FROM (SELECT id, title FROM drafts) AS x",
            "VALUES (1, 'a'), (2, 'b')",
            "TABLE comments",
        ],
    },
    Form {
        title: "Writing",
        note: "INSERT, UPDATE, DELETE or MERGE, also in WITH, in a mutation or action. The rows of the outermost RETURNING, or of the\n\
               SELECT behind such a WITH, are returned, all at once. RETURNING of MERGE needs PostgreSQL 17.",
        examples: &[
            "INSERT INTO drafts (id, title) VALUES ($1, $2), (2, DEFAULT) RETURNING id",
            "INSERT INTO drafts (id, title) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = excluded.title",
            "INSERT INTO drafts (id, body) SELECT draft_id, string_agg(body, ', ') FROM comments GROUP BY draft_id",
            "UPDATE drafts SET price = price * 1.1, tags = array_append(tags, $1) WHERE id = $2",
            "UPDATE drafts SET title = c.body FROM comments c WHERE c.draft_id = drafts.id",
            "DELETE FROM drafts WHERE id IN (SELECT id FROM drafts ORDER BY created LIMIT 100)",
            "WITH gone AS (DELETE FROM drafts WHERE owner = $1 RETURNING id, title) SELECT id, title FROM gone ORDER BY title",
            "WITH n AS (INSERT INTO drafts (title) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id) \
             SELECT id FROM n UNION ALL SELECT id FROM drafts WHERE title = $1",
        ],
    },
    Form {
        title: "Searching text",
        note: "The bounds of the functions are below.",
        examples: &[
            "SELECT id FROM drafts WHERE title ILIKE '%' || $1 || '%' OR body ~* '(nov|dec)ember'",
            "SELECT id FROM drafts WHERE to_tsvector('english', body) @@ websearch_to_tsquery('english', $1)",
            "SELECT id, ts_headline('english', body, q) FROM drafts, plainto_tsquery('english', $1) AS q \
             WHERE to_tsvector('english', body) @@ q",
            "SELECT id FROM drafts WHERE data @? '$.tags[*] ? (@ == \"news\")'",
            "SELECT id FROM drafts WHERE jsonb_path_exists(data, '$.v[*] ? (@.price > $min)', jsonb_build_object('min', $1::int))",
        ],
    },
];

/// Statements that authors write and that are refused: what it is, and the statement.
const REFUSED: &[(&str, &str)] = &[
    ("several statements", "SELECT 1; SELECT 2"),
    ("a definition", "CREATE TABLE x (id int)"),
    ("a setting", "SET statement_timeout = 0"),
    ("a lock", "SELECT id FROM drafts FOR UPDATE"),
    ("a write in a query", "WITH x AS (DELETE FROM drafts RETURNING id) SELECT id FROM x"),
    ("a system column", "SELECT ctid FROM drafts"),
    ("a whole row as a result", "SELECT d FROM drafts d"),
    ("a whole row with a column that is not granted", "SELECT to_jsonb(p) FROM people p"),
    ("ONLY", "SELECT id FROM ONLY drafts"),
    ("attribute notation", "SELECT (d).title FROM drafts d"),
    ("a type that is not in the list", "SELECT '(1,2)'::point"),
    ("a time of day with a zone", "SELECT current_time"),
    ("a computed text as a date", "SELECT body::date FROM drafts"),
    ("the words for the clock in a text", "SELECT timestamptz 'now'"),
    ("a length without a bound", "SELECT repeat('*', id::int) FROM drafts"),
    ("a series without a bound in FROM", "SELECT n FROM drafts, generate_series(1, id) AS n"),
    ("a series that is too long in FROM", "SELECT n FROM generate_series(1, 1000000) AS n"),
    ("a format that is computed", "SELECT format(title, id) FROM drafts"),
    (
        "a phrase in a headline",
        "SELECT ts_headline('english', body, phraseto_tsquery('english', $1)) FROM drafts",
    ),
    ("all levels of JSON at once", "SELECT jsonb_path_query_array(data, '$.**') FROM drafts"),
    (
        "SEARCH and CYCLE",
        "WITH RECURSIVE r (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r WHERE id < 3) SEARCH DEPTH FIRST BY id SET o SELECT id FROM r",
    ),
    ("the age of a text", "SELECT age('2001-01-01')"),
    ("a path of JSON that is computed", "SELECT jsonb_path_query(data, $1) FROM drafts"),
    ("a separator that is computed", "SELECT string_agg(title, body) FROM drafts"),
    ("another configuration of full-text search", "SELECT to_tsvector('mine', body) FROM drafts"),
    ("a function that is not in the list", "SELECT pg_sleep(1)"),
    ("SQL/JSON", "SELECT json_value(data, '$.a') FROM drafts"),
    ("IS JSON", "SELECT body IS JSON FROM drafts"),
    ("TABLESAMPLE", "SELECT id FROM drafts TABLESAMPLE system (1)"),
];

/// What a class means to an author.
fn cost_of(class: Class) -> &'static str {
    match class {
        Class::Known(_)
        | Class::Parameter(_)
        | Class::Reference
        | Class::Kept
        | Class::Recursive
        | Class::Either
        | Class::Largest => "none",
        Class::Fixed
        | Class::Count
        | Class::Counted
        | Class::Near(_)
        | Class::Float
        | Class::ToFloat
        | Class::ToFixed => "one look at each argument",
        Class::Same
        | Class::Sign
        | Class::Joined
        | Class::Phrase
        | Class::Cut
        | Class::Listed
        | Class::Row
        | Class::Tuple
        | Class::Concatenated
        | Class::SentText
        | Class::Field
        | Class::FieldText
        | Class::JoinElements
        | Class::JoinOperands
        | Class::Grown(_)
        | Class::Sent(_)
        | Class::ToPadded(_)
        | Class::ToText(_) => "bytes",
        Class::Extreme | Class::Least | Class::Equal | Class::Order | Class::OneOf => "bytes, compared",
        Class::AnyEqual | Class::AnyOrder | Class::LikeEach | Class::Sought => "bytes × elements",
        Class::Search | Class::Part | Class::Split | Class::Position | Class::Like => {
            "bytes of the text × bytes searched for"
        }
        Class::Replace => "bytes of the text × bytes of the replacement",
        Class::Translate | Class::Trim | Class::TrimEither => "bytes × characters",
        Class::Sum | Class::Rounded | Class::ToNumeric(..) => "digits",
        Class::Product | Class::Quotient | Class::Spread | Class::Divisor => "digits × digits",
        Class::Power | Class::Fraction(_) => "digits of the result, squared",
        Class::Logarithm => "4 ms for `numeric`",
        Class::Factorial => "the number, squared",
        Class::Contain | Class::Overlap => "elements × elements",
        Class::Gathered | Class::GatheredArray | Class::GatheredText => "16 MiB",
        Class::Json | Class::JsonText | Class::ToJson | Class::ToJsonb => "bytes, written as JSON",
        Class::JsonEdit => "bytes of the JSON",
        Class::JsonPath(..) => "bytes of the JSON; cancelled in time",
        Class::Elements
        | Class::ReplaceElements
        | Class::ToArray(_)
        | Class::Rows
        | Class::Unnested
        | Class::Written => "elements",
        Class::Sorted => "elements, sorted",
        Class::Labels => "labels",
        Class::Pattern => "bytes of the pattern",
        Class::Regex | Class::RegexPart => "bytes of the pattern; cancelled in time",
        Class::RegexSplit | Class::RegexCount(_) | Class::RegexSubstring(_) => {
            "bytes of the text, 24 for each; cancelled in time"
        }
        Class::RegexReplace => "bytes of the text × bytes of the replacement; cancelled in time",
        Class::Repeated | Class::Padded | Class::Formatted(..) => "bytes of the result",
        Class::Normalized => "bytes, half a microsecond each",
        Class::Document | Class::Headline(..) => "bytes of the text; cancelled in time",
        Class::Terms | Class::PlainTerms | Class::PhraseTerms => "bytes of the query",
        Class::Found => "words of the query",
        Class::Ranked | Class::RankedCover => "words of the query, squared",
        Class::Similar => "bytes, 200 ns each",
        Class::SimilarWords => "bytes of the longer text, squared",
        Class::ToVector | Class::Distance => "bytes of the vectors",
        Class::Steps | Class::Series => "none for a row",
    }
}

/// The signature of a function on a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    name: String,
    /// The call, as it is shown.
    call: String,
    result: String,
    since: String,
}

/// The signatures that `cargo xtask sql-page` wrote: name, call, result and version in columns.
fn signatures_of_a_server(text: &str) -> Vec<Signature> {
    let mut all = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (name, types, call, result, rows, version) = (next(), next(), next(), next(), next(), next());
        let result_type = result.clone();
        let call = if call == "count()" { "count(*)".to_owned() } else { call };
        let result = if rows.is_empty() { result } else { format!("{rows} of {result}") };
        if functions::kind(&name).is_some() && types.split(',').all(is_type) && is_type(&result_type) {
            let own = functions::since(&name).to_string();
            let since = if version == "15" || own == "15" { version } else { own };
            all.push(Signature { name, call, result, since });
        }
    }
    all
}

/// Whether a statement can have values of a type.
fn is_type(name: &str) -> bool {
    let name = name.trim().trim_end_matches("[]");
    let others = [
        "",
        "\"any\"",
        "record",
        "regconfig",
        "name",
        "\"char\"",
        "jsonpath",
        "timestamp without time zone",
        "time without time zone",
        "anyrange",
        "daterange",
        "int4range",
        "int8range",
        "tsrange",
        "tstzrange",
    ];
    name.starts_with("any") && !name.ends_with("range")
        || others.contains(&name)
        || TYPES.iter().any(|(words, canonical, _)| *canonical == name || words.contains(&name))
}

/// The signatures on the page.
fn signatures_of_the_page(page: &str) -> Vec<Signature> {
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 3);
    let mut all = Vec::new();
    for row in rows {
        let cells: Vec<&str> =
            row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        if let [call, result, since, _] = cells.as_slice()
            && let Some((name, _)) = call.split_once('(')
        {
            let [call, result, since] = [call, result, since].map(|&cell| cell.to_owned());
            all.push(Signature { name: name.to_owned(), call, result, since });
        }
    }
    all
}

/// The whole page.
fn page(signatures: &[Signature]) -> String {
    let mut page = HEAD.to_owned();
    for Form { title, note, examples } in FORMS {
        let _ = write!(page, "\n## {title}\n\n{note}\n\n```sql\n");
        for example in *examples {
            let _ = writeln!(page, "{example};");
        }
        page.push_str("```\n");
    }
    refused(&mut page);
    let _ = write!(
        page,
        "\n## Types\n\nWhat a value can be cast to, with arrays of them, and the plugin's own enums.\n\n"
    );
    page.push_str("| type | words |\n|---|---|\n");
    for (words, canonical, _) in TYPES {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let _ = writeln!(page, "| `{canonical}` | {} |", words.join(", "));
    }
    page.push_str(
        "\nAlso `double precision`, `character varying(n)`, `character(n)`, and `timestamp` and `time` with a precision and\n\
         `with` or `without time zone`; a `time with time zone` is not a value here.\n",
    );
    let _ = write!(page, "\nThe collations are {}.\n", listed(COLLATIONS));
    page.push_str(
        "\n## Operators\n\nThe cost is that of one row.\n\n| operator | cost grows with |\n|---|---|\n",
    );
    for sign in cost::operators() {
        let class = cost::operator(sign).map_or("", |(_, class)| cost_of(class));
        let _ = writeln!(page, "| `{}` | {class} |", sign.replace('|', "\\|"));
    }
    let prefixes = ["+", "-", "~", "@", "|/", "||/", "!!"];
    let prefixes: Vec<String> = prefixes.iter().map(|sign| format!("`{sign}`")).collect();
    let _ = write!(page, "\nIn front of a value: {}.\n", prefixes.join(", "));
    page.push_str(
        "\nThe words are `NOT`, `IS NULL`, `IS TRUE`, `IS DISTINCT FROM`, `IS NORMALIZED`, `BETWEEN`, `IN`, `LIKE`, `ILIKE`,\n\
         `SIMILAR TO`, `OVERLAPS`, `AT TIME ZONE`, `COLLATE`, and `ANY`, `SOME` and `ALL` behind a comparison, `LIKE` or `~`.\n",
    );
    page.push_str(
        "\n## Functions\n\n\
         `EXTRACT`, `POSITION`, `SUBSTRING`, `OVERLAY`, `TRIM`, `CAST`, `CASE`, `ARRAY` and `EXISTS` are written with their own\n\
         words. The functions below are written with or without `pg_catalog`.\n\n\
         A row's expressions may take 500 ms and 128 MiB by the host's estimate, which is made of the sizes of literals,\n\
         parameters and columns: a `varchar(n)` has at most n characters, any other stored value 1 MiB, an array 10,000\n\
         elements, a `numeric` 2,000 characters, and a `jsonb` or `numeric[]` 4 MiB of text. \"Cancelled in time\" means that\n\
         PostgreSQL ends the function when the statement's time is over. \"Since\" is the first version of PostgreSQL that has it.\n",
    );
    for family in FAMILIES {
        let _ = write!(page, "\n### {}\n\n{}\n", family.title, family.note);
        page.push_str("\n| function | returns | since | cost grows with |\n|---|---|---|---|\n");
        let mut names: Vec<(&str, Kind)> = Vec::new();
        for (kind, list) in family.rows {
            names.extend(list.iter().map(|name| (*name, *kind)));
        }
        names.sort_by_key(|(name, _)| *name);
        for (name, kind) in names {
            let class = cost::function(name).map_or("", |known| cost_of(known.class));
            if kind == Kind::Grammar {
                let _ = writeln!(page, "| `{name}(…)` | its arguments' type | 15 | {class} |");
                continue;
            }
            for Signature { call, result, since, .. } in
                signatures.iter().filter(|signature| signature.name == name)
            {
                let _ = writeln!(page, "| `{call}` | `{result}` | {since} | {class} |");
            }
        }
    }
    let configurations = CONFIGURATIONS.join(", ");
    let _ = write!(page, "\nThe configurations of full-text search are {configurations}.\n");
    extensions(&mut page);
    page
}

fn extensions(page: &mut String) {
    page.push_str(
        "\n## Extensions\n\n\
         An operator installs an extension, `CREATE EXTENSION pg_trgm SCHEMA extensions`, and a policy allows it by name; the\n\
         manifest asks for it: `extensions = [\"pg_trgm\", \"vector\"]` in `[grants.db]`. That grants the whole list below, in SQL text\n\
         and in migrations, and nothing else of the extension. Names are written without a schema. An operator that PostgreSQL\n\
         has too is the extension's beside a column, a conversion or a call that certainly gives its type: `title % $1`,\n\
         `lower(title) % $1`, `$1::vector <-> embedding`. A `%` of texts beside another operator than a comparison needs\n\
         parentheses around it and its two operands.\n",
    );
    for extension in Extension::ALL {
        let list = extension.list();
        let _ = write!(page, "\n### {}\n", extension.name());
        page.push_str("\n| function or operator | cost grows with |\n|---|---|\n");
        for function in list.functions {
            let _ = writeln!(page, "| `{}` | {} |", function.signature, cost_of(function.class));
        }
        for operator in list.operators {
            let beside = match operator.of {
                Some(Family::Text) => " beside a text",
                Some(Family::Vector) => " beside a vector",
                _ => "",
            };
            let _ = writeln!(page, "| `{}`{beside} | {} |", operator.sign, cost_of(operator.class));
        }
        if !list.types.is_empty() {
            let types: Vec<String> = list.types.iter().map(|(name, _)| format!("`{name}(n)`")).collect();
            let _ =
                write!(page, "\nThe types are {}, whose values are arrays of `float`.\n", types.join(", "));
        }
        let classes = list.classes.iter();
        let classes: Vec<String> = classes
            .map(|class| format!("`{}` with USING {}", class.name, class.methods.join(" or ")))
            .collect();
        let _ = write!(page, "\nThe operator classes of indexes are {}.\n", classes.join(", "));
        let settings = list.settings.iter();
        let settings: Vec<String> = settings.map(|(name, value)| format!("`{name}` is {value}")).collect();
        let _ = write!(page, "\nIts settings are fixed: {}.\n", settings.join(", "));
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn refused(page: &mut String) {
    page.push_str(
        "\n## What is refused, and what to write instead\n\n| what | statement | reason |\n|---|---|---|\n",
    );
    for (what, statement) in REFUSED {
        let reason = match read(statement) {
            Err(Refusal::Invalid(sentence)) => sentence,
            other => panic!("{statement}: {other:?}"),
        };
        let _ = writeln!(
            page,
            "| {what} | `{}` | {} |",
            statement.replace('|', "\\|"),
            reason.replace('|', "\\|")
        );
    }
    page.push_str(
        "\nFunctions that are not in the list:\n\n| functions | why, and what instead |\n|---|---|\n",
    );
    for (names, rule) in INSTEAD {
        let _ = writeln!(page, "| {} | {rule} |", listed(names));
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md")
}

#[test]
fn page_for_authors_is_what_the_lists_say() {
    if let Some(path) = std::env::var_os(SIGNATURES) {
        let text = std::fs::read_to_string(path).expect("the signatures");
        std::fs::write(file(), page(&signatures_of_a_server(&text))).expect("docs/sql.md");
    }
    let written = std::fs::read_to_string(file()).expect("docs/sql.md");
    let signatures = signatures_of_the_page(&written);
    let shown: BTreeSet<&str> = signatures.iter().map(|signature| &*signature.name).collect();
    let all: BTreeSet<&str> = cost::functions().collect();
    let (shown, all): (Vec<_>, Vec<_>) = (shown.difference(&all).collect(), all.difference(&shown).collect());
    assert!(shown.is_empty() && all.is_empty(), "only on the page: {shown:?}, only in the lists: {all:?}");
    let made = page(&signatures);
    let different = made.lines().zip(written.lines()).find(|(made, written)| made != written);
    assert_eq!(different, None, "docs/sql.md is not what the lists say: run `cargo xtask sql-page`");
    assert_eq!(
        made.len(),
        written.len(),
        "docs/sql.md is not what the lists say: run `cargo xtask sql-page`"
    );
}

#[test]
fn example_on_the_page_is_accepted() {
    for form in FORMS {
        for example in form.examples {
            let accepted = if form.title == "Writing" { write(example) } else { read(example) };
            assert!(accepted.is_ok(), "{example}: {accepted:?}");
        }
    }
}

#[test]
fn function_in_the_lists_is_in_one_family_and_has_a_cost() {
    let names = FAMILIES.iter().flat_map(|family| family.rows).flat_map(|(_, names)| *names);
    let names: Vec<&str> = names.copied().collect();
    let different: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
    assert_eq!(different, cost::functions().collect());
    for name in INSTEAD.iter().flat_map(|(names, _)| *names) {
        assert_eq!(functions::kind(name), None, "{name}");
    }
}

#[test]
fn function_that_is_looked_for_is_refused_with_what_to_write_instead() {
    for (names, rule) in INSTEAD {
        for name in *names {
            let refusal = read(&format!("SELECT \"{name}\"()")).unwrap_err().to_string();
            assert!(refusal.contains(rule), "{refusal}");
        }
    }
}
