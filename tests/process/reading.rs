//! What people see of a plan: whole where it decides, short where it repeats, and never wider than their screen.

use crate::harness::{Aws, TestEnvironment};

/// A desired state with 55 more log groups in all 6 places: none of them is there.
fn with_many(aws: &Aws, days: impl Fn(usize) -> u32) -> TestEnvironment {
    let environment = TestEnvironment::on(aws);
    let one = |number: usize| {
        format!(
            "---\nkind: log-group\nname: /app/service-{number:02}\nwhere: {{accounts: all, regions: all}}\ncontrols: [aws-genai-04]\n\
             spec: {{retentionInDays: {}}}\n",
            days(number)
        )
    };
    environment.write("desired-state/many.yaml", (0..55).map(one).collect::<String>());
    // They were there once: what nobody ever saw would be new, and no reason to wake anybody.
    let adopted: String = (0..55).map(|number| format!("    - log-group//app/service-{number:02}\n")).collect();
    let pins = environment.read("desired-state/pins.lock");
    environment.write("desired-state/pins.lock", pins.replace("    adopted:\n", &format!("    adopted:\n{adopted}")));
    environment
}

/// The numbers of days that CloudWatch Logs takes.
const DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[test]
fn hundreds_of_drifts_fit_two_screens() {
    let aws = Aws::scenario("in-sync");
    for days in [|_: usize| 365, |number: usize| DAYS[number % DAYS.len()]] {
        let environment = with_many(&aws, days);
        for columns in ["80", "120"] {
            let output = environment.run_with("COLUMNS", columns, &["plan"]).exits(2);
            let lines = output.stdout.lines().count();
            assert!(lines <= 100, "{lines} lines at {columns} columns:\n{}", output.stdout);
            let _ =
                output.prints(&["330 of 403 not as declared", "in 6 of 6 places", "/app/service-54", "330 drifted"]);
        }
        let full = environment.run(&["plan", "--full"]).exits(2);
        let of_one =
            full.stdout.lines().filter(|line| line.starts_with("+ ") && line.contains("log-group /app/service-07 "));
        assert_eq!(of_one.count(), 6, "each place by itself:\n{}", full.stdout);
        let summary = environment.run(&["plan", "--summary"]).exits(2);
        assert!(summary.stdout.lines().count() <= 16, "{}", summary.stdout);
        let _ = summary.prints(&["aws-genai-04  110 page"]);
    }
}

#[test]
fn nothing_is_wider_than_the_screen_but_what_is_copied() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    for columns in ["20", "80", "120", "200", "300"] {
        let width = columns.parse::<usize>().expect("a number").clamp(80, 200);
        let output = environment.run_with("COLUMNS", columns, &["plan"]).exits(2);
        for line in output.stdout.lines() {
            // Commands and the last line are for copying and for scripts.
            let is_whole = line.contains("bedrock-reconciler ") || line.starts_with("result: ");
            assert!(is_whole || line.chars().count() <= width, "{columns}: {line}");
        }
    }
}

#[test]
fn what_is_shown_at_one_width_is_shown_at_every_width() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let words = |columns: &str| {
        let output = environment.run_with("COLUMNS", columns, &["--quiet", "plan"]).exits(2);
        let shown = output.stdout.split("\nnext  ").next().expect("text").split_once('\n').expect("lines").1.to_owned();
        shown.chars().filter(|c| !c.is_whitespace()).collect::<String>()
    };
    assert_eq!(words("80"), words("200"));
}

