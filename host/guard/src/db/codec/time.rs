//! Dates and times. The contract counts from 1970 and PostgreSQL from 2000. In both, the smallest and the largest
//! number mean infinity.
// tidy: numbers are PostgreSQL's wire format and the texts it prints

use super::super::value::Scalar;
use super::wire::Wire;
use crate::limits::{DATE_DAYS_MAX, DATE_DAYS_MIN, TIME_US_MAX, TIMESTAMP_US_MAX, TIMESTAMP_US_MIN};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;

pub(super) fn encode_date(days: i32, out: &mut Vec<u8>) -> Result<(), String> {
    let shifted = match days {
        i32::MIN | i32::MAX => Some(days),
        DATE_DAYS_MIN..=DATE_DAYS_MAX => days.checked_sub(EPOCH_DAYS),
        _ => None,
    };
    let shifted = shifted.ok_or_else(|| {
        format!(
            "{days} is out of the range of `date`, {DATE_DAYS_MIN} to {DATE_DAYS_MAX} days since 1970-01-01"
        )
    })?;
    out.extend(shifted.to_be_bytes());
    Ok(())
}

pub(super) fn decode_date(wire: Wire<'_>) -> Option<i32> {
    match wire.all().map(i32::from_be_bytes)? {
        days @ (i32::MIN | i32::MAX) => Some(days),
        days => days.checked_add(EPOCH_DAYS).filter(|days| *days != i32::MAX),
    }
}

pub(super) fn encode_time(microseconds: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let fits = i64::try_from(microseconds).ok().filter(|fits| *fits <= TIME_US_MAX);
    let fits = fits.ok_or_else(|| {
        format!(
            "{microseconds} is out of the range of `time`, 0 to {TIME_US_MAX} microseconds since midnight"
        )
    })?;
    out.extend(fits.to_be_bytes());
    Ok(())
}

pub(super) fn decode_time(wire: Wire<'_>) -> Option<u64> {
    let microseconds = wire.all().map(i64::from_be_bytes).filter(|fits| *fits <= TIME_US_MAX)?;
    u64::try_from(microseconds).ok()
}

pub(super) fn encode_timestamp(microseconds: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let shifted = match microseconds {
        i64::MIN | i64::MAX => Some(microseconds),
        TIMESTAMP_US_MIN..=TIMESTAMP_US_MAX => microseconds.checked_sub(EPOCH_US),
        _ => None,
    };
    let shifted = shifted.ok_or_else(|| {
        format!("{microseconds} is out of the range of `timestamp`, at least {TIMESTAMP_US_MIN} microseconds since 1970")
    })?;
    out.extend(shifted.to_be_bytes());
    Ok(())
}

pub(super) fn decode_timestamp(wire: Wire<'_>) -> Result<Option<i64>, String> {
    let Some(microseconds) = wire.all().map(i64::from_be_bytes) else { return Ok(None) };
    if matches!(microseconds, i64::MIN | i64::MAX) {
        return Ok(Some(microseconds));
    }
    let shifted = microseconds.checked_add(EPOCH_US).filter(|shifted| *shifted <= TIMESTAMP_US_MAX);
    shifted
        .map(Some)
        .ok_or_else(|| "a timestamp after January 294247 has no case in value; cast it to text".to_owned())
}

/// Whether an interval is infinite. PostgreSQL has infinite intervals since version 17, and the contract has none.
const fn is_infinite(months: i32, days: i32, microseconds: i64) -> bool {
    matches!((months, days, microseconds), (i32::MIN, i32::MIN, i64::MIN) | (i32::MAX, i32::MAX, i64::MAX))
}

pub(super) fn encode_interval(
    months: i32,
    days: i32,
    microseconds: i64,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if is_infinite(months, days, microseconds) {
        return Err("an infinite interval has no case in value; leave the column null for one".to_owned());
    }
    out.extend(microseconds.to_be_bytes());
    out.extend(days.to_be_bytes());
    out.extend(months.to_be_bytes());
    Ok(())
}

pub(super) fn decode_interval(mut wire: Wire<'_>) -> Result<Option<Scalar>, String> {
    let parts = (wire.i64(), wire.i32(), wire.i32(), wire.0);
    let (Some(microseconds), Some(days), Some(months), []) = parts else { return Ok(None) };
    if is_infinite(months, days, microseconds) {
        return Err("an infinite interval has no case in value; cast it to text".to_owned());
    }
    Ok(Some(Scalar::Interval { months, days, microseconds }))
}
