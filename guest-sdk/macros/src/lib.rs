//! The macro of `palisade-sdk`: Rust bindings for an author's WIT world.
//!
//! It runs the generator of `wit-bindgen` with three things decided: the contract's WIT is already there, so that no
//! author copies it; the contract's types are those of `palisade-sdk`, so that its wrappers take them; and the runtime
//! is `palisade_sdk::rt`, which sets the panic hook. It adds no language of its own: what an author writes is WIT.
//! Contract: `wit/`. Tests: the guests of this repository are built with it.

mod generator;
mod input;

use proc_macro::TokenStream;

/// Generates the bindings of a plugin's world: a trait `Guest` for each exported interface, in `exports`, and the macro
/// `export!` that makes a type which implements them the plugin.
///
/// The world is given as text, `plugin! { "package acme:greeter; …" }`; or as `world: "name"`, `path: "folder"`, each of
/// which may be left out: `path` is `wit` beside the author's `Cargo.toml`, and a package with one world needs no name.
/// The package `palisade:plugin` is there already.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as input::Input);
    finish(generator::plugin(&input))
}

/// Generates the bindings that `palisade-sdk` itself stands on. Not for authors.
#[doc(hidden)]
#[proc_macro]
pub fn contract(_input: TokenStream) -> TokenStream {
    finish(generator::contract())
}

fn finish(result: Result<String, String>) -> TokenStream {
    let tokens = result.and_then(|code| code.parse::<TokenStream>().map_err(|error| error.to_string()));
    tokens.unwrap_or_else(|sentence| {
        syn::Error::new(proc_macro::Span::call_site().into(), sentence).into_compile_error().into()
    })
}
