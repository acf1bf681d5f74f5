//! The query of `GET /items`: which items, in which order, from where.
//!
//! A parameter that is unknown or given twice is rejected: a caller that mistypes `status` must not be shown
//! everything.

use super::error::ErrorResponse;
use super::refused::refused;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Criteria, Filter, ItemScope, ItemType, Order, PageSize, Place, Status};
use palisade_guard::limits::ITEM_PAGE_DEFAULT;
use palisade_guard::text::quoted;
use std::collections::BTreeMap;
use url::form_urlencoded;

const KNOWN: [&str; 6] = ["type", "status", "order", "limit", "after", "fields"];

/// Parses a query.
pub(super) fn parse(query: &str) -> Result<Criteria, ErrorResponse> {
    let given = pairs(query)?;
    let get = |name: &str| given.get(name).map(String::as_str);
    let item_type = get("type").ok_or_else(|| {
        ErrorResponse::bad_request("the parameter `type` is missing; add it, such as `?type=post`")
    })?;
    Ok(Criteria {
        item_type: ItemType::parse(item_type, ItemScope::All, ItemPower::Read).map_err(refused)?,
        status: get("status").map(status).transpose()?,
        fields: get("fields").map(Filter::parse).transpose().map_err(refused)?,
        order: get("order").map_or(Ok(Order::Newest), order)?,
        limit: limit(get("limit"))?,
        after: get("after").map(Place::parse).transpose().map_err(refused)?,
    })
}

fn pairs(query: &str) -> Result<BTreeMap<String, String>, ErrorResponse> {
    let mut given = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !KNOWN.contains(&&*name) {
            return Err(ErrorResponse::bad_request(format!(
                "unknown parameter {}; the parameters are {}",
                quoted(&name),
                KNOWN.join(", ")
            )));
        }
        if given.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(ErrorResponse::bad_request(format!(
                "the parameter `{name}` is given twice; give it once"
            )));
        }
    }
    Ok(given)
}

/// A status by its name.
pub(super) fn status(text: &str) -> Result<Status, ErrorResponse> {
    match text {
        "draft" => Ok(Status::Draft),
        "published" => Ok(Status::Published),
        _ => Err(ErrorResponse::bad_request("status must be `draft` or `published`")),
    }
}

fn order(text: &str) -> Result<Order, ErrorResponse> {
    match text {
        "newest" => Ok(Order::Newest),
        "oldest" => Ok(Order::Oldest),
        _ => Err(ErrorResponse::bad_request("order must be `newest` or `oldest`")),
    }
}

fn limit(text: Option<&str>) -> Result<PageSize, ErrorResponse> {
    let number = match text {
        None => ITEM_PAGE_DEFAULT,
        // A value that is not a number is out of bounds, and rejected with the same message.
        Some(text) => text.parse().unwrap_or_default(),
    };
    PageSize::parse(number).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::limits::ITEM_FILTER_VALUES_MAX;
    use palisade_guard::request_context::RequestId;

    #[test]
    fn malformed_query_is_rejected() {
        for query in [
            "",
            "status=draft",
            "type=",
            "type=Post",
            "type=post&type=page",
            "type=post&stauts=draft",
            "type=post&status=Draft",
            "type=post&order=random",
            "type=post&limit=0",
            "type=post&limit=101",
            "type=post&limit=x",
            "type=post&limit=-1",
            "type=post&after=1",
            "type=post&fields=1",
            "type=post&fields=%7B",
            "type=post&fields=%7B%22a%22:%22%5Cu0000%22%7D",
            "type=post&fields=%7B%22a%22:1,%22a%22:2%7D",
            "type=post&fields=%7B%22a%22:1e99999%7D",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn search_for_too_many_values_is_rejected_with_what_to_change() {
        let many = |count: usize| format!("type=post&fields=%7B%22a%22:[{}]%7D", vec!["1"; count].join(","));
        let response = parse(&many(ITEM_FILTER_VALUES_MAX + 1)).unwrap_err();
        assert!(response.body(&RequestId::random()).contains("at most 64 values: ask for fewer"));
        assert!(parse(&many(ITEM_FILTER_VALUES_MAX)).is_ok());
    }

    #[test]
    fn query_with_every_parameter_is_accepted() {
        let query = "type=post&status=published&order=oldest&limit=100&after=0190a5f0-0000-7000-8000-000000000000\
             &fields=%7B%22slug%22%3A%22a%20b%22%7D";
        let criteria = parse(query).unwrap();
        assert_eq!((criteria.item_type.as_str(), criteria.status), ("post", Some(Status::Published)));
        assert_eq!((criteria.order, criteria.limit.get()), (Order::Oldest, 100));
        assert!(criteria.after.is_some());
        assert_eq!(criteria.fields.unwrap().as_str(), "{\"slug\":\"a b\"}");
        let criteria = parse("type=post").unwrap();
        assert_eq!((criteria.order, criteria.limit.get()), (Order::Newest, ITEM_PAGE_DEFAULT));
    }
}
