//! Every number that the host enforces, each with its unit and its reason.
//!
//! There are two kinds of numbers. A [`Limit`] belongs to an invocation: the [ledger](crate::ledger) counts what the
//! invocation uses, and an operator or a manifest can lower the maximum. A constant bounds one argument or one shared
//! resource. The unit comes last in a constant's name (`_BYTES_MAX`, `_MS`). No other file of the host holds a number
//! that a plugin could run into.

use std::fmt;

/// 1 KiB in bytes.
pub const KIB: u64 = 1024;
/// 1 MiB in bytes.
pub const MIB: u64 = 1024 * KIB;

/// Declares the limits: variant, manifest name, unit, default, reason.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $unit:ident, $default:expr;)+) => {
        /// A resource of one invocation that has a maximum.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Limit { $($(#[doc = $doc])+ $variant,)+ }

        impl Limit {
            /// Every limit, in the order of the reference page.
            pub const ALL: &[Limit] = &[$(Limit::$variant,)+];
            const COUNT: usize = Self::ALL.len();

            /// The name that manifests, errors and metrics use.
            pub const fn name(self) -> &'static str { match self { $(Limit::$variant => $name,)+ } }

            /// What the limit bounds, and why there is one: for the reference page.
            #[cfg(test)]
            pub(crate) const fn meaning(self) -> &'static str {
                match self { $(Limit::$variant => concat!($($doc),+),)+ }
            }

            /// The unit that the limit counts in.
            pub const fn unit(self) -> Unit { match self { $(Limit::$variant => Unit::$unit,)+ } }

            /// The maximum, unless an operator or a manifest sets a lower one.
            pub const fn default_max(self) -> u64 { match self { $(Limit::$variant => $default,)+ } }

            /// Whether the limit bounds one argument, instead of the total that the invocation uses.
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

/// The unit that a [`Limit`] counts in.
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
    /// Bytes of linear memory of all instances of the component together. 64 MiB holds a page of content and
    /// its rendering many times over; without the limit one guest can take all memory of the machine.
    Memory, "memory", Bytes, 64 * MIB;
    /// Elements of all Wasm tables together. A Rust plugin has a few hundred; each element costs the host 16
    /// bytes.
    TableElements, "table-elements", Count, 100_000;
    /// Core instances of one component. A component from Rust has 3; a nested bomb has thousands.
    Instances, "instances", Count, 200;
    /// Bytes of stack for guest code. Deeper recursion is a stack overflow.
    Stack, "stack", Bytes, WASM_STACK_BYTES as u64;
    /// Milliseconds of processor time that an invocation uses: guest code, and what the host does for it without
    /// waiting, such as checking arguments and converting the result. 10 s is far more than any page takes.
    GuestTime, "guest-time", Milliseconds, 10_000;
    /// Units of fuel: about one for each instruction of guest code, and the same number in each run of the
    /// same call. Off unless a policy or manifest sets it, because counting takes time.
    Fuel, "fuel", Count, u64::MAX;
    /// Milliseconds from start to end of a query or mutation, host calls included. After 30 s the caller has
    /// given up.
    WallTime, "wall-time", Milliseconds, 30_000;
    /// Milliseconds from start to end of an action, host calls included. An action gets more time because it
    /// waits for other servers. Longer work belongs in several runs of a cron tap.
    ActionTime, "action-time", Milliseconds, 300_000;
    /// Calls from the guest into the host. A call that handles many bytes counts as one more for each 4 KiB of
    /// them. One call is cheap; a million calls are not.
    HostCalls, "host-calls", Count, 100_000;
    /// Resources (rows, bodies) open at once, each of which takes memory of the host. wasmtime's own default
    /// is 1,000,000.
    Handles, "handles", Count, 1_000;
    /// Statements sent to the database. Each is a round trip to a server that all plugins share.
    DbStatements, "db-statements", Count, 1_000;
    /// Rows read and written. A page shows a few hundred at most; a scan of a large table ends here.
    DbRows, "db-rows", Count, 10_000;
    /// Bytes of rows and parameters read and written, because even a few rows can be large.
    DbBytes, "db-bytes", Bytes, 16 * MIB;
    /// Bytes of a plugin's tables with their indexes, in the database: unlike the others, the sum of all that
    /// the plugin's invocations ever wrote. 1 GiB holds a large site; without the limit one plugin fills the disk.
    Storage, "storage", Bytes, 1024 * MIB;
    /// Log records. All plugins write to one log, and one call must not fill it.
    LogRecords, "log-records", Count, 256;
    /// Bytes of log text, for the same reason as the number of records.
    LogBytes, "log-bytes", Bytes, 256 * KIB;
    /// Bytes written to the cache: as many as one plugin's share of the cache holds.
    CacheBytes, "cache-bytes", Bytes, 16 * MIB;
    /// Entries of one plugin's context in one request. The host holds them in memory until the request ends.
    ContextEntries, "context-entries", Count, 64;
    /// Bytes of one plugin's keys and values in one request's context. The host holds them in memory until
    /// the request ends.
    ContextBytes, "context-bytes", Bytes, 64 * KIB;
    /// Bytes of random data: enough for 32,768 keys of 256 bits.
    RandomBytes, "random-bytes", Bytes, MIB;
    /// HTTP requests, redirects included. With more of them a plugin could use the host to flood another
    /// server.
    HttpRequests, "http-requests", Count, 50;
    /// Bytes of HTTP bodies sent and received, because another server decides how long its answer is.
    HttpBytes, "http-bytes", Bytes, 16 * MIB;
    /// Bytes of one value that is written to the cache. A rendered page fits; a file belongs elsewhere.
    CacheValueBytes, "cache-value-bytes", Bytes, CACHE_VALUE_BYTES_MAX;
    /// Bytes of one item's fields as JSON text. Every reader of the item loads all of them.
    ItemFieldsBytes, "item-fields-bytes", Bytes, ITEM_FIELDS_BYTES_MAX;
    /// Bytes of random data in one call. No key or token needs as many.
    RandomCallBytes, "random-call-bytes", Bytes, RANDOM_CALL_BYTES_MAX;
    /// Bytes of one variable's text. A variable is a setting, not a document.
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
        Limit::ALL.iter().fold(Self::zero(), |limits, limit| limits.with(*limit, limit.default_max()))
    }
}

impl Limits {
    /// Zero for every limit: what a ledger has counted at the start.
    pub(crate) const fn zero() -> Self {
        Self([0; Limit::COUNT])
    }

    /// No maximum for any limit: what a manifest without `[limits]` sets.
    pub fn unlimited() -> Self {
        Self([u64::MAX; Limit::COUNT])
    }

    /// The most that any host can grant, whatever its owner, an operator or a manifest sets: the sizes that the engine
    /// is built for, and the times after which no caller waits any more.
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

    /// Sets the maximum of one limit, in its unit.
    pub fn set(&mut self, limit: Limit, max: u64) {
        if let Some(slot) = self.0.get_mut(limit as usize) {
            *slot = max;
        }
    }

    /// The smaller of both maxima, for each limit: the other limits can lower one and never raise it.
    pub fn lowered_to(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = (*mine).min(theirs);
        }
        self
    }
}

