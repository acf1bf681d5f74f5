//! ALTER TABLE: changes of columns, constraints and names. Only the host changes owners, triggers, rules and row-level
//! security.

use crate::db::gate::fault::Checked;
use crate::db::gate::printer::Printer;
use crate::db::gate::tree::{Kind, Parts, Tree};

impl Printer<'_> {
    pub(super) fn alter_table(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::ALTER_KW, "ALTER")?;
        self.keyword(&mut parts, Kind::TABLE_KW, "TABLE")?;
        self.phrase_if(&mut parts, Kind::IF_EXISTS, "IF EXISTS")?;
        let relation = self.must_node(&mut parts, Kind::TABLE_RELATION_NAME)?;
        let mut inner = Parts::of(&relation);
        self.keyword_if(&mut inner, Kind::ONLY_KW, "ONLY");
        let name = self.must_node(&mut inner, Kind::TABLE_NAME_REF)?;
        self.done(inner)?;
        let name = self.put_own(&name)?;
        self.about(&name, |printer| {
            printer.items(&mut parts, |printer, parts| {
                let action = printer.must_any(parts)?;
                printer.table_action(&action)
            })?;
            printer.done(parts)
        })
    }

    fn table_action(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::ADD_COLUMN => {
                self.keyword(&mut parts, Kind::ADD_KW, "ADD")?;
                self.keyword_if(&mut parts, Kind::COLUMN_KW, "COLUMN");
                self.phrase_if(&mut parts, Kind::IF_NOT_EXISTS, "IF NOT EXISTS")?;
                return self.column_def(parts);
            }
            Kind::ADD_CONSTRAINT => {
                self.keyword(&mut parts, Kind::ADD_KW, "ADD")?;
                let constraint = self.must_any(&mut parts)?;
                self.table_constraint(&constraint, true)?;
            }
            Kind::VALIDATE_CONSTRAINT => {
                self.keyword(&mut parts, Kind::VALIDATE_KW, "VALIDATE")?;
                self.named_constraint(&mut parts)?;
            }
            Kind::ALTER_CONSTRAINT => {
                self.keyword(&mut parts, Kind::ALTER_KW, "ALTER")?;
                self.named_constraint(&mut parts)?;
                self.constraint_options(&mut parts, false, true)?;
            }
            Kind::DROP_COLUMN => {
                self.keyword(&mut parts, Kind::DROP_KW, "DROP")?;
                self.keyword_if(&mut parts, Kind::COLUMN_KW, "COLUMN");
                self.phrase_if(&mut parts, Kind::IF_EXISTS, "IF EXISTS")?;
                let column = self.must_node(&mut parts, Kind::COLUMN_NAME_REF)?;
                self.put_plain(&column)?;
                self.behavior(&mut parts)?;
            }
            Kind::DROP_CONSTRAINT => {
                self.keyword(&mut parts, Kind::DROP_KW, "DROP")?;
                self.keyword(&mut parts, Kind::CONSTRAINT_KW, "CONSTRAINT")?;
                self.phrase_if(&mut parts, Kind::IF_EXISTS, "IF EXISTS")?;
                let name = self.must_node(&mut parts, Kind::CONSTRAINT_NAME_REF)?;
                self.put_plain(&name)?;
                self.behavior(&mut parts)?;
            }
            Kind::RENAME_COLUMN => {
                self.keyword(&mut parts, Kind::RENAME_KW, "RENAME")?;
                self.keyword_if(&mut parts, Kind::COLUMN_KW, "COLUMN");
                let old = self.must_node(&mut parts, Kind::COLUMN_NAME_REF)?;
                self.put_plain(&old)?;
                self.keyword(&mut parts, Kind::TO_KW, "TO")?;
                let new = self.must_node(&mut parts, Kind::COLUMN_NAME)?;
                self.put_plain(&new)?;
            }
            Kind::RENAME_CONSTRAINT => {
                self.keyword(&mut parts, Kind::RENAME_KW, "RENAME")?;
                self.named_constraint(&mut parts)?;
                self.keyword(&mut parts, Kind::TO_KW, "TO")?;
                let new = self.must_node(&mut parts, Kind::CONSTRAINT_NAME)?;
                self.put_plain(&new)?;
            }
            Kind::TABLE_RENAME_TO => return self.rename_to(tree, Kind::TABLE_NAME),
            Kind::ALTER_COLUMN => {
                self.keyword(&mut parts, Kind::ALTER_KW, "ALTER")?;
                self.keyword_if(&mut parts, Kind::COLUMN_KW, "COLUMN");
                let column = self.must_node(&mut parts, Kind::COLUMN_NAME_REF)?;
                self.put_plain(&column)?;
                let action = self.must_any(&mut parts)?;
                self.column_action(&action)?;
            }
            // Everything else, such as triggers, rules, row-level security, owners, partitions and storage.
            _ => {
                let rule = "a migration can change columns, constraints and names; only the host and its operator change the rest";
                return self.refuse_at(tree, "this change of a table", rule);
            }
        }
        self.done(parts)
    }

    /// Prints `CONSTRAINT name`.
    fn named_constraint(&mut self, parts: &mut Parts) -> Checked {
        self.keyword(parts, Kind::CONSTRAINT_KW, "CONSTRAINT")?;
        let name = self.must_node(parts, Kind::CONSTRAINT_NAME_REF)?;
        self.put_plain(&name).map(drop)
    }

    /// Prints `RENAME TO name`. The new name has no schema, because the table or index stays where it is.
    pub(super) fn rename_to(&mut self, tree: &Tree, name: Kind) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::RENAME_KW, "RENAME")?;
        self.keyword(&mut parts, Kind::TO_KW, "TO")?;
        let name = self.must_node(&mut parts, name)?;
        self.put_plain(&name)?;
        self.done(parts)
    }

    fn column_action(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        match tree.kind() {
            Kind::SET_NOT_NULL => return self.phrase(tree, &["SET NOT NULL"]),
            Kind::DROP_NOT_NULL => return self.phrase(tree, &["DROP NOT NULL"]),
            Kind::DROP_DEFAULT => return self.phrase(tree, &["DROP DEFAULT"]),
            Kind::DROP_IDENTITY => return self.phrase(tree, &["DROP IDENTITY", "DROP IDENTITY IF EXISTS"]),
            Kind::DROP_EXPRESSION => {
                return self.phrase(tree, &["DROP EXPRESSION", "DROP EXPRESSION IF EXISTS"]);
            }
            Kind::RESTART => return self.restart(tree),
            Kind::SET_GENERATED_OPTIONS => return self.identity_changes(tree),
            Kind::SET_DEFAULT => {
                self.keyword(&mut parts, Kind::SET_KW, "SET")?;
                self.keyword(&mut parts, Kind::DEFAULT_KW, "DEFAULT")?;
                self.default(&mut parts)?;
            }
            Kind::SET_TYPE => {
                if self.keyword_if(&mut parts, Kind::SET_KW, "SET") {
                    self.keyword(&mut parts, Kind::DATA_KW, "DATA")?;
                }
                self.keyword(&mut parts, Kind::TYPE_KW, "TYPE")?;
                let data_type = self.must_any(&mut parts)?;
                self.column_type(&data_type)?;
                if let Some(collation) = parts.node(Kind::COLLATE) {
                    self.column_collation(&collation)?;
                }
                if let Some(using) = parts.node(Kind::USING_EXPR) {
                    self.condition(&using, Kind::USING_KW, "USING")?;
                }
            }
            Kind::ADD_GENERATED => {
                self.keyword(&mut parts, Kind::ADD_KW, "ADD")?;
                self.keyword(&mut parts, Kind::GENERATED_KW, "GENERATED")?;
                return self.identity(parts);
            }
            Kind::SET_EXPRESSION => {
                let rule =
                    "PostgreSQL 15 does not know it: drop the column and add it with the new expression";
                return self.refuse_at(tree, "SET EXPRESSION", rule);
            }
            _ => {
                let rule = "a migration can change a column's type, default, NOT NULL and identity";
                return self.refuse_at(tree, "this change of a column", rule);
            }
        }
        self.done(parts)
    }
}
