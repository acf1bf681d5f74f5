//! `wit/logging.wit` through a component.