#[test]
fn a_plan_fails_on_what_is_asked_for() {
    let script = TestEnvironment::new();
    script.write(
        "ticket.yaml",
        "include: in-sync\nsteps:\n  - {as: \"arn:aws:sts::${account}:assumed-role/Developer/x\", accounts: [prod], regions: [us-east-1], service: logs, \
         operation: PutRetentionPolicy, body: {logGroupName: /aws/bedrock/model-invocations, retentionInDays: 7}}\n",
    );
    let aws = Aws::scenario(&script.path("ticket.yaml").display().to_string());
    let environment = TestEnvironment::on(&aws);
    for (fail_on, code) in [("any", 2), ("weakened", 2), ("page", 0)] {
        let output = environment.run(&["plan", "--fail-on", fail_on]).exits(code);
        let _ = output.prints(&["retentionInDays  7 -> 365", &format!("exit {code}")]);
    }
    let _ = environment.run(&["plan", "--fail-on", "pages"]).exits(64).says(&["any, weakened, page"]);
    let stronger = TestEnvironment::new();
    stronger.write("stronger.yaml", script.read("ticket.yaml").replace("InDays: 7}", "InDays: 3653}"));
    let aws = Aws::scenario(&stronger.path("stronger.yaml").display().to_string());
    let environment = TestEnvironment::on(&aws);
    for fail_on in ["any", "weakened", "page"] {
        let _ = environment.run(&["plan", "--fail-on", fail_on]).exits(0).prints(&["strengthened, kept"]);
    }
}

/// The next command writes to no more than what was looked at. What may also be restored is a control or an address of the plan.
#[test]
fn the_next_command_is_about_what_was_looked_at() {
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    let part = ["--control", "aws-genai-04", "--address", "prod/*", "--kind", "log-group"];
    let shown = environment.run(&[&["plan"][..], &part].concat()).exits(2);
    let told = "bedrock-reconciler plan --control aws-genai-04 --address 'prod/*' --kind log-group --out";
    let _ = shown.prints(&[told, "restore prod/us-east-1/log-group//aws/bedrock/model-invocations"]);
    let embedded = environment.run(&["--aws", "embedded", "plan", "--kind", "log-group"]).exits(2);
    let _ = embedded.prints(&["enforce --once --kind log-group"]);
}

#[test]
fn a_plan_is_saved_wherever_the_help_says() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let id = |output: &str| {
        let start = output.find("plan-").expect("an id");
        output[start..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().expect("an id").to_owned()
    };
    for arguments in
        [&["plan", "--out"][..], &["plan", "--out", "--control", "aws-genai-06"], &["--quiet", "plan", "--out"]]
    {
        let output = environment.run(arguments).exits(2);
        let path = format!("plans/{}.json", id(&output.stdout));
        assert!(environment.path(&path).exists(), "{arguments:?}: no {path}");
        let _ = output.prints(&[&format!("apply {path} --approve plan-")]);
    }
    for arguments in [&["plan", "--out", "one.json"][..], &["plan", "--out=one.json"]] {
        let _ = environment.run(arguments).exits(2).prints(&["apply one.json --approve plan-"]);
        assert!(environment.path("one.json").exists() && environment.path("one.diff").exists());
    }
}

/// What a file promises is not what is there: the resources are looked at again, whatever its steps are.
#[test]
fn a_saved_plan_never_ends_better_than_what_is_found() {
    let aws = Aws::scenario("aws-genai-06");
    let environment = TestEnvironment::on(&aws);
    let calm = Aws::scenario("in-sync");
    let in_sync = TestEnvironment::on(&calm);
    let _ = in_sync.run(&["plan", "--out", "plan.json"]).exits(0);
    environment.write("calm.json", in_sync.read("plan.json"));
    let calm = environment.run(&["apply", "calm.json"]).exits(2);
    let _ = calm.prints(&["still open", "2 of 73 not as declared", "planned again: not in sync"]);
    assert_eq!(aws.writes(), []);
    let _ = environment.run(&["plan", "--out", "plan.json"]).exits(2);
    let id = environment
        .read("plan.json")
        .lines()
        .find_map(|line| Some(line.trim().strip_prefix("\"plan_id\": \"")?.trim_end_matches("\",").to_owned()));
    let id = id.expect("an id");
    let applied = environment.run(&["--output", "json", "apply", "plan.json", "--approve", &id]).exits(0).json();
    assert_eq!(applied["after"]["summary"]["drifted"], 0);
    assert_eq!(applied["exit"], 0);
}
