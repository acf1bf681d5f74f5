//! Clauses of other databases: each row adds one to a tree that is otherwise valid. The parser's PostgreSQL dialect
//! produces few of them today, but a later version may produce more, and they must still be refused.

use super::super::printer::Printer;
use super::super::scope::Names;
use super::catalogue;
use crate::db::gate::fault::Checked;
use sqlparser::ast::{
    Delete, ExceptSelectItem, ExcludeSelectItem, Expr, FormatClause, FromTable, Ident, IlikeSelectItem,
    InputFormatClause, Insert, InsertAliases, MultiTableInsertIntoClause, MultiTableInsertType,
    MultiTableInsertWhenClause, MysqlInsertPriority, ObjectName, PipeOperator, Query, RenameSelectItem,
    ReplaceSelectItem, Select, SelectFlavor, SelectItem, SetExpr, SqliteOnConflict, Statement, TableFactor,
    TableIndexHintType, TableIndexHints, TableIndexType, Update, UpdateTableFromKind, Value, ValueTableMode,
    Values, WildcardAdditionalOptions,
};
use sqlparser::dialect::{Dialect, MsSqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

/// A clause's name, and a function that adds the clause to a tree.
type Clause<T> = (&'static str, fn(&mut T));

fn tree(dialect: &dyn Dialect, sql: &str) -> Statement {
    Parser::parse_sql(dialect, sql).unwrap().remove(0)
}

fn postgres(sql: &str) -> Statement {
    tree(&PostgreSqlDialect {}, sql)
}

fn query(sql: &str) -> Query {
    match postgres(sql) {
        Statement::Query(query) => *query,
        other => panic!("{other}"),
    }
}

fn update(sql: &str) -> Update {
    match postgres(sql) {
        Statement::Update(update) => update,
        other => panic!("{other}"),
    }
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn id() -> Ident {
    Ident::new("id")
}

fn table() -> ObjectName {
    vec![Ident::new("drafts")].into()
}

fn hints() -> Vec<TableIndexHints> {
    vec![TableIndexHints {
        hint_type: TableIndexHintType::Force,
        index_type: TableIndexType::Index,
        for_clause: None,
        index_names: Vec::new(),
    }]
}

fn written(statement: &Statement) -> Checked {
    Printer::new(Names::Granted(&catalogue())).write(statement)
}

fn read(query: &Query) -> Checked {
    Printer::new(Names::Granted(&catalogue())).query(query).map(drop)
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

const INSERT: &[Clause<Insert>] = &[
    ("OR REPLACE", |insert| insert.or = Some(SqliteOnConflict::Replace)),
    ("IGNORE", |insert| insert.ignore = true),
    ("no INTO", |insert| insert.into = false),
    ("OVERWRITE", |insert| insert.overwrite = true),
    ("SET", |insert| insert.assignments = update("UPDATE drafts SET id = 1").assignments),
    ("PARTITION", |insert| insert.partitioned = Some(vec![null()])),
    ("columns after PARTITION", |insert| insert.after_columns = vec![id()]),
    ("TABLE", |insert| insert.has_table_keyword = true),
    ("REPLACE INTO", |insert| insert.replace_into = true),
    ("DELAYED", |insert| insert.priority = Some(MysqlInsertPriority::Delayed)),
    ("AS new", |insert| {
        insert.insert_alias = Some(InsertAliases { row_alias: table(), col_aliases: None });
    }),
    ("SETTINGS", |insert| insert.settings = Some(Vec::new())),
    ("FORMAT", |insert| {
        insert.format_clause = Some(InputFormatClause { ident: id(), values: Vec::new() });
    }),
    ("ALL", |insert| insert.multi_table_insert_type = Some(MultiTableInsertType::All)),
    ("a second INTO", |insert| {
        insert.multi_table_into_clauses =
            vec![MultiTableInsertIntoClause { table_name: table(), columns: Vec::new(), values: None }];
    }),
    ("WHEN", |insert| {
        insert.multi_table_when_clauses =
            vec![MultiTableInsertWhenClause { condition: null(), into_clauses: Vec::new() }];
    }),
    ("ELSE", |insert| insert.multi_table_else_clause = Some(Vec::new())),
    ("OUTPUT", |insert| insert.output = output()),
    ("no source", |insert| insert.source = None),
    ("no columns", |insert| insert.columns.clear()),
];

fn output() -> Option<sqlparser::ast::OutputClause> {
    match tree(&MsSqlDialect {}, "DELETE FROM drafts OUTPUT deleted.id WHERE id = 1") {
        Statement::Delete(delete) => delete.output,
        other => panic!("{other}"),
    }
}

const UPDATE: &[Clause<Update>] = &[
    ("OR REPLACE", |update| update.or = Some(SqliteOnConflict::Replace)),
    ("ORDER BY", |update| update.order_by = vec![id().into()]),
    ("LIMIT", |update| update.limit = Some(null())),
    ("OUTPUT", |update| update.output = output()),
    ("FROM before SET", |update| update.from = Some(UpdateTableFromKind::BeforeSet(Vec::new()))),
    ("a hint", |update| {
        if let TableFactor::Table { index_hints, .. } = &mut update.table.relation {
            *index_hints = hints();
        }
    }),
    ("WITH (…)", |update| {
        if let TableFactor::Table { with_hints, .. } = &mut update.table.relation {
            *with_hints = vec![null()];
        }
    }),
    ("PARTITION", |update| {
        if let TableFactor::Table { partitions, .. } = &mut update.table.relation {
            *partitions = vec![id()];
        }
    }),
];

const DELETE: &[Clause<Delete>] = &[
    ("tables", |delete| delete.tables = vec![table()]),
    ("ORDER BY", |delete| delete.order_by = vec![id().into()]),
    ("LIMIT", |delete| delete.limit = Some(null())),
    ("OUTPUT", |delete| delete.output = output()),
    ("no FROM", |delete| {
        if let FromTable::WithFromKeyword(from) = &delete.from {
            delete.from = FromTable::WithoutKeyword(from.clone());
        }
    }),
];

/// The clauses that can follow a query. None of them can follow a statement that writes.
const TAIL: &[Clause<Query>] = &[
    ("ORDER BY", |tail| tail.order_by = query("SELECT 1 ORDER BY 1").order_by),
    ("LIMIT", |tail| tail.limit_clause = query("SELECT 1 LIMIT 1").limit_clause),
    ("FETCH", |tail| tail.fetch = query("SELECT 1 FETCH FIRST 1 ROWS ONLY").fetch),
    ("FOR UPDATE", |tail| tail.locks = query("SELECT id FROM drafts FOR UPDATE").locks),
    ("FOR BROWSE", |tail| tail.for_clause = Some(sqlparser::ast::ForClause::Browse)),
    ("SETTINGS", |tail| tail.settings = Some(Vec::new())),
    ("FORMAT", |tail| tail.format_clause = Some(FormatClause::Null)),
    ("|> LIMIT", |tail| tail.pipe_operators = vec![PipeOperator::Limit { expr: null(), offset: None }]),
];

const SELECT: &[Clause<Select>] = &[
    ("TOP", |select| select.top = mssql("SELECT TOP 1 id FROM drafts").top),
    ("INTO", |select| select.into = mssql("SELECT id INTO x FROM drafts").into),
    ("EXCLUDE", |select| select.exclude = Some(ExcludeSelectItem::Single(table()))),
    ("PREWHERE", |select| select.prewhere = Some(null())),
    ("CLUSTER BY", |select| select.cluster_by = vec![null()]),
    ("DISTRIBUTE BY", |select| select.distribute_by = vec![null()]),
    ("SORT BY", |select| select.sort_by = vec![id().into()]),
    ("QUALIFY", |select| select.qualify = Some(null())),
    ("AS VALUE", |select| select.value_table_mode = Some(ValueTableMode::AsValue)),
    ("FROM first", |select| select.flavor = SelectFlavor::FromFirst),
    ("a hint", |select| {
        if let TableFactor::Table { index_hints, .. } = &mut select.from[0].relation {
            *index_hints = hints();
        }
    }),
    ("WITH (…)", |select| {
        if let TableFactor::Table { with_hints, .. } = &mut select.from[0].relation {
            *with_hints = vec![null()];
        }
    }),
    ("PARTITION", |select| {
        if let TableFactor::Table { partitions, .. } = &mut select.from[0].relation {
            *partitions = vec![id()];
        }
    }),
];

fn mssql(sql: &str) -> Select {
    match tree(&MsSqlDialect {}, sql) {
        Statement::Query(query) => match *query.body {
            SetExpr::Select(select) => *select,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

const STAR: &[Clause<WildcardAdditionalOptions>] = &[
    ("ILIKE", |star| star.opt_ilike = Some(IlikeSelectItem { pattern: "i%".to_owned() })),
    ("EXCLUDE", |star| star.opt_exclude = Some(ExcludeSelectItem::Single(table()))),
    ("EXCEPT", |star| {
        star.opt_except = Some(ExceptSelectItem { first_element: id(), additional_elements: Vec::new() });
    }),
    ("REPLACE", |star| star.opt_replace = Some(ReplaceSelectItem { items: Vec::new() })),
    ("RENAME", |star| star.opt_rename = Some(RenameSelectItem::Multiple(Vec::new()))),
    ("AS", |star| star.opt_alias = Some(id())),
];

const VALUES: &[Clause<Values>] = &[
    ("ROW", |values| values.explicit_row = true),
    ("VALUE", |values| values.value_keyword = true),
    ("an empty row", |values| values.rows[0].content.clear()),
];

const UNNEST: &[Clause<TableFactor>] = &[
    ("WITH OFFSET", |factor| {
        if let TableFactor::UNNEST { with_offset, .. } = factor {
            *with_offset = true;
        }
    }),
    ("OFFSET AS", |factor| {
        if let TableFactor::UNNEST { with_offset_alias, .. } = factor {
            *with_offset_alias = Some(id());
        }
    }),
];

#[test]
fn clause_of_another_databases_write_is_refused() {
    let Statement::Insert(insert) = postgres("INSERT INTO drafts (id) VALUES (1)") else { panic!("INSERT") };
    each_is_refused(&insert, INSERT, |insert| written(&Statement::Insert(insert.clone())));
    let update = update("UPDATE drafts SET id = 1 WHERE id = 2");
    each_is_refused(&update, UPDATE, |update| written(&Statement::Update(update.clone())));
    let Statement::Delete(delete) = postgres("DELETE FROM drafts WHERE id = 1") else { panic!("DELETE") };
    each_is_refused(&delete, DELETE, |delete| written(&Statement::Delete(delete.clone())));
    let with = query("WITH x AS (SELECT 1 AS id) DELETE FROM drafts USING x WHERE x.id = drafts.id");
    each_is_refused(&with, TAIL, |with| written(&Statement::Query(Box::new(with.clone()))));
}

#[test]
fn clause_of_another_databases_select_is_refused() {
    let whole = query("SELECT id FROM drafts");
    each_is_refused(&whole, &TAIL[3..], read);
    // The gate drops parentheses around a query, but it still checks the clauses after them.
    let inner = query("(SELECT id FROM drafts)");
    each_is_refused(&inner, &TAIL[3..], read);
    let nested = query("SELECT id FROM ((SELECT id FROM drafts)) AS q");
    assert_eq!(read(&nested), Ok(()));
    let with_body = |body: SetExpr| Query { body: Box::new(body), ..whole.clone() };
    let SetExpr::Select(select) = whole.body.as_ref() else { panic!("{whole}") };
    each_is_refused(select.as_ref(), SELECT, |select| {
        read(&with_body(SetExpr::Select(Box::new(select.clone()))))
    });
    each_is_refused(&WildcardAdditionalOptions::default(), STAR, |options| {
        let projection = vec![SelectItem::Wildcard(options.clone())];
        read(&with_body(SetExpr::Select(Box::new(Select { projection, ..select.as_ref().clone() }))))
    });
    let SetExpr::Values(values) = *query("VALUES (1)").body else { panic!("VALUES") };
    each_is_refused(&values, VALUES, |values| read(&with_body(SetExpr::Values(values.clone()))));
    let unnest = query("SELECT u FROM unnest($1::text[]) AS u (u)");
    let SetExpr::Select(from) = unnest.body.as_ref() else { panic!("{unnest}") };
    each_is_refused(&from.from[0].relation, UNNEST, |relation| {
        let mut select = from.as_ref().clone();
        select.from[0].relation = relation.clone();
        read(&with_body(SetExpr::Select(Box::new(select))))
    });
}