/// Percent of a limit at which the host warns the operator. It is high enough that a plugin with room to
/// spare causes no warning, and low enough that the operator can raise the limit, or ask the author, before a
/// call fails.
pub const LIMIT_WARNING_PERCENT: u64 = 80;
/// All of a limit, in percent.
pub const PERCENT: u64 = 100;
/// Most memory that an operator can grant to an invocation, in bytes: the slots of the instance pool are this
/// large.
pub const MEMORY_CEILING_BYTES: u64 = 256 * MIB;
/// Percent of the machine's memory, or of the memory that a control group allows, that a host uses at most unless its
/// operator sets a number: the database and the system need the other half.
pub const MEMORY_DEFAULT_PERCENT: u64 = 50;
/// Fewest bytes that an operator can allow a host: what it holds while nothing runs, the reserves below, and room for a
/// few calls of the largest permitted size.
pub const MEMORY_MIN_BYTES: u64 = 256 * MIB;
/// Bytes of a host's memory that no reservation can take: what synchronous steps hold for a moment, the runtime, and
/// connections.
pub const MEMORY_RESERVE_BYTES: u64 = 64 * MIB;
/// Percent of a host's memory that idle slots of the instance pool may keep resident. It lowers the number of slots on a
/// small host.
pub const MEMORY_POOL_PERCENT: u64 = 12;
/// Percent of the budget of bytes that one plugin's invocations may hold. The other half is for its neighbours.
pub const MEMORY_SHARE_OF_PLUGIN_PERCENT: u64 = 50;
/// Percent of the budget of bytes that one caller's requests may hold. All anonymous callers are one caller.
pub const MEMORY_SHARE_OF_CALLER_PERCENT: u64 = 50;
/// Percent of the budget of bytes that the caches of all plugins may hold.
pub const MEMORY_SHARE_OF_CACHE_PERCENT: u64 = 25;
/// Percent of the budget of bytes that is left whatever the process holds without a reservation.
pub const MEMORY_KEPT_PERCENT: u64 = 25;
/// Shares of users or plugins that are kept before the ones that nobody uses are forgotten.
pub const MEMORY_SHARES_KEPT: usize = 1_024;
/// Bytes up to which a reservation is small: an ordinary call of a small guest, with its instance.
pub const MEMORY_SMALL_BYTES: u64 = 2 * MIB;
/// Percent of the budget, and of each share, that only small reservations may take: a few large requests must not keep
/// ordinary calls from being served.
pub const MEMORY_FOR_SMALL_PERCENT: u64 = 25;
/// Bytes by which a reservation grows: large enough that most calls reserve once.
pub const MEMORY_GRAIN_BYTES: u64 = 64 * KIB;
/// Bytes that the host holds for an invocation besides its linear memory: the touched part of its stack, its state, and a
/// slot of the pool.
pub const MEMORY_INVOCATION_BYTES: u64 = 192 * KIB;
/// Bytes that the host holds for one value of a row beside its text: nulls are not free.
pub const DB_VALUE_HELD_BYTES: u64 = 64;
/// Bytes that the host holds for one element of an array beside its text: a null takes 4 bytes on the wire, and as much
/// as any other element once it is decoded.
pub const DB_ELEMENT_HELD_BYTES: u64 = 32;
/// Bytes that the host holds for one JSON value beside its text.
pub const JSON_VALUE_HELD_BYTES: u64 = 96;
/// Bytes that the host holds for each byte of a row or parameter: the server's message, the decoded value, and the copy
/// that is passed to the guest.
pub const MEMORY_PER_DB_BYTE: u64 = 3;
/// Milliseconds between two looks at how many bytes the process really holds.
pub const MEMORY_LOOK_MS: u64 = 100;
/// Instances alive at once on a host. Each takes a slot of address space, and memory while it runs.
pub const INSTANCES_TOTAL_MAX: u32 = 1_000;
/// Bytes of memory that stay mapped in an idle slot of the pool. Most calls of a small guest touch no more,
/// and the host must clear what stays mapped before each call.
pub const POOL_KEEP_RESIDENT_BYTES: usize = 128 * 1024;
/// Bytes that stay mapped in an idle slot for a table: one page, because clearing a page takes less time than
/// returning it to the system and faulting it in again. A component has two or three tables of a few dozen
/// entries each.
pub const POOL_TABLE_KEEP_RESIDENT_BYTES: usize = 4 * 1024;
/// Bytes of one element of a table.
pub const TABLE_ELEMENT_BYTES: u64 = 16;
/// Bytes of stack for guest code: enough for deep recursion, and half of the invocation's stack.
pub const WASM_STACK_BYTES: usize = 1024 * 1024;
/// Bytes of stack for one invocation: the guest's stack, and the same again for the host functions that the
/// guest calls.
pub const ASYNC_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Milliseconds between two epoch ticks: the longest that a spinning guest keeps its thread.
pub const EPOCH_TICK_MS: u64 = 10;
/// Milliseconds for which a guest must have had its thread for a tick to take it away. A tick that came while
/// the guest waited is no reason to wait again.
pub const TICK_FRESH_MS: u64 = 1;
/// Milliseconds of one poll from which on the thread's own processor time counts, and not the clock. To read it takes a
/// system call, and nearly every poll is shorter.
pub const POLL_LONG_MS: u64 = 1;
/// Milliseconds of processor time after which an invocation moves to the slow lane. Nearly every call needs
/// less than one, and short calls of others wait for as long: at 3, sixteen callers of one plugin that needed 2 ms each took
/// a neighbour's median from 0.4 to 4 ms. A host that is not optimized needs several times as long for the same.
pub const SLOW_LANE_MS: u64 = if cfg!(debug_assertions) { 5 } else { 1 };
/// Short calls in a row after which a function that ran for long starts in the usual lane again.
pub const SLOW_LANE_CALLS: u8 = 16;
/// Priority of the slow lane's threads, as `nice` counts it. A thread of usual priority goes first, and beside
/// one that never rests they still get a tenth of the processor. At 19, the lowest priority, they get a
/// seventieth, and calls of 0.3 s run out of time on a busy machine.
pub const SLOW_LANE_NICE: i32 = 10;
/// Milliseconds for which a call may compute in `palisade dev`, unless the manifest says otherwise: an endless loop ends while its
/// author still looks. What a call does in a server takes a few.
pub const DEV_GUEST_TIME_MS: u64 = 2_000;
/// Milliseconds without a change after which a changed file counts as written: editors and compilers write in several steps.
pub const WATCH_SETTLE_MS: u64 = 50;
/// Milliseconds between two looks at files that are watched, where the system tells of no changes.
pub const WATCH_POLL_MS: u64 = 2_000;
/// Percent of an invocation's time that it must have waited for a processor for the host to say that it is
/// overloaded, and not that the plugin took too long.
pub const PROCESSOR_WAIT_PERCENT: u64 = 75;
/// Percent of an invocation's time that it must have used the processor for its deadline to count as the
/// plugin's failure. An invocation that waits for a database, a server or a processor has not failed.
pub const PROCESSOR_USE_PERCENT: u64 = 50;
/// Bytes that a host call handles for the price of one more call: to copy and check them takes about as long as
/// a call that handles none.
pub const HOST_CALL_BYTES: u64 = 4 * KIB;
/// Bytes of anonymous arguments that tell one request from another when they fail. The host reads them only
/// after a failure.
pub const CAUSE_BYTES_MAX: usize = 4 * 1024;
/// Bytes that one host call may make the host allocate while it lifts arguments. With aliased pointers, 320
/// KiB of a guest's memory can name 2 GiB.
pub const HOSTCALL_FUEL: usize = 4 * 1024 * 1024;
/// Bytes of a component. The time of compilation grows with them.
pub const COMPONENT_BYTES_MAX: u64 = 32 * MIB;
/// Core instances of a component, nested ones included, checked before the component is compiled: 1.5 KiB of
/// valid component can name millions of instances and takes gigabytes to compile.
pub const COMPONENT_INSTANCES_MAX: usize = 200;
/// Core instances that the pool reserves for each running component. A component from Rust has 3.
pub const CORE_INSTANCES_PER_COMPONENT: u32 = 4;
/// Linear memories that the pool reserves for each running component. A component from Rust has 1.
pub const MEMORIES_PER_COMPONENT: u32 = 1;
/// Tables that the pool reserves for each running component. A component from Rust has 2 or 3.
pub const TABLES_PER_COMPONENT: u32 = 4;
/// Linear memories of a component. Each takes a slot of the pool, and a component of 3 KiB can ask for 900.
pub const COMPONENT_MEMORIES_MAX: u32 = 4;
/// Tables of a component. Each takes a slot of the pool.
pub const COMPONENT_TABLES_MAX: u32 = 16;
/// Bytes of one function's body. The time of compilation grows faster than the body: 992 KiB took 20 s.
pub const FUNCTION_BYTES_MAX: usize = 512 * 1024;
/// Locals of one function. The time of compilation grows faster than their number.
pub const FUNCTION_LOCALS_MAX: u32 = 5_000;
/// Bytes of a name in a component's types and of what it imports and exports: fields, cases, flags, parameters, functions,
/// resources and interfaces. Names repeat in each value, schema and error. The longest of WASI has 48.
pub const COMPONENT_NAME_BYTES_MAX: usize = 128;
/// Types that a component declares, with those in the types of its imports and exports. A component from Rust with all
/// interfaces of the contract has about 300.
pub const COMPONENT_TYPES_MAX: usize = 10_000;
/// Functions that a component exports to callers. The largest of the examples has a dozen.
pub const COMPONENT_FUNCTIONS_MAX: usize = 1_000;
/// Linear memories of one core module. The proposal for several is enabled for the code that passes values between the
/// components of a composed one, and disabled for what plugins bring.
pub const MODULE_MEMORIES_MAX: usize = 1;
/// Levels of components nested in one another. The check before compilation recurses over them.
pub const COMPONENT_NESTING_MAX: usize = 20;
/// Characters of a function's name that an error repeats. The caller or author wrote the name, and an error
/// is one line.
pub const FUNCTION_NAME_CHARS_MAX: usize = 80;
/// Bytes of the error for a rejected component. The longest difference of exports fits.
pub const LOAD_SENTENCE_BYTES_MAX: usize = 8 * 1024;
/// Lines that an error shows of the difference between a manifest's exports and a component's exports.
pub const EXPORT_LINES_MAX: usize = 20;
/// Characters of one line of that difference between exports. The component's author chose the names in it.
pub const EXPORT_LINE_CHARS_MAX: usize = 160;
/// Bytes of address space of the process that compiles a component. The largest components that are built
/// from other languages, of 18 MB, need less; a bomb of 1.5 KiB took 4.5 GB.
pub const COMPILER_ADDRESS_BYTES_MAX: u64 = 2 * 1024 * MIB;
/// Seconds of processor time that the compiler process may take over all its threads. The largest real
/// components take 8 s.
pub const COMPILER_CPU_S_MAX: u64 = 60;
/// Milliseconds from the compiler process's start to its answer, on a machine that has other work as well.
pub const COMPILER_WALL_MS_MAX: u64 = 120_000;
/// Milliseconds until the compiler process must announce itself. A program that does something else is not
/// waited for.
pub const COMPILER_START_MS: u64 = 10_000;
/// Threads of the compiler process. Each takes address space of its own.
pub const COMPILER_THREADS_MAX: usize = 4;
/// Bytes of compiled code of one component, which the host maps into its own memory.
pub const COMPILED_BYTES_MAX: u64 = 256 * MIB;
/// The number of the user that the compiler process becomes when the host runs as root: `nobody`, who owns no file.
pub const COMPILER_USER_ID: u32 = 65_534;
/// Bytes of the compiler process's error message. The message ends up in a log, and the component can
/// influence it.
pub const COMPILER_MESSAGE_BYTES_MAX: u64 = 4 * KIB;
/// Entries of a folder of migrations, of all kinds. A real one has a few dozen.
pub const FOLDER_ENTRIES_MAX: usize = 4_096;
/// Links on the way to a file. The kernel allows as many.
pub const LINKS_MAX: usize = 40;
/// Bytes of a plugin's migrations together. The host holds them in memory until they are applied.
pub const MIGRATIONS_BYTES_MAX: u64 = 16 * MIB;
/// Bytes of a file that an operator writes about plugins: a policy, or secrets. A thousand plugins fit.
pub const POLICY_BYTES_MAX: u64 = MIB;
/// Markdown files of one import. The host holds their paths in memory.
pub const IMPORT_FILES_MAX: usize = 100_000;
/// Bytes of a core module that becomes a component: one with all its debug information fits.
pub const MODULE_BYTES_MAX: u64 = 512 * MIB;
/// Bytes of the stack of a plugin that `palisade build` compiles from Rust or C. A host makes an instance for each call, and
/// clears its first memory: with the usual 1 MiB a call takes three times as long. An author can set another size.
pub const GUEST_STACK_BYTES: u32 = 64 * 1024;
/// Hexadecimal digits of a digest in the name of a folder in the cache: enough that no two contents share a name.
pub const CACHE_NAME_DIGITS: usize = 16;
/// Bytes of a manifest. A person writes it; a real one has a few KiB.
pub const MANIFEST_BYTES_MAX: u64 = 64 * KIB;
/// Bytes of one WIT file of a plugin's folder. A person writes it; the whole contract of this host has a tenth of that.
pub const WIT_BYTES_MAX: u64 = MIB;
/// Bytes of one source file of a plugin that is checked. A person writes it; what a tool generates can be larger, and is skipped.
pub const SOURCE_BYTES_MAX: u64 = MIB;
/// Characters of a source line that a finding shows around its place. A generated line can be as long as its file.
pub const SHOWN_LINE_CHARS_MAX: usize = 120;
/// Mistakes that are looked for in a manifest or policy, or told of a component. Each is a reading of the file, and nobody mends
/// more at once.
pub const MISTAKES_MAX: usize = 20;
/// Letters in which a name differs at most from the one that was probably meant. With more, unrelated names would be near.
pub const NAME_TYPOS_MAX: usize = 2;
/// Names that an error lists beside the one that was probably meant. A longer list would hide it.
pub const LISTED_NAMES_MAX: usize = 8;
/// Bytes of a plugin's name. The name becomes part of a role's and a schema's name, which PostgreSQL cuts at
/// 63 bytes.
pub const PLUGIN_NAME_BYTES_MAX: usize = 40;

