//! Which way a difference points: does the live resource protect less than desired, or more?

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The security direction of one difference, from desired to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Live protects less than desired.
    Weakened,
    /// Live protects more than desired.
    Strengthened,
    /// The difference does not protect more or less.
    Neutral,
    /// It cannot be told which of the others holds.
    Unknown,
}

impl Direction {
    /// The direction of a whole resource from those of its fields: anything weakened weakens it, then what is unknown
    /// stays unknown, then strengthened, then neutral.
    pub fn of_all(directions: impl IntoIterator<Item = Direction>) -> Direction {
        directions.into_iter().min_by_key(|direction| direction.gravity()).unwrap_or(Direction::Neutral)
    }

    fn gravity(self) -> u8 {
        match self {
            Direction::Weakened => 0,
            Direction::Unknown => 1,
            Direction::Strengthened => 2,
            Direction::Neutral => 3,
        }
    }

    /// The same, where live must not be taken for stronger although the difference alone says so: it is not kept then.
    #[must_use]
    pub fn not_simply_stronger(self) -> Self {
        if self == Direction::Strengthened { Direction::Unknown } else { self }
    }

    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Weakened => "weakened",
            Direction::Strengthened => "strengthened",
            Direction::Neutral => "neutral",
            Direction::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What protects more, of the values that a member has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// `true`.
    Switch,
    /// The greater number.
    More,
    /// The smaller number.
    Less,
    /// Every element of a set.
    Set,
    /// A set of exceptions: every element takes away.
    Exceptions,
    /// That it is there.
    Presence,
    /// A word further on in this list.
    Ladder(Vec<String>),
    /// Whatever differs protects neither more nor less, here and below.
    Neutral,
    /// Whatever differs protects less, here and below.
    Weakened,
}

impl Rule {
    /// The direction of a difference.
    pub fn direction(&self, live: Option<&Value>, want: Option<&Value>) -> Direction {
        match self {
            Self::Switch => of_switch(live, want),
            Self::More => of_number(live, want),
            Self::Less => of_number(want, live),
            Self::Set => of_set(live, want),
            Self::Exceptions => of_set(want, live),
            Self::Presence => of_presence(live, want),
            Self::Ladder(ladder) => on_ladder(ladder, live, want),
            Self::Neutral => Direction::Neutral,
            Self::Weakened => Direction::Weakened,
        }
    }
}

/// Compares two texts on a ladder that goes from the weakest to the strongest; unknown when either is not on it.
pub fn on_ladder<S: AsRef<str>>(ladder: &[S], live: Option<&Value>, want: Option<&Value>) -> Direction {
    let rung = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str)?;
        ladder.iter().position(|step| step.as_ref() == text)
    };
    match (rung(live), rung(want)) {
        (Some(live), Some(want)) if live < want => Direction::Weakened,
        (Some(live), Some(want)) if live > want => Direction::Strengthened,
        (Some(_), Some(_)) => Direction::Neutral,
        _ => Direction::Unknown,
    }
}

/// Compares two switches of which `true` protects more; an absent switch counts as `false`.
pub fn of_switch(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let on = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
    match (on(live), on(want)) {
        (false, true) => Direction::Weakened,
        (true, false) => Direction::Strengthened,
        _ => Direction::Neutral,
    }
}

/// Compares two numbers of which the greater protects more; unknown when either is absent.
pub fn of_number(live: Option<&Value>, want: Option<&Value>) -> Direction {
    match (live.and_then(Value::as_f64), want.and_then(Value::as_f64)) {
        (Some(live), Some(want)) if live < want => Direction::Weakened,
        (Some(live), Some(want)) if live > want => Direction::Strengthened,
        (Some(_), Some(_)) => Direction::Neutral,
        _ => Direction::Unknown,
    }
}

/// Compares two sets of which every element protects: anything lost weakens, anything only gained strengthens.
pub fn of_set(live: Option<&Value>, want: Option<&Value>) -> Direction {
    let set = |value: Option<&Value>| -> BTreeSet<String> {
        value.and_then(Value::as_array).into_iter().flatten().map(Value::to_string).collect()
    };
    let (live, want) = (set(live), set(want));
    if want.difference(&live).next().is_some() {
        Direction::Weakened
    } else if live != want {
        Direction::Strengthened
    } else {
        Direction::Neutral
    }
}

/// Something that protects by being there: lost weakens, gained strengthens, another in its place is unknown.
pub fn of_presence(live: Option<&Value>, want: Option<&Value>) -> Direction {
    match (live.is_some_and(|value| !value.is_null()), want.is_some_and(|value| !value.is_null())) {
        (false, true) => Direction::Weakened,
        (true, false) => Direction::Strengthened,
        (true, true) => Direction::Unknown,
        (false, false) => Direction::Neutral,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_weakened_field_weakens_the_resource() {
        use Direction::*;
        assert_eq!(Direction::of_all([Strengthened, Weakened, Neutral]), Weakened);
        assert_eq!(Direction::of_all([Strengthened, Unknown]), Unknown);
        assert_eq!(Direction::of_all([Neutral, Strengthened]), Strengthened);
        assert_eq!(Direction::of_all([]), Neutral);
    }

    #[test]
    fn ladders_switches_numbers_and_sets() {
        let ladder = ["NONE", "LOW", "MEDIUM", "HIGH"];
        let (low, high, new) = (json!("LOW"), json!("HIGH"), json!("EXTREME"));
        assert_eq!(on_ladder(&ladder, Some(&low), Some(&high)), Direction::Weakened);
        assert_eq!(on_ladder(&ladder, Some(&high), Some(&low)), Direction::Strengthened);
        assert_eq!(on_ladder(&ladder, Some(&new), Some(&low)), Direction::Unknown);
        assert_eq!(of_switch(None, Some(&json!(true))), Direction::Weakened);
        assert_eq!(of_number(Some(&json!(0.2)), Some(&json!(0.75))), Direction::Weakened);
        assert_eq!(of_set(Some(&json!(["TEXT"])), Some(&json!(["IMAGE", "TEXT"]))), Direction::Weakened);
        assert_eq!(of_set(Some(&json!(["IMAGE", "TEXT"])), Some(&json!(["TEXT"]))), Direction::Strengthened);
        assert_eq!(of_set(Some(&json!(["IMAGE"])), Some(&json!(["TEXT"]))), Direction::Weakened);
        assert_eq!(of_presence(None, Some(&json!("k"))), Direction::Weakened);
    }
}
