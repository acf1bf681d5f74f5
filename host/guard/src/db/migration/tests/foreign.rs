//! Clauses of other databases in migrations: each row adds one to a valid statement. `gate/tests/foreign.rs` does the
//! same for SQL text.

use super::parse;

/// Asserts that a statement passes without a clause, and is refused with any one of these in the place of `{}`.
fn each_is_refused(statement: &str, clauses: &[&str]) {
    assert!(parse(&statement.replace("{}", "")).is_ok(), "{statement}");
    let passed = clauses.iter().filter(|clause| parse(&statement.replace("{}", clause)).is_ok());
    assert_eq!(passed.collect::<Vec<_>>(), Vec::<&&str>::new(), "{statement}");
}

#[test]
fn clause_of_another_databases_definition_is_refused() {
    each_is_refused(
        "ALTER TABLE posts {} DROP COLUMN id",
        &["ON CLUSTER c", "SET LOCATION 'x'", "LOCATION 'x'"],
    );
    each_is_refused("ALTER {} TABLE posts DROP COLUMN id", &["ICEBERG", "FOREIGN", "EXTERNAL", "TEMPORARY"]);
    each_is_refused(
        "ALTER TABLE posts ADD COLUMN id int {}",
        &["FIRST", "AFTER a", "INVISIBLE", "AUTO_INCREMENT", "SRID 4326"],
    );
    each_is_refused("DROP TABLE posts {}", &["PURGE", "ON other", "ON CLUSTER c", "CASCADE CONSTRAINTS"]);
    each_is_refused("DROP {} TABLE posts", &["TEMPORARY", "EXTERNAL", "FOREIGN"]);
    each_is_refused("DROP INDEX posts_id {}", &["ON posts", "ALGORITHM = INPLACE", "LOCK = NONE"]);
    each_is_refused(
        "CREATE TABLE posts (id int) {}",
        &[
            "ENGINE = InnoDB",
            "DEFAULT CHARSET = utf8",
            "COMMENT 'x'",
            "STRICT",
            "WITHOUT ROWID",
            "CLUSTER BY (id)",
            "AS SELECT 1",
        ],
    );
    each_is_refused("CREATE INDEX i ON posts {} (id)", &["ASYNC", "USING hash USING hash"]);
    each_is_refused(
        "CREATE INDEX i ON posts (id) {}",
        &[
            "USING hash",
            "WITH (id)",
            "COMMENT 'x'",
            "ALGORITHM = INPLACE",
            "LOCK = NONE",
            "INVISIBLE",
            "VISIBLE",
            "KEY_BLOCK_SIZE = 8",
        ],
    );
    each_is_refused(
        "CREATE {} INDEX i ON posts (id)",
        &["FULLTEXT", "SPATIAL", "CLUSTERED", "BITMAP", "ASYNC"],
    );
}

#[test]
fn clause_of_another_databases_constraint_is_refused() {
    for table in [
        "CREATE TABLE posts (id bigint NOT NULL, UNIQUE {} (id))",
        "CREATE TABLE posts (id bigint NOT NULL, PRIMARY KEY {} (id))",
    ] {
        each_is_refused(table, &["posts_id", "INDEX posts_id", "KEY posts_id", "USING hash", "CLUSTERED"]);
    }
    for table in [
        "CREATE TABLE posts (id bigint NOT NULL, UNIQUE (id) {})",
        "CREATE TABLE posts (id bigint NOT NULL, PRIMARY KEY (id) {})",
        // The same clauses in the constraint of a single column.
        "CREATE TABLE posts (id bigint UNIQUE {})",
        "CREATE TABLE posts (id bigint PRIMARY KEY {})",
    ] {
        let clauses = [
            "USING hash",
            "COMMENT 'x'",
            "KEY_BLOCK_SIZE = 8",
            "ON CONFLICT IGNORE",
            "AUTOINCREMENT",
            "NOVALIDATE",
            "NOT VALID",
            "ASC",
        ];
        each_is_refused(table, &clauses);
    }
    let clauses = ["NO INHERIT", "NOT ENFORCED", "ENFORCED", "DEFERRABLE", "NOT VALID", "ON CONFLICT IGNORE"];
    each_is_refused("CREATE TABLE posts (id bigint, CHECK (id > 0) {})", &clauses);
    each_is_refused("CREATE TABLE posts (id bigint CHECK (id > 0) {})", &clauses);
    each_is_refused(
        "CREATE TABLE posts (id bigint NOT NULL {})",
        &["NOT ENFORCED", "NO INHERIT", "NOT VALID", "ON CONFLICT ROLLBACK"],
    );
}
