//! Content items in `palisade.items`; their earlier revisions in `palisade.item_revisions`.
//!
//! Row-level security limits a plugin's session to the item types that it is granted; every statement here that reads
//! also checks who may see which item. Times come from the invocation and not from the server, so that a mutation that
//! runs again writes the same times.
//!
//! Fields are `json`, sent and received as text. What `@>` compares is `fields::jsonb`, which PostgreSQL has to parse; an index of
//! their [terms](self::page) says of most items that they do not match. No statement returns more bytes of fields than one page
//! has, or parses more than a window has, because the server ends the page.

use super::statement::{Answer, Sql};
use crate::{At, End, Found, Item, ItemStore, Search, Viewer};
use jiff::Timestamp;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Criteria, Draft, Fields, Filter, ItemId, Order, Status};
use palisade_guard::limits::{
    ITEM_EXAMINED_BYTES_MAX, ITEM_OVERHEAD_BYTES, ITEM_PAGE_BYTES_MAX, ITEM_SEARCHED_BYTES_MAX,
    ITEM_STORED_BYTES_MAX,
};
use palisade_guard::refusal::Refusal;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The default [`ItemStore`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresItems;

const COLUMNS: &str = "id, item_type, title, status, fields, revision, author, created_at, updated_at";

/// [`COLUMNS`] as [`item`] reads them. The fields are null where they are larger than any page.
fn read_columns() -> String {
    format!(
        "id, item_type, title, status, CASE WHEN fields_bytes <= {ITEM_STORED_BYTES_MAX} THEN fields::text END, revision, author, \
         created_at, updated_at"
    )
}

/// `$1`: the viewer's id; `$2`: the types that the viewer may edit; `$3`: whether the viewer is the host; `$4`: the
/// types that the plugin may read.
const VISIBLE: &str = "($3 OR status = 'published' OR author = $1 OR item_type = ANY($2)) AND ($4 IS NULL OR item_type = ANY($4))";

/// Types of the parameters of [`VISIBLE`].
const VIEWER: [Type; 4] = [Type::UUID, Type::TEXT_ARRAY, Type::BOOL, Type::TEXT_ARRAY];

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

    fn parameters(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.user, &self.edits, &self.is_host, &self.types]
    }
}

#[async_trait::async_trait]
impl ItemStore for PostgresItems {
    async fn get(&self, at: &mut At<'_>, ids: &[ItemId], viewer: &Viewer<'_>) -> Result<Vec<Item>, Refusal> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let columns = read_columns();
        let text = format!("SELECT {columns} FROM palisade.items WHERE id = ANY($5) AND {VISIBLE}");
        let viewer = ViewerValues::of(viewer);
        let mut parameters = viewer.parameters().to_vec();
        parameters.push(&ids);
        let mut types = VIEWER.to_vec();
        types.push(Type::UUID_ARRAY);
        run(at, &text, &types, &parameters).await?.rows.iter().map(item).collect()
    }

    async fn find(
        &self,
        at: &mut At<'_>,
        search: &Search<'_>,
        viewer: &Viewer<'_>,
    ) -> Result<Found, Refusal> {
        let Criteria { item_type, status, fields, order, .. } = search.criteria;
        let text = page(*order, search.rows.is_some(), fields.is_some(), search.is_blind);
        let viewer = ViewerValues::of(viewer);
        let (item_type, status) = (item_type.as_str(), status.map(self::status));
        let fields = fields.as_ref().map(Filter::as_str);
        let after = search.after.map(ItemId::uuid);
        let limit = i64::try_from(search.limit).unwrap_or(i64::MAX);
        // One row more than the page, to know whether there is another page.
        let rows = search.rows.unwrap_or(search.limit.saturating_add(1));
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let mut parameters = viewer.parameters().to_vec();
        parameters.extend([&item_type as &(dyn ToSql + Sync), &status, &fields, &after, &limit, &rows]);
        let mut types = VIEWER.to_vec();
        types.extend([Type::TEXT, Type::TEXT, Type::TEXT, Type::UUID, Type::INT8, Type::INT8]);
        let answer = run(at, &text, &types, &parameters).await?;
        found(&answer.rows, search)
    }

    async fn insert(
        &self,
        at: &mut At<'_>,
        id: Uuid,
        draft: &Draft,
        author: Option<Uuid>,
    ) -> Result<Item, Refusal> {
        let columns = read_columns();
        let text = format!(
            "INSERT INTO palisade.items ({COLUMNS}) VALUES ($1, $2, $3, $4, $5::json, 1, $6, $7, $7) RETURNING {columns}"
        );
        let (now, fields) = (timestamp(at.now)?, draft.fields.as_str());
        let (item_type, title, status) =
            (draft.item_type.as_str(), draft.title.as_str(), status(draft.status));
        let parameters: [&(dyn ToSql + Sync); 7] = [&id, &item_type, &title, &status, &fields, &author, &now];
        let types =
            [Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::UUID, Type::TIMESTAMPTZ];
        let answer = run(at, &text, &types, &parameters).await?;
        one(&answer)
    }

    async fn update(&self, at: &mut At<'_>, old: &Item, new: &Draft) -> Result<Item, Refusal> {
        keep(at, old).await?;
        let columns = read_columns();
        let text = format!(
            "UPDATE palisade.items SET title = $3, status = $4, fields = $5::json, revision = revision + 1, updated_at = $6 \
             WHERE id = $1 AND revision = $2 RETURNING {columns}"
        );
        let (revision, now, fields) = (revision(old)?, timestamp(at.now)?, new.fields.as_str());
        let (title, status) = (new.title.as_str(), status(new.status));
        let parameters: [&(dyn ToSql + Sync); 6] = [&old.id, &revision, &title, &status, &fields, &now];
        let types = [Type::UUID, Type::INT4, Type::TEXT, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ];
        let answer = run(at, &text, &types, &parameters).await?;
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
    let text = format!(
        "INSERT INTO palisade.item_revisions ({COLUMNS}) SELECT {COLUMNS} FROM palisade.items WHERE id = $1 AND revision = $2"
    );
    let revision = revision(old)?;
    let parameters: [&(dyn ToSql + Sync); 2] = [&old.id, &revision];
    match run(at, &text, &[Type::UUID, Type::INT4], &parameters).await {
        Ok(answer) if answer.affected == 1 => Ok(()),
        // Another transaction has already replaced this revision.
        Ok(_) | Err(Refusal::Violation(_)) => Err(at.session.lose_race()),
        Err(refusal) => Err(refusal),
    }
}

