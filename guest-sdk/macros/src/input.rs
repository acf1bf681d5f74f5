//! Parses the arguments of `plugin!`.

use syn::parse::{Parse, ParseStream, Result};
use syn::{Ident, LitStr, Token};

/// The arguments of `plugin!`: the author's WIT, and the world in it.
pub struct Input {
    pub source: Source,
    pub world: Option<String>,
}

/// The location of the author's WIT.
pub enum Source {
    /// WIT text.
    Inline(String),
    /// A folder or file, relative to the author's `Cargo.toml`.
    Path(String),
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            let text: LitStr = input.parse()?;
            return Ok(Self { source: Source::Inline(text.value()), world: None });
        }
        let mut parsed = Self { source: Source::Path("wit".to_owned()), world: None };
        for (key, value) in input.parse_terminated(field, Token![,])? {
            match key.to_string().as_str() {
                "world" => parsed.world = Some(value),
                "path" => parsed.source = Source::Path(value),
                "inline" => parsed.source = Source::Inline(value),
                _ => return Err(syn::Error::new(key.span(), "expected `world`, `path` or `inline`")),
            }
        }
        Ok(parsed)
    }
}

fn field(input: ParseStream<'_>) -> Result<(Ident, String)> {
    let key: Ident = input.parse()?;
    input.parse::<Token![:]>()?;
    Ok((key, input.parse::<LitStr>()?.value()))
}