/// Invocations of one plugin at once. No plugin can take all of the host's instances.
pub const PLUGIN_CONCURRENCY_MAX: usize = 128;
/// Invocations of the host's total that are kept for plugins with few running ones, so that eight busy plugins
/// leave room for the others.
pub const PLACES_RESERVED: usize = 200;
/// Invocations of one plugin up to which it may take a reserved place.
pub const PLACES_RESERVED_PLUGIN_MAX: usize = 16;
/// Milliseconds that an invocation waits for a permit before it fails with `overloaded`. A caller who retries
/// later does better than one who waits longer.
pub const ADMISSION_WAIT_MS: u64 = 2_000;
/// Runs of a mutation that keeps losing serialization races, the first run included. After that the conflict
/// is not a passing one.
pub const MUTATION_ATTEMPTS_MAX: u32 = 5;
/// Milliseconds before a mutation runs for the second time. The pause doubles with each further run.
pub const MUTATION_BACKOFF_MS: u64 = 2;
/// Most milliseconds between two runs of a mutation. The caller waits for them.
pub const MUTATION_BACKOFF_MAX_MS: u64 = 50;

/// Different causes that must have failed, with no answer since, to quarantine an entry of a plugin: a count.
/// One user, one item and one repeated request are one cause each, so one of them alone is never enough.
pub const BREAKER_FAILURES: u32 = 10;
/// Milliseconds since an entry's last answer in which it is not quarantined: an entry that still answers
/// somebody is served, however many failures another caller causes meanwhile.
pub const BREAKER_ANSWER_MS: u64 = 5_000;
/// Answers after a quarantine that make the next one start at its shortest length again: a count.
pub const BREAKER_RECOVERY_ANSWERS: u32 = 20;
/// Invocations that probe an entry at once after its quarantine. With one alone, the fastest caller decides
/// for all others.
pub const PROBES_MAX: usize = 3;
/// Different causes whose probes must fail to quarantine the entry again: a count.
pub const PROBE_FAILURES: usize = 3;
/// Milliseconds that a probe counts as running, and that others have to be answered after a probe has failed.
/// A slow action must not hold the place of a probe for minutes.
pub const PROBE_MS: u64 = 1_000;
/// Milliseconds of a first quarantine. The time doubles with each one that follows failed probes.
pub const QUARANTINE_MS: u64 = 1_000;
/// Milliseconds of the longest quarantine: a repaired plugin serves again within 5 min, and an operator need
/// not act.
pub const QUARANTINE_MAX_MS: u64 = 300_000;
/// Milliseconds between two checks of which plugins are disabled: after `disable`, another host serves the
/// plugin at most this much longer while its database answers.
pub const SWITCH_POLL_MS: u64 = 1_000;
/// Milliseconds that an operator who disables or enables a plugin waits for the database. A disabling is in effect
/// before, and is stored when the database answers.
pub const SWITCH_WAIT_MS: u64 = 2_000;
/// Tokens of operators that a host knows by heart, so that an operator can disable a plugin while the database does not
/// answer: more than a team has.
pub const KNOWN_TOKENS_MAX: usize = 1_000;
/// Bytes of the reason that an operator gives for disabling a plugin: a sentence or two for other operators.
pub const DISABLE_REASON_BYTES_MAX: usize = 500;
/// Entries that wait for the audit log's writer. The host counts further ones, and the next entry says how
/// many.
pub const AUDIT_QUEUE_MAX: usize = 1_024;
/// Milliseconds in which repeats of one event become one entry. Each limit of a plugin causes at most two
/// entries a minute.
pub const AUDIT_REPEAT_MS: u64 = 60_000;
/// Milliseconds between two checks for repeats to write. A repeat waits at most this much longer than its
/// minute.
pub const AUDIT_TICK_MS: u64 = 1_000;
/// Milliseconds that the audit log's writer waits for another process that has locked the file. A start or a stop waits no
/// longer; entries wait in the queue.
pub const AUDIT_LOCK_MS: u64 = 2_000;
/// Milliseconds between two looks at such a lock. Other writers hold it for about a millisecond.
pub const AUDIT_LOCK_POLL_MS: u64 = 5;
/// Files that a rotated audit log may have beside it: a file for each day of ten years. Each is opened when the start of a
/// log is looked for.
pub const AUDIT_FILES_MAX: usize = 4_000;
/// Milliseconds that a stopping host waits for the database to take the audit log's last entry. The log itself is complete
/// by then.
pub const AUDIT_HEAD_MS: u64 = 2_000;
/// Bytes of what an audit entry says, before it is escaped. Plugins and callers influence it, and an entry is
/// one line.
pub const AUDIT_WHAT_BYTES_MAX: usize = 1024;
/// Bytes of a line of the audit log: up to six for each byte of what the entry says once it is escaped, and
/// 512 for the other fields.
pub const AUDIT_LINE_BYTES_MAX: usize = 8 * 1024;

