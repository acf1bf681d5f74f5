use super::*;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const ENTRIES: usize = 6;

fn note(what: String) -> Note {
    Note::new(Event::Disabled, PluginName::parse("a").ok(), what.into())
}

/// Replaces all lines of a log.
fn put<'a>(path: &Path, lines: impl IntoIterator<Item = &'a String>) {
    let mut text = String::new();
    for line in lines {
        text.extend([line, "\n"]);
    }
    fs::write(path, text).unwrap();
}

/// A log with [`ENTRIES`] entries.
fn written() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = Log::open(&path).unwrap();
    for number in 1..=ENTRIES {
        log.append(&note(format!("number {number}"))).unwrap();
    }
    (folder, path)
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// The damage that `verify` finds after a change of the lines.
fn found(change: impl FnOnce(&mut Vec<String>)) -> Damage {
    let (_folder, path) = written();
    let mut lines = lines(&path);
    change(&mut lines);
    put(&path, &lines);
    verify(&path).unwrap().unwrap_err()
}

fn head(path: &Path) -> PathBuf {
    log::beside(path, "head")
}

#[test]
fn unchanged_log_is_verified() {
    let (_folder, path) = written();
    let verified = verify(&path).unwrap().unwrap();
    assert_eq!((verified.entries, verified.torn), (ENTRIES as u64, 0));
    assert!(lines(&path)[ENTRIES - 1].contains(&verified.last));
}

#[test]
fn every_way_to_tamper_with_lines_is_found_at_its_line() {
    for index in 0..ENTRIES {
        let line = index as u64 + 1;
        let altered = found(|lines| lines[index] = lines[index].replace("number", "member"));
        assert_eq!(altered, Damage { line, why: Why::Altered });
        let removed = found(|lines| drop(lines.remove(index)));
        let why = if index + 1 == ENTRIES { Why::Truncated } else { Why::Removed };
        assert_eq!(removed, Damage { line, why });
        let forged = found(|lines| lines.insert(index, lines[0].replace("number", "member")));
        assert_eq!(forged, Damage { line, why: Why::Inserted });
        let copied = found(|lines| lines.insert(index + 1, lines[index].clone()));
        assert_eq!(copied, Damage { line: line + 1, why: Why::Inserted });
        let swapped = (index + 1 < ENTRIES).then(|| found(|lines| lines.swap(index, index + 1)));
        assert!(swapped.is_none_or(|damage| damage == Damage { line, why: Why::Reordered }));
    }
    assert_eq!(found(Vec::clear), Damage { line: 1, why: Why::Truncated });
    assert_eq!(found(|lines| lines.push("{}".into())), Damage { line: 7, why: Why::Inserted });
    assert_eq!(found(|lines| lines.reverse()), Damage { line: 1, why: Why::Reordered });
}

#[test]
fn last_line_that_is_cut_later_is_altered_and_not_torn() {
    let (_folder, path) = written();
    let bytes = fs::read(&path).unwrap();
    for cut in [2, 10, 80] {
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let damage = verify(&path).unwrap().unwrap_err();
        assert_eq!(damage, Damage { line: ENTRIES as u64, why: Why::Altered });
    }
}

#[test]
fn missing_altered_or_foreign_head_is_found() {
    let (_folder, path) = written();
    let (_other_folder, other) = written();
    let good = fs::read_to_string(head(&path)).unwrap();
    let headless = Damage { line: ENTRIES as u64 + 1, why: Why::Headless };
    for bad in [good.replace(":6,", ":5,"), String::new(), fs::read_to_string(head(&other)).unwrap()] {
        fs::write(head(&path), bad).unwrap();
        assert_eq!(verify(&path).unwrap().unwrap_err(), headless);
    }
    fs::remove_file(head(&path)).unwrap();
    assert_eq!(verify(&path).unwrap().unwrap_err(), headless);
}

#[test]
fn removal_of_end_and_head_is_found_after_the_log_continues() {
    let (_folder, path) = written();
    put(&path, &lines(&path)[..3]);
    fs::remove_file(head(&path)).unwrap();
    Log::open(&path).unwrap().append(&note("later".into())).unwrap();
    assert_eq!(verify(&path).unwrap().unwrap_err(), Damage { line: 4, why: Why::Headless });
}

