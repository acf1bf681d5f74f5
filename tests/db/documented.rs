//! `docs/tables.md`: each of its snippets is the source of a plugin, and each call that it shows is made.

use crate::harness::{World, blocks, call, read};
use palisade::{CallError, Host};
use serde_json::{Value, json};

fn page() -> String {
    read("docs/tables.md")
}

/// What a snippet of this language is a part of.
fn source(language: &str) -> String {
    let file = match language {
        "rust" => "src/lib.rs",
        "sql" => "migrations/0001_tables.sql",
        "toml" => "palisade.toml",
        other => panic!("no test knows what a block of {other:?} is"),
    };
    read(format!("tests/guests/tables/{file}"))
}

#[test]
fn every_snippet_of_the_page_is_the_plugins_source() {
    let page = page();
    let mut functions = Vec::new();
    for (language, snippet) in blocks(&page).into_iter().filter(|(language, _)| *language != "text") {
        // The page shows functions without the indentation that their `impl` gives them.
        let source = source(language);
        let outdented = source.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
        let outdented = outdented.collect::<Vec<_>>().join("\n");
        assert!(source.contains(snippet) || outdented.contains(snippet.trim_end()), "{snippet}");
        let name = snippet.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
        functions.extend(name.map(|name| name.replace('_', "-")));
    }
    assert!(functions.len() > 8, "{functions:?}");
    for function in functions {
        assert!(page.contains(&format!("/{function} {{")), "the page shows no call of {function}");
    }
}

async fn answer(host: &Host, function: &str, arguments: &str) -> String {
    let arguments = serde_json::from_str(arguments).unwrap();
    match call(host, "tables", function, arguments).await {
        Ok(value) => value.to_string(),
        Err(CallError::Returned(error)) => format!("error {error}"),
        Err(other) => panic!("{function}: {other:?}"),
    }
}

#[tokio::test]
async fn every_call_that_the_page_shows_has_the_answer_that_it_shows() {
    let world = World::new().await;
    let host = world.host(&["tables"]).await;
    let page = page();
    let lines: Vec<&str> = blocks(&page)
        .into_iter()
        .filter(|(language, _)| *language == "text")
        .flat_map(|(_, text)| text.lines())
        .collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let (call, expected) = line.split_once(" → ").unwrap_or_else(|| panic!("{line}"));
        let (function, arguments) = call.split_once(' ').unwrap();
        let expected = match expected.strip_prefix("error ") {
            Some(error) => format!("error {}", serde_json::from_str::<Value>(error).unwrap()),
            None => serde_json::from_str::<Value>(expected).unwrap().to_string(),
        };
        assert_eq!(answer(&host, function, arguments).await, expected, "{line}");
    }
}

/// The column of `kinds` in the plugin `sql` that has the type which the page names.
fn column(named: &str) -> &'static str {
    match named {
        "`smallint`" => "small",
        "`integer`" => "middle",
        "`bigint`" => "large",
        "`numeric`" => "amount",
        "`real`" => "single",
        "`double precision`" => "ratio",
        "`interval`" => "span",
        "`text`" => "label",
        "`varchar`" => "code",
        "`date`" => "day",
        "`time`" => "hour",
        "`timestamp`" => "local_at",
        "`timestamptz`" => "at",
        "`inet`" => "address",
        "`cidr`" => "network",
        "an enum" => "feeling",
        "`boolean`" => "flag",
        "`bytea`" => "data",
        "`uuid`" => "key",
        "`jsonb`" => "extra",
        "an array" => "tags",
        other => panic!("no column of `kinds` is {other}"),
    }
}

#[tokio::test]
async fn every_type_in_the_table_of_the_page_is_the_one_of_the_result() {
    let world = World::new().await;
    let host = world.host(&["sql"]).await;
    let page = page();
    let (_, table) = page.split_once("| column | `sum` |").unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [named, sum, average, extreme] = cells.as_slice() else { panic!("{row}") };
        for (computation, cell) in
            [("sum", sum), ("average", average), ("minimum", extreme), ("maximum", extreme)]
        {
            let measure =
                json!([{ "name": "m", "computation": { "tag": computation, "val": column(named) } }]);
            let aggregation = json!({ "aggregation": { "table": "kinds", "groupBy": [], "measures": measure, "filter": [], "orderBy": [], "limit": null } });
            let found = match call(&host, "sql", "in-query/aggregate", aggregation).await {
                Ok(answer) => answer["columns"][0]["typeName"].as_str().unwrap().to_owned(),
                Err(CallError::Returned(error)) if error["tag"] == "invalid-argument" => String::new(),
                Err(other) => panic!("{row}: {other:?}"),
            };
            let expected = if *cell == "the enum" { "mood" } else { cell.trim_matches('`') };
            assert_eq!(found, expected, "{computation} of {named}");
        }
    }
}
