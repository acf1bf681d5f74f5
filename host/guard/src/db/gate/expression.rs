//! Expressions.
//!
//! The parser's own precedence is not PostgreSQL's everywhere (it takes `a -> 'b' -> 'c'` from the right). So an expression is
//! flattened into its operands and operators and grouped again by PostgreSQL's table of precedence (manual, chapter 4.1.6). The
//! text does not depend on that, because it is printed in its own order; what the statement costs does.

use super::lex::Class as Lexed;
use super::literal::unwrapped;
use super::operators::{self, Level};
use super::printer::{Around, Printer};
use super::tree::{Kind, Parts, Tree};
use crate::db::cost::{self, Class, Family, Moment, Path, Size};
use crate::db::extension::{List, Operator};
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;
use squawk_syntax::SyntaxElement;
use std::collections::VecDeque;

/// An operand, or a part of an operator.
type Item = SyntaxElement;

/// The items of an expression that are still to be taken.
#[derive(Debug, Default)]
struct Items(VecDeque<Item>, /* whether there is an operator among them */ bool, Before);

/// The last operators that were taken, of those that bind less tightly than `^`.
#[derive(Debug, Default)]
struct Before {
    last: Option<Level>,
    earlier: Option<Level>,
}

impl Items {
    /// Notes an operator that is taken.
    fn note(&mut self, level: Level) {
        if level <= Level::PRODUCT {
            self.2.earlier = self.2.last.replace(level);
        }
    }

    fn next_kind(&self) -> Option<Kind> {
        self.0.front().map(Item::kind)
    }

    /// The next item, if it is a node.
    fn next_node(&self) -> Option<&Tree> {
        self.0.front().and_then(|item| item.as_node())
    }
}

/// Whether a node consists of operands and operators.
pub(super) fn is_operation(tree: &Tree) -> bool {
    match tree.kind() {
        Kind::BIN_EXPR | Kind::BETWEEN_EXPR | Kind::PREFIX_EXPR | Kind::POSTFIX_EXPR | Kind::COLLATE => true,
        Kind::CAST_EXPR => tree.children().any(|child| child.kind() == Kind::COLON_COLON),
        _ => false,
    }
}

fn flatten(tree: &Tree, items: &mut Items) {
    for part in tree.children_with_tokens() {
        match part {
            SyntaxElement::Node(node) if is_operation(&node) => flatten(&node, items),
            part if part.kind() == Kind::WHITESPACE => {}
            part => items.0.push_back(part),
        }
    }
}