/// Upper bounds of the metrics' duration histograms, in microseconds: from a call that touches nothing to the
/// whole time of an action, each about three times the bound before it.
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

/// Seconds between two rounds of a host's own work: closing idle connections and starting cron taps. No cron
/// tap runs more often.
pub const MAINTENANCE_S: u64 = 1;

/// Bytes of the JSON arguments or results of one call. The host parses them in memory, where they take many
/// times as much.
pub const JSON_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Levels of nesting in JSON arguments, and in the types that they are checked against. Deeper ones need more
/// stack.
pub const JSON_DEPTH_MAX: usize = 64;
/// Values in JSON arguments, nested ones and absent options included. Two bytes of text can cost the host 160
/// bytes of memory, or far more where they stand for a record of options.
pub const JSON_VALUES_MAX: usize = 250_000;
/// Bytes of all `list<u8>` arguments of one call together. Each takes 40 bytes of memory until the call has
/// begun.
pub const JSON_BINARY_BYTES_MAX: usize = 1024 * 1024;
/// Largest magnitude of a float such as `1e2` that is accepted as an integer: 2^53, up to which every integer
/// has a float of its own.
pub const JSON_INTEGER_MAX: u64 = 1 << 53;
/// Digits of a number in JSON text that stays text, counted without its exponent: `1e3` has four. PostgreSQL and readers may
/// write them all, so a few bytes must not stand for many; every float fits.
pub const JSON_NUMBER_DIGITS_MAX: u64 = 1_024;
/// Types in one function's signature. Types can be shared, so 40 declarations can spell out a tree of 2^40
/// types.
pub const SIGNATURE_TYPES_MAX: usize = 2_000;
/// Bytes that one function's types may take in `/openapi.json`, by estimate: [`SIGNATURE_TYPE_BYTES`] for each type, and
/// each name three times. The types of a large function take a tenth of it.
pub const SIGNATURE_BYTES_MAX: usize = 512 * 1024;
/// Bytes that a type takes in `/openapi.json` besides its names, by estimate: the schema of a `u64` or of a case.
pub const SIGNATURE_TYPE_BYTES: usize = 128;
/// Bytes that the types of all of a component's functions together may take in `/openapi.json`, by the same estimate. 200
/// functions with 50 types each fit; without the limit, 3 MB of component made a document of 297 MB.
pub const COMPONENT_SIGNATURES_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes that the values of one call's arguments take in the host's memory, or the JSON tree of its result: what the largest
/// `list<u8>` of the arguments takes, and a little more. Without the limit, 60 KB of JSON became 2 GB, because an empty
/// object can stand for a record with any number of absent options.
pub const CALL_VALUES_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Bytes that the allocator takes for one small block beyond what the host asks for, at most.
pub const HEAP_BLOCK_BYTES: usize = 32;
/// Bytes of one node of a JSON object in memory. A node holds up to eleven members.
pub const JSON_NODE_BYTES: usize = 640;
/// Members of a JSON object that one node holds at least, unless it is the only one.
pub const JSON_NODE_MEMBERS_MIN: usize = 6;
/// Bytes of a type's text in an error. The text of a deep type would hide the rest of the error.
pub const TYPE_TEXT_BYTES_MAX: usize = 200;
/// Characters of a caller's string that an error repeats: enough to recognise the string.
pub const QUOTED_CHARS_MAX: usize = 40;
/// Bytes of an HTTP request's body: as many as the JSON arguments in it may have.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of bodies over [`JSON_INLINE_BYTES_MAX`] that the server holds at once. The callers who send them have not yet been
/// admitted.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a body that the server reads and throws away after it has answered, so that a caller who sends
/// everything before it reads still gets the answer: the largest body, and as much again.
pub const BODY_DISCARD_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// Milliseconds for which the server throws away what a caller still sends after the answer.
pub const BODY_DISCARD_MS: u64 = 2_000;
/// Bytes of JSON from which it is parsed and written by a thread of its own: 64 KiB take about a millisecond,
/// and other callers wait for the thread that answers them.
pub const JSON_INLINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request's head: a URL of the longest length that HTTP libraries take, with its headers. Each
/// connection can hold as many.
pub const HEAD_BYTES_MAX: usize = 80 * 1024;
/// Milliseconds that a request's head may take to arrive, and that a connection may idle between two
/// requests. A slow client must not hold a connection.
pub const HEAD_READ_MS: u64 = 30_000;
/// Milliseconds that a request's body may take to arrive. A slow client must not hold a connection.
pub const BODY_READ_MS: u64 = 30_000;
/// Milliseconds that a caller's connection may be too full to write to before the server looks at how much of
/// the answer the caller has taken.
pub const WRITE_WINDOW_MS: u64 = 10_000;
/// Bytes of an answer that a caller takes at least in one such window: 6.5 KB/s, as slow as a telephone line. A
/// caller who takes less holds a connection and the answer's memory for too long.
pub const WRITE_WINDOW_BYTES_MIN: u64 = 64 * KIB;
/// Connections to the server at once. Each costs a file descriptor and some memory.
pub const SERVER_CONNECTIONS_MAX: usize = 4_096;
/// Percent of a host's memory that the heads of requests may hold, all connections together. It lowers the number of
/// connections of a small host.
pub const SERVER_HEADS_PERCENT: u64 = 12;
/// Connections beyond the largest number that the server answers health checks on, so that a monitor finds it
/// alive when callers hold all other connections.
pub const SERVER_RESERVE_CONNECTIONS: usize = 64;
/// Milliseconds that the head of a health check may take to arrive on such a connection.
pub const SERVER_RESERVE_HEAD_MS: u64 = 2_000;
/// Requests that the server answers at once. More would only wait for the permits of the host.
pub const SERVER_REQUESTS_MAX: usize = 2_048;
/// File descriptors that the server leaves to the rest of the host: connections to the database, memories,
/// files, logs and the servers that plugins talk to.
pub const SERVER_RESERVE_FILES: usize = 384;
/// Milliseconds that the server pauses when the system has no file descriptor left for a connection. Without
/// the pause it would spin.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Milliseconds between two records of the log about connections that could not be accepted.
pub const ACCEPT_REPORT_MS: u64 = 60_000;
/// Seconds after which a caller may try a call again that failed for a passing reason.
pub const RETRY_AFTER_S: u64 = 1;
/// Items of one page when the caller names no number: about a screenful.
pub const ITEM_PAGE_DEFAULT: u32 = 20;
/// Milliseconds for which a server that stops still accepts requests while `/readyz` says that it stops:
/// balancers look about once a second.
pub const GRACE_MS: u64 = 2_000;
/// Milliseconds at most for which a server that no longer listens waits for the next request on connections
/// that it has accepted. Each answer since the stop began has told its caller to close.
pub const SETTLE_MS: u64 = 1_000;
/// Milliseconds that running requests and cron taps get to finish when the server stops: as long as a query or
/// mutation may take. An orchestrator kills a process that takes much longer.
pub const DRAIN_MS: u64 = 30_000;
/// Milliseconds that a host gets to stop once nothing runs on it: it syncs its audit log and stops its private PostgreSQL.
pub const STOP_MS: u64 = 15_000;
/// Milliseconds within which `/readyz` answers, whatever the database does. Monitors give up after a few seconds.
pub const READY_MS: u64 = 1_500;
/// Bytes of the `OpenAPI` document. It has the types of every function of every plugin, and anybody may ask for it.
pub const OPENAPI_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a type's name in the `OpenAPI` document: those of its plugin, its interface and its own. A type with a longer one is
/// spelled out where it is used, so a reference never takes much more than the type.
pub const OPENAPI_NAME_BYTES_MAX: usize = 128;
/// Bytes of the docs that a component carries for its exported interfaces. The host holds them while the plugin is loaded, and
/// the `OpenAPI` document has each of them up to three times; the whole contract of Palisade has fewer.
pub const DOCS_BYTES_MAX: usize = 64 * 1024;

