//! The name of a new plugin: one that a host accepts, and that is a name in WIT and in each language.

use palisade_guard::name::PluginName;

/// Words that are no names, in WIT, Rust, JavaScript, Python or C.
const RESERVED: &[&str] = &[
    "abstract",
    "alignas",
    "alignof",
    "and",
    "arguments",
    "as",
    "assert",
    "async",
    "auto",
    "await",
    "become",
    "bool",
    "borrow",
    "box",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "crate",
    "debugger",
    "def",
    "default",
    "del",
    "delete",
    "do",
    "double",
    "dyn",
    "elif",
    "else",
    "enum",
    "eval",
    "except",
    "export",
    "extends",
    "extern",
    "f32",
    "f64",
    "false",
    "final",
    "finally",
    "flags",
    "float",
    "fn",
    "for",
    "from",
    "func",
    "function",
    "future",
    "gen",
    "global",
    "goto",
    "if",
    "impl",
    "implements",
    "import",
    "in",
    "include",
    "inline",
    "instanceof",
    "int",
    "interface",
    "is",
    "lambda",
    "let",
    "list",
    "long",
    "loop",
    "macro",
    "map",
    "match",
    "mod",
    "move",
    "mut",
    "new",
    "none",
    "nonlocal",
    "not",
    "null",
    "option",
    "or",
    "override",
    "own",
    "package",
    "pass",
    "priv",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "record",
    "ref",
    "register",
    "resource",
    "restrict",
    "result",
    "return",
    "s16",
    "s32",
    "s64",
    "s8",
    "self",
    "short",
    "signed",
    "sizeof",
    "static",
    "stream",
    "string",
    "struct",
    "super",
    "switch",
    "this",
    "throw",
    "trait",
    "true",
    "try",
    "tuple",
    "type",
    "typedef",
    "typeof",
    "u16",
    "u32",
    "u64",
    "u8",
    "union",
    "unsafe",
    "unsigned",
    "unsized",
    "use",
    "var",
    "variant",
    "virtual",
    "void",
    "volatile",
    "where",
    "while",
    "with",
    "world",
    "yield",
];

/// Crates that a plugin in Rust cannot be called, because it depends on them.
const CRATES: &[&str] =
    &["alloc", "core", "palisade-sdk", "palisade-sdk-macros", "proc-macro", "std", "test", "wit-bindgen"];

/// Checks a name, and says in one sentence what is wrong with it and what to write instead.
pub(super) fn check(name: &str) -> Result<(), String> {
    PluginName::parse(name)?;
    // What comes after a `-` is a word of its own in WIT.
    let is_word = |word: &str| word.starts_with(|first: char| first.is_ascii_lowercase());
    if !name.split('-').all(is_word) {
        return Err(format!("{name:?} is not a name in WIT: begin each word with a letter, as in `part-b2`"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("{name:?} is a reserved word: choose another name, such as `my-{name}`"));
    }
    if CRATES.contains(&name) {
        return Err(format!("{name:?} is the name of a crate: choose another one, such as `my-{name}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_none_in_a_host_wit_or_a_language_is_rejected_with_the_rule() {
        for (name, expected) in [
            ("", "is not a plugin name"),
            ("Blog", "lower-case letters"),
            ("my_blog", "is not a plugin name"),
            ("a/b", "is not a plugin name"),
            ("..", "is not a plugin name"),
            ("-a", "begin with a letter"),
            ("a\n", "is not a plugin name"),
            (&"a".repeat(41), "at most 40 bytes"),
            ("a-", "begin each word with a letter"),
            ("a--b", "begin each word with a letter"),
            ("part-2", "begin each word with a letter"),
            ("list", "such as `my-list`"),
            ("match", "such as `my-match`"),
            ("std", "such as `my-std`"),
        ] {
            let refused = check(name).expect_err(name);
            assert!(refused.contains(expected) && !refused.contains('\n'), "{name:?}: {refused}");
        }
    }

    #[test]
    fn name_that_is_one_everywhere_is_accepted() {
        for name in ["a", "guestbook", "my-list", "part-b2", "palisade", "plugin", "entries", &"a".repeat(40)]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn reserved_words_of_wit_and_rust_are_in_the_list() {
        for word in ["func", "u64", "resource", "stream", "gen", "crate", "self"] {
            assert!(RESERVED.contains(&word), "{word}");
        }
        assert!(RESERVED.is_sorted() && CRATES.is_sorted());
    }
}
