//! Patterns with `*` (any text) and `?` (any one character): matching, containment, disjointness.

use std::collections::{BTreeSet, HashSet};

/// How many states a containment may visit before it counts as not proven. Patterns of policies need a few hundred.
const PATIENCE: usize = 50_000;

/// Whether the text holds a policy variable, which stands for text that is known at the request only.
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// Whether the text has a wildcard.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `pattern` matches `text`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if pattern.is_ascii() && text.is_ascii() {
        return matches_in(pattern.as_bytes(), text.as_bytes(), b'*', b'?');
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matches_in(&pattern, &text, '*', '?')
}

fn matches_in<T: PartialEq>(pattern: &[T], text: &[T], any: T, one: T) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star is, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(c) if *c == any => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == one || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == any)
}

/// Whether every text that `inner` matches is matched by `outer`: certain when true.
///
/// Both are automata with one state for each place in the pattern. A walk over the states of `inner`, with the set of
/// states that `outer` may be in, looks for a text that only `inner` matches. One character that `outer` does not spell
/// stands for all such characters.
pub(super) fn contains(outer: &str, inner: &str) -> bool {
    if outer == inner || outer == "*" {
        return true;
    }
    if has_variable(outer) || has_variable(inner) {
        return false;
    }
    if !is_pattern(inner) {
        return matches(outer, inner);
    }
    if !is_pattern(outer) || !ends_fit(outer, inner) {
        return false;
    }
    let (outer, inner): (Vec<char>, Vec<char>) = (outer.chars().collect(), inner.chars().collect());
    let spelled: BTreeSet<char> = outer.iter().copied().filter(|c| !matches!(c, '*' | '?')).collect();
    let alphabet: Vec<Option<char>> = spelled.iter().copied().map(Some).chain([None]).collect();
    let start = (0, closure(&outer, BTreeSet::from([0])));
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((at, states)) = open.pop() {
        if at == inner.len() && !states.contains(&outer.len()) {
            return false;
        }
        let mut reach = Vec::new();
        let step = |letter: Option<char>| {
            let next = states.iter().filter_map(|state| match outer.get(*state) {
                Some('*') => Some(*state),
                Some('?') => Some(state + 1),
                Some(c) if Some(*c) == letter => Some(state + 1),
                _ => None,
            });
            closure(&outer, next.collect())
        };
        match inner.get(at) {
            None => {}
            Some('*') => {
                reach.push((at + 1, states.clone()));
                reach.extend(alphabet.iter().map(|letter| (at, step(*letter))));
            }
            Some('?') => reach.extend(alphabet.iter().map(|letter| (at + 1, step(*letter)))),
            Some(c) => reach.push((at + 1, step(Some(*c)))),
        }
        for next in reach {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if seen.len() > PATIENCE {
            return false;
        }
    }
    true
}

/// Whether the text before the first and after the last wildcard of `outer` is there in `inner` too: without it, no
/// containment. Most patterns of a policy differ here.
fn ends_fit(outer: &str, inner: &str) -> bool {
    let wild = ['*', '?'];
    let head = |text: &'_ str| text.find(wild).unwrap_or(text.len());
    let tail = |text: &'_ str| text.rfind(wild).map_or(0, |at| at + 1);
    inner[..head(inner)].starts_with(&outer[..head(outer)]) && inner[tail(inner)..].ends_with(&outer[tail(outer)..])
}

/// The states that are reached without a character: a star may match nothing.
fn closure(pattern: &[char], mut states: BTreeSet<usize>) -> BTreeSet<usize> {
    let mut open: Vec<usize> = states.iter().copied().collect();
    while let Some(state) = open.pop() {
        if pattern.get(state) == Some(&'*') && states.insert(state + 1) {
            open.push(state + 1);
        }
    }
    states
}

/// Whether no text is matched by both: certain when true.
pub(super) fn disjoint(one: &str, two: &str) -> bool {
    if has_variable(one) || has_variable(two) {
        return false;
    }
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let mut seen = HashSet::from([(0, 0)]);
    let mut open = vec![(0, 0)];
    while let Some((a, b)) = open.pop() {
        let reach = match (one.get(a), two.get(b)) {
            (None, None) => return false,
            (Some('*'), Some(_)) => vec![(a + 1, b), (a, b + 1)],
            (Some(_), Some('*')) => vec![(a, b + 1), (a + 1, b)],
            (Some('*'), None) => vec![(a + 1, b)],
            (None, Some('*')) => vec![(a, b + 1)],
            (Some(x), Some(y)) if x == y || *x == '?' || *y == '?' => vec![(a + 1, b + 1)],
            _ => vec![],
        };
        open.extend(reach.into_iter().filter(|next| seen.insert(*next)));
    }
    true
}

/// The six parts of an ARN; fewer for other text.
fn parts(text: &str) -> Vec<&str> {
    text.splitn(6, ':').collect()
}

/// Whether every ARN that `inner` matches is matched by `outer`: certain when true.
///
/// ARNs are compared part by part, so that the answer holds whether or not a wildcard may reach over a colon.
pub(super) fn arn_contains(outer: &str, inner: &str) -> bool {
    if outer == inner || outer == "*" {
        return true;
    }
    let (outer, inner) = (parts(outer), parts(inner));
    outer.len() == inner.len() && outer.iter().zip(&inner).all(|(outer, inner)| contains(outer, inner))
}

/// Whether `pattern` matches the ARN `text`; `None` when that depends on whether a wildcard may reach over a colon.
pub(super) fn arn_matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern == "*" {
        return Some(true);
    }
    let (wide, narrow) = (matches(pattern, text), {
        let (pattern, text) = (parts(pattern), parts(text));
        pattern.len() == text.len() && pattern.iter().zip(&text).all(|(pattern, text)| matches(pattern, text))
    });
    (wide == narrow).then_some(wide)
}
