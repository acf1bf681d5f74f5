//! `wit/taps.wit` through a component.
