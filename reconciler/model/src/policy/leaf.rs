//! The direction of each leaf at which two aligned trees differ.

use serde_json::{Map, Value};

use super::contain::direction_of_trees;
use crate::direction::Direction;
use crate::tree::{self, Path};

/// Members of which a statement has one or the other.
const OPPOSITES: &[[&str; 2]] = &[["Action", "NotAction"], ["Resource", "NotResource"], ["Principal", "NotPrincipal"]];

/// The direction of each difference of two trees that [`align`](super::align()) has aligned, in the order of
/// `tree::differences(live, want, &[])`.
///
/// The direction of a leaf is that of `want` with only this leaf as it is in live. Because leaves work together, more
/// holds:
///
/// - `want` with every strengthened leaf as it is in live is proven to protect at least as much as `want`; the same
///   holds with every neutral leaf in addition. Leaves of which this cannot be proven are not called so.
/// - When live as a whole is proven to protect at least as much as `want`, no leaf is weakened or unknown.
/// - When live as a whole is weakened, some leaf is.
///
/// `Sid` and `Id` are neutral.
pub fn directions(live: &Value, want: &Value) -> Vec<(Path, Direction)> {
    let whole = direction_of_trees(live, want);
    let is_cosmetic = |path: &Path| is_cosmetic(live, want, path);
    let mut leaves: Vec<(Path, Direction)> = tree::differences(live, want, &[])
        .into_iter()
        .map(|difference| {
            let direction = match whole {
                _ if is_cosmetic(&difference.path) => Direction::Neutral,
                Direction::Neutral => Direction::Neutral,
                _ => direction_of_trees(&with_leaves(live, want, [&difference.path]), want),
            };
            (difference.path, direction)
        })
        .collect();
    let real = |leaf: &(Path, Direction)| !is_cosmetic(&leaf.0);
    // `want` with the leaves that have one of these directions as they are in live.
    let kept = |leaves: &[(Path, Direction)], directions: &[Direction]| {
        let paths = leaves.iter().filter(|leaf| real(leaf) && directions.contains(&leaf.1)).map(|leaf| &leaf.0);
        direction_of_trees(&with_leaves(live, want, paths), want)
    };
    let proven = |direction| matches!(direction, Direction::Neutral | Direction::Strengthened);
    match whole {
        Direction::Neutral => {}
        Direction::Strengthened => {
            for leaf in leaves.iter_mut().filter(|leaf| real(leaf) && !proven(leaf.1)) {
                leaf.1 = Direction::Strengthened;
            }
            if !proven(kept(&leaves, &[Direction::Strengthened])) {
                // The neutral leaves carry the strengthened ones.
                leaves.iter_mut().filter(|leaf| real(leaf)).for_each(|leaf| leaf.1 = Direction::Strengthened);
            }
        }
        Direction::Weakened | Direction::Unknown => {
            for group in [&[Direction::Strengthened][..], &[Direction::Strengthened, Direction::Neutral]] {
                let together = kept(&leaves, group);
                if !proven(together) {
                    for leaf in leaves.iter_mut().filter(|leaf| real(leaf) && group.contains(&leaf.1)) {
                        leaf.1 = together;
                    }
                }
            }
            if whole == Direction::Weakened && leaves.iter().all(|leaf| leaf.1 != Direction::Weakened) {
                for leaf in leaves.iter_mut().filter(|leaf| leaf.1 == Direction::Unknown) {
                    leaf.1 = Direction::Weakened;
                }
            }
        }
    }
    leaves
}

/// The direction of one difference of two aligned trees: see [`directions`]. Neutral where they do not differ.
pub fn leaf_direction(path: &Path, live: &Value, want: &Value) -> Direction {
    let found = directions(live, want).into_iter().find(|(at, _)| at == path);
    found.map_or(Direction::Neutral, |(_, direction)| direction)
}

/// Whether the leaf is only a name. The name of a statement that one side lacks goes with the statement.
fn is_cosmetic(live: &Value, want: &Value, path: &Path) -> bool {
    match path.parts()[..] {
        ["Id"] => true,
        ["Statement", key, "Sid"] => {
            let statement = Path::of(["Statement", key]);
            tree::get(live, &statement).is_some() && tree::get(want, &statement).is_some()
        }
        _ => false,
    }
}

/// `want` with these leaves as they are in live. What cannot be apart comes along: a statement that one side lacks, and
/// a member and its opposite.
fn with_leaves<'a>(live: &Value, want: &Value, paths: impl IntoIterator<Item = &'a Path>) -> Value {
    let mut hybrid = want.clone();
    for path in paths {
        for path in taken_along(live, want, path) {
            tree::set(&mut hybrid, &path, tree::get(live, &path).cloned());
        }
    }
    hybrid
}

fn taken_along(live: &Value, want: &Value, path: &Path) -> Vec<Path> {
    let ["Statement", key, rest @ ..] = &path.parts()[..] else { return vec![path.clone()] };
    let statement = Path::of(["Statement", key]);
    let member = |tree: &Value, name: &str| tree::get(tree, &statement).is_some_and(|one| one.get(name).is_some());
    let there = |tree: &Value| tree::get(tree, &statement).is_some_and(|one| one.as_object() != Some(&Map::new()));
    let Some(head) = rest.first().filter(|_| there(live) && there(want)) else { return vec![statement] };
    match OPPOSITES.iter().find(|pair| pair.contains(head)) {
        Some(pair) if pair.iter().any(|name| member(live, name) != member(want, name)) => {
            pair.iter().map(|name| statement.child(*name)).collect()
        }
        _ => vec![path.clone()],
    }
}

/// Whether some member of a statement is its opposite in the other tree of it.
pub fn is_flipped(one: &Value, two: &Value) -> bool {
    let is_there = |statement: &Value, name: &str| statement.get(name).is_some_and(|member| !member.is_null());
    OPPOSITES.iter().any(|[positive, negative]| {
        (is_there(one, positive) && is_there(two, negative)) || (is_there(one, negative) && is_there(two, positive))
    })
}
