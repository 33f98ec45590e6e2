"""As much of JSON Schema 2020-12 as spec/openapi.yaml uses, and the description as an object.

A keyword that is not known here is an error, so that nothing in the description goes unchecked in silence.
"""
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
IGNORED = {"description", "example", "examples", "default", "title", "deprecated", "$ref"}
FORMATS = {"date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
           "date": re.compile(r"\d{4}-\d\d-\d\d"), "uri-reference": re.compile(r"\S*")}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def load():
    return yaml.safe_load((ROOT / "spec/openapi.yaml").read_text())


class Schemas:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def properties(self, schema):
        """Names that a schema and what it is made of know."""
        schema = self.resolve(schema)
        names = set(schema.get("properties", {}))
        for part in (*schema.get("allOf", []), *schema.get("oneOf", []), *schema.get("anyOf", [])):
            names |= self.properties(part)
        return names

    def errors(self, schema, value, at="$"):
        schema = self.resolve(schema)
        for keyword, want in schema.items():
            if keyword in IGNORED:
                continue
            check = getattr(self, "check_" + keyword, None)
            if check is None:
                raise NotImplementedError(f"{at}: the keyword {keyword}")
            yield from check(want, value, at, schema)

    def check_type(self, want, value, at, schema):
        def fits(name):
            if name == "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            if name == "number":
                return isinstance(value, (int, float)) and not isinstance(value, bool)
            return isinstance(value, TYPES[name])

        if not any(fits(name) for name in ([want] if isinstance(want, str) else want)):
            yield f"{at}: {value!r} is not of type {want}"

    def check_required(self, want, value, at, schema):
        yield from (f"{at}: no {name}" for name in want if isinstance(value, dict) and name not in value)

    def check_properties(self, want, value, at, schema):
        for name, part in want.items():
            if isinstance(value, dict) and name in value:
                yield from self.errors(part, value[name], f"{at}.{name}")

    def check_additionalProperties(self, want, value, at, schema):
        for name in sorted(set(value) - set(schema.get("properties", {}))) if isinstance(value, dict) else ():
            if want is False:
                yield f"{at}: {name} is not described"
            elif want is not True:
                yield from self.errors(want, value[name], f"{at}.{name}")

    def check_unevaluatedProperties(self, want, value, at, schema):
        assert want is False
        for name in sorted(set(value) - self.properties(schema)) if isinstance(value, dict) else ():
            yield f"{at}: {name} is not described"

    def check_items(self, want, value, at, schema):
        for i, item in enumerate(value) if isinstance(value, list) else ():
            yield from self.errors(want, item, f"{at}[{i}]")

    def check_enum(self, want, value, at, schema):
        if value not in want:
            yield f"{at}: {value!r} is none of {want}"

    def check_const(self, want, value, at, schema):
        if value != want:
            yield f"{at}: {value!r} is not {want!r}"

    def check_pattern(self, want, value, at, schema):
        if isinstance(value, str) and not re.search(want, value):
            yield f"{at}: {value!r} does not match {want}"

    def check_maxLength(self, want, value, at, schema):
        if isinstance(value, str) and len(value) > want:
            yield f"{at}: longer than {want}"

    def check_minLength(self, want, value, at, schema):
        if isinstance(value, str) and len(value) < want:
            yield f"{at}: shorter than {want}"

    def check_format(self, want, value, at, schema):
        if isinstance(value, str) and not FORMATS[want].fullmatch(value):
            yield f"{at}: {value!r} is no {want}"

    def check_minItems(self, want, value, at, schema):
        if isinstance(value, list) and len(value) < want:
            yield f"{at}: fewer than {want} items"

    def check_maxProperties(self, want, value, at, schema):
        if isinstance(value, dict) and len(value) > want:
            yield f"{at}: more than {want} members"

    def check_anyOf(self, want, value, at, schema):
        found = [list(self.errors(part, value, at)) for part in want]
        if all(found):
            yield f"{at}: fits none of {len(want)} alternatives: {found}"

    def check_minimum(self, want, value, at, schema):
        if isinstance(value, (int, float)) and value < want:
            yield f"{at}: {value} is less than {want}"

    def check_maximum(self, want, value, at, schema):
        if isinstance(value, (int, float)) and value > want:
            yield f"{at}: {value} is more than {want}"

    def check_maxItems(self, want, value, at, schema):
        if isinstance(value, list) and len(value) > want:
            yield f"{at}: more than {want} items"

    def check_allOf(self, want, value, at, schema):
        for part in want:
            yield from self.errors(part, value, at)

    def check_oneOf(self, want, value, at, schema):
        found = [list(self.errors(part, value, at)) for part in want]
        if sum(not e for e in found) != 1:
            yield f"{at}: fits {sum(not e for e in found)} of {len(want)} alternatives: {[e for e in found if e]}"
