//! `/openapi.json` as tools read it: a validator, a fuzzer that sends what it describes and what it forbids, and a generator of
//! clients. `cargo xtask test` installs them; `tests/openapi` has their lists, and what they are given.

use crate::harness::{Answer, Served, World, client, guest, guestbook, odd};
use palisade::guard::user::{Permission, UserId};
use palisade::{Host, Policy};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

/// How long one of the tools may take, on a machine that does other things, too.
const TOOL_MAX: Duration = Duration::from_mins(5);
/// The fuzzer's cases are made from it.
const SEED: &str = "1";
/// How many cases the fuzzer makes for each operation, besides those that the document's own values give.
const CASES: &str = "12";
/// How many it makes at least for all operations. Fewer mean that it has not understood the document.
const CASES_MIN: usize = 1_000;

/// A tool that `cargo xtask test` has installed.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi").join(name);
    assert!(path.exists(), "{} is not installed: run `cargo xtask test`", path.display());
    path
}

/// What the tools are given.
fn given(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi").join(name)
}

async fn run(command: &mut Command) -> Output {
    command.env("NO_COLOR", "1").kill_on_drop(true);
    let ran = tokio::time::timeout(TOOL_MAX, command.output()).await;
    ran.expect("the tool ends").expect("the tool starts")
}

/// What a tool printed; it must have succeeded.
async fn succeeded(command: &mut Command) -> String {
    let output = run(command).await;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{}: {printed}", command.as_std().get_program().display());
    printed
}

/// A host with a plugin that has docs and one that has all types.
async fn host(world: &World) -> Host {
    let builder = world.builder().plugin(guestbook("rust"), Policy::as_asked());
    builder.plugin(guest("types"), Policy::as_asked()).build().await.unwrap()
}

async fn assert_valid(document: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("openapi.json");
    fs::write(&path, document.to_string()).unwrap();
    let mut validator = Command::new(tool(".venv/bin/openapi-spec-validator"));
    let printed = succeeded(validator.arg("--schema").arg("3.1").arg(&path)).await;
    assert!(printed.contains("OK"), "{printed}");
}

#[tokio::test]
async fn document_is_valid_and_says_what_the_wit_says() {
    let world = World::new().await;
    let served = Served::new(host(&world).await).await;
    let document = served.get("/openapi.json").await.body;
    assert_valid(&document).await;
    let entry = &document["components"]["schemas"]["GuestbookRust_Reading_Entry"];
    assert_eq!(entry["description"], "An entry of the guestbook.");
    assert_eq!(entry["properties"]["message"]["description"], "What it says.");
    let recent = &document["paths"]["/call/guestbook-rust/reading/recent"]["post"];
    assert_eq!(recent["summary"], "Returns the newest entries.");
    assert_eq!(recent["operationId"], "guestbookRust_reading_recent");
    let result = &recent["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(result["items"]["$ref"], "#/components/schemas/GuestbookRust_Reading_Entry");
    let tags = document["tags"].as_array().unwrap();
    assert!(
        tags.iter()
            .any(|tag| tag["description"].as_str().unwrap().contains("`reading`: Reads the guestbook."))
    );
}

/// The same plugin under two names has its types twice, and whatever the text of a plugin says, the document stays one.
#[tokio::test]
async fn document_of_odd_plugins_is_valid() {
    let world = World::new().await;
    let host = world.twins("types").await;
    let names: Vec<String> = ["a-1", "a1"].map(|name| format!("(export \"{name}\" (func $f))")).into();
    let text = format!(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $calls {})
            (export "acme:odd/calls" (instance $calls)))"#,
        names.concat()
    );
    let hostile = "[exports]\n\"acme:odd/calls\" = \"query\"\n";
    let folder = odd(&wat::parse_str(text).unwrap(), hostile);
    let manifest = fs::read_to_string(folder.path().join("palisade.toml")).unwrap();
    let description = "description = \"</script><b> */ ${x} {{y}} \\u202E [a](javascript:b)\"\n[exports]";
    fs::write(folder.path().join("palisade.toml"), manifest.replace("[exports]", description)).unwrap();
    host.load(folder.path(), &Policy::as_asked()).await.unwrap();
    let served = Served::new(host).await;
    let document = served.get("/openapi.json").await.body;
    assert_valid(&document).await;
    let schemas: BTreeSet<&str> =
        document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(schemas.contains("Types_Echo_Nested") && schemas.contains("Other_Echo_Nested"), "{schemas:?}");
    let ids = ["a-1", "a1"]
        .map(|name| document["paths"][format!("/call/odd/calls/{name}")]["post"]["operationId"].clone());
    assert_eq!(ids, ["odd_calls_a_1", "odd_calls_a1"].map(|id| json!(id)));
    let said = document["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == "odd").unwrap();
    assert_eq!(said["description"], "< /script>< b> * / ${x} {{y}}  [a] (javascript:b)");
}

