//! Content items in `palisade.items`; their earlier revisions in `palisade.item_revisions`.
//!
//! Row-level security limits a plugin's session to the item types that it is granted; every statement here that reads
//! also checks who may see which item. Times come from the invocation and not from the server, so that a mutation that
//! runs again writes the same times.
//!
//! Fields are `json`, sent and received as text. What `@>` compares is `fields::jsonb`, which PostgreSQL has to parse; an index of
//! their terms says of most items that they do not match. No statement returns more bytes of fields than one page
//! has, or parses more than a window has, because the server ends the page. The texts are written once: a request only looks up
//! its own.

use super::statement::{Answer, Sql};
use crate::{At, End, Found, Item, ItemStore, Search, Viewer};
use jiff::Timestamp;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Criteria, Draft, Fields, Filter, ItemId, Order, Status};
use palisade_guard::limits::{
    ITEM_OVERHEAD_BYTES, ITEM_PAGE_BYTES_MAX, ITEM_SEARCHED_BYTES_MAX, ITEM_STORED_BYTES_MAX,
};
use palisade_guard::refusal::Refusal;
use std::sync::LazyLock;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The default [`ItemStore`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresItems;

const COLUMNS: &str = "id, item_type, title, status, fields, revision, author, created_at, updated_at";

/// [`COLUMNS`] as [`item`] reads them. The fields are null where they are larger than any page.
static READ_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "id, item_type, title, status, CASE WHEN fields_bytes <= {ITEM_STORED_BYTES_MAX} THEN fields::text END, revision, author, \
         created_at, updated_at"
    )
});

static GET: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM palisade.items WHERE id = ANY($5) AND {VISIBLE}", *READ_COLUMNS)
});
const GET_TYPES: [Type; 5] = [Type::UUID, Type::TEXT_ARRAY, Type::BOOL, Type::TEXT_ARRAY, Type::UUID_ARRAY];

/// The pages of lists and of searches, in either order.
static PAGES: LazyLock<[Pages; 2]> = LazyLock::new(|| [Pages::of("DESC", "<"), Pages::of("ASC", ">")]);
const PAGE_TYPES: &[Type] = &[
    Type::UUID,
    Type::TEXT_ARRAY,
    Type::BOOL,
    Type::TEXT_ARRAY,
    Type::TEXT,
    Type::TEXT,
    Type::UUID,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
];

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO palisade.items ({COLUMNS}) VALUES ($1, $2, $3, $4, $5::json, 1, $6, $7, $7) RETURNING {}",
        *READ_COLUMNS
    )
});

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE palisade.items SET title = $3, status = $4, fields = $5::json, revision = revision + 1, updated_at = $6 \
         WHERE id = $1 AND revision = $2 RETURNING {}",
        *READ_COLUMNS
    )
});

/// Copies an item's revision to `palisade.item_revisions`.
static KEEP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO palisade.item_revisions ({COLUMNS}) SELECT {COLUMNS} FROM palisade.items WHERE id = $1 AND revision = $2"
    )
});

/// `$1`: the viewer's id; `$2`: the types that the viewer may edit; `$3`: whether the viewer is the host; `$4`: the
/// types that the plugin may read.
const VISIBLE: &str = "($3 OR status = 'published' OR author = $1 OR item_type = ANY($2)) AND ($4 IS NULL OR item_type = ANY($4))";

/// The statements that read a page in one order.
struct Pages {
    list: String,
    search: String,
    blind: String,
}

impl Pages {
    fn of(order: &str, after: &str) -> Self {
        Self {
            list: list_text(order, after),
            search: search_text(order, after, false),
            blind: search_text(order, after, true),
        }
    }

    fn in_order(order: Order) -> &'static Self {
        let [newest, oldest] = &*PAGES;
        match order {
            Order::Newest => newest,
            Order::Oldest => oldest,
        }
    }
}

struct ViewerValues {
    user: Option<Uuid>,
    edits: Vec<String>,
    is_host: bool,
    types: Option<Vec<String>>,
}

