//! The functions that a query may call.

use palisade_sdk::raw::{cache, clock, db, item, logging, random, request_context, user, variables};

use crate::exports::probe::probe::reads::{
    Aggregation, CacheError, Column, ContextError, Criteria, DbError, Field, Guest, Item, ItemError, Level,
    Profile, RandomError, RequestInfo, Retention, Row, Selection, Usage, UserError, Value, Variable,
    VariablesError,
};
use crate::{Probe, drain};

impl Guest for Probe {
    fn select(selection: Selection) -> Result<Vec<Row>, DbError> {
        drain(&db::select(&selection)?)
    }

    fn aggregate(aggregation: Aggregation) -> Result<Vec<Row>, DbError> {
        drain(&db::aggregate(&aggregation)?)
    }

    fn columns(selection: Selection) -> Result<Vec<Column>, DbError> {
        Ok(db::select(&selection)?.columns())
    }

    fn query(sql: String, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        drain(&db::query(&sql, &parameters)?)
    }

    fn query_next(sql: String, parameters: Vec<Value>, max: u32) -> Result<Vec<Row>, DbError> {
        db::query(&sql, &parameters)?.next(max)
    }

    fn hoard(selection: Selection, count: u32) -> Result<u32, DbError> {
        let held = (0..count).map(|_| db::select(&selection)).collect::<Result<Vec<_>, _>>()?;
        Ok(u32::try_from(held.len()).unwrap_or(u32::MAX))
    }

    fn current() -> Option<Profile> {
        user::current()
    }

    fn has_permission(permission: String) -> Result<bool, UserError> {
        user::has_permission(&permission)
    }

    fn get_user(id: String) -> Result<Option<Profile>, UserError> {
        user::get(&id)
    }

    fn cache_get(key: String) -> Result<Option<Vec<u8>>, CacheError> {
        cache::get(&key)
    }

    fn cache_set(key: String, value: Vec<u8>, retention: Retention) -> Result<(), CacheError> {
        cache::set(&key, &value, &retention)
    }

    fn cache_delete(key: String) -> Result<(), CacheError> {
        cache::delete(&key)
    }

    fn cache_invalidate_tag(tag: String) -> Result<(), CacheError> {
        cache::invalidate_tag(&tag)
    }

    fn get_variable(name: String) -> Result<Variable, VariablesError> {
        variables::get(&name)
    }

    fn item_get(id: String) -> Result<Option<Item>, ItemError> {
        item::get(&id)
    }

    fn item_get_many(ids: Vec<String>) -> Result<Vec<Item>, ItemError> {
        item::get_many(&ids)
    }

    fn item_find(criteria: Criteria) -> Result<Vec<Item>, ItemError> {
        item::find(&criteria)
    }

    fn log(level: Level, message: String, fields: Vec<Field>) {
        logging::log(level, &message, &fields);
    }

    fn flood_log(count: u32) {
        for line in 0..count {
            logging::log(Level::Info, &format!("line {line}"), &[]);
        }
    }

    fn context_get(key: String) -> Result<Option<Vec<u8>>, ContextError> {
        request_context::get(&key)
    }

    fn context_set(key: String, value: Vec<u8>) -> Result<(), ContextError> {
        request_context::set(&key, &value)
    }

    fn request() -> RequestInfo {
        request_context::request()
    }

    fn remaining() -> Vec<Usage> {
        request_context::remaining()
    }

    fn now() -> (i64, i64) {
        (clock::now(), clock::now())
    }

    fn monotonic() -> (u64, u64) {
        (clock::monotonic(), clock::monotonic())
    }

    fn random(length: u32) -> Result<Vec<u8>, RandomError> {
        random::bytes(length)
    }
}
