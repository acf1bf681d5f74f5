//! Scopes: the names that are visible at a point of a statement, and their columns.
//!
//! A reference is accepted only if it is a column in this model, or a whole row (`t` as a value) all of whose columns are. The
//! model has no attribute notation (`t.f` for `f(t)`), because PostgreSQL can call functions through it. A whole row has every
//! column of a table that the server knows when it parses the statement, also one that another host has added since the catalogue
//! was read. So a table's row is accepted only if the plugin may read all columns, and the server, which asks for the right to
//! each column of a whole row, refuses it where one was added that is not granted.

use super::printer::{Printer, Role};
use super::tree::{Kind as Syntax, Parts, Tree};
use crate::db::catalogue::{Catalogue, Operation, TableName};
use crate::db::cost::{Class, Moment, Node, Size};
use crate::db::extension::Extensions;
use crate::db::gate::fault::{Checked, Fault};
use crate::db::shown;
use crate::limits::{self, SQL_NAMES_SHOWN_MAX};
use postgres_types::Kind;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// The source of table names.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) enum Names<'a> {
    /// For a plugin's statement: the tables that the plugin is granted.
    Granted(&'a Catalogue),
    /// For a migration: all tables of the plugin's own schema, which is named here, and the granted extensions. Their columns are
    /// unknown.
    Own(&'a str, &'a Extensions),
}

impl<'a> Names<'a> {
    /// The plugin's own schema.
    pub(in crate::db) fn schema(self) -> &'a str {
        match self {
            Self::Granted(catalogue) => catalogue.schema(),
            Self::Own(schema, _) => schema,
        }
    }

    /// The extensions that are granted.
    pub(in crate::db) fn extensions(self) -> &'a Extensions {
        match self {
            Self::Granted(catalogue) => catalogue.extensions(),
            Self::Own(_, extensions) => extensions,
        }
    }
}

/// A column of a relation or a result.
#[derive(Clone, Debug)]
pub(in crate::db) struct Named {
    /// The name; empty if it is unknown.
    pub name: Rc<str>,
    /// The value in the plan of the statement's cost.
    pub node: Node,
}

/// The columns of a relation or a result. Copies share their columns: a statement can refer to one shape thousands of
/// times.
#[derive(Clone, Debug, Default)]
pub(in crate::db) struct Shape {
    columns: Rc<Vec<Named>>,
    /// The place of the first column of each name.
    places: Rc<HashMap<Rc<str>, usize>>,
    /// Columns of a table that exist but are not granted. PostgreSQL would find them, so their names cannot refer to
    /// another column.
    hidden: Rc<BTreeSet<String>>,
    /// Whether there may be columns that are not listed, as for a table in a migration.
    pub open: bool,
}

impl Shape {
    /// Unknown columns.
    pub(in crate::db) fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    pub(super) fn columns(&self) -> &[Named] {
        &self.columns
    }

    pub(super) fn has(&self, column: &str) -> bool {
        !is_system(column) && (self.open || self.places.contains_key(column))
    }

    /// This shape with the columns of another one, which have other names.
    pub(super) fn renamed(self, other: Self) -> Self {
        Self { columns: other.columns, places: other.places, ..self }
    }

    /// This shape with the hidden columns of others.
    pub(super) fn hiding<'s>(self, others: impl Iterator<Item = &'s Self>, open: bool) -> Self {
        let hidden: BTreeSet<String> = others.flat_map(|other| other.hidden.iter().cloned()).collect();
        Self { hidden: Rc::new(hidden), open, ..self }
    }

    /// The value of a column; `None` if the column is not listed.
    fn node(&self, column: &str) -> Option<Node> {
        self.places.get(column).and_then(|&place| self.columns.get(place)).map(|column| column.node)
    }

    /// Whether a column is not granted, so that what stands for all of them would have it, too.
    pub(super) fn is_partial(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// This shape where PostgreSQL knows the columns that are not granted of another one.
    pub(super) fn beside(self, other: &Self) -> Self {
        Self { hidden: Rc::clone(&other.hidden), open: other.open, ..self }
    }
}

