"""check-jsonschema judges the published schema: it passes every shipped file, and refuses what `validate` refuses for its shape.

The mutants are made mechanically, each in a file of its own: a key without one of its letters, a text with another letter,
and every scalar as a value of another type. What the loader takes on purpose (keys of tags, names, descriptions) is told apart
by the loader itself: a mutant that `validate` accepts has to be accepted by the schema too.
"""

import copy
import json
import subprocess
import sys

import pytest
import yaml

import ours
import world

SHIPPED = sorted(ours.CANONICAL.rglob("*.yaml"))

# Codes that speak of other files, or of what two values of a list have in common: no schema of one manifest can say these.
# BRX0101 no declarations, BRX0205 declared twice, BRX0207 element given twice, BRX0302 the organization as a whole.
UNSAID = {"BRX0101", "BRX0205", "BRX0207", "BRX0302"}
# Codes of shapes: the file itself, keys, types, words, kinds, controls and account ids.
SHAPE = ("BRX01", "BRX02", "BRX0301")


def documents(path):
    """The manifests of a file."""
    return [one for one in yaml.safe_load_all(path.read_text()) if one is not None]


def places(node, way=()):
    """Every place of a manifest: the way to it and what is there."""
    yield way, node
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, member in members:
        yield from places(member, (*way, name))


def at(node, way):
    for step in way:
        node = node[step]
    return node


def changed(document, way, value):
    """A copy with another value in one place."""
    mutant = copy.deepcopy(document)
    at(mutant, way[:-1])[way[-1]] = value
    return mutant


def misspelt(document, way):
    """A copy in which one key lacks a letter, in the middle where a reader misses it."""
    mutant = copy.deepcopy(document)
    above, name = at(mutant, way[:-1]), way[-1]
    cut = len(name) // 2
    short = name[:cut] + name[cut + 1:]
    members = [(short if one == name else one, member) for one, member in above.items()]
    above.clear()
    above.update(members)
    return mutant


def another_letter(text):
    """The text with its last letter changed; `None` where it has none."""
    for index in range(len(text) - 1, -1, -1):
        if text[index].isalpha():
            other = "Q" if text[index].isupper() else "q"
            return text[:index] + (other if text[index] != other else other.swapcase()) + text[index + 1:]
    return None


def mutants(document):
    """What was changed where, and the manifest that comes of it."""
    for way, value in places(document):
        where = ".".join(str(step) for step in way)
        if way and isinstance(way[-1], str) and len(way[-1]) > 1:
            yield f"{where}: key misspelt", misspelt(document, way)
        if isinstance(value, (dict, list)) or not way:
            continue
        if isinstance(value, str) and (other := another_letter(value)):
            yield f"{where}: {other}", changed(document, way, other)
        others = [{"wrong": value}, None]
        if isinstance(value, str):
            others += [17, True]
        elif isinstance(value, bool):
            others += ["text", 17]
        else:
            others += ["text", True]
        for other in others:
            yield f"{where}: {json.dumps(other)}", changed(document, way, other)


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    done = subprocess.run([world.binary(), "schema"], capture_output=True, text=True, check=True)
    path.write_text(done.stdout)
    return path


def judged(schema, paths):
    """The files that check-jsonschema refuses, with its first word on each."""
    command = [sys.executable, "-m", "check_jsonschema", "--output-format", "json", "--schemafile", str(schema), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    told = json.loads(done.stdout)
    assert not told.get("parse_errors"), told["parse_errors"]
    return {error["filename"]: error["message"] for error in told["errors"]}


def validated(tmp_path, desired):
    """What `validate` says of a folder: codes by file."""
    ran = ours.Reconciler(tmp_path, endpoint="http://127.0.0.1:1", desired=desired)("--output", "json", "validate")
    assert ran.exit in (ours.IN_SYNC, ours.INVALID), ran
    found = {}
    for one in ran.json["diagnostics"]:
        found.setdefault(one["at"]["file"] if one["at"] else None, set()).add(one["code"])
    return found


def written(folder, number, mutant):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"m{number:04}.yaml"
    # JSON is YAML that every reader takes for the same.
    path.write_text(json.dumps(mutant))
    return path


def test_every_shipped_file_passes(schema, tmp_path):
    manifests = [one for path in SHIPPED for one in documents(path)]
    assert len(manifests) > 20
    paths = [written(tmp_path, number, one) for number, one in enumerate(manifests)]
    assert judged(schema, paths) == {}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ours.CANONICAL)))
def test_the_schema_refuses_what_the_loader_refuses(path, schema, tmp_path):
    made = [(told, mutant) for one in documents(path) for told, mutant in mutants(one)]
    is_organization = path.name == "organization.yaml"
    paths, codes = [], []
    if is_organization:
        # There is one organization in a folder.
        own = documents(ours.CANONICAL / "guardrails/baseline.yaml")[0]
        for number, (_, mutant) in enumerate(made):
            folder = tmp_path / f"desired{number}"
            written(folder, 0, own)
            file = written(folder, 1, mutant).rename(folder / "organization.yaml")
            paths.append(file)
            found = validated(tmp_path, folder)
            codes.append({code for codes in found.values() for code in codes})
    else:
        folder = tmp_path / "desired"
        paths = [written(folder, number, mutant) for number, (_, mutant) in enumerate(made)]
        (folder / "organization.yaml").write_text((ours.CANONICAL / "organization.yaml").read_text())
        found = validated(tmp_path, folder)
        by_name = {file.rsplit("/", 1)[-1]: codes for file, codes in found.items() if file}
        codes = [by_name.get(file.name, set()) for file in paths]
    refused = judged(schema, paths)
    missed = [
        f"{told}: {sorted(of_loader)}"
        for (told, _), file, of_loader in zip(made, paths, codes)
        if any(code.startswith(SHAPE) for code in of_loader - UNSAID) and str(file) not in refused
    ]
    too_strict = [
        f"{told}: {refused[str(file)]}"
        for (told, _), file, of_loader in zip(made, paths, codes)
        if str(file) in refused and not of_loader - {"BRX0101", "BRX0205"}
    ]
    assert (missed, too_strict) == ([], [])
    assert len(refused) > len(made) // 4, "the mutants are hardly wrong"
