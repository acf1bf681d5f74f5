//! `wit/db.wit` through a component.
