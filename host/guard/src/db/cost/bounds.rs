//! Bounds: between which numbers, times or intervals a value lies, where that is known.
//!
//! They decide how long the result of `repeat` is and how many rows `generate_series` has. Only a few operations have a
//! result whose bounds are known ([`Class::bounds`](super::class::Class)); every other result can be anything.
// tidy: numbers are parts of a day, days of a month, and microseconds

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
const DAY: i64 = 86_400 * SECOND;
/// Days by which a time zone and a cast can move a time.
const MOVED_DAYS: i64 = 2;
/// 2000-01-01 and 2200-01-01, between which the invocation's instant is taken to lie, in microseconds since 1970-01-01.
const NOW: (i64, i64) = (10_957 * DAY, 84_006 * DAY);

/// What a value is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unit {
    /// A whole number.
    #[default]
    Number,
    /// An interval, in microseconds.
    Span,
    /// A time, in microseconds since 1970-01-01.
    Moment,
    /// A time, in microseconds since the invocation's instant.
    Instant,
}

/// A lower and an upper bound of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    unit: Unit,
    low: i64,
    high: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self::ANY
    }
}

impl Bounds {
    /// A value of which nothing is known.
    pub const ANY: Self = Self { unit: Unit::Number, low: i64::MIN, high: i64::MAX };
    /// A parameter without a value so far: whatever it is will be known.
    pub const PENDING: Self = Self { unit: Unit::Number, low: i64::MAX, high: i64::MIN };
    /// The invocation's instant.
    pub const INSTANT: Self = Self { unit: Unit::Instant, low: 0, high: 0 };

    /// A whole number.
    pub const fn number(value: i64) -> Self {
        Self { unit: Unit::Number, low: value, high: value }
    }

    /// A whole number that is at least 0 and at most this.
    pub fn up_to(most: u64) -> Self {
        Self { unit: Unit::Number, low: 0, high: i64::try_from(most).unwrap_or(i64::MAX) }
    }

    /// A time, in microseconds since 1970-01-01.
    pub const fn moment(microseconds: i64) -> Self {
        Self { unit: Unit::Moment, low: microseconds, high: microseconds }
    }

    /// A date, in days since 1970-01-01.
    pub fn date(days: i32) -> Self {
        match days {
            i32::MIN | i32::MAX => Self::ANY,
            days => Self::moment(i64::from(days).saturating_mul(DAY)),
        }
    }

    /// An interval. A month has 28 to 31 days, and a day 23 to 25 hours.
    pub fn interval(months: i32, days: i32, microseconds: i64) -> Self {
        let of = |month: i64, day: i64| {
            i64::from(months)
                .saturating_mul(month)
                .saturating_mul(DAY)
                .saturating_add(i64::from(days).saturating_mul(day).saturating_mul(DAY / 24))
                .saturating_add(microseconds)
        };
        let all = [of(28, 23), of(28, 25), of(31, 23), of(31, 25)];
        let low = all.iter().copied().fold(i64::MAX, i64::min);
        let high = all.iter().copied().fold(i64::MIN, i64::max);
        Self { unit: Unit::Span, low, high }
    }

    /// A string in SQL text: a date or time that begins with `2026-01-31`, or an interval such as `1 day 12 hours`.
    pub fn literal(text: &str) -> Self {
        date_of(text).or_else(|| interval_of(text)).unwrap_or(Self::ANY)
    }

    const fn is_pending(self) -> bool {
        self.low > self.high
    }

    const fn is_unknown(self) -> bool {
        self.low == i64::MIN && self.high == i64::MAX
    }

    /// The largest whole number that the value can be, at least 0; `None` if it is not known.
    pub fn most(self) -> Option<u64> {
        match self.unit {
            _ if self.is_pending() => Some(0),
            Unit::Number if self.high < i64::MAX => Some(u64::try_from(self.high).unwrap_or(0)),
            _ => None,
        }
    }

    /// The largest whole number that the value can be, if it cannot be negative; `None` if that is not known.
    pub fn count(self) -> Option<u64> {
        self.most().filter(|_| self.is_pending() || self.low >= 0)
    }

    /// Whether the value is a whole number that is at most so far from 0.
    pub fn is_within(self, most: u64) -> bool {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.is_pending()
            || self.unit == Unit::Number && self.low >= most.saturating_neg() && self.high <= most
    }

