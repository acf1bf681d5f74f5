//! Vectors of the extension `vector`: arrays of floats that a `real` holds exactly.
// tidy: numbers are those of the extension's format

use super::real;
use super::wire::Wire;
use crate::db::value::{Scalar, Value};
use crate::limits::VECTOR_ELEMENTS_MAX;

/// Writes the length, two bytes that are always zero, and the numbers.
pub(super) fn encode(items: &[Scalar], out: &mut Vec<u8>) -> Result<(), String> {
    let length = u16::try_from(items.len()).ok().filter(|_| (1..=VECTOR_ELEMENTS_MAX).contains(&items.len()));
    let Some(length) = length else {
        return Err(format!("a vector has 1 to {VECTOR_ELEMENTS_MAX} numbers, found {}", items.len()));
    };
    out.extend(length.to_be_bytes());
    out.extend(0_u16.to_be_bytes());
    for (index, item) in items.iter().enumerate() {
        let Scalar::Float(value) = item else {
            return Err(format!("element {index}: expected `float`, found `{}`", item.case()));
        };
        if !value.is_finite() {
            return Err(format!("element {index}: a vector has no NaN and no infinity"));
        }
        out.extend(real(*value).map_err(|why| format!("element {index}: {why}"))?.to_be_bytes());
    }
    Ok(())
}

/// Reads what [`encode`] writes. `None` means malformed bytes.
pub(super) fn decode(raw: &[u8]) -> Option<Value> {
    let mut wire = Wire(raw);
    let (length, zero) = (wire.u16()?, wire.u16()?);
    let numbers = wire.0.chunks_exact(size_of::<f32>());
    if zero != 0 || !numbers.remainder().is_empty() || numbers.len() != usize::from(length) {
        return None;
    }
    let numbers = numbers.map(|number| Wire(number).all().map(f32::from_be_bytes));
    numbers
        .map(|number| number.filter(|number| number.is_finite()).map(|number| Scalar::Float(number.into())))
        .collect::<Option<Vec<Scalar>>>()
        .map(Value::Array)
}

#[cfg(test)]
mod tests {
    use super::super::{Value, decode, encode};
    use super::{Scalar, VECTOR_ELEMENTS_MAX};
    use postgres_types::{Kind, Type};

    fn vector() -> Type {
        Type::new("vector".into(), 77_777, Kind::Simple, "extensions".into())
    }

    fn of(numbers: &[f64]) -> Value {
        Value::Array(numbers.iter().map(|number| Scalar::Float(*number)).collect())
    }

    #[test]
    fn value_that_is_no_vector_is_refused() {
        let array = Type::new("_vector".into(), 77_778, Kind::Array(vector()), "extensions".into());
        for (value, ty) in [
            (of(&[]), vector()),
            (of(&vec![0.0; VECTOR_ELEMENTS_MAX + 1]), vector()),
            (of(&[f64::NAN]), vector()),
            (of(&[1.0, f64::INFINITY]), vector()),
            (of(&[0.1]), vector()),
            (Value::Array(vec![Scalar::Null]), vector()),
            (Value::Array(vec![Scalar::Integer(1)]), vector()),
            (Value::Scalar(Scalar::Float(1.0)), vector()),
            (Value::Scalar(Scalar::Text("[1]".into())), vector()),
            (Value::Array(Vec::new()), array.clone()),
            (of(&[1.0]), array),
        ] {
            assert!(encode(&value, &ty).is_err(), "{value:?}");
        }
    }

    #[test]
    fn malformed_vector_is_refused() {
        for raw in [
            &[][..],
            &[0, 1, 0, 0],
            &[0, 1, 0, 1, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0x7f, 0xc0, 0, 0],
            &[0, 2, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(decode(&vector(), Some(raw)).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn vector_of_reals_is_returned_as_it_was_sent() {
        for value in [of(&[0.5, -2.0, 0.0]), of(&vec![1.25; VECTOR_ELEMENTS_MAX])] {
            let raw = encode(&value, &vector()).unwrap().unwrap();
            assert_eq!(decode(&vector(), Some(&raw)), Ok(value));
        }
        assert_eq!(encode(&of(&[1.0]), &vector()).unwrap().unwrap(), [0, 1, 0, 0, 0x3f, 0x80, 0, 0]);
    }
}
