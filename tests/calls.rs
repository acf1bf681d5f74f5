//! Calls: from JSON to a function of a component and back.

use crate::harness::{World, call};
use serde_json::json;

#[tokio::test]
async fn greeter_greets() {
    let world = World::new().await;
    let host = world.host(&["greeter"]).await;
    let greeting = call(&host, "greeter", "greeting/greet", json!({ "name": "Ada" })).await.unwrap();
    assert_eq!(greeting, json!("Hello, Ada!"));
}
