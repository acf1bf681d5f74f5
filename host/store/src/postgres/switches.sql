-- What an operator has said of a plugin: disabled, for a reason, or enabled, where there is none. Hosts look at it once a
-- second; the revision grows with each change, so that none is overlooked. No plugin's login can read or write it.
CREATE TABLE palisade.switches (
    plugin text PRIMARY KEY,
    reason text,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE palisade.switches ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.switches FORCE ROW LEVEL SECURITY;
CREATE POLICY host ON palisade.switches TO CURRENT_USER USING (true) WITH CHECK (true);
