//! Attacks on the database, through a component, by the kind of attack. Each file is a table of statements, and a hostile
//! statement passes when four things hold: the plugin gets a typed refusal, everything in the database is as it was,
//! whoever has the plugin's connections next finds them clean, and no text tells what it must not.

mod arena;
mod bombs;
mod catalogue;
mod identifiers;
pub mod leftovers;
mod reads;
mod session;
mod values;
mod writes;
