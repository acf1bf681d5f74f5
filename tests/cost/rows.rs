//! The rows: the dearest permitted input of each function of the contract, through `probe`, and of each route.

use palisade::limits::{
    BODY_BYTES_MAX, CACHE_KEY_BYTES_MAX, CACHE_TAGS_MAX, DB_ARRAY_ELEMENTS_MAX, DB_MEASURES_MAX,
    ITEM_FIELDS_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX, KIB, MIB, ROUTE_RESPONSE_BYTES_MAX,
    SQL_BYTES_MAX,
};
use reqwest::Method;
use serde_json::{Value, json};

/// One request that is sent again and again.
pub struct Row {
    /// `interface.function` of the contract, or the route; a row of its own kind has a name after a colon.
    pub name: String,
    pub method: Method,
    pub path: String,
    pub body: String,
    pub with_token: bool,
}

/// The routes that the server has.
pub const ROUTES: &[&str] = &[
    "POST /call/{plugin}/{interface}/{function}",
    "GET /hooks/{plugin}/{path}",
    "POST /hooks/{plugin}/{path}",
    "GET /items",
    "POST /items",
    "GET /items/{id}",
    "PATCH /items/{id}",
    "DELETE /items/{id}",
    "GET /admin/plugins",
    "POST /admin/plugins/{plugin}/disable",
    "POST /admin/plugins/{plugin}/enable",
    "GET /openapi.json",
    "GET /livez",
    "GET /readyz",
    "GET /metrics",
];

/// The id of an item that is there, with the largest fields.
pub const ITEM: &str = "01890000-0000-7000-8000-000000000001";

/// The functions that plugins import, and the handler of routes, as `interface.function`, from the files of the contract.
pub fn functions() -> Vec<String> {
    let contract = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut functions = Vec::new();
    for file in std::fs::read_dir(contract).unwrap() {
        let path = file.unwrap().path();
        if path.ends_with("taps.wit") || path.ends_with("world.wit") {
            continue;
        }
        let mut interface = String::new();
        for line in std::fs::read_to_string(path).unwrap().lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("interface ") {
                name.trim_end_matches('{').trim().clone_into(&mut interface);
            } else if let Some((name, rest)) = line.split_once(':')
                && !line.starts_with("//")
                && rest.trim_start().starts_with("func(")
            {
                functions.push(format!("{interface}.{name}"));
            }
        }
    }
    functions
}

fn call(name: &str, function: &str, arguments: &Value) -> Row {
    Row {
        name: name.to_owned(),
        method: Method::POST,
        path: format!("/call/probe/{function}"),
        body: arguments.to_string(),
        with_token: false,
    }
}

fn route(name: &str, method: Method, path: impl Into<String>, body: impl Into<String>) -> Row {
    Row { name: name.to_owned(), method, path: path.into(), body: body.into(), with_token: true }
}

fn text(text: impl Into<String>) -> Value {
    json!({ "tag": "scalar", "val": { "tag": "text", "val": text.into() } })
}

fn usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap()
}

/// Nearly as many bytes as a body may have.
fn long() -> String {
    "x".repeat(BODY_BYTES_MAX - 4 * usize(KIB))
}

fn selection(filter: &Value) -> Value {
    json!({ "selection": { "table": "notes", "columns": ["title", "extra", "tags"], "filter": filter, "orderBy": [], "limit": null, "after": [] } })
}

fn conditions(column: &str, test: &str, value: &Value, count: usize) -> Value {
    json!([vec![json!({ "column": column, "test": { "tag": test, "val": value } }); count]])
}

/// Measures of the largest column.
fn aggregation(group_by: &[&str], computation: &str, count: usize) -> Value {
    let measure =
        |n: usize| json!({ "name": n.to_string(), "computation": { "tag": computation, "val": "title" } });
    let measures: Vec<Value> = (0..count).map(measure).collect();
    json!({ "aggregation": { "table": "notes", "groupBy": group_by, "measures": measures, "filter": [], "orderBy": [], "limit": null } })
}

pub fn rows() -> Vec<Row> {
    [database(), text_writes(), contract(), hooks(), routes(), shapes()].into_iter().flatten().collect()
}