/// The fuzzer sends what the document describes, and what it forbids, and compares each answer with the document.
#[tokio::test]
async fn server_answers_as_the_document_says() {
    let world = World::new().await;
    let host = host(&world).await;
    host.load(guest("blog"), &Policy::as_asked()).await.unwrap();
    let may = ["item:create:post", "item:edit:post", "item:delete:post", "host:operate"];
    let may: Vec<_> = may.iter().map(|may| Permission::parse(may).unwrap()).collect();
    host.users().permit("everything", &may).await.unwrap();
    let user = world.user(&host, "everything", &["everything"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    let served = Served::new(host).await;
    let folder = tempfile::tempdir().unwrap();
    for token in [None, Some(token)] {
        let mut fuzzer = Command::new(tool(".venv/bin/schemathesis"));
        fuzzer.current_dir(folder.path()).arg("--config-file").arg(given("schemathesis.toml"));
        fuzzer.args([
            "run",
            "--seed",
            SEED,
            "--max-examples",
            CASES,
            "--phases",
            "examples,coverage,fuzzing",
        ]);
        fuzzer.args(["--suppress-health-check", "all", "--request-timeout", "30"]);
        if let Some(token) = token {
            // Written so, because the fuzzer leaves out this name where it tries without a token.
            fuzzer.arg("--header").arg(format!("Authorization: Bearer {token}"));
        }
        let printed = succeeded(fuzzer.arg(format!("http://{}/openapi.json", served.address))).await;
        let (_, cases) = printed.split_once("Test cases:\n").expect(&printed);
        let cases: Vec<&str> = cases.lines().next().unwrap().split_whitespace().collect();
        let [made, "generated,", passed, "passed" | "passed,", ..] = cases[..] else { panic!("{printed}") };
        assert!(made == passed && made.parse::<usize>().unwrap() > CASES_MIN, "{printed}");
    }
    assert_eq!(served.get("/readyz").await.status, 200);
}

/// A folder with a client that is generated from a document, and the program that uses it.
async fn client_of(document: &Value, program: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(tool("node_modules"), folder.path().join("node_modules")).unwrap();
    for name in ["package.json", "tsconfig.json"] {
        fs::copy(given(name), folder.path().join(name)).unwrap();
    }
    fs::copy(given(program), folder.path().join("client.ts")).unwrap();
    fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
    let mut generator = Command::new("node");
    generator.current_dir(folder.path()).arg("node_modules/openapi-typescript/bin/cli.js");
    succeeded(generator.args(["openapi.json", "--output", "api.d.ts"])).await;
    folder
}

fn compiler(folder: &Path) -> Command {
    let mut compiler = Command::new("node");
    compiler.current_dir(folder).args(["node_modules/typescript/bin/tsc", "--project", "."]);
    compiler
}

#[tokio::test]
async fn generated_client_compiles_and_calls_the_server() {
    let world = World::new().await;
    let served = Served::new(host(&world).await).await;
    let document = served.get("/openapi.json").await.body;
    let folder = client_of(&document, "client.ts").await;
    succeeded(&mut compiler(folder.path())).await;
    let mut program = Command::new("node");
    program.current_dir(folder.path()).args(["out/client.js", &format!("http://{}", served.address)]);
    succeeded(&mut program).await;
}

#[tokio::test]
async fn compiler_finds_every_mistake_in_a_program_that_uses_the_client() {
    let world = World::new().await;
    let served = Served::new(host(&world).await).await;
    let document = served.get("/openapi.json").await.body;
    let folder = client_of(&document, "misspelt.ts").await;
    let output = run(compiler(folder.path()).args(["--noEmit", "--pretty", "false"])).await;
    assert!(!output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let found: BTreeSet<usize> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("client.ts(")?.split(',').next()?.parse().ok())
        .collect();
    let text = fs::read_to_string(given("misspelt.ts")).unwrap();
    let first = 2 + text.lines().position(|line| line.starts_with("// Every line below")).unwrap();
    let expected: BTreeSet<usize> = (first..=text.lines().count()).collect();
    assert_eq!(found, expected, "{printed}");
    assert!(printed.contains("'mesage' does not exist in type"), "{printed}");
}

/// A server that nests the routes below a path.
#[tokio::test]
async fn nested_routes_are_described_below_their_path() {
    let world = World::new().await;
    let host = host(&world).await;
    let may = [Permission::parse("item:create:post").unwrap()];
    host.users().permit("author", &may).await.unwrap();
    let user = world.user(&host, "author", &["author"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    let app = axum::Router::new().nest("/api/v1", palisade_server::router(host));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let ask = |method: Method, path: &str| client().request(method, format!("{base}{path}"));
    let document = Answer::to(ask(Method::GET, "/openapi.json")).await;
    assert_eq!((document.status, &document.body["servers"]), (200, &json!([{"url": "/api/v1"}])));
    assert_valid(&document.body).await;
    let echoed = ask(Method::POST, "/call/types/echo/echo-u8").json(&json!({"v": 7}));
    assert_eq!(Answer::to(echoed).await.body, 7);
    let created =
        ask(Method::POST, "/items").bearer_auth(&token).json(&json!({"itemType": "post", "title": "A"}));
    let created = Answer::to(created).await;
    let id = created.body["id"].as_str().unwrap();
    assert_eq!((created.status, created.header("location")), (201, &*format!("/api/v1/items/{id}")));
    serving.abort();
}
