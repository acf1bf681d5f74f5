-- What a search of items looks at before it reads their fields: a number for each scalar at the top of them, and for each in an
-- array there. `@>` reads the whole text of an item, which can have a megabyte. An item that contains what is sought has all of
-- its numbers. Null stands for an item that is too large to have them: it is always looked at.
CREATE FUNCTION palisade.item_terms(fields json) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN octet_length(fields::text) <= 65536 THEN (
        WITH scalars AS (
            SELECT m.key, 'member ' AS place, m.value FROM jsonb_each(fields::jsonb) m
            UNION ALL
            SELECT m.key, 'element ', e.value FROM jsonb_each(fields::jsonb) m,
                jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE '[]' END) e
        ), terms AS (
            SELECT DISTINCT hashtextextended(place || length(key)::text || ' ' || key || ' ' || jsonb_typeof(value) || ' ' || coalesce(
                CASE jsonb_typeof(value) WHEN 'number' THEN trim_scale((value #>> '{}')::numeric)::text ELSE value #>> '{}' END, ''), 0) AS term
            FROM scalars WHERE jsonb_typeof(value) NOT IN ('object', 'array')
        )
        SELECT CASE WHEN count(*) <= 256 THEN coalesce(array_agg(term), '{}') END FROM terms
    ) END;
ALTER TABLE palisade.items ADD COLUMN terms bigint[] GENERATED ALWAYS AS (palisade.item_terms(fields)) STORED;
DROP INDEX palisade.items_by_fields;
CREATE INDEX items_by_fields ON palisade.items USING gin (terms);
CREATE INDEX items_without_terms ON palisade.items (item_type, id) WHERE terms IS NULL;
