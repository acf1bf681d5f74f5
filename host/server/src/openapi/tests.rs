use super::*;
use palisade::Kind;
use std::collections::BTreeSet;

fn plugin(name: &str, paths: &[&str]) -> PluginSchemas {
    let function = |path: &&str| FunctionSchemas {
        path: (*path).to_owned(),
        id: format!("{name}_{}", path.replace('/', "_")),
        kind: Kind::Query,
        signature: "func()".into(),
        docs: None,
        arguments: json!({"type": "object"}),
        result: json!({"type": "null"}),
        result_strings: None,
        error: path.ends_with("fails").then(|| json!({"type": "integer"})),
        error_strings: None,
    };
    PluginSchemas {
        name: name.into(),
        description: String::new(),
        types: BTreeMap::new(),
        functions: paths.iter().map(function).collect(),
    }
}

/// The document of these plugins, read back.
fn read(plugins: Vec<PluginSchemas>, bytes_max: usize) -> Value {
    serde_json::from_str(&document(plugins.into_iter(), bytes_max).unwrap()).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all =
        paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(m, op)| (path, m, op)));
    all.filter(|(_, method, _)| *method != "parameters")
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = read(vec![plugin("blog", &["posts/fails"])], OPENAPI_BYTES_MAX);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn every_function_is_a_path_with_its_types() {
    let document = read(vec![plugin("blog", &["posts/fails", "posts/list"])], OPENAPI_BYTES_MAX);
    let list = &document["paths"]["/call/blog/posts/list"]["post"];
    assert_eq!(list["requestBody"]["content"]["application/json"]["schema"], json!({"type": "object"}));
    assert!(list["responses"].get("422").is_none());
    let fails = &document["paths"]["/call/blog/posts/fails"]["post"]["responses"]["422"];
    let error = &fails["content"]["application/json"]["schema"]["properties"]["error"]["allOf"][1];
    assert_eq!(error["properties"]["value"], json!({"type": "integer"}));
}

#[test]
fn form_with_strings_is_listed_only_where_there_are_64_bits() {
    let mut with = plugin("blog", &["posts/fails"]);
    with.functions[0].result_strings = Some(json!({"type": "string"}));
    with.functions[0].error_strings = Some(json!({"type": "string"}));
    for (plugin, forms) in [(plugin("blog", &["posts/fails"]), 1), (with, 2)] {
        let document = read(vec![plugin], OPENAPI_BYTES_MAX);
        let responses = &document["paths"]["/call/blog/posts/fails"]["post"]["responses"];
        assert_eq!(responses["200"]["content"].as_object().unwrap().len(), forms);
        let error = &responses["422"]["content"]["application/json"]["schema"]["properties"]["error"];
        let value = &error["allOf"][1]["properties"]["value"];
        assert_eq!(value.get("anyOf").map_or(1, |forms| forms.as_array().unwrap().len()), forms);
    }
}

#[test]
fn docs_are_a_summary_and_the_rest_and_without_them_the_signature_is() {
    let mut blog = plugin("blog", &["posts/a", "posts/b", "posts/c"]);
    blog.functions[1].docs = Some("Lists.".into());
    blog.functions[2].docs = Some("Lists posts.\n\nAll of them.\n".into());
    let document = read(vec![blog], OPENAPI_BYTES_MAX);
    let of = |name: &str| {
        let operation = &document["paths"][format!("/call/blog/posts/{name}")]["post"];
        assert_eq!(operation["x-palisade-signature"], "func()");
        (operation["summary"].clone(), operation.get("description").cloned())
    };
    assert_eq!(of("a"), (json!("func()"), None));
    assert_eq!(of("b"), (json!("Lists."), None));
    assert_eq!(of("c"), (json!("Lists posts."), Some(json!("All of them."))));
}

#[test]
fn operation_ids_are_unique_names_of_methods() {
    let document = read(vec![plugin("a", &["b/c"]), plugin("b", &["b/c"])], OPENAPI_BYTES_MAX);
    let names: Vec<&str> =
        operations(&document).filter_map(|(_, _, operation)| operation["operationId"].as_str()).collect();
    assert_eq!(names.len(), operations(&document).count());
    let plain: BTreeSet<String> = names.iter().map(|name| name.to_lowercase().replace('_', "")).collect();
    assert_eq!(plain.len(), names.len(), "generators write names in their language's way");
    for name in names {
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        assert!(name.starts_with(|first: char| first.is_ascii_lowercase()), "{name}");
    }
}

