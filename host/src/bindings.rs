//! The contract in Rust: the only `bindgen!` of the host.
//!
//! Generated from `wit/`. Nothing here is written by hand, and nothing of it leaves `api/`, `kind.rs`, `plugin/`, `tap.rs`
//! and `invocation.rs`: the public API of this crate is free of wasmtime's types.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; the WIT is the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "palisade:plugin/taps",
    imports: {
        // These answer from memory.
        "palisade:plugin/logging": trappable,
        "palisade:plugin/clock": trappable,
        "palisade:plugin/random": trappable,
        "palisade:plugin/request-context": trappable,
        "palisade:plugin/user.current": trappable,
        "palisade:plugin/db.[method]rows.columns": trappable,
        // All else may wait for a database, a cache or a server.
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: {
        "palisade:plugin/cache.error" => crate::error::Refusal,
        "palisade:plugin/db.error" => crate::error::Refusal,
        "palisade:plugin/http.error" => crate::error::Refusal,
        "palisade:plugin/item.error" => crate::error::Refusal,
        "palisade:plugin/random.error" => crate::error::Refusal,
        "palisade:plugin/request-context.error" => crate::error::Refusal,
        "palisade:plugin/user.error" => crate::error::Refusal,
        "palisade:plugin/variables.error" => crate::error::Refusal,
    },
    with: {
        "palisade:plugin/db.rows": crate::api::db::Rows,
        "palisade:plugin/http.body": crate::api::http::Body,
    },
});