/// Bytes of random data in one call. No key or token needs as many.
pub const RANDOM_CALL_BYTES_MAX: u64 = 64 * KIB;
/// Bytes of a log record's text, fields included. A record is one line that a person reads.
pub const LOG_RECORD_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one write to a guest's standard output or error: what its stream offers, and what WASI's blocking write takes.
pub const PRINTED_WRITE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of what a guest prints that one log record has. A longer line becomes several records, so that nothing of it is lost. It is
/// a record's text without the field that names the stream, `stream` and `stdout` or `stderr`.
pub const PRINTED_LINE_BYTES_MAX: usize = LOG_RECORD_BYTES_MAX - 12;
/// Fields of a log record. A record is one line that a person reads.
pub const LOG_FIELDS_MAX: usize = 32;
/// Reports of one kind about one plugin that the host writes to its own log in a period: a count. That is enough to see
/// what is wrong; further ones are counted, and the count is written.
pub const REPORTS_MAX: u32 = 10;
/// Milliseconds of such a period. With fewer than fifty kinds a plugin causes at most a few dozen lines a second.
pub const REPORT_PERIOD_MS: u64 = 10_000;
/// Different failures of one invocation's host calls that the host's log describes: a count. Of any others it has the
/// number.
pub const NOTES_MAX: usize = 4;
/// Bytes of such a description. Guests and other servers influence it, and it is one line.
pub const NOTE_BYTES_MAX: usize = 1024;
/// Characters of the line of a statement that are shown around the place where it is refused: a terminal is about as wide.
pub const EXCERPT_CHARS_MAX: usize = 120;
/// Bytes of what the log says of a trap, and of what the guest printed last before it. The guest names the functions of its
/// backtrace.
pub const TRAP_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a log field's name. It is a word, not a text.
pub const LOG_FIELD_NAME_BYTES_MAX: usize = 64;

/// Bytes of a cache key: enough for a path and its parameters.
pub const CACHE_KEY_BYTES_MAX: usize = 512;
/// Bytes of a cache tag: enough for a type and an id.
pub const CACHE_TAG_BYTES_MAX: usize = 128;
/// Tags of a cache entry. The cache indexes each entry under each of its tags.
pub const CACHE_TAGS_MAX: usize = 16;
/// Bytes of a cached value. A rendered page fits; a file belongs elsewhere.
pub const CACHE_VALUE_BYTES_MAX: u64 = MIB;
/// Bytes that one plugin's entries may take together. One plugin must not push out the entries of another.
pub const CACHE_PLUGIN_BYTES_MAX: u64 = 16 * MIB;
/// Bytes that an entry costs beyond its key, tags and value: its places in the cache's table, queues and timers. Measured
/// on 30,000 entries without a value.
pub const CACHE_ENTRY_OVERHEAD_BYTES: u64 = 640;
/// Bytes that a tag of an entry costs beyond its text, which the entry and the index both hold: the set of keys, and the
/// entry's place in it. Measured on 21,000 entries with 16 tags each.
pub const CACHE_TAG_OVERHEAD_BYTES: u64 = 320;
/// Entries that a full cache drops at once to make room for one.
pub const CACHE_DROPPED_MAX: usize = 1_024;
/// Milliseconds that an entry is kept when the plugin names no time: 1 hour.
pub const CACHE_TTL_DEFAULT_MS: u64 = 3_600_000;
/// Milliseconds that an entry may be kept: 30 days. A cache is not a store.
pub const CACHE_TTL_MAX_MS: u64 = 30 * 24 * 3_600_000;

/// Bytes of a context key. It is a name, not a text.
pub const CONTEXT_KEY_BYTES_MAX: usize = 128;
/// Bytes of a request id: a UUID fits. The id stands in log lines.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// Bytes of a variable's name. It is a word, not a text.
pub const VARIABLE_NAME_BYTES_MAX: usize = 64;
/// Bytes of a variable's text. A variable is a setting, not a document.
pub const VARIABLE_TEXT_BYTES_MAX: u64 = 64 * KIB;

/// Bytes of a permission's name: a few words with `:` between them fit.
pub const PERMISSION_BYTES_MAX: usize = 128;
/// Seconds of a day, the unit in which operators give the lifetime of a token.
pub const DAY_S: u64 = 24 * 3_600;
/// Bytes of a role's name. It is a word, not a text.
pub const ROLE_BYTES_MAX: usize = 64;
/// Bytes of a user's display name: long names of people in any script fit.
pub const USER_NAME_BYTES_MAX: usize = 200;

/// Bytes of an item's title. A title is one line.
pub const ITEM_TITLE_BYTES_MAX: usize = 500;
/// Bytes of an item type's name. It is a word, not a text.
pub const ITEM_TYPE_BYTES_MAX: usize = 40;
/// Bytes of an item's fields as JSON text. Every reader of the item loads all of them.
pub const ITEM_FIELDS_BYTES_MAX: u64 = MIB;
/// Levels of nesting in an item's fields. The parsers of their readers recurse.
pub const ITEM_FIELDS_DEPTH_MAX: usize = 32;
/// Items of one page, and ids of one `get-many`. The host holds a page in memory.
pub const ITEM_PAGE_MAX: usize = 100;
/// Bytes of the items of one page, by [`ITEM_OVERHEAD_BYTES`] and their fields as text. A page ends before the item that would
/// exceed them, so that a hundred large items are not in memory at once; four of the largest fit.
pub const ITEM_PAGE_BYTES_MAX: u64 = 4 * MIB;
/// Bytes that an item counts besides its fields: its title, its ids and its times, as JSON.
pub const ITEM_OVERHEAD_BYTES: u64 = KIB;
/// Bytes of a stored item's fields that the host still reads. Only another program can store more than
/// [`ITEM_FIELDS_BYTES_MAX`] allows; no page could hold such an item.
pub const ITEM_STORED_BYTES_MAX: u64 = ITEM_PAGE_BYTES_MAX - ITEM_OVERHEAD_BYTES;
/// Copies of an item's fields that one write holds at most at once: what was sent, what is merged, the copy that a tap gets, and
/// what is on its way to the database.
pub const ITEM_WRITE_COPIES: u64 = 4;
/// Bytes of the fields that a search asks for, as JSON text. They name what is sought and are no document.
pub const ITEM_FILTER_BYTES_MAX: usize = 4 * 1024;
/// Values of the fields that a search asks for, without the objects and arrays around them. PostgreSQL compares each of them
/// with each element of a stored array, and looks at no cancellation meanwhile: 64 with 250,000 take a third of a second.
pub const ITEM_FILTER_VALUES_MAX: usize = 64;
/// Items that one read of a page examines where taps decide what is shown, or where it asks for fields. Each may cost an
/// invocation of every such tap.
pub const ITEM_EXAMINED_MAX: usize = 1_000;
/// Bytes of the fields that one read of a page searches: PostgreSQL parses them, at 20 to 100 MiB a second.
pub const ITEM_SEARCHED_BYTES_MAX: u64 = 4 * MIB;
/// Bytes of the sentence with which a tap refuses. It is for the caller, and the host cuts a longer one.
pub const REFUSAL_BYTES_MAX: usize = 1024;
/// Least seconds between two runs of a cron tap: the host looks for due taps once a second.
pub const CRON_INTERVAL_MIN_S: u64 = 1;