impl ViewerValues {
    fn of(viewer: &Viewer<'_>) -> Self {
        let edits = viewer.permissions.iter().filter_map(|permission| permission.strip_prefix("item:edit:"));
        Self {
            user: viewer.user,
            edits: edits.map(ToOwned::to_owned).collect(),
            is_host: viewer.is_host,
            types: viewer.scope.types(ItemPower::Read),
        }
    }

    /// The parameters of [`VISIBLE`], and these behind them.
    fn with<'a>(&'a self, others: &[&'a (dyn ToSql + Sync)]) -> Vec<&'a (dyn ToSql + Sync)> {
        let own: [&(dyn ToSql + Sync); 4] = [&self.user, &self.edits, &self.is_host, &self.types];
        [&own, others].concat()
    }
}

#[async_trait::async_trait]
impl ItemStore for PostgresItems {
    async fn get(&self, at: &mut At<'_>, ids: &[ItemId], viewer: &Viewer<'_>) -> Result<Vec<Item>, Refusal> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let viewer = ViewerValues::of(viewer);
        let parameters = viewer.with(&[&ids]);
        look_up(at, &GET, &GET_TYPES, &parameters).await?.rows.iter().map(item).collect()
    }

    async fn find(
        &self,
        at: &mut At<'_>,
        search: &Search<'_>,
        viewer: &Viewer<'_>,
    ) -> Result<Found, Refusal> {
        let Criteria { item_type, status, fields, order, .. } = search.criteria;
        let (item_type, status) = (item_type.as_str(), status.map(self::status));
        let after = search.after.map(ItemId::uuid);
        let limit = i64::try_from(search.limit).unwrap_or(i64::MAX);
        // One row more than the page, to know whether there is another page.
        let rows = search.rows.unwrap_or(search.limit.saturating_add(1));
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let viewer = ViewerValues::of(viewer);
        let fields = fields.as_ref().map(Filter::as_str);
        let parameters = viewer.with(&[&item_type, &status, &after, &limit, &rows, &fields]);
        let pages = Pages::in_order(*order);
        let text = match fields {
            None => &pages.list,
            Some(_) if search.is_blind => &pages.blind,
            Some(_) => &pages.search,
        };
        let answer = look_up(at, text, PAGE_TYPES, &parameters).await?;
        if fields.is_none() { listed(&answer.rows, search) } else { found(&answer.rows, search) }
    }

    async fn insert(
        &self,
        at: &mut At<'_>,
        id: Uuid,
        draft: &Draft,
        author: Option<Uuid>,
    ) -> Result<Item, Refusal> {
        let (now, fields) = (timestamp(at.now)?, draft.fields.as_str());
        let (item_type, title, status) =
            (draft.item_type.as_str(), draft.title.as_str(), status(draft.status));
        let parameters: [&(dyn ToSql + Sync); 7] = [&id, &item_type, &title, &status, &fields, &author, &now];
        let types =
            [Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::UUID, Type::TIMESTAMPTZ];
        let answer = run(at, &INSERT, &types, &parameters).await?;
        one(&answer)
    }

    async fn update(&self, at: &mut At<'_>, old: &Item, new: &Draft) -> Result<Item, Refusal> {
        keep(at, old).await?;
        let (revision, now, fields) = (revision(old)?, timestamp(at.now)?, new.fields.as_str());
        let (title, status) = (new.title.as_str(), status(new.status));
        let parameters: [&(dyn ToSql + Sync); 6] = [&old.id, &revision, &title, &status, &fields, &now];
        let types = [Type::UUID, Type::INT4, Type::TEXT, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ];
        let answer = run(at, &UPDATE, &types, &parameters).await?;
        answer.rows.first().map_or_else(|| Err(at.session.lose_race()), item)
    }

    async fn delete(&self, at: &mut At<'_>, old: &Item) -> Result<(), Refusal> {
        keep(at, old).await?;
        let text = "DELETE FROM palisade.items WHERE id = $1 AND revision = $2";
        let revision = revision(old)?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&old.id, &revision];
        let answer = run(at, text, &[Type::UUID, Type::INT4], &parameters).await?;
        if answer.affected == 1 { Ok(()) } else { Err(at.session.lose_race()) }
    }
}

