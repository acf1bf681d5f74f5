//! Rows about memory, tables and instances, and about components that are too large or too complex to load.

use super::row::{End, Row, wat};
use palisade::limits::{
    COMPONENT_INSTANCES_MAX, COMPONENT_MEMORIES_MAX, COMPONENT_NAME_BYTES_MAX, COMPONENT_NESTING_MAX,
    COMPONENT_TABLES_MAX, COMPONENT_TYPES_MAX, FUNCTION_BYTES_MAX, FUNCTION_LOCALS_MAX, JSON_DEPTH_MAX, KIB,
    Limit,
};

pub fn rows() -> Vec<Row> {
    let mut rows = growth();
    rows.extend(counts());
    rows.extend(bombs());
    rows.extend(binaries());
    rows
}

/// Components that grow while they run. The shared part of a component has two pages of memory.
fn growth() -> Vec<Row> {
    let four_pages = "memory = \"256 KiB\"";
    let tables = Limit::TableElements.default_max();
    vec![
        wat("grow", "G3 memory", End::Works).n(2).limit(four_pages),
        wat("grow", "G3 memory", End::Limit(Limit::Memory, 256 * KIB)).n(3).limit(four_pages),
        wat("grow", "G3 memory", End::Limit(Limit::Memory, 256 * KIB)).n(0xfff0).limit(four_pages),
        wat("grow", "G3 G15 memory", End::Works).n(1_022).limit("memory = \"4096 MiB\""),
        wat(
            "grow",
            "G3 G15 memory MEMORY_CEILING_BYTES",
            End::Limit(Limit::Memory, Limit::Memory.default_max()),
        )
        .n(1_023)
        .limit("memory = \"4096 MiB\""),
        wat("grow-on", "G3 memory", End::Gives(4)).over().n(1_000).limit(four_pages),
        wat("memory-declared", "G3 memory", End::Works).size(4).limit(four_pages),
        wat("memory-declared", "G3 memory", End::Limit(Limit::Memory, 256 * KIB)).size(5).limit(four_pages),
        wat("table-grow", "G3 table-elements", End::Works).n(100).limit("table-elements = 100"),
        wat("table-grow", "G3 table-elements", End::Limit(Limit::TableElements, 100))
            .n(101)
            .limit("table-elements = 100"),
        wat("table-grow", "G3 G15 table-elements", End::Works).n(tables).limit("table-elements = 4000000000"),
        wat("table-grow", "G3 G15 table-elements", End::Limit(Limit::TableElements, tables))
            .n(tables + 1)
            .limit("table-elements = 4000000000"),
        wat("table-declared", "G3 table-elements", End::Works).size(100).limit("table-elements = 100"),
        wat("table-declared", "G3 table-elements", End::Limit(Limit::TableElements, 100))
            .size(101)
            .limit("table-elements = 100"),
        wat("instances", "G3 instances", End::Works).size(3).limit("instances = 5"),
        wat("instances", "G3 instances", End::Limit(Limit::Instances, 5)).size(4).limit("instances = 5"),
    ]
}

/// How many of each item a component may have.
fn counts() -> Vec<Row> {
    let (memories, tables) = (COMPONENT_MEMORIES_MAX as usize, COMPONENT_TABLES_MAX as usize);
    vec![
        wat("memories", "G3 COMPONENT_MEMORIES_MAX", End::Works).size(memories - 1),
        wat("memories", "G3 COMPONENT_MEMORIES_MAX", End::Refused("memor")).size(memories),
        wat(
            "memories",
            "G3 COMPONENT_MEMORIES_MAX COMPONENT_INSTANCES_MAX",
            End::Refused("more than 200 instances"),
        )
        .size(900),
        wat("tables", "G3 COMPONENT_TABLES_MAX", End::Works).size(tables),
        wat("tables", "G3 COMPONENT_TABLES_MAX", End::Refused("table")).size(tables + 1),
        wat("table-declared", "G3 table-elements", End::Refused("table")).size(4_000_000),
        wat("memory-declared", "G3 MEMORY_CEILING_BYTES", End::Refused("memory")).size(60_000),
        wat("globals", "G3", End::Works).size(1_000),
        wat("globals", "G3", End::Refused("instance")).size(200_000),
        wat("instances", "G3 COMPONENT_INSTANCES_MAX", End::Works).size(COMPONENT_INSTANCES_MAX - 2),
        wat("instances", "G3 COMPONENT_INSTANCES_MAX", End::Refused("more than 200 instances"))
            .size(COMPONENT_INSTANCES_MAX - 1),
        wat("instances-doubling", "G3 G4 COMPONENT_INSTANCES_MAX", End::Refused("more than 200 instances")),
    ]
}

