//! An adversary who knows the product, against the desired state that is shipped.
//!
//! Each row is an attack that must be restored or paged, or a harmless change that must be left alone. A row that is known to
//! fail says why, and the suite fails once it holds: the score is never better or worse than it is told.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that cannot go on fails its test"
)]

mod judge;
mod row;
mod snapshot;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use row::{Expect, Row};

/// Rows side by side: more than there are processors, because each waits now and then.
const SIDE_BY_SIDE: usize = 4;

type Ended = (Row, Result<(), String>);

#[test]
fn restored_or_paged() {
    let ended = played(chosen());
    println!("{}", score(&ended));
    let wrong: Vec<String> = ended
        .iter()
        .filter_map(|(row, result)| match (&row.open, result) {
            (None, Err(why)) => Some(format!("{} ({}) does not hold: {why}", row.id, row.about)),
            (Some(_), Ok(())) => Some(format!("{} ({}) holds now: take `open` from its row", row.id, row.about)),
            (Some(_), Err(why)) if why.starts_with("set-up") => Some(format!("{} cannot be played: {why}", row.id)),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{} rows:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The rows, or those that `ADVERSARY` names, such as `A1,B3`.
fn chosen() -> Vec<Row> {
    let named = std::env::var("ADVERSARY").unwrap_or_default();
    let named: BTreeSet<&str> = named.split(',').filter(|name| !name.is_empty()).collect();
    row::all().into_iter().filter(|row| named.is_empty() || named.contains(row.id.as_str())).collect()
}

fn played(rows: Vec<Row>) -> Vec<Ended> {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                    let result = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(judge::play(row))));
                    let result = result.unwrap_or_else(|_| Err("it panics".to_owned()));
                    ended.lock().expect("no poison").push((row.clone(), result));
                }
            });
        }
    });
    let mut ended = ended.into_inner().expect("no poison");
    ended.sort_by_key(|(row, _)| rows.iter().position(|one| one.id == row.id));
    ended
}

/// A table like that of `drill`, and a line that sums it up.
fn score(ended: &[Ended]) -> String {
    let mut text = String::new();
    for (row, result) in ended {
        let (mark, why) = match (result, &row.open) {
            (Ok(()), _) => ("held", String::new()),
            (Err(_), Some(why)) => ("OPEN", format!(" · {why}")),
            (Err(_), None) => ("FAIL", String::new()),
        };
        let expect = format!("{:?}", row.expect).to_lowercase();
        text += &format!("{mark} {:<5} {expect:<9} {}{why}\n", row.id, row.about);
    }
    text + &sum(ended.iter().map(|(row, result)| (row, result.is_ok())))
}

/// `adversary: 12 of 80 attacks held, 68 open · 20 of 20 harmless changes left alone`.
fn sum<'a>(rows: impl Iterator<Item = (&'a Row, bool)>) -> String {
    let (mut attacks, mut held, mut harmless, mut left) = (0, 0, 0, 0);
    for (row, holds) in rows {
        let (all, good) =
            if row.expect == Expect::Harmless { (&mut harmless, &mut left) } else { (&mut attacks, &mut held) };
        *all += 1;
        *good += usize::from(holds);
    }
    format!(
        "adversary: {held} of {attacks} attacks held, {} open · {left} of {harmless} harmless changes left alone",
        attacks - held
    )
}

#[test]
fn rows_are_named_once() {
    let mut names = BTreeSet::new();
    for row in row::all() {
        assert!(names.insert(row.id.clone()), "{} is there twice", row.id);
    }
}

/// What the README says is what the rows say, and what they say is held by playing them.
#[test]
fn the_readme_has_the_score() {
    let rows = row::all();
    let line = sum(rows.iter().map(|row| (row, row.open.is_none())));
    let readme = include_str!("README.md");
    assert!(readme.contains(&line), "the README should say:\n{line}");
}

/// What is guaranteed under attack is what held rows show, no more and no less, and the README of the project says it so.
#[test]
fn what_is_guaranteed_is_what_is_held() {
    let page = include_str!("../../reconciler/README.md");
    let section = page.split("## Under attack").nth(1).expect("a section").split("\n## ").next().expect("a section");
    let readme = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let rows = row::all();
    let mut named = BTreeSet::new();
    for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| guaranteed")) {
        let [sentence, ids] = line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("two columns: {line}")
        };
        assert!(readme.contains(sentence), "the README should say: {sentence}");
        for id in ids.split(", ") {
            let row = rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row is {id}"));
            assert!(row.open.is_none(), "{id} is open, and nothing is guaranteed of it");
            assert!(named.insert(id), "{id} is in the table twice");
        }
    }
    let held = rows.iter().filter(|row| row.open.is_none()).map(|row| row.id.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(named, held, "each held row is in the table");
}
