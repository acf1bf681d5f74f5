//! Development: a migration is edited after it ran, and the private database is made anew.

use super::{add, sql_with};
use crate::command::Removed;
use crate::command::child::{Ran, finish, palisade};
use palisade::store::private::DataDir;
use std::fs;
use tempfile::TempDir;

async fn ran(folder: &TempDir, arguments: &[&str], url: Option<&str>) -> Ran {
    let dir = folder.path().to_str().unwrap();
    let mut command = palisade(&[arguments, &["--dir", dir]].concat());
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    finish(command).await
}

#[tokio::test]
async fn edited_migration_says_so_and_a_private_database_can_be_reset() {
    let folder = sql_with(&[("2.sql", "CREATE TABLE more (id bigint);")]);
    let DataDir::Persistent(data) = DataDir::of_project(folder.path()).unwrap() else {
        panic!("the data folder is temporary")
    };
    let _removed = Removed(data.clone());
    // Nothing is made by those who only look, nor by a reset.
    assert_eq!(ran(&folder, &["plugins"], None).await.code(), 0);
    let none = ran(&folder, &["db", "reset", "--yes"], None).await;
    assert_eq!((none.code(), none.stdout.as_str()), (0, "there is no private database\n"), "{none:?}");
    assert!(!data.join("data").exists());

    let migrated = ran(&folder, &["migrate"], None).await;
    assert_eq!(migrated.code(), 0, "{migrated:?}");
    add(&folder, "2.sql", "CREATE TABLE more (id bigint, name text);");
    let refused = ran(&folder, &["migrate"], None).await;
    assert_eq!(refused.code(), 1);
    for says in ["migrations/2.sql has changed since it ran here", "as a new file", "`palisade db reset`"] {
        assert!(refused.stderr.contains(says), "{says}: {refused:?}");
    }
    fs::write(data.join("audit.jsonl"), "kept").unwrap();
    // Nobody can be asked, and a server that somebody else made is not touched.
    for (arguments, url) in [
        (&["db", "reset"][..], None),
        (&["db", "reset", "--yes"], Some("postgresql://nobody@127.0.0.1:1/none")),
    ] {
        let refused = ran(&folder, arguments, url).await;
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(data.join("data/PG_VERSION").exists());
    }
    let reset = ran(&folder, &["db", "reset", "--yes"], None).await;
    assert_eq!((reset.code(), reset.stdout.as_str()), (0, "the private database is deleted\n"), "{reset:?}");
    assert!(!data.join("data").exists());
    assert_eq!(fs::read_to_string(data.join("audit.jsonl")).unwrap(), "kept");
    let again = ran(&folder, &["migrate"], None).await;
    assert_eq!(again.code(), 0, "{again:?}");
    assert!(again.stdout.contains("2.sql"), "{again:?}");
}
