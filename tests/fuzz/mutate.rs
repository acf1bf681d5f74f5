//! Damages a binary: its bytes, and its sections, which modules and components encode in the same way.

use super::dice::Dice;

/// Bytes before the first section: the magic number and the version.
const HEAD: usize = 8;
const MAGIC: &[u8] = b"\0asm";

/// A damaged copy of a binary. Parts of it may come from the other one.
pub fn damaged(dice: &mut Dice, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        let knows = !dice.one_in(4);
        bytes = if knows { rearranged(dice, &bytes, other, 0) } else { altered(dice, bytes, other) };
    }
    bytes
}

/// Damages bytes without regard to the format.
fn altered(dice: &mut Dice, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let at = dice.below(bytes.len());
    match dice.below(6) {
        0 | 1 => flip(dice, &mut bytes),
        2 => bytes.truncate(at),
        3 => bytes.splice(at..at, piece(dice, other)).for_each(drop),
        4 => {
            let end = bytes.len().min(at + dice.below(64));
            bytes.drain(at..end);
        }
        _ => {
            let end = bytes.len().min(at + dice.below(64));
            bytes.splice(at..end, piece(dice, other)).for_each(drop);
        }
    }
    bytes
}

fn flip(dice: &mut Dice, bytes: &mut [u8]) {
    for _ in 0..=dice.below(8) {
        let (at, bit) = (dice.below(bytes.len()), dice.below(8));
        if let Some(byte) = bytes.get_mut(at) {
            // A byte at the edge of a LEB number, or one flipped bit.
            *byte = if dice.one_in(3) { *dice.pick(&[0, 0x7f, 0x80, 0xff]) } else { *byte ^ (1 << bit) };
        }
    }
}

fn piece(dice: &mut Dice, other: &[u8]) -> Vec<u8> {
    let from = dice.below(other.len());
    let end = other.len().min(from + dice.below(200));
    other[from..end].to_vec()
}

/// Reorders, repeats or removes sections, or gives one another id, a wrong length or damage inside. The lengths of
/// enclosing sections are corrected, so that the host reaches the damage.
fn rearranged(dice: &mut Dice, bytes: &[u8], other: &[u8], depth: usize) -> Vec<u8> {
    let Some(mut sections) = sections(bytes) else { return altered(dice, bytes.to_vec(), other) };
    let (at, to) = (dice.below(sections.len()), dice.below(sections.len()));
    let mut lie = None;
    match dice.below(14) {
        0 => sections.swap(at, to),
        1 => sections.insert(to, sections[at].clone()),
        2 => drop(sections.remove(at)),
        3 => sections[at].0 = *dice.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 127, 255]),
        4 => lie = Some((at, *dice.pick(&[Leb::Long, Leb::Huge, Leb::Off(1), Leb::Off(u64::MAX)]))),
        5 => sections.extend(self::sections(other).and_then(|mut all| all.pop())),
        _ => {
            let inside = std::mem::take(&mut sections[at].1);
            let is_binary = inside.starts_with(MAGIC) && depth < 8;
            sections[at].1 = match (is_binary, inside.is_empty()) {
                (true, _) => rearranged(dice, &inside, other, depth + 1),
                (false, false) => altered(dice, inside, other),
                (false, true) => dice.bytes(4),
            };
        }
    }
    let mut out = bytes[..HEAD].to_vec();
    for (index, (id, inside)) in sections.iter().enumerate() {
        out.push(*id);
        let form = lie.filter(|(liar, _)| *liar == index).map_or(Leb::Right, |(_, form)| form);
        out.extend(leb(inside.len() as u64, form));
        out.extend(inside);
    }
    out
}

type Sections = Vec<(u8, Vec<u8>)>;

/// The sections of a module or component. `None` if the bytes do not split into sections.
fn sections(bytes: &[u8]) -> Option<Sections> {
    let mut rest = bytes.starts_with(MAGIC).then(|| bytes.get(HEAD..))??;
    let mut sections = Sections::new();
    while let [id, after @ ..] = rest {
        let (length, used) = number(after)?;
        let inside = after.get(used..used.checked_add(length)?)?;
        sections.push((*id, inside.to_vec()));
        rest = &after[used + length..];
    }
    (!sections.is_empty()).then_some(sections)
}

/// A LEB number and its length in bytes.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// How a length is encoded.
#[derive(Clone, Copy)]
enum Leb {
    Right,
    /// With more bytes than necessary.
    Long,
    /// As the largest 32-bit length, whatever the real one is.
    Huge,
    /// With this much added.
    Off(u64),
}

fn leb(length: u64, form: Leb) -> Vec<u8> {
    let (mut left, bytes) = match form {
        Leb::Right => (length, 1),
        Leb::Long => (length, 5),
        Leb::Huge => (u64::from(u32::MAX), 1),
        Leb::Off(by) => (length.wrapping_add(by) & u64::from(u32::MAX), 1),
    };
    let mut out = Vec::new();
    while left > 0x7f || out.len() + 1 < bytes {
        out.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out
}

/// A component that contains this module and nothing else.
pub fn wrapped(module: &[u8]) -> Vec<u8> {
    let mut out = b"\0asm\x0d\0\x01\0\x01".to_vec();
    out.extend(leb(module.len() as u64, Leb::Right));
    out.extend(module);
    out
}

#[test]
fn binary_split_and_reassembled_is_unchanged() {
    let module = wat::parse_str("(module (memory 1) (func (export \"f\")))").unwrap();
    let whole = wrapped(&wrapped(&module));
    let apart = sections(&whole).unwrap();
    assert_eq!(apart, [(1, wrapped(&module))]);
    let inside: Vec<u8> = sections(&module).unwrap().iter().map(|(id, _)| *id).collect();
    assert_eq!(inside, [1, 3, 5, 7, 10], "types, functions, memories, exports, code");
    assert_eq!(number(&leb(300, Leb::Long)), Some((300, 5)));
}
