//! Migrations: the statements that create a plugin's tables in the plugin's own schema.
//!
//! A migration goes through the same walk as the [gate](super::gate), with data definition added: the text that is sent
//! is printed from the checked tree, and every name gets the plugin's schema. The plugin's author writes the migration,
//! and the schema's owner runs it before the plugin serves. A migration cannot create roles, grants, functions,
//! triggers, views or extensions, and cannot change row-level security, which only the host sets. This module does not
//! know a table's columns; the server checks them. The tests are in `tests/`.

mod alter;
mod column;
mod table;
#[cfg(test)]
mod tests;

use super::cost::Plan;
use super::gate::lex;
use super::gate::printer::Printer;
use super::gate::scope::Names;
use super::gate::stack;
use super::{Refusal, quoted};
use crate::db::gate::fault::{Checked, Fault};
use crate::limits;
use sqlparser::ast::{
    AlterType, AlterTypeAddValue, AlterTypeAddValuePosition, AlterTypeOperation, CommentObject, Ident,
    ObjectName, ObjectNamePart, ObjectType, Statement, UserDefinedTypeRepresentation,
};
use sqlparser::keywords::Keyword;

/// A migration's statements, printed from their checked trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    statements: Vec<String>,
}

impl Migration {
    /// Parses the text of a migration for a plugin's schema. `name` is the name of the file, for errors.
    pub fn parse(schema: &str, name: &str, text: &str) -> Result<Self, Refusal> {
        // One thread parses all statements, because a migration is only one file and is parsed only once.
        let mut refusal = None;
        let statements = stack::with_room(|| match Self::checked(schema, name, text) {
            Ok(statements) => Ok(statements),
            Err(why) => {
                refusal = Some(why);
                Err(Fault::Denied)
            }
        });
        match (statements, refusal) {
            (_, Some(why)) => Err(why),
            (statements, None) => Ok(Self { statements: statements? }),
        }
    }

    pub(in crate::db) fn checked(schema: &str, name: &str, text: &str) -> Result<Vec<String>, Refusal> {
        let refused = |fault| match fault {
            Fault::Denied => Refusal::Invalid(format!("{name}: a name is not in the plugin's own schema")),
            Fault::Invalid { at, construct, rule } => {
                Refusal::Invalid(format!("{name}:{}: {construct} (column {}): {rule}", at.line, at.column))
            }
        };
        let (mut statements, mut plan) = (Vec::new(), Plan::default());
        for tokens in lex::statements(text, limits::MIGRATION_BYTES_MAX).map_err(refused)? {
            let (keyword, word, at) = lex::first_word(&tokens);
            let is_known = matches!(
                keyword,
                Keyword::CREATE
                    | Keyword::ALTER
                    | Keyword::DROP
                    | Keyword::COMMENT
                    | Keyword::INSERT
                    | Keyword::UPDATE
                    | Keyword::DELETE
                    | Keyword::WITH
            );
            if !is_known {
                return Err(refused(Fault::invalid(at, word, RULE)));
            }
            column::nothing_swallowed(&tokens).map_err(refused)?;
            let statement = lex::parse(tokens).map_err(refused)?;
            let mut printer = Printer::new(Names::Own(schema));
            printer.see(at);
            match printer.migration(&statement) {
                Ok(()) if printer.has_parameters() => {
                    return Err(refused(Fault::invalid(at, "a parameter", "a migration has none")));
                }
                Ok(()) => {
                    let (text, cost) = printer.finished();
                    statements.push(text);
                    plan.absorb(cost);
                }
                // A denied name in a migration is the author's mistake, so the error names its line.
                Err(Fault::Denied) => {
                    return Err(printer.outside().map_or_else(refused, |()| Refusal::Denied));
                }
                Err(fault) => return Err(refused(fault)),
            }
        }
        // A row that is written meets the constraints, defaults and indexes of all migrations.
        plan.with_share(limits::MIGRATION_SHARE)
            .check(&[])
            .map_err(|refusal| Refusal::Invalid(format!("{name}: {refusal}")))?;
        Ok(statements)
    }

    /// The statements to run, in order.
    pub fn statements(&self) -> &[String] {
        &self.statements
    }
}

const RULE: &str =
    "a migration can create, alter, drop and comment tables, indexes and enum types, and change rows";

