-- Palisade's own tables. Rows that belong to plugins are kept apart by row-level security on session_user, which no
-- statement of a plugin can change.
CREATE SCHEMA IF NOT EXISTS palisade;

CREATE TABLE palisade.secrets (name text PRIMARY KEY, value bytea NOT NULL);

CREATE TABLE palisade.plugins (
    name text PRIMARY KEY,
    role text NOT NULL UNIQUE,
    version text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE palisade.plugin_migrations (
    plugin text NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, name)
);

CREATE TABLE palisade.users (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE palisade.user_roles (
    user_id uuid NOT NULL REFERENCES palisade.users ON DELETE CASCADE,
    role text NOT NULL,
    PRIMARY KEY (user_id, role)
);
CREATE TABLE palisade.role_permissions (role text NOT NULL, permission text NOT NULL, PRIMARY KEY (role, permission));
-- Only a hash: whoever reads this table cannot call as anybody.
CREATE TABLE palisade.tokens (
    hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES palisade.users ON DELETE CASCADE,
    expires_at timestamptz
);

CREATE TABLE palisade.variables (
    plugin text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (plugin, name)
);

CREATE TABLE palisade.items (
    id uuid PRIMARY KEY,
    item_type text NOT NULL,
    title text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'published')),
    fields jsonb NOT NULL CHECK (jsonb_typeof(fields) = 'object'),
    revision integer NOT NULL CHECK (revision > 0),
    author uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX items_by_type ON palisade.items (item_type, id);
CREATE INDEX items_by_fields ON palisade.items USING gin (fields jsonb_path_ops);
CREATE TABLE palisade.item_revisions (LIKE palisade.items INCLUDING CONSTRAINTS, PRIMARY KEY (id, revision));

CREATE TABLE palisade.item_grants (
    role text NOT NULL,
    item_type text NOT NULL,
    can_write boolean NOT NULL,
    PRIMARY KEY (role, item_type)
);

ALTER TABLE palisade.plugins ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.plugins FORCE ROW LEVEL SECURITY;
ALTER TABLE palisade.item_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.item_grants FORCE ROW LEVEL SECURITY;
ALTER TABLE palisade.variables ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.variables FORCE ROW LEVEL SECURITY;
ALTER TABLE palisade.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.items FORCE ROW LEVEL SECURITY;
ALTER TABLE palisade.item_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.item_revisions FORCE ROW LEVEL SECURITY;

-- The host's own login sees everything.
CREATE POLICY host ON palisade.plugins TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY host ON palisade.item_grants TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY host ON palisade.variables TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY host ON palisade.items TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY host ON palisade.item_revisions TO CURRENT_USER USING (true) WITH CHECK (true);

-- A plugin's login sees its own rows, and items of the types it is granted.
CREATE POLICY own ON palisade.plugins FOR SELECT USING (role = session_user);
CREATE POLICY own ON palisade.item_grants FOR SELECT USING (role = session_user);
CREATE POLICY own ON palisade.variables
    USING (plugin = (SELECT p.name FROM palisade.plugins p WHERE p.role = session_user))
    WITH CHECK (plugin = (SELECT p.name FROM palisade.plugins p WHERE p.role = session_user));
CREATE POLICY granted_read ON palisade.items FOR SELECT
    USING (item_type IN (SELECT g.item_type FROM palisade.item_grants g WHERE g.role = session_user));
CREATE POLICY granted_insert ON palisade.items FOR INSERT
    WITH CHECK (item_type IN (SELECT g.item_type FROM palisade.item_grants g WHERE g.role = session_user AND g.can_write));
CREATE POLICY granted_update ON palisade.items FOR UPDATE
    USING (item_type IN (SELECT g.item_type FROM palisade.item_grants g WHERE g.role = session_user AND g.can_write));
CREATE POLICY granted_delete ON palisade.items FOR DELETE
    USING (item_type IN (SELECT g.item_type FROM palisade.item_grants g WHERE g.role = session_user AND g.can_write));
-- Only what is there now can be kept as what was there: no history can be made up.
CREATE POLICY granted_insert ON palisade.item_revisions FOR INSERT
    WITH CHECK (
        item_type IN (SELECT g.item_type FROM palisade.item_grants g WHERE g.role = session_user AND g.can_write)
        AND EXISTS (
            SELECT FROM palisade.items i
            WHERE i.id = item_revisions.id AND i.item_type = item_revisions.item_type AND i.revision = item_revisions.revision
        )
    );