/// A table, subquery or function in FROM, under its alias.
#[derive(Clone, Debug)]
pub(in crate::db) struct Relation {
    pub alias: String,
    pub shape: Shape,
    /// Whether the alias is also the name of the only column: a function that returns values and no rows.
    pub is_value: bool,
}

/// The names that are visible at one level of a query.
#[derive(Clone, Debug, Default)]
pub(in crate::db) struct Scope {
    pub relations: Vec<Relation>,
    /// Relations of this level that the walk's place does not see: those beside a join, in its ON. Their names are refused there.
    pub aside: Vec<Relation>,
    /// What `*` stands for, for each item of FROM: a join with USING has the merged columns once, before all others.
    pub stars: Vec<Star>,
    /// The columns of the result. Only DISTINCT ON, GROUP BY and ORDER BY may use their names.
    pub outputs: Shape,
}

/// What `*` stands for, for one item of FROM.
#[derive(Clone, Debug, Default)]
pub(in crate::db) struct Star {
    pub columns: Vec<Named>,
    /// Whether a column is missing because it is not granted.
    pub is_hidden: bool,
    pub open: bool,
}

impl Star {
    pub(super) fn of(shape: &Shape) -> Self {
        Self { columns: shape.columns.to_vec(), is_hidden: !shape.hidden.is_empty(), open: shape.open }
    }

    /// Joins the columns of another item. Those of the names that USING merges come first.
    pub(super) fn joined(self, other: Self, names: &[String], merged: Vec<Named>) -> Self {
        let is_merged = |column: &Named| names.iter().any(|name| **name == *column.name);
        let mut columns = merged;
        let rest = self.columns.into_iter().chain(other.columns);
        columns.extend(rest.filter(|column| !is_merged(column)));
        Self { columns, is_hidden: self.is_hidden || other.is_hidden, open: self.open || other.open }
    }
}

/// A common table expression, with the counts that one reference to it adds.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub name: String,
    pub printed: String,
    pub shape: Shape,
    pub relations: usize,
    pub references: usize,
    /// Whether the walk has not been there yet: an item of WITH RECURSIVE, which can be named before it and in itself.
    pub is_unread: bool,
}

impl Cte {
    pub(super) fn unread(name: String) -> Self {
        let (printed, shape) = (String::new(), Shape::default());
        Self { name, printed, shape, relations: 0, references: 0, is_unread: true }
    }
}

/// Whether a name was probably meant to be another one: one or two letters differ.
pub(super) fn is_near(known: &str, name: &str) -> bool {
    let letters = known.chars().count().min(name.chars().count());
    let max = if letters < 6 { 1 } else { 2 };
    known == name || letters > 1 && strsim::osa_distance(known, name) <= max
}

/// What a type is called that the contract has no value for and a plugin's column can have.
fn opaque(data_type: &postgres_types::Type) -> Option<&'static str> {
    match *data_type {
        postgres_types::Type::TS_VECTOR => Some("a `tsvector`"),
        _ => None,
    }
}

/// Why no column of a table can be named that the plugin may only write.
const UNREADABLE: &str = "no column of the table is granted for `select`, and whatever names one in an expression, WHERE or RETURNING reads it";

/// Whether a column is a system column, which no plugin may read.
pub(in crate::db) fn is_system(column: &str) -> bool {
    matches!(column, "ctid" | "oid" | "tableoid" | "xmin" | "xmax" | "cmin" | "cmax")
}

