//! Migrations: the statements that create a plugin's tables in the plugin's own schema.
//!
//! A migration goes through the same walk as the [gate](super::gate), with data definition added: what is sent are the
//! statement's own tokens in their own order, each judged, and every name of a table, index or type gets the plugin's schema.
//! The plugin's author writes the migration, and the schema's owner runs it before the plugin serves. A migration cannot create
//! roles, grants, functions, triggers, views or extensions, and cannot change row-level security, which only the host sets.
//! This module does not know a table's columns; the server checks them.
//!
//! Read the files in this order: this one (statements about types, comments and DROP), `table.rs` (CREATE TABLE and
//! constraints), `column.rs`, `identity.rs`, `index.rs`, `alter.rs`. The tests are in `tests/`, hostile rows first.

mod alter;
mod column;
mod identity;
mod index;
mod table;
mod tables;
#[cfg(test)]
mod tests;

pub use self::tables::Tables;
use super::cost::Plan;
use super::extension::Extensions;
use super::gate::fault::{Checked, Fault};
use super::gate::lex::{self, Class, Tokens};
use super::gate::printer::{Printer, Role};
use super::gate::scope::Names;
use super::gate::stack;
use super::gate::tree::{self, Kind, Parts, Tree};
use super::{Refusal, shown};
use crate::limits;

/// A migration's statements, printed from their checked trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    statements: Vec<String>,
    is_concurrent: bool,
}

impl Migration {
    /// Parses the text of a migration for a plugin's schema and the extensions that it is granted. `name` is the name of the file, for errors.
    pub fn parse(schema: &str, extensions: &Extensions, name: &str, text: &str) -> Result<Self, Refusal> {
        // One thread parses all statements, because a migration is only one file and is parsed only once.
        let mut refusal = None;
        let migration = stack::with_room(|| match Self::checked(schema, extensions, name, text) {
            Ok(migration) => Ok(migration),
            Err(why) => {
                refusal = Some(why);
                Err(Fault::Denied)
            }
        });
        match refusal {
            Some(why) => Err(why),
            None => Ok(migration?),
        }
    }

    pub(in crate::db) fn checked(
        schema: &str,
        extensions: &Extensions,
        name: &str,
        text: &str,
    ) -> Result<Self, Refusal> {
        Self::judge(schema, extensions, text).map_err(|fault| match fault {
            Fault::Denied => Refusal::Denied,
            Fault::Invalid { at, construct, rule } | Fault::Unknown { at, construct, rule } => {
                Refusal::Invalid(format!("{name}:{}: {construct} (column {}): {rule}", at.line, at.column))
            }
        })
    }

    /// Judges the text of a migration.
    fn judge(schema: &str, extensions: &Extensions, text: &str) -> Checked<Self> {
        let found = lex::statements(text, limits::MIGRATION_BYTES_MAX)?;
        let (mut statements, mut plan, mut is_concurrent) = (Vec::new(), Plan::default(), false);
        for tokens in &found {
            let (text, cost, concurrent) = statement(schema, extensions, tokens)?;
            if concurrent && found.len() > 1 {
                let rule = "must be the only statement of its migration, because PostgreSQL runs it outside of a transaction: \
                            put it into a file of its own";
                let (_, at) = tokens.first_word();
                return Err(Fault::invalid(at, "CONCURRENTLY", rule));
            }
            is_concurrent |= concurrent;
            statements.push(text);
            plan.absorb(cost);
        }
        // A row that is written meets the constraints, defaults and indexes of all migrations.
        plan.with_share(limits::MIGRATION_SHARE).check(&[])?;
        Ok(Self { statements, is_concurrent })
    }

    /// The statements to run, in order.
    pub fn statements(&self) -> &[String] {
        &self.statements
    }

    /// Whether the migration is one statement with CONCURRENTLY, which runs outside of a transaction.
    pub fn is_concurrent(&self) -> bool {
        self.is_concurrent
    }
}

const RULE: &str =
    "a migration can create, alter, drop and comment tables, indexes and enum types, and change rows";

