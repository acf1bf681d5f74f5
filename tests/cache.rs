//! `wit/cache.wit` through a component.
