//! Which events of CloudTrail can have changed a resource, as data: one table for each kind.
//!
//! Expected flow: the kind of a drift lists the [`TrailEvent`]s that can change the member; the event history is read for these
//! names; [`crate::attribution`] compares each event with its row: does it name the resource, and what did it set?

use serde_json::Value;

use crate::attribution::history::Event;

/// What an event does to the resource that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It makes it.
    Creates,
    /// It changes some of its members.
    Changes,
    /// It takes it away.
    Removes,
}

/// Which events of the name are meant, by a part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// All of them.
    Always,
    /// Those that have something at this pointer.
    Has(&'static str),
    /// Those that have nothing there.
    Lacks(&'static str),
}

/// What the record shows of what was set.
#[derive(Debug, Clone, Copy)]
pub enum Shows {
    /// Nothing that can be compared: hidden, not recorded, or in a shape that is not known.
    Nothing,
    /// The members that it sets, as the kind's answers have them, from the parameters of the request; `null` where it takes
    /// one away. A member that is left out was not touched. `None` where this record does not show it after all.
    Parts(fn(&Value) -> Option<Value>),
    /// The content of a version, of which the id is at this pointer.
    Version(&'static str),
    /// Whether the elements that it names are there afterwards.
    There(bool),
}

/// One event that can have changed a resource of a kind. Pointers are JSON pointers into the record of CloudTrail.
#[derive(Debug, Clone, Copy)]
pub struct TrailEvent {
    /// The service, such as `bedrock.amazonaws.com`.
    pub source: &'static str,
    /// The name of the event.
    pub event: &'static str,
    /// What it does.
    pub does: Does,
    /// Which events of the name.
    pub when: When,
    /// The top-level members that it can change; none for all of them.
    pub members: &'static [&'static str],
    /// Where the record names the resource, by name, id or ARN; empty for a kind with one resource in each place.
    pub named: &'static [&'static str],
    /// Where it names the elements of the member that it changes; every element, when it does not.
    pub elements: &'static [&'static str],
    /// Where the record shows the resource's own name beside its id: from there on the id is known.
    pub named_as: Option<&'static str>,
    /// Whether a record that makes a resource has made the one of this name, where its name is not at
    /// [`TrailEvent::named_as`]; the last argument is what the resource client read in the scope.
    pub makes: Option<fn(&Event, &Value) -> bool>,
    /// Whether it may take the name of a resource away, or lead to its end later, though it removes nothing by itself.
    pub ends: bool,
    /// What the record shows.
    pub shows: Shows,
}

impl TrailEvent {
    /// An event that changes members, of a resource that is named at one of these pointers.
    pub const fn new(source: &'static str, event: &'static str, named: &'static [&'static str]) -> Self {
        Self {
            source,
            event,
            does: Does::Changes,
            when: When::Always,
            members: &[],
            named,
            elements: &[],
            named_as: None,
            makes: None,
            ends: false,
            shows: Shows::Nothing,
        }
    }

    /// Whether an event that makes a resource has made the one of this name.
    pub fn has_made(&self, name: &str, event: &Event, scope_context: &Value) -> bool {
        match self.makes {
            Some(makes) => makes(event, scope_context),
            None => self.named_as.and_then(|pointer| event.at(pointer)).and_then(Value::as_str) == Some(name),
        }
    }

    /// It makes the resource whose record this says it is.
    #[must_use]
    pub const fn makes(mut self, makes: fn(&Event, &Value) -> bool) -> Self {
        self.makes = Some(makes);
        self
    }

    /// It makes the resource; its name is at this pointer, if it is shown.
    #[must_use]
    pub const fn creates(mut self, named_as: Option<&'static str>) -> Self {
        self.does = Does::Creates;
        self.named_as = named_as;
        self
    }

    /// Whether it makes a resource that later events name by an id alone.
    pub fn gives_an_id(&self) -> bool {
        self.does == Does::Creates && self.named_as.is_some_and(|name| !self.named.contains(&name))
    }

    /// It takes the resource away.
    #[must_use]
    pub const fn removes(mut self) -> Self {
        self.does = Does::Removes;
        self
    }

    /// It may take the name away, or lead to the end of the resource later.
    #[must_use]
    pub const fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    /// Only these members.
    #[must_use]
    pub const fn of(mut self, members: &'static [&'static str]) -> Self {
        self.members = members;
        self
    }

    /// Only the elements that are named there.
    #[must_use]
    pub const fn elements(mut self, pointers: &'static [&'static str]) -> Self {
        self.elements = pointers;
        self
    }

    /// Only events with, or without, such a part.
    #[must_use]
    pub const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// What the record shows.
    #[must_use]
    pub const fn shows(mut self, parts: fn(&Value) -> Option<Value>) -> Self {
        self.shows = Shows::Parts(parts);
        self
    }

    /// It puts the elements that it names there, or takes them away.
    #[must_use]
    pub const fn leaves(mut self, there: bool) -> Self {
        self.shows = Shows::There(there);
        self
    }

    /// It publishes a version, of which the id is at this pointer.
    #[must_use]
    pub const fn publishes(mut self, pointer: &'static str) -> Self {
        self.shows = Shows::Version(pointer);
        self
    }
}

/// Text that CloudTrail writes where it hides a value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Takes members of a request under the names that answers have: `(answer, request)`. What the request leaves out is left out.
pub fn renamed(parameters: &Value, names: &[(&str, &str)]) -> Option<Value> {
    let given = parameters.as_object()?;
    let member = |(answer, request): &(&str, &str)| {
        Some(((*answer).to_owned(), given.get(*request).filter(|value| *value != HIDDEN)?.clone()))
    };
    Some(names.iter().filter_map(member).collect::<serde_json::Map<_, _>>().into())
}

/// The same for a request that replaces all of these members: what it leaves out is taken away.
pub fn replaced(parameters: &Value, names: &[(&str, &str)]) -> Option<Value> {
    let given = parameters.as_object().filter(|given| !given.values().any(|value| value == HIDDEN))?;
    let member =
        |(answer, request): &(&str, &str)| ((*answer).to_owned(), given.get(*request).cloned().unwrap_or(Value::Null));
    Some(names.iter().map(member).collect::<serde_json::Map<_, _>>().into())
}