/// Components that take long to compile or to describe.
fn bombs() -> Vec<Row> {
    let locals = FUNCTION_LOCALS_MAX as usize;
    vec![
        wat("locals", "G4 FUNCTION_LOCALS_MAX", End::Works).size(locals),
        wat("locals", "G4 FUNCTION_LOCALS_MAX", End::Refused("locals: at most 5000")).size(locals + 1),
        wat("function", "G4 FUNCTION_BYTES_MAX", End::Works).size(FUNCTION_BYTES_MAX - 2),
        wat("function", "G4 FUNCTION_BYTES_MAX", End::Refused("bytes: at most 524288"))
            .size(FUNCTION_BYTES_MAX - 1),
        wat("nesting", "G4 COMPONENT_NESTING_MAX", End::Works).size(COMPONENT_NESTING_MAX - 1),
        wat("nesting", "G4 COMPONENT_NESTING_MAX", End::Refused("nest deeper than 20"))
            .size(COMPONENT_NESTING_MAX),
        wat("custom-section", "G4 COMPONENT_BYTES_MAX", End::Works).size(1024 * 1024),
        wat("custom-section", "G4 COMPONENT_BYTES_MAX", End::Refused("more than 33554432 bytes"))
            .size(32 * 1024 * 1024),
        wat("types-doubling", "G4 SIGNATURE_TYPES_MAX", End::Refused("over 2000 types")),
        wat("types-named", "G4 COMPONENT_NAME_BYTES_MAX", End::Works).size(COMPONENT_NAME_BYTES_MAX),
        wat("types-named", "G4 COMPONENT_NAME_BYTES_MAX", End::Refused("a name of 129 bytes"))
            .size(COMPONENT_NAME_BYTES_MAX + 1),
        // The function, its parameters and its interface are types and names, too.
        wat("types-many", "G4 COMPONENT_TYPES_MAX", End::Works).size(COMPONENT_TYPES_MAX - 50),
        wat("types-many", "G4 COMPONENT_TYPES_MAX", End::Refused("more than 10000 types and names"))
            .size(COMPONENT_TYPES_MAX),
        wat("types-deep", "G4 JSON_DEPTH_MAX", End::Works).size(JSON_DEPTH_MAX - 1),
        wat("types-deep", "G4 JSON_DEPTH_MAX", End::Refused("nested over 64 deep")).size(JSON_DEPTH_MAX),
    ]
}

/// Binaries that are not components of this host's contract.
fn binaries() -> Vec<Row> {
    let off = [
        ("off-threads", "threads"),
        ("off-memory64", "memory64"),
        ("off-multi-memory", "multi"),
        ("off-tail-call", "tail calls"),
        ("off-relaxed-simd", "relaxed SIMD"),
        ("off-gc", "gc"),
        ("off-function-references", "function references"),
        ("off-exceptions", "exceptions"),
        ("off-wide-arithmetic", "wide arithmetic"),
        ("off-custom-page-sizes", "custom page sizes"),
        ("off-stack-switching", "stack switching"),
    ];
    let off = off.into_iter().map(|(name, proposal)| wat(name, "G4", End::Refused(proposal)));
    let mut rows = vec![
        wat("module", "G4", End::Refused("this is a core module, not a component")),
        wat("invalid", "G4", End::Refused("type mismatch")),
        wat("no-such-world", "G4", End::Refused("which no world of a host has")),
        wat("other-types", "G4", End::Refused("it does not fit the contract")),
        wat("wasi-http", "G6", End::Refused("wasi:http/outgoing-handler")),
    ];
    rows.extend(off);
    rows
}