/// Copies an item's revision to `palisade.item_revisions` before the item changes.
async fn keep(at: &mut At<'_>, old: &Item) -> Result<(), Refusal> {
    let revision = revision(old)?;
    let parameters: [&(dyn ToSql + Sync); 2] = [&old.id, &revision];
    match run(at, &KEEP, &[Type::UUID, Type::INT4], &parameters).await {
        Ok(answer) if answer.affected == 1 => Ok(()),
        // Another transaction has already replaced this revision.
        Ok(_) | Err(Refusal::Violation(_)) => Err(at.session.lose_race()),
        Err(refusal) => Err(refusal),
    }
}

/// The page of a list: the next items, until `$8` of them, the bytes of a page or `$9` rows. The last one says whether another
/// follows. It reads no row beyond that. Version 7 ids sort by creation, so a page needs no other key.
fn list_text(order: &str, after: &str) -> String {
    let columns = &*READ_COLUMNS;
    format!(
        "SELECT {columns}, more FROM (SELECT *, lead(id) OVER way IS NOT NULL AS more, \
             sum(least(fields_bytes, {ITEM_STORED_BYTES_MAX}) + {ITEM_OVERHEAD_BYTES}) OVER way AS bytes \
             FROM (SELECT {COLUMNS}, fields_bytes FROM palisade.items WHERE item_type = $5 AND {VISIBLE} \
                 AND ($6 IS NULL OR status = $6) AND ($7 IS NULL OR id {after} $7) ORDER BY id {order} LIMIT least($8 + 1, $9)) next \
             WINDOW way AS (ORDER BY id {order})) counted \
         WHERE bytes <= {ITEM_PAGE_BYTES_MAX} ORDER BY id {order} LIMIT $8"
    )
}

/// The page of a search: the items whose fields contain `$10`, until `$8` of them or the bytes of a page, among the next `$9`
/// rows. A list gets `$10` as well, as null.
///
/// These rows are chosen before the fields are read, and only so many of them that PostgreSQL has few bytes to parse. A blind
/// search looks at every row, so that nobody learns from where a page ends what the fields of a row contain that no page shows.
/// Any other leaves out the rows whose terms say that they do not match.
fn search_text(order: &str, after: &str, is_blind: bool) -> String {
    let early = if is_blind { "true" } else { "(terms IS NULL OR terms @> palisade.item_terms($10::json))" };
    let columns = &*READ_COLUMNS;
    format!(
        "WITH chosen AS (SELECT {COLUMNS}, fields_bytes FROM palisade.items WHERE item_type = $5 AND {VISIBLE} \
             AND ($6 IS NULL OR status = $6) AND ($7 IS NULL OR id {after} $7) AND {early} ORDER BY id {order} LIMIT $9), \
         placed AS (SELECT *, row_number() OVER way AS place, count(*) OVER () AS placed, \
             sum(fields_bytes::bigint) OVER way AS examined FROM chosen WINDOW way AS (ORDER BY id {order})), \
         seen AS (SELECT * FROM placed WHERE place = 1 OR examined <= {ITEM_SEARCHED_BYTES_MAX}), \
         hit AS (SELECT *, row_number() OVER way AS nth, count(*) OVER () AS hits, \
             sum(least(fields_bytes, {ITEM_STORED_BYTES_MAX})::bigint + {ITEM_OVERHEAD_BYTES}) OVER way AS bytes \
             FROM seen WHERE fields::jsonb @> $10::jsonb WINDOW way AS (ORDER BY place)), \
         edge AS (SELECT id AS edge, place AS edge_place, placed AS edge_of FROM seen ORDER BY place DESC LIMIT 1) \
         SELECT {columns}, place, hits, edge, edge_place, edge_of FROM edge \
             LEFT JOIN hit ON nth <= $8 AND (nth = 1 OR bytes <= {ITEM_PAGE_BYTES_MAX}) ORDER BY place"
    )
}

