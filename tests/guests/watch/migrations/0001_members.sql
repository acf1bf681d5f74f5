-- Who may see the items that the access tap looks up here.
CREATE TABLE members (
    name text NOT NULL
);