fn database() -> Vec<Row> {
    let like = format!("%{}%", "a_".repeat(2_000));
    let query = |sql: String, parameters: Value| json!({ "sql": sql, "parameters": parameters });
    let numbers: Vec<Value> =
        (0..DB_ARRAY_ELEMENTS_MAX / 4).map(|n| json!({ "tag": "text", "val": n.to_string() })).collect();
    let insertion = json!({ "insertion": { "table": "notes", "columns": ["title"], "rows": vec![json!([text("x".repeat(4_000))]); 500], "returning": ["title"] } });
    let merges = json!([{ "column": "title", "merge": { "tag": "inserted" } }]);
    let slugs: Vec<Value> = (0..500).map(|n| json!([text(n.to_string()), text("x".repeat(4_000))])).collect();
    let conflict = json!({ "insertion": { "table": "notes", "columns": ["slug", "title"], "rows": slugs,
        "onConflict": { "columns": ["slug"], "resolution": { "tag": "update", "val": merges } }, "returning": ["title"] } });
    let modification = json!({ "modification": { "table": "notes", "assignments": [{ "column": "title", "change": { "tag": "set", "val": text(long()) } }], "filter": conditions("id", "greater", &json!({ "tag": "scalar", "val": { "tag": "integer", "val": 0 } }), 1), "returning": [] } });
    let removal = json!({ "removal": { "table": "notes", "filter": conditions("title", "like", &json!(like), 50), "returning": [] } });
    vec![
        call("db.select", "reads/select", &selection(&conditions("title", "like", &json!(like), 60))),
        call(
            "db.select: contains",
            "reads/select",
            &selection(&conditions(
                "extra",
                "contains",
                &json!(json!((0..20_000).collect::<Vec<_>>()).to_string()),
                2,
            )),
        ),
        call(
            "db.query",
            "reads/query",
            &query(
                format!("SELECT {} FROM notes a, notes b", vec!["strpos(a.title, b.title)"; 100].join(", ")),
                json!([]),
            ),
        ),
        call(
            "db.query: refused",
            "reads/query",
            &query(format!("SELECT {}", "(".repeat(SQL_BYTES_MAX - 10)), json!([])),
        ),
        call(
            "db.query: shapes",
            "reads/query",
            &query(
                format!(
                    "WITH a AS (SELECT 1 AS x), b AS (SELECT {} FROM a), c AS (SELECT {} FROM b) SELECT 1",
                    vec!["*"; 800].join(","),
                    vec!["*"; 800].join(",")
                ),
                json!([]),
            ),
        ),
        call(
            "db.query: array",
            "reads/query",
            &query(
                "SELECT count(*) FROM notes WHERE title <= ANY($1::text[])".into(),
                json!([{ "tag": "array", "val": numbers }]),
            ),
        ),
        call(
            "db.aggregate",
            "reads/aggregate",
            &aggregation(&["title", "extra", "tags"], "count-distinct", DB_MEASURES_MAX),
        ),
        call(
            "db.aggregate: all rows",
            "reads/aggregate",
            &aggregation(&[], "count-distinct", DB_MEASURES_MAX),
        ),
        // As many as the bound on the work for one row allows.
        call("db.aggregate: longest", "reads/aggregate", &aggregation(&["id"], "maximum", 16)),
        call("db.columns", "reads/columns", &selection(&json!([]))),
        call(
            "db.next",
            "reads/query-next",
            &json!({ "sql": "SELECT a.title, b.title FROM notes a, notes b", "parameters": [], "max": 1_000 }),
        ),
        call("db-write.insert", "writes/insert", &insertion),
        call("db-write.insert: conflict", "writes/insert", &conflict),
        call("db-write.update", "writes/update", &modification),
        call("db-write.delete", "writes/delete", &removal),
    ]
}

fn text_writes() -> Vec<Row> {
    let query = |sql: String| json!({ "sql": sql, "parameters": [] });
    vec![
        call(
            "db-write.execute",
            "writes/execute",
            &query(
                "INSERT INTO notes (title) SELECT a.title || b.title FROM notes a, notes b".into()
            ),
        ),
        // Nearly as many bytes as an invocation may read.
        call(
            "db-write.execute: returning",
            "writes/execute",
            &query(
                format!(
                    "WITH x AS (INSERT INTO notes (title) VALUES ('x') RETURNING id) SELECT {} FROM x, notes a WHERE length(a.title) = 1000000",
                    vec!["a.title"; 16].join(", ")
                )
            ),
        ),
        // A null takes 4 bytes on the wire.
        call(
            "db-write.execute: arrays",
            "writes/execute",
            &query(
                "INSERT INTO notes (title) SELECT 'x' FROM generate_series(1, 40) \
                 RETURNING (SELECT array_agg(NULL::bigint) FROM generate_series(1, 1000) a, generate_series(1, 100) b)"
                    .into()
            ),
        ),
    ]
}

