//! The plan of a statement's cost: its operations, each with its operands, so that the work is known as soon as the sizes
//! of the parameters are.
// tidy: numbers are measured nanoseconds and bytes, the reasons stand beside them

use super::bounds::Bounds;
use super::class::Class;
use super::size::{Family, Size};
use crate::limits::{NS_PER_MS, WORK_BYTES_MAX, WORK_MS_MAX};
use crate::refusal::Refusal;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Range;

/// Nanoseconds to read one element of a parameter. JSON takes the longest.
const READ_NS: u64 = 120;
/// Bytes of memory to read one element of a parameter.
const READ_BYTES: u64 = 64;

/// Whether a value is a date or time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// It may be a text, which could name the clock or a time zone when it is converted.
    #[default]
    Unknown,
    /// A literal or parameter alone, which takes the type that it is converted to.
    Bare,
    /// A date, a timestamp or an interval.
    Certain,
    /// A difference: a date or time, an interval, or the number of days between two dates. It is no text, and says nothing of
    /// the values beside it.
    Difference,
    /// A time of day.
    Time,
    /// A range of dates or times.
    Range,
    /// Certainly no date, time or range of them, whatever stands beside it.
    Never,
}

impl Moment {
    /// What one of two values is that get one type.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Time, _) | (_, Self::Time) => Self::Time,
            (Self::Certain, _) | (_, Self::Certain) => Self::Certain,
            (Self::Range, _) | (_, Self::Range) => Self::Range,
            (Self::Difference, Self::Difference | Self::Bare) | (Self::Bare, Self::Difference) => {
                Self::Difference
            }
            (Self::Never, Self::Never) => Self::Never,
            _ => Self::Unknown,
        }
    }

    /// What arithmetic with two values gives. A text has none, so the result is no text if an operand is a date or time: but
    /// `jsonb` less a number is JSON, and a date less a date is a number.
    pub fn arithmetic(self, sign: &str, other: Self) -> Self {
        match (self, other) {
            (Self::Time | Self::Range, _) | (_, Self::Time | Self::Range) => self.or(other),
            (Self::Never, Self::Certain | Self::Difference) if sign == "-" => Self::Unknown,
            (Self::Certain, Self::Never) => Self::Certain,
            (Self::Certain, _) | (_, Self::Certain) if sign != "-" => Self::Certain,
            (Self::Certain | Self::Difference, _) | (_, Self::Certain | Self::Difference) => Self::Difference,
            _ => self.or(other),
        }
    }
}

/// A value in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node(u32);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operation {
    class: Class,
    /// What the statement calls it.
    what: &'static str,
    operands: Range<u32>,
    moment: Moment,
    place: Place,
    family: Family,
}

/// Where an operation stands in the author's text: its line and its column, from 1 on. Structured calls have no text.
pub type Place = Option<(NonZeroU32, NonZeroU32)>;

/// Why a statement is too expensive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dear {
    /// Where the dearest operation stands.
    pub place: Place,
    /// What the statement calls it.
    pub what: String,
    /// What is too much, and what to write instead.
    pub rule: String,
    /// The parameter whose value should have bounded the cost, and does not.
    pub unbounded: Option<usize>,
}

impl From<Dear> for Refusal {
    fn from(Dear { place, what, rule, .. }: Dear) -> Self {
        Self::Invalid(match place {
            Some((line, column)) => format!("{what} near line {line}, column {column}: {rule}"),
            None => format!("{what}: {rule}"),
        })
    }
}

/// The operations of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    operations: Vec<Operation>,
    operands: Vec<Node>,
    /// The nanoseconds that the statement may take, if not as many as every statement.
    share: u64,
}

/// A plan while the statement is walked: the values that wait for the operation that takes them.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    plan: Plan,
    waiting: Vec<Node>,
    /// Where the walk is.
    place: Place,
}

#[derive(Clone, Copy, Default)]
struct Work {
    ns: u64,
    bytes: u64,
}