/// Checks one statement and prints it. Returns its text, what it costs, and whether it has CONCURRENTLY.
fn statement(schema: &str, extensions: &Extensions, tokens: &Tokens) -> Checked<(String, Plan, bool)> {
    let (word, at) = tokens.first_word();
    if !matches!(
        word,
        "create" | "alter" | "drop" | "comment" | "insert" | "update" | "delete" | "merge" | "with"
    ) {
        return Err(Fault::invalid(at, shown(word), RULE));
    }
    if let Some(parameter) = tokens.tokens.iter().find(|token| token.class == Class::Parameter) {
        let rule = "a migration has no parameters: write the value itself";
        return Err(Fault::invalid(parameter.at, shown(&parameter.value), rule));
    }
    let tree = tree::parse(tokens)?;
    let concurrent = tree.children_with_tokens().any(|part| part.kind() == Kind::CONCURRENTLY_KW);
    let mut printer = Printer::new(Names::Own(schema, extensions), tokens);
    match printer.migration(&tree) {
        Ok(()) => {}
        // A denied name in a migration is the author's mistake, so the error names its place.
        Err(Fault::Denied) => {
            let rule = "not in the plugin's own schema, or not a column here: write the name of a table without a schema";
            return printer.refuse("this name", rule);
        }
        Err(fault) => return Err(fault),
    }
    let (text, cost) = printer.finished()?;
    Ok((text, cost, concurrent))
}

