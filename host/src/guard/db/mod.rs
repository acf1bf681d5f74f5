//! Guards of the interfaces `db` and `db-write`. Contract: `wit/db.wit`.

pub mod codec;
pub mod value;