/// Milliseconds that one statement may take. A page cannot wait longer.
pub const STATEMENT_MS: u64 = 5_000;
/// Milliseconds that a statement may wait for a lock: less than the statement itself may take.
pub const LOCK_MS: u64 = 2_000;
/// Milliseconds that the host waits for the answer to a statement: what the statement may take, and 2 s in
/// which the server says that it took longer. A server that lets them pass does not answer, or cannot interrupt
/// the statement.
pub const ANSWER_MS: u64 = STATEMENT_MS + 2_000;
/// Milliseconds that a commit gets at least, even if the request's deadline passes meanwhile. A shorter wait
/// would leave in doubt what the server does at once.
pub const COMMIT_MS_MIN: u64 = 1_000;
/// Milliseconds that a single statement of the host's own gets for everything: for a token, for permissions.
/// The caller of a page waits for it.
pub const LOOKUP_MS: u64 = 5_000;
/// Milliseconds that the host waits when it asks whether the database answers: less than the 2 s after which a
/// balancer gives up.
pub const PING_MS: u64 = 1_500;
/// Milliseconds without an answer after which the database counts as silent. A server that works answers in a
/// few, also on a busy machine.
pub const SILENCE_MS: u64 = 1_000;
/// Milliseconds that a cut-off statement gets to end, and its connection to be cleaned, before the connection is
/// given up. Nearly every statement ends within a few.
pub const WIND_UP_MS: u64 = 1_000;
/// Times that one connection is used again after its statement was cut off. A statement that is cut off while
/// the server prepares it stays prepared there, where nothing frees it.
pub const WIND_UPS_MAX: u32 = 100;
/// Milliseconds until the host looks again whether a backend that it gave up is gone. The time doubles up to
/// [`SEAT_POLL_MAX_MS`].
pub const SEAT_POLL_MS: u64 = 20;
/// Most milliseconds between two looks at backends that the host gave up.
pub const SEAT_POLL_MAX_MS: u64 = 500;
/// Milliseconds after which a backend that was told to end counts as running on. A healthy one ends in a few.
pub const RUNNING_ON_MS: u64 = 1_000;
/// Backends that run on whose place in the connection budget others may use: what a server of 100 connections
/// has beyond the budget and the host's own connections. Further ones keep their place.
pub const RUNNING_ON_SPARE_MAX: usize = 16;
/// Milliseconds that a transaction may idle between two statements: more than the time that guest code may
/// run.
pub const IDLE_IN_TRANSACTION_MS: u64 = 15_000;
/// Connections of one plugin's pool. One plugin must not take all connections of the host.
pub const PLUGIN_CONNECTIONS_MAX: usize = 8;
/// Connections of one plugin for access taps that other invocations wait for. The usual ones may all be held by invocations that
/// wait for such a tap, so it must not need one of them.
pub const PLUGIN_NESTED_CONNECTIONS_MAX: usize = 2;
/// Tables from which on PostgreSQL joins a plugin's tables in an order that it has not compared with every other: a count. It
/// compares all of them otherwise, and eleven tables that are joined over equal columns took 2.2 GB to plan.
pub const PLUGIN_JOINED_MAX: u32 = 8;
/// KiB of memory that one sort or hash of a plugin's statement takes before it spills to disk: 4 MiB. A
/// statement may have dozens of them.
pub const PLUGIN_WORK_MEMORY_KIB: u64 = 4 * KIB;
/// KiB of temporary files that one statement of a plugin may write: 256 MiB, sixteen times what an invocation
/// may read.
pub const PLUGIN_TEMPORARY_FILES_KIB: u64 = 256 * KIB;
/// Bytes that a statement may write within [`STORAGE_WATCH_MS`]: 64 MiB, which takes a fast disk. The host
/// measures a plugin's tables again when what it has not measured could exceed the quota at this rate.
pub const STORAGE_STATEMENT_BYTES: u64 = 64 * MIB;
/// Milliseconds between two looks at the size of a plugin's tables while a statement writes to them. A statement
/// that is over the quota by then is cut off.
pub const STORAGE_WATCH_MS: u64 = 250;
/// The part of the quota by which undone statements may enlarge the tables' files beyond it, as a divisor. Beyond
/// that, nothing but deletes is tried until the server has given the space back.
pub const STORAGE_SLACK_DIVISOR: u64 = 8;
/// Prepared statements that one connection keeps. A guest decides how many different statements it sends, and
/// each takes memory of the server.
pub const STATEMENTS_CACHED_MAX: usize = 200;
/// Pools' worth of connections that a login role may hold. A version that is being replaced, or a second host
/// on the same database, has a pool of its own for a while.
pub const ROLE_POOLS_MAX: usize = 4;
/// Times that the host tries its attacks on a plugin's login when a lock is in the way. Another host may be
/// migrating the tables that the attacks aim at.
pub const CANARY_ATTEMPTS_MAX: u32 = 3;
/// Connections that only run single statements, for tokens, permissions and the like. They have a pool of
/// their own because the caller may hold a transaction's connection already, and must not wait for callers
/// who hold the others.
pub const LOOKUP_CONNECTIONS_MAX: usize = 4;
/// Connections for the host's own transactions. A server has 100 by default, and the plugins' pools take most
/// of them.
pub const HOST_CONNECTIONS_MAX: usize = 14;
/// Of these, connections for writes of items, which plugins' taps take part in: half of them, so that reads find some whatever
/// taps do.
pub const HOST_WRITES_MAX: usize = HOST_CONNECTIONS_MAX / 2;
/// Connections with which the host watches the server: whether it answers, which plugins are disabled, and
/// which backends run on. They have a pool of their own, so that nothing that callers ask for delays them.
pub const WATCH_CONNECTIONS_MAX: usize = 2;
/// Connections that all plugins of a host hold together. A server has 100 by default, and the host needs some
/// itself.
pub const CONNECTION_BUDGET_MAX: usize = 64;
/// Milliseconds after which an invocation that waits for one of the plugins' connections looks again for an
/// idle one.
pub const CONNECTION_BUDGET_POLL_MS: u64 = 20;
/// Milliseconds that connecting to a database server may take when its URL does not say. A page cannot wait
/// longer.
pub const DIAL_MS: u64 = 5_000;
/// Milliseconds before the host tries again to connect to a Unix socket whose queue is full. The time doubles
/// up to [`DIAL_RETRY_MAX_MS`].
pub const DIAL_RETRY_MS: u64 = 5;
/// Most milliseconds between two tries to connect to a Unix socket whose queue is full.
pub const DIAL_RETRY_MAX_MS: u64 = 100;
/// Milliseconds that a host that starts waits for its database: as long as a server takes that starts at the same
/// time, or recovers.
pub const DATABASE_WAIT_MS: u64 = 30_000;
/// Milliseconds between two tries to reach the database at the start.
pub const DATABASE_RETRY_MS: u64 = 500;
/// Milliseconds between two log records about a database that a starting host waits for.
pub const DATABASE_REPORT_MS: u64 = 5_000;
/// Milliseconds that sent data may stay unacknowledged before the host considers the server lost: as long as
/// a query may take.
pub const TCP_USER_TIMEOUT_MS: u64 = 30_000;
/// Bytes that a row takes on the wire beyond its values: the head of its message.
pub const WIRE_ROW_BYTES: u64 = 8;
/// Bytes that a null takes in a row on the wire: its length, which is -1.
pub const WIRE_NULL_BYTES: u64 = 4;
/// Bytes that the server may send beyond the budget and the heads of its rows before the host cuts the
/// connection: column descriptions, notices and the answer to a rollback.
pub const WIRE_SLACK_BYTES: u64 = MIB;
/// Milliseconds that an invocation waits for a connection. A page cannot wait longer.
pub const CONNECTION_WAIT_MS: u64 = 5_000;
/// Seconds after which the host closes an idle connection, so that other plugins and hosts can use it.
pub const CONNECTION_IDLE_S: u64 = 60;
/// Bytes of one SQL text. A person writes it; data goes as parameters.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a SQL text that is judged on the thread that answers callers: 4 KiB take about half a millisecond at worst, and 64
/// KiB nine.
pub const SQL_INLINE_BYTES_MAX: usize = 4 * 1024;
/// Parameters of one SQL text. Lists go as arrays.
pub const SQL_PARAMETERS_MAX: usize = 100;
/// Nodes of one statement's syntax tree. The time and memory of the walk grow with them.
pub const SQL_NODES_MAX: usize = 5_000;
/// Levels of nesting of one statement. The parser recurses over them.
pub const SQL_DEPTH_MAX: usize = 40;
/// Bytes of stack of the thread that parses SQL: twice what the deepest statement within the limits needs.
/// Only the part that is used takes memory.
pub const SQL_STACK_BYTES: usize = 16 * 1024 * 1024;
/// Function calls in one statement. PostgreSQL does not check for a cancel between the parts of one
/// expression, and each call can take an argument of megabytes.
pub const SQL_CALLS_MAX: usize = 128;
/// Products in one statement: operations whose time grows with the product of two lengths. One product of two
/// numerics of 65,000 digits takes 0.15 s that no timeout interrupts.
pub const SQL_PRODUCTS_MAX: usize = 32;
/// Sorts in one SQL text: DISTINCT or ORDER BY in a call, WITHIN GROUP, and windows. Each takes 4 MiB of the server's memory
/// (`work_mem`) while the statement runs: 120 of them took 503 MiB.
pub const SQL_SORTS_MAX: usize = 16;
/// Names of granted columns that the refusal of another name shows.
pub const SQL_NAMES_SHOWN_MAX: usize = 20;
/// Bytes by which a step of WITH RECURSIVE can make a value larger than what a table stores. A path grows by an element; a text
/// that doubles takes 800 MiB after thirty steps.
pub const RECURSION_GROWTH_BYTES_MAX: u64 = KIB;
/// Bytes of a number in SQL text. A longer number goes as a parameter.
pub const SQL_NUMBER_BYTES_MAX: usize = 64;
/// Bytes of a separator that a call repeats for each row or element.
pub const SQL_SHORT_TEXT_BYTES_MAX: usize = 256;
/// Variables that one path of JSON may name. Each is compared with every value that its condition looks at.
pub const SQL_PATH_VARIABLES_MAX: u64 = 4;
/// Rows of one `generate_series` in FROM, where PostgreSQL keeps all of them, on disk if need be, before it goes on. They
/// are more than the hours of ten years.
pub const SQL_SERIES_ROWS_MAX: u64 = 100_000;
/// Bytes of spaces that the widths in one `format` may add. A line of a report has fewer.
pub const SQL_FORMAT_WIDTH_MAX: u64 = 10_000;
/// Milliseconds that PostgreSQL may work on one row without a look at a cancel, by the host's own estimate: a
/// statement then ends within a second of its deadline on a machine that is half as fast.
pub const WORK_MS_MAX: u64 = 500;
/// Bytes of one value in a plugin's table, as PostgreSQL holds it in memory: 1 MiB. A page's text fits; a file
/// belongs elsewhere. The time of most functions grows with it.
pub const STORED_BYTES_MAX: u64 = MIB;
/// Elements of an array in a plugin's table. Two arrays are compared element by element, and 10,000 with 10,000 take
/// 0.4 s that no timeout interrupts.
pub const STORED_ELEMENTS_MAX: u64 = 10_000;
/// Bytes of a `numeric` in a plugin's table, written out: 2,000. One of 147,455 digits takes seconds to divide.
pub const STORED_NUMERIC_BYTES_MAX: u64 = 2_000;
/// Bytes of a `jsonb` or an array of `numeric` in a plugin's table, written as text: 4 MiB, four times its bytes, which is
/// what the estimate of a statement's cost takes for its text. The numbers of 1 MiB of `jsonb` can be gigabytes of text, because
/// they are written without exponents, and a result has JSON as text.
pub const STORED_TEXT_BYTES_MAX: u64 = 4 * MIB;
/// Bytes of memory that the expressions of one row may take, by the host's own estimate: half of what a server process
/// may take beyond what all share.
pub const WORK_BYTES_MAX: u64 = 128 * MIB;
/// Bytes that an aggregate is taken to gather from many rows: as many as an invocation may read. It can be more, and then
/// the server's own bound on memory ends it.
pub const GATHERED_BYTES: u64 = 16 * MIB;
/// The part of a row's work that the constraints, defaults and indexes of one migration may take: one in six. A plugin
/// has several migrations, and a row that is written goes through all of them. A search column of two texts takes 66 ms by the
/// estimate, and PostgreSQL sorted the words of the longest texts in 85 ms each, on a busy machine, without a look at a cancel.
pub const MIGRATION_SHARE: u64 = 6;
/// Columns of one result, subquery or common table expression. PostgreSQL sets the number.
pub const SQL_COLUMNS_MAX: usize = 1_664;
/// Columns of all results, subqueries and common table expressions of one statement together, with those of the tables.
/// The host holds a name for each.
pub const SQL_COLUMNS_TOTAL_MAX: usize = 20_000;
/// Milliseconds between two looks at a plugin's tables that its failing statements cause. A guest's SQL text can fail as often
/// as it likes, and a look takes a few statements for each table.
pub const TABLES_DOUBT_MS: u64 = 1_000;
/// Milliseconds between two looks for installations by other hosts.
pub const TABLES_POLL_MS: u64 = 1_000;
/// Milliseconds that one statement of a migration may take, or wait for another host that migrates: 10 min,
/// enough to build an index on a large table.
pub const MIGRATION_MS: u64 = 600_000;
/// Milliseconds that a migration waits for one lock: half of what a statement may. Whoever comes to the same table waits
/// behind it, and still gets through in time.
pub const MIGRATION_LOCK_MS: u64 = 1_000;
/// Milliseconds until a migration first tries again that got no lock; they double with each try.
pub const MIGRATION_RETRY_MS: u64 = 250;
/// Milliseconds between two tries of a migration for its locks, at most.
pub const MIGRATION_RETRY_MAX_MS: u64 = 4_000;
/// Milliseconds that a migration tries in all to get its locks. A backup that holds them takes longer, and then an operator
/// chooses another time.
pub const MIGRATION_LOCKS_MS: u64 = 30_000;
/// Bytes of one migration. A person writes it, with the rows that a plugin starts with.
pub const MIGRATION_BYTES_MAX: usize = 1024 * 1024;
/// Numbers that a session may take from an identity's sequence at once. A session that ends loses the rest of them.
pub const IDENTITY_CACHE_MAX: i64 = 1_000;
/// The largest step between two numbers of an identity, up or down. With a larger one, `integer` ends after 2,000 rows.
pub const IDENTITY_STEP_MAX: i64 = 1_000_000;
/// References to common table expressions, spelled out. Each level of doubling doubles the planner's work.
pub const SQL_CTE_REFERENCES_MAX: usize = 32;
/// Grouping sets, with CUBE and ROLLUP spelled out. PostgreSQL's work grows with them.
pub const SQL_GROUPING_SETS_MAX: usize = 64;
/// Relations in one statement. The planner's work grows fast with them.
pub const SQL_RELATIONS_MAX: usize = 32;
/// Conditions of one structured call. A longer list of values goes into `one-of`.
pub const DB_CONDITIONS_MAX: usize = 64;
/// Values of one `one-of`. The host checks and encodes each of them.
pub const DB_ONE_OF_MAX: usize = 1_000;
/// Rows of one structured insert. The host writes them all into one statement.
pub const DB_INSERT_ROWS_MAX: usize = 1_000;
/// Measures of one aggregation. The server keeps a state for each of them in each group.
pub const DB_MEASURES_MAX: usize = 32;
/// Bytes of a value that the server may keep for each group of a hash table, which grows beyond the server's bound on
/// memory when a group's value does: as long as a stored `numeric`. Rows with longer values are sorted by group.
pub const GROUPED_VALUE_BYTES_MAX: u64 = 2_000;
/// Parameters that PostgreSQL's protocol can number in one statement.
pub const DB_PARAMETERS_MAX: usize = 65_535;
/// Rows that the host fetches together with the statement that selects them. A larger result is read from a
/// cursor, batch by batch, as the guest asks for it.
pub const DB_FETCH_ROWS: u32 = 100;
/// Rows of one batch. The host holds a batch in memory.
pub const DB_BATCH_ROWS_MAX: u32 = 1_000;
/// Elements of one array. The host holds an array in memory.
pub const DB_ARRAY_ELEMENTS_MAX: usize = 100_000;
/// Numbers of one `vector`: pgvector's own limit.
pub const VECTOR_ELEMENTS_MAX: usize = 16_000;
/// Digits of a `numeric` before the point. PostgreSQL sets the number.
pub const NUMERIC_INTEGER_DIGITS_MAX: usize = 131_072;
/// Digits of a `numeric` after the point. PostgreSQL sets the number.
pub const NUMERIC_FRACTION_DIGITS_MAX: usize = 16_383;
/// First day that a `date` can be, in days since 1970: 4714-11-24 BC. PostgreSQL sets it.
pub const DATE_DAYS_MIN: i32 = -2_440_588;
/// Last day that a `date` can be, in days since 1970: 5874897-12-31. PostgreSQL sets it.
pub const DATE_DAYS_MAX: i32 = 2_145_042_905;
/// Most microseconds of a `time`: 24:00:00 itself is one. PostgreSQL sets it.
pub const TIME_US_MAX: i64 = 86_400_000_000;
/// Last instant at which a call can be replayed, in microseconds since 1970: the end of the year 9999, which
/// text, JSON and PostgreSQL can all represent.
pub const REPLAY_US_MAX: i64 = 253_402_300_799_999_999;
/// First `timestamp`, in microseconds since 1970: 4714-11-24 BC. PostgreSQL sets it.
pub const TIMESTAMP_US_MIN: i64 = -210_866_803_200_000_000;
/// Last `timestamp` that fits the contract, in microseconds since 1970: in January 294247. PostgreSQL counts
/// from 2000 and reaches 29 years further. The next number means infinity.
pub const TIMESTAMP_US_MAX: i64 = i64::MAX - 1;
/// Bytes of an identifier. PostgreSQL sets the number and cuts longer identifiers, and two of them could then
/// be the same.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Bytes of a URL. Common servers reject longer ones.
pub const HTTP_URL_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request. A real request has about twenty.
pub const HTTP_HEADERS_MAX: usize = 64;
/// Bytes of a header's name. It is a word, not a text.
pub const HTTP_HEADER_NAME_BYTES_MAX: usize = 128;
/// Bytes of a header's value. Common servers reject longer ones.
pub const HTTP_HEADER_VALUE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a response's headers together. The server chooses them, and the host holds them in memory.
pub const HTTP_RESPONSE_HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request's body. The host holds it in memory until it is sent.
pub const HTTP_BODY_BYTES_MAX: u64 = MIB;
/// Bytes of one read of a response's body. The host holds them in memory.
pub const HTTP_READ_BYTES_MAX: u32 = 64 * 1024;
/// Redirects of one request. More of them are a loop.
pub const HTTP_REDIRECTS_MAX: usize = 5;
/// Milliseconds of an exchange when the plugin names no time: enough for a slow server, and far less than an
/// action may take.
pub const HTTP_TIMEOUT_DEFAULT_MS: u64 = 10_000;

