//! `bedrock-reconciler`: the command line.
//!
//! Arguments, terminal, signals, exit codes and the daemon's trigger are here; everything else is in the libraries.

mod approval;
mod args;
mod attribution;
mod commands;
mod controls;
mod crash_point;
mod daemon;
mod diff;
mod environment;
mod exit;
mod failure;
mod files;
mod formats;
mod interrupt;
mod named;
mod next;
mod progress;
mod prompt;
mod render;
mod report;
mod screen;
mod settings;
mod setup;
mod shipped;
mod text;
mod view;
mod yaml;

use std::process::ExitCode;

use args::{Arguments, Audit, Aws, Command, Controls, DEFAULT_SCENARIO, Global};
use clap::Parser as _;
use clap::error::ErrorKind;
use exit::Exit;
use failure::Failure;
use screen::Screen;
use setup::Setup;

/// A plan is mostly small JSON trees, made and dropped by many tasks: allocation is a large part of its processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(args::layered(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed stream is no reason for another exit code.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
                _ => {
                    formats::failures::of_usage(&error);
                    Exit::Usage.into()
                }
            };
        }
    };
    if arguments.global.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let screen = arguments.global.screen();
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            interrupt::watch(arguments.command.is_daemon());
            match arguments.global.timeout {
                None => run(arguments, screen).await,
                Some(patience) => interrupt::within(patience, run(arguments, screen)).await,
            }
        }),
        Err(error) => Err(Failure::new(Exit::Failed, format!("failed to start: {error}"))),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            formats::failures::print(screen, &failure);
            screen.failure(&failure);
            failure.exit.into()
        }
    }
}

async fn run(arguments: Arguments, screen: Screen) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    formats::check(global.output, &command)?;
    match command {
        Command::Init { account, region, organization, role, dir } => {
            let asked = commands::init::Asked { accounts: account, regions: region, organization, role, dir };
            commands::init::run(global, asked).await
        }
        Command::Adopt { dry_run, all, address, places } => {
            let asked = commands::adopt::Asked { dry_run, all, address, places };
            commands::adopt::run(&Setup::new(global)?, &asked).await
        }
        Command::Doctor { account } => commands::doctor::run(&Setup::new(global)?, &account).await,
        Command::Status => commands::status::run(&Setup::new(global)?),
        Command::Validate => commands::validate::run(&Setup::new(global)?),
        Command::Fmt { check, paths } => commands::fmt::run(&Setup::new(global)?, check, &paths),
        Command::Plan { filter, out, blame, summary, fail_on } => {
            let asked = commands::plan::Asked { out, attribution: blame, summary, fail_on };
            commands::plan::run(&Setup::new(global)?.or_shipped(), &filter, asked).await
        }
        Command::Pin { check } => commands::pin::run(&Setup::new(global)?, check).await,
        Command::Apply { plan, approve, skip_permission_check } => {
            let mut setup = Setup::new(global)?;
            setup.settings.permission_check &= !skip_permission_check;
            commands::apply::run(&setup, &plan, approve).await
        }
        Command::Enforce { once, schedule, max_changes, skip_permission_check, filter } => {
            if !once && global.timeout.is_some() {
                let text = "a schedule has no end, so that --timeout means nothing for it";
                return Err(Failure::new(Exit::Usage, text).hint("use it with --once"));
            }
            let overrides = daemon::Overrides { schedule, max_changes, skip_permission_check };
            let mut setup = Setup::new(global)?.or_shipped();
            setup.settings = overrides.over(setup.settings);
            if once {
                commands::enforce::once(&setup, &filter).await
            } else {
                daemon::run(setup, &overrides, &filter).await
            }
        }
        Command::Restore { targets, account, since, yes, delete_versions, skip_permission_check } => {
            let asked = commands::restore::Asked { targets, accounts: account, since, yes, delete_versions };
            let mut setup = Setup::new(global)?.or_shipped();
            setup.settings.permission_check &= !skip_permission_check;
            commands::restore::run(&setup, asked).await
        }
        Command::Export { address, places } => commands::export::run(&Setup::new(global)?, &address, &places).await,
        Command::Demo => commands::demo::run(global).await,
        Command::Drill { scenario } => {
            let global = Global { aws: Aws::Embedded(DEFAULT_SCENARIO.to_owned()), ..global };
            commands::drill::run(&Setup::new(global)?.or_shipped(), scenario).await
        }
        Command::Emulator { listen, scenario, faults, latency, seed } => {
            commands::emulator::run(screen, listen, &scenario, faults, latency, seed).await
        }
        Command::Schema { of } => commands::reference::schema(screen, of),
        Command::Controls { what: None | Some(Controls::List) } => commands::reference::controls(screen),
        Command::Controls { what: Some(Controls::Show { id }) } => commands::reference::control(screen, &id),
        Command::Explain { of } => commands::explain::run(screen, of.as_deref()),
        Command::Version => commands::reference::version(screen),
        Command::History { of } => commands::history::run(&Setup::new(global)?, of.as_deref()),
        Command::Audit { what: Audit::Verify { head } } => {
            commands::audit::verify(&Setup::new(global)?, head.as_deref())
        }
        Command::Audit { what: Audit::Mend } => commands::audit::mend(&Setup::new(global)?),
        Command::Completions { shell } => commands::reference::completions(screen, shell),
        Command::Man { dir } => commands::manual::man(screen, dir.as_deref()),
        Command::Reference { dir } => commands::manual::reference(&dir),
    }
}