impl Printer<'_> {
    /// Prints a reference to a column by its name alone. The innermost level with a column of that name decides, as in
    /// PostgreSQL, even if the column is not granted.
    pub(super) fn column(&mut self, tree: &Tree) -> Checked {
        let name = self.name(tree)?;
        for scope in self.scopes.iter().rev() {
            if scope.relations.iter().any(|relation| relation.shape.hidden.contains(&name)) {
                return self.no_column(&name, None);
            }
            let has = |relation: &&Relation| {
                relation.shape.has(&name)
                    && (!relation.shape.open
                        || relation.alias != name
                        || self.own_columns.contains_key(&name))
            };
            // Of several columns of a name, PostgreSQL accepts only those that USING merges.
            let found: Vec<&Relation> = scope.relations.iter().filter(has).collect();
            if let Some(first) = found.first() {
                let is_own = first.shape.open;
                let nodes: Vec<Option<Node>> =
                    found.iter().map(|relation| relation.shape.node(&name)).collect();
                self.put_as(Role::Column, &name);
                let own = self.own_columns.get(&name).copied().flatten();
                if let Some(size) = own.filter(|_| is_own && self.in_generated) {
                    self.cost.known(size, Moment::Certain);
                } else {
                    let node = self.merged(&nodes);
                    self.refer(node);
                }
                return Ok(());
            }
            let is_aside = |relation: &Relation| relation.shape.places.contains_key(&*name);
            if scope.aside.iter().any(is_aside) {
                return self.not_here(&name);
            }
        }
        // Only a name that is no column at any level is that of a row.
        let relation = self.named(&name).filter(|_| !is_system(&name)).cloned();
        if let Some(relation) = relation {
            self.put_as(Role::Column, &name);
            return self.whole_row(&relation);
        }
        self.no_column(&name, None)
    }

    /// Notes that the value that waits last has the type of others, and is no result if one of them is none.
    pub(super) fn carry(&mut self, from: &[Node]) {
        let kind = from.iter().find_map(|node| self.opaque.get(&self.cost.source(*node)).copied());
        if let Some((node, kind)) = self.cost.last().zip(kind) {
            self.opaque.insert(node, kind);
        }
    }

    /// The innermost relation of an alias, as in PostgreSQL; `None` also where it is one that is not seen here.
    fn named(&self, alias: &str) -> Option<&Relation> {
        let is_it = |relation: &&Relation| relation.alias == alias;
        for scope in self.scopes.iter().rev() {
            let found = scope.relations.iter().find(is_it);
            if found.is_some() || scope.aside.iter().any(|relation| is_it(&relation)) {
                return found;
            }
        }
        None
    }

    /// Refuses the name of something that stands in FROM and is not seen here.
    fn not_here<T>(&self, name: &str) -> Checked<T> {
        let rule = "not visible here: ON sees the two sides of its own join, and a row that is not matched only the source's \
                    names. Write the condition in WHERE, or another alias";
        self.refuse(format!("the name {}", shown(name)), rule)
    }

    /// The value of columns that USING or NATURAL merges, which can be that of each, also in an inner join.
    pub(super) fn merged(&mut self, nodes: &[Option<Node>]) -> Option<Node> {
        let first = nodes.first().copied().flatten();
        let mut known: Vec<Node> = nodes.iter().copied().flatten().collect();
        if nodes.len() < 2 || known.is_empty() {
            return first;
        }
        let moment = if known.len() == nodes.len() {
            known.iter().map(|node| self.cost.moment(*node)).reduce(Moment::or).unwrap_or_default()
        } else {
            // One is a table's in a migration, which may have no such column.
            let stored = self.cost.node(Class::Known(Size::stored()), "a column", &[], Moment::Certain);
            known.push(stored);
            first.map_or(Moment::Certain, |node| self.cost.moment(node))
        };
        Some(self.cost.node(Class::Either, "a column", &known, moment))
    }

    /// Makes a whole row wait for the operation that takes it: its columns together, each of which must be granted.
    fn whole_row(&mut self, relation: &Relation) -> Checked {
        let shape = &relation.shape;
        if relation.is_value {
            // The row of a function that returns one value is that value.
            self.refer(shape.columns().first().map(|column| column.node));
            return Ok(());
        }
        if shape.open {
            let rule =
                "a whole row is not a value here: name its columns, one of the same name as `table.column`";
            return self.refuse(shown(&relation.alias), rule);
        }
        if !shape.hidden.is_empty() {
            let all: Vec<String> =
                shape.columns().iter().take(SQL_NAMES_SHOWN_MAX).map(|column| shown(&column.name)).collect();
            let granted =
                if all.is_empty() { String::new() } else { format!(". Granted are {}", all.join(", ")) };
            let rule = format!(
                "a whole row is not a value where a column is not granted: name columns, or give it those of a subquery, \
                 `(SELECT id, … FROM …) AS name`{granted}"
            );
            return self.refuse(shown(&relation.alias), rule);
        }
        let mark = self.cost.mark();
        for column in shape.columns() {
            self.meet(column.node);
            self.cost.refer(column.node);
        }
        self.cost.close(mark, Class::Row, "a whole row", Moment::Unknown);
        if let Some(node) = self.cost.last() {
            self.opaque.insert(node, "a whole row");
        }
        Ok(())
    }

    /// Prints `alias.*` as an argument of a call, which takes it for a whole row.
    pub(super) fn starred_row(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let alias = self.must_node(&mut parts, Syntax::NAME_REF)?;
        let alias = self.name(&alias)?;
        self.must_take(&mut parts, Syntax::DOT)?;
        self.must_take(&mut parts, Syntax::STAR)?;
        self.done(parts)?;
        let relation = self.relation(&alias)?.clone();
        self.put_as(Role::Qualifier, &alias);
        self.put_behind(".")?;
        self.put("*");
        self.whole_row(&relation)
    }

    /// Counts the columns of a shape, which are sent or stored.
    pub(super) fn sent(&mut self, shape: &Shape, what: &'static str) {
        let mut seen = HashSet::new();
        for column in shape.columns() {
            let is_again = !seen.insert(self.cost.source(column.node));
            self.cost.node(Class::Sent(is_again), what, &[column.node], Moment::Unknown);
        }
    }

    /// Refuses a result with a column that the contract has no value for: it would fail when its first row arrives.
    pub(super) fn sendable(&mut self, tree: &Tree, shape: &Shape) -> Checked {
        self.sent(shape, "a result");
        let found = shape.columns().iter().find_map(|column| {
            let node = self.cost.source(column.node);
            self.opaque.get(&node).map(|kind| (column.name.clone(), *kind))
        });
        let Some((name, kind)) = found else { return Ok(()) };
        let is_list = |node: &Tree| {
            node.kind() == Syntax::TARGET_LIST
                && node.ancestors().take_while(|up| up != tree).all(|up| up.kind() != Syntax::WITH_CLAUSE)
        };
        if let Some(list) = tree.descendants().find(is_list) {
            self.see(&list);
        }
        let rule = if kind == "a whole row" {
            format!("{kind} cannot be a result: name its columns, or write to_jsonb({})", shown(&name))
        } else {
            format!("{kind} cannot be a result: name the columns without it, or write {}::text", shown(&name))
        };
        self.refuse(format!("the column {}", shown(&name)), rule)
    }

    /// The value of the column that an expression is, without taking it; `None` if it is none that is certain.
    pub(super) fn node_of(&self, tree: &Tree) -> Option<Node> {
        let token = |tree: &Tree| self.token_at(tree.text_range().start().into()).map(|token| &token.value);
        match tree.kind() {
            Syntax::NAME_REF => {
                let name = token(tree)?;
                let found = |relation: &&Relation| relation.alias == *name || relation.shape.has(name);
                let scopes = self.scopes.iter().rev();
                let scope =
                    scopes.map(|scope| &scope.relations).find(|all| all.iter().any(|one| found(&one)))?;
                let mut all = scope.iter().filter(found);
                // Two columns of a name may be merged.
                all.next().filter(|_| all.next().is_none())?.shape.node(name)
            }
            Syntax::FIELD_EXPR => {
                let mut names = tree.children();
                let alias = names.next().filter(|base| base.kind() == Syntax::NAME_REF)?;
                let column = names.next()?;
                self.relation(token(&alias)?).ok()?.shape.node(token(&column)?)
            }
            _ => None,
        }
    }

    /// Refuses a name that is no column here. What exists beyond the grants is not told; a name that is nearly a granted one
    /// is, because the plugin's own manifest is no secret to it.
    fn no_column<T>(&self, name: &str, alias: Option<&str>) -> Checked<T> {
        if is_system(name) {
            return self.refuse(
                shown(name),
                "a system column, which no plugin can read: give the table a key of its own",
            );
        }
        let relations = || self.scopes.iter().flat_map(|scope| &scope.relations);
        let visible = relations().filter(|relation| alias.is_none_or(|alias| relation.alias == alias));
        let columns =
            || visible.clone().flat_map(|relation| relation.shape.columns()).map(|column| &*column.name);
        let all: BTreeSet<&str> =
            columns().filter(|column| !column.is_empty()).take(SQL_NAMES_SHOWN_MAX).collect();
        let all: Vec<String> = all.into_iter().map(shown).collect();
        let (what, all) = (format!("the column {}", shown(name)), all.join(", "));
        match columns().find(|column| *column != name && is_near(column, name)) {
            Some(near) => {
                self.refuse(what, format!("not granted; did you mean {}? Granted are {all}", shown(near)))
            }
            None if all.is_empty() && relations().any(|relation| relation.shape.is_partial()) => {
                Err(self.unknown(what, UNREADABLE))
            }
            None if all.is_empty() => Err(self.unknown(what, "no table with a column stands in FROM here")),
            None => {
                let quoted = if self.is_quoted(name) {
                    format!(". A text stands in single quotes: '{}'", name.escape_debug())
                } else {
                    String::new()
                };
                Err(self.unknown(what, format!("not granted; granted are {all}{quoted}")))
            }
        }
    }

    /// Denies what stands for all columns of tables of which one is not granted, and tells the author those that are.
    pub(super) fn not_whole<'n>(
        &self,
        construct: impl Into<String>,
        granted: impl IntoIterator<Item = &'n Named>,
    ) -> Fault {
        let mut all: Vec<&str> = Vec::new();
        for column in granted {
            if !all.contains(&&*column.name) && all.len() < SQL_NAMES_SHOWN_MAX {
                all.push(&column.name);
            }
        }
        let rule = if all.is_empty() {
            UNREADABLE.to_owned()
        } else {
            let all: Vec<String> = all.into_iter().map(shown).collect();
            format!(
                "it stands for every column, and not all are granted for `select`: write those that are, {}",
                all.join(", ")
            )
        };
        self.unknown(construct, rule)
    }

    /// Denies a name, with a place and a rule for the author.
    pub(super) fn unknown(&self, construct: impl Into<String>, rule: impl Into<String>) -> Fault {
        if matches!(self.names, Names::Own(..)) {
            return Fault::Denied;
        }
        Fault::Unknown { at: self.place(), construct: construct.into(), rule: rule.into() }
    }

    /// Makes the value of a column wait for the operation that takes it. A column that is not listed can be anything
    /// that the host lets a table store.
    fn refer(&mut self, node: Option<Node>) {
        match node {
            Some(node) => {
                self.meet(node);
                self.cost.refer(node);
            }
            None => self.cost.known(Size::stored(), Moment::Certain),
        }
    }

    /// Notes that the statement has a column.
    pub(super) fn meet(&mut self, node: Node) {
        self.has_padded |= !self.padded.is_empty() && self.padded.contains(&self.cost.source(node));
    }

    /// Exactly these columns.
    pub(super) fn shape(&mut self, columns: Vec<Named>) -> Checked<Shape> {
        let (count, max) = (columns.len(), limits::SQL_COLUMNS_MAX);
        if count > max {
            return self
                .refuse(format!("{count} columns"), format!("at most {max} in one result or subquery"));
        }
        let what = "columns of subqueries and results";
        self.counted(what, |count| &mut count.columns, count, limits::SQL_COLUMNS_TOTAL_MAX)?;
        let mut places = HashMap::with_capacity(count);
        for (place, column) in columns.iter().enumerate() {
            places.entry(Rc::clone(&column.name)).or_insert(place);
        }
        Ok(Shape { columns: Rc::new(columns), places: Rc::new(places), ..Shape::default() })
    }

    /// Counts the columns of a list that is being made.
    pub(super) fn room(&mut self, more: usize) -> Checked {
        let what = "columns of subqueries and results";
        self.counted(what, |count| &mut count.columns, more, limits::SQL_COLUMNS_TOTAL_MAX)
    }

    /// Prints a name in ORDER BY or GROUP BY if it is a result column; returns false if it is not one. GROUP BY prefers
    /// a table's column, as PostgreSQL does. The name of a hidden column is never taken for a result column.
    pub(super) fn output(&mut self, tree: &Tree, is_group: bool) -> Checked<bool> {
        let name = self.token_at(tree.text_range().start().into()).map(|token| token.value.clone());
        let Some(name) = name else { return Ok(false) };
        let is_hidden = self.here().iter().any(|relation| relation.shape.hidden.contains(&name));
        let is_column =
            is_group && self.here().iter().any(|relation| relation.shape.places.contains_key(&*name));
        let is_output =
            !is_hidden && !is_column && self.scopes.last().is_some_and(|scope| scope.outputs.has(&name));
        if is_output {
            let node = self.scopes.last().and_then(|scope| scope.outputs.node(&name));
            self.name(tree)?;
            self.put_as(Role::Column, &name);
            self.refer(node);
        }
        Ok(is_output)
    }

    /// The relations of the innermost level.
    pub(super) fn here(&self) -> &[Relation] {
        self.scopes.last().map(|scope| scope.relations.as_slice()).unwrap_or_default()
    }

    /// Prints `alias.column`. The innermost relation with that alias decides, as in PostgreSQL.
    pub(super) fn qualified_column(&mut self, alias: &str, column: &Tree) -> Checked {
        let column = self.name(column)?;
        let shape = &self.relation(alias)?.shape;
        if !shape.has(&column) {
            return self.no_column(&column, Some(alias));
        }
        let node = shape.node(&column);
        self.put_as(Role::Qualifier, alias);
        self.put_behind(".")?;
        self.put_as(Role::Column, &column);
        self.refer(node);
        Ok(())
    }

    /// Finds the relation of an alias.
    pub(super) fn relation(&self, alias: &str) -> Checked<&Relation> {
        let is_aside = self.scopes.iter().flat_map(|scope| &scope.aside).any(|aside| aside.alias == alias);
        if is_aside && self.named(alias).is_none() {
            return self.not_here(alias);
        }
        self.named(alias).ok_or_else(|| {
            let visible = self.scopes.iter().flat_map(|scope| &scope.relations);
            let all: Vec<String> =
                visible.take(SQL_NAMES_SHOWN_MAX).map(|relation| shown(&relation.alias)).collect();
            let rule = if all.is_empty() {
                "not a table in FROM here".to_owned()
            } else {
                format!("not a table in FROM here; there are {}", all.join(", "))
            };
            self.unknown(format!("the name {}", shown(alias)), rule)
        })
    }

    /// Adds a relation to the innermost level.
    pub(in crate::db) fn bring(&mut self, alias: String, shape: Shape) -> Checked {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        if scope.relations.iter().any(|relation| relation.alias == alias) {
            return self.refuse(shown(&alias), "each table in FROM needs its own alias");
        }
        scope.relations.push(Relation { alias, shape, is_value: false });
        Ok(())
    }

    /// Finds a table and prints its name.
    pub(in crate::db) fn table(&mut self, tree: &Tree, operation: Operation) -> Checked<(String, Shape)> {
        let (schema, name) = self.dotted(tree)?;
        let shape = self.named_table(schema, &name, operation)?;
        Ok((name, shape))
    }

    /// Finds a table by its name and prints it.
    pub(super) fn named_table(
        &mut self,
        schema: Option<String>,
        name: &str,
        operation: Operation,
    ) -> Checked<Shape> {
        let own = self.names.schema();
        if let Some(schema) = schema.filter(|schema| schema != own) {
            let rule = "only the plugin's own tables can be read, and their columns are in its migrations";
            return Err(self.unknown(format!("the schema {}", shown(&schema)), rule));
        }
        let shape = match self.names {
            Names::Granted(catalogue) => match catalogue.table(name, operation) {
                Ok(table) => self.readable(name, table)?,
                Err(refusal) => return self.no_table(catalogue, name, operation).and(Err(refusal.into())),
            },
            Names::Own(..) => Shape::open(),
        };
        self.put_as(Role::Qualifier, own);
        self.put_behind(".")?;
        self.put_as(Role::Listed, name);
        Ok(shape)
    }

    /// Refuses a name that is no table here, with a sentence if it is nearly the name of a granted one.
    fn no_table(&self, catalogue: &Catalogue, name: &str, operation: Operation) -> Checked {
        let what = format!("the table {}", shown(name));
        let Some(near) = catalogue.names().find(|known| is_near(known, name)) else {
            let all: Vec<String> = catalogue.names().take(SQL_NAMES_SHOWN_MAX).map(shown).collect();
            return Err(self.unknown(what, format!("not granted; granted are {}", all.join(", "))));
        };
        if near == name {
            return self.refuse(what, format!("not granted for `{}`", operation.verb()));
        }
        self.refuse(what, format!("not granted; did you mean {}?", shown(near)))
    }

    /// Checks that a statement may do something to a table at all.
    pub(super) fn may(&self, table: &str, operation: Operation) -> Checked {
        match self.names {
            Names::Granted(catalogue) if catalogue.table(table, operation).is_err() => {
                self.no_table(catalogue, table, operation)
            }
            _ => Ok(()),
        }
    }

    /// Checks that a statement may read a column of a table.
    pub(super) fn readable_column(&self, table: &str, column: &str) -> Checked {
        let Names::Granted(catalogue) = self.names else { return Ok(()) };
        let granted = catalogue.table(table, Operation::Select);
        granted.and_then(|table| table.column(column, Operation::Select)).map(drop).map_err(|_| {
            let rule =
                "not granted for `select`, and an assignment to an element reads the rest of the array";
            self.unknown(format!("the column {}", shown(column)), rule)
        })
    }

    /// Checks that a statement may fill or change a column of a table.
    pub(super) fn writable(&self, table: &str, column: &str, operation: Operation) -> Checked {
        match self.names {
            Names::Granted(catalogue) => {
                let granted = catalogue.table(table, operation)?;
                if granted.column(column, operation).is_ok() {
                    return Ok(());
                }
                let names = || granted.columns(operation).map(super::super::catalogue::ColumnName::name);
                let is_readable = granted.columns(Operation::Select).any(|known| known.name() == column);
                let near = names().find(|known| is_near(known, column));
                let suggestion =
                    near.map_or_else(String::new, |near| format!("; did you mean {}?", shown(near)));
                let all: Vec<String> = names().take(SQL_NAMES_SHOWN_MAX).map(shown).collect();
                let dot = if near.is_some() { "" } else { "." };
                let rule = format!(
                    "not granted for `{}`{suggestion}{dot} Granted are {}",
                    operation.verb(),
                    all.join(", ")
                );
                let what = format!("the column {}", shown(column));
                if near.is_none() && !is_readable {
                    Err(self.unknown(what, rule))
                } else {
                    self.refuse(what, rule)
                }
            }
            Names::Own(..) if is_system(column) => Err(Fault::Denied),
            Names::Own(..) => Ok(()),
        }
    }

    /// The columns of a table that a statement may read, made once in a statement.
    fn readable(&mut self, name: &str, table: TableName<'_>) -> Checked<Shape> {
        if let Some(shape) = self.tables.get(name) {
            return Ok(shape.clone());
        }
        let mut columns = Vec::new();
        for column in table.columns(Operation::Select) {
            let size = Size::column(column.data_type(), column.typmod());
            let moment = match column.data_type() {
                &postgres_types::Type::TIME | &postgres_types::Type::TIME_ARRAY => Moment::Time,
                _ if column.is_moment() => Moment::Certain,
                // A domain, a range or a row can have a date in it.
                data_type => match data_type.kind() {
                    Kind::Simple | Kind::Enum(_) => Moment::Never,
                    Kind::Array(element) if matches!(element.kind(), Kind::Simple | Kind::Enum(_)) => {
                        Moment::Never
                    }
                    _ => Moment::Unknown,
                },
            };
            let node = self.cost.node(Class::Known(size), "a column", &[], moment);
            if let Some(kind) = opaque(column.data_type()) {
                self.opaque.insert(node, kind);
            }
            if [postgres_types::Type::BPCHAR, postgres_types::Type::BPCHAR_ARRAY].contains(column.data_type())
            {
                self.padded.insert(node);
            }
            columns.push(Named { name: column.name().into(), node });
        }
        let mut shape = self.shape(columns)?;
        shape.hidden = Rc::new(table.hidden(Operation::Select).map(str::to_owned).collect());
        self.tables.insert(name.to_owned(), shape.clone());
        Ok(shape)
    }
}
