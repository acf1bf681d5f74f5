//! A column in CREATE TABLE or ADD COLUMN.

use crate::db::gate::fault::Checked;
use crate::db::gate::lex::Class;
use crate::db::gate::printer::Printer;
use crate::db::gate::tree::{Kind, Parts, Tree};
use crate::db::shown;

impl Printer<'_> {
    /// Prints a column's name, its type, and what follows.
    pub(super) fn column_def(&mut self, mut parts: Parts) -> Checked {
        let name = self.must_node(&mut parts, Kind::COLUMN_NAME)?;
        self.put_plain(&name)?;
        let data_type = self.must_any(&mut parts)?;
        self.column_type(&data_type)?;
        while let Some(clause) = parts.any_node() {
            self.column_clause(&clause)?;
        }
        self.done(parts)
    }

    /// Prints a column's type. What PostgreSQL has but a plugin's column cannot be is refused with what can be in its place.
    pub(super) fn column_type(&mut self, tree: &Tree) -> Checked {
        let first = self.token_at(tree.text_range().start().into());
        let name =
            first.map_or("", |token| if token.class == Class::Word { token.value.as_str() } else { "" });
        if let Some(rule) = instead(name) {
            return self.refuse_at(tree, shown(name), rule);
        }
        self.data_type(tree).map(drop)
    }

    fn column_clause(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::COLLATE => return self.column_collation(tree),
            Kind::UNIQUE_CONSTRAINT | Kind::PRIMARY_KEY_CONSTRAINT => return self.key(tree),
            Kind::CHECK_CONSTRAINT => return self.check(tree, false),
            Kind::REFERENCES_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                return self.references(parts, false);
            }
            Kind::NOT_NULL_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                self.keyword(&mut parts, Kind::NOT_KW, "NOT")?;
                self.keyword(&mut parts, Kind::NULL_KW, "NULL")?;
            }
            Kind::NULL_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                self.keyword(&mut parts, Kind::NULL_KW, "NULL")?;
            }
            Kind::DEFAULT_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                self.keyword(&mut parts, Kind::DEFAULT_KW, "DEFAULT")?;
                self.default(&mut parts)?;
            }
            Kind::GENERATED_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                self.keyword(&mut parts, Kind::GENERATED_KW, "GENERATED")?;
                let generated = self.must_any(&mut parts)?;
                self.generated(&generated)?;
            }
            Kind::STORAGE | Kind::COMPRESSION_METHOD => {
                let rule = "only an operator chooses how a column is stored: leave it out";
                return self.refuse_at(tree, "this option of a column", rule);
            }
            _ => {
                let rule = "a column has a type, COLLATE, DEFAULT, NOT NULL, GENERATED, UNIQUE, PRIMARY KEY, REFERENCES and CHECK";
                return self.refuse_at(tree, "this option of a column", rule);
            }
        }
        self.constraint_options(&mut parts, false, false)?;
        self.done(parts)
    }

    /// Prints COLLATE behind a column's type.
    pub(super) fn column_collation(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::COLLATE_KW, "COLLATE")?;
        let name = self.must_node(&mut parts, Kind::COLLATION_REF)?;
        self.collation(&name)?;
        self.done(parts)
    }

    /// Prints a default. Only a default may call the clock and random UUIDs, because it is evaluated when a row is
    /// written.
    pub(super) fn default(&mut self, parts: &mut Parts) -> Checked {
        if let Some(tree) = parts.peek_node().filter(needs_parentheses) {
            return self.refuse_at(
                &tree,
                "this default",
                "write parentheses around it, because it has a word as an operator",
            );
        }
        self.in_default = true;
        let result = self.value(parts);
        self.in_default = false;
        result
    }

    /// Refuses what depends on the server's settings in a value that is stored: in a generated column and in an index.
    pub(super) fn immutable(&mut self, tree: &Tree) -> Checked {
        for list in tree.descendants().filter(|node| node.kind() == Kind::ARG_LIST) {
            let Some(function) = list.prev_sibling() else { continue };
            let token = function.last_token();
            let token = token.and_then(|token| self.token_at(token.text_range().start().into()));
            let Some(name) = token.map(|token| &token.value) else { continue };
            let first = list.children().next().and_then(|argument| argument.children().next());
            let has_configuration = first.is_some_and(|value| self.is_string(&value));
            if CONFIGURED.contains(&name.as_str()) && !(has_configuration && list.children().count() > 1) {
                let rule = format!(
                    "write {name}('english', …): without a language it depends on the server's settings"
                );
                return self.refuse_at(&function, shown(name), rule);
            }
        }
        Ok(())
    }

    /// Whether an expression is a string, with or without a type.
    fn is_string(&self, tree: &Tree) -> bool {
        let token = tree.first_token().and_then(|token| self.token_at(token.text_range().start().into()));
        match tree.kind() {
            Kind::LITERAL => token.is_some_and(|token| token.class == Class::Text),
            Kind::CAST_EXPR | Kind::PAREN_EXPR => tree.children().any(|value| self.is_string(&value)),
            _ => false,
        }
    }

    fn generated(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        if tree.kind() == Kind::GENERATED_IDENTITY {
            return self.identity(parts);
        }
        let when = self.must_any(&mut parts)?;
        self.phrase(&when, &["ALWAYS"])?;
        self.keyword(&mut parts, Kind::AS_KW, "AS")?;
        self.immutable(tree)?;
        // PostgreSQL refuses to change the type of a column that a generated column uses.
        self.in_generated = true;
        self.enclosed_value(&mut parts)?;
        self.in_generated = false;
        // Without a word, PostgreSQL 18 does not store the column, and earlier versions refuse it.
        let Some(stored) = parts.node(Kind::STORED) else {
            return self.refuse_at(
                tree,
                "a generated column that is not stored",
                "write STORED behind the expression",
            );
        };
        self.phrase(&stored, &["STORED"])?;
        self.done(parts)
    }
}