#[test]
fn removal_of_log_or_lines_is_found_after_the_log_continues() {
    for kept in [0, 1, ENTRIES - 1] {
        let (_folder, path) = written();
        put(&path, &lines(&path)[..kept]);
        Log::open(&path).unwrap().append(&note("later".into())).unwrap();
        let after = lines(&path);
        assert_eq!(after.len(), kept + 2);
        assert!(after[kept].contains("are missing"), "{}", after[kept]);
        let damage = Damage { line: kept as u64 + 1, why: Why::Removed };
        assert_eq!(verify(&path).unwrap().unwrap_err(), damage);
    }
    let (_folder, path) = written();
    fs::remove_file(&path).unwrap();
    fs::remove_file(head(&path)).unwrap();
    drop(Log::open(&path).unwrap());
    assert_eq!(verify(&path).unwrap().unwrap_err(), Damage { line: 1, why: Why::Headless });
}

#[test]
fn line_that_a_crash_tore_is_named_by_the_next_entry() {
    let (_folder, path) = written();
    let whole = fs::read(&path).unwrap();
    let tear = [&whole[..], b"{\"seq\":7,\"time\":\"20"].concat();
    fs::write(&path, &tear).unwrap();
    let line = ENTRIES as u64 + 1;
    assert_eq!(verify(&path).unwrap().unwrap_err(), Damage { line, why: Why::Torn });
    drop(Log::open(&path).unwrap());
    assert!(lines(&path)[ENTRIES + 1].contains("a torn line of 19 bytes"), "{:?}", lines(&path));
    let verified = verify(&path).unwrap().unwrap();
    assert_eq!((verified.entries, verified.torn), (line, 1));
    assert!(fs::read(&path).unwrap().starts_with(&tear), "the torn line stays");
    let other = fs::read_to_string(&path).unwrap().replace("\"time\":\"20\n", "\"time\":\"21\n");
    fs::write(&path, other).unwrap();
    assert_eq!(verify(&path).unwrap().unwrap_err(), Damage { line, why: Why::Inserted });
}

#[test]
fn head_that_lags_behind_after_a_crash_is_not_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = Log::open(&path).unwrap();
    log.append(&note("one".into())).unwrap();
    let behind = fs::read(head(&path)).unwrap();
    log.append(&note("two".into())).unwrap();
    fs::write(head(&path), behind).unwrap();
    assert_eq!(verify(&path).unwrap().unwrap().entries, 2);
    drop(Log::open(&path).unwrap());
    assert_eq!(verify(&path).unwrap().unwrap().entries, 2, "no entry is added about it");
}

#[test]
fn concurrent_writers_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/audit.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let mut log = Log::open(path).unwrap();
                for number in 0..10 {
                    log.append(&note(format!("{number} of {writer}"))).unwrap();
                }
            });
        }
    });
    assert_eq!(verify(&path).unwrap().unwrap().entries, 40);
}

#[test]
fn log_that_is_moved_away_continues_in_a_new_file_that_names_the_missing_entries() {
    let (_folder, path) = written();
    let mut log = Log::open(&path).unwrap();
    fs::rename(&path, path.with_extension("old")).unwrap();
    log.append(&note("later".into())).unwrap();
    let after = lines(&path);
    assert!(after.len() == 2 && after[0].contains("entries 1 to 6 are missing"), "{after:?}");
}

#[test]
fn files_of_a_log_are_private_and_verify_creates_no_key() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = written();
    for file in [path.clone(), log::beside(&path, "key"), head(&path)] {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    fs::remove_file(log::beside(&path, "key")).unwrap();
    assert!(verify(&path).is_err() && !log::beside(&path, "key").exists());
    assert!(fs::write(log::beside(&path, "key"), b"short").is_ok() && Log::open(&path).is_err());
}

#[test]
fn folder_that_other_users_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o1777] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(Log::open(&folder.path().join("audit.jsonl")).is_err(), "{mode:o}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Log::open(&folder.path().join("audit.jsonl")).is_ok());
}

#[tokio::test]
async fn notes_that_overflow_the_queue_are_counted_in_the_next_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::open(&path).unwrap();
    let lock = fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let sent = AUDIT_QUEUE_MAX + 100;
    for _ in 0..sent {
        audit.note(Event::Disabled, None, "x");
    }
    lock.unlock().unwrap();
    audit.flush().await;
    audit.note(Event::Enabled, None, "last");
    audit.flush().await;
    let entries: Vec<serde_json::Value> =
        lines(&path).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let missed: u64 = entries.iter().filter_map(|entry| entry["missed"].as_u64()).sum();
    assert!(missed > 0);
    assert_eq!(entries.len() as u64 + missed, sent as u64 + 1);
    assert!(verify(&path).unwrap().is_ok());
}
