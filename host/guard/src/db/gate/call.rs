//! Calls of functions. A function must be in the list, and its name is printed with `pg_catalog` unless it is a word of the
//! grammar. Functions with their own syntax are in `special.rs`.

use super::functions::{self, Kind as Way};
use super::lex::Class as Lexed;
use super::literal::unwrapped;
use super::path;
use super::printer::{Around, Printer, Role};
use super::tree::{Kind, Parts, Tree};
use crate::db::cost::{self, Class, Known, Moment, Node, Path, Size};
use crate::db::extension::Function;
use crate::db::gate::fault::Checked;
use crate::db::shown;
use crate::limits;

/// What a call has beside its name.
#[derive(Debug, Default)]
struct Suffix {
    within: Option<Tree>,
    filter: Option<Tree>,
    over: Option<Tree>,
}

impl Printer<'_> {
    pub(super) fn call(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let head = self.must_any(&mut parts)?;
        if !matches!(head.kind(), Kind::NAME_REF | Kind::FIELD_EXPR) {
            self.done(parts)?;
            return self.special(&head);
        }
        let (name, is_word) = self.function_name(&head)?;
        let list = self.must_node(&mut parts, Kind::ARG_LIST)?;
        let mut suffix = Suffix::default();
        while let Some(part) = parts.any_node() {
            let place = match part.kind() {
                Kind::WITHIN_CLAUSE => &mut suffix.within,
                Kind::FILTER_CLAUSE => &mut suffix.filter,
                Kind::OVER_CLAUSE => &mut suffix.over,
                _ => {
                    return self.refuse_at(
                        &part,
                        shown(&part.to_string()),
                        "not part of the SQL that plugins can use",
                    );
                }
            };
            *place = Some(part);
        }
        self.done(parts)?;
        self.see(&head);
        if functions::is_clock(&name) || is_word && functions::is_clock_word(&name) {
            return self.clock_call(&name, &list, &suffix);
        }
        if self.in_default && self.default_call(&name, &list, &suffix)? {
            return Ok(());
        }
        let known = functions::kind(&name).zip(cost::function(&name)).is_some();
        let found = self.names().extensions().find(|list| list.function(&name));
        if !known
            && head.kind() == Kind::NAME_REF
            && let Some((schema, function)) = found
        {
            return self.extension_call(schema, function, &list, &suffix);
        }
        self.listed_call(&name, is_word, &list, &suffix)
    }

    /// Prints a call of a function of a granted extension, with the extension's schema.
    fn extension_call(&mut self, schema: &str, function: &Function, list: &Tree, suffix: &Suffix) -> Checked {
        self.see(list);
        self.suffix_fits(Way::Plain, suffix)?;
        self.counted("calls", |count| &mut count.calls, 1, limits::SQL_CALLS_MAX)?;
        self.put_as(Role::Qualifier, schema);
        self.put_behind(".")?;
        self.put_as(Role::Function, function.name);
        let mark = self.cost.mark();
        self.arguments(function.name, Way::Plain, list)?;
        self.cost_of(mark, function.class, function.name);
        Ok(())
    }

    /// The name of a function, and whether it stands without quotes and schema. The only schema that may stand before it
    /// is `pg_catalog`.
    fn function_name(&mut self, tree: &Tree) -> Checked<(String, bool)> {
        if tree.kind() == Kind::NAME_REF {
            let token = self.single(tree)?;
            return match token.class {
                Lexed::Word => Ok((token.value, true)),
                Lexed::Name => Ok((token.value, false)),
                _ => self.refuse(shown(&token.value), "not the name of a function"),
            };
        }
        let mut parts = Parts::of(tree);
        let schema = self.must_node(&mut parts, Kind::NAME_REF)?;
        let schema = self.name(&schema)?;
        self.must_take(&mut parts, Kind::DOT)?;
        let name = self.must_node(&mut parts, Kind::NAME_REF)?;
        let name = self.name(&name)?;
        self.done(parts)?;
        if schema == "pg_catalog" {
            return Ok((name, false));
        }
        self.refuse(format!("{} with a schema", shown(&name)), "not in the list of functions")
    }

    /// Counts a call and prints the name of the function.
    pub(super) fn call_start(&mut self, name: &str, way: Way) -> Checked {
        self.counted("calls", |count| &mut count.calls, 1, limits::SQL_CALLS_MAX)?;
        if way == Way::Grammar {
            self.put_call(&name.to_ascii_uppercase());
        } else {
            self.put("pg_catalog");
            self.put(".");
            self.put_as(Role::Function, name);
        }
        Ok(())
    }

    fn listed_call(&mut self, name: &str, is_word: bool, list: &Tree, suffix: &Suffix) -> Checked {
        let is_in_from = std::mem::take(&mut self.is_in_from);
        let Some((way, known)) = functions::kind(name).zip(cost::function(name)) else {
            let ungranted = self.names().extensions().ungranted(|list| list.function(name).is_some());
            return self.refuse(shown(name), ungranted.unwrap_or_else(|| functions::unlisted(name)));
        };
        let way = match (way, &suffix.within) {
            (Way::Place, Some(_)) => Way::OrderedSet,
            (Way::Place, None) => Way::Window,
            (way, _) => way,
        };
        if way == Way::Records && !is_in_from {
            return self
                .refuse(shown(name), "it returns rows with several columns: it can stand only in FROM");
        }
        let class = self.class_of(name, known.class, list, is_in_from)?;
        if way == Way::Grammar && !is_word {
            return self.refuse(shown(name), "a word of SQL: write it without quotes and schema");
        }
        self.suffix_fits(way, suffix)?;
        if name == "unnest" && is_in_from && list.children().count() > 1 {
            // With several arrays it is grammar, which knows the name only without a schema, and means `pg_catalog`.
            self.counted("calls", |count| &mut count.calls, 1, limits::SQL_CALLS_MAX)?;
            self.put_as(Role::Function, name);
        } else {
            self.call_start(name, way)?;
        }
        let mark = self.cost.mark();
        self.arguments(name, way, list)?;
        if way == Way::OrderedSet {
            let sorted = self.after_call(suffix)?;
            self.typed(mark, class, &known, &sorted);
            return Ok(());
        }
        if name == "timezone" {
            let moved = self.cost.since(mark).last().map_or(Moment::Unknown, |node| self.cost.moment(*node));
            self.has_date(moved)?;
        }
        let arguments = self.cost.since(mark).iter().enumerate();
        let shared: Vec<Node> =
            arguments.filter(|(index, _)| known.moment.shares(*index)).map(|(_, node)| *node).collect();
        self.typed(mark, class, &known, &shared);
        let done = self.cost.mark();
        self.after_call(suffix)?;
        self.cost.forget(done);
        Ok(())
    }

    /// Ends a call whose result has the type of some of its values, if its function says so.
    fn typed(&mut self, mark: usize, class: Class, known: &Known, shared: &[Node]) {
        let moment = match known.name {
            "make_time" => Moment::Time,
            _ => known.moment.of(self.cost.common_moment(shared)),
        };
        self.cost.close(mark, class, known.name, moment);
        // Of an array of rows, or of a `tsvector`, it makes columns.
        if known.name != "unnest" {
            self.carry(shared);
        }
    }

    fn suffix_fits(&mut self, way: Way, Suffix { within, filter, over }: &Suffix) -> Checked {
        let is_aggregate = matches!(way, Way::Aggregate | Way::ShortAggregate(_) | Way::OrderedSet);
        self.absent(!is_aggregate && filter.is_some(), "FILTER after a function that is not an aggregate")?;
        self.absent(
            !is_aggregate && way != Way::Window && over.is_some(),
            "OVER after a function that is not an aggregate",
        )?;
        self.absent(way == Way::Window && over.is_none(), "a window function without OVER")?;
        let is_set = way == Way::OrderedSet;
        let construct =
            if is_set { "this function without WITHIN GROUP" } else { "this function with WITHIN GROUP" };
        self.absent(is_set == within.is_none(), construct)
    }

    /// Prints the arguments in parentheses. One value for each waits afterwards.
    fn arguments(&mut self, name: &str, way: Way, list: &Tree) -> Checked {
        let is_aggregate = matches!(way, Way::Aggregate | Way::ShortAggregate(_));
        let mut parts = Parts::of(list);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.put("(");
        if let Some(word) = parts.node(Kind::DISTINCT).or_else(|| parts.node(Kind::ALL)) {
            let word = self.words(&word)?;
            self.absent(!is_aggregate, "DISTINCT or ALL in a call")?;
            self.sorted()?;
            self.put(&word);
        }
        // With one argument the function would read the server's clock.
        if name == "age" && list.children().count() == 1 {
            let lone = list.children().next().and_then(|argument| argument.children().next());
            if lone.is_some_and(|value| unwrapped(&value).kind() == Kind::LITERAL) {
                let rule = "PostgreSQL cannot tell which type its argument has: write `timestamp '…'`, `date '…'` or `$1::timestamptz`";
                return self.refuse(shown(name), rule);
            }
            self.take_instant(name)?;
            self.put(&format!("({}::date)", super::literal::INSTANT));
            self.put(",");
            self.cost.known(Size::FIXED, Moment::Certain);
        }
        let all = list.children().filter(|child| child.kind() == Kind::ARG).count();
        let mut count = 0_usize;
        if self.takes(&mut parts, Kind::STAR) {
            self.absent(name != "count", "* in a call of a function other than count")?;
            self.put("*");
            self.cost.known(Size::FIXED, Moment::Unknown);
        } else if parts.next_kind() != Some(Kind::R_PAREN) {
            self.items(&mut parts, |printer, parts| {
                let argument = printer.must_node(parts, Kind::ARG)?;
                let index = count;
                count = count.saturating_add(1);
                printer.argument(name, way, (index, all), &argument)
            })?;
        }
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.put(")");
        self.done(parts)?;
        if way == Way::Product {
            self.counted("products", |count| &mut count.products, 1, limits::SQL_PRODUCTS_MAX)?;
        }
        Ok(())
    }

    /// Prints an argument: the one at an index, of so many.
    fn argument(&mut self, name: &str, way: Way, (index, all): (usize, usize), argument: &Tree) -> Checked {
        let mut parts = Parts::of(argument);
        let is_variadic = self.keyword_if(&mut parts, Kind::VARIADIC_KW, "VARIADIC");
        let mut value = self.must_any(&mut parts)?;
        if value.kind() == Kind::NAMED_ARG {
            let mut named = Parts::of(&value);
            let parameter = self.must_node(&mut named, Kind::PARAM_NAME_REF)?;
            let parameter = self.name(&parameter)?;
            if !functions::has_named_arguments(name) {
                return self.refuse(shown(&parameter), "arguments of this function have no names");
            }
            self.put_as(Role::Column, &parameter);
            self.sign(&mut named)?;
            self.put("=>");
            value = self.must_any(&mut named)?;
            self.done(named)?;
            if parameter == "timezone" {
                self.zone(&value)?;
            }
        }
        if is_variadic && functions::is_never_variadic(name) {
            return self.refuse("VARIADIC", "write the arguments one by one");
        }
        if matches!(way, Way::Short(short) | Way::ShortAggregate(short) | Way::ShortRows(short) if short.contains(&index))
        {
            self.short(name, &value)?;
        }
        match (way, index) {
            (Way::Path | Way::PathRows, 1) => self.path(name, &value)?,
            (Way::Search, 0) if all > 1 => self.configuration(&value)?,
            (Way::Grammar, 1) if name == "normalize" => return self.normal_form(&value, parts),
            _ => {}
        }
        if functions::zone_argument(name) == Some(index) {
            self.zone(&value)?;
        }
        if value.kind() == Kind::LITERAL && functions::takes_no_date(name) {
            self.around = Around::NoDate;
        }
        if functions::is_range(name)
            && let Some(text) = self.string_of(&unwrapped(&value))
        {
            self.fixed(text, "timestamp")?;
        }
        if super::select::whole(&value).is_some() {
            self.starred_row(&value)?;
        } else {
            self.expr(&value)?;
        }
        if let Some(order) = parts.node(Kind::ORDER_BY_CLAUSE) {
            self.absent(!matches!(way, Way::Aggregate | Way::ShortAggregate(_)), "ORDER BY in a call")?;
            self.sorted()?;
            let mark = self.cost.mark();
            self.order_by(&order, false)?;
            self.cost.forget(mark);
        }
        self.done(parts)
    }

    /// Counts a sort: each takes memory of its own while the statement runs.
    fn sorted(&mut self) -> Checked {
        let what = "sorts (DISTINCT or ORDER BY in a call, WITHIN GROUP, windows)";
        self.counted(what, |count| &mut count.sorts, 1, limits::SQL_SORTS_MAX)
    }

    /// The class of a call, which literal arguments can decide.
    fn class_of(&mut self, name: &str, class: Class, list: &Tree, is_in_from: bool) -> Checked<Class> {
        let arguments: Vec<Tree> = list.children().filter(|child| child.kind() == Kind::ARG).collect();
        let text = |printer: &Self, index: usize| {
            let argument = arguments.get(index).and_then(|argument| argument.children().next())?;
            printer.string_of(&unwrapped(&argument)).map(str::to_owned)
        };
        Ok(match (class, name) {
            (Class::Steps, _) if is_in_from => Class::Series,
            (Class::Formatted(..), _) => {
                let rule = format!(
                    "its format must be a literal whose widths are numbers of at most {} together",
                    limits::SQL_FORMAT_WIDTH_MAX
                );
                match text(self, 0).as_deref().and_then(widths) {
                    Some((places, width)) if width <= limits::SQL_FORMAT_WIDTH_MAX => {
                        Class::Formatted(places, width)
                    }
                    _ => return self.refuse(shown(name), rule),
                }
            }
            (Class::Headline(..), _) => {
                let has_configuration = text(self, 0).is_some_and(|first| is_configuration(&first));
                let options = if has_configuration && arguments.len() > 2 { 3 } else { 2 };
                let options =
                    if arguments.len() > options { text(self, options) } else { Some("<b></b>".to_owned()) };
                let max = limits::SQL_SHORT_TEXT_BYTES_MAX;
                let Some(options) = options.filter(|text| text.len() <= max) else {
                    return self.refuse(
                        shown(name),
                        format!("its options must be a literal of at most {max} bytes"),
                    );
                };
                let query = if has_configuration && arguments.len() > 2 { 2 } else { 1 };
                Class::Headline(u64::try_from(options.len()).unwrap_or(u64::MAX), query)
            }
            // A row is one value, but PostgreSQL keeps all rows of FROM.
            (Class::JsonPath(..), _) => {
                let path = text(self, 1);
                let keeps = name == "jsonb_path_query_array" || name == "jsonb_path_query" && is_in_from;
                let copies = if keeps { path.as_deref().map_or(u64::MAX, path::levels) } else { 1 };
                let given = Path { copies, ..path.as_deref().map_or(path::UNKNOWN, path::seen) };
                let has_variables = arguments.len() > 2;
                Class::JsonPath(if has_variables { given } else { Path { variables: 0, names: 0, ..given } })
            }
            // Its length comes last.
            (Class::Same, "substr") if arguments.len() == 3 => Class::Cut,
            (_, "regexp_instr") if arguments.len() > 6 => Class::RegexCount(groups(text(self, 1).as_deref())),
            (_, "regexp_substr") if arguments.len() > 5 => {
                Class::RegexSubstring(groups(text(self, 1).as_deref()))
            }
            (Class::Same, "round" | "trunc") if arguments.len() == 2 => Class::Rounded,
            (Class::Power, "power" | "pow") => {
                let exponent = arguments.get(1).and_then(|argument| argument.children().next());
                exponent.and_then(|exponent| self.fraction(&exponent)).map_or(class, Class::Fraction)
            }
            (_, "date_trunc") => text(self, 0).and_then(|field| days_of(&field)).map_or(class, Class::Near),
            _ => class,
        })
    }

    /// The whole number above a literal that is no whole number, whatever its sign is.
    pub(super) fn fraction(&self, tree: &Tree) -> Option<u64> {
        let tree = unwrapped(tree);
        if tree.kind() == Kind::PREFIX_EXPR {
            let is_minus = tree.first_token().is_some_and(|token| token.kind() == Kind::MINUS);
            return tree.children().last().filter(|_| is_minus).and_then(|value| self.fraction(&value));
        }
        let token =
            self.token_at(tree.text_range().start().into()).filter(|_| tree.kind() == Kind::LITERAL)?;
        let (whole, rest) = token.value.split_once('.').filter(|_| token.class == Lexed::Number)?;
        let is_plain =
            rest.bytes().all(|byte| byte.is_ascii_digit()) && rest.bytes().any(|byte| byte != b'0');
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        is_plain.then(|| whole.saturating_add(1))
    }

    /// Checks that an expression is a path of JSON whose cost is bounded.
    pub(super) fn path(&mut self, what: &str, tree: &Tree) -> Checked {
        match self.string_of(&unwrapped(tree)) {
            Some(path) if path::is_cheap(path) => Ok(()),
            _ => self.refuse_at(tree, shown(what), path::RULE),
        }
    }

    /// Checks that a literal that may name a configuration of full-text search names one that every server has.
    fn configuration(&mut self, tree: &Tree) -> Checked {
        let tree = unwrapped(tree);
        let is_other = self.string_of(&tree).is_some_and(|text| !is_configuration(text));
        if is_other {
            let all = functions::CONFIGURATIONS.join(", ");
            return self.refuse_at(&tree, "this configuration", format!("the configurations are {all}"));
        }
        Ok(())
    }

    /// Prints the form of NORMALIZE: a word.
    fn normal_form(&mut self, tree: &Tree, parts: Parts) -> Checked {
        let token = self.single(tree)?;
        match (token.class, token.value.as_str()) {
            (Lexed::Word, "nfc" | "nfd" | "nfkc" | "nfkd") => self.put(&token.value.to_ascii_uppercase()),
            _ => return self.refuse(shown(&token.value), "the forms are NFC, NFD, NFKC and NFKD"),
        }
        self.done(parts)
    }

    /// Prints a call of PostgreSQL's clock as the invocation's instant.
    fn clock_call(&mut self, name: &str, list: &Tree, suffix: &Suffix) -> Checked {
        self.suffix_fits(Way::Plain, suffix)?;
        let mut parts = Parts::of(list);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        let precision = match parts.node(Kind::ARG) {
            None => None,
            Some(argument) if functions::is_clock_word(name) => {
                let mut inner = Parts::of(&argument);
                let literal = self.must_node(&mut inner, Kind::LITERAL)?;
                self.done(inner)?;
                Some(literal)
            }
            Some(argument) => return self.refuse_at(&argument, shown(name), "takes no arguments"),
        };
        self.clock(name, precision.as_ref())?;
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.done(parts)
    }

    /// Prints a call that is not in the list but allowed in a column's default; false if it is not such a call.
    fn default_call(&mut self, name: &str, list: &Tree, suffix: &Suffix) -> Checked<bool> {
        if name != "gen_random_uuid" {
            return Ok(false);
        }
        self.suffix_fits(Way::Plain, suffix)?;
        let mut parts = Parts::of(list);
        self.must_take(&mut parts, Kind::L_PAREN)?;
        self.must_take(&mut parts, Kind::R_PAREN)?;
        self.done(parts)?;
        self.put("pg_catalog.\"gen_random_uuid\"()");
        self.cost.known(Size::FIXED, Moment::Certain);
        Ok(true)
    }

    /// Prints what stands behind the arguments of a call, and returns the values that WITHIN GROUP sorts.
    fn after_call(&mut self, Suffix { within, filter, over }: &Suffix) -> Checked<Vec<Node>> {
        let mut sorted = Vec::new();
        if let Some(within) = within {
            let mut parts = Parts::of(within);
            self.sorted()?;
            self.keyword(&mut parts, Kind::WITHIN_KW, "WITHIN")?;
            self.keyword(&mut parts, Kind::GROUP_KW, "GROUP")?;
            self.must_take(&mut parts, Kind::L_PAREN)?;
            self.put("(");
            let order = self.must_node(&mut parts, Kind::ORDER_BY_CLAUSE)?;
            let mark = self.cost.mark();
            self.order_by(&order, false)?;
            sorted = self.cost.since(mark).to_vec();
            self.must_take(&mut parts, Kind::R_PAREN)?;
            self.put(")");
            self.done(parts)?;
        }
        if let Some(filter) = filter {
            let mut parts = Parts::of(filter);
            self.keyword(&mut parts, Kind::FILTER_KW, "FILTER")?;
            self.must_take(&mut parts, Kind::L_PAREN)?;
            self.put("(");
            self.keyword(&mut parts, Kind::WHERE_KW, "WHERE")?;
            let condition = self.must_any(&mut parts)?;
            self.expr(&condition)?;
            self.must_take(&mut parts, Kind::R_PAREN)?;
            self.put(")");
            self.done(parts)?;
        }
        let Some(over) = over else { return Ok(sorted) };
        let mut parts = Parts::of(over);
        self.keyword(&mut parts, Kind::OVER_KW, "OVER")?;
        if let Some(name) = parts.node(Kind::WINDOW_REF) {
            let name = self.name(&name)?;
            self.put_as(Role::Column, &name);
            self.done(parts)?;
            return Ok(sorted);
        }
        let spec = self.must_node(&mut parts, Kind::OVER_WINDOW_SPEC)?;
        self.done(parts)?;
        let mut parts = Parts::of(&spec);
        self.window(&mut parts)?;
        self.done(parts)?;
        Ok(sorted)
    }

    /// Takes and prints a window in parentheses.
    pub(super) fn window(&mut self, parts: &mut Parts) -> Checked {
        self.sorted()?;
        self.must_take(parts, Kind::L_PAREN)?;
        self.put("(");
        if let Some(spec) = parts.node(Kind::WINDOW_SPEC) {
            let mut parts = Parts::of(&spec);
            if let Some(name) = parts.node(Kind::WINDOW_REF) {
                let name = self.name(&name)?;
                self.put_as(Role::Column, &name);
            }
            if let Some(partition) = parts.node(Kind::PARTITION_BY_CLAUSE) {
                let mut parts = Parts::of(&partition);
                self.keyword(&mut parts, Kind::PARTITION_KW, "PARTITION")?;
                self.keyword(&mut parts, Kind::BY_KW, "BY")?;
                self.items(&mut parts, |printer, parts| {
                    let item = printer.must_any(parts)?;
                    printer.expr(&item)
                })?;
                self.done(parts)?;
            }
            if let Some(order) = parts.node(Kind::ORDER_BY_CLAUSE) {
                self.order_by(&order, false)?;
            }
            if let Some(frame) = parts.node(Kind::FRAME_CLAUSE) {
                self.frame(&frame)?;
            }
            self.done(parts)?;
        }
        self.must_take(parts, Kind::R_PAREN)?;
        self.put(")");
        Ok(())
    }

    fn frame(&mut self, tree: &Tree) -> Checked {
        let mut parts = Parts::of(tree);
        let unit = self.must_any(&mut parts)?;
        if !matches!(unit.kind(), Kind::FRAME_ROWS | Kind::FRAME_RANGE | Kind::FRAME_GROUPS) {
            return self.refuse_at(&unit, shown(&unit.to_string()), "write ROWS, RANGE or GROUPS");
        }
        let unit = self.words(&unit)?;
        self.put(&unit);
        if let Some(between) = parts.node(Kind::FRAME_BETWEEN) {
            let mut parts = Parts::of(&between);
            self.keyword(&mut parts, Kind::BETWEEN_KW, "BETWEEN")?;
            self.bound(&mut parts)?;
            self.keyword(&mut parts, Kind::AND_KW, "AND")?;
            self.bound(&mut parts)?;
            self.done(parts)?;
        } else {
            self.bound(&mut parts)?;
        }
        if let Some(exclude) = parts.node(Kind::FRAME_EXCLUDE) {
            let words = self.words(&exclude)?;
            self.put(&words);
        }
        self.done(parts)
    }

    fn bound(&mut self, parts: &mut Parts) -> Checked {
        let bound = self.must_any(parts)?;
        let word = match bound.kind() {
            Kind::EXPR_PRECEDING => (Kind::PRECEDING_KW, "PRECEDING"),
            Kind::EXPR_FOLLOWING => (Kind::FOLLOWING_KW, "FOLLOWING"),
            Kind::UNBOUNDED_PRECEDING | Kind::UNBOUNDED_FOLLOWING | Kind::CURRENT_ROW => {
                let words = self.words(&bound)?;
                self.put(&words);
                return Ok(());
            }
            _ => return self.refuse_at(&bound, shown(&bound.to_string()), "not the bound of a window"),
        };
        let mut inner = Parts::of(&bound);
        let distance = self.must_any(&mut inner)?;
        self.expr(&distance)?;
        self.keyword(&mut inner, word.0, word.1)?;
        self.done(inner)
    }

    /// Adds an operation to the plan: on all values since a mark.
    pub(super) fn cost_of(&mut self, mark: usize, class: Class, name: &'static str) {
        self.cost.close(mark, class, name, Moment::Unknown);
    }
}

