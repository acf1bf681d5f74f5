"""A guestbook in Python."""

from typing import List, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.reading import Entry
from wit_world.imports import db, db_write, user


def text(value: str) -> db.Value:
    return db.Value_Scalar(db.Scalar_Text(value))


def plain(value: db.Value):
    """The value of a column that is not null."""
    match value:
        case db.Value_Scalar(scalar):
            return scalar.value
    raise TypeError(value)


def sentence(error: Err) -> str:
    """The error of a call of the host, as a text."""
    case = type(error.value).__name__.removeprefix("Error_")
    detail = getattr(error.value, "value", None)
    return case if detail is None else f"{case}: {detail}"


class Reading(exports.Reading):
    def recent(self, max: int) -> List[Entry]:
        newest = [db.Ordering("id", db.Direction.DESCENDING)]
        try:
            with db.select(db.Selection("entries", ["id", "name", "message"], [], newest, max, [])) as rows:
                return [Entry(*map(plain, row)) for row in rows.next(max)]
        except Err as error:
            raise Err(sentence(error))

    def caller(self) -> Optional[str]:
        caller = user.current()
        return caller and caller.name

    def echo(self, number: int) -> int:
        return number

    def echo_signed(self, number: int) -> int:
        return number


class Writing(exports.Writing):
    def sign(self, name: str, message: str) -> int:
        if name == "":
            raise Err("a name is needed")
        row = [text(name), text(message)]
        try:
            added = db_write.insert(db_write.Insertion("entries", ["name", "message"], [row], None, ["id"]))
        except Err as error:
            raise Err(sentence(error))
        return plain(added.rows[0][0])


class Trying(exports.Trying):
    def fail(self) -> str:
        raise RuntimeError("on purpose")

    def query(self) -> str:
        try:
            db.query("SELECT name FROM entries", [])
            return "ran"
        except Err as error:
            return sentence(error)

    def user(self) -> str:
        try:
            user.get("00000000-0000-0000-0000-000000000001")
            return "ran"
        except Err as error:
            return sentence(error)
