//! The resource client of service control policies: the calls are those of every organization policy.

use async_trait::async_trait;
use reconciler_aws::client::{PinnedNames, Reading, ResourceClient, Selection, WriteResult};
use reconciler_aws::{CallError, Session};
use reconciler_model::address::{Address, Scope};
use reconciler_model::inventory::ObservedResource;
use reconciler_model::kind::Kind;
use reconciler_model::permit::WritePermit;
use reconciler_model::plan::Call;
use serde_json::Value;

use super::ServiceControlPolicy;
use super::spec::TYPE;
use crate::shared::organizations::client::client_of;

client_of!(ServiceControlPolicy, TYPE);
