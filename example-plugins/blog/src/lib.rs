//! A blog: posts are content items of the type `post`; drafts are rows of the plugin's own table.
//!
//! This example shows the parts of a plugin: a query interface (`posts.rs`), a mutation interface (`editing.rs`) and
//! taps on items (`taps.rs`), with variables, a cache, and rendering that treats an author's Markdown as hostile
//! (`markdown.rs`).

mod editing;
mod fields;
mod markdown;
mod posts;
mod taps;

palisade_sdk::plugin! { path: "wit" }

/// The item type of posts.
const POST: &str = "post";

struct Blog;

export!(Blog);
