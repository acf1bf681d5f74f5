//! The tables that migrations make, read from their statements without a server: the catalogue of a plugin that is being
//! written.
//!
//! The statements are parsed and judged as [`Migration`](super::Migration)s before. What a server would refuse (a table that
//! exists twice, a column that does not exist) changes nothing here.

use super::super::catalogue::{Catalogue, Column, Table};
use super::super::extension::{Extension, Extensions};
use super::super::typmod::Typmod;
use super::{Migration, Refusal};
use crate::db::gate::fault::{Checked, Location};
use crate::db::gate::lex::{self, Class, Tokens};
use crate::db::gate::printer::Printer;
use crate::db::gate::scope::Names;
use crate::db::gate::stack;
use crate::db::gate::tree::{self, Kind, Tree};
use crate::db::gate::{Verdict, verdict};
use crate::grant::DbGrant;
use crate::limits;
use postgres_types::{Kind as Shape, Type};
use std::collections::{BTreeMap, BTreeSet};

/// The tables of a plugin's schema after its migrations.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The columns of each table.
    columns: BTreeMap<String, Vec<Column>>,
    enums: BTreeMap<String, Vec<String>>,
    extensions: Extensions,
}

impl Tables {
    /// Judges a plugin's migrations, in their order, and reads the tables that they leave, with the extensions that the manifest
    /// requests. Each file has the name of its file, for
    /// errors, and its text.
    pub fn read<'a>(
        schema: &str,
        granted: &BTreeSet<Extension>,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Refusal> {
        let extensions = Extensions::somewhere(granted);
        let mut tables = Self { extensions, ..Self::default() };
        for (name, text) in files {
            Migration::parse(schema, &tables.extensions, name, text)?;
            stack::with_room(|| {
                for tokens in &lex::statements(text, limits::MIGRATION_BYTES_MAX)? {
                    tables.apply(schema, tokens)?;
                }
                Ok(())
            })?;
        }
        Ok(tables)
    }

    /// The same with all refusals instead of the first: each has the name of its file. A statement that is refused changes nothing.
    pub fn judged<'a>(
        schema: &str,
        granted: &BTreeSet<Extension>,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Vec<(&'a str, Verdict)>) {
        let mut tables = Self { extensions: Extensions::somewhere(granted), ..Self::default() };
        let mut refused = Vec::new();
        for (name, text) in files {
            let before = refused.len();
            let judged = stack::with_room(|| {
                for tokens in &lex::statements(text, limits::MIGRATION_BYTES_MAX)? {
                    let judged = super::statement(schema, &tables.extensions, tokens).map(drop);
                    match judged.and_then(|()| tables.apply(schema, tokens)) {
                        Ok(()) => {}
                        Err(fault) => refused.push((name, verdict(tokens.first_word().1, Err(fault)))),
                    }
                }
                // What holds for the file as a whole.
                if refused.len() == before {
                    Migration::judge(schema, &tables.extensions, text)?;
                }
                Ok(())
            });
            if let Err(fault) = judged {
                refused.push((name, verdict(Location::START, Err(fault))));
            }
        }
        (tables, refused)
    }