    /// One of both.
    pub fn or(self, other: Self) -> Self {
        match (self.is_pending(), other.is_pending()) {
            (true, _) => other,
            (_, true) => self,
            _ if self.unit == other.unit => {
                Self { unit: self.unit, low: self.low.min(other.low), high: self.high.max(other.high) }
            }
            _ => Self::ANY,
        }
    }

    /// The smaller of both, neither of which counts if it is null.
    pub fn least(self, other: Self) -> Self {
        match (self.is_pending(), other.is_pending()) {
            (true, _) | (_, true) => Self::PENDING,
            _ if self.is_unknown() => Self { low: i64::MIN, ..other },
            _ if other.is_unknown() => Self { low: i64::MIN, ..self },
            _ if self.unit == other.unit => {
                Self { unit: self.unit, low: self.low.min(other.low), high: self.high.min(other.high) }
            }
            _ => Self::ANY,
        }
    }

    /// The value, or the same with the other sign.
    pub fn signed(self) -> Self {
        if self.is_pending() || self.is_unknown() || matches!(self.unit, Unit::Moment | Unit::Instant) {
            return if self.is_pending() { self } else { Self::ANY };
        }
        let most = self.low.saturating_abs().max(self.high.saturating_abs());
        Self { unit: self.unit, low: most.saturating_neg(), high: most }
    }

    /// The sum or difference of both.
    pub fn sum(self, other: Self) -> Self {
        if self.is_pending() || other.is_pending() {
            return Self::PENDING;
        }
        let (unit, first, second) = match (self.unit, other.unit) {
            _ if self.is_unknown() || other.is_unknown() => return Self::ANY,
            (Unit::Number, Unit::Number) | (Unit::Span | Unit::Moment | Unit::Instant, Unit::Span) => {
                (self.unit, self, other)
            }
            (Unit::Span, Unit::Moment | Unit::Instant) => (other.unit, self, other),
            // A date and a number of days.
            (Unit::Moment | Unit::Instant, Unit::Number) => (self.unit, self, other.times(DAY)),
            (Unit::Number, Unit::Moment | Unit::Instant) => (other.unit, self.times(DAY), other),
            _ => return Self::ANY,
        };
        let second = second.symmetric();
        Self { unit, low: lower(first.low, second.low), high: upper(first.high, second.high) }
    }

    /// The product of both.
    pub fn product(self, other: Self) -> Self {
        if self.is_pending() || other.is_pending() {
            return Self::PENDING;
        }
        let is_known = |bounds: &Self| bounds.low > i64::MIN && bounds.high < i64::MAX;
        let unit = match (self.unit, other.unit) {
            _ if !is_known(&self) || !is_known(&other) => return Self::ANY,
            (Unit::Number, Unit::Number) => Unit::Number,
            (Unit::Number, Unit::Span) | (Unit::Span, Unit::Number) => Unit::Span,
            _ => return Self::ANY,
        };
        let all = [
            self.low.saturating_mul(other.low),
            self.low.saturating_mul(other.high),
            self.high.saturating_mul(other.low),
            self.high.saturating_mul(other.high),
        ];
        let low = all.iter().copied().fold(i64::MAX, i64::min);
        let high = all.iter().copied().fold(i64::MIN, i64::max);
        Self { unit, low, high }
    }

    /// The same after a conversion, which can move a time by a time zone or to the beginning of its day.
    pub fn converted(self) -> Self {
        match self.unit {
            Unit::Moment | Unit::Instant => self.moved(0),
            Unit::Number | Unit::Span => self,
        }
    }

    /// A time that was moved by so many days at most, and by a time zone. Anything else has unknown bounds.
    pub fn moved(self, days: u64) -> Self {
        if self.is_pending() {
            return self;
        }
        if self.is_unknown() || matches!(self.unit, Unit::Number | Unit::Span) {
            return Self::ANY;
        }
        let by = i64::try_from(days).unwrap_or(i64::MAX).saturating_add(MOVED_DAYS).saturating_mul(DAY);
        Self { unit: self.unit, low: self.low.saturating_sub(by), high: self.high.saturating_add(by) }
    }

