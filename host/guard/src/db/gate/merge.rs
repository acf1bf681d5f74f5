//! MERGE. A row that the caller may not see does not match, and is not changed: its policy holds as for UPDATE.

use super::printer::Printer;
use super::scope::Shape;
use super::tree::{Kind, Parts, Tree};
use crate::db::catalogue::Operation;
use crate::db::gate::fault::Checked;

impl Printer<'_> {
    pub(super) fn merge(&mut self, parts: &mut Parts) -> Checked<Shape> {
        self.keyword(parts, Kind::MERGE_KW, "MERGE")?;
        self.keyword(parts, Kind::INTO_KW, "INTO")?;
        let relation = self.must_node(parts, Kind::TABLE_RELATION_NAME)?;
        let mut inner = Parts::of(&relation);
        if inner.next_kind() == Some(Kind::ONLY_KW) {
            return self.refuse_at(&relation, "ONLY", "a plugin's tables have no children: leave it out");
        }
        let name = self.must_node(&mut inner, Kind::TABLE_NAME_REF)?;
        self.takes(&mut inner, Kind::STAR);
        self.done(inner)?;
        // The condition reads the target's rows.
        let (name, shape) = self.table(&name, Operation::Select)?;
        let alias = parts.node(Kind::OPTIONAL_AS_ALIAS);
        self.bring_target(alias.as_ref(), &name, shape)?;
        let using = self.must_node(parts, Kind::USING_ON_CLAUSE)?;
        let mut inner = Parts::of(&using);
        self.keyword(&mut inner, Kind::USING_KW, "USING")?;
        let source = self.must_any(&mut inner)?;
        self.print_item(&source)?;
        let on = self.must_node(&mut inner, Kind::ON_CLAUSE)?;
        self.condition(&on, Kind::ON_KW, "ON")?;
        self.done(inner)?;
        while parts.next_kind().is_some_and(|kind| kind != Kind::RETURNING_CLAUSE) {
            let when = self.must_any(parts)?;
            self.when(&name, &when)?;
        }
        self.returning(parts)
    }

    fn when(&mut self, table: &str, tree: &Tree) -> Checked {
        self.see(tree);
        let mut parts = Parts::of(tree);
        self.keyword(&mut parts, Kind::WHEN_KW, "WHEN")?;
        if self.keyword_if(&mut parts, Kind::NOT_KW, "NOT") {
            self.absent(tree.kind() == Kind::MERGE_WHEN_NOT_MATCHED_SOURCE, "NOT MATCHED BY SOURCE")?;
            // The target, which is the first relation, has no row here, and its names are not seen.
            return self.seeing(1, |printer| printer.matched(table, parts));
        }
        self.matched(table, parts)
    }

    /// Prints what stands behind WHEN or WHEN NOT.
    fn matched(&mut self, table: &str, mut parts: Parts) -> Checked {
        self.keyword(&mut parts, Kind::MATCHED_KW, "MATCHED")?;
        self.absent(parts.next_kind() == Some(Kind::BY_TARGET), "BY TARGET")?;
        if let Some(condition) = parts.node(Kind::MERGE_CONDITION) {
            self.condition(&condition, Kind::AND_KW, "AND")?;
        }
        self.keyword(&mut parts, Kind::THEN_KW, "THEN")?;
        let action = self.must_any(&mut parts)?;
        self.done(parts)?;
        let mut parts = Parts::of(&action);
        self.see(&action);
        match action.kind() {
            Kind::MERGE_DO_NOTHING => {
                let words = self.words(&action)?;
                self.put(&words);
                return Ok(());
            }
            Kind::MERGE_DELETE => {
                self.may(table, Operation::Delete)?;
                self.keyword(&mut parts, Kind::DELETE_KW, "DELETE")?;
            }
            Kind::MERGE_UPDATE => {
                self.may(table, Operation::Update)?;
                self.keyword(&mut parts, Kind::UPDATE_KW, "UPDATE")?;
                let set = self.must_node(&mut parts, Kind::SET_CLAUSE)?;
                self.set_clause(table, &set)?;
            }
            Kind::MERGE_INSERT => {
                self.may(table, Operation::Insert)?;
                self.merge_insert(table, &mut parts)?;
            }
            _ => return self.unexpected(&mut parts),
        }
        self.done(parts)
    }

    fn merge_insert(&mut self, table: &str, parts: &mut Parts) -> Checked {
        self.keyword(parts, Kind::INSERT_KW, "INSERT")?;
        let list = parts.node(Kind::COLUMN_TARGET_LIST);
        if let Some(list) = &list {
            self.listed(list, Kind::COLUMN_TARGET, |printer, target| {
                printer.assigned(table, target, Operation::Insert).map(drop)
            })?;
        }
        let overriding = self.overriding(parts)?;
        if list.is_none() && parts.next_kind() == Some(Kind::VALUES) {
            return self.without_list(table, &overriding, parts).map(drop);
        }
        self.put_overriding(&overriding);
        if let Some(defaults) = parts.node(Kind::DEFAULT_VALUES) {
            let words = self.words(&defaults)?;
            self.put(&words);
            return Ok(());
        }
        let values = self.must_node(parts, Kind::VALUES)?;
        let mut inner = Parts::of(&values);
        self.keyword(&mut inner, Kind::VALUES_KW, "VALUES")?;
        let rows = self.must_node(&mut inner, Kind::ROW_LIST)?;
        let shape = self.values(&rows, |printer, _, value| printer.value_or_default(value, false))?;
        self.sent(&shape, "a value that is stored");
        self.done(inner)
    }
}
