//! CREATE INDEX and ALTER INDEX.

use crate::db::extension::List;
use crate::db::gate::fault::Checked;
use crate::db::gate::printer::{Printer, Role};
use crate::db::gate::tree::{Kind, Parts, Tree};
use crate::db::shown;

impl Printer<'_> {
    pub(super) fn create_index(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::CREATE_KW, "CREATE")?;
        self.keyword_if(&mut parts, Kind::UNIQUE_KW, "UNIQUE");
        self.keyword(&mut parts, Kind::INDEX_KW, "INDEX")?;
        self.keyword_if(&mut parts, Kind::CONCURRENTLY_KW, "CONCURRENTLY");
        self.phrase_if(&mut parts, Kind::IF_NOT_EXISTS, "IF NOT EXISTS")?;
        let Some(name) = parts.node(Kind::INDEX) else {
            return self.refuse_at(
                tree,
                "an index without a name",
                "name it, so that a later migration can drop it",
            );
        };
        // PostgreSQL creates an index in its table's schema.
        self.put_plain(&name)?;
        self.keyword(&mut parts, Kind::ON_KW, "ON")?;
        let relation = self.must_node(&mut parts, Kind::TABLE_RELATION_NAME)?;
        let mut inner = Parts::of(&relation);
        if inner.next_kind() == Some(Kind::ONLY_KW) {
            return self.refuse_at(&relation, "ONLY", "a plugin's tables have no children: leave it out");
        }
        let table = self.must_node(&mut inner, Kind::TABLE_NAME_REF)?;
        self.done(inner)?;
        let table = self.put_own(&table)?;
        let method = match parts.node(Kind::USING_METHOD) {
            Some(using) => self.index_method(&using)?,
            None => "btree".to_owned(),
        };
        let items = self.must_node(&mut parts, Kind::PARTITION_ITEM_LIST)?;
        // A name alone is a column's, also if the table has that name.
        let columns = items.children().filter_map(|item| item.children().next());
        for column in columns.filter(|column| column.kind() == Kind::NAME_REF) {
            if let Some(name) = self.token_at(column.text_range().start().into()) {
                self.own_columns.insert(name.value.clone(), None);
            }
        }
        self.about(&table, |printer| {
            printer
                .listed(&items, Kind::PARTITION_ITEM, |printer, item| printer.index_item(&method, item))?;
            if let Some(include) = parts.node(Kind::INDEX_INCLUDE_CLAUSE) {
                printer.index_include(&include)?;
            }
            printer.nulls_distinct(&mut parts)?;
            if let Some(option) =
                parts.node(Kind::WITH_PARAMS).or_else(|| parts.node(Kind::TABLESPACE_CLAUSE))
            {
                let rule = "only an operator chooses how an index is stored: leave it out";
                return printer.refuse_at(&option, "this option of an index", rule);
            }
            if let Some(condition) = parts.node(Kind::WHERE_CLAUSE) {
                printer.condition(&condition, Kind::WHERE_KW, "WHERE")?;
            }
            printer.done(parts)
        })
    }

    fn index_method(&mut self, tree: &Tree) -> Checked<String> {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::USING_KW, "USING")?;
        let method = self.must_node(&mut parts, Kind::ACCESS_METHOD_REF)?;
        let method = self.name(&method)?;
        let is_listed = |list: &List| list.has_method(&method);
        let extensions = self.names().extensions();
        if !METHODS.contains(&method.as_str())
            && extensions.find(|list| is_listed(list).then_some(())).is_none()
        {
            let known = METHODS.join(", ");
            let rule = match extensions.ungranted(is_listed) {
                None => format!("the kinds of indexes are {known}"),
                Some(rule) => {
                    format!("the kinds of indexes are {known}; the operator classes of this one are {rule}")
                }
            };
            return self.refuse(shown(&method), rule);
        }
        self.put_as(Role::Listed, &method);
        self.done(parts)?;
        Ok(method)
    }

    fn index_item(&mut self, method: &str, item: &Tree) -> Checked {
        let mut parts = Parts::of(item);
        let value = self.must_any(&mut parts)?;
        if !is_index_item(&value) {
            return self.refuse_at(
                &value,
                "this item of an index",
                "write a column, a call, or an expression in parentheses",
            );
        }
        self.immutable(&value)?;
        let mark = self.cost.mark();
        self.expr(&value)?;
        self.cost.forget(mark);
        if let Some(class) = parts.node(Kind::OP_CLASS_REF) {
            let (schema, name) = self.dotted(&class)?;
            let extensions = self.names().extensions();
            if let Some((place, class)) = extensions.find(|list| list.index_class(&name)) {
                if schema.is_some() || !class.methods.contains(&method) {
                    let methods = class.methods.join(" or ");
                    return self
                        .refuse(shown(&name), format!("write it without a schema, with USING {methods}"));
                }
                self.put_as(Role::Qualifier, place);
                self.put_behind(".")?;
                self.put_as(Role::Column, class.name);
                return self.class_options(parts);
            }
            if let Some(rule) = extensions.ungranted(|list| list.index_class(&name).is_some()) {
                return self.refuse(shown(&name), rule);
            }
            if !matches!(schema.as_deref(), None | Some("pg_catalog")) || !CLASSES.contains(&name.as_str()) {
                return self.refuse(shown(&name), format!("the operator classes are {}", CLASSES.join(", ")));
            }
            self.put("pg_catalog");
            self.put(".");
            self.put_as(Role::Column, &name);
        }
        if !METHODS.contains(&method) {
            let rule = "write the operator class of the extension behind each column of such an index";
            return self.refuse(shown(method), rule);
        }
        self.class_options(parts)
    }

    fn class_options(&mut self, mut parts: Parts) -> Checked {
        if let Some(options) = parts.node(Kind::ATTRIBUTE_LIST) {
            return self.refuse_at(&options, "options of an operator class", "leave them out");
        }
        self.order_options(parts)
    }

    fn index_include(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::INCLUDE_KW, "INCLUDE")?;
        let items = self.must_node(&mut parts, Kind::PARTITION_ITEM_LIST)?;
        self.listed(&items, Kind::PARTITION_ITEM, |printer, item| {
            let mut parts = Parts::of(item);
            let Some(column) = parts.node(Kind::NAME_REF) else {
                return printer.refuse_at(item, "this item of INCLUDE", "write a column");
            };
            printer.put_plain(&column)?;
            printer.done(parts)
        })?;
        self.done(parts)
    }

    pub(super) fn alter_index(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::ALTER_KW, "ALTER")?;
        self.keyword(&mut parts, Kind::INDEX_KW, "INDEX")?;
        self.phrase_if(&mut parts, Kind::IF_EXISTS, "IF EXISTS")?;
        let name = self.must_node(&mut parts, Kind::INDEX_REF)?;
        self.put_own(&name)?;
        let action = self.must_any(&mut parts)?;
        self.done(parts)?;
        if action.kind() != Kind::INDEX_RENAME_TO {
            return self.refuse_at(
                &action,
                "this change of an index",
                "write RENAME TO, or drop the index and create another",
            );
        }
        self.rename_to(&action, Kind::INDEX)
    }
}

/// Whether an index can have this without parentheses around it, with or without COLLATE.
fn is_index_item(tree: &Tree) -> bool {
    match tree.kind() {
        Kind::NAME_REF | Kind::CALL_EXPR | Kind::PAREN_EXPR => true,
        Kind::CAST_EXPR => tree.children_with_tokens().any(|part| part.kind() == Kind::CAST_KW),
        Kind::COLLATE => tree.children().next().is_some_and(|value| is_index_item(&value)),
        _ => false,
    }
}

/// The kinds of indexes that need no extension.
const METHODS: &[&str] = &["btree", "hash", "gin", "brin"];

/// The operator classes beyond a type's default: for prefix search on text, and for indexes on jsonb.
const CLASSES: &[&str] =
    &["text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops", "jsonb_ops", "jsonb_path_ops"];
