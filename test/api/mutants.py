"""Values that a schema refuses, made from the schema and a good value, each with the JSON pointer that must be complained about;
and values at the schema's bounds. A null is never made: an optional member that is null counts as absent."""
import copy

from described import SCHEMAS

MOST = 1 << 19  # longer texts do not fit a body, whose bound comes first
SAMPLES = {"string": "x", "integer": 7, "boolean": True, "array": [], "object": {}}


def flat(schema):
    """The schema with what it is made of: its members and which of them every value has."""
    schema = SCHEMAS.resolve(schema)
    whole = {**schema, "properties": dict(schema.get("properties", {})), "required": list(schema.get("required", []))}
    for part in schema.get("allOf", []):
        for name, value in flat(part).items():
            if name in ("properties", "required"):
                whole[name] = value | whole[name] if name == "properties" else whole[name] + value
            else:
                whole.setdefault(name, value)
    for part in (*schema.get("oneOf", []), *schema.get("anyOf", [])):
        whole["properties"] = flat(part)["properties"] | whole["properties"]
    return whole


def wrong_types(schema):
    want = flat(schema).get("type")
    if want is None:
        return []
    want = {want} if isinstance(want, str) else set(want)
    return [value for kind, value in SAMPLES.items() if kind not in want and not (kind == "integer" and "number" in want)]


def pointer(at, name):
    return f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"


def walk(schema, value, at=""):
    """(schema, value, pointer) of every object of a good value that the schema describes by its members."""
    schema = flat(schema)
    if isinstance(value, dict) and (schema["properties"] or isinstance(schema.get("additionalProperties"), dict)):
        yield schema, value, at
        for name, part in schema["properties"].items():
            if name in value:
                yield from walk(part, value[name], pointer(at, name))
    if isinstance(value, list) and value and "items" in schema:
        yield from walk(schema["items"], value[0], pointer(at, 0))


def put(body, at, value):
    """The body with another value at a pointer; a missing one is added."""
    body = copy.deepcopy(body)
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:])
    place = body
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return body


def beyond(schema):
    """(what, value) of the values of the right type that a schema refuses."""
    schema = flat(schema)
    if schema.get("maxLength", MOST) < MOST:
        yield "too long", "x" * (schema["maxLength"] + 1)
    if "enum" in schema:
        yield "another word", "nobody_knows"
    if "minimum" in schema:
        yield "too small", schema["minimum"] - 1
    if "maximum" in schema:
        yield "too large", schema["maximum"] + 1


def bounds(schema):
    schema = flat(schema)
    if schema.get("maxLength", MOST) < MOST and "enum" not in schema and "pattern" not in schema and "format" not in schema:
        yield "as long as it may be", "x" * schema["maxLength"]
    for name in ("minimum", "maximum"):
        if name in schema:
            yield f"at its {name}", schema[name]


def wrong_bodies(schema, good):
    """(what, body, pointer) of bodies that are wrong at one place."""
    for value in wrong_types(schema):
        yield f"a body that is {value!r}", value, ""
    for inner, members, at in walk(schema, good):
        for name, part in inner["properties"].items():
            here = pointer(at, name)
            for value in wrong_types(part):
                yield f"{here} is {value!r}", put(good, here, value), here
            for what, value in beyond(part):
                yield f"{here} is {what}", put(good, here, value), here
            if name in inner["required"]:
                yield f"{here} is missing", put(good, here, None), here
        rest = inner.get("additionalProperties")
        here = pointer(at, "nobody_knows")
        if isinstance(rest, dict):
            for value in (*wrong_types(rest), *(value for _, value in beyond(rest))):
                yield f"{here} is {str(value)[:20]!r}", put(good, here, value), here
        elif inner["properties"] and rest is not True:
            yield f"{here} is not known", put(good, here, 1), here


def at_bounds(schema, good):
    """(what, pointer, value) of members at their bounds."""
    for inner, _, at in walk(schema, good):
        for name, part in inner["properties"].items():
            for what, value in bounds(part):
                yield f"{pointer(at, name)} is {what}", pointer(at, name), value


def all_wrong(schema):
    """A body with every member of a wrong type."""
    found = {name: wrong_types(part) for name, part in flat(schema)["properties"].items()}
    return {name: values[0] for name, values in found.items() if values}


def unbounded(schema, at="", seen=()):
    """Pointers of the texts and lists of a request that may have any size."""
    whole = flat(schema)
    kind = whole.get("type")
    if kind == "string" and not {"maxLength", "enum", "const", "pattern", "format"} & set(whole):
        yield at
    if kind == "array" and "maxItems" not in whole:
        yield at
    for name, part in whole["properties"].items():
        yield from unbounded(part, pointer(at, name))
    if "items" in whole:
        yield from unbounded(whole["items"], pointer(at, "*"))
    if isinstance(whole.get("additionalProperties"), dict):
        yield from unbounded(whole["additionalProperties"], pointer(at, "*"))


def wrong_parameters(schema):
    """Texts of a parameter that its schema refuses."""
    schema = flat(schema)
    if schema.get("type") == "integer":
        yield from ("x", "", "1.5", "1e3", "0x1", "99999999999999999999999")
    if "pattern" in schema:
        yield "?"
    yield from (value for _, value in beyond(schema))