fn contract() -> Vec<Row> {
    let base64 = "A".repeat(usize(MIB) / 3 * 4);
    let tags: Vec<String> = (0..CACHE_TAGS_MAX).map(|n| format!("{n}{}", "t".repeat(100))).collect();
    let key = "k".repeat(CACHE_KEY_BYTES_MAX);
    let fields = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 10));
    let draft = json!({ "draft": { "itemType": "note", "title": "t", "status": "published", "fields": fields(usize(ITEM_FIELDS_BYTES_MAX)) } });
    let criteria = json!({ "criteria": { "itemType": "note", "status": null, "fields": "{}", "order": "newest", "limit": 100, "after": null } });
    let request = json!({ "request": { "method": "post", "url": "https://api.example.com/v1/x", "headers": [], "body": "A".repeat(usize(MIB)), "secret": null, "timeoutMs": null } });
    vec![
        call("user.current", "reads/current", &json!({})),
        call("user.has-permission", "reads/has-permission", &json!({ "permission": long() })),
        call("user.get", "reads/get-user", &json!({ "id": long() })),
        call("cache.get", "reads/cache-get", &json!({ "key": long() })),
        call(
            "cache.set",
            "reads/cache-set",
            &json!({ "key": key, "value": base64, "retention": { "ttlMs": null, "tags": tags } }),
        ),
        call("cache.delete", "reads/cache-delete", &json!({ "key": long() })),
        call("cache.invalidate-tag", "reads/cache-invalidate-tag", &json!({ "tag": long() })),
        call("variables.get", "reads/get-variable", &json!({ "name": long() })),
        call(
            "variables-write.set",
            "writes/set-variable",
            &json!({ "name": "label", "value": { "tag": "text", "val": long() } }),
        ),
        call("variables-write.unset", "writes/unset-variable", &json!({ "name": long() })),
        call("item.get", "reads/item-get", &json!({ "id": ITEM })),
        call("item.get-many", "reads/item-get-many", &json!({ "ids": vec![ITEM; 60] })),
        call("item.find", "reads/item-find", &criteria),
        call("item-write.insert", "writes/item-insert", &draft),
        call(
            "item-write.patch",
            "writes/item-patch",
            &json!({ "id": ITEM, "alteration": { "title": null, "status": null, "fields": fields(1_000), "revision": null } }),
        ),
        call("item-write.delete", "writes/item-delete", &json!({ "id": long(), "revision": null })),
        call("logging.log", "reads/log", &json!({ "level": "info", "message": long(), "fields": [] })),
        call("logging.log: many", "reads/flood-log", &json!({ "count": 90_000 })),
        call("request-context.get", "reads/context-get", &json!({ "key": long() })),
        call("request-context.set", "reads/context-set", &json!({ "key": "k", "value": base64 })),
        call("request-context.request", "reads/request", &json!({})),
        call("request-context.remaining", "reads/remaining", &json!({})),
        call("clock.now", "reads/now", &json!({})),
        call("clock.monotonic", "reads/monotonic", &json!({})),
        call("random.bytes", "reads/random", &json!({ "length": 65_536 })),
        call("http.fetch", "effects/fetch", &request),
        call("http.read", "effects/fetch-read", &json!({ "request": request["request"], "max": 65_536 })),
    ]
}

/// Raw requests, through the guest `routes`.
fn hooks() -> Vec<Row> {
    let hook = |name: &str, method, below: String, body: String| Row {
        with_token: false,
        ..route(name, method, format!("/hooks/routes{below}"), body)
    };
    let answer = format!("bytes={ROUTE_RESPONSE_BYTES_MAX}");
    // Nearly as many bytes as a client's library sends in a URL.
    let long_path = "a/".repeat(30_000);
    let headers: String = vec!["header=etag:x&"; 4_000].concat();
    vec![
        hook("route-types.read", Method::POST, "/in?read=1".into(), long()),
        hook("routes.handle", Method::POST, format!("/in?insert=a&{answer}"), long()),
        hook("routes.handle: refused answer", Method::GET, format!("/pages?{headers}"), String::new()),
        hook("routes.handle: spin", Method::GET, "/pages?spin".into(), String::new()),
        hook(
            "GET /hooks/{plugin}/{path}",
            Method::GET,
            format!("/pages/{long_path}?{answer}"),
            String::new(),
        ),
        hook("GET /hooks/{plugin}/{path}: no route", Method::GET, format!("/{long_path}"), String::new()),
        hook("POST /hooks/{plugin}/{path}", Method::POST, "/in?text=a".into(), long()),
        hook("POST /hooks/{plugin}/{path}: not allowed", Method::POST, "/pages".into(), long()),
    ]
}

