use super::*;
use palisade_guard::kind::Kind;

fn plugin(name: &str, paths: &[&str]) -> PluginInfo {
    let function = |path: &&str| FunctionInfo {
        path: (*path).to_owned(),
        kind: Kind::Query,
        signature: "func()".into(),
        parameters: json!({"type": "object"}),
        result: json!({"type": "null"}),
        error: path.ends_with("fails").then(|| json!({"type": "integer"})),
    };
    PluginInfo {
        name: name.into(),
        version: "0.1.0".into(),
        description: String::new(),
        passport: palisade::Passport::default(),
        grants: palisade_guard::grant::Grants::default(),
        status: palisade::ServingStatus::Serving,
        functions: paths.iter().map(function).collect(),
    }
}

/// The document of these plugins, as its reader has it.
fn document<const N: usize>(plugins: [PluginInfo; N]) -> Value {
    serde_json::from_str(&super::document(plugins.into_iter())).unwrap()
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
    let document = document([plugin("blog", &["posts/fails"])]);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn every_function_is_a_path_with_its_types() {
    let document = document([plugin("blog", &["posts/fails", "posts/list"])]);
    let list = &document["paths"]["/call/blog/posts/list"]["post"];
    assert_eq!(list["requestBody"]["content"]["application/json"]["schema"], json!({"type": "object"}));
    assert!(list["responses"].get("422").is_none());
    assert!(document["paths"]["/call/blog/posts/fails"]["post"]["responses"].get("422").is_some());
}

#[test]
fn operation_ids_are_unique() {
    let document = document([plugin("a", &["b/c"]), plugin("b", &["b/c"])]);
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
