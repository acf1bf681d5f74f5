//! Finds the title of a Markdown text, which is all that an import needs.

use palisade_guard::limits::ITEM_TITLE_BYTES_MAX;

/// The first `# heading` outside of front matter and code, cut to the length of a title.
pub(super) fn title(text: &str) -> Option<String> {
    let mut fence: Option<&str> = None;
    for line in without_front_matter(text).lines() {
        let indented = line.trim_start_matches(' ');
        // A line that is indented by four spaces is code.
        if line.len() - indented.len() >= 4 {
            continue;
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| indented.starts_with(mark)) {
            match fence {
                None => fence = Some(mark),
                Some(open) if open == mark => fence = None,
                Some(_) => {}
            }
        }
        if let (None, Some(heading)) = (fence, indented.strip_prefix('#').and_then(heading)) {
            return Some(heading);
        }
    }
    None
}

/// The text after a single `#`, without the closing ones.
fn heading(rest: &str) -> Option<String> {
    let rest = rest.strip_prefix([' ', '\t'])?.trim();
    let open = rest.trim_end_matches('#');
    let text = if open.is_empty() || open.ends_with([' ', '\t']) { open.trim_end() } else { rest };
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let end = text.floor_char_boundary(ITEM_TITLE_BYTES_MAX);
    let cut = text.get(..end).unwrap_or_default().trim();
    (!cut.is_empty()).then(|| cut.to_owned())
}

fn without_front_matter(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else { return text };
    let end = rest.find("\n---\n").map(|at| at + "\n---\n".len());
    end.or_else(|| rest.find("\n---\r\n").map(|at| at + "\n---\r\n".len()))
        .and_then(|at| rest.get(at..))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_the_first_heading_of_the_first_level() {
        for (text, expected) in [
            ("# One\n# Two\n", "One"),
            ("text\n\n   # One", "One"),
            ("## Two\n# One\n", "One"),
            ("# One ##\n", "One"),
            ("# C#\n", "C#"),
            ("#\tOne\r\n", "One"),
            ("---\ntitle: x\n# no: heading\n---\n# One\n", "One"),
            ("---\r\na: b\r\n---\r\n# One\r\n", "One"),
            ("```\n# code\n```\n# One\n", "One"),
            ("~~~\n```\n# code\n~~~\n# One\n", "One"),
            ("    # code\n# One\n", "One"),
            ("---\n# One\n", "One"),
        ] {
            assert_eq!(title(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn text_without_a_heading_has_no_title() {
        for text in ["", "#One", "## Two", "# ", "# ##", "#", "text", "```\n# code\n"] {
            assert_eq!(title(text), None, "{text:?}");
        }
    }

    #[test]
    fn title_is_cut_between_letters() {
        let text = format!("# {}", "é".repeat(ITEM_TITLE_BYTES_MAX));
        let title = title(&text).unwrap();
        assert!(title.len() <= ITEM_TITLE_BYTES_MAX && title.chars().all(|letter| letter == 'é'));
    }
}
