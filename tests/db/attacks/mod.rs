//! Attacks on the database through a component, one file for each kind of attack. Each file is a table of hostile
//! statements. For each statement four things must hold: the plugin gets a typed error, the database is unchanged,
//! the plugin's connections are clean for their next users, and no text reveals a secret.

pub mod arena;
mod bombs;
mod catalogue;
mod identifiers;
pub mod leftovers;
mod reads;
mod session;
mod values;
mod writes;
