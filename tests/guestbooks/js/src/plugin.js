// A guestbook in JavaScript.

import { query, select } from "palisade:plugin/db@0.1.0";
import { insert } from "palisade:plugin/db-write@0.1.0";
import { current, get } from "palisade:plugin/user@0.1.0";

const text = (value) => ({ tag: "scalar", val: { tag: "text", val: value } });
const plain = (value) => value.val.val;

/** The error of a call of the host, as a text: what a function that returns `result<_, string>` throws. */
const sentence = (error) => {
  const { tag, val } = error.payload ?? {};
  return tag === undefined ? String(error) : val === undefined ? tag : `${tag}: ${val}`;
};

const attempt = (call) => {
  try {
    return call();
  } catch (error) {
    throw sentence(error);
  }
};

export const reading = {
  recent(max) {
    const orderBy = [{ column: "id", direction: "descending" }];
    const columns = ["id", "name", "message"];
    const rows = attempt(() => select({ table: "entries", columns, filter: [], orderBy, limit: max, after: [] }));
    return attempt(() => rows.next(max)).map(([id, name, message]) => ({
      id: plain(id),
      name: plain(name),
      message: plain(message),
    }));
  },

  caller() {
    return current()?.name;
  },

  echo(number) {
    return number;
  },

  echoSigned(number) {
    return number;
  },
};

export const writing = {
  sign(name, message) {
    if (name === "") {
      throw "a name is needed";
    }
    const rows = [[text(name), text(message)]];
    const columns = ["name", "message"];
    const added = attempt(() => insert({ table: "entries", columns, rows, onConflict: undefined, returning: ["id"] }));
    return plain(added.rows[0][0]);
  },
};

export const trying = {
  query() {
    try {
      query("SELECT name FROM entries", []);
      return "ran";
    } catch (error) {
      return sentence(error);
    }
  },

  fail() {
    throw new Error("on purpose");
  },

  user() {
    try {
      get("00000000-0000-0000-0000-000000000001");
      return "ran";
    } catch (error) {
      return sentence(error);
    }
  },
};
