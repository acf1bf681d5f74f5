//! Clauses of other databases in migrations: each row adds one to a valid statement. `gate/tests/foreign.rs` does the
//! same for SQL text.

use crate::db::gate::fault::Checked;
use crate::db::gate::printer::Printer;
use crate::db::gate::scope::Names;
use sqlparser::ast::{
    AlterTable, AlterTableType, CheckConstraint, ColumnOption, CreateIndex, Expr, HiveSetLocation, Ident,
    IndexOption, IndexType, PrimaryKeyConstraint, Statement, TableConstraint, UniqueConstraint, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// A clause's name, and a function that adds the clause to a tree.
type Clause<T> = (&'static str, fn(&mut T));

fn tree(sql: &str) -> Statement {
    Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0)
}

fn id() -> Ident {
    Ident::new("id")
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn migrated(statement: &Statement) -> Checked {
    Printer::new(Names::Own("plugin_blog")).migration(statement)
}

/// Asserts that the plain tree passes, and that it is refused with any one of the clauses.
fn each_is_refused<T: Clone>(plain: &T, clauses: &[Clause<T>], gate: impl Fn(&T) -> Checked) {
    assert_eq!(gate(plain), Ok(()));
    let passed = clauses.iter().filter(|(_, add)| {
        let mut tree = plain.clone();
        add(&mut tree);
        gate(&tree).is_ok()
    });
    assert_eq!(passed.map(|(clause, _)| *clause).collect::<Vec<_>>(), Vec::<&str>::new());
}

const ALTER: &[Clause<AlterTable>] = &[
    ("LOCATION", |alter| alter.location = Some(HiveSetLocation { has_set: true, location: id() })),
    ("ON CLUSTER", |alter| alter.on_cluster = Some(id())),
    ("ICEBERG", |alter| alter.table_type = Some(AlterTableType::Iceberg)),
];

const DROP: &[Clause<Statement>] = &[
    ("PURGE", |drop| {
        if let Statement::Drop { purge, .. } = drop {
            *purge = true;
        }
    }),
    ("TEMPORARY", |drop| {
        if let Statement::Drop { temporary, .. } = drop {
            *temporary = true;
        }
    }),
    ("ON", |drop| {
        if let Statement::Drop { table, .. } = drop {
            *table = Some(vec![id()].into());
        }
    }),
];

const UNIQUE: &[Clause<UniqueConstraint>] = &[
    ("an index's name", |unique| unique.index_name = Some(id())),
    ("an index's type", |unique| unique.index_type = Some(IndexType::Hash)),
    ("an index's option", |unique| unique.index_options = vec![IndexOption::Comment(String::new())]),
];

const PRIMARY_KEY: &[Clause<PrimaryKeyConstraint>] = &[
    ("an index's name", |key| key.index_name = Some(id())),
    ("an index's type", |key| key.index_type = Some(IndexType::Hash)),
    ("an index's option", |key| key.index_options = vec![IndexOption::Comment(String::new())]),
];

const CHECK: &[Clause<CheckConstraint>] = &[
    ("NO INHERIT", |check| check.no_inherit = true),
    ("NOT ENFORCED", |check| check.enforced = Some(false)),
];

const INDEX: &[Clause<CreateIndex>] = &[
    ("no name", |index| index.name = None),
    ("CONCURRENTLY", |index| index.concurrently = true),
    ("ASYNC", |index| index.r#async = true),
    ("WITH", |index| index.with = vec![null()]),
    ("USING after ON", |index| index.index_options = vec![IndexOption::Using(IndexType::Hash)]),
    ("ALGORITHM", |index| {
        if let Statement::AlterTable(alter) = tree("ALTER TABLE posts DROP COLUMN id") {
            index.alter_options = alter.operations;
        }
    }),
];

#[test]
fn clause_of_another_databases_definition_is_refused() {
    let Statement::AlterTable(alter) = tree("ALTER TABLE posts DROP COLUMN id") else { panic!("ALTER") };
    each_is_refused(&alter, ALTER, |alter| migrated(&Statement::AlterTable(alter.clone())));
    each_is_refused(&tree("DROP TABLE posts"), DROP, migrated);
    let Statement::CreateIndex(index) = tree("CREATE INDEX i ON posts (id)") else { panic!("INDEX") };
    each_is_refused(&index, INDEX, |index| migrated(&Statement::CreateIndex(index.clone())));
}

#[test]
fn clause_of_another_databases_constraint_is_refused() {
    let sql = "CREATE TABLE posts (id bigint NOT NULL, UNIQUE (id), PRIMARY KEY (id), CHECK (id > 0))";
    let Statement::CreateTable(table) = tree(sql) else { panic!("CREATE TABLE") };
    let with = |index: usize, constraint: TableConstraint| {
        let mut table = table.clone();
        table.constraints[index] = constraint;
        migrated(&Statement::CreateTable(table))
    };
    let [TableConstraint::Unique(unique), TableConstraint::PrimaryKey(key), TableConstraint::Check(check)] =
        table.constraints.as_slice()
    else {
        panic!("{sql}")
    };
    each_is_refused(unique, UNIQUE, |unique| with(0, TableConstraint::Unique(unique.clone())));
    each_is_refused(key, PRIMARY_KEY, |key| with(1, TableConstraint::PrimaryKey(key.clone())));
    each_is_refused(check, CHECK, |check| with(2, TableConstraint::Check(check.clone())));
    // The same clauses in the constraint of a single column.
    each_is_refused(unique, UNIQUE, |unique| {
        let mut table = table.clone();
        table.columns[0].options[0].option =
            ColumnOption::Unique(UniqueConstraint { columns: Vec::new(), ..unique.clone() });
        migrated(&Statement::CreateTable(table))
    });
}
