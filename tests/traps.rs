//! What is said of a trap: a stack overflow is called one, and a wild pointer never is.

use crate::harness::{CALLS, World, call, component, odd};
use palisade::limits::Limit;
use palisade::{CallError, Host, Policy};
use serde_json::{Value, json};

/// What the caller is told of a call that failed.
fn told(result: Result<Value, CallError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, CallError::Trapped { .. }), "{error:?}");
    error.to_string()
}

async fn nest(host: &Host, depth: u32, address: Option<u32>) -> Result<Value, CallError> {
    // Calls that fail often are quarantined.
    host.enable("probe").await.unwrap();
    call(host, "probe", "abuses/nest", json!({ "depth": depth, "address": address })).await
}

#[tokio::test]
async fn overflow_of_the_guests_stack_is_told_with_its_size_and_the_mend() {
    let world = World::new().await;
    let host = world.host(&["probe", "wasi"]).await;
    let says = |text: &str, size: &str| {
        let begins = format!("stack overflow: the guest's stack is {size}; ");
        assert!(text.contains(&begins) && text.contains("-zstack-size") && text.contains("heap"), "{text}");
    };
    // Large frames, many frames, and every number of frames near the limit: some overflow in a call of the host.
    for bytes in [65_536, 1_000_000] {
        says(&told(call(&host, "probe", "abuses/frame", json!({ "bytes": bytes })).await), "64 KiB");
    }
    assert_eq!(call(&host, "probe", "abuses/frame", json!({ "bytes": 256 })).await.unwrap(), 4);
    let mut most = None;
    for depth in 40..80 {
        match nest(&host, depth, None).await {
            Ok(_) => most = Some(depth),
            failed => says(&told(failed), "64 KiB"),
        }
    }
    let most = most.unwrap();
    assert!((45..64).contains(&most), "{most}");
    says(&told(nest(&host, 1_000, None).await), "64 KiB");
    // Beside an almost full stack, a wild pointer stays one.
    for address in WILD {
        let text = told(nest(&host, most, Some(address)).await);
        assert!(text.contains("out of bounds memory access"), "{address:#x}: {text}");
    }
    // The size is the guest's own: the standard library's default is 1 MiB.
    let overflows = json!({ "toStderr": true, "pieces": [], "end": "overflows" });
    says(&told(call(&host, "wasi", "printing/write", overflows).await), "1024 KiB");
}

/// Addresses that no guest has, also those where an overflowing stack goes.
const WILD: [u32; 7] =
    [u32::MAX, u32::MAX - 15, u32::MAX - 1_000, 0xffff_0000, 0x8000_0000, 0x7fff_fff0, 0x1000_0000];

#[tokio::test]
async fn wild_pointer_is_not_called_a_stack_overflow() {
    let world = World::new().await;
    let host = world.host(&["probe"]).await;
    for depth in [0, 1, 30] {
        for address in WILD {
            let text = told(nest(&host, depth, Some(address)).await);
            assert!(text.contains("out of bounds memory access") && !text.contains("overflow"), "{text}");
        }
        // The bottom of the stack is memory like any other.
        nest(&host, depth, Some(0)).await.unwrap();
    }
    let text = told(call(&host, "probe", "abuses/panic", json!({ "message": "x" })).await);
    assert!(text.contains("panicked") && !text.contains("overflow"), "{text}");
}

#[tokio::test]
async fn calls_that_nest_too_deeply_are_told_to_be_a_stack_overflow() {
    let world = World::new().await;
    let plugin = odd(&component("", "(call $f)"), CALLS);
    let host = world.builder().plugin(plugin.path(), Policy::as_asked()).build().await.unwrap();
    let error = call(&host, "odd", "calls/f", json!({})).await.unwrap_err();
    assert!(
        matches!(error, CallError::LimitExceeded { usage, .. } if usage.limit == Limit::Stack),
        "{error:?}"
    );
    assert!(error.to_string().contains("stack overflow; call less deeply"), "{error}");
}
