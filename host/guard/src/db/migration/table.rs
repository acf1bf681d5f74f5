//! CREATE TABLE, its constraints, and CREATE INDEX.

use crate::db::gate::fault::Checked;
use crate::db::gate::printer::Printer;
use crate::db::gate::scope::{Scope, Shape};
use crate::db::shown;
use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{
    CheckConstraint, ConstraintCharacteristics, CreateIndex, CreateTable, DeferrableInitial,
    ForeignKeyConstraint, HiveDistributionStyle, Ident, IndexColumn, IndexType, NullsDistinctOption,
    ObjectName, OrderByExpr, PrimaryKeyConstraint, ReferentialAction, TableConstraint, UniqueConstraint,
};

impl Printer<'_> {
    pub(super) fn create_table(&mut self, table: &CreateTable) -> Checked {
        // A table that is rebuilt from the supported parts must equal the original, or the original has other parts.
        let known = CreateTableBuilder::new(table.name.clone())
            .if_not_exists(table.if_not_exists)
            .columns(table.columns.clone())
            .constraints(table.constraints.clone())
            .hive_distribution(HiveDistributionStyle::NONE)
            .build();
        self.absent(known != *table, "CREATE TABLE with more than columns and constraints")?;
        self.put("CREATE TABLE ");
        self.put(if table.if_not_exists { "IF NOT EXISTS " } else { "" });
        let name = self.put_own(&table.name)?;
        self.put(" (");
        self.about(&name, |printer| {
            printer.list(&table.columns, Self::column_def)?;
            if !table.columns.is_empty() && !table.constraints.is_empty() {
                printer.put(", ");
            }
            printer.list(&table.constraints, Self::constraint)
        })?;
        self.put(")");
        Ok(())
    }

    /// Runs a step in which the columns of a table are visible.
    pub(super) fn about(&mut self, table: &str, step: impl FnOnce(&mut Self) -> Checked) -> Checked {
        self.within(Scope::default(), |printer| {
            printer.bring(table.to_owned(), Shape::open())?;
            step(printer)
        })
    }

    pub(super) fn constraint(&mut self, constraint: &TableConstraint) -> Checked {
        match constraint {
            TableConstraint::Unique(unique) => self.unique(unique),
            TableConstraint::PrimaryKey(key) => self.primary_key(key),
            TableConstraint::ForeignKey(key) => {
                self.named(key.name.as_ref())?;
                self.put("FOREIGN KEY (");
                self.list(&key.columns, |printer, column| printer.put_name(column).map(drop))?;
                self.put(") ");
                self.references(key)
            }
            TableConstraint::Check(check) => self.check(check),
            TableConstraint::Index(_)
            | TableConstraint::FulltextOrSpatial(_)
            | TableConstraint::PrimaryKeyUsingIndex(_)
            | TableConstraint::UniqueUsingIndex(_)
            | TableConstraint::Exclude(_) => {
                self.refuse("this constraint", "UNIQUE, PRIMARY KEY, FOREIGN KEY and CHECK can be used")
            }
        }
    }

    pub(super) fn named(&mut self, name: Option<&Ident>) -> Checked {
        let Some(name) = name else { return Ok(()) };
        self.put("CONSTRAINT ");
        self.put_name(name)?;
        self.put(" ");
        Ok(())
    }

    pub(super) fn unique(&mut self, unique: &UniqueConstraint) -> Checked {
        let UniqueConstraint {
            name,
            index_name,
            index_type_display: _,
            index_type,
            columns,
            include,
            index_options,
            characteristics,
            nulls_distinct,
        } = unique;
        self.absent(
            index_name.is_some() || index_type.is_some() || !index_options.is_empty(),
            "an index's option",
        )?;
        self.named(name.as_ref())?;
        self.put("UNIQUE");
        self.put(match nulls_distinct {
            NullsDistinctOption::None => "",
            NullsDistinctOption::Distinct => " NULLS DISTINCT",
            NullsDistinctOption::NotDistinct => " NULLS NOT DISTINCT",
        });
        self.key_columns(columns, include)?;
        self.characteristics(characteristics.as_ref())
    }

    pub(super) fn primary_key(&mut self, key: &PrimaryKeyConstraint) -> Checked {
        let PrimaryKeyConstraint {
            name,
            index_name,
            index_type,
            columns,
            include,
            index_options,
            characteristics,
        } = key;
        self.absent(
            index_name.is_some() || index_type.is_some() || !index_options.is_empty(),
            "an index's option",
        )?;
        self.named(name.as_ref())?;
        self.put("PRIMARY KEY");
        self.key_columns(columns, include)?;
        self.characteristics(characteristics.as_ref())
    }

    /// Prints the columns of a key. The list is empty for a constraint of a single column, which is written at the
    /// column.
    fn key_columns(&mut self, columns: &[IndexColumn], include: &[Ident]) -> Checked {
        if !columns.is_empty() {
            self.put(" (");
            self.list(columns, |printer, IndexColumn { column, operator_class }| {
                printer.absent(operator_class.is_some(), "an operator class of a key")?;
                printer.order(std::slice::from_ref(column), false)
            })?;
            self.put(")");
        }
        if !include.is_empty() {
            self.put(" INCLUDE (");
            self.list(include, |printer, column| printer.put_name(column).map(drop))?;
            self.put(")");
        }
        Ok(())
    }

    pub(super) fn references(&mut self, key: &ForeignKeyConstraint) -> Checked {
        let ForeignKeyConstraint {
            name: _,
            index_name,
            columns: _,
            foreign_table,
            referred_columns,
            on_delete,
            on_update,
            match_kind,
            characteristics,
        } = key;
        self.absent(index_name.is_some(), "an index's name")?;
        self.put("REFERENCES ");
        self.put_own(foreign_table)?;
        if !referred_columns.is_empty() {
            self.put(" (");
            self.list(referred_columns, |printer, column| printer.put_name(column).map(drop))?;
            self.put(")");
        }
        if let Some(kind) = match_kind {
            self.put(&format!(" {kind}"));
        }
        for (event, action) in [(" ON DELETE ", on_delete), (" ON UPDATE ", on_update)] {
            let action = match action {
                None => continue,
                Some(ReferentialAction::Restrict) => "RESTRICT",
                Some(ReferentialAction::Cascade) => "CASCADE",
                Some(ReferentialAction::SetNull) => "SET NULL",
                Some(ReferentialAction::NoAction) => "NO ACTION",
                Some(ReferentialAction::SetDefault) => "SET DEFAULT",
            };
            self.put(event);
            self.put(action);
        }
        self.characteristics(characteristics.as_ref())
    }

    pub(super) fn check(&mut self, check: &CheckConstraint) -> Checked {
        let CheckConstraint { name, expr, no_inherit, enforced } = check;
        self.absent(*no_inherit || enforced.is_some(), "NO INHERIT or ENFORCED")?;
        self.named(name.as_ref())?;
        self.put("CHECK (");
        self.expr(expr)?;
        self.put(")");
        Ok(())
    }

    fn characteristics(&mut self, characteristics: Option<&ConstraintCharacteristics>) -> Checked {
        let Some(ConstraintCharacteristics { deferrable, initially, enforced }) = characteristics else {
            return Ok(());
        };
        self.absent(enforced.is_some(), "ENFORCED")?;
        self.put(match deferrable {
            None => "",
            Some(true) => " DEFERRABLE",
            Some(false) => " NOT DEFERRABLE",
        });
        self.put(match initially {
            None => "",
            Some(DeferrableInitial::Immediate) => " INITIALLY IMMEDIATE",
            Some(DeferrableInitial::Deferred) => " INITIALLY DEFERRED",
        });
        Ok(())
    }

    pub(super) fn create_index(&mut self, index: &CreateIndex) -> Checked {
        let CreateIndex {
            name,
            table_name,
            using,
            columns,
            unique,
            concurrently,
            r#async,
            if_not_exists,
            include,
            nulls_distinct,
            with,
            predicate,
            index_options,
            alter_options,
        } = index;
        self.absent(*concurrently, "CONCURRENTLY: a migration is one transaction")?;
        let has_more = *r#async || !with.is_empty() || !index_options.is_empty() || !alter_options.is_empty();
        self.absent(has_more, "an index's option")?;
        self.put(if *unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
        self.put(if *if_not_exists { "IF NOT EXISTS " } else { "" });
        let Some(name) = name else {
            return self.refuse("an index without a name", "name it, so that a later migration can drop it");
        };
        self.index_name(name)?;
        self.put(" ON ");
        let table = self.put_own(table_name)?;
        self.put(match using {
            None => "",
            Some(IndexType::BTree) => " USING btree",
            Some(IndexType::Hash) => " USING hash",
            Some(IndexType::GIN) => " USING gin",
            Some(IndexType::BRIN) => " USING brin",
            Some(_) => return self.refuse("this kind of index", "btree, hash, gin and brin can be used"),
        });
        self.put(" (");
        self.about(&table, |printer| {
            printer.list(columns, Self::index_column)?;
            printer.put(")");
            printer.key_columns(&[], include)?;
            printer.put(match nulls_distinct {
                None => "",
                Some(true) => " NULLS DISTINCT",
                Some(false) => " NULLS NOT DISTINCT",
            });
            printer.filter(" WHERE ", predicate.as_ref())
        })
    }

    /// Prints the name of a new index without a schema, because PostgreSQL creates an index in its table's schema.
    fn index_name(&mut self, name: &ObjectName) -> Checked {
        let (_, name) = self.own(name)?;
        self.put(&crate::db::quoted(&name));
        Ok(())
    }

    fn index_column(&mut self, IndexColumn { column, operator_class }: &IndexColumn) -> Checked {
        let OrderByExpr { expr, options, with_fill } = column;
        let bare = OrderByExpr {
            expr: expr.clone(),
            options: sqlparser::ast::OrderByOptions::default(),
            with_fill: with_fill.clone(),
        };
        // An expression in an index needs its own parentheses. Around a column they do no harm.
        self.put("(");
        self.order(std::slice::from_ref(&bare), false)?;
        self.put(")");
        if let Some(class) = operator_class {
            let (schema, name) = self.dotted(class)?;
            if !matches!(schema.as_deref(), None | Some("pg_catalog")) || !CLASSES.contains(&name.as_str()) {
                return self.refuse(shown(&name), "not in the list of operator classes");
            }
            self.put(&format!(" \"pg_catalog\".\"{name}\""));
        }
        self.order_options(options)
    }
}

/// The operator classes beyond a type's default: for prefix search on text, and for the smaller index on jsonb.
const CLASSES: &[&str] = &["text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops", "jsonb_path_ops"];
