//! What PostgreSQL's errors mean: the one place that reads SQLSTATE.
//!
//! A guest learns the kind of error and nothing of the server's text, DETAIL or HINT; the log gets all of it. Two things of the
//! text are told, where it begins as one of a few messages do: a type, whose name has only such letters as PostgreSQL's own types
//! have, and a column of the statement's own table. The names that come with a violation are the plugin's own
//! ([`Violation::known_in`]). Where the statement stands that the server complains of is a number of the text that was sent.

use palisade_guard::ledger::Exceeded;
use palisade_guard::limits::{
    IDENTIFIER_BYTES_MAX, STORED_BYTES_MAX, STORED_ELEMENTS_MAX, STORED_NUMERIC_BYTES_MAX,
    STORED_TEXT_BYTES_MAX,
};
use palisade_guard::refusal::Refusal;
use palisade_guard::violation::{Constraint, Violation};
use std::error::Error as _;
use std::fmt;
use std::ops::Deref;
use tokio_postgres::error::{DbError, ErrorPosition};

/// Why the database could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The database is unreachable.
    Away,
    /// No connection came free in time.
    Busy,
    /// The connection was lost during a commit.
    InDoubt,
    /// The database's disk is full.
    Full,
}

/// A failed statement, before it is decided what the guest and the log learn.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused the statement.
    Server(Box<Refused>),
    /// A parameter could not be encoded, so a guard has let through what it should not.
    Encoding(String),
    /// The connection is gone.
    Disconnected(String),
    /// The server, or the network, does not answer.
    Silent(String),
    /// The statement runs on after its time, and the server does answer others.
    Overtime,
    /// The proof of who calls came too late, or to another backend than the one that it was made for.
    Unproven,
    /// The statement's columns are not those of the catalogue: the tables have changed since the host read it.
    Changed,
    /// The statement made the plugin's tables larger than its quota, and is undone.
    OverQuota(Exceeded),
    /// Every seat of the plugin is held by a backend that runs on after its statement was cancelled.
    Spent(usize),
    /// The connection was lost during a commit.
    InDoubt(String),
    /// No connection came free in time.
    Exhausted,
    /// The session has already lost its connection.
    NoConnection,
    /// The result exceeded a limit while it was read.
    Exceeded(Exceeded),
    /// The caller cannot pass the result on, and the statement is undone.
    Unaccepted(Refusal),
    /// A session does not have the host's settings, as the sentence says.
    Unfit(String),
    /// Something that should not happen.
    Unknown(String),
}

/// What the server says of a statement, and how many characters the host has put in front of it.
#[derive(Debug)]
pub(crate) struct Refused {
    error: DbError,
    before: u32,
}

impl Deref for Refused {
    type Target = DbError;

