//! The contract as Rust types, generated from `wit/` by the only `bindgen!` of the host.
//!
//! Only `api/`, `program/` and `calls/` use these types: the public API of this crate has none of wasmtime's types.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; the WIT is the documentation")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "palisade:plugin/entries",
    imports: {
        // These functions answer from memory.
        "palisade:plugin/logging": trappable,
        "palisade:plugin/clock": trappable,
        "palisade:plugin/random": trappable,
        "palisade:plugin/request-context": trappable,
        "palisade:plugin/route-types": trappable,
        "palisade:plugin/user.current": trappable,
        "palisade:plugin/db.[method]rows.columns": trappable,
        // The other functions may wait for a database, a cache or a server.
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: {
        "palisade:plugin/cache.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/db.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/http.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/item.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/random.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/request-context.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/route-types.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/user.error" => palisade_guard::refusal::Refusal,
        "palisade:plugin/variables.error" => palisade_guard::refusal::Refusal,
    },
    with: {
        "palisade:plugin/db.rows": palisade_store::postgres::rows::Rows,
        "palisade:plugin/http.body": palisade_store::http::InboundBody,
        "palisade:plugin/route-types.body": palisade_guard::routes::Body,
    },
});
