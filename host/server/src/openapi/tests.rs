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
        pending: Vec::new(),
        status: palisade::ServingStatus::Serving,
        functions: paths.iter().map(function).collect(),
    }
}

/// The document of these plugins, read back.
fn read(plugins: Vec<PluginInfo>, bytes_max: usize) -> Value {
    serde_json::from_str(&document(plugins.into_iter(), bytes_max).unwrap()).unwrap()
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
    assert!(document["paths"]["/call/blog/posts/fails"]["post"]["responses"].get("422").is_some());
}

#[test]
fn operation_ids_are_unique() {
    let document = read(vec![plugin("a", &["b/c"]), plugin("b", &["b/c"])], OPENAPI_BYTES_MAX);
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
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
fn routes_that_find_out_who_calls_have_401_and_403() {
    let document = read(vec![plugin("blog", &["posts/list"])], OPENAPI_BYTES_MAX);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values().filter(|operation| operation.is_object()) {
            let is_identified =
                path.starts_with("/call/") || path.starts_with("/items") || path.starts_with("/admin/");
            for status in ["401", "403"] {
                assert_eq!(operation["responses"].get(status).is_some(), is_identified, "{path} {status}");
            }
        }
    }
}
