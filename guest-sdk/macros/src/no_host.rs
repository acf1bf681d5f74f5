//! What calls of the contract do in a program that is no component, such as a unit test.
//!
//! The generator makes each import a C function that panics there, and a panic in such a function ends the process. So each function
//! that calls an import gets a first statement for other targets than WebAssembly: it returns the error that `rt::NoHost` becomes,
//! or panics with its sentence before the C function is called.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// What the generator's names of imports begin with.
const IMPORT: &str = "wit_import";

/// Generated code whose calls need no host to return.
pub fn guarded(code: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    for token in code {
        let TokenTree::Group(group) = token else {
            out.push(token);
            continue;
        };
        let mut inner = guarded(group.stream());
        if group.delimiter() == Delimiter::Brace
            && calls_an_import(group.stream())
            && let Some(statement) = statement(&out)
        {
            inner = [statement, inner].into_iter().collect();
        }
        let mut whole = Group::new(group.delimiter(), inner);
        whole.set_span(group.span());
        out.push(whole.into());
    }
    out.into_iter().collect()
}

fn calls_an_import(code: TokenStream) -> bool {
    code.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name.to_string().starts_with(IMPORT),
        TokenTree::Group(group) => calls_an_import(group.stream()),
        _ => false,
    })
}

/// The first statement of the function whose signature these tokens end with; `None` if they end with no signature.
fn statement(before: &[TokenTree]) -> Option<TokenStream> {
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let start = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let is =
        |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(name) if name.to_string() == word);
    let signature = &before[start..];
    let at = signature.iter().position(|token| is(token, "fn"))?;
    let TokenTree::Ident(name) = signature.get(at + 1)? else { return None };
    let name = name.to_string();
    let is_parameters = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
    let parameters = at + signature[at..].iter().position(is_parameters)?;
    // Behind the parameters: the arrow, and the path of the type up to its own parameters.
    let is_open = |token: &&TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == '<');
    let path = signature[parameters..].iter().take_while(|token| !is_open(token));
    let returns_result = path.last().is_some_and(|token| is(token, "Result"));
    let call = format!("crate::rt::NoHost::of(module_path!(), {name:?})");
    let does =
        if returns_result { format!("return Err({call}.into());") } else { format!("{call}.panic();") };
    format!("#[cfg(not(target_arch = \"wasm32\"))] {{ {does} }}").parse().ok()
}