impl Printer<'_> {
    fn migration(&mut self, tree: &Tree) -> Checked {
        match tree.kind() {
            Kind::CREATE_TABLE => self.create_table(tree),
            Kind::CREATE_INDEX => self.create_index(tree),
            Kind::CREATE_TYPE => self.create_type(tree),
            Kind::ALTER_TABLE => self.alter_table(tree),
            Kind::ALTER_INDEX => self.alter_index(tree),
            Kind::ALTER_TYPE => self.alter_type(tree),
            Kind::DROP_TABLE => self.drop_objects(tree, Kind::TABLE_KW, "TABLE", Kind::TABLE_NAME_REF),
            Kind::DROP_INDEX => self.drop_objects(tree, Kind::INDEX_KW, "INDEX", Kind::INDEX_REF),
            Kind::DROP_TYPE => self.drop_objects(tree, Kind::TYPE_KW, "TYPE", Kind::TYPE_NAME_REF),
            Kind::COMMENT_ON => self.comment(tree),
            Kind::INSERT | Kind::UPDATE | Kind::DELETE | Kind::MERGE => self.statement(tree),
            kind => self.refuse_at(tree, "this statement", instead(kind)),
        }
    }

    /// The name of a table, index or type, which must be in the plugin's schema.
    fn own(&mut self, tree: &Tree) -> Checked<String> {
        let Names::Own(own, _) = self.names() else { return Err(Fault::Denied) };
        match self.dotted(tree)? {
            (Some(schema), _) if schema != own => Err(Fault::Denied),
            (_, name) => Ok(name),
        }
    }

    /// Prints the name of a table, index or type with the plugin's schema.
    fn put_own(&mut self, tree: &Tree) -> Checked<String> {
        let name = self.own(tree)?;
        self.put_with_schema(Role::Listed, &name)?;
        Ok(name)
    }

    fn put_with_schema(&mut self, role: Role, name: &str) -> Checked {
        let Names::Own(own, _) = self.names() else { return Err(Fault::Denied) };
        self.put_as(Role::Qualifier, own);
        self.put_behind(".")?;
        self.put_as(role, name);
        Ok(())
    }

    /// Prints the name of a column or constraint, or a new name, none of which has a schema.
    fn put_plain(&mut self, tree: &Tree) -> Checked<String> {
        let name = self.undotted(tree)?;
        self.put_as(Role::Column, &name);
        Ok(name)
    }

    /// Takes and prints a node of words, which must be one of these.
    fn phrase(&mut self, tree: &Tree, known: &[&str]) -> Checked {
        let words = self.words(tree)?;
        if !known.contains(&words.as_str()) {
            return self.refuse_at(tree, words, format!("write {}", known.join(" or ")));
        }
        self.put(&words);
        Ok(())
    }

    /// Takes and prints a node of words, if it comes next.
    fn phrase_if(&mut self, parts: &mut Parts, kind: Kind, words: &str) -> Checked<bool> {
        let Some(tree) = parts.node(kind) else { return Ok(false) };
        self.phrase(&tree, &[words])?;
        Ok(true)
    }

    /// Prints CASCADE or RESTRICT, if it comes next.
    fn behavior(&mut self, parts: &mut Parts) -> Checked<bool> {
        let is_cascade = self.phrase_if(parts, Kind::CASCADE, "CASCADE")?;
        Ok(self.phrase_if(parts, Kind::RESTRICT, "RESTRICT")? || is_cascade)
    }

    /// Prints the next child as an expression.
    fn value(&mut self, parts: &mut Parts) -> Checked {
        let tree = self.must_any(parts)?;
        let mark = self.cost.mark();
        self.expr(&tree)?;
        self.cost.forget(mark);
        Ok(())
    }

    /// Prints the next children as an expression in parentheses.
    fn enclosed_value(&mut self, parts: &mut Parts) -> Checked {
        self.must_take(parts, Kind::L_PAREN)?;
        self.put("(");
        self.value(parts)?;
        self.must_take(parts, Kind::R_PAREN)?;
        self.put(")");
        Ok(())
    }

    fn drop_objects(&mut self, tree: &Tree, kind: Kind, word: &str, name: Kind) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::DROP_KW, "DROP")?;
        self.keyword(&mut parts, kind, word)?;
        let is_concurrent = self.keyword_if(&mut parts, Kind::CONCURRENTLY_KW, "CONCURRENTLY");
        self.phrase_if(&mut parts, Kind::IF_EXISTS, "IF EXISTS")?;
        let mut count = 0_usize;
        self.items(&mut parts, |printer, parts| {
            count = count.saturating_add(1);
            let name = printer.must_node(parts, name)?;
            printer.put_own(&name).map(drop)
        })?;
        let has_behavior = self.behavior(&mut parts)?;
        if is_concurrent && (count > 1 || has_behavior) {
            let rule = "drops one index, without CASCADE or RESTRICT: write a file for each";
            return self.refuse_at(tree, "DROP INDEX CONCURRENTLY", rule);
        }
        self.done(parts)
    }

    fn create_type(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::CREATE_KW, "CREATE")?;
        self.keyword(&mut parts, Kind::TYPE_KW, "TYPE")?;
        let name = self.must_node(&mut parts, Kind::TYPE_NAME)?;
        self.put_own(&name)?;
        let Some(labels) = parts.node(Kind::ENUM_TYPE) else {
            return self.refuse_at(
                tree,
                "this type",
                "a migration can create only enum types: write AS ENUM ('…', '…')",
            );
        };
        self.done(parts)?;
        let mut parts = Parts::of(&labels);
        self.keyword(&mut parts, Kind::AS_KW, "AS")?;
        self.keyword(&mut parts, Kind::ENUM_KW, "ENUM")?;
        let list = self.must_node(&mut parts, Kind::VARIANT_LIST)?;
        self.done(parts)?;
        if list.children().next().is_none() {
            return self.refuse_at(&list, "an enum without labels", "write at least one");
        }
        self.listed(&list, Kind::VARIANT, |printer, variant| {
            let mut parts = Parts::of(variant);
            printer.label(&mut parts)?;
            printer.done(parts)
        })
    }

    /// Prints the label of an enum.
    fn label(&mut self, parts: &mut Parts) -> Checked {
        let text = self.string(parts)?;
        if text.len() > limits::IDENTIFIER_BYTES_MAX {
            return self
                .refuse(shown(&text), format!("a label has at most {} bytes", limits::IDENTIFIER_BYTES_MAX));
        }
        self.text_literal(&text)
    }

    /// Takes a literal that is a string.
    fn string(&mut self, parts: &mut Parts) -> Checked<String> {
        let literal = self.must_node(parts, Kind::LITERAL)?;
        let token = self.single(&literal)?;
        match token.class {
            Class::Text => Ok(token.value),
            _ => self.refuse(shown(&token.value), "write a string: '…'"),
        }
    }

    fn alter_type(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::ALTER_KW, "ALTER")?;
        self.keyword(&mut parts, Kind::TYPE_KW, "TYPE")?;
        let name = self.must_node(&mut parts, Kind::TYPE_NAME_REF)?;
        self.put_own(&name)?;
        let action = self.must_any(&mut parts)?;
        self.done(parts)?;
        let mut parts = Parts::of(&action);
        match action.kind() {
            Kind::ADD_VALUE => {
                self.keyword(&mut parts, Kind::ADD_KW, "ADD")?;
                self.keyword(&mut parts, Kind::VALUE_KW, "VALUE")?;
                self.phrase_if(&mut parts, Kind::IF_NOT_EXISTS, "IF NOT EXISTS")?;
                self.label(&mut parts)?;
                for (kind, keyword, word) in [
                    (Kind::BEFORE_VALUE, Kind::BEFORE_KW, "BEFORE"),
                    (Kind::AFTER_VALUE, Kind::AFTER_KW, "AFTER"),
                ] {
                    let Some(place) = parts.node(kind) else { continue };
                    let mut inner = Parts::of(&place);
                    self.keyword(&mut inner, keyword, word)?;
                    self.label(&mut inner)?;
                    self.done(inner)?;
                }
                self.done(parts)
            }
            Kind::RENAME_VALUE => {
                self.keyword(&mut parts, Kind::RENAME_KW, "RENAME")?;
                self.keyword(&mut parts, Kind::VALUE_KW, "VALUE")?;
                self.label(&mut parts)?;
                self.keyword(&mut parts, Kind::TO_KW, "TO")?;
                self.label(&mut parts)?;
                self.done(parts)
            }
            Kind::TYPE_RENAME_TO => {
                let rule = "a running version writes the type's name in its casts: create a type with the new name, and change the columns to it";
                self.refuse_at(&action, "a new name for a type", rule)
            }
            _ => self.refuse_at(&action, "this change of a type", "write ADD VALUE or RENAME VALUE"),
        }
    }

    fn comment(&mut self, tree: &Tree) -> Checked {
        const RULE: &str = "tables, columns, constraints, indexes and types can have comments";
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::COMMENT_KW, "COMMENT")?;
        self.keyword(&mut parts, Kind::ON_KW, "ON")?;
        let object = self.must_any(&mut parts)?;
        let mut inner = Parts::of(&object);
        match object.kind() {
            Kind::OBJECT_TABLE => self.keyword(&mut inner, Kind::TABLE_KW, "TABLE")?,
            Kind::OBJECT_INDEX => self.keyword(&mut inner, Kind::INDEX_KW, "INDEX")?,
            Kind::OBJECT_TYPE => self.keyword(&mut inner, Kind::TYPE_KW, "TYPE")?,
            Kind::OBJECT_COLUMN => self.keyword(&mut inner, Kind::COLUMN_KW, "COLUMN")?,
            Kind::OBJECT_CONSTRAINT => {
                self.keyword(&mut inner, Kind::CONSTRAINT_KW, "CONSTRAINT")?;
                let constraint = self.must_node(&mut inner, Kind::CONSTRAINT_NAME_REF)?;
                self.put_plain(&constraint)?;
                self.keyword(&mut inner, Kind::ON_KW, "ON")?;
            }
            _ => return self.refuse_at(&object, "a comment on this", RULE),
        }
        let name = self.must_any(&mut inner)?;
        match name.kind() {
            Kind::TABLE_NAME_REF | Kind::INDEX_REF | Kind::TYPE_NAME_REF => self.put_own(&name).map(drop)?,
            Kind::QUALIFIED_COLUMN_NAME_REF => self.own_column(&name)?,
            _ => return self.refuse_at(&object, "a comment on this", RULE),
        }
        self.done(inner)?;
        self.keyword(&mut parts, Kind::IS_KW, "IS")?;
        if !self.keyword_if(&mut parts, Kind::NULL_KW, "NULL") {
            let text = self.string(&mut parts)?;
            self.text_literal(&text)?;
        }
        self.done(parts)
    }

    /// Prints `table.column` with the plugin's schema.
    fn own_column(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let path = self.must_node(&mut parts, Kind::PATH_REF)?;
        self.done(parts)?;
        let mut parts = Parts::of(&path);
        let Some(table) = parts.node(Kind::PATH_REF) else {
            return self.refuse_at(&path, "this column", "write table.column");
        };
        let table = self.own(&table)?;
        self.must_take(&mut parts, Kind::DOT)?;
        let column = self.must_any(&mut parts)?;
        let column = self.name(&column)?;
        self.done(parts)?;
        self.put_with_schema(Role::Qualifier, &table)?;
        self.put_behind(".")?;
        self.put_as(Role::Column, &column);
        Ok(())
    }
}

