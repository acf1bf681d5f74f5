//! `wit/user.wit` through a component.
