//! `wit/variables.wit` through a component.