/// Connections of a private PostgreSQL: the host's own, a dozen full pools of plugins, and people who look at
/// it.
pub const PRIVATE_CONNECTIONS_MAX: usize = 120;
/// Bytes of address space of each process of a private PostgreSQL: 464 MiB. Of these, 217 MiB are code or
/// memory that all processes share; a statement has the other 247 MiB. A value in a plugin's table has at most
/// 1 MiB, so that is enough for any honest statement. One that needs more fails with `out of memory` and does
/// not take the machine's.
pub const PRIVATE_PROCESS_BYTES_MAX: u64 = 464 * MIB;
/// Milliseconds that a private PostgreSQL gets to start. Recovery after a crash reads its whole log.
pub const PRIVATE_START_MS: u64 = 60_000;
/// Milliseconds before a private PostgreSQL that ended unexpectedly is started again. The time doubles with each
/// further try, up to [`PRIVATE_RESTART_MAX_MS`].
pub const PRIVATE_RESTART_MS: u64 = 100;
/// Most milliseconds between two tries to start a private PostgreSQL again.
pub const PRIVATE_RESTART_MAX_MS: u64 = 10_000;
/// Milliseconds between two checks of whether a private PostgreSQL has started or ended. It starts in about
/// 50 ms.
pub const PRIVATE_POLL_MS: u64 = 5;
/// Milliseconds that a private PostgreSQL gets to stop by itself. After that it is stopped at once.
pub const PRIVATE_STOP_MS: u64 = 10_000;
/// Milliseconds that dropping a private PostgreSQL may block the thread. An immediate stop takes about 50 ms.
pub const PRIVATE_DROP_MS: u64 = 2_000;
/// Lines of a private PostgreSQL's log that are kept to explain why it did not start.
pub const PRIVATE_LOG_LINES_MAX: usize = 20;
/// Bytes of one kept line of a private PostgreSQL's log. A line can repeat a whole statement.
pub const PRIVATE_LOG_LINE_BYTES_MAX: u64 = 2 * KIB;
/// Bytes of a Unix socket's path. The kernel sets the number: 108 with the closing zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Headers of a response. A hostile server can fit thousands of short ones into 64 KiB; a real response has a
/// few dozen.
pub const HTTP_RESPONSE_HEADERS_MAX: usize = 256;
/// Times that a path is percent-decoded in search of hidden dot segments. A server behind a proxy decodes
/// twice; no real path still changes after that.
pub const HTTP_PATH_DECODINGS_MAX: usize = 3;
/// Routes of one plugin. Each request is compared with all of them.
pub const ROUTES_MAX: usize = 32;
/// Bytes of a route's path: enough for a few words.
pub const ROUTE_PATH_BYTES_MAX: usize = 128;
/// Headers of a request that one route names. A signature takes two or three.
pub const ROUTE_HEADERS_MAX: usize = 16;
/// Bytes of the body with which a plugin answers a request: a page with its pictures, or a small file. The host holds it
/// until the caller has taken it.
pub const ROUTE_RESPONSE_BYTES_MAX: u64 = MIB;
/// Name look-ups at once on a host. Each holds a thread for as long as the name's server takes to answer.
pub const HTTP_LOOKUPS_MAX: usize = 64;