/// Reads the rows of a list.
fn listed(rows: &[Row], search: &Search<'_>) -> Result<Found, Refusal> {
    let mut found = Found { items: Vec::with_capacity(rows.len()), end: End::Last };
    let Some(last) = rows.last() else { return Ok(found) };
    for (row, place) in rows.iter().zip(1..) {
        found.items.extend(shown(row).map(|item| (item, place)));
    }
    let after: Uuid = last.try_get("id").map_err(Refusal::internal)?;
    if last.try_get("more").map_err(Refusal::internal)? {
        found.end = End::Cut { after: after.into(), place: rows.len() };
    } else if search.rows.is_some_and(|most| rows.len() >= most) {
        found.end = End::Window { after: after.into() };
    }
    Ok(found)
}

/// The item of a row. One that nobody can read does not take the others out of the page.
fn shown(row: &Row) -> Option<Item> {
    item(row).inspect_err(|refusal| tracing::warn!(%refusal, "an item is left out of a page")).ok()
}

/// Reads the rows of a search.
fn found(rows: &[Row], search: &Search<'_>) -> Result<Found, Refusal> {
    let mut found = Found { items: Vec::with_capacity(rows.len()), end: End::Last };
    let Some(last) = rows.last() else { return Ok(found) };
    let number = |row: &Row, column: &str| {
        let number: i64 = row.try_get(column).map_err(Refusal::internal)?;
        usize::try_from(number).map_err(Refusal::internal)
    };
    let id: Option<Uuid> = last.try_get("id").map_err(Refusal::internal)?;
    if let Some(id) = id {
        for row in rows {
            if let Some(item) = shown(row) {
                found.items.push((item, number(row, "place")?));
            }
        }
        if number(last, "hits")? > rows.len() {
            found.end = End::Cut { after: id.into(), place: number(last, "place")? };
            return Ok(found);
        }
    }
    let (edge_place, edge_of) = (number(last, "edge_place")?, number(last, "edge_of")?);
    if search.rows.is_some_and(|rows| edge_of >= rows) || edge_place < edge_of {
        let edge: Uuid = last.try_get("edge").map_err(Refusal::internal)?;
        found.end = End::Window { after: edge.into() };
    }
    Ok(found)
}

