-- The last entry of each audit log that a host on this database writes. Whoever deletes a log, its head and its key on the
-- host's machine does not delete this. No plugin's login can read or write it.
CREATE TABLE palisade.audit_heads (
    -- Which log: made from its key.
    log text PRIMARY KEY,
    -- The machine and the file.
    place text NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    -- The log that was found in its place when it was gone.
    replaced_by text,
    changed_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE palisade.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE palisade.audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY host ON palisade.audit_heads TO CURRENT_USER USING (true) WITH CHECK (true);
