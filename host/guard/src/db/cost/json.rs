//! How much work JSON is for the server: counted from its text, without building a tree.
// tidy: numbers are of the decimal system

/// What a JSON text contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Scalars that are elements of arrays. PostgreSQL's `@>` looks for each of them in every element of a stored array.
    pub listed: u64,
    /// Arrays, objects and members of objects that stand in an array at any depth. `@>` compares each of them with every
    /// stored array or object.
    pub nested: u64,
    /// All values, the members of objects included.
    pub values: u64,
    /// Decimal digits of the longest number, written without its exponent: `1e131071` has 131,072.
    pub digits: u64,
    /// The same for numbers in strings: an array of PostgreSQL can have its elements in quotes.
    pub quoted: u64,
}

/// The digits of the number that the walk is in: those in front of its exponent, and the exponent.
#[derive(Clone, Copy, Debug, Default)]
struct Digits {
    mantissa: u64,
    exponent: Option<u64>,
}

impl Digits {
    /// Reads on, and returns how long the number is so far, written out.
    fn read(&mut self, byte: u8) -> u64 {
        match (byte, &mut self.exponent) {
            (b'0'..=b'9', None) => self.mantissa = self.mantissa.saturating_add(1),
            (b'0'..=b'9', Some(exponent)) => {
                *exponent = exponent.saturating_mul(10).saturating_add(u64::from(byte.saturating_sub(b'0'))); // wire: decimal
            }
            (b'.' | b'+' | b'-', _) if self.mantissa > 0 => {}
            (b'e' | b'E', None) if self.mantissa > 0 => self.exponent = Some(0),
            _ => *self = Self::default(),
        }
        self.mantissa.saturating_add(self.exponent.unwrap_or(0))
    }
}

impl Census {
    /// Counts a text that is JSON. A text that is not gets some count, and PostgreSQL refuses it.
    pub fn of(json: &str) -> Self {
        let mut census = Self { values: 1, ..Self::default() };
        // Whether each open bracket is that of an array, and how many of them are.
        let (mut open, mut arrays) = (Vec::new(), 0_usize);
        let (mut in_string, mut escaped, mut is_filled) = (false, false, false);
        let mut number = Digits::default();
        for byte in json.bytes() {
            let digits = number.read(byte);
            let longest = if in_string { &mut census.quoted } else { &mut census.digits };
            *longest = digits.max(*longest);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => (in_string, is_filled) = (!in_string, true),
                _ if in_string => {}
                b'[' | b'{' => {
                    census.nested = census.nested.saturating_add(u64::from(arrays > 0));
                    let is_array = byte == b'[';
                    open.push(is_array);
                    arrays = arrays.saturating_add(usize::from(is_array));
                    is_filled = false;
                }
                b',' | b']' | b'}' => {
                    let in_array = open.last() == Some(&true);
                    if is_filled || byte == b',' {
                        census.member(in_array, arrays > 0);
                    }
                    if byte != b',' {
                        arrays = arrays.saturating_sub(usize::from(open.pop() == Some(true)));
                    }
                    // What closed is itself the last member so far.
                    is_filled = byte != b',';
                }
                byte => is_filled |= !byte.is_ascii_whitespace(),
            }
        }
        census
    }

    fn member(&mut self, in_array: bool, is_inside: bool) {
        self.values = self.values.saturating_add(1);
        if in_array {
            self.listed = self.listed.saturating_add(1);
        } else if is_inside {
            self.nested = self.nested.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Census;

    #[test]
    fn members_of_arrays_and_what_stands_in_arrays_are_counted() {
        for (text, listed, nested, values) in [
            ("1", 0, 0, 1),
            ("[]", 0, 0, 1),
            ("{}", 0, 0, 1),
            ("[ ]", 0, 0, 1),
            ("[1]", 1, 0, 2),
            (r#"[1, "a,[b\"]", null]"#, 3, 0, 4),
            (r#"{"a": 1, "b": 2}"#, 0, 0, 3),
            (r#"{"a": {"b": {"c": 1}}}"#, 0, 0, 4),
            (r#"{"a": [1, 2]}"#, 2, 0, 4),
            ("[[], [1]]", 3, 2, 4),
            (r#"[{"a": 1, "b": []}]"#, 1, 4, 4),
        ] {
            let census = Census::of(text);
            assert_eq!((census.listed, census.nested, census.values), (listed, nested, values), "{text}");
        }
    }

    #[test]
    fn number_is_as_long_as_it_is_without_its_exponent() {
        for (text, digits, quoted) in [
            ("1e9", 10, 0),
            ("[1.5E+9]", 11, 0),
            ("[1, -22.5e-131000, 7]", 131_003, 0),
            ("true", 0, 0),
            ("[false, \"1e9\", 12]", 2, 10),
            ("{\"1e9\": 1}", 1, 10),
            ("{1e131000,NULL}", 131_001, 0),
            ("{\"1e131000\"}", 0, 131_001),
            ("1e99999999999999999999999999", u64::MAX, 0),
        ] {
            let census = Census::of(text);
            assert_eq!((census.digits, census.quoted), (digits, quoted), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_counted_without_a_panic() {
        for text in ["", "]", "}}]]", "[[[[", "\"", "\\", "[\"\\", ",,,", "{]}["] {
            let _census = Census::of(text);
        }
    }
}
