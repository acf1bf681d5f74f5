//! Content items in `palisade.items`; their earlier revisions in `palisade.item_revisions`.
//!
//! Row-level security limits a plugin's session to the item types that it is granted; every statement here that reads
//! also checks who may see which item. Times come from the invocation and not from the server, so that a mutation that
//! runs again writes the same times.

use super::statement::{Answer, Sql};
use crate::{At, Item, ItemStore, Viewer};
use jiff::Timestamp;
use palisade_guard::grant::ItemPower;
use palisade_guard::item::{Criteria, Draft, Fields, ItemId, Order, Status};
use palisade_guard::refusal::Refusal;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The default [`ItemStore`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresItems;

const COLUMNS: &str = "id, item_type, title, status, fields, revision, author, created_at, updated_at";

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
        let text = format!("SELECT {COLUMNS} FROM palisade.items WHERE id = ANY($5) AND {VISIBLE}");
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
        criteria: &Criteria,
        viewer: &Viewer<'_>,
    ) -> Result<Vec<Item>, Refusal> {
        // Version 7 ids sort by creation, so a page needs no other key.
        let (order, after) = match criteria.order {
            Order::Newest => ("DESC", "<"),
            Order::Oldest => ("ASC", ">"),
        };
        let text = format!(
            "SELECT {COLUMNS} FROM palisade.items WHERE item_type = $5 AND {VISIBLE} AND ($6 IS NULL OR status = $6) \
             AND ($7 IS NULL OR fields @> $7) AND ($8 IS NULL OR id {after} $8) ORDER BY id {order} LIMIT $9"
        );
        let viewer = ViewerValues::of(viewer);
        let (item_type, status) = (criteria.item_type.as_str(), criteria.status.map(status));
        let fields = criteria.fields.as_ref().map(Fields::to_value);
        let after = criteria.after.map(ItemId::uuid);
        let limit = i64::from(criteria.limit.get());
        let mut parameters = viewer.parameters().to_vec();
        parameters.extend([&item_type as &(dyn ToSql + Sync), &status, &fields, &after, &limit]);
        let mut types = VIEWER.to_vec();
        types.extend([Type::TEXT, Type::TEXT, Type::JSONB, Type::UUID, Type::INT8]);
        run(at, &text, &types, &parameters).await?.rows.iter().map(item).collect()
    }

    async fn insert(
        &self,
        at: &mut At<'_>,
        id: Uuid,
        draft: &Draft,
        author: Option<Uuid>,
    ) -> Result<Item, Refusal> {
        let text = format!(
            "INSERT INTO palisade.items ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $7) RETURNING {COLUMNS}"
        );
        let (now, fields) = (timestamp(at.now)?, draft.fields.to_value());
        let (item_type, title, status) =
            (draft.item_type.as_str(), draft.title.as_str(), status(draft.status));
        let parameters: [&(dyn ToSql + Sync); 7] = [&id, &item_type, &title, &status, &fields, &author, &now];
        let types =
            [Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::JSONB, Type::UUID, Type::TIMESTAMPTZ];
        let answer = run(at, &text, &types, &parameters).await?;
        one(&answer)
    }

    async fn update(&self, at: &mut At<'_>, old: &Item, new: &Draft) -> Result<Item, Refusal> {
        keep(at, old).await?;
        let text = format!(
            "UPDATE palisade.items SET title = $3, status = $4, fields = $5, revision = revision + 1, updated_at = $6 \
             WHERE id = $1 AND revision = $2 RETURNING {COLUMNS}"
        );
        let (revision, now, fields) = (revision(old)?, timestamp(at.now)?, new.fields.to_value());
        let (title, status) = (new.title.as_str(), status(new.status));
        let parameters: [&(dyn ToSql + Sync); 6] = [&old.id, &revision, &title, &status, &fields, &now];
        let types = [Type::UUID, Type::INT4, Type::TEXT, Type::TEXT, Type::JSONB, Type::TIMESTAMPTZ];
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
        "INSERT INTO palisade.item_revisions ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    );
    let (status, fields, revision) = (status(old.status), old.fields.to_value(), revision(old)?);
    let (created, updated) = (timestamp(old.created_at)?, timestamp(old.updated_at)?);
    let parameters: [&(dyn ToSql + Sync); 9] =
        [&old.id, &old.item_type, &old.title, &status, &fields, &revision, &old.author, &created, &updated];
    let types = [
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
        Type::INT4,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ];
    match run(at, &text, &types, &parameters).await {
        // Another transaction has already replaced this revision.
        Err(Refusal::Violation(_)) => Err(at.session.lose_race()),
        other => other.map(drop),
    }
}

async fn run(
    at: &mut At<'_>,
    text: &str,
    types: &[Type],
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Answer, Refusal> {
    at.run(Sql { text, parameters, types, role: None }).await
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
    Ok(Item {
        id: row.try_get(0).map_err(Refusal::internal)?,
        item_type: row.try_get(1).map_err(Refusal::internal)?,
        title: row.try_get(2).map_err(Refusal::internal)?,
        status: if status == "published" { Status::Published } else { Status::Draft },
        fields: Fields::from_value(row.try_get(4).map_err(Refusal::internal)?)?,
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
