//! The additional functions that a mutation may call.

use palisade_sdk::raw::{db, db_write, item_write, variables_write};

use crate::exports::probe::probe::writes::{
    Alteration, DbError, Draft, Guest, Insertion, Item, ItemError, Modification, Outcome, Removal, Row,
    Selection, Value, Variable, VariablesError,
};
use crate::{Probe, drain};

impl Guest for Probe {
    fn insert(insertion: Insertion) -> Result<Outcome, DbError> {
        db_write::insert(&insertion)
    }

    fn update(modification: Modification) -> Result<Outcome, DbError> {
        db_write::update(&modification)
    }

    fn delete(removal: Removal) -> Result<Outcome, DbError> {
        db_write::delete(&removal)
    }

    fn execute(sql: String, parameters: Vec<Value>) -> Result<u64, DbError> {
        db_write::execute(&sql, &parameters).map(|outcome| outcome.count)
    }

    fn execute_returning(sql: String, parameters: Vec<Value>) -> Result<Outcome, DbError> {
        db_write::execute(&sql, &parameters)
    }

    fn insert_then_select(insertion: Insertion, selection: Selection) -> Result<Vec<Row>, DbError> {
        db_write::insert(&insertion)?;
        drain(&db::select(&selection)?)
    }

    fn insert_despite(first: Insertion, second: Insertion) -> Result<Outcome, DbError> {
        let _refused = db_write::insert(&first);
        db_write::insert(&second)
    }

    fn fail_after_insert(insertion: Insertion) -> Result<(), String> {
        db_write::insert(&insertion)?;
        Err("failed after the insert".to_owned())
    }

    fn trap_after_insert(insertion: Insertion) -> Result<(), String> {
        db_write::insert(&insertion)?;
        panic!("trapped after the insert")
    }

    fn set_variable(name: String, value: Variable) -> Result<(), VariablesError> {
        variables_write::set(&name, &value)
    }

    fn unset_variable(name: String) -> Result<(), VariablesError> {
        variables_write::unset(&name)
    }

    fn item_insert(draft: Draft) -> Result<Item, ItemError> {
        item_write::insert(&draft)
    }

    fn item_patch(id: String, alteration: Alteration) -> Result<Item, ItemError> {
        item_write::patch(&id, &alteration)
    }

    fn item_delete(id: String, revision: Option<u32>) -> Result<(), ItemError> {
        item_write::delete(&id, revision)
    }
}
