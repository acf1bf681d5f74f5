//! Reads the body of a request or an answer to its end.

use crate::raw::limits::Usage;

/// Bytes that one read of a body asks for: the most that the contract allows.
const READ_BYTES_MAX: u32 = 65_536;

/// Reads pieces until one is empty. More than `bytes_max` bytes are an error.
pub(crate) fn whole<E>(
    bytes_max: usize,
    read: impl Fn(u32) -> Result<Vec<u8>, E>,
    exceeded: impl FnOnce(Usage) -> E,
) -> Result<Vec<u8>, E> {
    let mut bytes = Vec::new();
    loop {
        let piece = read(READ_BYTES_MAX)?;
        if piece.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(piece);
        if bytes.len() > bytes_max {
            let (used, max) = (bytes.len() as u64, bytes_max as u64);
            return Err(exceeded(Usage { which: "plugin.body.bytes".to_owned(), used, max }));
        }
    }
}
