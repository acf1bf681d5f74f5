CREATE TABLE pages (
    slug    text PRIMARY KEY,
    title   text NOT NULL,
    views   bigint NOT NULL DEFAULT 0
);
CREATE TABLE likes (
    page    text NOT NULL REFERENCES pages (slug) ON DELETE CASCADE,
    reader  text NOT NULL,
    UNIQUE (page, reader)
);