    /// How many rows a series from this to another value can have, by steps of a third; `None` if that is not known.
    pub fn rows(self, to: Self, step: Self) -> Option<u64> {
        if self.is_pending() || to.is_pending() || step.is_pending() {
            return Some(0);
        }
        let (from, to) = if self.unit == to.unit { (self, to) } else { (self.absolute(), to.absolute()) };
        let fits = match from.unit {
            _ if from.unit != to.unit => false,
            Unit::Number => step.unit == Unit::Number,
            Unit::Moment | Unit::Instant => step.unit == Unit::Span,
            Unit::Span => false,
        };
        if !fits {
            return None;
        }
        let up = i128::from(to.high).saturating_sub(i128::from(from.low));
        let down = i128::from(from.high).saturating_sub(i128::from(to.low));
        let (distance, by) = match (step.low > 0, step.high < 0) {
            (true, _) => (up, i128::from(step.low)),
            (_, true) => (down, i128::from(step.high).saturating_neg()),
            // Its sign is not known. A step of 0 is an error, and a number with two bounds is whole.
            _ if step.unit == Unit::Number
                && step.low > i64::MIN.saturating_add(1)
                && step.high < i64::MAX =>
            {
                (up.max(down), 1)
            }
            _ => return None,
        };
        let is_infinite = if distance == up && step.high >= 0 {
            to.high == i64::MAX || from.low == i64::MIN
        } else {
            from.high == i64::MAX || to.low == i64::MIN
        };
        if is_infinite || step.low <= 0 && step.high >= 0 && (from.is_open() || to.is_open()) {
            return None;
        }
        let rows = distance.checked_div(by).map_or(0, |steps| steps.saturating_add(1).max(0));
        u64::try_from(rows).ok()
    }

    const fn is_open(self) -> bool {
        self.low == i64::MIN || self.high == i64::MAX
    }

    /// The same on the calendar.
    fn absolute(self) -> Self {
        match self.unit {
            Unit::Instant => Self {
                unit: Unit::Moment,
                low: self.low.saturating_add(NOW.0),
                high: self.high.saturating_add(NOW.1),
            },
            _ => self,
        }
    }

    fn times(self, factor: i64) -> Self {
        Self { low: self.low.saturating_mul(factor), high: self.high.saturating_mul(factor), ..self }
    }

    /// The value with either sign, together.
    fn symmetric(self) -> Self {
        let most = self.low.saturating_abs().max(self.high.saturating_abs());
        let most = if self.low == i64::MIN { i64::MAX } else { most };
        Self { low: if most == i64::MAX { i64::MIN } else { most.saturating_neg() }, high: most, ..self }
    }
}

/// A sum of lower bounds, of which none is known if one is not.
fn lower(first: i64, second: i64) -> i64 {
    if first == i64::MIN || second == i64::MIN { i64::MIN } else { first.saturating_add(second) }
}

/// A sum of upper bounds, of which none is known if one is not.
fn upper(first: i64, second: i64) -> i64 {
    if first == i64::MAX || second == i64::MAX { i64::MAX } else { first.saturating_add(second) }
}

/// The bounds of a text that begins with a date: the day before it to the day after it, whatever time and zone follow.
fn date_of(text: &str) -> Option<Bounds> {
    let (date, rest) = text.trim().split_at_checked(10)?;
    if !rest.bytes().all(|byte| byte.is_ascii_digit() || b" T:.+-Z".contains(&byte)) {
        return None;
    }
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return None;
    }
    let is_date =
        date.as_bytes().get(4) == Some(&b'-') && (1..=12).contains(&month) && (1..=31).contains(&day);
    // Days from 1970-01-01, with years that begin in March.
    let shifted =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month.checked_add(9)?) };
    let days = shifted.0.checked_mul(365)?.checked_add(shifted.0.div_euclid(4))?;
    let days = days.checked_sub(shifted.0.div_euclid(100))?.checked_add(shifted.0.div_euclid(400))?;
    let days = days.checked_add(shifted.1.checked_mul(153)?.checked_add(2)?.div_euclid(5))?;
    let days = days.checked_add(day)?.checked_sub(719_469)?;
    is_date.then(|| Bounds::moment(days.saturating_mul(DAY)).moved(0))
}