    fn deref(&self) -> &DbError {
        &self.error
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The SQLSTATE with which the host's own function refuses a proof that is authentic, but not valid here and now.
const UNPROVEN: &str = "PAL01"; // wire: Palisade's own, in `proofs.sql`

/// The SQLSTATE of a server whose disk is full. A login's own bound on temporary files has another.
const DISK_FULL: &str = "53100"; // wire: PostgreSQL, appendix A

/// The failure of a server that owes an answer.
pub(crate) fn silent() -> Failure {
    Failure::Silent("the server does not answer".into())
}

/// Why a plugin gets no connection whose seats are all held by backends that run on.
pub fn spent(seats: usize) -> String {
    format!(
        "all {seats} of its database connections are held by statements that run on after they were cancelled: make its \
         statements cheaper, and wait until the server has ended them"
    )
}

#[allow(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
pub(crate) fn of(error: tokio_postgres::Error) -> Failure {
    if error.is_closed() {
        return Failure::Disconnected(error.to_string());
    }
    if let Some(server) = error.as_db_error() {
        // 57P01..57P03: the server is going away, and the connection with it.
        if matches!(server.code().code(), "57P01" | "57P02" | "57P03") {
            return Failure::Disconnected(server.to_string());
        }
        // A prepared statement whose columns have changed.
        if server.code().code() == "0A000" && server.routine() == Some("RevalidateCachedQuery") {
            return Failure::Changed;
        }
        if server.code().code() == UNPROVEN {
            return Failure::Unproven;
        }
        return Failure::Server(Box::new(Refused { error: server.clone(), before: 0 }));
    }
    let text = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    if let Some(cause) = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) {
        // The driver could not write a message, for example because of a NUL in a text. The connection is fine.
        return if cause.kind() == std::io::ErrorKind::InvalidInput {
            Failure::Encoding(text)
        } else {
            Failure::Disconnected(text)
        };
    }
    if error.to_string().starts_with("error serializing parameter") {
        return Failure::Encoding(text);
    }
    Failure::Unknown(text)
}

/// The failure of a statement that stands behind a text of the host's.
pub(crate) fn behind(text: &str, error: tokio_postgres::Error) -> Failure {
    match of(error) {
        Failure::Server(refused) => {
            let before = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            Failure::Server(Box::new(Refused { before, ..*refused }))
        }
        other => other,
    }
}

impl Failure {
    /// The character of the statement that the server complains of, from 1 on.
    pub(crate) fn character(&self) -> Option<u32> {
        match self {
            Self::Server(refused) => match refused.position() {
                Some(ErrorPosition::Original(at)) => at.checked_sub(refused.before),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the connection can be used after the failure. It can only after an ordinary error of a statement.
    pub(crate) fn leaves_connection(&self) -> bool {
        match self {
            // Cancelled, waited too long for a lock, or idled too long. XX are the server's internal errors.
            Self::Server(error) => {
                let code = error.code().code();
                // 53: a backend that ran out of memory or files is in no state for the next borrower.
                !matches!(code, "57014" | "55P03" | "25P03")
                    && !code.starts_with("XX")
                    && !code.starts_with("53")
            }
            Self::Encoding(_)
            | Self::Exhausted
            | Self::Spent(_)
            | Self::Unproven
            | Self::Changed
            | Self::Unaccepted(_)
            | Self::OverQuota(_) => true,
            Self::Disconnected(_)
            | Self::Silent(_)
            | Self::Overtime
            | Self::InDoubt(_)
            | Self::NoConnection
            | Self::Exceeded(_)
            | Self::Unfit(_)
            | Self::Unknown(_) => false,
        }
    }

    /// Whether a column, a table or a type is missing.
    pub(crate) fn misses_a_name(&self) -> bool {
        matches!(self, Self::Server(error) if matches!(error.code().code(), "42703" | "42P01" | "42704"))
    }

    /// Whether the failure means, or may mean, that the tables are not as the host knows them: a column, table or type is
    /// missing, or an operator does not fit.
    pub(crate) fn doubts_the_tables(&self) -> bool {
        match self {
            Self::Changed => true,
            Self::Server(error) => self.misses_a_name() || matches!(error.code().code(), "42804" | "42883"),
            _ => false,
        }
    }

    /// Whether nothing can make the connection usable again. A timeout is none of these: the statement has ended, or is
    /// cancelled.
    pub(crate) fn spoils_connection(&self) -> bool {
        match self {
            Self::Server(error) => {
                let code = error.code().code();
                code.starts_with("XX") || code.starts_with("53")
            }
            Self::Unknown(_) | Self::Exceeded(_) => true,
            _ => false,
        }
    }

    /// Why the database was unreachable, if the failure means that it was.
    pub(crate) fn absence(&self) -> Option<Absence> {
        match self {
            // Clocks or a network in which no proof arrives in time are an outage, too.
            Self::Disconnected(_) | Self::Silent(_) | Self::Unproven | Self::Unfit(_) => Some(Absence::Away),
            Self::Exhausted => Some(Absence::Busy),
            Self::InDoubt(_) => Some(Absence::InDoubt),
            Self::Server(error) if error.code().code() == DISK_FULL => Some(Absence::Full),
            Self::Server(_)
            | Self::Encoding(_)
            | Self::NoConnection
            | Self::Overtime
            | Self::Changed
            | Self::OverQuota(_)
            | Self::Spent(_)
            | Self::Exceeded(_)
            | Self::Unaccepted(_)
            | Self::Unknown(_) => None,
        }
    }

    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Server(error) => server(&error),
            Self::Encoding(text) => Refusal::internal(text),
            Self::Disconnected(text) | Self::Silent(text) | Self::Unfit(text) | Self::Unknown(text) => {
                Refusal::Unavailable(text)
            }
            Self::Unproven => Refusal::Unavailable(
                "the proof of who calls expires before it reaches the server: the server's clock changes, or the network holds \
                 statements for longer than one may take"
                    .into(),
            ),
            Self::Overtime => Refusal::Timeout,
            Self::Changed => Refusal::Serialization,
            Self::Spent(seats) => Refusal::Other { guest: "connection".into(), log: spent(seats) },
            Self::NoConnection => Refusal::Unavailable("the transaction's connection is gone".into()),
            Self::InDoubt(text) => Refusal::InDoubt(text),
            Self::Exhausted => Refusal::Busy,
            Self::Exceeded(exceeded) | Self::OverQuota(exceeded) => Refusal::Exceeded(exceeded),
            Self::Unaccepted(refusal) => refusal,
        }
    }
}

fn server(error: &DbError) -> Refusal {
    let code = error.code();
    tracing::debug!(
        target: "palisade::sql", sqlstate = code.code(), message = error.message(), detail = error.detail(), "statement refused"
    );
    let owned = |name: Option<&str>| name.map(ToOwned::to_owned);
    let violation = |kind| {
        let (name, column) = (owned(error.constraint()), owned(error.column()));
        Refusal::Violation(Violation { kind, name, column, schema: owned(error.schema()) })
    };
    match code.code() {
        "23505" => violation(Constraint::Unique),
        "23503" => violation(Constraint::ForeignKey),
        "23502" => violation(Constraint::NotNull),
        "23514" if error.constraint() == Some(super::values::BOUND) => Refusal::Invalid(format!(
            "a stored value has at most {STORED_BYTES_MAX} bytes, an array {STORED_ELEMENTS_MAX} elements, a `numeric` \
             {STORED_NUMERIC_BYTES_MAX} digits and the text of a `jsonb` {STORED_TEXT_BYTES_MAX} bytes: shorten it, or split it \
             over several rows"
        )),
        "23514" => violation(Constraint::Check),
        "23P01" => violation(Constraint::Exclusion),
        "40001" | "40P01" => Refusal::Serialization,
        DISK_FULL => Refusal::StorageFull(error.to_string()),
        "57014" | "55P03" | "25P03" => Refusal::Timeout,
        // 42501 also stands for another plugin's table: the answer is the same as for a table that does not exist.
        "42501" | "42P01" => Refusal::Denied,
        "25006" => Refusal::Invalid(
            "a query cannot write: declare the interface as a mutation in palisade.toml".into(),
        ),
        // A parameter whose type PostgreSQL cannot find out, or finds out twice.
        "42P08" | "42P18" | "42883" | "42725" | "42804" => Refusal::Invalid(untyped(error)),
        // Two rows of one statement for the same row, or a cursor in the wrong state: the statement's own fault.
        code if code.starts_with("21") => Refusal::Invalid(format!(
            "the statement touches a row twice, or a subquery returns several (SQLSTATE {code})"
        )),
        // `chr(0)`: PostgreSQL counts it among its own limits.
        "54000" if error.routine() == Some("chr") => {
            Refusal::Invalid("PostgreSQL's text cannot contain NUL (SQLSTATE 54000)".into())
        }
        // An increment, a sum or a conversion.
        "22003" => Refusal::Invalid("a number is outside the range of its type (SQLSTATE 22003)".into()),
        code if code.starts_with("22") => Refusal::Invalid(unfit(error)),
        "42P10" if error.routine() == Some("infer_arbiter_indexes") => Refusal::Invalid(
            "on-conflict: its columns are not exactly those of a primary key or UNIQUE constraint of the table (SQLSTATE 42P10)"
                .into(),
        ),
        "55000" if error.routine() == Some("ExecCheckIndexConstraints") => Refusal::Invalid(
            "on-conflict: its columns are those of a DEFERRABLE constraint, which is checked too late (SQLSTATE 55000)".into(),
        ),
        // The gate reads the grammar of the newest version. Other errors of this code are not the grammar's.
        "42601" if error.routine() == Some("scanner_yyerror") => Refusal::Invalid(
            "the database's version of PostgreSQL is too old for a clause of the statement: RETURNING of MERGE needs 17 \
             (SQLSTATE 42601)"
                .into(),
        ),
        code if code.starts_with("42") => Refusal::Invalid(wrong(error)),
        // The errors in which a resource bomb ends. The ledger has no limit for these, and so no number.
        code @ ("53200" | "53400" | "54000") => {
            let guest = format!("{code}: {}", too_large(code));
            Refusal::Other { guest: guest.into(), log: error.to_string() }
        }
        code => Refusal::Other { guest: code.to_owned().into(), log: error.to_string() },
    }
}

/// The sentence for a value that an operation, a conversion or a column does not take.
fn unfit(error: &DbError) -> String {
    let code = error.code().code();
    let rule = match (code, type_in(error.message())) {
        ("22012", _) => "a division by zero: write `a / nullif(b, 0)`, which is null there".to_owned(),
        ("22P02", Some(name)) => format!("a text does not have the form of a value of type {name}"),
        ("22P02", None) if error.routine() == Some("enum_in") => {
            "a text is not a label of the enum that it stands for".to_owned()
        }
        ("22001", Some(name)) => format!("a text is longer than its type allows, {name}"),
        ("22007" | "22008", _) => {
            "a text is not a date or time of the form that is asked for, or is out of range".to_owned()
        }
        ("2201E" | "2201F", _) => "a logarithm, root or power has no result for this number".to_owned(),
        ("2201B", _) => "a text is not a regular expression".to_owned(),
        _ => "a value does not fit".to_owned(),
    };
    format!("{rule} (SQLSTATE {code})")
}

/// The type in a message that begins as PostgreSQL's input functions' do. What follows a colon is a value, and is left out.
fn type_in(message: &str) -> Option<&str> {
    let heads = ["invalid input syntax for type ", "value too long for type "];
    let rest = heads.iter().find_map(|head| message.strip_prefix(head))?;
    let name = rest.split(':').next()?;
    let is_plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || " ()".contains(letter);
    (name.len() <= IDENTIFIER_BYTES_MAX && !name.is_empty() && name.chars().all(is_plain)).then_some(name)
}

/// The sentence for a statement whose parts do not fit each other or the tables.
fn wrong(error: &DbError) -> String {
    let code = error.code().code();
    let rule = match code {
        "42601" if error.file() == Some("tsquery.c") => {
            "a text is not a query for words: to_tsquery needs an operator between two words, as in 'a & b'; for what people \
             type write websearch_to_tsquery or plainto_tsquery"
                .to_owned()
        }
        "42601" => "lists do not fit each other: a value for each column, rows of one length, as many columns on both sides of \
                    UNION, no column assigned twice"
            .to_owned(),
        "428C9" => format!(
            "{} is made by PostgreSQL: leave it out or write DEFAULT; for GENERATED ALWAYS AS IDENTITY an INSERT can say \
             OVERRIDING SYSTEM VALUE",
            generated(error.message()).map_or("a generated column".to_owned(), |name| format!("the column `{name}`"))
        ),
        "42702" => "a column's name is that of several tables: write `table.column`".to_owned(),
        "42803" => "a column stands beside an aggregate, or an aggregate where none can be: name the column in GROUP BY, or \
                    aggregate it"
            .to_owned(),
        "42P20" => "a window function can stand only in a select list and in ORDER BY".to_owned(),
        "42P19" => "WITH RECURSIVE can name itself once, in the part behind UNION".to_owned(),
        _ => "the statement does not fit the tables".to_owned(),
    };
    format!("{rule} (SQLSTATE {code})")
}

/// The column in a message of the only two that name one that PostgreSQL computes. It is one of the statement's own table.
fn generated(message: &str) -> Option<String> {
    let rest = message.strip_prefix("cannot insert a non-DEFAULT value into column \"");
    let name = rest
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| message.strip_prefix("column \"")?.strip_suffix("\" can only be updated to DEFAULT"))?;
    Some(name.escape_debug().to_string())
}

/// What to do about a statement that needed too much of the server.
fn too_large(code: &str) -> &'static str {
    match code {
        "53200" => {
            "the statement needs more memory than the database has for it: join fewer tables, gather fewer values, or use several \
             statements"
        }
        "53400" => {
            "the statement needs a larger temporary file than it may have: sort, join or gather fewer rows at once"
        }
        _ => "the statement, or a value in it, is larger than PostgreSQL allows: make it shorter",
    }
}

/// The sentence for values whose types do not fit. It names the parameter, if the server names one: a number says nothing
/// of the tables.
fn untyped(error: &DbError) -> String {
    let code = error.code().code();
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let number =
        error.message().split_once('$').map(|(_, rest)| digits(rest)).filter(|digits| !digits.is_empty());
    match (code, number) {
        ("42P08" | "42P18", Some(number)) => format!(
            "the type of ${number} is not clear, or differs between its places (SQLSTATE {code}): write it with its type \
             everywhere, such as `${number}::text`"
        ),
        ("42883" | "42725", _) => format!(
            "no operator or function fits the types of its values (SQLSTATE {code}): write a parameter or literal with its \
             type, such as `$1::text`"
        ),
        _ => format!(
            "a value has another type than its place needs (SQLSTATE {code}): write a parameter or literal with its type, such \
             as `$1::text`"
        ),
    }
}
