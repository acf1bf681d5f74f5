-- Fields stay the text that was checked: jsonb writes 1e308 with all of its 309 digits, and so makes of a small text a large one.
-- How large a text is stands beside it, because a page ends by bytes, and PostgreSQL would have to read each text to count it.
DROP INDEX palisade.items_by_fields;
ALTER TABLE palisade.items DROP CONSTRAINT items_fields_check;
ALTER TABLE palisade.items ALTER COLUMN fields TYPE json USING fields::json;
ALTER TABLE palisade.items ADD CONSTRAINT items_fields_check CHECK (json_typeof(fields) = 'object');
ALTER TABLE palisade.items
    ADD COLUMN fields_bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(fields::text)) STORED;
CREATE INDEX items_by_fields ON palisade.items USING gin ((fields::jsonb) jsonb_path_ops);

ALTER TABLE palisade.item_revisions DROP CONSTRAINT items_fields_check;
ALTER TABLE palisade.item_revisions ALTER COLUMN fields TYPE json USING fields::json;
ALTER TABLE palisade.item_revisions ADD CONSTRAINT items_fields_check CHECK (json_typeof(fields) = 'object');