/// Why a kind of statement is refused, and what to write instead.
fn instead(kind: Kind) -> &'static str {
    match kind {
        Kind::CREATE_TABLE_AS | Kind::SELECT_INTO => {
            "create the table with its columns, then fill it with INSERT INTO … SELECT"
        }
        Kind::SELECT | Kind::COMPOUND_SELECT | Kind::VALUES | Kind::TABLE => {
            "nobody reads the rows of a migration: write INSERT, UPDATE, DELETE or MERGE, also behind WITH"
        }
        Kind::CREATE_SEQUENCE | Kind::ALTER_SEQUENCE => {
            "write a column with bigint GENERATED BY DEFAULT AS IDENTITY, which has a sequence of its own"
        }
        Kind::CREATE_DOMAIN => "write the domain's type with a CHECK constraint at each column",
        Kind::CREATE_VIEW | Kind::CREATE_MATERIALIZED_VIEW => {
            "write the view's query in the plugin, as a common table expression"
        }
        Kind::CREATE_FUNCTION | Kind::CREATE_PROCEDURE | Kind::CREATE_TRIGGER | Kind::CREATE_RULE => {
            "code runs in the plugin: a migration can use DEFAULT, CHECK and GENERATED ALWAYS AS (…) STORED"
        }
        Kind::CREATE_POLICY | Kind::ALTER_POLICY => {
            "only the host sets row-level security: name the owner's column in the manifest"
        }
        Kind::CREATE_EXTENSION => "only an operator installs extensions",
        Kind::CREATE_SCHEMA => "a plugin has one schema, which the host creates",
        _ => RULE,
    }
}
