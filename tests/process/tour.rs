//! The tour of the README, command by command, as it stands there.

use std::collections::VecDeque;
use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Aws, TestEnvironment, repository};

/// How a command of the tour ends.
enum Ends {
    /// By itself, with this code, having printed this.
    With(i32, &'static str),
    /// With this code, after somebody agreed.
    Agreed(i32, &'static str),
    /// When it is asked to, after it has told this.
    Stopped(&'static str),
    /// It goes to this folder, which it makes where it is not there.
    Into(&'static str),
    /// It is for the shell, or for another program.
    NotOurs,
}

/// The commands of the tour, in order.
fn tour() -> Vec<(&'static str, Ends)> {
    use Ends::*;
    vec![
        ("bedrock-reconciler --aws embedded:aws-genai-06 plan", With(2, "2 drifted (2 weakened)")),
        ("bedrock-reconciler emulator --listen 127.0.0.1:4566 --scenario drifted &", NotOurs),
        ("export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1", NotOurs),
        ("export AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=any", NotOurs),
        ("aws bedrock list-guardrails --query 'guardrails[].name'", NotOurs),
        ("bedrock-reconciler plan --control aws-genai-03 --out plan.json", With(2, "vpc-endpoint")),
        ("bedrock-reconciler apply plan.json --approve PLAN-ID", With(0, "verified by read-back")),
        ("bedrock-reconciler restore prod/us-east-1/guardrail/payments", Agreed(0, "verified by read-back")),
        ("bedrock-reconciler restore aws-genai-04 --yes --since 2h --account prod", With(0, "incident inc-")),
        ("bedrock-reconciler history", With(0, "inc-")),
        ("bedrock-reconciler audit verify", With(0, "nothing was altered")),
        ("bedrock-reconciler controls", With(0, "aws-genai-04")),
        ("bedrock-reconciler controls show aws-genai-04", With(0, "S2  page now")),
        ("bedrock-reconciler enforce --schedule '0 */5 * * * *'", Stopped(" INFO in sync")),
        ("bedrock-reconciler drill", Stopped("")),
        ("mkdir ours && cd ours", Into("ours")),
        ("bedrock-reconciler init --region us-east-1 --region eu-west-1", With(0, "")),
        ("bedrock-reconciler doctor", With(0, "ok ")),
        ("bedrock-reconciler adopt --dry-run", With(0, "")),
        ("bedrock-reconciler adopt", With(0, "")),
        ("bedrock-reconciler plan", With(0, "result: in sync")),
        ("cd ..", Into("")),
        ("bedrock-reconciler --desired tests/broken validate", With(65, "")),
    ]
}

/// The commands in the tour of the README, without their remarks.
fn in_the_readme() -> Vec<String> {
    let text = fs::read_to_string(repository().join("README.md")).expect("the page");
    let (_, tour) = text.split_once("## A tour in ten minutes").expect("the tour");
    let (tour, _) = tour.split_once("\n## ").expect("its end");
    let commands = tour.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|command| command.split("  #").next().unwrap_or(command).trim_end().to_owned()).collect()
}

#[test]
fn the_tour_of_the_readme_works_as_it_stands() {
    let tour = tour();
    let commands: Vec<&str> = tour.iter().map(|(command, _)| *command).collect();
    assert_eq!(in_the_readme(), commands, "the tour is played here: change both");
    let aws = Aws::scenario("drifted");
    let environment = TestEnvironment::on(&aws);
    for name in ["organization.yaml", "chat.yaml"] {
        let file = repository().join("tests/broken").join(name);
        environment.write(&format!("tests/broken/{name}"), fs::read(file).expect("read"));
    }
    let mut left: VecDeque<_> = tour.into();
    let mut folder = "";
    while let Some((command, ends)) = left.pop_front() {
        let arguments = || command.strip_prefix("bedrock-reconciler ").expect("ours").split(' ').collect::<Vec<_>>();
        match ends {
            Ends::NotOurs => {}
            Ends::Into(other) => {
                folder = other;
                if !other.is_empty() {
                    fs::create_dir(environment.path(other)).expect("a folder");
                }
            }
            Ends::With(code, prints) => {
                let id = || {
                    let text = environment.read("plan.json");
                    let (_, rest) = text.split_once("\"plan_id\": \"").expect("an id");
                    rest.split('"').next().expect("an id").to_owned()
                };
                let line =
                    if command.contains("PLAN-ID") { command.replace("PLAN-ID", &id()) } else { command.to_owned() };
                let line = match folder {
                    "" => line,
                    // The settings of the test are beside the folder.
                    folder => format!("cd {folder} && BEDROCK_RECONCILER_SETTINGS=../settings.yaml {line}"),
                };
                let _ = environment.shell(&line).exits(code).prints(&[prints]);
            }
            Ends::Agreed(code, prints) => {
                let mut terminal = environment.at_terminal(&arguments());
                terminal.wait_for("[y/N]");
                terminal.types("y");
                let (ended, shown) = terminal.wait();
                assert_eq!(ended, code, "{command}: {shown}");
                assert!(shown.contains(prints), "{command}: {shown}");
            }
            Ends::Stopped(told) => {
                let quoted = command.split_once(" --schedule ").map(|(_, rest)| rest.trim_matches('\''));
                let mut running = match quoted {
                    Some(schedule) => environment.start(&["enforce", "--schedule", schedule]),
                    None => environment.start(&arguments()),
                };
                match told {
                    "" => std::thread::sleep(Duration::from_millis(500)),
                    told => running.wait_for_log(told, 1),
                }
                running.signal(Signal::TERM);
                let code = running.wait().code();
                assert!(code == 0 || code == 143, "{command}: {code}");
            }
        }
    }
}
