//! What the pointers of the desired state lead to, for the file of pins.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use reconciler_aws::CallError;
use reconciler_aws::client::{LookedUp, Selection};
use reconciler_model::address::{Address, Scope};
use reconciler_model::desired::{Lookup, Pointed, Wanted};
use reconciler_model::inventory::Gap;

use crate::observe::{Read, read_all, scope_of};
use crate::reconciler::Reconciler;

/// How many scopes are asked at a time.
const SIDE_BY_SIDE: usize = 32;

/// One pointer, and where it leads.
#[derive(Debug)]
pub struct Pointer {
    /// The account and region.
    pub scope: Scope,
    /// Its key in the file of pins.
    pub key: String,
    /// Where it leads; an error where that could not be found out.
    pub leads: Result<LookedUp, CallError>,
}

impl Reconciler<'_> {
    /// Which of the wanted addresses are there. What could not be read is among them: nobody knows that it is not. Reads only.
    pub async fn there(&self, wanted: &[Wanted]) -> BTreeSet<Address> {
        let mut names: BTreeMap<(Scope, &str), BTreeSet<String>> = BTreeMap::new();
        for one in wanted {
            names.entry((scope_of(one), &one.address.kind)).or_default().insert(one.address.name.clone());
        }
        let read = |((scope, kind), names)| Some(Read::new(scope, self.client(kind)?, Selection::Names(names)));
        let reads: Vec<Read<'_>> = names.into_iter().filter_map(read).collect();
        let found = read_all(&self.sessions, reads, self.sink).await;
        let may_be_there = |one: &&Wanted| {
            let Address { kind, name, .. } = &one.address;
            let hides = |gap: &&Gap| gap.kind == *kind && gap.name.as_ref().is_none_or(|gap| gap == name);
            found.gaps.iter().filter(hides).any(|gap| gap.scope == scope_of(one))
        };
        let hidden: Vec<Address> = wanted.iter().filter(may_be_there).map(|one| one.address.clone()).collect();
        found.resources.into_keys().chain(hidden).collect()
    }

    /// Follows every pointer that the wanted addresses rest on, by scope and key. Reads only.
    ///
    /// # Errors
    /// Fails when AWS cannot be reached at all.
    pub async fn follow_pointers(&self, wanted: &[Wanted]) -> Result<Vec<Pointer>, CallError> {
        self.sessions.identity().await?;
        // By who answers: each key as it is asked for, and what it is called in the file.
        let mut keys: BTreeMap<(Scope, String), BTreeMap<String, String>> = BTreeMap::new();
        for one in wanted {
            let Some(client) = self.client(&one.address.kind) else { continue };
            for Pointed { key, lookup: Lookup { source, key: asked }, .. } in one.pointers() {
                let asked = (client.kind().contract().looked_up_as)(&one.address.name, &source, &asked);
                keys.entry((scope_of(one), source)).or_default().insert(asked, key);
            }
        }
        let asks = keys.into_iter().filter_map(|((scope, source), keys)| {
            let asked = *self.lookups.iter().find(|one| one.source() == source)?;
            Some(async move {
                let session = self.sessions.session(&scope.account_id, &scope.region);
                let (asks, keys): (Vec<String>, Vec<String>) = keys.into_iter().unzip();
                let answers = asked.look_up(&session, &asks).await;
                let pointer = |(key, leads)| Pointer { scope: scope.clone(), key, leads };
                keys.into_iter().zip(answers).map(pointer).collect::<Vec<_>>()
            })
        });
        let followed: Vec<Vec<Pointer>> = stream::iter(asks).buffer_unordered(SIDE_BY_SIDE).collect().await;
        let mut pointers: Vec<Pointer> = followed.into_iter().flatten().collect();
        pointers.sort_by(|one, two| (&one.scope, &one.key).cmp(&(&two.scope, &two.key)));
        Ok(pointers)
    }
}
