//! Sealed places: where a page of items ended, when it ended behind an item that its caller may not see.
//!
//! The caller carries the place to the next request and learns nothing from it: not the item's id, which has a time, and not
//! whether two pages of different items ended at the same place. Every host of the database can open it. A place is no permission:
//! whoever has it sees no item that they could not see otherwise.

use super::Database;
use hmac::{Hmac, KeyInit, Mac};
use palisade_guard::item::{ItemId, Place};
use palisade_guard::limits::SEALED_PLACE_BYTES;
use palisade_guard::refusal::Refusal;
use sha2::Sha256;
use uuid::Uuid;

/// An id, or the proof of one: half of a sealed place.
type Half = [u8; SEALED_PLACE_BYTES / 2];

impl Database {
    /// Seals the place behind an item.
    pub fn seal(&self, id: ItemId) -> Place {
        Place::Sealed(seal(&self.secret, *id.uuid().as_bytes()))
    }

    /// The item that a place is behind.
    pub fn unseal(&self, place: Place) -> Result<ItemId, Refusal> {
        match place {
            Place::Item(id) => Ok(id),
            Place::Sealed(sealed) => {
                open(&self.secret, &sealed).map(|id| Uuid::from_bytes(id).into()).ok_or_else(Place::unknown)
            }
        }
    }
}

/// The proof of an id, and the id under a mask that only the proof leads to.
fn seal(secret: &[u8], id: Half) -> [u8; SEALED_PLACE_BYTES] {
    let proof = mac(secret, "proof of a place", id);
    let hidden = masked(id, mac(secret, "mask of a place", proof));
    let mut sealed = [0; SEALED_PLACE_BYTES];
    for (to, from) in sealed.iter_mut().zip(proof.into_iter().chain(hidden)) {
        *to = from;
    }
    sealed
}

fn open(secret: &[u8], sealed: &[u8; SEALED_PLACE_BYTES]) -> Option<Half> {
    let (proof, hidden) = (*sealed.first_chunk()?, *sealed.last_chunk()?);
    let id = masked(hidden, mac(secret, "mask of a place", proof));
    (mac(secret, "proof of a place", id) == proof).then_some(id)
}

fn masked(id: Half, mask: Half) -> Half {
    let mut masked = id;
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    masked
}

fn mac(secret: &[u8], purpose: &str, half: Half) -> Half {
    let mut mac = match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(never) => unreachable!("HMAC takes keys of any length: {never}"),
    };
    mac.update(purpose.as_bytes());
    mac.update(&half);
    let mut short = Half::default();
    short.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_or_foreign_place_does_not_open_and_a_sealed_one_does() {
        let id = Uuid::from_u128(0x0190_a5f0_0000_7000_8000_0000_0000_0001).into_bytes();
        let sealed = seal(b"secret", id);
        assert_eq!(open(b"secret", &sealed), Some(id));
        assert_eq!(open(b"other", &sealed), None);
        for byte in 0..SEALED_PLACE_BYTES {
            let mut changed = sealed;
            changed[byte] ^= 1;
            assert_eq!(open(b"secret", &changed), None, "byte {byte}");
        }
    }

    #[test]
    fn sealed_place_shows_nothing_of_its_id() {
        let id = |last: u128| Uuid::from_u128(0x0190_a5f0_0000_7000_8000_0000_0000_0000 + last).into_bytes();
        let (one, next) = (seal(b"secret", id(1)), seal(b"secret", id(2)));
        let equal = one.iter().zip(next).filter(|(one, next)| **one == *next).count();
        assert!(equal < 8, "ids that differ in one byte are sealed with {equal} equal bytes");
        assert!(!one.windows(4).any(|four| id(1).windows(4).any(|other| other == four && *other != [0; 4])));
    }
}