impl Printer<'_> {
    fn outside(&self) -> Checked {
        self.refuse("this name", "not in the plugin's own schema, or a column that does not exist")
    }

    fn migration(&mut self, statement: &Statement) -> Checked {
        match statement {
            Statement::CreateTable(table) => self.create_table(table),
            Statement::CreateIndex(index) => self.create_index(index),
            Statement::AlterTable(table) => self.alter_table(table),
            Statement::Drop { .. } => self.drop_objects(statement),
            Statement::CreateType { name, representation } => self.create_type(name, representation.as_ref()),
            Statement::AlterType(AlterType { name, operation }) => self.alter_type(name, operation),
            Statement::Comment { object_type, object_name, comment, if_exists } => {
                self.absent(*if_exists, "COMMENT IF EXISTS")?;
                self.comment(*object_type, object_name, comment.as_deref())
            }
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) | Statement::Query(_) => {
                self.write(statement)
            }
            _ => self.refuse("this statement", RULE),
        }
    }

    /// Checks that a name is in the plugin's schema. Returns it as SQL with the schema, and without the schema.
    pub(super) fn own(&mut self, name: &ObjectName) -> Checked<(String, String)> {
        let Names::Own(own) = self.names() else { return Err(Fault::Denied) };
        let (schema, name) = self.dotted(name)?;
        if schema.is_some_and(|schema| schema != own) {
            return Err(Fault::Denied);
        }
        Ok((format!("{}.{}", quoted(own), quoted(&name)), name))
    }

    pub(super) fn put_own(&mut self, name: &ObjectName) -> Checked<String> {
        let (sql, name) = self.own(name)?;
        self.put(&sql);
        Ok(name)
    }

    fn drop_objects(&mut self, statement: &Statement) -> Checked {
        let Statement::Drop { object_type, if_exists, names, cascade, restrict: _, purge, temporary, table } =
            statement
        else {
            return self.refuse("this statement", RULE);
        };
        self.absent(*purge || *temporary || table.is_some(), "another database's DROP")?;
        self.put(match object_type {
            ObjectType::Table => "DROP TABLE ",
            ObjectType::Index => "DROP INDEX ",
            ObjectType::Type => "DROP TYPE ",
            _ => return self.refuse("dropping this", "tables, indexes and types can be dropped"),
        });
        self.put(if *if_exists { "IF EXISTS " } else { "" });
        self.list(names, |printer, name| printer.put_own(name).map(drop))?;
        self.put(if *cascade { " CASCADE" } else { "" });
        Ok(())
    }

    fn create_type(
        &mut self,
        name: &ObjectName,
        representation: Option<&UserDefinedTypeRepresentation>,
    ) -> Checked {
        let Some(UserDefinedTypeRepresentation::Enum { labels }) = representation else {
            return self.refuse("this type", "a migration can create only enum types");
        };
        self.put("CREATE TYPE ");
        self.put_own(name)?;
        self.put(" AS ENUM (");
        self.list(labels, Self::label)?;
        self.put(")");
        Ok(())
    }

    fn label(&mut self, Ident { value, quote_style, span }: &Ident) -> Checked {
        self.see(span.start);
        self.absent(*quote_style != Some('\''), "a label without '…'")?;
        if value.len() > limits::IDENTIFIER_BYTES_MAX {
            return self.refuse("a label", format!("at most {} bytes", limits::IDENTIFIER_BYTES_MAX));
        }
        self.text_literal(value)
    }

    fn alter_type(&mut self, name: &ObjectName, operation: &AlterTypeOperation) -> Checked {
        let AlterTypeOperation::AddValue(AlterTypeAddValue { if_not_exists, value, position }) = operation
        else {
            return self.refuse("this change of a type", "a migration can only add a value to an enum type");
        };
        self.put("ALTER TYPE ");
        self.put_own(name)?;
        self.put(" ADD VALUE ");
        self.put(if *if_not_exists { "IF NOT EXISTS " } else { "" });
        self.label(value)?;
        match position {
            None => Ok(()),
            Some(AlterTypeAddValuePosition::Before(label)) => {
                self.put(" BEFORE ");
                self.label(label)
            }
            Some(AlterTypeAddValuePosition::After(label)) => {
                self.put(" AFTER ");
                self.label(label)
            }
        }
    }

    fn comment(&mut self, object: CommentObject, name: &ObjectName, comment: Option<&str>) -> Checked {
        match object {
            CommentObject::Column => {
                let Some((ObjectNamePart::Identifier(column), table)) = name.0.split_last() else {
                    return self.refuse("this column", "write table.column");
                };
                self.put("COMMENT ON COLUMN ");
                self.put_own(&ObjectName(table.to_vec()))?;
                self.put(".");
                self.put_name(column)?;
            }
            CommentObject::Table | CommentObject::Index | CommentObject::Type => {
                self.put(&format!("COMMENT ON {object} "));
                self.put_own(name)?;
            }
            _ => {
                return self
                    .refuse("a comment on this", "tables, columns, indexes and types can have comments");
            }
        }
        self.put(" IS ");
        match comment {
            None => self.put("NULL"),
            Some(comment) => self.text_literal(comment)?,
        }
        Ok(())
    }
}
