//! The examples of `docs/tables.md`. A test compares the page with this plugin and calls what it shows.

palisade_sdk::plugin! { path: "wit" }

use exports::docs::tables::pages::Pruned;
use exports::docs::tables::reports::{Popularity, Summary};
use exports::docs::tables::{pages, reports};
use palisade_sdk::db::{self, Error, Merge, Numeric, Row, col};
use palisade_sdk::params;

struct Tables;

impl pages::Guest for Tables {
    fn save(slug: String, title: String) -> Result<u64, String> {
        let saved = db::insert("pages")
            .columns(["slug", "title"])
            .row(params![slug, title])
            .on_conflict_update(["slug"], Merge::new().inserted(["title"]))
            .run()?;
        Ok(saved.count)
    }

    fn visit(slug: String) -> Result<i64, String> {
        let page = db::insert("pages")
            .columns(["slug", "title", "views"])
            .row(params![slug, "Untitled", 1])
            .on_conflict_update(["slug"], Merge::new().sum(["views"]))
            .returning(["views"])
            .one()?;
        Ok(page.get("views")?)
    }

    fn like(slug: String, reader: String) -> Result<bool, String> {
        let liked = db::insert("likes")
            .columns(["page", "reader"])
            .row(params![slug, reader])
            .on_conflict_nothing(["page", "reader"])
            .run()?;
        Ok(liked.count == 1)
    }

    fn correct(slug: String, views: i64) -> Result<i64, String> {
        let page = db::update("pages")
            .add("views", views)
            .filter(col("slug").equals(slug))
            .returning(["views"])
            .one()?;
        Ok(page.get("views")?)
    }

    fn remove(slug: String) -> Result<u64, String> {
        Ok(db::delete("pages").filter(col("slug").equals(slug)).run()?.count)
    }

    fn prune(below: i64) -> Result<Vec<Pruned>, String> {
        let gone = db::execute(
            "WITH gone AS (DELETE FROM pages WHERE views < $1 RETURNING slug, views)
             SELECT slug, views FROM gone ORDER BY slug",
            params![below],
        )?;
        let pruned = |row: &Row| Ok(Pruned { slug: row.get("slug")?, views: row.get("views")? });
        Ok(gone.rows.iter().map(pruned).collect::<Result<_, Error>>()?)
    }

    fn retitle(slug: String, title: String) -> Result<i64, String> {
        let page = db::execute(
            "UPDATE pages SET title = upper($2) WHERE slug = $1 RETURNING length(title)::bigint AS letters",
            params![slug, title],
        )?;
        Ok(page.one()?.get("letters")?)
    }
}

impl reports::Guest for Tables {
    fn titles(prefix: String, limit: u32) -> Result<Vec<String>, String> {
        let rows = db::select("pages")
            .columns(["title"])
            .filter(col("slug").like(prefix + "%"))
            .order_by("slug")
            .limit(limit)
            .fetch()?;
        Ok(rows.iter().map(|row| row.get("title")).collect::<Result<_, Error>>()?)
    }

    fn popular(limit: u32) -> Result<Vec<Popularity>, String> {
        let rows = db::aggregate("likes")
            .group_by(["page"])
            .count("likes")
            .order_by_descending("likes")
            .order_by("page")
            .limit(limit)
            .fetch()?;
        let popularity = |row: &Row| Ok(Popularity { page: row.get("page")?, likes: row.get("likes")? });
        Ok(rows.iter().map(popularity).collect::<Result<_, Error>>()?)
    }

    fn readers() -> Result<Vec<String>, String> {
        let rows = db::aggregate("likes").group_by(["reader"]).order_by("reader").fetch()?;
        Ok(rows.iter().map(|row| row.get("reader")).collect::<Result<_, Error>>()?)
    }

    fn summary_of(prefix: String) -> Result<Summary, String> {
        let all = db::aggregate("pages")
            .count("pages")
            .sum("views", "views")
            .average("views", "mean")
            .maximum("views", "most")
            .filter(col("slug").like(prefix + "%"))
            .one()?;
        let text = |number: Option<Numeric>| number.map(|Numeric(digits)| digits);
        Ok(Summary {
            pages: all.get("pages")?,
            views: text(all.get("views")?),
            mean: text(all.get("mean")?),
            most: all.get("most")?,
        })
    }
}

export!(Tables);