    /// The tables with their columns, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &[Column])> {
        self.columns.iter().map(|(name, columns)| (name.as_str(), columns.as_slice()))
    }

    /// These tables with a manifest's grants: what SQL text is judged against. A grant on a table that does not exist grants
    /// nothing.
    pub fn catalogue(&self, schema: &str, grants: &DbGrant) -> Catalogue {
        let extensions = Extensions::somewhere(&grants.extensions);
        let mut catalogue = Catalogue::new(schema, grants.query, grants.execute).with_extensions(extensions);
        for (name, grant) in &grants.tables {
            if let Some(columns) = self.columns.get(name) {
                let table = Table::new(name, columns.clone(), grant).with_owner(grant.owner.clone());
                catalogue = catalogue.with_table(table);
            }
        }
        catalogue
    }

    fn apply(&mut self, schema: &str, tokens: &Tokens) -> Checked {
        let tree = tree::parse(tokens)?;
        let extensions = self.extensions.clone();
        let mut reader = Printer::new(Names::Own(schema, &extensions), tokens);
        match tree.kind() {
            Kind::CREATE_TABLE => {
                let Some(table) = named(&mut reader, &tree, Kind::TABLE_NAME)? else { return Ok(()) };
                let mut columns = Vec::new();
                for column in
                    children(&tree, Kind::TABLE_ARG_LIST).flat_map(|list| children(&list, Kind::COLUMN))
                {
                    columns.extend(self.column(schema, &mut reader, &column)?);
                }
                self.columns.entry(table).or_insert(columns);
            }
            Kind::DROP_TABLE => {
                for table in tree.children().filter(|child| child.kind() == Kind::TABLE_NAME_REF) {
                    let (_, table) = reader.dotted(&table)?;
                    self.columns.remove(&table);
                }
            }
            Kind::CREATE_TYPE => {
                let Some(name) = named(&mut reader, &tree, Kind::TYPE_NAME)? else { return Ok(()) };
                let texts = tokens.tokens.iter().filter(|token| token.class == Class::Text);
                self.enums.insert(name, texts.map(|token| token.value.clone()).collect());
            }
            Kind::ALTER_TABLE => self.alter(schema, &mut reader, &tree)?,
            _ => {}
        }
        Ok(())
    }

    fn alter(&mut self, schema: &str, reader: &mut Printer<'_>, tree: &Tree) -> Checked {
        let relation = tree.children().find(|child| child.kind() == Kind::TABLE_RELATION_NAME);
        let Some(relation) = relation else { return Ok(()) };
        let Some(mut table) = named(reader, &relation, Kind::TABLE_NAME_REF)? else { return Ok(()) };
        for action in tree.children() {
            let old = named(reader, &action, Kind::COLUMN_NAME_REF)?;
            let place =
                |columns: &Vec<Column>| columns.iter().position(|column| Some(&column.name) == old.as_ref());
            match action.kind() {
                Kind::ADD_COLUMN => {
                    let column = self.column(schema, reader, &action)?;
                    self.columns.entry(table.clone()).or_default().extend(column);
                }
                Kind::DROP_COLUMN => {
                    if let Some(columns) = self.columns.get_mut(&table)
                        && let Some(place) = place(columns)
                    {
                        columns.remove(place);
                    }
                }
                Kind::RENAME_COLUMN => {
                    let new = named(reader, &action, Kind::COLUMN_NAME)?;
                    let column = self.columns.get_mut(&table).and_then(|columns| {
                        let place = place(columns)?;
                        columns.get_mut(place)
                    });
                    if let (Some(column), Some(new)) = (column, new) {
                        column.name = new;
                    }
                }
                Kind::TABLE_RENAME_TO => {
                    let new = named(reader, &action, Kind::TABLE_NAME)?;
                    if let (Some(new), Some(columns)) = (new, self.columns.remove(&table)) {
                        self.columns.insert(new.clone(), columns);
                        table = new;
                    }
                }
                Kind::ALTER_COLUMN => {
                    let is_type = |node: &Tree| is_type(node.kind());
                    let data_type = action.children().flat_map(|change| change.children()).find(is_type);
                    if let Some(data_type) = data_type {
                        let name = reader.data_type(&data_type)?;
                        let (data_type, typmod) = self.type_of(schema, &name);
                        let columns = self.columns.entry(table.clone()).or_default();
                        if let Some(column) = place(columns).and_then(|place| columns.get_mut(place)) {
                            (column.data_type, column.typmod) = (data_type, typmod);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A column of CREATE TABLE or ADD COLUMN.
    fn column(&self, schema: &str, reader: &mut Printer<'_>, tree: &Tree) -> Checked<Option<Column>> {
        let Some(name) = named(reader, tree, Kind::COLUMN_NAME)? else { return Ok(None) };
        let Some(data_type) = tree.children().find(|child| is_type(child.kind())) else { return Ok(None) };
        let data_type = reader.data_type(&data_type)?;
        let (data_type, typmod) = self.type_of(schema, &data_type);
        let is_required = tree
            .children()
            .any(|child| matches!(child.kind(), Kind::NOT_NULL_CONSTRAINT | Kind::PRIMARY_KEY_CONSTRAINT));
        Ok(Some(Column { name, data_type, nullable: !is_required, typmod }))
    }

    /// The type with a canonical name, such as `character varying(10)`, and what a column stores of its values.
    fn type_of(&self, schema: &str, name: &str) -> (Type, Typmod) {
        if let Some(element) = name.strip_suffix("[]") {
            let (element, typmod) = self.type_of(schema, element);
            let array = format!("_{}", element.name());
            let of = element.schema().to_owned();
            return (Type::new(array, 0, Shape::Array(element), of), typmod);
        }
        let (word, numbers) = name.split_once('(').map_or((name, ""), |(word, rest)| (word, rest));
        let has_zone = name.ends_with("with time zone");
        let mut numbers = numbers.split([',', ')']).filter_map(|number| number.trim().parse::<i32>().ok());
        let (first, second) = (numbers.next(), numbers.next().unwrap_or(0));
        let data_type = match word.trim() {
            "boolean" => Type::BOOL,
            "smallint" => Type::INT2,
            "integer" => Type::INT4,
            "bigint" => Type::INT8,
            "real" => Type::FLOAT4,
            "double precision" => Type::FLOAT8,
            "numeric" => Type::NUMERIC,
            "text" => Type::TEXT,
            "character varying" => Type::VARCHAR,
            "character" => Type::BPCHAR,
            "bytea" => Type::BYTEA,
            "uuid" => Type::UUID,
            "date" => Type::DATE,
            "time" => Type::TIME,
            "timestamp" if has_zone => Type::TIMESTAMPTZ,
            "timestamp with time zone" => Type::TIMESTAMPTZ,
            "timestamp" => Type::TIMESTAMP,
            "interval" => Type::INTERVAL,
            "json" => Type::JSON,
            "jsonb" => Type::JSONB,
            "inet" => Type::INET,
            "cidr" => Type::CIDR,
            "tsvector" => Type::TS_VECTOR,
            "vector" => Type::new("vector".to_owned(), 0, Shape::Simple, String::new()),
            own => {
                let own = own.rsplit('.').next().unwrap_or_default().trim_matches('"').replace("\"\"", "\"");
                let labels = self.enums.get(&own).cloned().unwrap_or_default();
                return (Type::new(own, 0, Shape::Enum(labels), schema.to_owned()), Typmod::All);
            }
        };
        // As PostgreSQL keeps them: a length and four bytes for its head, digits before digits behind the point.
        let modifier = match (&data_type, first) {
            (_, None) => -1,
            (&Type::NUMERIC, Some(digits)) => {
                digits.wrapping_shl(16).saturating_add(second).saturating_add(4) // wire: PostgreSQL's modifiers
            }
            (&Type::VARCHAR | &Type::BPCHAR, Some(length)) => length.saturating_add(4),
            (_, Some(precision)) => precision,
        };
        let typmod = Typmod::of(&data_type, modifier);
        (data_type, typmod)
    }
}

fn children(tree: &Tree, kind: Kind) -> impl Iterator<Item = Tree> + use<> {
    tree.children().filter(move |child| child.kind() == kind)
}

/// The name in the first child of a kind.
fn named(reader: &mut Printer<'_>, tree: &Tree, kind: Kind) -> Checked<Option<String>> {
    let Some(child) = children(tree, kind).next() else { return Ok(None) };
    let (_, name) = reader.dotted(&child)?;
    Ok(Some(name))
}

const fn is_type(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ARRAY_TYPE
            | Kind::PATH_TYPE
            | Kind::CHARACTER_TYPE
            | Kind::VARCHAR_TYPE
            | Kind::DOUBLE_TYPE
            | Kind::TIMESTAMP_TYPE
            | Kind::TIME_TYPE
            | Kind::INTERVAL_TYPE
    )
}

#[cfg(test)]
mod tests {
    use super::Tables;
    use crate::db::typmod::Typmod;
    use postgres_types::{Kind, Type};
    use std::collections::BTreeSet;

    #[test]
    fn tables_and_types_are_those_that_the_migrations_leave() {
        let files = [
            (
                "1.sql",
                "CREATE TYPE mood AS ENUM ('sad', 'glad');\n\
                 CREATE TABLE things (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL, \
                 tags text[], how mood, price numeric(12, 2), at timestamptz, old int, CHECK (price > 0));\n\
                 CREATE TABLE gone (id int); INSERT INTO gone (id) VALUES (1);",
            ),
            (
                "2.sql",
                "ALTER TABLE things DROP COLUMN old, ADD COLUMN note text; ALTER TABLE things RENAME COLUMN at TO made;\n\
                 ALTER TABLE things ALTER COLUMN tags TYPE character varying(9)[]; DROP TABLE gone;\n\
                 ALTER TABLE things RENAME TO items; CREATE INDEX by_name ON items (name);",
            ),
        ];
        let read = Tables::read("plugin_shop", &BTreeSet::new(), files).expect("tables");
        let all: Vec<_> = read.tables().collect();
        let [(name, columns)] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(*name, "items");
        let shown: Vec<_> = columns
            .iter()
            .map(|column| (column.name.as_str(), column.data_type.name(), column.nullable))
            .collect();
        assert_eq!(
            shown,
            [
                ("id", "int8", false),
                ("name", "varchar", false),
                ("tags", "_varchar", true),
                ("how", "mood", true),
                ("price", "numeric", true),
                ("made", "timestamptz", true),
                ("note", "text", true),
            ]
        );
        assert_eq!(columns[1].typmod, Typmod::of(&Type::VARCHAR, 44));
        assert_eq!(*columns[3].data_type.kind(), Kind::Enum(vec!["sad".to_owned(), "glad".to_owned()]));
        assert_eq!(columns[4].typmod, Typmod::of(&Type::NUMERIC, 786_438));
    }

    #[test]
    fn every_refused_statement_of_every_file_is_found_at_its_place() {
        let files = [
            ("1.sql", "CREATE TABLE t (id bigint);\nDROP SCHEMA public;\nCREATE TABLE u (a point);"),
            ("2.sql", "SELECT 'unterminated"),
            ("3.sql", "CREATE INDEX CONCURRENTLY a ON t (id); CREATE TABLE v (id bigint);"),
        ];
        let (tables, refused) = Tables::judged("plugin_shop", &BTreeSet::new(), files);
        let places: Vec<_> = refused.iter().map(|(name, verdict)| (*name, verdict.line)).collect();
        assert_eq!(places, [("1.sql", 2), ("1.sql", 3), ("2.sql", 1), ("3.sql", 1)], "{refused:?}");
        assert!(refused.iter().all(|(_, verdict)| verdict.reason.is_some()));
        assert_eq!(tables.tables().map(|(name, _)| name).collect::<Vec<_>>(), ["t", "v"]);
    }

    #[test]
    fn migration_that_is_refused_is_named() {
        let refusal = Tables::read("plugin_shop", &BTreeSet::new(), [("7.sql", "CREATE TABLE t (a point)")])
            .unwrap_err()
            .to_string();
        assert!(refusal.starts_with("7.sql:1"), "{refusal}");
    }
}
