//! CREATE TABLE, and the constraints of tables and columns.

use crate::db::gate::fault::Checked;
use crate::db::gate::printer::Printer;
use crate::db::gate::scope::{Scope, Shape};
use crate::db::gate::tree::{Kind, Parts, Tree};

impl Printer<'_> {
    pub(super) fn create_table(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::CREATE_KW, "CREATE")?;
        self.no_table_option(&mut parts)?;
        self.keyword(&mut parts, Kind::TABLE_KW, "TABLE")?;
        self.phrase_if(&mut parts, Kind::IF_NOT_EXISTS, "IF NOT EXISTS")?;
        let name = self.must_node(&mut parts, Kind::TABLE_NAME)?;
        let name = self.put_own(&name)?;
        self.no_table_option(&mut parts)?;
        let list = self.must_node(&mut parts, Kind::TABLE_ARG_LIST)?;
        for column in list.children().filter(|part| part.kind() == Kind::COLUMN) {
            let mut children = column.children();
            let name = children.next().and_then(|name| self.token_at(name.text_range().start().into()));
            let size = children.next().and_then(|data_type| self.bounded_type(&data_type));
            if let Some(name) = name {
                self.own_columns.insert(name.value.clone(), size);
            }
        }
        self.about(&name, |printer| printer.table_parts(&list))?;
        self.no_table_option(&mut parts)?;
        self.done(parts)
    }

    /// Refuses a clause of CREATE TABLE that is none of its columns and constraints.
    fn no_table_option(&mut self, parts: &mut Parts) -> Checked {
        let rule = match parts.next_kind() {
            Some(Kind::TEMP | Kind::UNLOGGED | Kind::ON_COMMIT) => {
                "a plugin's tables are permanent: leave it out"
            }
            Some(
                Kind::PARTITION_OF
                | Kind::PARTITION_BY
                | Kind::PARTITION_FOR_VALUES_FROM
                | Kind::PARTITION_FOR_VALUES_IN
                | Kind::PARTITION_FOR_VALUES_WITH
                | Kind::PARTITION_DEFAULT,
            ) => "a plugin's tables have no partitions: leave it out",
            Some(Kind::INHERITS) => {
                "a plugin's tables have no children: write the columns of the other table here"
            }
            Some(Kind::OF_TYPE) => "write the columns here",
            Some(Kind::USING_METHOD | Kind::TABLESPACE_CLAUSE | Kind::WITH_PARAMS | Kind::WITHOUT_OIDS) => {
                "only an operator chooses how a table is stored: leave it out"
            }
            _ => return Ok(()),
        };
        let Some(option) = parts.any_node() else { return Ok(()) };
        self.refuse_at(&option, "this clause of CREATE TABLE", rule)
    }

    fn table_parts(&mut self, list: &Tree) -> Checked {
        let mut parts = Parts::of(list);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put_behind("(")?;
        if parts.next_kind() != Some(Kind::R_PAREN) {
            self.items(&mut parts, |printer, parts| {
                let part = printer.must_any(parts)?;
                match part.kind() {
                    Kind::COLUMN => printer.column_def(Parts::of(&part)),
                    Kind::LIKE_CLAUSE => {
                        printer.refuse_at(&part, "LIKE", "write the columns of the other table here")
                    }
                    _ => printer.table_constraint(&part, false),
                }
            })?;
        }
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)
    }

    /// Runs a step in which the columns of a table are visible.
    pub(super) fn about(&mut self, table: &str, step: impl FnOnce(&mut Self) -> Checked) -> Checked {
        self.within(Scope::default(), |printer| {
            printer.bring(table.to_owned(), Shape::open())?;
            step(printer)
        })
    }

    /// Prints a constraint of a table. `is_added` is whether the table exists, so that NOT VALID has a meaning.
    pub(super) fn table_constraint(&mut self, tree: &Tree, is_added: bool) -> Checked {
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::UNIQUE_CONSTRAINT | Kind::PRIMARY_KEY_CONSTRAINT => self.key(tree)?,
            Kind::FOREIGN_KEY_CONSTRAINT => {
                self.constraint_name(&mut parts)?;
                self.keyword(&mut parts, Kind::FOREIGN_KW, "FOREIGN")?;
                self.keyword(&mut parts, Kind::KEY_KW, "KEY")?;
                let columns = self.must_node(&mut parts, Kind::FOREIGN_KEY_COLUMN_LIST)?;
                self.columns(&columns)?;
                self.references(parts, is_added)?;
            }
            Kind::CHECK_CONSTRAINT => self.check(tree, is_added)?,
            Kind::NOT_NULL_CONSTRAINT => {
                return self.refuse_at(
                    tree,
                    "NOT NULL as a constraint of the table",
                    "write it behind the column's type",
                );
            }
            Kind::EXCLUDE_CONSTRAINT => {
                return self.refuse_at(
                    tree,
                    "EXCLUDE",
                    "the constraints are UNIQUE, PRIMARY KEY, FOREIGN KEY and CHECK",
                );
            }
            _ => {
                let rule = "the constraints of a table are UNIQUE, PRIMARY KEY, FOREIGN KEY and CHECK";
                return self.refuse_at(tree, "this part of a table", rule);
            }
        }
        Ok(())
    }

    /// Prints `CONSTRAINT name`, if it comes next.
    pub(super) fn constraint_name(&mut self, parts: &mut Parts) -> Checked {
        let Some(clause) = parts.node(Kind::CONSTRAINT_NAME_CLAUSE) else { return Ok(()) };
        let mut inner = Parts::of(&clause);
        self.keyword(&mut inner, Kind::CONSTRAINT_KW, "CONSTRAINT")?;
        let name = self.must_node(&mut inner, Kind::CONSTRAINT_NAME)?;
        self.put_plain(&name)?;
        self.done(inner)
    }

    /// Prints UNIQUE or PRIMARY KEY. At a column it has no list of columns.
    pub(super) fn key(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.constraint_name(&mut parts)?;
        if tree.kind() == Kind::UNIQUE_CONSTRAINT {
            self.keyword(&mut parts, Kind::UNIQUE_KW, "UNIQUE")?;
        } else {
            self.keyword(&mut parts, Kind::PRIMARY_KW, "PRIMARY")?;
            self.keyword(&mut parts, Kind::KEY_KW, "KEY")?;
        }
        if let Some(using) = parts.node(Kind::USING_INDEX_NAME) {
            return self.refuse_at(&using, "USING INDEX", "write the columns in parentheses");
        }
        let index = self.must_node(&mut parts, Kind::INDEX_PARAMETERS)?;
        let mut inner = Parts::of(&index);
        self.nulls_distinct(&mut inner)?;
        if let Some(columns) = inner.node(Kind::CONSTRAINT_COLUMN_REF_LIST) {
            self.columns(&columns)?;
        }
        if let Some(include) = inner.node(Kind::CONSTRAINT_INCLUDE_CLAUSE) {
            let mut parts = Parts::of(&include);
            self.keyword(&mut parts, Kind::INCLUDE_KW, "INCLUDE")?;
            let columns = self.must_node(&mut parts, Kind::COLUMN_REF_LIST)?;
            self.columns(&columns)?;
            self.done(parts)?;
        }
        if let Some(option) = inner.any_node() {
            return self.refuse_at(&option, "an option of a key's index", "leave it out");
        }
        self.done(inner)?;
        self.constraint_options(&mut parts, false, true)?;
        self.done(parts)
    }

    /// Prints NULLS [NOT] DISTINCT, if it comes next.
    pub(super) fn nulls_distinct(&mut self, parts: &mut Parts) -> Checked {
        self.phrase_if(parts, Kind::NULLS_DISTINCT, "NULLS DISTINCT")?;
        self.phrase_if(parts, Kind::NULLS_NOT_DISTINCT, "NULLS NOT DISTINCT")?;
        Ok(())
    }

    /// Prints a list of columns in parentheses.
    fn columns(&mut self, list: &Tree) -> Checked {
        self.listed(list, Kind::COLUMN_NAME_REF, |printer, column| printer.put_plain(column).map(drop))
    }

    /// Prints REFERENCES with what belongs to it.
    pub(super) fn references(&mut self, mut parts: Parts, is_added: bool) -> Checked {
        self.keyword(&mut parts, Kind::REFERENCES_KW, "REFERENCES")?;
        let table = self.must_node(&mut parts, Kind::TABLE_NAME_REF)?;
        self.put_own(&table)?;
        if let Some(columns) = parts.node(Kind::FOREIGN_KEY_COLUMN_LIST) {
            self.columns(&columns)?;
        } else if self.takes(&mut parts, Kind::L_PAREN) {
            self.put_behind("(")?;
            let column = self.must_node(&mut parts, Kind::COLUMN_NAME_REF)?;
            self.put_plain(&column)?;
            self.must_take(&mut parts, Kind::R_PAREN)?;
            self.put(")");
        }
        self.phrase_if(&mut parts, Kind::MATCH_FULL, "MATCH FULL")?;
        self.phrase_if(&mut parts, Kind::MATCH_SIMPLE, "MATCH SIMPLE")?;
        if let Some(partial) = parts.node(Kind::MATCH_PARTIAL) {
            return self.refuse_at(
                &partial,
                "MATCH PARTIAL",
                "PostgreSQL does not have it: write MATCH FULL or leave it out",
            );
        }
        while let Some(kind) = parts.next_kind() {
            let (word, name) = match kind {
                Kind::ON_DELETE_ACTION => (Kind::DELETE_KW, "DELETE"),
                Kind::ON_UPDATE_ACTION => (Kind::UPDATE_KW, "UPDATE"),
                _ => break,
            };
            let event = self.must_any(&mut parts)?;
            let mut inner = Parts::of(&event);
            self.keyword(&mut inner, Kind::ON_KW, "ON")?;
            self.keyword(&mut inner, word, name)?;
            let action = self.must_any(&mut inner)?;
            self.done(inner)?;
            self.referential_action(&action)?;
        }
        self.constraint_options(&mut parts, is_added, true)?;
        self.done(parts)
    }

    fn referential_action(&mut self, tree: &Tree) -> Checked {
        if !matches!(tree.kind(), Kind::SET_NULL_COLUMNS | Kind::SET_DEFAULT_COLUMNS) {
            return self.phrase(tree, &["NO ACTION", "RESTRICT", "CASCADE"]);
        }
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::SET_KW, "SET")?;
        if !self.keyword_if(&mut parts, Kind::NULL_KW, "NULL") {
            self.keyword(&mut parts, Kind::DEFAULT_KW, "DEFAULT")?;
        }
        if let Some(columns) = parts.node(Kind::COLUMN_REF_LIST) {
            self.columns(&columns)?;
        }
        self.done(parts)
    }

    pub(super) fn check(&mut self, tree: &Tree, is_added: bool) -> Checked {
        let mut parts = Parts::of(tree);
        self.constraint_name(&mut parts)?;
        self.keyword(&mut parts, Kind::CHECK_KW, "CHECK")?;
        self.enclosed_value(&mut parts)?;
        self.constraint_options(&mut parts, is_added, false)?;
        self.done(parts)
    }

    /// Prints when a constraint is checked.
    pub(super) fn constraint_options(
        &mut self,
        parts: &mut Parts,
        is_added: bool,
        may_defer: bool,
    ) -> Checked {
        while let Some(option) = parts.any_node() {
            match option.kind() {
                Kind::NOT_VALID if is_added => self.phrase(&option, &["NOT VALID"])?,
                Kind::NOT_VALID => {
                    return self.refuse_at(
                        &option,
                        "NOT VALID",
                        "only ALTER TABLE … ADD CONSTRAINT can have it: leave it out",
                    );
                }
                Kind::DEFERRABLE_CONSTRAINT_OPTION
                | Kind::NOT_DEFERRABLE_CONSTRAINT_OPTION
                | Kind::INITIALLY_DEFERRED_CONSTRAINT_OPTION
                | Kind::INITIALLY_IMMEDIATE_CONSTRAINT_OPTION
                    if may_defer =>
                {
                    let known = ["DEFERRABLE", "NOT DEFERRABLE", "INITIALLY DEFERRED", "INITIALLY IMMEDIATE"];
                    self.phrase(&option, &known)?;
                }
                Kind::NO_INHERIT | Kind::INHERIT => {
                    return self.refuse_at(
                        &option,
                        "INHERIT",
                        "a plugin's tables have no children: leave it out",
                    );
                }
                Kind::ENFORCED | Kind::NOT_ENFORCED => {
                    return self.refuse_at(
                        &option,
                        "ENFORCED",
                        "PostgreSQL 15 does not know it: leave it out",
                    );
                }
                _ => return self.refuse_at(&option, "this option of a constraint", "leave it out"),
            }
        }
        Ok(())
    }
}
