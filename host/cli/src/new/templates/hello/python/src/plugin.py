"""Greets people."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import logging


class Greeting(exports.Greeting):
    def greet(self, name: str) -> str:
        if not 1 <= len(name) <= 80:
            raise Err("a name has 1 to 80 characters")
        logging.log(logging.Level.INFO, f"greeting {name}", [])
        return f"Hello, {name}!"