impl Work {
    fn and(self, other: Self) -> Self {
        Self { ns: self.ns.saturating_add(other.ns), bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Planner {
    /// Says where the walk is: a line and a column from 1 on. Operations begin there unless
    /// [`place`](Self::place) says otherwise.
    pub fn see(&mut self, line: usize, column: usize) {
        let number = |number: usize| u32::try_from(number).ok().and_then(NonZeroU32::new);
        self.place = number(line).zip(number(column));
    }

    /// Where the walk is.
    pub fn here(&self) -> Place {
        self.place
    }

    /// Says where the operation stands whose value waits last.
    pub fn place(&mut self, place: Place) {
        let index = self.waiting.last().and_then(|node| usize::try_from(node.0).ok());
        if let Some(operation) = index.and_then(|index| self.plan.operations.get_mut(index)) {
            operation.place = place;
        }
    }

    /// The place from which the operands of an operation wait.
    pub fn mark(&self) -> usize {
        self.waiting.len()
    }

    /// A value of a known size.
    pub fn known(&mut self, size: Size, moment: Moment) {
        let node = self.node(Class::Known(size), "a value", &[], moment);
        self.waiting.push(node);
    }

    /// The value of a parameter.
    pub fn parameter(&mut self, number: usize) {
        let node = self.node(Class::Parameter(number), "a parameter", &[], Moment::Bare);
        self.waiting.push(node);
    }

    /// A node that does not wait for an operation.
    pub fn node(&mut self, class: Class, what: &'static str, operands: &[Node], moment: Moment) -> Node {
        let index = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let start = index(self.plan.operands.len());
        let family = class.family(operands.iter().map(|operand| self.family(*operand)));
        self.plan.operands.extend_from_slice(operands);
        let operands = start..index(self.plan.operands.len());
        self.plan.operations.push(Operation { class, what, operands, moment, place: self.place, family });
        Node(index(self.plan.operations.len().saturating_sub(1)))
    }

    /// A reference to a node.
    pub fn refer(&mut self, to: Node) {
        let moment = match self.moment(to) {
            Moment::Bare => Moment::Unknown,
            known => known,
        };
        let node = self.node(Class::Reference, "a column", &[to], moment);
        self.waiting.push(node);
    }

    /// An operation on all values that wait since a mark.
    pub fn close(&mut self, mark: usize, class: Class, what: &'static str, moment: Moment) {
        let operands = self.waiting.split_off(mark.min(self.waiting.len()));
        let node = self.node(class, what, &operands, moment);
        self.waiting.push(node);
    }

    /// Drops the values that wait since a mark: nothing takes them, and their work counts all the same.
    pub fn forget(&mut self, mark: usize) {
        self.waiting.truncate(mark);
    }

    /// The last value that waits.
    pub fn last(&self) -> Option<Node> {
        self.waiting.last().copied()
    }

    /// The values that wait since a mark.
    pub fn since(&self, mark: usize) -> &[Node] {
        self.waiting.get(mark..).unwrap_or_default()
    }

    /// Whether a value is a date or time.
    pub fn moment(&self, node: Node) -> Moment {
        let operation = usize::try_from(node.0).ok().and_then(|index| self.plan.operations.get(index));
        operation.map_or(Moment::Unknown, |operation| operation.moment)
    }

    /// The value that a column of subqueries is in the end.
    pub fn source(&self, node: Node) -> Node {
        let mut node = node;
        // An operation's operands come before it, so this ends.
        while let Some(operation) = self.plan.operations.get(node.0 as usize)
            && matches!(operation.class, Class::Reference | Class::Either | Class::Kept)
            && let Some(&first) = self.plan.operands.get(operation.operands.start as usize)
            && operation.operands.start < operation.operands.end
        {
            node = first;
        }
        node
    }

    /// Of which types a value certainly is.
    pub fn family(&self, node: Node) -> Family {
        let operation = usize::try_from(node.0).ok().and_then(|index| self.plan.operations.get(index));
        operation.map_or(Family::Unknown, |operation| operation.family)
    }

    /// Whether one of several values that get one type is certainly a date or time, or none is. PostgreSQL gives the others
    /// its type, or refuses them. An offset, a fraction or a condition is not among them: its type says nothing.
    pub fn common_moment(&self, nodes: &[Node]) -> Moment {
        let moments = nodes.iter().map(|node| self.moment(*node));
        moments.reduce(Moment::or).filter(|found| *found != Moment::Bare).unwrap_or_default()
    }

    /// The finished plan.
    pub fn finish(self) -> Plan {
        self.plan
    }
}

impl Plan {
    /// This plan with only a part of the time that a statement may take: one in `share`.
    pub fn with_share(mut self, share: u64) -> Self {
        self.share = share;
        self
    }

    /// Adds another plan's operations to this one's.
    pub fn absorb(&mut self, other: Self) {
        let nodes = u32::try_from(self.operations.len()).unwrap_or(u32::MAX);
        let operands = u32::try_from(self.operands.len()).unwrap_or(u32::MAX);
        self.operands.extend(other.operands.into_iter().map(|Node(node)| Node(node.saturating_add(nodes))));
        self.operations.extend(other.operations.into_iter().map(|operation| {
            let Range { start, end } = operation.operands;
            let range = start.saturating_add(operands)..end.saturating_add(operands);
            Operation { operands: range, ..operation }
        }));
    }

    /// Refuses a statement whose expressions may take too much time or memory for one row, for parameters of these sizes.
    pub fn check(&self, parameters: &[Size]) -> Result<(), Dear> {
        let mut sizes: Vec<Size> = Vec::with_capacity(self.operations.len());
        // For each value the work of computing it from the columns.
        let mut works: Vec<Work> = Vec::with_capacity(self.operations.len());
        let (mut total, mut slowest, mut largest) = (Work::default(), Most::default(), Most::default());
        let mut operands = Vec::new();
        for (size, number) in parameters.iter().zip(1..) {
            let read = Work {
                ns: size.elements.saturating_mul(READ_NS),
                bytes: size.elements.saturating_mul(READ_BYTES).saturating_add(size.bytes),
            };
            total = total.and(read);
            slowest.or(read.ns, Cause::Parameter(number));
            largest.or(read.bytes, Cause::Parameter(number));
        }
        for (index, operation) in self.operations.iter().enumerate() {
            operands.clear();
            let mut below = Work::default();
            let range = operation.operands.start as usize..operation.operands.end as usize;
            for &Node(operand) in self.operands.get(range).unwrap_or_default() {
                operands.push(sizes.get(operand as usize).copied().unwrap_or_default());
                below = below.and(works.get(operand as usize).copied().unwrap_or_default());
            }
            if let Some(rule) = operation.class.demand(&operands) {
                let operands = operation.class.unbounded(&operands);
                let unbounded = operands.and_then(|which| self.unbounded(operation, which, parameters));
                return Err(Dear { place: operation.place, what: named(operation.what), rule, unbounded });
            }
            let (size, ns) = operation.class.weigh(&operands, parameters);
            let kept = operation.class.kept(size, &operands);
            let own = match operation.class {
                // The planner may write the column's expression in place of its name.
                Class::Reference => below,
                _ => Work { ns, bytes: kept },
            };
            total = total.and(own);
            slowest.or(own.ns, Cause::Operation(index));
            largest.or(own.bytes, Cause::Operation(index));
            works.push(match operation.class {
                Class::Kept => Work::default(),
                _ => below.and(own),
            });
            sizes.push(size);
        }
        let ms_max = WORK_MS_MAX.checked_div(self.share).unwrap_or(WORK_MS_MAX);
        let ms = total.ns / NS_PER_MS;
        if ms <= ms_max && total.bytes <= WORK_BYTES_MAX {
            return Ok(());
        }
        let is_slow = ms > ms_max;
        let most = if is_slow { slowest } else { largest };
        let much = if is_slow {
            format!("may take {ms} ms for one row, of which this takes {}", most.amount / NS_PER_MS)
        } else {
            format!(
                "may take {} bytes of memory for one row, of which this takes {}",
                total.bytes, most.amount
            )
        };
        let operation = match most.from {
            Cause::Operation(index) => self.operations.get(index),
            Cause::Parameter(number) => {
                self.operations.iter().find(|operation| operation.class == Class::Parameter(number))
            }
        };
        let (what, place) = operation.map_or(("a parameter", None), |found| (found.what, found.place));
        let operands: Vec<String> = match most.from {
            Cause::Parameter(number) => number
                .checked_sub(1)
                .and_then(|index| parameters.get(index))
                .into_iter()
                .copied()
                .map(shown)
                .collect(),
            Cause::Operation(_) => {
                let range = operation
                    .map_or(0..0, |found| found.operands.start as usize..found.operands.end as usize);
                let nodes = self.operands.get(range).unwrap_or_default().iter();
                nodes.filter_map(|Node(node)| sizes.get(*node as usize)).copied().map(shown).collect()
            }
        };
        let of = if operands.is_empty() {
            String::new()
        } else {
            format!(" (its operands have up to {})", operands.join(" and "))
        };
        let rule = format!(
            "the statement {much}{of}, and at most {ms_max} ms and {WORK_BYTES_MAX} bytes are allowed: use fewer of such \
             operations, send shorter values, declare columns as `varchar(n)`, or cast to `numeric(p, s)`"
        );
        Err(Dear { place, what: named(what), rule, unbounded: None })
    }

    /// The first parameter below some operands of an operation whose value has no bounds.
    fn unbounded(&self, operation: &Operation, which: Range<usize>, parameters: &[Size]) -> Option<usize> {
        let below = |operation: &Operation| {
            let range = operation.operands.start as usize..operation.operands.end as usize;
            self.operands.get(range).unwrap_or_default()
        };
        let mut waiting: Vec<Node> =
            below(operation).iter().skip(which.start).take(which.len()).copied().collect();
        let (mut found, mut seen): (Option<usize>, BTreeSet<u32>) = (None, BTreeSet::new());
        while let Some(Node(next)) = waiting.pop().filter(|_| !parameters.is_empty()) {
            let Some(operation) = self.operations.get(next as usize).filter(|_| seen.insert(next)) else {
                continue;
            };
            if let Class::Parameter(number) = operation.class {
                let size = number.checked_sub(1).and_then(|place| parameters.get(place));
                if size.is_some_and(|size| size.bounds == Bounds::ANY) {
                    found = Some(found.map_or(number, |known| known.min(number)));
                }
            }
            waiting.extend_from_slice(below(operation));
        }
        found
    }
}

/// What takes the most so far, and how much.
#[derive(Clone, Copy)]
struct Most {
    amount: u64,
    from: Cause,
}

/// What takes time or memory.
#[derive(Clone, Copy)]
enum Cause {
    /// The operation at an index.
    Operation(usize),
    /// Reading the parameter of a number.
    Parameter(usize),
}

impl Default for Most {
    fn default() -> Self {
        Self { amount: 0, from: Cause::Operation(0) }
    }
}

impl Most {
    fn or(&mut self, amount: u64, from: Cause) {
        if amount > self.amount {
            *self = Self { amount, from };
        }
    }
}

/// The name of a function, a sign or a word of SQL as it is written, and everything else as a noun.
fn named(what: &str) -> String {
    if what.contains(' ') && what.starts_with("a ") { what.to_owned() } else { format!("`{what}`") }
}

fn shown(size: Size) -> String {
    if size.elements > 0 {
        format!("{} bytes with {} elements", size.bytes, size.elements)
    } else {
        format!("{} bytes", size.bytes)
    }
}
