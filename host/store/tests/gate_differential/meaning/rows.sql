INSERT INTO customers (id, name, email, country, birthday, created_at) VALUES
    (1, 'Ada Lovelace', 'ada@example.com', 'GB', '1815-12-10', '2026-01-01 08:00:00+00'),
    (2, 'bob', 'bob@example.org', 'DE', '2000-02-29', '2026-01-02 09:30:00.123456+00'),
    (3, 'Öslem  Ç', NULL, 'TR', NULL, '2025-12-31 23:59:59+00'),
    (4, 'a''quote', 'q@other.net', NULL, '1999-12-31', NULL);
INSERT INTO orders (id, customer_id, status, total, tags, meta, created_at) VALUES
    (1, 1, 'open', 120.50, '{vip,gift}', '{"channel": "web", "shipping": {"city": "Berlin", "country": "DE"}}', '2026-01-05 10:00:00+00'),
    (2, 1, 'paid', 15.00, '{}', '{"channel": "shop", "n": [1, 2, {"x": null}]}', '2026-01-05 11:00:00+00'),
    (3, 2, 'old', 9.99, '{vip}', NULL, '2025-06-30 22:30:00+00'),
    (4, 2, 'open', 0, NULL, '{"seen": true, "price": 1.50}', '2026-01-31 23:59:00+00'),
    (5, NULL, 'old', NULL, '{NULL,x}', '[]', NULL);
INSERT INTO items (id, order_id, sku, qty, price) VALUES
    (1, 1, 'apple', 3, 1.20), (2, 1, 'pear', 1, 2.00), (3, 2, 'apple', 10, 1.10), (4, 3, NULL, NULL, NULL), (5, 4, 'fig', 0, 0.99);
INSERT INTO kinds (id, flag, small, n, big, r, d, num, amount, t, vc, ch, b, u, day, clock, ts, tz, iv, j, jb, ip, net, m, ns, tags) VALUES
    (1, true, 1, 1, 1, 0.5, 0.25, 1.0, 1.00, 'abc', 'abc', 'abc', '\x616263', '00000000-0000-4000-8000-000000000001', '2026-01-31',
        '10:30:00', '2026-01-31 10:30:00', '2026-01-31 10:30:00+00', '1 day', '{"a": 1}', '{"a": 1, "b": "x"}', '10.0.0.1', '10.0.0.0/8', 'sad', '{1,2,3}', '{a,b}'),
    (2, false, -2, 7, 9007199254740993, 1.5, -2.5, -12.340, -12.34, 'ABC2 def', 'x_y%z', 'de', '\x00ff', '00000000-0000-4000-8000-000000000002', '2024-02-29',
        '23:59:59.999999', '2024-02-29 23:59:59.5', '2024-02-29 23:59:59.5+00', '1 mon -2 days 03:04:05.678', '[1, "two", null]', '[1, [2, 3], {"c": null}]', '192.168.1.5/24', '192.168.0.0/16', 'ok', '{3,NULL,1}', '{b,NULL}'),
    (3, NULL, 0, -3, -5, 0, 0, 0, 0, '', '', '', '', NULL, '1999-12-31',
        '00:00:00', '1999-12-31 00:00:00', '1999-12-31 12:00:00+00', '-1 years', 'null', '{"a": {"b": [10, 20]}, "n": 2.50}', '::1', '::/0', 'glad', '{}', '{}'),
    (4, true, 32767, 2147483647, 9223372036854775807, 'NaN', 'Infinity', 'NaN', 9999.99, 'it''s "q" \ é 😀', ' pad ', 'ü', '\xdeadbeef', NULL, 'infinity',
        '12:00:00', '-infinity', '2038-01-19 03:14:07+00', '00:00:00.000001', '"s"', '"scalar"', NULL, NULL, 'ok', '{{1,2},{3,4}}', '{it''s,"a b",""}'),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tree (id, parent, name) VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf'), (5, 4, 'bud');
INSERT INTO stock (sku, qty, price, place) VALUES ('apple', 3, 1.20, 'shelf'), ('pear', 0, 2.00, 'box'), ('fig', 7, NULL, 'shelf');
INSERT INTO "Mixed Case" VALUES (1, 170, 'x', 'y'), (2, NULL, '', NULL);
INSERT INTO words (id, name, note) VALUES (1, 'root', 'a'), (2, 'left', 'b'), (3, 'right', 'a'), (4, 'leaf', NULL), (5, 'bud', 'b'), (6, 'Ada Lovelace', 'c'), (7, 'ada', 'c')