#[test]
fn functions_beyond_the_limit_are_left_out_and_the_document_says_so() {
    let all = || vec![plugin("a", &["b/c", "b/d"]), plugin("e", &["b/c"])];
    let functions = |document: &Value| {
        document["paths"].as_object().unwrap().keys().filter(|path| path.starts_with("/call/")).count()
    };
    let whole = read(all(), OPENAPI_BYTES_MAX);
    assert_eq!((functions(&whole), whole["info"].get("description")), (3, None));
    let of = |path: &str| whole["paths"][path].to_string().len();
    let at = of("/call/a/b/c") + of("/call/a/b/d") + of("/call/e/b/c");
    assert_eq!(functions(&read(all(), at)), 3);
    let over = read(all(), at - 1);
    assert_eq!(functions(&over), 2);
    assert!(over["info"]["description"].as_str().unwrap().starts_with("1 functions are left out"), "{over}");
    assert_eq!(functions(&read(all(), 0)), 0);
}

#[test]
fn types_count_and_a_plugin_whose_types_are_too_many_is_left_out_whole() {
    let mut large = plugin("a", &["b/c", "b/d"]);
    large.types.insert("A_B_T".into(), json!({"type": "string", "description": "x".repeat(1_000)}));
    let (name, type_bytes) = ("A_B_T", large.types["A_B_T"].to_string().len());
    let whole = read(vec![large.clone()], OPENAPI_BYTES_MAX);
    let of = |path: &str| whole["paths"][path].to_string().len();
    let at = name.len() + type_bytes + of("/call/a/b/c") + of("/call/a/b/d");
    for (bytes_max, functions, has_type) in
        [(at, 2, true), (at - 1, 1, true), (name.len() + type_bytes - 1, 0, false)]
    {
        let document = read(vec![large.clone()], bytes_max);
        let called = operations(&document).filter(|(path, ..)| path.starts_with("/call/")).count();
        assert_eq!((called, document["components"]["schemas"].get(name).is_some()), (functions, has_type));
    }
}

#[test]
fn every_operation_lists_the_statuses_of_its_errors_and_no_default() {
    let document = read(vec![plugin("blog", &["posts/list"])], OPENAPI_BYTES_MAX);
    for (path, method, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let is_identified =
            path.starts_with("/call/") || path.starts_with("/items") || path.starts_with("/admin/");
        for status in ["401", "403"] {
            assert_eq!(responses.contains_key(status), is_identified || status == "403", "{path} {status}");
        }
        assert_eq!(
            responses.contains_key("415"),
            ["post", "patch"].contains(&method.as_str()),
            "{method} {path}"
        );
        assert!(["400", "500", "503"].iter().all(|status| responses.contains_key(*status)), "{path}");
        assert!(!responses.contains_key("default"), "{path}");
    }
}

#[test]
fn unsafe_characters_of_a_plugin_are_escaped() {
    let mut blog = plugin("blog", &["posts/list"]);
    let text = "\u{202e}\"}</script>\u{2028}";
    blog.description = text.into();
    blog.functions[0].docs = Some(text.into());
    let written = document([blog].into_iter(), OPENAPI_BYTES_MAX).unwrap();
    assert!(!written.contains(['\u{202e}', '\u{2028}']), "{written}");
    let document: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(document["tags"][0]["description"], text);
}

#[test]
fn nested_routes_are_below_the_path_of_the_document() {
    let of = |path: &str| prefix(&path.parse().unwrap()).map(ToOwned::to_owned);
    assert_eq!(of("/openapi.json"), None);
    assert_eq!(of("/api/v1/openapi.json?x=1"), Some("/api/v1".into()));
    let text = document([].into_iter(), OPENAPI_BYTES_MAX).unwrap();
    let alone: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(alone.get("servers"), None);
    let mut nested: Value = serde_json::from_slice(&below("/a%22\"b", text.as_bytes())).unwrap();
    assert_eq!(nested["servers"], json!([{"url": "/a%22\"b"}]));
    nested.as_object_mut().unwrap().remove("servers");
    assert_eq!(nested, alone);
}