/// Bytes of a secret that the host draws: 256 bits, which nobody can guess.
pub const SECRET_BYTES: usize = 32;
/// Bytes of one key that proves who calls: a block of SHA-256, which a key fills exactly.
pub const CALLER_KEY_BYTES: usize = 64;
/// Bytes of both keys that prove who calls: of the inner hash, then of the outer.
pub const CALLER_KEYS_BYTES: usize = 2 * CALLER_KEY_BYTES;
/// Milliseconds until a proof of who calls expires: three times what a statement may take. One is for the
/// statement, one for the commit that reads the rest of an action's cursor, and one for what comes before.
pub const CALLER_PROOF_MS: i64 = 15_000;
/// Seconds after which the host reads a server's clock again. Until then a proof may expire too early or too late
/// because the server's clock was set; too early costs another try.
pub const CALLER_CLOCK_S: u64 = 60;
/// Times that a statement is proven whose proof had expired when it reached the server. After that the clocks or
/// the network are in no state to prove anything.
pub const CALLER_PROOFS_MAX: u32 = 3;
/// The advisory lock of everything that changes the shape of a database: "pali" in ASCII, so that it differs
/// from other programs' locks.
pub const DATABASE_LOCK: i64 = 0x7061_6c69;
/// Bytes of an item id that come from the invocation's randomness: all of a version 7 UUID except its time.
pub const ITEM_ID_RANDOM_BYTES: usize = 10;
/// Bytes of a sealed place in a list of items: an item's id, and as many that prove that the host wrote it.
pub const SEALED_PLACE_BYTES: usize = 32;
/// Microseconds in a millisecond.
pub const US_PER_MS: i64 = 1_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
/// Milliseconds in a second.
pub const MS_PER_S: u64 = 1_000;
/// Characters of a `char(n)`, which PostgreSQL pads to its full length. A `varchar(n)` is as long as a stored value may be.
pub const SQL_TYPE_LENGTH_MAX: u64 = 10_000;
/// Bytes that a program of tests prints before it greets as the compiler: Rust's own say how many tests run.
pub const COMPILER_PREFACE_BYTES_MAX: usize = 1_024;
/// Calls that a server keeps to run them again: enough to find the one that somebody reports.
pub const RECORDED_CALLS_MAX: usize = 1_000;
/// Bytes of all kept calls together on the disk.
pub const RECORDED_BYTES_MAX: u64 = 64 * MIB;
/// Bytes of one kept call. A larger answer is not kept, so that one call does not displace many.
pub const RECORDED_CALL_BYTES_MAX: usize = 256 * 1024;
/// Calls that wait to be written. When the disk is slower than the callers, the rest are not kept.
pub const RECORDED_QUEUE_MAX: usize = 64;
/// Bytes of a file of tests of a plugin. A person writes it; a real one has a few KiB.
pub const TEST_FILE_BYTES_MAX: u64 = MIB;
/// Rows of a table that a test compares: each is compared with each.
pub const TEST_ROWS_MAX: usize = 1_000;
/// Records of the log that are kept to be shown below a failed test. An invocation may write more than a person reads.
pub const TEST_LOG_RECORDS_MAX: usize = 200;
/// Connections to the private PostgreSQL of tests, whose databases all have hosts at once.
pub const TEST_CONNECTIONS_MAX: u32 = 300;
/// Tests of plugins that run at once: each has a host and a database.
pub const TEST_JOBS_MAX: usize = 8;
/// Columns of a line of a file of tests. A longer answer is written in several lines.
pub const TEST_LINE_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests;
