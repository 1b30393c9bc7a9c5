//! The edge of service control policies: the calls are those of every organization policy.

use async_trait::async_trait;
use reconciler_aws::edge::{Edge, PinnedNames, Reading, Receipt, Selection};
use reconciler_aws::{CallError, Session};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::Sighting;
use reconciler_model::kind::Kind;
use reconciler_model::plan::Call;
use reconciler_model::warrant::Warrant;
use serde_json::Value;

use super::ServiceControlPolicy;
use super::spec::TYPE;
use crate::shared::organizations::edge::edge_of;

edge_of!(ServiceControlPolicy, TYPE);
