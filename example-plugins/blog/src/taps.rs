//! The blog's taps on items of the type `post`. They run for all callers that write or show an item through the host.

use palisade_sdk::item::{Draft, Item};
use palisade_sdk::taps::Refusal;
use palisade_sdk::user;

use crate::exports::palisade::plugin::tap_item_access::{self, Decision, Operation};
use crate::exports::palisade::plugin::{tap_item_presave, tap_item_view};
use crate::fields::Fields;
use crate::{Blog, POST, markdown};

impl tap_item_access::Guest for Blog {
    /// Denies anonymous callers a post whose field `members-only` is true. The host decides everything else.
    fn check(operation: Operation, item: Item) -> Decision {
        if item.item_type != POST || operation != Operation::Read {
            return Decision::Neutral;
        }
        match Fields::parse(&item.fields) {
            Ok(fields) if !fields.is_true("members-only") || user::current().is_some() => Decision::Neutral,
            _ => Decision::Deny,
        }
    }
}

impl tap_item_view::Guest for Blog {
    /// Adds the field `html`.
    fn view(item: Item) -> String {
        if item.item_type != POST {
            return item.fields;
        }
        let body = Fields::parse(&item.fields).and_then(|fields| Ok((fields.body()?, fields)));
        match body {
            Ok((body, mut fields)) => {
                fields.set("html", markdown::render_cached(&item.id, item.revision, &body));
                fields.into_json()
            }
            // The item was written without this plugin's presave tap: it is shown unchanged.
            Err(reason) => {
                palisade_sdk::warn!(item = item.id, "not rendered: {reason}");
                item.fields
            }
        }
    }
}

impl tap_item_presave::Guest for Blog {
    /// Rejects a post without a text, and derives its slug and summary.
    fn presave(previous: Option<Item>, mut draft: Draft) -> Result<Draft, Refusal> {
        if draft.item_type != POST {
            return Ok(draft);
        }
        let mut fields = Fields::parse(&draft.fields)?;
        fields.derive(&draft.title)?;
        draft.fields = fields.into_json();
        if let Some(previous) = previous {
            markdown::forget(&previous.id);
        }
        Ok(draft)
    }
}