/// The bounds of a text such as `1 day 12 hours`.
fn interval_of(text: &str) -> Option<Bounds> {
    let (mut months, mut days, mut microseconds, mut count) = (0_i32, 0_i32, 0_i64, 0_usize);
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let number: i32 = word.parse().ok()?;
        let unit = words.next()?.to_ascii_lowercase();
        let time = |unit: i64| i64::from(number).saturating_mul(unit);
        match unit.as_str() {
            "year" | "years" => months = months.saturating_add(number.saturating_mul(12)),
            "month" | "months" | "mon" | "mons" => months = months.saturating_add(number),
            "week" | "weeks" => days = days.saturating_add(number.saturating_mul(7)),
            "day" | "days" => days = days.saturating_add(number),
            "hour" | "hours" => microseconds = microseconds.saturating_add(time(3_600 * SECOND)),
            "minute" | "minutes" | "min" | "mins" => {
                microseconds = microseconds.saturating_add(time(60 * SECOND));
            }
            "second" | "seconds" | "sec" | "secs" => microseconds = microseconds.saturating_add(time(SECOND)),
            _ => return None,
        }
        count = count.saturating_add(1);
    }
    (count > 0).then(|| Bounds::interval(months, days, microseconds))
}

#[cfg(test)]
mod tests {
    use super::{Bounds, DAY};

    fn literal(text: &str) -> Bounds {
        Bounds::literal(text)
    }

    #[test]
    fn series_has_as_many_rows_as_its_bounds_allow() {
        let day = literal("1 day");
        let n = Bounds::number;
        for (from, to, step, rows) in [
            (n(1), n(10), n(1), Some(10)),
            (n(10), n(1), n(1), Some(0)),
            (n(1), n(10), n(5), Some(2)),
            (n(10), n(1), n(-3), Some(4)),
            (n(10), n(1), n(1).signed(), Some(10)),
            (n(1), Bounds::ANY, n(1), None),
            (Bounds::ANY, n(1), n(1), None),
            (n(1), Bounds::ANY.least(n(9)), n(1), Some(9)),
            (n(1), Bounds::ANY.least(n(9)), n(-1), None),
            (n(1), Bounds::PENDING, n(1), Some(0)),
            (n(1), n(9), Bounds::ANY, None),
            (n(1), n(9), Bounds::ANY.least(n(5)), None),
            (n(1), n(9), Bounds::ANY.least(n(5)).signed(), None),
            (n(9), n(1), Bounds::up_to(3), Some(9)),
            (n(i64::MIN + 1), n(i64::MAX - 1), n(1), Some(u64::MAX - 1)),
            // A date can be moved by two days, and so can each end.
            (literal("2026-01-01"), literal("2026-01-31"), day, Some(34 * 24 / 23 + 1)),
            (literal("2026-01-01"), literal("2026-01-31"), n(1), None),
            (literal("2026-01-01"), literal("2026-01-31"), day.signed(), None),
            (Bounds::INSTANT.sum(literal("30 days")), Bounds::INSTANT, day, Some(30 * 25 / 23 + 1)),
            (Bounds::INSTANT, Bounds::INSTANT.sum(n(7)), day, Some(7 * 24 / 23 + 1)),
            (literal("2026-01-01"), Bounds::INSTANT, Bounds::ANY, None),
            (Bounds::date(i32::MAX), Bounds::INSTANT, day, None),
        ] {
            assert_eq!(from.rows(to, step), rows, "{from:?} {to:?} {step:?}");
        }
        let long = literal("2026-01-01").rows(Bounds::INSTANT, day).unwrap();
        assert!((60_000..100_000).contains(&long), "{long}");
    }

    #[test]
    fn literal_has_bounds_only_if_it_is_a_date_or_an_interval() {
        for text in [
            "",
            "now",
            "1",
            "1 day 2",
            "day",
            "2026",
            "2026-13-01",
            "infinity",
            "2026-01-01x",
            "1.5 days",
            "é2026-01-01",
        ] {
            assert_eq!(literal(text), Bounds::ANY, "{text}");
        }
        assert_eq!(literal("1970-01-01"), Bounds::moment(0).moved(0));
        assert_eq!(literal("2000-03-01 10:00+02"), Bounds::moment(11_017 * DAY).moved(0));
        assert_eq!(literal("1 week"), Bounds::interval(0, 7, 0));
        assert_eq!(literal("-1 year 30 min"), Bounds::interval(-12, 0, 1_800_000_000));
    }
}
