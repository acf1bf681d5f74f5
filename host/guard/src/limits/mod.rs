//! Every number that the host enforces, each with its unit and its reason.
//!
//! Two kinds live here: [`Limit`]s, which are counted per invocation in the [ledger](crate::ledger) and which an operator
//! or a manifest can lower, and constants, which bound one argument or one shared resource. Units come last in a
//! name (`_BYTES_MAX`, `_MS`). No other file of the host holds a number that a plugin could run into.

use std::fmt;

/// 1 KiB in bytes.
pub const KIB: u64 = 1024;
/// 1 MiB in bytes.
pub const MIB: u64 = 1024 * KIB;

/// Declares the limits: variant, manifest name, unit, default, reason.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $unit:ident, $default:expr;)+) => {
        /// A resource that one invocation can use up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Limit { $($(#[doc = $doc])+ $variant,)+ }

        impl Limit {
            /// Every limit, in the order of the reference page.
            pub const ALL: &[Limit] = &[$(Limit::$variant,)+];
            const COUNT: usize = Self::ALL.len();

            /// The name that manifests, errors and metrics use.
            pub const fn name(self) -> &'static str { match self { $(Limit::$variant => $name,)+ } }

            /// What is counted.
            pub const fn unit(self) -> Unit { match self { $(Limit::$variant => Unit::$unit,)+ } }

            /// What an invocation may use unless an operator or a manifest says less.
            pub const fn default_max(self) -> u64 { match self { $(Limit::$variant => $default,)+ } }

            /// Whether it bounds one argument, and not what the invocation uses in all.
            pub const fn is_of_an_argument(self) -> bool {
                matches!(
                    self,
                    Limit::CacheValueBytes
                        | Limit::ItemFieldsBytes
                        | Limit::RandomCallBytes
                        | Limit::VariableTextBytes
                )
            }
        }
    };
}

/// What a [`Limit`] is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain count.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Count => "allowed",
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "ms",
        })
    }
}