/// Runs a select, which may be the only statement of its invocation.
async fn look_up(
    at: &mut At<'_>,
    text: &str,
    types: &[Type],
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Answer, Refusal> {
    at.look_up(Sql { text, parameters, types, role: None, shape: None }).await
}

async fn run(
    at: &mut At<'_>,
    text: &str,
    types: &[Type],
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Answer, Refusal> {
    at.run(Sql { text, parameters, types, role: None, shape: None }).await
}

fn one(answer: &Answer) -> Result<Item, Refusal> {
    answer.rows.first().map_or_else(|| Err(Refusal::internal("an insert returned no row")), item)
}

fn item(row: &Row) -> Result<Item, Refusal> {
    let status: &str = row.try_get(3).map_err(Refusal::internal)?;
    let revision: i32 = row.try_get(5).map_err(Refusal::internal)?;
    let micros = |index: usize| {
        let time: Timestamp = row.try_get(index).map_err(Refusal::internal)?;
        Ok::<i64, Refusal>(time.as_microsecond())
    };
    let fields: Option<String> = row.try_get(4).map_err(Refusal::internal)?;
    let Some(fields) = fields else {
        let id: Uuid = row.try_get(0).map_err(Refusal::internal)?;
        return Err(Refusal::internal(format!(
            "the fields of item {id} are over {ITEM_STORED_BYTES_MAX} bytes, which only another program can have stored: shorten them \
             in palisade.items"
        )));
    };
    Ok(Item {
        id: row.try_get(0).map_err(Refusal::internal)?,
        item_type: row.try_get(1).map_err(Refusal::internal)?,
        title: row.try_get(2).map_err(Refusal::internal)?,
        status: if status == "published" { Status::Published } else { Status::Draft },
        fields: Fields::stored(fields)?,
        revision: u32::try_from(revision).map_err(Refusal::internal)?,
        author: row.try_get(6).map_err(Refusal::internal)?,
        created_at: micros(7)?,
        updated_at: micros(8)?,
    })
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Published => "published",
    }
}

fn revision(item: &Item) -> Result<i32, Refusal> {
    i32::try_from(item.revision).map_err(Refusal::internal)
}

fn timestamp(micros: i64) -> Result<Timestamp, Refusal> {
    Timestamp::from_microsecond(micros).map_err(Refusal::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at;
    use crate::postgres::Database;
    use crate::postgres::share::Owner;
    use crate::private::{PrivateOptions, PrivateServer};
    use palisade_guard::item::{ItemScope, ItemType, PageSize};
    use palisade_guard::kind::Kind;
    use palisade_guard::ledger::Ledger;
    use palisade_guard::limits::{ITEM_EXAMINED_MAX, Limits, MIB};
    use std::collections::BTreeSet;
    use tokio_postgres::NoTls;

    /// Lists notes, the oldest first. Returns how many it found, where it ended, and how many rows the server read for it.
    async fn list(database: &Database, limit: usize, rows: Option<usize>) -> (usize, End, i64) {
        let criteria = Criteria {
            item_type: ItemType::parse("note", ItemScope::All, ItemPower::Read).unwrap(),
            status: None,
            fields: None,
            order: Order::Oldest,
            limit: PageSize::parse(1).unwrap(),
            after: None,
        };
        let viewer =
            Viewer { user: None, permissions: &BTreeSet::new(), is_host: false, scope: ItemScope::All };
        let mut session = database.session(Kind::Query, Owner::Host);
        let mut ledger = Ledger::new(Limits::default());
        let search = Search { criteria: &criteria, after: None, limit, rows, is_blind: true };
        let mut at = at(&mut session, &mut ledger, None, 0);
        let before = read(&mut at).await;
        let Found { items, end } = PostgresItems.find(&mut at, &search, &viewer).await.unwrap();
        assert!(items.iter().map(|(_, place)| *place).eq(1..=items.len()));
        let read = read(&mut at).await - before;
        session.rollback().await;
        (items.len(), end, read)
    }

    /// How many items this connection has read since it last told the server's statistics.
    async fn read(at: &mut At<'_>) -> i64 {
        let text = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables \
             WHERE relid = 'palisade.items'::regclass";
        run(at, text, &[], &[]).await.unwrap().rows[0].get(0)
    }

    fn id(number: usize) -> ItemId {
        Uuid::from_u128(number as u128).into()
    }

    #[tokio::test]
    async fn list_reads_one_row_beyond_its_page_and_says_where_it_ends() {
        let server = PrivateServer::start(PrivateOptions::temporary()).await.unwrap();
        let config = crate::private::config(&server);
        let database = Database::connect(config.clone(), 2).await.unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let store = async |numbers: std::ops::RangeInclusive<usize>, bytes: u64| {
            let text = format!(
                "INSERT INTO palisade.items SELECT lpad(to_hex(n), 32, '0')::uuid, 'note', 'n', 'published', \
                     json_build_object('a', repeat('x', {bytes})), 1, NULL, now(), now() \
                 FROM generate_series({}, {}) n",
                numbers.start(),
                numbers.end()
            );
            client.batch_execute(&text).await.unwrap();
        };
        store(1..=5, 1).await;
        let (cut, window) =
            (|place| End::Cut { after: id(place), place }, |place| End::Window { after: id(place) });
        for (limit, rows, count, end) in [
            (3, None, 3, cut(3)),
            (5, None, 5, End::Last),
            (9, None, 5, End::Last),
            (3, Some(4), 3, cut(3)),
            (3, Some(3), 3, window(3)),
            (9, Some(3), 3, window(3)),
            (9, Some(5), 5, window(5)),
            (9, Some(6), 5, End::Last),
        ] {
            let (found, ended, _) = list(&database, limit, rows).await;
            assert_eq!((found, ended), (count, end), "{limit} of {rows:?}");
        }
        // Each of them fits in a page, and no two do.
        store(6..=7, 3 * MIB).await;
        let (found, ended, _) = list(&database, 9, Some(9)).await;
        assert_eq!((found, ended), (6, cut(6)));
        store(8..=ITEM_EXAMINED_MAX, 1).await;
        client.batch_execute("ANALYZE palisade.items").await.unwrap();
        let (found, ended, read) = list(&database, 3, Some(ITEM_EXAMINED_MAX)).await;
        assert_eq!((found, ended, read), (3, cut(3), 4), "a page costs the rows that it has");
        database.close();
        server.stop().await;
    }
}