/// The statement of a page: the items that match, in their order, until `$9` of them or the bytes of a page. `$10` are the
/// rows that may match.
///
/// With a window these rows are chosen before the fields are read, and only so many of them that PostgreSQL has few bytes to
/// parse. A blind window has every row, so that nobody learns from where a page ends what the fields of a row contain that no
/// page shows. Any other leaves out the rows whose terms say that they do not match. Version 7 ids sort by creation, so a page
/// needs no other key.
fn page(order: Order, has_window: bool, has_filter: bool, is_blind: bool) -> String {
    let (order, after) = match order {
        Order::Newest => ("DESC", "<"),
        Order::Oldest => ("ASC", ">"),
    };
    let late = if has_filter { "fields::jsonb @> $7::jsonb" } else { "$7 IS NULL" };
    let early = if has_filter && !is_blind {
        "(terms IS NULL OR terms @> palisade.item_terms($7::json))"
    } else {
        "true"
    };
    // Only a search has PostgreSQL parse what it examines.
    let bytes = if has_filter { ITEM_SEARCHED_BYTES_MAX } else { ITEM_EXAMINED_BYTES_MAX };
    let columns = read_columns();
    format!(
        "WITH chosen AS (SELECT {COLUMNS}, fields_bytes FROM palisade.items WHERE item_type = $5 AND {VISIBLE} \
             AND ($6 IS NULL OR status = $6) AND ($8 IS NULL OR id {after} $8) AND {early} ORDER BY id {order} LIMIT $10), \
         placed AS (SELECT *, row_number() OVER way AS place, count(*) OVER () AS placed, \
             sum(fields_bytes::bigint) OVER way AS examined FROM chosen WINDOW way AS (ORDER BY id {order})), \
         seen AS (SELECT * FROM placed WHERE place = 1 OR NOT {has_window} OR examined <= {bytes}), \
         hit AS (SELECT *, row_number() OVER way AS nth, count(*) OVER () AS hits, \
             sum(least(fields_bytes, {ITEM_STORED_BYTES_MAX})::bigint + {ITEM_OVERHEAD_BYTES}) OVER way AS bytes \
             FROM seen WHERE {late} WINDOW way AS (ORDER BY place)), \
         edge AS (SELECT id AS edge, place AS edge_place, placed AS edge_of FROM seen ORDER BY place DESC LIMIT 1) \
         SELECT {columns}, place, hits, edge, edge_place, edge_of FROM edge \
             LEFT JOIN hit ON nth <= $9 AND (nth = 1 OR bytes <= {ITEM_PAGE_BYTES_MAX}) ORDER BY place"
    )
}

/// Reads the rows of [`page`].
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
            match item(row) {
                Ok(item) => found.items.push((item, number(row, "place")?)),
                // One item that nobody can read does not take the others out of the page.
                Err(refusal) => tracing::warn!(%refusal, "an item is left out of a page"),
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
