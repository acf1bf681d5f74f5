//! Short text: separators that are repeated for each row, and what a function looks for at every position.
//!
//! A short text is a literal, or a parameter, whose value is checked when it is bound.

use super::literal::unwrapped;
use super::printer::Printer;
use super::tree::Tree;
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;

impl Printer<'_> {
    /// Checks that an expression is a short literal or a parameter, whose value must be short.
    pub(super) fn short(&mut self, what: &str, tree: &Tree) -> Checked {
        let tree = unwrapped(tree);
        if let Some(number) = self.placeholder(&tree) {
            self.short.insert(number);
            return Ok(());
        }
        let max = limits::SQL_SHORT_TEXT_BYTES_MAX;
        let is_null = tree.text().to_string().eq_ignore_ascii_case("null");
        if is_null || self.string_of(&tree).is_some_and(|text| text.len() <= max) {
            return Ok(());
        }
        let asked = match what {
            "to_char" | "to_date" | "to_number" | "to_timestamp" => "its format",
            "string_agg" | "split_part" | "string_to_array" | "string_to_table" | "concat_ws"
            | "array_to_string" => "its separator",
            "btrim" | "ltrim" | "rtrim" => "the characters to take off",
            "replace" | "translate" => "what it looks for and what it writes instead",
            _ => "the text to look for",
        };
        let rule = format!("{asked} must be a literal or a parameter of at most {max} bytes");
        self.refuse_at(&tree, shown(what), rule)
    }
}
