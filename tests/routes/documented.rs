//! `docs/webhooks.md`: each of its snippets is a part of the plugin `webhook`, and each command that it shows prints what it shows.

use super::Got;
use crate::harness::{Served, World, blocks, read};
use palisade::guard::user::{Permission, UserId};
use reqwest::Method;
use std::process::Stdio;
use tokio::process::Command;

/// What stands between the outputs of two commands.
const MARK: &str = "@@@";

fn page() -> String {
    read("docs/webhooks.md")
}

/// A host with the plugin, and the token of a user who may configure it.
async fn webhook(world: &World) -> (Served, String) {
    let host = world.host(&["webhook"]).await;
    host.users().permit("keeper", &[Permission::parse("webhook:configure").unwrap()]).await.unwrap();
    let ada = world.user(&host, "Ada", &["keeper"]).await;
    let token = host.users().token(UserId::from(ada.id), None).await.unwrap();
    (Served::new(host).await, token)
}

#[test]
fn every_snippet_of_the_page_is_the_plugins_source() {
    let page = page();
    let mut snippets = 0;
    for (language, snippet) in blocks(&page).into_iter().filter(|(language, _)| *language != "console") {
        let file = match language {
            "rust" => "src/lib.rs",
            "toml" => "palisade.toml",
            "wit" => "wit/webhook.wit",
            other => panic!("no test knows what a block of {other:?} is"),
        };
        let source = read(format!("example-plugins/webhook/{file}"));
        assert!(source.contains(snippet), "{snippet}");
        snippets += 1;
    }
    assert!(snippets >= 3, "{snippets}");
}

#[tokio::test]
async fn every_command_of_the_page_prints_what_the_page_shows() {
    let world = World::new().await;
    let (served, token) = webhook(&world).await;
    let page = page();
    let lines = blocks(&page).into_iter().filter(|(language, _)| *language == "console");
    let (mut script, mut expected) = ("set -u\n".to_owned(), vec![String::new()]);
    for line in lines.flat_map(|(_, text)| text.lines()) {
        match line.strip_prefix("$ ") {
            Some(command) => {
                let command = command.replace("127.0.0.1:8080", &served.address.to_string());
                script.extend(["echo ", MARK, "\n", &command, "\n"]);
                expected.push(String::new());
            }
            None => expected.last_mut().unwrap().extend([line, "\n"]),
        }
    }
    assert!(expected.len() > 7, "{expected:?}");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .env("TOKEN", &token)
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ran = shell.output().await.unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap().replace('\r', "");
    let printed: Vec<&str> = printed.split(MARK).map(str::trim).collect();
    let expected: Vec<&str> = expected.iter().map(|lines| lines.trim()).collect();
    assert_eq!(printed, expected, "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn delivery_without_a_valid_signature_is_not_stored_and_one_with_it_is_stored_once() {
    let world = World::new().await;
    let (served, token) = webhook(&world).await;
    // HMAC-SHA-256 of the body under the key; that of GitHub's documentation.
    let (key, body) = ("It's a Secret to Everybody", "Hello, World!");
    let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let send = async |signature: &str, body: &str| {
        let request = served.request(Method::POST, "/hooks/webhook/github").body(body.to_owned());
        let request =
            request.header("x-github-delivery", "1").header("x-github-event", "<script>alert(1)</script>");
        Got::to(request.header("x-hub-signature-256", signature)).await.status
    };
    let stored = async || world.count("SELECT count(*) FROM plugin_webhook.deliveries").await;
    let right = format!("sha256={signature}");
    assert_eq!(send(&right, body).await, 401, "nobody has set the key");
    // The signature of the body under the empty key, which everybody knows.
    let of_no_key = "sha256=2bbcfa9524f3218c7a34b30e6936f8b1a4516cb097f1a85a1c7d98b5977ec769";
    assert_eq!(send(of_no_key, body).await, 401);
    let set = |token: Option<&str>| {
        let request = served.request(Method::POST, "/call/webhook/settings/set-key");
        let request = request.json(&serde_json::json!({ "key": key }));
        token.map_or_else(
            || request.try_clone().unwrap(),
            |token| request.try_clone().unwrap().bearer_auth(token),
        )
    };
    assert_eq!(Got::to(set(None)).await.status, 422, "an anonymous caller lacks the permission");
    assert_eq!(Got::to(set(Some(&token))).await.status, 200);
    for wrong in ["", "sha256=", signature, &right[..70], &right.replace('7', "8"), "sha1=757107ea"] {
        assert_eq!(send(wrong, body).await, 401, "{wrong}");
    }
    assert_eq!(send(&right, "Hello, World?").await, 401, "another body");
    assert_eq!(stored().await, 0);
    for _ in 0..2 {
        assert_eq!((send(&right, body).await, stored().await), (204, 1), "the second time it is known");
    }
    let page = Got::to(served.request(Method::GET, "/hooks/webhook/deliveries")).await;
    assert!(page.text().contains("&#60;script&#62;") && !page.text().contains("<script>"), "{page:?}");
    assert!(page.header("content-security-policy").ends_with("; sandbox"));
    let file = Got::to(served.request(Method::GET, "/hooks/webhook/deliveries/1")).await;
    assert_eq!((file.status, file.text().as_str()), (200, body));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"delivery-1.json\"");
    for path in ["/2", "/x", "/1/2", "/-1", "/"] {
        let absent = Got::to(served.request(Method::GET, &format!("/hooks/webhook/deliveries{path}"))).await;
        assert_eq!(absent.status, 404, "{path}");
    }
}
