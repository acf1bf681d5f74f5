//! Tests of how many bytes of a body a guest may read at once.

use super::*;

#[test]
fn read_size_of_0_or_over_the_limit_is_invalid() {
    for max in [0, HTTP_READ_BYTES_MAX + 1, u32::MAX] {
        assert!(is_invalid(ReadSize::parse(max), "max: "), "{max}");
    }
}

#[test]
fn read_size_at_its_limits_is_accepted() {
    for (max, bytes) in [(1, 1), (HTTP_READ_BYTES_MAX, 65_536)] {
        assert_eq!(ReadSize::parse(max).unwrap().bytes(), bytes);
    }
}
