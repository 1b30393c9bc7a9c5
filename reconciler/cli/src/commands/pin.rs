//! `pin`: what aliases, tags and names lead to, written beside the declarations.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reconciler_aws::client::LookedUp;
use reconciler_engine::outcome::{Followed, Outcome};
use reconciler_engine::pinning::Pointer;
use reconciler_model::address::{Address, ScopeKind};
use reconciler_model::desired::{ANSWERS, PINS_FILE, Pins, VERSIONS, Wanted, is_set, members_of};
use serde_json::json;
use similar::TextDiff;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::formats::documents;
use crate::progress::Progress;
use crate::screen::{BAD, DOUBT, FAINT, GOOD, paint};
use crate::setup::Setup;

/// What became of the file of pins.
pub(crate) struct Pinned {
    /// Whether something leads elsewhere than its pin.
    pub(crate) differs: bool,
    /// Whether the file was written.
    pub(crate) written: bool,
    /// How many pointers there are.
    pub(crate) count: usize,
    diff: String,
    changed: Vec<String>,
    newer: Vec<String>,
    /// What could not be pinned, and why.
    pub(crate) unread: Vec<String>,
    path: PathBuf,
}

pub(crate) async fn run(setup: &Setup, check: bool) -> Result<Exit, Failure> {
    let Pinned { differs, written: writes, count, diff, changed, newer, unread, path } = pin(setup, check).await?;
    let shown: Vec<&String> = unread.iter().collect();
    let told = json!({
        "differs": differs,
        "written": writes,
        "diff": diff,
        "changed": changed,
        "newer": newer,
        "not_pinned": shown,
    });
    setup.screen.json(&documents::named(documents::PINS, told))?;
    if !diff.is_empty() {
        setup.screen.say(diff.trim_end())?;
    }
    for one in &changed {
        setup.screen.line(format_args!("{} {one}", paint(BAD, "!")))?;
    }
    for one in &newer {
        setup.screen.line(format_args!("{} {one}", paint(FAINT, "·")))?;
    }
    for one in &unread {
        setup.screen.line(format_args!("{} {one}", paint(DOUBT, "?")))?;
    }
    let followed = Followed { is_check: check, differs, is_all_read: unread.is_empty() };
    let exit = Exit::from(Outcome::of_pinning(followed));
    let what = match followed {
        Followed { is_check: true, differs: true, .. } => paint(DOUBT, "not as pinned"),
        Followed { is_check: false, .. } if writes => paint(GOOD, format_args!("written to {}", path.display())),
        Followed { is_all_read: false, .. } => paint(DOUBT, "not everything could be read"),
        Followed { is_check: true, .. } => paint(GOOD, "as pinned"),
        Followed { is_check: false, .. } => paint(GOOD, "as pinned, nothing written"),
    };
    setup.screen.line(format_args!("result: {what} · {count} pointers · exit {}", exit.code()))?;
    Ok(exit)
}