impl Printer<'_> {
    /// Prints an expression. Exactly one value waits in the plan afterwards: the expression's.
    pub(in crate::db) fn expr(&mut self, tree: &Tree) -> Checked {
        let mark = self.cost.mark();
        let mut items = Items::default();
        if is_operation(tree) {
            flatten(tree, &mut items);
            items.1 = true;
        } else {
            items.0.push_back(tree.clone().into());
        }
        self.grouped(&mut items, Level::LOWEST)?;
        if let Some(item) = items.0.front() {
            self.see_offset(item.text_range().start().into());
            return self.refuse(shown(&item.to_string()), "not an operator here");
        }
        if self.cost.since(mark).len() == 1 {
            return Ok(());
        }
        // An expression that forgets to say what it costs must not be free.
        self.refuse("this expression", "its cost is unknown")
    }

    /// Takes the operands and operators that bind at least as tightly as a level.
    fn grouped(&mut self, items: &mut Items, level: Level) -> Checked {
        self.counted("nodes", |count| &mut count.nodes, 1, limits::SQL_NODES_MAX)?;
        self.deeper(|printer| {
            let mark = printer.cost.mark();
            let mut left = printer.operand(items, level)?;
            while let Some(kind) = items.next_kind() {
                let found = items.0.front().and_then(|item| printer.level(item));
                let Some(found) = found.filter(|found| *found >= level) else { break };
                items.note(found);
                printer.counted("nodes", |count| &mut count.nodes, 1, limits::SQL_NODES_MAX)?;
                if let Some(item) = items.0.front() {
                    printer.see_offset(item.text_range().start().into());
                }
                let place = printer.cost.here();
                printer.infix(items, kind, mark, left.take().as_ref())?;
                printer.cost.place(place);
            }
            Ok(())
        })
    }

    /// How tightly an operator binds; `None` if the item is not an operator behind an operand.
    fn level(&self, item: &Item) -> Option<Level> {
        let kind = item.kind();
        operators::level(kind).or_else(|| {
            let token = self.token_at(item.text_range().start().into())?;
            let is_operator =
                token.class == Lexed::Sign && (item.as_token().is_some() || kind == Kind::CUSTOM_OP);
            is_operator.then(|| operators::level_of_sign(&token.value))
        })
    }

    /// Takes an operand, with the operators in front of it. Returns it if it stands alone.
    fn operand(&mut self, items: &mut Items, level: Level) -> Checked<Option<Tree>> {
        let Some(item) = items.0.pop_front() else { return self.refuse("the expression", "ends too early") };
        if let SyntaxElement::Node(tree) = &item
            && !matches!(tree.kind(), Kind::CUSTOM_OP | Kind::OPERATOR_CALL)
        {
            // Beside an operator, PostgreSQL takes `alias.*` for the whole row; alone, it can be a list of columns.
            if items.1 && super::select::whole(tree).is_some() {
                self.starred_row(tree)?;
                return Ok(Some(tree.clone()));
            }
            let target = items.next_kind().filter(|kind| *kind == Kind::COLON_COLON).and(items.0.get(1));
            let target = target.and_then(|item| item.as_node()).cloned();
            if unwrapped(tree).kind() == Kind::LITERAL {
                self.around = self.before(items, level).unwrap_or(self.around);
            }
            self.primary(tree, target.as_ref())?;
            return Ok(Some(tree.clone()));
        }
        let mark = self.cost.mark();
        let start = item.text_range().start().into();
        self.see_offset(start);
        let place = self.cost.here();
        let is_not =
            self.token_at(start).is_some_and(|token| token.class == Lexed::Word && token.value == "not");
        let (class, level) = if is_not {
            self.take(item.text_range().start().into());
            self.put("NOT");
            (Class::Either, Level::NOT)
        } else {
            let sign = self.operator(&item)?;
            let Some((class, level)) = operators::prefix(&sign) else {
                return self.refuse(shown(&sign), "not in the list of operators in front of a value");
            };
            (class, level)
        };
        items.note(level);
        self.grouped(items, level)?;
        self.cost.close(mark, class, "a sign", Moment::Unknown);
        self.cost.place(place);
        Ok(None)
    }

    /// What a literal that stands before these items is beside: it is compared with, or joined to, a column that is certainly no
    /// date or time, or joined to what could be one.
    fn before(&self, items: &Items, level: Level) -> Option<Around> {
        let mut items = items.0.iter();
        let (operator, right) = (items.next()?, items.next()?);
        let sign = self.token_at(operator.text_range().start().into())?;
        let joins = Around::of_sign(&sign.value) == Around::Joins;
        let own = self.level(operator).filter(|own| *own >= level)?;
        if !joins && !is_comparison(&sign.value) {
            return None;
        }
        let follows = items.next().and_then(|item| self.level(item));
        let right = right.as_node().map(unwrapped).filter(|_| follows.is_none_or(|follows| follows <= own));
        let is_never = right.is_some_and(|right| {
            joins && right.kind() == Kind::LITERAL
                || self.node_of(&right).is_some_and(|node| self.cost.moment(node) == Moment::Never)
        });
        match (is_never, joins) {
            (true, _) => Some(Around::NoDate),
            (false, true) => Some(Around::Joins),
            (false, false) => None,
        }
    }

    /// Takes an operator and prints it as it stands: `+` or `OPERATOR(pg_catalog.+)`. Returns its sign.
    fn operator(&mut self, item: &Item) -> Checked<String> {
        if let SyntaxElement::Node(tree) = item
            && tree.kind() == Kind::OPERATOR_CALL
        {
            return self.operator_call(tree);
        }
        let end: usize = item.text_range().end().into();
        match self.take(item.text_range().start().into()) {
            Some(token) if token.class == Lexed::Sign && token.range.end == end => {
                self.put(&token.value);
                Ok(token.value)
            }
            _ => self.refuse(shown(&item.to_string()), "not one operator"),
        }
    }

    fn operator_call(&mut self, tree: &Tree) -> Checked<String> {
        let mut values = Vec::new();
        for token in tree.descendants_with_tokens().filter_map(SyntaxElement::into_token) {
            // An operator of several characters is several tokens to the parser.
            if let Some(token) = self.take(token.text_range().start().into()) {
                values.push((token.class, token.value));
            }
        }
        let parts: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
        match (parts.as_slice(), values.len()) {
            (["operator", "(", "pg_catalog", ".", sign, ")"], _)
                if values.get(4).is_some_and(|(class, _)| *class == Lexed::Sign) =>
            {
                for part in ["OPERATOR", "(", "pg_catalog", "."] {
                    self.put(part);
                }
                self.put(sign);
                self.put(")");
                Ok((*sign).to_owned())
            }
            _ => self.refuse_at(tree, "this operator", "write the operator, or OPERATOR(pg_catalog.+)"),
        }
    }

    /// Takes an operator and what stands behind it, as an operation on the value before it. `left` is the operand before
    /// the operator, if it is a single one.
    fn infix(&mut self, items: &mut Items, kind: Kind, mark: usize, left: Option<&Tree>) -> Checked {
        let Some(item) = items.0.pop_front() else { return self.refuse("the expression", "ends too early") };
        match (kind, item) {
            (Kind::COLON_COLON, item) => {
                let tree = item.as_node().cloned();
                if let Some(tree) = tree {
                    let mut parts = Parts::of(&tree);
                    // `::` is one token of two characters.
                    self.take(tree.text_range().start().into());
                    parts.any_node();
                }
                let Some(target) = items.0.pop_front().and_then(SyntaxElement::into_node) else {
                    return self.refuse("::", "write a type behind it");
                };
                self.put("::");
                let name = self.data_type(&target)?;
                self.converted(mark, left, &name)
            }
            (Kind::COLLATE_KW, item) => {
                self.take(item.text_range().start().into());
                self.put("COLLATE");
                match items.0.pop_front() {
                    Some(SyntaxElement::Node(name)) if name.kind() == Kind::COLLATION_REF => {
                        self.collation(&name)?;
                    }
                    _ => return self.refuse("COLLATE", "write a collation behind it"),
                }
                self.cost.close(mark, Class::Same, "COLLATE", Moment::Unknown);
                Ok(())
            }
            (Kind::AT_TIME_ZONE, SyntaxElement::Node(tree)) => self.at_time_zone(items, &tree, mark),
            (Kind::AND_KW | Kind::OR_KW, item) => {
                self.take(item.text_range().start().into());
                let (word, level) =
                    if kind == Kind::AND_KW { ("AND", Level::NOT) } else { ("OR", Level::AND) };
                self.put(word);
                self.grouped(items, level)?;
                self.cost.close(mark, Class::Either, word, Moment::Unknown);
                Ok(())
            }
            (Kind::IS_KW | Kind::IS_NOT, item) => self.is(items, &item, mark),
            (Kind::IS_DISTINCT_FROM | Kind::IS_NOT_DISTINCT_FROM, SyntaxElement::Node(tree)) => {
                let words = self.words(&tree)?;
                self.put(&words);
                self.beside(items, mark, Level::COMPARISON);
                self.grouped(items, Level::COMPARISON)?;
                self.cost.close(mark, Class::Equal, "IS DISTINCT FROM", Moment::Unknown);
                Ok(())
            }
            (Kind::ISNULL_KW | Kind::NOTNULL_KW, item) => {
                self.take(item.text_range().start().into());
                self.put(if kind == Kind::ISNULL_KW { "ISNULL" } else { "NOTNULL" });
                self.cost.close(mark, Class::Fixed, "a test", Moment::Unknown);
                Ok(())
            }
            (
                Kind::IS_NORMALIZED
                | Kind::IS_NOT_NORMALIZED
                | Kind::IS_JSON
                | Kind::IS_JSON_ARRAY
                | Kind::IS_JSON_OBJECT
                | Kind::IS_JSON_SCALAR
                | Kind::IS_JSON_VALUE,
                item,
            ) => self.tested(&item, mark),
            (Kind::NOT_KW, item) => {
                self.take(item.text_range().start().into());
                self.put("NOT");
                match items.0.pop_front() {
                    Some(item) if item.kind() == Kind::BETWEEN_KW => self.between(items, &item, mark),
                    _ => self.refuse("NOT", "not an operator here"),
                }
            }
            (Kind::BETWEEN_KW, item) => self.between(items, &item, mark),
            (Kind::IN_KW | Kind::NOT_IN, item) => {
                let words = self.word_item(&item)?;
                self.put(&words);
                self.one_of(items, mark)
            }
            (Kind::LIKE_KW | Kind::ILIKE_KW | Kind::NOT_LIKE | Kind::NOT_ILIKE, item) => {
                let words = self.word_item(&item)?;
                self.put(&words);
                self.like(items, mark, Class::Like)
            }
            (Kind::SIMILAR_TO | Kind::NOT_SIMILAR_TO, item) => {
                let words = self.word_item(&item)?;
                self.put(&words);
                self.like(items, mark, Class::Regex)
            }
            (Kind::OVERLAPS_KW, item) => {
                self.take(item.text_range().start().into());
                self.put("OVERLAPS");
                self.grouped(items, Level::SUM)?;
                self.cost.close(mark, Class::Fixed, "OVERLAPS", Moment::Unknown);
                Ok(())
            }
            (_, item) => self.binary(items, &item, mark),
        }
    }

    /// Takes a test of several words behind a value.
    fn tested(&mut self, item: &Item, mark: usize) -> Checked {
        if matches!(item.kind(), Kind::IS_NORMALIZED | Kind::IS_NOT_NORMALIZED) {
            let words = self.word_item(item)?;
            self.put(&words);
            self.cost.close(mark, Class::Normalized, "IS NORMALIZED", Moment::Unknown);
            return Ok(());
        }
        self.refuse(shown(&item.to_string()), "not known to PostgreSQL 15: try jsonb_typeof")
    }

    fn at_time_zone(&mut self, items: &mut Items, tree: &Tree, mark: usize) -> Checked {
        let words = self.words(tree)?;
        self.put(&words);
        let moved = self.cost.since(mark).first().map_or(Moment::Unknown, |node| self.cost.moment(*node));
        self.has_date(moved)?;
        self.zone_operand(items)?;
        self.grouped(items, Level::COLLATE)?;
        self.cost.close(mark, Class::Near(0), "AT TIME ZONE", Moment::Certain);
        Ok(())
    }

    /// Checks that what a zone is given to is a timestamp, and no time of day: PostgreSQL would give that the offset that the
    /// zone has today.
    pub(super) fn has_date(&self, moment: Moment) -> Checked {
        let rule = match moment {
            Moment::Certain | Moment::Difference | Moment::Bare => return Ok(()),
            Moment::Time => super::zone::TIME_RULE,
            Moment::Unknown | Moment::Never | Moment::Range => {
                "only a timestamp has one: a column, `now()`, to_timestamp, or `$1::timestamptz`"
            }
        };
        self.refuse("a time zone of this value", rule)
    }

    /// Checks what stands behind AT TIME ZONE: one value, or one that is converted to a text or an interval.
    fn zone_operand(&mut self, items: &Items) -> Checked {
        let Some(zone) = items.next_node() else { return self.no_zone() };
        if matches!(zone.kind(), Kind::NAME_REF | Kind::FIELD_EXPR) {
            let rule =
                "a time zone is a literal or a parameter: read the column first, and pass its value as `$1`";
            return self.refuse_at(&zone.clone(), "a column as a time zone", rule);
        }
        let is_cast = |index: usize| items.0.get(index).is_some_and(|item| item.kind() == Kind::COLON_COLON);
        if !is_cast(1) {
            return self.zone(zone);
        }
        let target = items.0.get(2).and_then(|item| item.as_node());
        match target.map(|target| (target.kind(), target.text().to_string())) {
            Some((Kind::INTERVAL_TYPE, _)) if !is_cast(3) && zone.kind() == Kind::LITERAL => Ok(()),
            Some((Kind::PATH_TYPE, name)) if !is_cast(3) && name == "text" => self.zone(zone),
            _ => self.no_zone(),
        }
    }

    /// Takes a word, or a node of words.
    fn word_item(&mut self, item: &Item) -> Checked<String> {
        match item {
            SyntaxElement::Node(tree) => self.words(tree),
            SyntaxElement::Token(token) => {
                let start = token.text_range().start().into();
                Ok(self.take(start).map(|token| token.value.to_ascii_uppercase()).unwrap_or_default())
            }
        }
    }

    fn binary(&mut self, items: &mut Items, item: &Item, mark: usize) -> Checked {
        let (start, earlier) = (self.printed(), items.2.earlier);
        let sign = self.operator(item)?;
        let extensions = self.names().extensions();
        let is_bare = item.kind() != Kind::OPERATOR_CALL;
        let of = |family: Option<Family>| {
            extensions.find(|list| {
                list.operators.iter().find(|operator| operator.sign == sign && operator.of == family)
            })
        };
        if let Some((schema, operator)) = of(None).filter(|_| is_bare) {
            self.grouped(items, Level::OTHER.next())?;
            return self.extension_operator(start, schema, operator, mark);
        }
        let Some((sign, class)) = cost::operator(&sign) else {
            let is_listed = |list: &List| list.operators.iter().any(|operator| operator.sign == sign);
            let ungranted = extensions.ungranted(is_listed).filter(|_| is_bare);
            let rule = ungranted.unwrap_or_else(|| "not in the list of operators".to_owned());
            return self.refuse(shown(&sign), rule);
        };
        let families = [Family::Text, Family::Vector].map(|family| (family, of(Some(family))));
        if operators::is_product(sign) {
            self.counted("products", |count| &mut count.products, 1, limits::SQL_PRODUCTS_MAX)?;
        }
        if let Some(call) = items.next_node().filter(|node| quantifier(node).is_some()) {
            let call = call.clone();
            items.0.pop_front();
            return self.quantified(&call, sign, mark);
        }
        let mut class = class;
        // A string behind these can be a path of JSON.
        if matches!(sign, "@?" | "@@")
            && let Some(literal) = items.next_node().map(unwrapped)
            && let Some(path) = self.string_of(&literal)
        {
            // There are no variables here.
            let given = Path { variables: 0, names: 0, ..super::path::seen(path) };
            if class != Class::Found || given.pairs > 0 {
                class = Class::JsonPath(given);
            }
            self.path(sign, &literal)?;
        }
        let level = operators::level_of_sign(sign);
        let around = Around::of_sign(sign);
        if around == Around::Unknown && is_comparison(sign) {
            self.beside(items, mark, level.next());
        } else if self.is_lone_literal(items, level.next()) {
            let left = self.cost.since(mark).last().map_or(Moment::Unknown, |node| self.cost.moment(*node));
            let is_never = around == Around::Joins && matches!(left, Moment::Never | Moment::Bare);
            self.around = if is_never { Around::NoDate } else { around };
        }
        // An operand of one item is that alone.
        let (right, rest) = (items.next_node().cloned(), items.0.len().saturating_sub(1));
        self.grouped(items, level.next())?;
        let right = right.filter(|_| class == Class::Power && items.0.len() == rest);
        let is_of = |family| self.cost.since(mark).iter().any(|node| self.cost.family(*node) == family);
        let found = families.into_iter().find(|(family, _)| is_of(*family)).and_then(|(_, found)| found);
        if let Some((schema, operator)) = found.filter(|_| is_bare) {
            // With its schema the operator binds like any other, and these would be grouped anew.
            let is_near = |level: Level| (Level::OTHER..=Level::PRODUCT).contains(&level);
            let next = items.0.front().and_then(|item| self.level(item));
            if level != Level::OTHER && (earlier.is_some_and(is_near) || next.is_some_and(is_near)) {
                let rule = "write it, with its two operands, in parentheses: beside another operator its place is not plain";
                return self.refuse(shown(sign), rule);
            }
            return self.extension_operator(start, schema, operator, mark);
        }
        let class = right.and_then(|right| self.fraction(&right)).map_or(class, Class::Fraction);
        let is_arithmetic = matches!(class, Class::Sum | Class::Product | Class::Quotient);
        let moment = match sign {
            _ if is_arithmetic => {
                let moments = self.cost.since(mark).iter().map(|node| self.cost.moment(*node));
                let found = moments.reduce(|left, right| left.arithmetic(sign, right));
                found.filter(|found| *found != Moment::Bare).unwrap_or_default()
            }
            "->" | "->>" | "#>" | "#>>" | "#-" => Moment::Never,
            // Two values of unknown types are joined as texts.
            "||" => {
                let mut moments = self.cost.since(mark).iter().map(|node| self.cost.moment(*node));
                let is_never = moments.all(|moment| matches!(moment, Moment::Never | Moment::Bare));
                if is_never { Moment::Never } else { Moment::Unknown }
            }
            _ => Moment::Unknown,
        };
        self.cost.close(mark, class, sign, moment);
        Ok(())
    }

    /// The same for an expression in parentheses.
    fn beside_tree(&mut self, tree: &Tree, mark: usize) {
        if tree.kind() == Kind::LITERAL {
            let items = Items(VecDeque::from([tree.clone().into()]), false, Before::default());
            self.beside(&items, mark, Level::LOWEST);
        }
    }

    /// Whether a literal comes next, and is all that an operator has on its right, where it takes what binds as tightly as a
    /// level. `'today' - created` is no lone literal: it stands beside the minus.
    fn is_lone_literal(&self, items: &Items, right: Level) -> bool {
        let follows = items.0.get(1).and_then(|item| self.level(item));
        let is_literal = items.next_node().is_some_and(|node| unwrapped(node).kind() == Kind::LITERAL);
        is_literal && follows.is_none_or(|follows| follows < right)
    }

    /// Notes that a literal that comes next, alone, is compared with the value since a mark. If that is certainly no date or
    /// time, the literal is none: PostgreSQL gives it a type that can be compared with the value's.
    fn beside(&mut self, items: &Items, mark: usize, right: Level) {
        let is_never =
            self.cost.since(mark).first().is_some_and(|node| self.cost.moment(*node) == Moment::Never);
        if is_never && self.is_lone_literal(items, right) {
            self.around = Around::NoDate;
        }
    }

    /// Ends an operation with an operator of a granted extension, whose sign stands from a place on: it is printed with the
    /// extension's schema.
    fn extension_operator(
        &mut self,
        start: usize,
        schema: &str,
        operator: &'static Operator,
        mark: usize,
    ) -> Checked {
        self.put_schema(start, schema, operator.sign)?;
        self.cost.close(mark, operator.class, operator.sign, Moment::Unknown);
        Ok(())
    }

    fn is(&mut self, items: &mut Items, item: &Item, mark: usize) -> Checked {
        let words = self.word_item(item)?;
        self.put(&words);
        let Some(tree) = items.0.pop_front().and_then(SyntaxElement::into_node) else {
            return self.refuse("IS", "write NULL, TRUE, FALSE or UNKNOWN behind it");
        };
        let token = self.single(&tree)?;
        match (token.class, token.value.as_str()) {
            (Lexed::Word, "null" | "true" | "false" | "unknown") => {
                self.put(&token.value.to_ascii_uppercase());
            }
            _ => return self.refuse(shown(&token.value), "write NULL, TRUE, FALSE or UNKNOWN behind IS"),
        }
        self.cost.close(mark, Class::Fixed, "a test", Moment::Unknown);
        Ok(())
    }

    fn between(&mut self, items: &mut Items, item: &Item, mark: usize) -> Checked {
        self.take(item.text_range().start().into());
        self.put("BETWEEN");
        if matches!(items.next_kind(), Some(Kind::SYMMETRIC | Kind::ASYMMETRIC))
            && let Some(item) = items.0.pop_front()
        {
            let words = self.word_item(&item)?;
            self.put(&words);
        }
        self.beside(items, mark, Level::COMPARISON);
        self.grouped(items, Level::COMPARISON)?;
        match items.0.pop_front() {
            Some(item) if item.kind() == Kind::AND_KW => {
                self.take(item.text_range().start().into());
                self.put("AND");
            }
            _ => return self.refuse("BETWEEN", "write AND between the two bounds"),
        }
        self.beside(items, mark, Level::MEMBER.next());
        self.grouped(items, Level::MEMBER.next())?;
        self.cost.close(mark, Class::Order, "BETWEEN", Moment::Unknown);
        Ok(())
    }

    /// Takes the list or subquery behind IN.
    fn one_of(&mut self, items: &mut Items, mark: usize) -> Checked {
        let Some(tree) = items.0.pop_front().and_then(SyntaxElement::into_node) else {
            return self.refuse("IN", "write a list or a subquery in parentheses behind it");
        };
        if !matches!(tree.kind(), Kind::TUPLE_EXPR | Kind::PAREN_EXPR) {
            return self.refuse_at(&tree, "IN", "write a list or a subquery in parentheses behind it");
        }
        let mut parts = Parts::of(&tree);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        let class = if let Some(query) = query_of(&mut parts) {
            self.subquery(&query)?;
            Class::Equal
        } else {
            self.items(&mut parts, |printer, parts| {
                let item = printer.must_any(parts)?;
                printer.beside_tree(&item, mark);
                printer.expr(&item)
            })?;
            Class::OneOf
        };
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)?;
        self.cost.close(mark, class, "IN", Moment::Unknown);
        Ok(())
    }

    fn like(&mut self, items: &mut Items, mark: usize, class: Class) -> Checked {
        if let Some(call) = items.next_node().filter(|node| quantifier(node).is_some()) {
            let call = call.clone();
            items.0.pop_front();
            return self.quantified_as(&call, Class::LikeEach, "LIKE", mark);
        }
        if self.is_lone_literal(items, Level::ESCAPE.next()) {
            self.around = Around::NoDate;
        }
        self.grouped(items, Level::ESCAPE.next())?;
        if items.next_kind() == Some(Kind::ESCAPE_KW)
            && let Some(item) = items.0.pop_front()
        {
            self.take(item.text_range().start().into());
            self.put("ESCAPE");
            self.grouped(items, Level::ESCAPE.next())?;
        }
        self.cost.close(mark, class, "LIKE", Moment::Unknown);
        Ok(())
    }

    /// Takes ANY, SOME or ALL behind an operator.
    fn quantified(&mut self, call: &Tree, sign: &'static str, mark: usize) -> Checked {
        let is_equality = matches!(sign, "=" | "<>");
        if !is_equality && !matches!(sign, "<" | "<=" | ">" | ">=") {
            return match cost::operator(sign) {
                Some((_, Class::Regex | Class::Like)) => {
                    self.quantified_as(call, Class::LikeEach, sign, mark)
                }
                _ => self.refuse_at(call, shown(sign), "ANY and ALL can follow comparisons, LIKE and ~"),
            };
        }
        self.quantified_as(call, if is_equality { Class::AnyEqual } else { Class::AnyOrder }, sign, mark)
    }

    fn quantified_as(&mut self, call: &Tree, class: Class, what: &'static str, mark: usize) -> Checked {
        let (mut outer, word) = (Parts::of(call), quantifier(call).unwrap_or_default());
        let inner = self.must_any(&mut outer)?;
        self.done(outer)?;
        let mut parts = Parts::of(&inner);
        if !(self.takes(&mut parts, Kind::ANY_KW) || self.takes(&mut parts, Kind::ALL_KW)) {
            self.must_take(&mut parts, Kind::SOME_KW)?;
        }
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put(word);
        self.put("(");
        let class = if let Some(query) = query_of(&mut parts) {
            self.subquery(&query)?;
            match class {
                Class::AnyEqual => Class::Equal,
                Class::AnyOrder => Class::Order,
                other => other,
            }
        } else {
            let array = self.must_any(&mut parts)?;
            self.beside_tree(&array, mark);
            self.expr(&array)?;
            class
        };
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)?;
        self.cost.close(mark, class, what, Moment::Unknown);
        Ok(())
    }

    /// Prints an operand. `target` is the type that it is converted to at once.
    fn primary(&mut self, tree: &Tree, target: Option<&Tree>) -> Checked {
        self.see(tree);
        let place = self.cost.here();
        match tree.kind() {
            Kind::LITERAL => self.literal(tree, target),
            Kind::NAME_REF => self.name_ref(tree),
            Kind::FIELD_EXPR => self.field(tree),
            Kind::PAREN_EXPR => self.parenthesized_expr(tree),
            Kind::TUPLE_EXPR => self.row(tree),
            Kind::CAST_EXPR => self.cast(tree),
            Kind::CALL_EXPR => self.call(tree),
            Kind::CASE_EXPR => self.case(tree),
            Kind::ARRAY_EXPR => self.array(tree),
            Kind::INDEX_EXPR | Kind::SLICE_EXPR => self.subscript(tree),
            _ => self.refuse(shown(&tree.to_string()), "not part of the SQL that plugins can use here"),
        }?;
        // What stands in parentheses has its own place.
        if tree.kind() != Kind::PAREN_EXPR {
            self.cost.place(place);
        }
        Ok(())
    }

    /// Prints `alias.column`. A dot behind anything else is attribute notation, which can call a function.
    fn field(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let base = self.must_any(&mut parts)?;
        if base.kind() != Kind::NAME_REF {
            return self.refuse_at(tree, "a dot behind an expression", "write `alias.column`");
        }
        let alias = self.name(&base)?;
        self.relation(&alias)?;
        self.must_take(&mut parts, Kind::DOT)?;
        if self.takes(&mut parts, Kind::STAR) {
            return self.refuse("*", "write the columns here, or the alias alone for the whole row");
        }
        let column = self.must_node(&mut parts, Kind::NAME_REF)?;
        self.done(parts)?;
        self.qualified_column(&alias, &column)
    }

    fn parenthesized_expr(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        if let Some(query) = query_of(&mut parts) {
            self.subquery(&query)?;
        } else {
            let inner = self.must_any(&mut parts)?;
            self.expr(&inner)?;
        }
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)
    }

    /// Prints a query in an expression. The value that waits afterwards is that of its first column.
    pub(super) fn subquery(&mut self, query: &Tree) -> Checked {
        let mark = self.cost.mark();
        let shape = self.query(query)?;
        self.cost.forget(mark);
        match shape.columns().first() {
            Some(column) => self.cost.refer(column.node),
            None => self.cost.known(Size::stored(), Moment::Unknown),
        }
        Ok(())
    }

    /// Prints `ROW(…)` or `(a, b)`.
    fn row(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let is_row = self.keyword_if(&mut parts, Kind::ROW_KW, "ROW");
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        let mark = self.cost.mark();
        if !(is_row && parts.next_kind() == Some(Kind::R_PAREN)) {
            self.items(&mut parts, |printer, parts| {
                let item = printer.must_any(parts)?;
                printer.expr(&item)
            })?;
        }
        self.cost.close(mark, Class::Tuple, "a row", Moment::Unknown);
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)
    }

    /// Prints `ARRAY[…]` or `ARRAY(SELECT …)`.
    fn array(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let has_word = self.keyword_if(&mut parts, Kind::ARRAY_KW, "ARRAY");
        let mark = self.cost.mark();
        if has_word && self.takes(&mut parts, Kind::L_PAREN) {
            self.put("(");
            let Some(query) = query_of(&mut parts) else { return self.unexpected(&mut parts) };
            self.subquery(&query)?;
            let values = self.cost.since(mark).to_vec();
            let moment = self.cost.common_moment(&values);
            self.cost.close(mark, Class::GatheredArray, "ARRAY", moment);
            self.carry(&values);
            self.must_take(&mut parts, Kind::R_PAREN)?;
            self.put(")");
            return self.done(parts);
        }
        self.must_take(&mut parts, Kind::L_BRACK)?;
        self.put("[");
        if parts.next_kind() != Some(Kind::R_BRACK) {
            self.items(&mut parts, |printer, parts| {
                let item = printer.must_any(parts)?;
                printer.deeper(|printer| printer.expr(&item))
            })?;
        }
        let values = self.cost.since(mark).to_vec();
        let moment = self.every_moment(mark);
        self.cost.close(mark, Class::Listed, "ARRAY", moment);
        self.carry(&values);
        self.must_take(&mut parts, Kind::R_BRACK)?;
        self.put("]");
        self.done(parts)
    }

    /// Whether every value since a mark is a date or time, or takes that type when it is converted.
    fn every_moment(&self, mark: usize) -> Moment {
        let moments = self.cost.since(mark).iter().map(|node| self.cost.moment(*node));
        moments.fold(Moment::Certain, |all, moment| match (all, moment) {
            (Moment::Unknown | Moment::Never | Moment::Range, _)
            | (_, Moment::Unknown | Moment::Never | Moment::Range) => Moment::Unknown,
            (Moment::Bare, _) | (_, Moment::Bare) => Moment::Bare,
            (Moment::Time, _) | (_, Moment::Time) => Moment::Time,
            (Moment::Difference, _) | (_, Moment::Difference) => Moment::Difference,
            (Moment::Certain, Moment::Certain) => Moment::Certain,
        })
    }

    fn case(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let mark = self.cost.mark();
        self.keyword(&mut parts, Kind::CASE_KW, "CASE")?;
        if parts.next_kind() != Some(Kind::WHEN_CLAUSE_LIST) {
            let operand = self.must_any(&mut parts)?;
            self.expr(&operand)?;
        }
        let clauses = self.must_node(&mut parts, Kind::WHEN_CLAUSE_LIST)?;
        // The results have one type; the tests are among the operands too.
        let mut results = Vec::new();
        let mut branch = |printer: &mut Self, parts: &mut Parts| -> Checked {
            let result = printer.must_any(parts)?;
            printer.expr(&result)?;
            results.extend(printer.cost.last());
            Ok(())
        };
        let mut whens = Parts::of(&clauses);
        while let Some(clause) = whens.node(Kind::WHEN_CLAUSE) {
            let mut parts = Parts::of(&clause);
            self.keyword(&mut parts, Kind::WHEN_KW, "WHEN")?;
            let test = self.must_any(&mut parts)?;
            self.expr(&test)?;
            self.keyword(&mut parts, Kind::THEN_KW, "THEN")?;
            branch(self, &mut parts)?;
            self.done(parts)?;
        }
        self.done(whens)?;
        if let Some(clause) = parts.node(Kind::ELSE_CLAUSE) {
            let mut parts = Parts::of(&clause);
            self.keyword(&mut parts, Kind::ELSE_KW, "ELSE")?;
            branch(self, &mut parts)?;
            self.done(parts)?;
        }
        self.keyword(&mut parts, Kind::END_KW, "END")?;
        let moment = self.cost.common_moment(&results);
        self.cost.close(mark, Class::Extreme, "CASE", moment);
        self.carry(&results);
        self.done(parts)
    }

    /// Prints a subscript or a slice of an array.
    fn subscript(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let base = self.must_any(&mut parts)?;
        if is_operation(&base) {
            return self.refuse_at(
                &base,
                "a subscript of an operation",
                "write the operation in parentheses",
            );
        }
        let mark = self.cost.mark();
        self.deeper(|printer| printer.primary(&base, None))?;
        let bases = self.cost.since(mark).to_vec();
        let moment = self.cost.common_moment(&bases);
        self.subscripts(parts)?;
        self.cost.close(mark, Class::Same, "a subscript", moment);
        self.carry(&bases);
        Ok(())
    }

    /// Prints what is in the brackets of a subscript: `[1]`, `[1:2]`, `[:]`.
    pub(super) fn subscripts(&mut self, mut parts: Parts) -> Checked {
        self.must_take(&mut parts, Kind::L_BRACK)?;
        self.put("[");
        while parts.next_kind().is_some_and(|kind| kind != Kind::R_BRACK) {
            if self.takes(&mut parts, Kind::COLON) {
                self.put(":");
            } else {
                let bound = self.must_any(&mut parts)?;
                self.expr(&bound)?;
            }
        }
        self.must_take(&mut parts, Kind::R_BRACK)?;
        self.put("]");
        self.done(parts)
    }
}

/// Whether an operator compares two values of one type.
fn is_comparison(sign: &str) -> bool {
    matches!(sign, "=" | "<>" | "<" | "<=" | ">" | ">=" | "&&")
}

/// Whether a kind of node is a query.
pub(super) fn is_query(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SELECT
            | Kind::COMPOUND_SELECT
            | Kind::VALUES
            | Kind::TABLE
            | Kind::PAREN_SELECT
            | Kind::SELECT_INTO
    )
}

/// The next child, if it is a query.
pub(super) fn query_of(parts: &mut Parts) -> Option<Tree> {
    if parts.next_kind().is_some_and(is_query) { parts.any_node() } else { None }
}

/// The word of ANY, SOME or ALL, if a node is a call of it.
fn quantifier(tree: &Tree) -> Option<&'static str> {
    let inner = tree.children().next().filter(|_| tree.kind() == Kind::CALL_EXPR)?;
    match inner.kind() {
        Kind::ANY_FN => Some("ANY"),
        Kind::SOME_FN => Some("SOME"),
        Kind::ALL_FN => Some("ALL"),
        _ => None,
    }
}