limits! {
    /// Bytes of linear memory of all the component's instances together. 64 MiB holds a page of content and its
    /// rendering many times over; without it one guest takes the machine.
    Memory, "memory", Bytes, 64 * MIB;
    /// Elements in all tables together. A Rust plugin has a few hundred; each costs the host 16 bytes.
    TableElements, "table-elements", Count, 100_000;
    /// Core instances of one component. One from Rust has 3; a nested bomb has thousands.
    Instances, "instances", Count, 200;
    /// Bytes of stack of guest code. Deep recursion ends here.
    Stack, "stack", Bytes, WASM_STACK_BYTES as u64;
    /// Milliseconds that guest code runs; host calls do not count. 10 s is far beyond any page.
    GuestTime, "guest-time", Milliseconds, 10_000;
    /// Units of fuel: about one for each instruction of guest code, and the same number for the same run. Nobody's unless a
    /// policy or a manifest asks for it, as counting takes time.
    Fuel, "fuel", Count, u64::MAX;
    /// Milliseconds from start to end of a query or mutation, host calls included. Callers have given up by then.
    WallTime, "wall-time", Milliseconds, 30_000;
    /// The same for an action, which waits for other servers. Longer work belongs in several runs of a cron tap.
    ActionTime, "action-time", Milliseconds, 300_000;
    /// Calls into the host. Each is cheap, and a million of them are not.
    HostCalls, "host-calls", Count, 100_000;
    /// Resources (rows, bodies) open at once. wasmtime's own default is 1,000,000.
    Handles, "handles", Count, 1_000;
    /// Statements sent to the database.
    DbStatements, "db-statements", Count, 1_000;
    /// Rows read and written.
    DbRows, "db-rows", Count, 10_000;
    /// Bytes of rows and parameters read and written.
    DbBytes, "db-bytes", Bytes, 16 * MIB;
    /// Log records.
    LogRecords, "log-records", Count, 256;
    /// Bytes of log text.
    LogBytes, "log-bytes", Bytes, 256 * KIB;
    /// Bytes written to the cache.
    CacheBytes, "cache-bytes", Bytes, 16 * MIB;
    /// Entries of one plugin's context in one request.
    ContextEntries, "context-entries", Count, 64;
    /// Bytes of one plugin's keys and values in one request's context.
    ContextBytes, "context-bytes", Bytes, 64 * KIB;
    /// Bytes of random data.
    RandomBytes, "random-bytes", Bytes, MIB;
    /// HTTP requests, redirects included.
    HttpRequests, "http-requests", Count, 50;
    /// Bytes of HTTP bodies sent and received.
    HttpBytes, "http-bytes", Bytes, 16 * MIB;
    /// Bytes of one value that is written to the cache. A rendered page fits; a file belongs elsewhere.
    CacheValueBytes, "cache-value-bytes", Bytes, CACHE_VALUE_BYTES_MAX;
    /// Bytes of JSON of one item's fields. Every reader of the item loads all of them.
    ItemFieldsBytes, "item-fields-bytes", Bytes, ITEM_FIELDS_BYTES_MAX;
    /// Bytes of random data of one call. More in one piece than any key or token needs.
    RandomCallBytes, "random-call-bytes", Bytes, RANDOM_CALL_BYTES_MAX;
    /// Bytes of one variable's text. A setting, not a document.
    VariableTextBytes, "variable-text-bytes", Bytes, VARIABLE_TEXT_BYTES_MAX;
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A maximum for each [`Limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([u64; Limit::COUNT]);

impl Default for Limits {
    fn default() -> Self {
        let mut max = [0; Limit::COUNT];
        for &limit in Limit::ALL {
            max[limit as usize] = limit.default_max();
        }
        Self(max)
    }
}

impl Limits {
    /// Nothing of anything: where an account begins.
    pub(crate) const fn zero() -> Self {
        Self([0; Limit::COUNT])
    }

    /// No maximum anywhere: what a manifest that says nothing asks for.
    pub fn unlimited() -> Self {
        Self([u64::MAX; Limit::COUNT])
    }

    /// The most that any host can give, whatever its owner, an operator or a manifest says: what the engine is sized for, and
    /// the times after which nobody waits any more.
    pub fn ceiling() -> Self {
        let fixed = [
            Limit::TableElements,
            Limit::Instances,
            Limit::Stack,
            Limit::WallTime,
            Limit::ActionTime,
            Limit::CacheValueBytes,
            Limit::ItemFieldsBytes,
            Limit::RandomCallBytes,
            Limit::VariableTextBytes,
        ];
        let fixed = fixed
            .into_iter()
            .fold(Self::unlimited(), |limits, limit| limits.with(limit, limit.default_max()));
        fixed.with(Limit::Memory, MEMORY_CEILING_BYTES)
    }

    /// The maximum of one limit, in its unit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0.get(limit as usize).copied().unwrap_or(0)
    }

    /// These limits with one of them set.
    pub fn with(mut self, limit: Limit, max: u64) -> Self {
        self.set(limit, max);
        self
    }

    pub fn set(&mut self, limit: Limit, max: u64) {
        if let Some(slot) = self.0.get_mut(limit as usize) {
            *slot = max;
        }
    }

    /// The smaller of both, for each limit: whoever asks last can lower a limit and never raise it.
    pub fn lowered_to(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = (*mine).min(theirs);
        }
        self
    }
}

/// Percent of a limit from which its use is told to the operator: late enough that a plugin with room to spare is never
/// named, and early enough to raise the limit, or to ask the author, before a call ends at it.
pub const LIMIT_WARNING_PERCENT: u64 = 80;
/// All of a limit, in percent.
pub const PERCENT: u64 = 100;
/// Most memory that an operator can grant, in bytes: it sizes the slots of the instance pool.
pub const MEMORY_CEILING_BYTES: u64 = 256 * MIB;
/// Instances alive at once on a host. Each takes a slot of address space, and memory when it runs.
pub const INSTANCES_TOTAL_MAX: u32 = 1_000;
/// Memory that stays mapped in an idle pool slot, in bytes: most calls of a small guest touch no more, and more would
/// have to be cleared for each call.
pub const POOL_KEEP_RESIDENT_BYTES: usize = 128 * 1024;
/// The same of a table's slot, in bytes: a page, which is cleared in less time than it takes to give it back to the system
/// and to fault it in again. A component has two or three tables, of a few dozen entries each.
pub const POOL_TABLE_KEEP_RESIDENT_BYTES: usize = 4 * 1024;
/// Stack of guest code, in bytes.
pub const WASM_STACK_BYTES: usize = 1024 * 1024;
/// Stack of an invocation, in bytes: the guest's and what host functions need on top of it.
pub const ASYNC_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Milliseconds between two epoch ticks: the longest that a spinning guest keeps its thread.
pub const EPOCH_TICK_MS: u64 = 10;
/// Milliseconds of guest code from which an invocation goes on in the slow lane: a tick, of which nearly every call needs a
/// small part.
pub const SLOW_LANE_GUEST_MS: u64 = EPOCH_TICK_MS;
/// Calls that have to be short, one after the other, before a function that ran for long begins in the usual lane again.
pub const SLOW_LANE_CALLS: u8 = 16;
/// The priority of the slow lane's threads, as `nice` counts: the lowest that there is.
pub const SLOW_LANE_NICE: i32 = 19;
/// Bytes that one host call may make the host allocate while it lifts arguments. 320 KiB of a guest's memory can
/// name 2 GiB by aliased pointers.
pub const HOSTCALL_FUEL: usize = 4 * 1024 * 1024;
/// Bytes of a component. Compilation takes time in proportion.
pub const COMPONENT_BYTES_MAX: u64 = 32 * MIB;
/// Core instances of a component, nested ones included, before it is compiled: 1.5 KiB of valid component can name
/// millions of them and takes gigabytes to compile.
pub const COMPONENT_INSTANCES_MAX: usize = 200;
/// Core instances that the pool keeps for each running component: one from Rust has 3.
pub const CORE_INSTANCES_PER_COMPONENT: u32 = 4;
/// Linear memories that the pool keeps for each: one from Rust has 1.
pub const MEMORIES_PER_COMPONENT: u32 = 1;
/// Tables that the pool keeps for each: one from Rust has 2 or 3.
pub const TABLES_PER_COMPONENT: u32 = 4;
/// Linear memories of a component. Each takes a slot of the pool; a component of 3 KiB can ask for 900.
pub const COMPONENT_MEMORIES_MAX: u32 = 4;
/// Tables of a component.
pub const COMPONENT_TABLES_MAX: u32 = 16;
/// Bytes of one function's body. Compilation is worse than linear in it: 992 KiB took 20 s.
pub const FUNCTION_BYTES_MAX: usize = 512 * 1024;
/// Locals of one function, for the same reason.
pub const FUNCTION_LOCALS_MAX: u32 = 5_000;
/// Components nested in one another. The pre-pass walks them.
pub const COMPONENT_NESTING_MAX: usize = 20;
/// Characters of a function's name that a refusal repeats.
pub const FUNCTION_NAME_CHARS_MAX: usize = 80;
/// Bytes of a refused component's sentence that are shown: the longest difference of exports fits.
pub const LOAD_SENTENCE_BYTES_MAX: usize = 8 * 1024;
/// Lines of the difference between a manifest's exports and a component's that a refusal shows.
pub const EXPORT_LINES_MAX: usize = 20;
/// Characters of one such line.
pub const EXPORT_LINE_CHARS_MAX: usize = 160;
/// Bytes of address space of the process that compiles a component. The largest that are built from other languages, of 18 MB,
/// take less, and a bomb of 1.5 KiB took 4.5 GB.
pub const COMPILER_ADDRESS_BYTES_MAX: u64 = 2 * 1024 * MIB;
/// Seconds of processor time of that process, over all its threads: those largest ones take 8 s.
pub const COMPILER_CPU_S_MAX: u64 = 60;
/// Milliseconds from its start to its answer, on a machine that has other work as well.
pub const COMPILER_WALL_MS_MAX: u64 = 120_000;
/// Milliseconds until it says that it is a compiler: a program that does something else is not waited for.
pub const COMPILER_START_MS: u64 = 10_000;
/// Threads of that process: each takes address space of its own.
pub const COMPILER_THREADS_MAX: usize = 4;
/// Bytes of compiled code of one component.
pub const COMPILED_BYTES_MAX: u64 = 256 * MIB;
/// Bytes of what it says where it does not compile.
pub const COMPILER_MESSAGE_BYTES_MAX: u64 = 4 * KIB;
/// Bytes of a manifest.
pub const MANIFEST_BYTES_MAX: u64 = 64 * KIB;
/// Bytes of a plugin's name. It becomes part of a role's and a schema's name, which PostgreSQL cuts at 63.
pub const PLUGIN_NAME_BYTES_MAX: usize = 40;

/// Invocations of one plugin at once.
pub const PLUGIN_CONCURRENCY_MAX: usize = 128;
/// Milliseconds that an invocation waits for a permit before it is `overloaded`.
pub const ADMISSION_WAIT_MS: u64 = 2_000;
/// Runs of a mutation that keeps losing serialization races, the first included.
pub const MUTATION_ATTEMPTS_MAX: u32 = 5;
/// Milliseconds before the first of these runs again; doubles each time.
pub const MUTATION_BACKOFF_MS: u64 = 2;
/// Most milliseconds between two runs of a mutation.
pub const MUTATION_BACKOFF_MAX_MS: u64 = 50;

/// Outcomes of a plugin's latest invocations that say whether it is quarantined.
pub const BREAKER_WINDOW: u32 = 20;
/// Failures among them that quarantine it: half of a full window, so that a caller who makes a plugin fail has to outweigh all
/// who do not; and never fewer, so that a bad minute of a plugin that is seldom called is no reason.
pub const BREAKER_FAILURES: u32 = 10;
/// Milliseconds of a first quarantine; doubles with each probe that fails.
pub const QUARANTINE_MS: u64 = 1_000;
/// Milliseconds of the longest quarantine: what was mended serves again 5 min later without anybody's doing.
pub const QUARANTINE_MAX_MS: u64 = 300_000;
/// Milliseconds between two looks at which plugins are disabled: how long another host goes on after `disable`, at most, while
/// its database answers.
pub const SWITCH_POLL_MS: u64 = 1_000;
/// Bytes of an operator's reason.
pub const DISABLE_REASON_BYTES_MAX: usize = 500;
/// Entries that wait for the audit log's writer. More are counted, and the next entry says how many.
pub const AUDIT_QUEUE_MAX: usize = 1_024;
/// Milliseconds in which repeats of one event become one entry: two entries a minute for each limit of a plugin.
pub const AUDIT_REPEAT_MS: u64 = 60_000;
/// Milliseconds between two looks for repeats whose time is over.
pub const AUDIT_TICK_MS: u64 = 1_000;
/// Bytes of what an audit entry says, before it is escaped.
pub const AUDIT_WHAT_BYTES_MAX: usize = 1024;
/// Bytes of a line of the audit log: each byte of what it says takes up to six, and the rest of it 512.
pub const AUDIT_LINE_BYTES_MAX: usize = 8 * 1024;

/// Upper bounds of the metrics' histograms of durations, in microseconds: from a call that touches nothing to an action's
/// whole time, each about three times the one before.
pub const DURATION_BUCKETS_US: [u64; 13] = [
    100,
    300,
    1_000,
    3_000,
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    300_000_000,
];

/// Seconds between two rounds of what a host does by itself: closing idle connections, starting cron taps.
pub const MAINTENANCE_S: u64 = 1;

/// Bytes of JSON arguments or results of one call.
pub const JSON_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Levels of nesting in JSON arguments, and of the types they are checked against. Deeper ones would need stack in
/// proportion.
pub const JSON_DEPTH_MAX: usize = 64;
/// Values in JSON arguments, nested ones and absent options included. Two bytes of text can cost the host 160 bytes of
/// memory, or far more where they stand for a record of options.
pub const JSON_VALUES_MAX: usize = 250_000;
/// Bytes of all `list<u8>` arguments of one call together. Each takes 40 in memory until the call has begun.
pub const JSON_BINARY_BYTES_MAX: usize = 1024 * 1024;
/// Largest magnitude of an integer that is written as a JSON number: 2^53. JavaScript rounds larger ones.
pub const JSON_INTEGER_MAX: u64 = 1 << 53;
/// Types that one function's signature may consist of. Types can be shared, so that 40 declarations spell a
/// tree of 2^40.
pub const SIGNATURE_TYPES_MAX: usize = 2_000;
/// Bytes of a type's text in an error.
pub const TYPE_TEXT_BYTES_MAX: usize = 200;
/// Characters of a caller's string that an error repeats.
pub const QUOTED_CHARS_MAX: usize = 40;
/// Bytes of a request's body over HTTP.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes beyond that which are read and thrown away, so that a caller who sends first and reads later gets its answer.
pub const BODY_DISCARD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Milliseconds that a request's head may take to arrive, and that a connection may idle between two requests.
pub const HEAD_READ_MS: u64 = 30_000;
/// Milliseconds that a request's body may take to arrive.
pub const BODY_READ_MS: u64 = 30_000;
/// Connections to the server at once. Each costs a file and some memory; beyond them callers wait in the kernel.
pub const SERVER_CONNECTIONS_MAX: usize = 4_096;
/// Milliseconds that the server waits when the system has no more files for connections.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Seconds after which a caller is told to try again what failed for a passing reason.
pub const RETRY_AFTER_S: u64 = 1;
/// Items of one page when the caller names no number.
pub const ITEM_PAGE_DEFAULT: u32 = 20;
/// Milliseconds that running requests get to finish when the server stops.
pub const DRAIN_MS: u64 = 10_000;

/// Bytes of one call for random data.
pub const RANDOM_CALL_BYTES_MAX: u64 = 64 * KIB;
/// Bytes of a log record's text, fields included.
pub const LOG_RECORD_BYTES_MAX: usize = 4 * 1024;
/// Fields of a log record.
pub const LOG_FIELDS_MAX: usize = 32;
/// Bytes of a log field's name.
pub const LOG_FIELD_NAME_BYTES_MAX: usize = 64;

/// Bytes of a cache key.
pub const CACHE_KEY_BYTES_MAX: usize = 512;
/// Bytes of a cache tag.
pub const CACHE_TAG_BYTES_MAX: usize = 128;
/// Tags of a cache entry.
pub const CACHE_TAGS_MAX: usize = 16;
/// Bytes of a cached value.
pub const CACHE_VALUE_BYTES_MAX: u64 = MIB;
/// Bytes that one plugin's entries may take together.
pub const CACHE_PLUGIN_BYTES_MAX: u64 = 16 * MIB;
/// What an entry costs beyond its key, tags and value, in bytes: so that empty values are not free.
pub const CACHE_ENTRY_OVERHEAD_BYTES: u64 = 128;
/// Milliseconds that an entry is kept when the plugin names no time: 1 hour.
pub const CACHE_TTL_DEFAULT_MS: u64 = 3_600_000;
/// Milliseconds that an entry may be kept: 30 days.
pub const CACHE_TTL_MAX_MS: u64 = 30 * 24 * 3_600_000;

/// Bytes of a context key.
pub const CONTEXT_KEY_BYTES_MAX: usize = 128;
/// Bytes of a request id.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// Bytes of a variable's name.
pub const VARIABLE_NAME_BYTES_MAX: usize = 64;
/// Bytes of a variable's text.
pub const VARIABLE_TEXT_BYTES_MAX: u64 = 64 * KIB;

/// Bytes of a permission's name.
pub const PERMISSION_BYTES_MAX: usize = 128;
/// Seconds of a day, which tokens' lifetimes are counted in.
pub const DAY_S: u64 = 24 * 3_600;
/// Bytes of a role's name.
pub const ROLE_BYTES_MAX: usize = 64;
/// Bytes of a user's display name.
pub const USER_NAME_BYTES_MAX: usize = 200;

/// Bytes of an item's title.
pub const ITEM_TITLE_BYTES_MAX: usize = 500;
/// Bytes of an item type's name.
pub const ITEM_TYPE_BYTES_MAX: usize = 40;
/// Bytes of an item's fields as JSON text.
pub const ITEM_FIELDS_BYTES_MAX: u64 = MIB;
/// Levels of nesting in an item's fields.
pub const ITEM_FIELDS_DEPTH_MAX: usize = 32;
/// Items of one page, and ids of one `get-many`.
pub const ITEM_PAGE_MAX: usize = 100;
/// Bytes of a tap's refusal.
pub const REFUSAL_BYTES_MAX: usize = 1024;
/// Seconds between two runs of a cron tap, at least.
pub const CRON_INTERVAL_MIN_S: u64 = 1;

/// Milliseconds that one statement may take. A page cannot wait longer.
pub const STATEMENT_MS: u64 = 5_000;
/// Milliseconds that a statement may wait for a lock.
pub const LOCK_MS: u64 = 2_000;
/// Milliseconds that a transaction may idle between two statements: a guest's time, then some.
pub const IDLE_IN_TRANSACTION_MS: u64 = 15_000;
/// Connections of one plugin's pool.
pub const PLUGIN_CONNECTIONS_MAX: usize = 8;
/// KiB of memory that one sort or hash of a plugin's statement takes before it spills to disk: 8 MiB. A statement
/// may have several of them.
pub const PLUGIN_WORK_MEMORY_KIB: u64 = 8 * KIB;
/// KiB of temporary files that one statement of a plugin may write: 256 MiB, sixteen times what an invocation may read.
pub const PLUGIN_TEMPORARY_FILES_KIB: u64 = 256 * KIB;
/// Prepared statements that one connection keeps.
pub const STATEMENTS_CACHED_MAX: usize = 200;
/// Times that a login role may hold its pool's connections: a version that is being replaced, or a second host on the
/// same database, has a pool of its own for a while.
pub const ROLE_POOLS_MAX: usize = 4;
/// Times that the attacks on a plugin's login are tried when a lock is in the way: another host may be migrating what they
/// are aimed at.
pub const CANARY_ATTEMPTS_MAX: u32 = 3;
/// Connections that only ever run one statement: for tokens, permissions and the like. A pool of their own, because
/// whoever asks may hold a transaction's connection already, and must not wait for those who hold the others.
pub const LOOKUP_CONNECTIONS_MAX: usize = 4;
/// Connections of the host's own transactions.
pub const HOST_CONNECTIONS_MAX: usize = 16;
/// Connections that all plugins of a host hold together. A server has 100 by default, and the host needs some itself.
pub const PLUGIN_SEATS_MAX: usize = 64;
/// Milliseconds after which whoever waits for one of these looks again for one that lies idle.
pub const SEAT_POLL_MS: u64 = 20;
/// Milliseconds that dialling a server may take where its URL does not say.
pub const DIAL_MS: u64 = 5_000;
/// Milliseconds that sent data may stay unacknowledged before a server counts as gone.
pub const TCP_USER_TIMEOUT_MS: u64 = 30_000;
/// Bytes that a row takes on the wire beyond its values: the message's head.
pub const WIRE_ROW_BYTES: u64 = 8;
/// Bytes that the server may send beyond the budget and the heads of its rows before its connection is cut off: column
/// descriptions, notices, the answer to a rollback.
pub const WIRE_SLACK_BYTES: u64 = MIB;
/// Milliseconds that an invocation waits for a connection.
pub const CONNECTION_WAIT_MS: u64 = 5_000;
/// Seconds after which an idle connection is closed.
pub const CONNECTION_IDLE_S: u64 = 60;
/// Bytes of one SQL text.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Parameters of one SQL text.
pub const SQL_PARAMETERS_MAX: usize = 100;
/// Nodes of one statement's syntax tree.
pub const SQL_NODES_MAX: usize = 5_000;
/// Levels of nesting of one statement: the parser recurses.
pub const SQL_DEPTH_MAX: usize = 40;
/// Levels that the SQL parser may recurse: a level of nesting takes two or three, and each of these up to 40 KiB.
pub const SQL_PARSER_DEPTH_MAX: usize = 128;
/// Words `position` in one statement: the parser tries each nested one in two ways, which doubles its time.
pub const SQL_POSITIONS_MAX: usize = 8;
/// Stack of the thread that parses SQL, in bytes: twice what the deepest statement within the limits needs. Only what is
/// used of it takes memory.
pub const SQL_STACK_BYTES: usize = 16 * 1024 * 1024;
/// Calls of functions in one statement. PostgreSQL does not look for a cancel between the parts of one expression, and
/// each call can take its argument of megabytes.
pub const SQL_CALLS_MAX: usize = 128;
/// Products in one statement: operations whose time grows with the product of two lengths. One of two numerics of
/// 65,000 digits takes 0.15 s that no timeout interrupts.
pub const SQL_PRODUCTS_MAX: usize = 32;
/// Bytes of a number in SQL text. Longer ones go as parameters.
pub const SQL_NUMBER_BYTES_MAX: usize = 64;
/// Bytes of a pattern, a separator, or a text that is searched for. PostgreSQL compares it at every position of the other
/// text, without a look for a cancel: 256 bytes against 16 MiB take seconds, 8 MiB take hours.
pub const SQL_SHORT_TEXT_BYTES_MAX: usize = 256;
/// Parts that such a text may be put together from: a parameter between two `%` has five, with the operators.
pub const SQL_SHORT_TEXT_PIECES_MAX: usize = 8;
/// Milliseconds that one statement of a migration may take, or wait for another host that migrates: 10 min, enough to
/// build an index on a large table.
pub const MIGRATION_MS: u64 = 600_000;
/// Bytes of one migration.
pub const MIGRATION_BYTES_MAX: usize = 1024 * 1024;
/// References to common table expressions, spelled out: each level of doubling doubles the planner's work.
pub const SQL_CTE_REFERENCES_MAX: usize = 32;
/// Grouping sets, with CUBE and ROLLUP spelled out.
pub const SQL_GROUPING_SETS_MAX: usize = 64;
/// Relations in one statement.
pub const SQL_RELATIONS_MAX: usize = 32;
/// Conditions of one structured call.
pub const DB_CONDITIONS_MAX: usize = 64;
/// Values of one `one-of`.
pub const DB_ONE_OF_MAX: usize = 1_000;
/// Rows of one structured insert.
pub const DB_INSERT_ROWS_MAX: usize = 1_000;
/// Parameters that PostgreSQL's protocol can number in one statement.
pub const DB_PARAMETERS_MAX: usize = 65_535;
/// Rows that are fetched along with the statement that selects them. A result of more is read from a cursor, batch by
/// batch, as the guest asks for it.
pub const DB_FETCH_ROWS: u32 = 100;
/// Rows of one batch.
pub const DB_BATCH_ROWS_MAX: u32 = 1_000;
/// Elements of one array.
pub const DB_ARRAY_ELEMENTS_MAX: usize = 100_000;
/// Digits of a `numeric` before the point, which PostgreSQL sets.
pub const NUMERIC_INTEGER_DIGITS_MAX: usize = 131_072;
/// Digits of a `numeric` after the point, which PostgreSQL sets.
pub const NUMERIC_FRACTION_DIGITS_MAX: usize = 16_383;
/// First day that a `date` can be, in days since 1970, which PostgreSQL sets: 4714-11-24 BC.
pub const DATE_DAYS_MIN: i32 = -2_440_588;
/// Last such day, which PostgreSQL sets: 5874897-12-31.
pub const DATE_DAYS_MAX: i32 = 2_145_042_905;
/// Most microseconds of a `time`, which PostgreSQL sets: 24:00:00 itself is one.
pub const TIME_US_MAX: i64 = 86_400_000_000;
/// Last instant at which a call can be run again: the end of the year 9999, which times as text, as JSON and in PostgreSQL
/// can all hold.
pub const MOMENT_US_MAX: i64 = 253_402_300_799_999_999;
/// First `timestamp`, in microseconds since 1970, which PostgreSQL sets: 4714-11-24 BC.
pub const TIMESTAMP_US_MIN: i64 = -210_866_803_200_000_000;
/// Last `timestamp` that fits the contract, which counts from 1970: in January 294247. PostgreSQL counts from 2000 and
/// has 29 years more. The next number means infinity.
pub const TIMESTAMP_US_MAX: i64 = i64::MAX - 1;
/// Bytes of an identifier, which PostgreSQL sets: it cuts longer ones, and two of them could meet.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Bytes of a URL.
pub const HTTP_URL_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
pub const HTTP_HEADERS_MAX: usize = 64;
/// Bytes of a header's name.
pub const HTTP_HEADER_NAME_BYTES_MAX: usize = 128;
/// Bytes of a header's value.
pub const HTTP_HEADER_VALUE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a response's headers together.
pub const HTTP_RESPONSE_HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request's body.
pub const HTTP_BODY_BYTES_MAX: u64 = MIB;
/// Bytes of one read of a response's body.
pub const HTTP_READ_BYTES_MAX: u32 = 64 * 1024;
/// Redirects of one request.
pub const HTTP_REDIRECTS_MAX: usize = 5;
/// Milliseconds of an exchange when the plugin names no time.
pub const HTTP_TIMEOUT_DEFAULT_MS: u64 = 10_000;

/// Connections of a private PostgreSQL: the host's own, a dozen plugins' pools at their fullest, and people who look at it.
pub const PRIVATE_CONNECTIONS_MAX: usize = 120;
/// Bytes of address space of a private PostgreSQL's processes, each of them: 1.5 GiB. 217 MiB of it are shared by all or
/// are code; in the rest a value of 300 MB can still be made and stored, which takes four copies of it. A statement that
/// wants gigabytes ends in `out of memory` instead of taking the machine with it.
pub const PRIVATE_PROCESS_BYTES_MAX: u64 = 1_536 * MIB;
/// Milliseconds that a private PostgreSQL gets to start: recovery after a crash reads its whole log.
pub const PRIVATE_START_MS: u64 = 60_000;
/// Milliseconds between two looks at whether it has started or ended. It starts in about 50.
pub const PRIVATE_POLL_MS: u64 = 5;
/// Milliseconds that it gets to stop by itself before it is stopped at once.
pub const PRIVATE_STOP_MS: u64 = 10_000;
/// Milliseconds that dropping it may block the thread. An immediate stop takes about 50.
pub const PRIVATE_DROP_MS: u64 = 2_000;
/// Lines of its log that are kept to explain why it did not start.
pub const PRIVATE_LOG_LINES_MAX: usize = 20;
/// Bytes of one such line.
pub const PRIVATE_LOG_LINE_BYTES_MAX: u64 = 2 * KIB;
/// Bytes of a Unix socket's path, which the kernel sets: 108 with the closing zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Headers of a response. 64 KiB of them are short ones of a hostile server long before they are anyone's real ones.
pub const HTTP_RESPONSE_HEADERS_MAX: usize = 256;
/// Times that a path is percent-decoded in search of hidden dot segments. A server behind a proxy decodes twice; a path
/// that still changes after this is nobody's.
pub const HTTP_PATH_DECODINGS_MAX: usize = 3;
/// Name look-ups at once on a host. Each holds a thread for as long as the name's server likes.
pub const HTTP_LOOKUPS_MAX: usize = 64;

/// Bytes of a secret that the host draws: 256 bits, which nobody guesses.
pub const SECRET_BYTES: usize = 32;
/// Bytes of one key of the proofs of who calls: a block of SHA-256, so that a key fills one.
pub const CALLER_KEY_BYTES: usize = 64;
/// Bytes of both keys: of the inner hash, then of the outer.
pub const CALLER_KEYS_BYTES: usize = 2 * CALLER_KEY_BYTES;
/// Milliseconds that a proof of who calls is good for: as long as a statement may take, the same for the commit that reads
/// the rest of an action's cursor, and once more for what comes before it.
pub const CALLER_PROOF_MS: i64 = 15_000;
/// Seconds after which a server's clock is read again: less than anybody needs to set one twice.
pub const CALLER_CLOCK_S: u64 = 60;
/// The advisory lock of everything that changes the shape of a database: "pali" in ASCII, so that it meets no other's.
pub const DATABASE_LOCK: i64 = 0x7061_6c69;
/// Bytes of an item id that the invocation's randomness fills: all of a version 7 UUID but its time.
pub const ITEM_ID_RANDOM_BYTES: usize = 10;
/// Microseconds in a millisecond.
pub const US_PER_MS: i64 = 1_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
/// Milliseconds in a second.
pub const MS_PER_S: u64 = 1_000;
/// Characters of a parser's own words that a refusal repeats.
pub const SQL_MESSAGE_CHARS_MAX: usize = 200;
/// Characters of a `varchar(n)` or `char(n)` in a cast.
pub const SQL_TYPE_LENGTH_MAX: u64 = 10_000;

#[cfg(test)]
mod tests;
