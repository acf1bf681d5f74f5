import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";
const api = createClient<paths, "application/json">({ baseUrl: "" });
type Entry = components["schemas"]["GuestbookRust_Reading_Entry"];
// openapi-fetch itself takes a key too many where no other is missing; the types do not.
type Flags = components["schemas"]["Types_Echo_Permissions_Input"];
type Draft = components["schemas"]["Draft"];
// Every line below has one mistake, which the compiler must find on that line.
api.POST("/call/guestbook-rust/writing/sign", { body: { name: "Ada", mesage: "Hello" } });
api.POST("/call/guestbook-rust/writing/sign", { body: { name: "Ada" } });
api.POST("/call/guestbook-rust/writing/sign", { body: { name: 5, message: "Hello" } });
api.POST("/call/guestbook-rust/writing/sing", { body: { name: "Ada", message: "Hello" } });
api.GET("/call/guestbook-rust/writing/sign", {});
api.POST("/call/guestbook-rust/reading/recent", { body: { max: "5" } });
api.POST("/call/guestbook-rust/reading/recent", { body: { max: 5 } }).then(({ data }) => data?.[0]?.nmae);
api.POST("/call/types/echo/echo-enum", { body: { v: "drak-green" } });
const flags: Flags = { raed: true };
api.POST("/call/types/echo/echo-variant", { body: { v: { tag: "named", val: 5 } } });
api.POST("/call/types/echo/echo-record", { body: { v: { x: 1 } } });
const draft: Draft = { itemType: "post", title: "A title", stauts: "draft" };
const entry: Entry = { id: 1, name: "Ada" };
