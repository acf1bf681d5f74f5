//! `wit/clock.wit` through a component.