/// Follows every pointer, and writes the file of pins unless it is only checked.
pub(crate) async fn pin(setup: &Setup, check: bool) -> Result<Pinned, Failure> {
    // As if nothing were pinned: an account that was renamed for good is to have its new name.
    let (desired, sessions, old_pins) = setup.unpinned_and_sessions().await?;
    let old_pins = old_pins.unwrap_or_else(|why| {
        setup.screen.remark(format_args!("note: the old {PINS_FILE} is not taken into account: {why}"));
        Pins::of_unknown_past()
    });
    let progress = Progress::new(setup.screen);
    let wanted = desired.wanted();
    let reconciler = setup.reconciler(sessions, &progress);
    let pointers = reconciler.follow_pointers(&wanted).await?;
    let there = reconciler.there(&wanted).await;
    let Led { mut pins, unread, newer, repointed, lost } = Led::of(&pointers, &old_pins, check);
    let organization = desired.organization();
    let home = organization.home_region(ScopeKind::Organization);
    if let Some(own) = organization.account(organization.management()) {
        for (key, value) in &desired.to_pin {
            pins.set(&own.name, &own.id, home, key, value.clone());
        }
    }
    adopt(&mut pins, &old_pins, &wanted, &there);
    let path = setup.global.desired.join(PINS_FILE);
    let failed = |error: String| Failure::new(Exit::Failed, format!("failed to write {}: {error}", path.display()));
    let text = pins.to_text().map_err(|error| failed(error.to_string()))?;
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let old_pins = without_places(&old_pins);
    let differs = without_places(&pins) != old_pins || repointed || !desired.coverage.is_empty();
    let mut changed = changed(&old_pins, &pins);
    changed.extend(desired.coverage.iter().map(|drift| {
        let leads = drift.fields.first().map(|field| &field.live).filter(|live| !live.is_null());
        let what = leads.map_or_else(|| "leads to nothing".to_owned(), |live| format!("leads to {live}"));
        format!("{} {what}: its pins are kept; correct the account, or the declarations", drift.address)
    }));
    let writes = !check && !lost && old != text;
    if writes {
        files::write_whole(&path, text.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let diff = TextDiff::from_lines(&old, &text).unified_diff().context_radius(2).header("pinned", "live").to_string();
    let count = pointers.len() + desired.to_pin.len();
    Ok(Pinned { differs, written: writes, count, diff, changed, newer, unread, path })
}

/// Notes what was there once, so that it is missing and not new when it is gone. What was noted stays.
fn adopt(pins: &mut Pins, old: &Pins, wanted: &[Wanted], there: &BTreeSet<Address>) {
    for (place, block) in old.blocks() {
        let Some((account, region)) = place.rsplit_once('/') else { continue };
        for resource in &block.adopted {
            pins.adopt(account, &block.account_id, region, resource.clone());
        }
    }
    // A file that does not say what was there must not come to say that something was not.
    let is_adopted = |one: &&Wanted| old.is_silent_on_adoption() || there.contains(&one.address);
    for one in wanted.iter().filter(is_adopted) {
        let Address { account, region, kind, name } = &one.address;
        pins.adopt(account, &one.account_id, region, format!("{kind}/{name}"));
    }
}

/// Where the pointers lead.
#[derive(Debug, Default)]
struct Led {
    pins: Pins,
    /// What could not be pinned, or keeps its old pin, and why.
    unread: Vec<String>,
    /// What was published since, for `--check`.
    newer: Vec<String>,
    /// Whether a pinned pointer is known to lead to nothing, or to several.
    repointed: bool,
    /// Whether the look-up of a pointer failed that has no old pin. The new file would lack it without a word.
    lost: bool,
}

impl Led {
    fn of(pointers: &[Pointer], old: &Pins, check: bool) -> Self {
        let mut led = Self::default();
        for Pointer { scope, key, leads } in pointers {
            let kept = old.get(&scope.account, &scope.account_id, &scope.region, key);
            // A restore publishes a version, so a newer version is no change of the pin. Every plan reports a version that
            // protects less.
            let is_more = |value: &str, pin: &str| {
                let (new, old) = (value.rsplit_once(':'), pin.rsplit_once(':'));
                let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
                matches!((new, old), (Some((id, new)), Some((own, old))) if id == own && number(new) >= number(old))
            };
            let leads = match (leads, kept) {
                (Ok(LookedUp::Is(value)), Some(pin))
                    if check && key.starts_with(&format!("{VERSIONS}:")) && is_more(value, &pin.value) =>
                {
                    if *value != pin.value {
                        let told = format!(
                            "{scope}/{key} is {}, and {value} is there: run `pin` where every version is known",
                            pin.value
                        );
                        led.newer.push(told);
                    }
                    &Ok(LookedUp::Is(pin.value.clone()))
                }
                _ => leads,
            };
            let is_member = key.starts_with(&format!("{ANSWERS}:"));
            let reason = match (leads, kept) {
                // Whoever leaves a member out of what he writes must not have it unpinned by that.
                (Ok(LookedUp::Is(value)), Some(pin))
                    if is_member && !members_of(&pin.value).is_subset(&members_of(value)) =>
                {
                    format!("answers only {value:?} today")
                }
                (Ok(LookedUp::Is(value)), _) => {
                    led.pins.set(&scope.account, &scope.account_id, &scope.region, key, value.clone());
                    continue;
                }
                (Ok(LookedUp::Nothing), _) => "leads to nothing".to_owned(),
                (Ok(LookedUp::Several(all)), _) => format!("leads to several: {}", all.join(", ")),
                (Err(error), _) => format!("could not be read: {error}"),
            };
            led.repointed |= leads.is_ok() && kept.is_some();
            led.lost |= leads.is_err() && kept.is_none();
            let rest = if kept.is_some() { "; its pin is kept: remove its line where it is gone for good" } else { "" };
            led.unread.push(format!("{scope}/{key} {reason}{rest}"));
            if let Some(pin) = kept {
                led.pins.set(&scope.account, &scope.account_id, &scope.region, key, pin.value.clone());
            }
        }
        led
    }
}

/// Pins that lead elsewhere, and accounts that left a set. They have to be reviewed before the commit, because everything
/// follows the new pins.
fn changed(old: &Pins, new: &Pins) -> Vec<String> {
    let mut changed = Vec::new();
    for (place, block) in old.blocks() {
        for (key, pin) in &block.pins {
            let led = new.blocks().get(place).and_then(|block| block.pins.get(key)).map(|pin| pin.value.as_str());
            let source = key.split([':', '/']).next().unwrap_or_default();
            let what = match (is_set(source), led) {
                (_, Some(led)) if led == pin.value => continue,
                (true, led) => {
                    let left: BTreeSet<&str> = members_of(led.unwrap_or_default());
                    let lost: Vec<&str> = members_of(&pin.value).into_iter().filter(|id| !left.contains(id)).collect();
                    if lost.is_empty() {
                        continue;
                    }
                    format!("has lost {}", lost.join(", "))
                }
                (false, Some(led)) if source == VERSIONS && led.split(':').next() == pin.value.split(':').next() => {
                    format!("was {}, and is {led}: older versions that protect less are no drift up to it", pin.value)
                }
                (false, Some(_)) => format!("led to {}, and leads elsewhere", pin.value),
                (false, None) => format!("led to {}, and is not pinned any more", pin.value),
            };
            changed.push(format!("{place}/{key} {what}: make sure that this is meant before you commit it"));
        }
    }
    changed
}

/// The pins without the places that they have in the file, and without what was adopted.
fn without_places(pins: &Pins) -> Pins {
    let mut bare = Pins::default();
    for (place, block) in pins.blocks() {
        let Some((account, region)) = place.rsplit_once('/') else { continue };
        for (key, pin) in &block.pins {
            bare.set(account, &block.account_id, region, key, pin.value.clone());
        }
    }
    bare
}
