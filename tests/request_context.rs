//! `wit/request_context.wit` through a component.
