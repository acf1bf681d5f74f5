//! `wit/item.wit` through a component.
