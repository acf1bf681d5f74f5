//! The plan of a statement's cost: its operations, each with its operands, so that the work is known as soon as the sizes
//! of the parameters are.
// tidy: numbers are measured nanoseconds and bytes, the reasons stand beside them

use super::class::Class;
use super::size::Size;
use crate::limits::{NS_PER_MS, WORK_BYTES_MAX, WORK_MS_MAX};
use crate::refusal::Refusal;
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
    /// A time of day.
    Time,
}

impl Moment {
    /// What one of two values is that get one type.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Time, _) | (_, Self::Time) => Self::Time,
            (Self::Certain, _) | (_, Self::Certain) => Self::Certain,
            _ => Self::Unknown,
        }
    }
}

/// A value in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(u32);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operation {
    class: Class,
    /// What the statement calls it.
    what: &'static str,
    operands: Range<u32>,
    moment: Moment,
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
        self.plan.operands.extend_from_slice(operands);
        let operands = start..index(self.plan.operands.len());
        self.plan.operations.push(Operation { class, what, operands, moment });
        Node(index(self.plan.operations.len().saturating_sub(1)))
    }

    /// A reference to a node.
    pub fn refer(&mut self, to: Node) {
        let moment = match self.moment(to) {
            known @ (Moment::Certain | Moment::Time) => known,
            _ => Moment::Unknown,
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

    /// Whether one of the values since a mark is certainly a date or time. PostgreSQL gives the others its type, or
    /// refuses them.
    pub fn any_moment(&self, mark: usize) -> Moment {
        self.since(mark).iter().fold(Moment::Unknown, |found, node| found.or(self.moment(*node)))
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
    pub fn check(&self, parameters: &[Size]) -> Result<(), Refusal> {
        let mut sizes: Vec<Size> = Vec::with_capacity(self.operations.len());
        // For each value the work of computing it from the columns.
        let mut works: Vec<Work> = Vec::with_capacity(self.operations.len());
        let (mut total, mut heaviest) = (Work::default(), ("", Work::default(), Vec::new()));
        let mut operands = Vec::new();
        for size in parameters {
            let read = Work {
                ns: size.elements.saturating_mul(READ_NS),
                bytes: size.elements.saturating_mul(READ_BYTES).saturating_add(size.bytes),
            };
            total = total.and(read);
            if read.ns > heaviest.1.ns {
                heaviest = ("reading a parameter", read, vec![*size]);
            }
        }
        for operation in &self.operations {
            operands.clear();
            let mut below = Work::default();
            let range = operation.operands.start as usize..operation.operands.end as usize;
            for &Node(operand) in self.operands.get(range).unwrap_or_default() {
                operands.push(sizes.get(operand as usize).copied().unwrap_or_default());
                below = below.and(works.get(operand as usize).copied().unwrap_or_default());
            }
            if let Some(demand) = operation.class.demand(&operands) {
                return Err(Refusal::Invalid(format!("`{}` {demand}", operation.what)));
            }
            let (size, ns) = operation.class.weigh(&operands, parameters);
            let kept = operation.class.kept(size, &operands);
            let own = match operation.class {
                // The planner may write the column's expression in place of its name.
                Class::Reference => below,
                _ => Work { ns, bytes: kept },
            };
            total = total.and(own);
            if own.ns > heaviest.1.ns || own.ns == heaviest.1.ns && own.bytes > heaviest.1.bytes {
                heaviest = (operation.what, own, operands.clone());
            }
            works.push(below.and(own));
            sizes.push(size);
        }
        let ms_max = WORK_MS_MAX.checked_div(self.share).unwrap_or(WORK_MS_MAX);
        let ms = total.ns / NS_PER_MS;
        if ms <= ms_max && total.bytes <= WORK_BYTES_MAX {
            return Ok(());
        }
        let (what, own, operands) = heaviest;
        let sizes: Vec<String> = operands.iter().map(|size| shown(*size)).collect();
        let much = if ms > ms_max {
            format!("may take {ms} ms for one row, of which {what} takes {}", own.ns / NS_PER_MS)
        } else {
            format!(
                "may take {} bytes of memory for one row, of which {what} takes {}",
                total.bytes, own.bytes
            )
        };
        Err(Refusal::Invalid(format!(
            "the statement {much} (its operands have up to {}), and at most {ms_max} ms and {WORK_BYTES_MAX} bytes are \
             allowed: use fewer of such operations, send shorter values, declare columns as `varchar(n)`, or cast to \
             `numeric(p, s)`",
            sizes.join(" and ")
        )))
    }
}

fn shown(size: Size) -> String {
    if size.elements > 0 {
        format!("{} bytes with {} elements", size.bytes, size.elements)
    } else {
        format!("{} bytes", size.bytes)
    }
}
