//! Whether a schema accepts what the parser accepts, and refuses what it refuses. A schema cannot know every rule: whether a
//! default has its type, for example, is the parser's to say.

use super::{Reference, references};
use crate::http::Allowance;
use crate::manifest::Manifest;
use crate::operator::{PolicyTable, SecretEntry};
use boon::{Compiler, Schemas};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const HEAD: &str = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";

/// Parses a file as the host does.
pub fn parse(file: &str, text: &str) -> Result<(), String> {
    let message = |error: toml::de::Error| error.message().to_owned();
    match file {
        "palisade.toml" => {
            let manifest = Manifest::parse(text, Path::new(file))?;
            for grant in &manifest.grants.http {
                let methods = Some(grant.methods.as_slice()).filter(|methods| !methods.is_empty());
                Allowance::parse(&grant.url, methods, grant.secret.as_deref())
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        }
        "policy.toml" => toml::from_str::<BTreeMap<String, PolicyTable>>(text).map(drop).map_err(message),
        _ => {
            toml::from_str::<BTreeMap<String, BTreeMap<String, SecretEntry>>>(text).map(drop).map_err(message)
        }
    }
}

/// Validates a file as an editor does.
pub fn validate(schema: &Value, text: &str) -> Result<(), String> {
    let document: Value = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", schema.clone()).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    schemas.validate(&document, index).map_err(|error| error.to_string())
}

fn both(file: &str, text: &str) -> (Result<(), String>, Result<(), String>) {
    let schema = references().into_iter().find(|reference| reference.file == file).unwrap().schema;
    (parse(file, text), validate(&schema, text))
}

#[test]
fn what_the_parser_refuses_an_editor_marks() {
    for rest in [
        "colour = 1\n",
        "[grant]\n",
        "[exports]\n\"acme:blog/posts\" = \"read\"\n",
        "[exports]\nposts = \"query\"\n",
        "[exports]\n\"acme:blog/posts@0.1.0\" = \"query\"\n",
        "[limits]\nmemroy = \"1 MiB\"\n",
        "[limits]\nstack = \"1 MiB\"\n",
        "[limits]\nmemory = 5\n",
        "[limits]\nmemory = \"5 MB\"\n",
        "[limits]\nmemory = \"MiB\"\n",
        "[limits]\ndb-rows = -1\n",
        "[limits]\ndb-rows = \"5\"\n",
        "[limits]\nwall-time = \"5\"\n",
        "[taps]\ncron = {}\n",
        "[taps]\ncron = \"*/5 * * * *\"\n",
        "[taps]\ncron = { every = \"5 days\" }\n",
        "[taps]\nitem-vew = {}\n",
        "[taps]\nitem-view = { weight = \"10\" }\n",
        "[grants]\ndb = { tables = { t = [\"drop\"] } }\n",
        "[grants]\ndb = { tables = { t = true } }\n",
        "[grants]\ndb = { tables = { t = { select = [] } } }\n",
        "[grants]\ndb = { tables = { t = { drop = true } } }\n",
        "[grants]\ndb = { tables = { t = { delete = [\"id\"] } } }\n",
        "[grants]\ndb = { query = \"yes\" }\n",
        "[grants]\nuser = [\"set\"]\n",
        "[grants]\nuser = \"get\"\n",
        "[grants]\nitem = { types = { post = [\"delete\"] } }\n",
        "[grants]\nhttp = [{ methods = [\"GET\"] }]\n",
        "[grants]\nhttp = [{ url = \"https://a.example/\", methods = [\"TRACE\"] }]\n",
        "[grants]\nhttp = [{ url = \"https://a.example/\", secret = \"\" }]\n",
        "[grants]\nhttp = [\"https://a.example/\"]\n",
        "[grants]\nroutes = [\"/a\"]\n",
        "[grants]\nroutes = [{ path = \"/a\" }]\n",
        "[grants]\nroutes = [{ path = \"/a\", methods = {} }]\n",
        "[grants]\nroutes = [{ path = \"/a\", methods = { GET = \"mutation\" } }]\n",
        "[grants]\nroutes = [{ path = \"/a\", methods = { HEAD = \"query\" } }]\n",
        "[grants]\nroutes = [{ path = \"a\", methods = { GET = \"query\" } }]\n",
        "[grants]\nroutes = [{ path = \"/a/\", methods = { GET = \"query\" } }]\n",
        "[grants]\nroutes = [{ path = \"/a/../b\", methods = { GET = \"query\" } }]\n",
        "[grants]\nroutes = [{ path = \"/a\", methods = { GET = \"query\" }, headers = [\"cookie\"] }]\n",
        "[grants]\nroutes = [{ path = \"/a\", methods = { GET = \"query\" }, headers = [\"X-A\"] }]\n",
        "[build]\nlanguage = \"ruby\"\n",
        "[build]\nsource = \"a.js\"\n",
        "[build]\nlanguage = \"js\"\nsorce = \"a.js\"\n",
        "[build]\nlanguage = \"js\"\nsource = \"../a.js\"\n",
        "[variables]\nPage = { type = \"integer\", default = 1 }\n",
        "[variables]\npage = { type = \"integer\" }\n",
        "[variables]\npage = { type = \"float\", default = 1 }\n",
        "[variables]\npage = 1\n",
    ] {
        let (parsed, validated) = both("palisade.toml", &format!("{HEAD}{rest}"));
        assert!(parsed.is_err() && validated.is_err(), "{rest:?}: {parsed:?} {validated:?}");
    }
    for (from, to) in [
        ("\"blog\"", "\"Blog\""),
        ("\"blog\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
        ("\"0.1.0\"", "\"1\""),
        ("blog.wasm", "../blog.wasm"),
        ("blog.wasm", "/blog.wasm"),
        ("blog.wasm", "a/../blog.wasm"),
        ("component = \"blog.wasm\"\n", ""),
        ("name", "nmae"),
    ] {
        let text = HEAD.replace(from, to);
        let (parsed, validated) = both("palisade.toml", &text);
        assert!(parsed.is_err() && validated.is_err(), "{text:?}: {parsed:?} {validated:?}");
    }
    for (file, text) in [
        ("policy.toml", "blog = 1\n"),
        ("policy.toml", "[blog]\ngrant = {}\n"),
        ("policy.toml", "[blog]\nwasi = \"no\"\n"),
        ("policy.toml", "[blog]\nlimits = { memroy = \"1 MiB\" }\n"),
        ("secrets.toml", "[blog]\nkey = \"hush\"\n"),
        ("secrets.toml", "[blog]\nkey = { header = \"authorization\" }\n"),
        ("secrets.toml", "[blog]\nkey = { header = \"a\", value = \"b\", colour = 1 }\n"),
    ] {
        let (parsed, validated) = both(file, text);
        assert!(parsed.is_err() && validated.is_err(), "{file} {text:?}: {parsed:?} {validated:?}");
    }
}

#[test]
fn what_the_parser_accepts_an_editor_leaves_alone() {
    for rest in [
        "",
        "migrations = \"sql\"\ndescription = \"\"\n",
        "[exports]\n\"acme:blog/posts\" = \"query\"\n\"acme:blog/editing\" = \"mutation\"\n\"acme:blog/mail\" = \"action\"\n",
        "[taps]\nitem-view = {}\nitem-access = { weight = -10 }\ncron = { every = \"1h\" }\n",
        "[grants]\ndb = { tables = { t = [] }, query = true, execute = false }\n",
        "[grants]\ndb.tables.drafts = { select = [\"id\"], insert = true, update = false, delete = true, owner = \"author\" }\n",
        "[grants]\nuser = [\"get\", \"has-permission\"]\nvariables = [\"write\"]\ntaps = [\"item-view\"]\n",
        "[grants]\nitem.types.post = [\"read\", \"write\"]\n",
        "[grants]\nhttp = [{ url = \"https://a.example/v1/\", methods = [], secret = \"key\" }]\n",
        "[grants]\nroutes = [{ path = \"/\", methods = { GET = \"query\" } }, { path = \"/..a/b.c~_-/d\", methods = { POST = \"action\", \
         PUT = \"query\", PATCH = \"mutation\", DELETE = \"mutation\" }, headers = [\"x-a_b\"] }]\n",
        "[build]\nlanguage = \"python\"\nsource = \"./src/..a/main.py\"\n",
        "[variables]\na = { type = \"boolean\", default = true }\nb = { type = \"integer\", default = -1 }\n\
         c = { type = \"number\", default = 1 }\nd = { type = \"text\", default = \"\" }\n",
        "[limits]\nmemory = \" 32MiB \"\nwall-time = \"500 ms\"\nfuel = 0\n",
    ] {
        let (parsed, validated) = both("palisade.toml", &format!("{HEAD}{rest}"));
        assert!(parsed.is_ok() && validated.is_ok(), "{rest:?}: {parsed:?} {validated:?}");
    }
    for (file, text) in [
        ("policy.toml", ""),
        ("policy.toml", "[blog]\n[other]\nwasi = true\nfloats = false\ngrants = { taps = [\"cron\"] }\n"),
        ("secrets.toml", "[blog]\n"),
        ("secrets.toml", "[blog]\nkey = { header = \"authorization\", value = \"\" }\n"),
    ] {
        let (parsed, validated) = both(file, text);
        assert!(parsed.is_ok() && validated.is_ok(), "{file} {text:?}: {parsed:?} {validated:?}");
    }
}

#[test]
fn manifests_of_the_repository_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let [Reference { schema, .. }, ..] = references();
    let mut found = 0;
    for set in ["example-plugins", "tests/guests", "tests/guestbooks"] {
        for entry in std::fs::read_dir(root.join(set)).unwrap() {
            let manifest = entry.unwrap().path().join("palisade.toml");
            if let Ok(text) = std::fs::read_to_string(&manifest) {
                let validated = validate(&schema, &text);
                assert!(validated.is_ok(), "{}: {validated:?}", manifest.display());
                found += 1;
            }
        }
    }
    assert!(found > 10, "{found}");
}
