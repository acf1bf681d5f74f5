//! `docs/http.md`: each command that it shows is run, and prints what it shows.

use crate::harness::{Served, World, blocks, guestbook, read};
use palisade::Policy;
use palisade::limits::REQUEST_ID_BYTES_MAX;
use serde_json::Value;

/// The address that the page shows.
const SHOWN: &str = "127.0.0.1:8080";

fn page() -> String {
    read("docs/http.md")
}

/// The commands of the page, with what each prints.
fn commands(page: &str) -> Vec<(String, String)> {
    let consoles = blocks(page).into_iter().filter(|(language, _)| *language == "console");
    let shown = consoles.flat_map(|(_, text)| text.split("$ ").skip(1));
    shown
        .map(|shown| {
            let (command, printed) = shown.split_once('\n').unwrap();
            (command.to_owned(), printed.trim_end().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn each_command_of_the_page_prints_what_it_shows() {
    let world = World::new().await;
    let host = world.builder().plugin(guestbook("rust"), Policy::as_asked()).build().await.unwrap();
    let served = Served::new(host).await;
    let page = page();
    let commands = commands(&page);
    assert!(commands.len() > 5 && commands.len() == page.matches("curl -s").count(), "{commands:?}");
    for (command, expected) in commands {
        assert!(command.contains(SHOWN), "{command}");
        let mut shell = tokio::process::Command::new("sh");
        shell.arg("-c").arg(command.replace(SHOWN, &served.address.to_string()));
        shell.env("no_proxy", "*");
        let output = shell.output().await.unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let json = |text: &str| serde_json::from_str::<Value>(text);
        let is_same = match (json(&printed), json(&expected)) {
            (Ok(printed), Ok(expected)) => printed == expected,
            _ => printed == expected,
        };
        assert!(is_same, "{command}\n{printed}\ninstead of\n{expected}");
    }
}

#[test]
fn page_has_the_numbers_of_the_server() {
    assert!(page().contains(&format!("up to {REQUEST_ID_BYTES_MAX} visible characters")));
}
