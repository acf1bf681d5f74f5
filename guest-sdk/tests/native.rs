//! What calls do in a program that is no component, such as this one: they say so, and nothing ends the process.

use palisade_sdk::db::{self, col};
use palisade_sdk::{cache, clock, http, item, params, random, request_context, user, variables};
use std::panic::{UnwindSafe, catch_unwind};

const SENTENCE: &str = "needs a host: run it with `palisade test`";

#[test]
fn call_that_can_fail_returns_an_error_that_says_how_to_run_it() {
    let retention = cache::Retention::default();
    let errors: Vec<(&str, String)> = vec![
        (
            "db::select",
            db::select("a").columns(["id"]).filter(col("id").equals(1)).fetch().unwrap_err().into(),
        ),
        ("db::aggregate", db::aggregate("a").count("n").one().unwrap_err().into()),
        ("db::query", db::query("SELECT 1", params![]).err().unwrap().into()),
        ("db_write::insert", db::insert("a").columns(["id"]).row(params![1]).run().err().unwrap().into()),
        ("db_write::update", db::update("a").set("id", 1).run().err().unwrap().into()),
        ("db_write::delete", db::delete("a").run().err().unwrap().into()),
        ("db_write::execute", db::execute("DELETE FROM a", params![]).err().unwrap().into()),
        ("user::has_permission", user::has_permission("a").unwrap_err().into()),
        ("user::get", user::get("a").unwrap_err().into()),
        ("cache::get", cache::get("a").unwrap_err().into()),
        ("cache::set", cache::set("a", "b", &retention).unwrap_err().into()),
        ("variables::get", variables::get::<i64>("a").unwrap_err().into()),
        ("variables_write::set", variables::set("a", 1).unwrap_err().into()),
        ("random::bytes", random::bytes(8).unwrap_err().into()),
        ("random::bytes", random::array::<8>().unwrap_err().into()),
        ("request_context::get", request_context::get("a").unwrap_err().into()),
        ("http::fetch", http::get("https://example.com/").send().err().unwrap().into()),
        ("item::get", item::get("a").unwrap_err().into()),
    ];
    for (call, said) in errors {
        assert_eq!(said, format!("`{call}` {SENTENCE}"));
    }
}

#[test]
fn call_that_cannot_fail_panics_with_how_to_run_it() {
    fn panic_of<T>(call: impl FnOnce() -> T + UnwindSafe) -> String {
        let panic = catch_unwind(|| drop(call())).unwrap_err();
        *panic.downcast::<String>().unwrap()
    }
    for (call, said) in [
        ("user::current", panic_of(user::current)),
        ("clock::now", panic_of(clock::now)),
        ("clock::monotonic", panic_of(clock::monotonic)),
        ("request_context::request", panic_of(request_context::request)),
        ("request_context::remaining", panic_of(request_context::remaining)),
    ] {
        assert_eq!(said, format!("`{call}` {SENTENCE}"));
    }
}

#[test]
fn record_is_printed() {
    palisade_sdk::info!(id = 7, "nothing fails");
    palisade_sdk::error!("nothing fails");
}
