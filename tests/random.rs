//! `wit/random.wit` through a component.
