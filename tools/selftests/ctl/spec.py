# SPDX-License-Identifier: GPL-2.0-only
"""The command's words and its JSON, against the specification of the netlink family.

spec.py TOP SCHEMAS OUTPUT   all of it, with the programs in OUTPUT; KTAP
spec.py SCHEMAS NAME         whether standard input is what NAME.json describes;
                             with NAME monitor or top, each of its lines
"""
import json
import pathlib
import subprocess
import sys

import jsonschema


def key(name):
    return name.replace("-", "_")


def schemas(directory):
    """All schemas by name; what one does not name it does not allow here."""

    def close(node, name):
        if isinstance(node, dict):
            if "properties" in node:
                node.setdefault("additionalProperties", False)
            if "$ref" in node:
                file, place = node["$ref"].split("#/definitions/")
                node["$ref"] = f"#/{file.removesuffix('.json') or name}/definitions/{place}"
            for value in node.values():
                close(value, name)
        elif isinstance(node, list):
            for value in node:
                close(value, name)
        return node

    return {path.stem: close(json.loads(path.read_text()), path.stem)
            for path in pathlib.Path(directory).glob("*.json")}


def validate(all_schemas, name, value):
    """References are into the whole of the schemas."""
    jsonschema.Draft7Validator({**all_schemas, "$ref": f"#/{name}"}).validate(value)


def validate_text(all_schemas, name, text):
    values = text.splitlines() if name in ("monitor", "top") else [text]
    if not values:
        raise ValueError("nothing was printed")
    for value in values:
        validate(all_schemas, name, json.loads(value))


class Spec:
    def __init__(self, path):
        import yaml

        spec = yaml.safe_load(path.read_text())
        self.consts, self.enums = {}, {}
        for entry in spec["definitions"]:
            if entry["type"] == "const":
                self.consts[entry["name"]] = entry["value"]
            else:
                self.enums[entry["name"]] = [
                    word if isinstance(word, str) else word["name"] for word in entry["entries"]]
        self.sets = {of["name"]: of["attributes"] for of in spec["attribute-sets"]}
        self.operations = {of["name"]: of for of in spec["operations"]["list"]}

    def bound(self, attribute, name, default):
        value = attribute.get("checks", {}).get(name, default)
        return self.consts.get(value, value)


KIND_U32, KIND_S32, KIND_U64, KIND_STRING, KIND_ENUM, KIND_FLAGS, KIND_STATS, KIND_QUEUES = \
    range(1, 9)


def kind_of(attribute):
    if attribute.get("enum-as-flags"):
        return KIND_FLAGS
    if "enum" in attribute:
        return KIND_ENUM
    if attribute["type"] == "nest":
        return KIND_QUEUES if attribute.get("multi-attr") else KIND_STATS
    return {"u32": KIND_U32, "s32": KIND_S32, "u64": KIND_U64, "string": KIND_STRING}[
        attribute["type"]]


def same(found, wanted, what):
    if found != wanted:
        raise ValueError(f"{what}: {found}, and the specification has {wanted}")


def check_enums(spec, names):
    same(names["enums"], {key(name): words for name, words in spec.enums.items()}, "enums")


def check_attributes(spec, names):
    for of in ("dev", "queue", "worker", "stats"):
        found = names[of]
        wanted = [(number, attribute) for number, attribute in enumerate(spec.sets[of], 1)
                  if attribute["type"] != "pad"]
        same([(field["number"], field["name"]) for field in found.values()],
             [(number, attribute["name"]) for number, attribute in wanted], of)
        for _, attribute in wanted:
            field = found[key(attribute["name"])]
            what = f"{of} {attribute['name']}"
            same(field["kind"], kind_of(attribute), what + " kind")
            same(field["enum"], attribute.get("enum", ""), what + " enum")


def check_orders(spec, names):
    keys = {"dev": ["id"], "queue": ["dev-id", "id"], "worker": ["tid"]}
    for of, ids in keys.items():
        request = spec.operations[of + "-set"]["do"]["request"]["attributes"]
        same([field["name"] for field in names[of].values() if field["set"]],
             [name for name in request if name not in ids], of + " set")
        for attribute in spec.sets[of]:
            field = names[of].get(key(attribute["name"]))
            if not field or not field["set"] or "checks" not in attribute:
                continue
            what = f"{of} {attribute['name']}"
            least, most = ("min", "max") if attribute["type"] != "string" else ("min-len", "max-len")
            same(field["max"], spec.bound(attribute, most, None), what + " max")
            same(field["min"], spec.bound(attribute, least, 1 if most == "max-len" else 0),
                 what + " min")


def check_events(spec, names):
    same(names["events"],
         {key(name[:-len("-ntf")]): operation["notify"][:-len("-get")]
          for name, operation in spec.operations.items() if "notify" in operation}, "events")


def check_schema_words(spec, all_schemas):
    """Every attribute is in the schema of its object, with the enum's words."""
    for of, plain in (("dev", None), ("queue", {"dev-id": "dev", "id": "queue"}),
                      ("worker", None)):
        properties = all_schemas[of]["definitions"][of]["properties"]
        wanted = {}
        for attribute in spec.sets[of]:
            if attribute["type"] != "pad":
                wanted[key((plain or {}).get(attribute["name"], attribute["name"]))] = attribute
        same(sorted(properties), sorted(wanted), of + ".json")
        for name, attribute in wanted.items():
            if kind_of(attribute) == KIND_ENUM:
                same(properties[name]["enum"], spec.enums[attribute["enum"]], f"{of} {name}")


def main():
    top, directory, output = (pathlib.Path(argument) for argument in sys.argv[1:])
    spec = Spec(top / "Documentation/netlink/specs/vhostx.yaml")
    all_schemas = schemas(directory)

    def run(*command):
        # How check ends depends on the host.
        return subprocess.run(command, stdout=subprocess.PIPE, check=command[-1] != "check").stdout.decode()

    test = str(output / "answer_test")
    names = json.loads(run(test, "names"))["names"][0]
    points = [
        ("enums", lambda: check_enums(spec, names)),
        ("attributes", lambda: check_attributes(spec, names)),
        ("orders", lambda: check_orders(spec, names)),
        ("events", lambda: check_events(spec, names)),
        ("schema_words", lambda: check_schema_words(spec, all_schemas)),
    ]
    for name in ("dev", "queue", "worker", "stats", "monitor"):
        points.append(("schema_" + name,
                       lambda name=name: validate_text(all_schemas, name, run(test, name))))
    points.append(("schema_check", lambda: validate_text(
        all_schemas, "check", run(str(output / "vhostx"), "-j", "check"))))

    print(f"TAP version 13\n1..{len(points)}")
    failed = False
    for number, (name, check) in enumerate(points, 1):
        try:
            check()
            print(f"ok {number} spec.{name}")
        except Exception as error:
            failed = True
            for line in str(error).splitlines()[:20]:
                print("#", line)
            print(f"not ok {number} spec.{name}")
    return failed


if len(sys.argv) == 3:
    validate_text(schemas(sys.argv[1]), sys.argv[2], sys.stdin.read())
else:
    sys.exit(main())