/// The functions of full-text search that read the server's settings if their first argument is not a configuration.
const CONFIGURED: &[&str] = &[
    "to_tsvector",
    "json_to_tsvector",
    "jsonb_to_tsvector",
    "to_tsquery",
    "plainto_tsquery",
    "phraseto_tsquery",
    "websearch_to_tsquery",
];

/// Whether PostgreSQL's grammar takes an expression as a default only in parentheses.
fn needs_parentheses(tree: &Tree) -> bool {
    let is_operation =
        matches!(tree.kind(), Kind::BIN_EXPR | Kind::BETWEEN_EXPR | Kind::PREFIX_EXPR | Kind::POSTFIX_EXPR);
    is_operation
        && (tree.children_with_tokens().any(|part| OPERATORS_OF_WORDS.contains(&part.kind()))
            || tree.children().any(|part| needs_parentheses(&part)))
}

/// The operators that are words, and that a default can have only in parentheses.
const OPERATORS_OF_WORDS: &[Kind] = &[
    Kind::NOT_KW,
    Kind::AND_KW,
    Kind::OR_KW,
    Kind::IS_KW,
    Kind::IS_NOT,
    Kind::ISNULL_KW,
    Kind::NOTNULL_KW,
    Kind::IS_NORMALIZED,
    Kind::IS_NOT_NORMALIZED,
    Kind::IN_KW,
    Kind::NOT_IN,
    Kind::LIKE_KW,
    Kind::NOT_LIKE,
    Kind::ILIKE_KW,
    Kind::NOT_ILIKE,
    Kind::SIMILAR_TO,
    Kind::NOT_SIMILAR_TO,
    Kind::BETWEEN_KW,
    Kind::OVERLAPS_KW,
    Kind::AT_TIME_ZONE,
];

/// What to write in place of a type of PostgreSQL that a plugin's column cannot have.
fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "smallserial" | "serial2" => "write smallint GENERATED BY DEFAULT AS IDENTITY",
        "serial" | "serial4" => "write integer GENERATED BY DEFAULT AS IDENTITY",
        "bigserial" | "serial8" => "write bigint GENERATED BY DEFAULT AS IDENTITY",
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" => {
            "a column cannot have a geometric type: write a column of type double precision for each coordinate, or jsonb"
        }
        "money" => "write numeric(12, 2)",
        "bit" | "varbit" => "write boolean, bigint or bytea",
        "timetz" => "write timestamptz",
        "xml" | "name" | "cstring" | "macaddr" | "macaddr8" => "write text",
        "jsonpath" | "tsquery" => "write text, and convert it where it is used",
        "hstore" => "write jsonb",
        "citext" => "write text, with a unique index on lower(column)",
        "oid" | "xid" | "xid8" | "cid" | "tid" => "write bigint",
        "setof" => "a column has one value: write type[]",
        name if name.ends_with("range") => "write two columns, one for each bound",
        name if name.starts_with("reg") => "it names what is in the server's catalog: write text",
        _ => return None,
    })
}
