//! ALTER TABLE: changes of columns, constraints and names. Only the host changes owners, triggers, rules and row-level
//! security.

use crate::db::gate::fault::Checked;
use crate::db::gate::printer::Printer;
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, DropBehavior, Ident, RenameTableNameKind,
};

impl Printer<'_> {
    pub(super) fn alter_table(&mut self, table: &AlterTable) -> Checked {
        let AlterTable { name, if_exists, only, operations, location, on_cluster, table_type, end_token: _ } =
            table;
        self.absent(
            location.is_some() || on_cluster.is_some() || table_type.is_some(),
            "another database's ALTER",
        )?;
        self.put("ALTER TABLE ");
        self.put(if *if_exists { "IF EXISTS " } else { "" });
        self.put(if *only { "ONLY " } else { "" });
        let name = self.put_own(name)?;
        self.put(" ");
        self.about(&name, |printer| printer.list(operations, Self::table_operation))
    }

    fn table_operation(&mut self, operation: &AlterTableOperation) -> Checked {
        match operation {
            AlterTableOperation::AddColumn {
                column_keyword: _,
                if_not_exists,
                column_def,
                column_position,
            } => {
                self.absent(column_position.is_some(), "FIRST or AFTER")?;
                self.put(if *if_not_exists { "ADD COLUMN IF NOT EXISTS " } else { "ADD COLUMN " });
                self.column_def(column_def)
            }
            AlterTableOperation::AddConstraint { constraint, not_valid } => {
                self.put("ADD ");
                self.constraint(constraint)?;
                self.put(if *not_valid { " NOT VALID" } else { "" });
                Ok(())
            }
            AlterTableOperation::ValidateConstraint { name } => {
                self.put("VALIDATE CONSTRAINT ");
                self.put_name(name).map(drop)
            }
            AlterTableOperation::DropColumn {
                has_column_keyword: _,
                column_names,
                if_exists,
                drop_behavior,
            } => {
                let [name] = column_names.as_slice() else {
                    return self.refuse("DROP COLUMN", "one column at a time");
                };
                self.put("DROP COLUMN ");
                self.dropped(name, *if_exists, *drop_behavior)
            }
            AlterTableOperation::DropConstraint { if_exists, name, drop_behavior } => {
                self.put("DROP CONSTRAINT ");
                self.dropped(name, *if_exists, *drop_behavior)
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                self.renamed("RENAME COLUMN ", old_column_name, new_column_name)
            }
            AlterTableOperation::RenameConstraint { old_name, new_name } => {
                self.renamed("RENAME CONSTRAINT ", old_name, new_name)
            }
            AlterTableOperation::RenameTable { table_name: RenameTableNameKind::To(name) } => {
                let name = self.undotted(name)?;
                self.put(&format!("RENAME TO {}", crate::db::quoted(&name)));
                Ok(())
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                self.put("ALTER COLUMN ");
                self.put_name(column_name)?;
                self.column_operation(op)
            }
            // Everything else, such as triggers, rules, row-level security, owners, partitions and storage.
            _ => self.refuse("this change of a table", "columns, constraints and names can be changed"),
        }
    }

    fn dropped(&mut self, name: &Ident, if_exists: bool, behavior: Option<DropBehavior>) -> Checked {
        self.put(if if_exists { "IF EXISTS " } else { "" });
        self.put_name(name)?;
        self.put(match behavior {
            None => "",
            Some(DropBehavior::Restrict) => " RESTRICT",
            Some(DropBehavior::Cascade) => " CASCADE",
        });
        Ok(())
    }

    fn renamed(&mut self, what: &str, old: &Ident, new: &Ident) -> Checked {
        self.put(what);
        self.put_name(old)?;
        self.put(" TO ");
        self.put_name(new).map(drop)
    }

    fn column_operation(&mut self, operation: &AlterColumnOperation) -> Checked {
        match operation {
            AlterColumnOperation::SetNotNull => self.put(" SET NOT NULL"),
            AlterColumnOperation::DropNotNull => self.put(" DROP NOT NULL"),
            AlterColumnOperation::DropDefault => self.put(" DROP DEFAULT"),
            AlterColumnOperation::SetDefault { value } => {
                self.put(" SET DEFAULT ");
                self.default(value)?;
            }
            AlterColumnOperation::SetDataType { data_type, using, had_set: _ } => {
                let data_type = self.column_type(data_type)?;
                self.put(&format!(" TYPE {data_type}"));
                self.filter(" USING ", using.as_ref())?;
            }
            AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
                let has_options = sequence_options.as_ref().is_some_and(|options| !options.is_empty());
                self.absent(has_options, "an identity's options")?;
                let Some(generated) = generated_as else {
                    return self.refuse("ADD GENERATED", "write ADD GENERATED BY DEFAULT AS IDENTITY");
                };
                self.put(" ADD ");
                self.generated(*generated, None, None)?;
            }
        }
        Ok(())
    }
}
