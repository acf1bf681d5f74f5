//! The macro of `palisade-test`. It makes a test of an async function that takes a host; what the test does is in
//! `host/test/src/run.rs`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{ItemFn, LitStr, Token};

/// Makes a test of an async function that takes a `TestHost`.
///
/// The host has the built plugin in the folder of the crate. `#[palisade_test::test(plugin = "folder")]` names another folder,
/// relative to that one. What the function returns is what the test returns, and other attributes stay, such as `#[should_panic]`.
#[proc_macro_attribute]
pub fn test(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// What is in the parentheses of the attribute.
struct Arguments {
    plugin: String,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self { plugin: ".".to_owned() });
        }
        let key: syn::Ident = input.parse()?;
        if key != "plugin" {
            return Err(syn::Error::new(key.span(), "there is only `plugin = \"folder\"`"));
        }
        input.parse::<Token![=]>()?;
        let plugin: LitStr = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if input.is_empty() {
            Ok(Self { plugin: plugin.value() })
        } else {
            Err(input.error("nothing else is expected"))
        }
    }
}

fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let Arguments { plugin } = syn::parse2(arguments)?;
    let ItemFn { attrs, vis, sig, block } = syn::parse2(item)?;
    if sig.asyncness.is_none() || sig.inputs.len() != 1 || !sig.generics.params.is_empty() {
        let what = "a test is an `async fn` with one parameter: `async fn name(host: TestHost)`";
        return Err(syn::Error::new_spanned(&sig, what));
    }
    let (name, output) = (&sig.ident, &sig.output);
    Ok(quote! {
        #(#attrs)*
        #[::core::prelude::v1::test]
        #vis fn #name() #output {
            #sig #block
            ::palisade_test::run(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                ::core::env!("CARGO_MANIFEST_DIR"),
                #plugin,
                #name,
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    #[test]
    fn test_of_another_form_is_refused_with_the_form() {
        for (arguments, item, expected) in [
            (
                quote!(),
                quote!(
                    fn a(host: TestHost) {}
                ),
                "`async fn name(host: TestHost)`",
            ),
            (
                quote!(),
                quote!(
                    async fn a() {}
                ),
                "one parameter",
            ),
            (
                quote!(),
                quote!(
                    async fn a(host: TestHost, other: u8) {}
                ),
                "one parameter",
            ),
            (
                quote!(),
                quote!(
                    async fn a<T>(host: T) {}
                ),
                "one parameter",
            ),
            (
                quote!(folder = "x"),
                quote!(
                    async fn a(host: TestHost) {}
                ),
                "only `plugin = \"folder\"`",
            ),
            (
                quote!(plugin = "x" y),
                quote!(
                    async fn a(host: TestHost) {}
                ),
                "nothing else",
            ),
            (
                quote!(),
                quote!(
                    struct A;
                ),
                "expected",
            ),
        ] {
            let refused = expand(arguments, item).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn test_keeps_its_attributes_and_what_it_returns() {
        let made = expand(
            quote!(plugin = "../other",),
            quote!(
                #[should_panic]
                async fn a(host: TestHost) -> Result<(), String> {
                    Ok(())
                }
            ),
        );
        let made = made.unwrap().to_string();
        for part in
            ["should_panic", "fn a () -> Result < () , String >", "\"../other\"", "prelude :: v1 :: test"]
        {
            assert!(made.contains(part), "{made}");
        }
    }
}
