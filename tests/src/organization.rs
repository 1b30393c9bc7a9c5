//! The organization as its API has it, asked without any code of the reconciler.

use serde_json::{Value, json};

use crate::world::World;

/// The answer of an operation.
pub async fn ask(world: &World, operation: &str, body: Value) -> Value {
    let target = format!("AWSOrganizationsV20161128.{operation}");
    world.direct_client().ask("organizations", http::Method::POST, "/", Some(&target), &body).await
}

/// Every row of a list: pages may be empty.
pub async fn rows(world: &World, operation: &str, mut body: Value, member: &str) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let answer = ask(world, operation, body.clone()).await;
        found.extend(answer[member].as_array().cloned().expect("rows"));
        match &answer["NextToken"] {
            Value::Null => return found,
            token => body["NextToken"] = token.clone(),
        }
    }
}

/// A policy by its type and name.
pub async fn policy(world: &World, kind: &str, name: &str) -> Value {
    let policies = rows(world, "ListPolicies", json!({ "Filter": kind }), "Policies").await;
    let one = policies.iter().find(|one| one["Name"] == name).expect("the policy");
    ask(world, "DescribePolicy", json!({"PolicyId": one["Id"]})).await["Policy"].clone()
}
