// A program that calls a served guestbook through types that are generated from `/openapi.json`. The test compiles it with
// `tsc --strict` and runs it. A check throws, which ends the program with an error.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const base = process.argv[2]!;
// Each answer has the one type of its 64-bit integers that the client asks for.
const api = createClient<paths, "application/json">({ baseUrl: base });
const exact = createClient<paths, "application/json; integers=string">({
  baseUrl: base,
  headers: { accept: "application/json; integers=string" },
});

function same(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}

// A mutation, and what it returns.
const signed = await api.POST("/call/guestbook-rust/writing/sign", { body: { name: "Ada", message: "Hello" } });
const id: number | undefined = signed.data;
same(id, 1);
const text = await exact.POST("/call/guestbook-rust/writing/sign", { body: { name: "Grace", message: "Hi" } });
const digits: string | undefined = text.data;
same(digits, "2");

// A query, whose entries have the name and the fields of their WIT.
const recent = await api.POST("/call/guestbook-rust/reading/recent", { body: { max: 5 } });
const entries: components["schemas"]["GuestbookRust_Reading_Entry"][] = recent.data ?? [];
same(entries.map((entry) => `${entry.id} ${entry.name}: ${entry.message}`), ["2 Grace: Hi", "1 Ada: Hello"]);

// A result that may be absent.
const caller = await api.POST("/call/guestbook-rust/reading/caller", { body: {} });
const name: string | null | undefined = caller.data;
same(name, null);

// The function's own error, with its type; and an error of the host.
const refused = await api.POST("/call/guestbook-rust/writing/sign", { body: { name: "", message: "Hello" } });
same(refused.response.status, 422);
if (refused.error && "value" in refused.error.error) {
  const value: string = refused.error.error.value;
  same([refused.error.error.kind, value], ["returned", "a name is needed"]);
} else {
  throw new Error("the function's error has no value");
}
const draft: components["schemas"]["Draft"] = { itemType: "post", title: "A title", fields: { body: "Hello", tags: [1] } };
const bare = await api.POST("/items", { body: draft });
same([bare.response.status, bare.error?.error.blame], [401, "caller"]);

// Records with and without keys that may be absent, flags, variants, tuples and results.
const nested = await api.POST("/call/types/echo/echo-nested", {
  body: { v: { point: { x: 1, y: -2 }, innerPoints: [] } },
});
const label: string | null | undefined = nested.data?.label;
same([nested.data?.point, label], [{ x: 1, y: -2 }, null]);
const flags = await api.POST("/call/types/echo/echo-flags", { body: { v: { runIt: true } } });
const run: boolean | undefined = flags.data?.runIt;
same([run, flags.data?.read], [true, false]);
const shape = await api.POST("/call/types/echo/echo-variant", { body: { v: { tag: "named", val: "square" } } });
switch (shape.data?.tag) {
  case "named": {
    const named: string = shape.data.val;
    same(named, "square");
    break;
  }
  default:
    throw new Error("another case");
}
const colour: "red" | "dark-green" | "blue" | undefined = (
  await api.POST("/call/types/echo/echo-enum", { body: { v: "dark-green" } })
).data;
same(colour, "dark-green");
const tuple = await api.POST("/call/types/echo/echo-tuple", { body: { v: [1, "a", true] } });
same(tuple.data, [1, "a", true]);
const largest = await exact.POST("/call/types/echo/echo-u64", { body: { v: "18446744073709551615" } });
same(largest.data, "18446744073709551615");

const ready = await api.GET("/readyz");
same(ready.data?.plugins.map((plugin) => plugin.state), ["serving", "serving"]);
