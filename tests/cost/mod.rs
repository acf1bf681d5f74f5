//! G16, cost: for each function of the contract and each route, the dearest input that is permitted, sent by many callers
//! at once to a host of 512 MiB. Nothing may take more memory than the operator allows, end the process, or keep a
//! neighbour from being served.
//!
//! The table shows what each row takes: the process's memory, the processor time of the host and of the database's
//! backends, and beside it the median and the 99th percentile of a neighbour that calls all the time, and how many times
//! the 99th percentile of a quiet host that is. Two lines show what busy processors alone do to it. No time is a failure.
//! `cargo xtask soak` runs the table for minutes, against an optimized host.

mod rows;
mod seen;

use crate::command::child::{Serving, examples};
use crate::harness::{World, copy, guest};
use palisade::OPERATOR_PERMISSION;
use palisade::guard::user::{Permission, UserId};
use palisade::limits::SLOW_LANE_NICE;
use rows::rows;
use seen::{Seen, Total, Watch};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the host may hold.
const MEMORY: u64 = 512 << 20;
/// Callers of a row at once.
const CALLERS: usize = 16;
/// How long each row is sent, unless the environment says how many minutes all of them take.
const ROW: Duration = Duration::from_millis(400);
/// How many rows' time is taken before the first row and after the last one, to see the neighbour alone, and beside processors
/// that are kept busy by others than the host.
const QUIET_ROWS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dearest_permitted_input_of_each_function_and_route_stays_within_the_hosts_memory() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, from) in [
        ("probe", guest("probe")),
        ("routes", guest("routes")),
        ("greeter", examples().join("greeter")),
        ("blog", examples().join("blog")),
    ] {
        let to = folder.path().join(name);
        std::fs::create_dir(&to).unwrap();
        copy(&from, &to);
    }
    let serving = Serving::of(folder.path(), &world, &["--memory", "512 MiB"], &[]).await;
    let token = token(&world).await;
    let watch = Watch::new(&world, &serving, token);
    watch.prepare().await;
    let rows = rows();
    let time = row_time(rows.len());
    let quiet = watch.quiet(time * QUIET_ROWS).await;
    println!("{}\n{}", Seen::HEAD, quiet.line("(quiet)", &quiet));
    let busy = watch.beside_busy_processors(0, time * QUIET_ROWS).await;
    println!("{}", busy.line("(processors busy)", &quiet));
    let patient = watch.beside_busy_processors(SLOW_LANE_NICE, time * QUIET_ROWS).await;
    println!("{}", patient.line("(processors busy, low priority)", &quiet));
    let (mut wrong, mut all) = (Vec::new(), Total::default());
    for row in rows {
        let seen = watch.send(&row, CALLERS, time).await;
        println!("{}", seen.line(&row.name, &quiet));
        if seen.bytes > MEMORY || seen.failed > 0 || !seen.is_alive {
            wrong.push(format!("{}: {seen:?}", row.name));
        }
        all.add(&row.name, seen, &quiet);
    }
    println!("{}", watch.quiet(time * QUIET_ROWS).await.line("(quiet again)", &quiet));
    println!("{}", all.line(&quiet, &busy));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_and_every_route_has_a_row() {
    let named: BTreeSet<String> = rows().into_iter().map(|row| row.name).collect();
    let missing: Vec<String> =
        rows::functions().into_iter().filter(|function| !named.contains(function)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    for route in rows::ROUTES {
        assert!(named.contains(*route), "no row for {route}");
    }
}

/// How long each of so many rows is sent.
fn row_time(rows: usize) -> Duration {
    let minutes = std::env::var("PALISADE_SOAK_MINUTES").ok().and_then(|minutes| minutes.parse().ok());
    let parts = u32::try_from(rows).unwrap() + 4 * QUIET_ROWS;
    minutes.map_or(ROW, |minutes| Duration::from_mins(minutes) / parts)
}

/// The token of a user who may do everything with items, and is an operator.
async fn token(world: &World) -> String {
    let host = world.host(&[]).await;
    let may = ["item:create:note", "item:edit:note", "item:delete:note", OPERATOR_PERMISSION];
    let may: Vec<_> = may.iter().map(|may| Permission::parse(may).unwrap()).collect();
    host.users().permit("everything", &may).await.unwrap();
    let user = world.user(&host, "author", &["everything"]).await;
    let token = host.users().token(UserId::from(user.id), None).await.unwrap();
    host.stop().await;
    token
}