/// How many groups of a match have places, with the whole match, if the pattern is known.
fn groups(pattern: Option<&str>) -> u64 {
    let count = |pattern: &str| pattern.bytes().filter(|byte| *byte == b'(').count().saturating_add(1);
    pattern.and_then(|pattern| u64::try_from(count(pattern)).ok()).unwrap_or(u64::MAX)
}

fn is_configuration(text: &str) -> bool {
    let name = text.strip_prefix("pg_catalog.").unwrap_or(text);
    functions::CONFIGURATIONS.contains(&name)
}

/// How many arguments a format prints, and how many spaces its widths add. A width that is an argument has no bound.
fn widths(format: &str) -> Option<(u64, u64)> {
    let (mut places, mut width) = (0_u64, 0_u64);
    let mut rest = format.split('%').skip(1);
    while let Some(part) = rest.next() {
        // `%%` is a percent sign, and what follows it is text.
        if part.is_empty() {
            rest.next();
            continue;
        }
        places = places.saturating_add(1);
        let spec: &str = part.split(['s', 'I', 'L']).next().unwrap_or_default();
        if spec.contains('*') {
            return None;
        }
        let number = spec.rsplit('$').next().unwrap_or_default().trim_start_matches('-');
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        width = width.saturating_add(if digits.is_empty() { 0 } else { digits.parse().ok()? });
    }
    Some((places, width))
}

// tidy: numbers are days of a period
/// How many days the beginning of a period is away at most.
fn days_of(field: &str) -> Option<u64> {
    Some(match field.to_ascii_lowercase().as_str() {
        "microseconds" | "milliseconds" | "second" | "minute" | "hour" | "day" => 1,
        "week" => 7,
        "month" => 31,
        "quarter" => 92,
        "year" => 366,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::widths;

    #[test]
    fn widths_of_a_format_are_added_and_those_of_arguments_are_unknown() {
        for (format, found) in [
            ("", Some((0, 0))),
            ("%s, %s", Some((2, 0))),
            ("%5s%-10s", Some((2, 15))),
            ("%1$5s %2$-3s", Some((2, 8))),
            ("100%% of %s", Some((1, 0))),
            ("%*s", None),
            ("%1$*2$s", None),
            ("%-*s", None),
            ("%900000000s", Some((1, 900_000_000))),
            ("%99999999999999999999s", None),
            ("%%%5s", Some((1, 5))),
            ("%%%s%%", Some((1, 0))),
            ("%I=%L", Some((2, 0))),
        ] {
            assert_eq!(widths(format), found, "{format}");
        }
    }
}