fn routes() -> Vec<Row> {
    let item = |fields: &str| {
        format!("{{\"itemType\":\"note\",\"title\":\"t\",\"status\":\"published\",\"fields\":{fields}}}")
    };
    let largest = format!("{{\"a\":\"{}\"}}", "x".repeat(usize(ITEM_FIELDS_BYTES_MAX) - 10));
    let objects = format!("{{\"a\":[{}]}}", vec!["{\"\":0}"; 120_000].join(","));
    let filter = format!("%7B%22a%22%3A%5B{}%5D%7D", vec!["1"; 2_000].join(","));
    let mut rows = vec![
        route(
            "POST /call/{plugin}/{interface}/{function}",
            Method::POST,
            "/call/probe/abuses/produce",
            json!({ "bytes": 3_000_000 }).to_string(),
        ),
        route("GET /items", Method::GET, "/items?type=note&limit=100", ""),
        route("GET /items: filter", Method::GET, format!("/items?type=note&limit=100&fields={filter}"), ""),
        route("POST /items", Method::POST, "/items", item(&largest)),
        route("POST /items: objects", Method::POST, "/items", item(&objects)),
        route("GET /items/{id}", Method::GET, format!("/items/{ITEM}"), ""),
        route(
            "PATCH /items/{id}",
            Method::PATCH,
            format!("/items/{ITEM}"),
            format!("{{\"fields\":{largest}}}"),
        ),
        route("DELETE /items/{id}", Method::DELETE, format!("/items/{}", "0".repeat(4_000)), ""),
        route("GET /admin/plugins", Method::GET, "/admin/plugins", ""),
        route(
            "POST /admin/plugins/{plugin}/disable",
            Method::POST,
            "/admin/plugins/none/disable",
            json!({ "reason": long() }).to_string(),
        ),
        route(
            "POST /admin/plugins/{plugin}/enable",
            Method::POST,
            "/admin/plugins/none/enable",
            json!({ "reason": long() }).to_string(),
        ),
    ];
    for path in ["/openapi.json", "/livez", "/readyz", "/metrics"] {
        rows.push(route(&format!("GET {path}"), Method::GET, path, ""));
    }
    let anonymous = route("POST /items: anonymous objects", Method::POST, "/items", item(&objects));
    rows.push(Row { with_token: false, ..anonymous });
    rows
}

/// Bodies of shapes that take far more as a tree than as text, and guests that take what they may.
fn shapes() -> Vec<Row> {
    let raw = |name: &str, function: &str, body: String| Row { body, ..call(name, function, &json!(null)) };
    let nested = format!("{}1{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX));
    vec![
        raw(
            "body: objects",
            "reads/log",
            format!("{{\"fields\":[{}]}}", vec!["{}"; JSON_VALUES_MAX - 10].join(",")),
        ),
        raw(
            "body: members",
            "reads/log",
            format!(
                "{{{}}}",
                (0..JSON_VALUES_MAX - 10).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",")
            ),
        ),
        raw("body: nested", "reads/log", format!("[{}]", vec![nested; 3_000].join(","))),
        raw("body: no such function", "reads/nothing", format!("[{}]", vec!["{\"\":0}"; 120_000].join(","))),
        call("guest: memory", "abuses/allocate", &json!({ "bytes": 60_000_000 })),
        call("guest: churn", "abuses/churn", &json!({ "bytes": 1_000_000, "rounds": 1_000 })),
        call("guest: result", "abuses/produce", &json!({ "bytes": 3_000_000 })),
        call("guest: spin", "abuses/spin", &json!({})),
        call("guest: panic", "abuses/panic", &json!({ "message": long() })),
    ]
}
