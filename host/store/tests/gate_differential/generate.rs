//! Generates a statement from a number: the same number gives the same statement on every machine.
//!
//! There are three kinds: statements that an author could write, from a grammar of typed expressions, so that the
//! server runs most of them; such statements with a hostile piece in them; and rows of the corpora, cut and put
//! together again.

use std::fmt::Write as _;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::corpus::calls::{CALLS, PLACES};
use crate::corpus::reads::{CONSTRUCTS, DENIED, NOT_READS};
use crate::corpus::{legitimate, writes};

/// The generator of one statement.
pub struct Dice(ChaCha20Rng);

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Text,
    Numeric,
    Time,
    Json,
    Texts,
}

use Kind::{Bool, Int, Json, Numeric, Text, Texts, Time};

/// Types that can be used anywhere: in a list, an order, a set.
const COLUMNS: &[Kind] = &[Int, Text, Numeric, Time];

impl Dice {
    pub fn new(number: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(number))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u32()).unwrap() % bound
    }

    fn one<'a, T: ?Sized>(&mut self, rows: &[&'a T]) -> &'a T {
        rows[self.below(rows.len())]
    }

    /// A statement that may read.
    pub fn read(&mut self) -> String {
        match self.below(20) {
            0..=11 => self.select(2),
            12..=13 => self.with_something_hostile(),
            14..=16 => {
                let row = self.one(legitimate::READS).to_owned();
                self.mutated(&row)
            }
            _ => {
                let row = self.hostile_row();
                self.mutated(&row)
            }
        }
    }

    /// A statement that may write.
    pub fn write(&mut self) -> String {
        match self.below(20) {
            0..=9 => self.change(),
            10..=11 => {
                let (change, hidden) = (self.change(), self.hostile_call());
                spliced(self, &change, &hidden)
            }
            12..=15 => {
                let row = self.one(legitimate::WRITES).to_owned();
                self.mutated(&row)
            }
            _ => {
                let row = self.one(writes::WRITES).to_owned();
                self.mutated(&row)
            }
        }
    }

    fn hostile_row(&mut self) -> String {
        match self.below(5) {
            0 => self.one(NOT_READS).to_owned(),
            1 => self.one(DENIED).to_owned(),
            2 => self.one(CONSTRUCTS).to_owned(),
            3 => format!("SELECT {}", self.one(CALLS)),
            _ => {
                let hidden = self.hostile_call();
                self.one(PLACES).replace('%', &hidden)
            }
        }
    }

    fn hostile_call(&mut self) -> String {
        match self.below(4) {
            0 => "(SELECT secret FROM people LIMIT 1)".to_owned(),
            1 => "d.f".to_owned(),
            _ => self.one(CALLS).to_owned(),
        }
    }

    /// A hostile piece in the place of a value.
    fn with_something_hostile(&mut self) -> String {
        let (select, hidden) = (self.select(2), self.hostile_call());
        spliced(self, &select, &hidden)
    }

    /// Makes one to three changes to a text, word by word.
    fn mutated(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            let mut words: Vec<String> =
                text.split_inclusive([' ', '(', ')', ',', '.']).map(str::to_owned).collect();
            if words.is_empty() {
                return text;
            }
            let (at, other) = (self.below(words.len()), self.below(words.len()));
            match self.below(10) {
                0 => words.swap(at, other),
                1 => drop(words.remove(at)),
                2 => words.insert(at, words[other].clone()),
                3 => words[at] = words[at].to_uppercase(),
                4 => words[at] = words[at].to_lowercase(),
                5 => words
                    .insert(at, self.one(&["/**/", "/* ' */", "/* /* */ */", "--\n", "-- '\n"]).to_owned()),
                6 => words.insert(at, self.one(&[" ", "\n", "\t", "\u{c}"]).to_owned()),
                7 => {
                    let from = self.hostile_row();
                    let from: Vec<&str> = from.split_inclusive([' ', '(', ')', ',']).collect();
                    if !from.is_empty() {
                        let cut = self.below(from.len());
                        words.splice(at..=at, from[cut..].iter().map(|&word| word.to_owned()));
                    }
                }
                8 => {
                    let from = self.one(legitimate::READS);
                    let from: Vec<&str> = from.split_inclusive([' ', '(', ')', ',']).collect();
                    from[self.below(from.len())].clone_into(&mut words[at]);
                }
                _ => words[at] = words[at].replace('\'', "$$"),
            }
            text = words.concat();
        }
        text
    }

    /// A whole statement that reads.
    fn select(&mut self, depth: usize) -> String {
        match self.below(12) {
            0 => {
                let kind = self.column();
                let operator = self.one(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
                let (a, b) = (self.scalar_select(kind, depth), self.scalar_select(kind, depth));
                format!("{a} {operator} {b} ORDER BY 1 LIMIT 5")
            }
            1 => {
                let (kind, with) = (self.column(), self.below(3));
                let inner = self.scalar_select(kind, depth);
                let hint = ["", "MATERIALIZED ", "NOT MATERIALIZED "][with];
                format!(
                    "WITH w (x) AS {hint}({inner}) SELECT w.x, count(*) FROM w, comments c GROUP BY w.x ORDER BY w.x"
                )
            }
            2 => {
                let (kind, inner) = (self.column(), depth.saturating_sub(1));
                let (list, lateral) = (self.scalar_select(kind, inner), self.scalar_select(Int, inner));
                format!(
                    "SELECT s.x, l.x FROM ({list}) AS s (x) CROSS JOIN LATERAL ({lateral}) AS l (x) LIMIT 7"
                )
            }
            3 => {
                let (group, value) = (self.of(Text, 1), self.of(Int, 1));
                let filter = self.of(Bool, 1);
                format!(
                    "SELECT {group} AS g, count(*), sum({value}), max({value}) FILTER (WHERE {filter}) \
                     FROM drafts d JOIN comments c ON c.draft_id = d.id GROUP BY g HAVING count(*) > 0 ORDER BY 2 DESC"
                )
            }
            4 => {
                let (partition, order, value) = (self.of(Text, 1), self.of(Int, 1), self.of(Int, 1));
                let call = self.one(&["sum", "min", "count", "lag", "first_value", "array_agg"]);
                format!(
                    "SELECT {call}({value}) OVER (PARTITION BY {partition} ORDER BY {order}) AS n, \
                     row_number() OVER w FROM drafts d CROSS JOIN comments c WINDOW w AS (ORDER BY d.id)"
                )
            }
            5 => {
                let rows = self.one(&[
                    "unnest(d.tags) AS u (x)",
                    "jsonb_object_keys(d.data) AS u (x)",
                    "jsonb_array_elements('[1, 2]'::jsonb) AS u (x)",
                    "jsonb_each_text(d.data) AS u (k, x)",
                    "unnest(ARRAY['a', 'b']) WITH ORDINALITY AS u (x, n)",
                ]);
                let filter = self.of(Bool, 1);
                format!(
                    "SELECT u.x, d.id FROM drafts d CROSS JOIN comments c CROSS JOIN LATERAL {rows} WHERE {filter}"
                )
            }
            6 => {
                let (a, b) = (self.of(Int, 1), self.of(Text, 1));
                format!("SELECT DISTINCT ON ({a}) {a}, {b} FROM drafts d, comments c ORDER BY {a}, 2")
            }
            7 => {
                let (a, b) = (self.of(Int, 1), self.of(Text, 1));
                let sets = self.one(&["ROLLUP (x, y)", "CUBE (x, y)", "GROUPING SETS ((x), (y), ())"]);
                format!(
                    "SELECT s.x, s.y, count(*) FROM (SELECT {a} AS x, {b} AS y FROM drafts d, comments c) s \
                     GROUP BY {}",
                    sets.replace('x', "s.x").replace("y)", "s.y)")
                )
            }
            _ => {
                let mut list = String::new();
                for index in 0..=self.below(3) {
                    let kind = [Bool, Int, Text, Numeric, Time, Json, Texts][self.below(7)];
                    let _ = write!(list, "{}{}", if index == 0 { "" } else { ", " }, self.of(kind, depth));
                }
                let (filter, order) = (self.of(Bool, depth), self.of(Int, 1));
                let join = self.one(&[
                    "JOIN comments c ON c.draft_id = d.id",
                    "LEFT JOIN comments c USING (id)",
                    ", comments c",
                ]);
                format!("SELECT {list} FROM drafts d {join} WHERE {filter} ORDER BY {order} LIMIT 9")
            }
        }
    }

    fn column(&mut self) -> Kind {
        COLUMNS[self.below(COLUMNS.len())]
    }

    /// A select of one column.
    fn scalar_select(&mut self, kind: Kind, depth: usize) -> String {
        let (value, filter) = (self.of(kind, depth), self.of(Bool, depth));
        format!("SELECT {value} FROM drafts d CROSS JOIN comments c WHERE {filter}")
    }

    /// An expression over `drafts d` and `comments c`.
    fn of(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 || self.below(4) == 0 {
            return self.leaf(kind).to_owned();
        }
        let mut of = |kind| self.of(kind, depth - 1);
        match kind {
            Bool => {
                let (a, b, n, m) = (of(Bool), of(Bool), of(Int), of(Int));
                let (text, other, time, json, texts) = (of(Text), of(Text), of(Time), of(Json), of(Texts));
                let compare = self.one(&["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]);
                match self.below(14) {
                    0 => format!("{a} AND {b}"),
                    1 => format!("({a} OR {b})"),
                    2 => format!("NOT ({a})"),
                    3 => format!("({n}) {compare} ({m})"),
                    4 => format!("({text}) {compare} ({other})"),
                    5 => format!("({text}) LIKE 'a%'"),
                    6 => format!("({text}) NOT ILIKE '%\\_b' ESCAPE '\\'"),
                    7 => format!("({n}) BETWEEN 1 AND ({m})"),
                    8 => format!("({n}) IN (1, 2, ({m}))"),
                    9 => format!("({text}) = ANY ({texts})"),
                    10 => format!("EXISTS (SELECT 1 FROM people p WHERE p.id = ({n}))"),
                    11 => format!("({time}) IS NOT NULL"),
                    12 => format!("({json}) @> '{{\"a\": 1}}'"),
                    _ => format!("({n}) IN (SELECT p.id FROM people p)"),
                }
            }
            Int => {
                let (a, b, t, texts, c) = (of(Int), of(Int), of(Text), of(Texts), of(Bool));
                match self.below(10) {
                    0 => format!("({a}) + ({b})"),
                    1 => format!("- ({a})"),
                    2 => format!("({a}) % 7"),
                    3 => format!("length({t})"),
                    4 => format!("coalesce({a}, {b})"),
                    5 => format!("CASE WHEN {c} THEN {a} ELSE {b} END"),
                    6 => format!("cardinality({texts})"),
                    7 => format!("(SELECT count(*) FROM people p WHERE p.id < {a})"),
                    8 => format!("greatest({a}, {b}, 3)"),
                    _ => format!("nullif({a}, {b})"),
                }
            }
            Text => {
                let (a, b, n, time, json, texts) =
                    (of(Text), of(Text), of(Int), of(Time), of(Json), of(Texts));
                match self.below(14) {
                    0 => format!("({a}) || ({b})"),
                    1 => format!("lower({a})"),
                    2 => format!("UPPER({a})"),
                    3 => format!("left({a}, 3)"),
                    4 => format!("substring({a} FROM 2 FOR 3)"),
                    5 => format!("coalesce({a}, {b})"),
                    6 => format!("replace({a}, 'a', 'bb')"),
                    7 => format!("to_char({time}, 'YYYY-MM')"),
                    8 => format!("({n})::text"),
                    9 => format!("({json}) ->> 'a'"),
                    10 => format!("array_to_string({texts}, ',')"),
                    11 => format!("trim(BOTH 'x' FROM {a})"),
                    12 => format!("({a}) COLLATE \"C\""),
                    _ => format!("md5({a})"),
                }
            }
            Numeric => {
                let (a, b, n) = (of(Numeric), of(Numeric), of(Int));
                match self.below(5) {
                    0 => format!("round({a}, 2)"),
                    1 => format!("({a}) * 1.5 - ({b})"),
                    2 => format!("CAST({n} AS numeric)"),
                    3 => format!("abs({a})"),
                    _ => format!("coalesce({a}, {b})"),
                }
            }
            Time => {
                let (a, b) = (of(Time), of(Time));
                match self.below(4) {
                    0 => format!("date_trunc('day', {a})"),
                    1 => format!("({a}) + interval '1 day'"),
                    2 => format!("least({a}, {b})"),
                    _ => format!("coalesce({a}, {b})"),
                }
            }
            Json => {
                let (a, n, t) = (of(Json), of(Int), of(Text));
                match self.below(4) {
                    0 => format!("jsonb_build_object('a', {n}, 'b', {t})"),
                    1 => format!("to_jsonb({n})"),
                    2 => format!("({a}) -> 'a'"),
                    _ => format!("coalesce({a}, '{{}}'::jsonb)"),
                }
            }
            Texts => {
                let (a, b, t) = (of(Texts), of(Texts), of(Text));
                match self.below(4) {
                    0 => format!("ARRAY[{t}, 'x']"),
                    1 => format!("({a}) || ({b})"),
                    2 => format!("string_to_array({t}, ' ')"),
                    _ => format!("ARRAY(SELECT p.name FROM people p WHERE p.name <> {t})"),
                }
            }
        }
    }

    fn leaf(&mut self, kind: Kind) -> &'static str {
        self.one(match kind {
            Bool => &["true", "d.id = 1", "d.status = 'live'", "c.body IS NULL", "FALSE"],
            Int => &["d.id", "c.draft_id", "1", "42", "$1::bigint", "c.id"],
            Text => {
                &["d.title", "d.body", "c.body", "'it''s'", "'a;b'", "E'\\n'", "$$x$$", "\"d\".\"title\""]
            }
            Numeric => &["d.price", "1.5", "0.25", "d.price"],
            Time => &["d.created", "timestamptz '2024-01-01 00:00:00+00'", "'2024-02-29'::timestamptz"],
            Json => &["d.data", "'{\"a\": 1}'::jsonb", "'{\"a\": {\"b\": 2}}'::jsonb"],
            Texts => &["d.tags", "ARRAY['a', 'b']", "'{x,y}'::text[]"],
        })
    }

    /// A whole statement that writes.
    fn change(&mut self) -> String {
        // The expressions are over `drafts d` and `comments c`.
        let (text, int, filter) = (self.of(Text, 1), self.of(Int, 1), self.of(Bool, 1));
        match self.below(9) {
            0 => format!("UPDATE drafts AS d SET title = {text} FROM comments c WHERE {filter}"),
            1 => format!("UPDATE drafts AS d SET price = {int}, body = {text} FROM comments c WHERE c.draft_id = d.id"),
            2 => format!("DELETE FROM drafts AS d USING comments c WHERE {filter}"),
            3 => format!("INSERT INTO drafts (title) SELECT {text} FROM drafts d, comments c WHERE {filter} LIMIT 3"),
            4 => format!("INSERT INTO events (what) SELECT {text} FROM drafts d CROSS JOIN comments c LIMIT 2"),
            5 => "INSERT INTO events (what) VALUES ('x'), ('y')".to_owned(),
            6 => format!("UPDATE people AS p SET name = {text} FROM drafts d, comments c WHERE p.id = d.id AND {filter}"),
            7 => "INSERT INTO drafts AS d (id, title) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET title = excluded.title || d.title \
                  WHERE d.id > 0"
                .to_owned(),
            _ => format!("WITH w (x) AS (SELECT {int} FROM drafts d, comments c) DELETE FROM drafts WHERE id IN (SELECT w.x FROM w)"),
        }
    }
}

/// A hostile piece in the place of one of a statement's values.
fn spliced(dice: &mut Dice, statement: &str, hidden: &str) -> String {
    let values =
        ["d.title", "d.id", "c.body", "c.draft_id", "true", "1", "d.body", "d.price", "LIMIT 9", "d.data"];
    let found: Vec<(usize, &str)> =
        values.iter().filter_map(|value| statement.find(value).map(|at| (at, *value))).collect();
    let Some(&(at, value)) = found.get(dice.below(found.len().max(1))) else { return statement.to_owned() };
    let hidden = if value == "LIMIT 9" { format!("LIMIT {hidden}") } else { hidden.to_owned() };
    format!("{}{hidden}{}", &statement[..at], &statement[at + value.len()..])
}
