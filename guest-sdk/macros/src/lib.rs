//! The macro of `palisade-sdk`: Rust bindings for an author's WIT world.
//!
//! The macro runs the generator of `wit-bindgen` with three settings. It includes the contract's WIT, so authors do not
//! copy it. It uses the contract's types from `palisade-sdk`, so the wrappers accept them. It uses the runtime
//! `palisade_sdk::rt`, which sets the panic hook. The macro adds no language of its own: authors write WIT.
//! Contract: `wit/`. Tests: the guests of this repository are built with the macro.

mod generator;
mod input;
mod no_host;

use proc_macro::TokenStream;

/// Generates the bindings of a plugin's world: in `exports`, a trait `Guest` for each exported interface; and the macro
/// `export!`, which exports a type that implements these traits as the plugin.
///
/// The argument is WIT text, `plugin! { "package acme:greeter; …" }`, or `world: "name"` and `path: "folder"`, both of
/// which are optional: `path` defaults to `wit` next to the author's `Cargo.toml`, and a package with one world needs
/// no name. The package `palisade:plugin` is included.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as input::Input);
    finish(generator::plugin(&input))
}

/// Generates the bindings that `palisade-sdk` itself wraps. Not for plugin authors.
#[doc(hidden)]
#[proc_macro]
pub fn contract(_input: TokenStream) -> TokenStream {
    no_host::guarded(finish(generator::contract()))
}

fn finish(result: Result<String, String>) -> TokenStream {
    let tokens = result.and_then(|code| code.parse::<TokenStream>().map_err(|error| error.to_string()));
    tokens.unwrap_or_else(|sentence| {
        syn::Error::new(proc_macro::Span::call_site().into(), sentence).into_compile_error().into()
    })
}
