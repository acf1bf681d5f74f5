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
fn found(change: impl FnOnce(&mut Vec<String>)) -> (u64, Why) {
    let (_folder, path) = written();
    let mut lines = lines(&path);
    change(&mut lines);
    put(&path, &lines);
    damage(&path)
}

/// The line of the damage that `verify` finds, and what is wrong with it.
fn damage(path: &Path) -> (u64, Why) {
    let Damage { line, why, .. } = verify(path).unwrap().unwrap_err();
    (line, why)
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
        assert_eq!(altered, (line, Why::Altered));
        let removed = found(|lines| drop(lines.remove(index)));
        let why = if index + 1 == ENTRIES { Why::Truncated } else { Why::Removed };
        assert_eq!(removed, (line, why));
        let forged = found(|lines| lines.insert(index, lines[0].replace("number", "member")));
        assert_eq!(forged, (line, Why::Inserted));
        let copied = found(|lines| lines.insert(index + 1, lines[index].clone()));
        assert_eq!(copied, (line + 1, Why::Inserted));
        let swapped = (index + 1 < ENTRIES).then(|| found(|lines| lines.swap(index, index + 1)));
        assert!(swapped.is_none_or(|damage| damage == (line, Why::Reordered)));
    }
    assert_eq!(found(Vec::clear), (1, Why::Truncated));
    assert_eq!(found(|lines| lines.push("{}".into())), (7, Why::Inserted));
    assert_eq!(found(|lines| lines.reverse()), (1, Why::Reordered));
}

#[test]
fn last_line_that_is_cut_later_is_altered_and_not_torn() {
    let (_folder, path) = written();
    let bytes = fs::read(&path).unwrap();
    for cut in [2, 10, 80] {
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let damage = damage(&path);
        assert_eq!(damage, (ENTRIES as u64, Why::Altered));
    }
}

#[test]
fn missing_altered_or_foreign_head_is_found() {
    let (_folder, path) = written();
    let (_other_folder, other) = written();
    let good = fs::read_to_string(head(&path)).unwrap();
    let headless = (ENTRIES as u64 + 1, Why::Headless);
    for bad in [good.replace(":6,", ":5,"), String::new(), fs::read_to_string(head(&other)).unwrap()] {
        fs::write(head(&path), bad).unwrap();
        assert_eq!(damage(&path), headless);
    }
    fs::remove_file(head(&path)).unwrap();
    assert_eq!(damage(&path), headless);
}

#[test]
fn removal_of_end_and_head_is_found_after_the_log_continues() {
    let (_folder, path) = written();
    put(&path, &lines(&path)[..3]);
    fs::remove_file(head(&path)).unwrap();
    Log::open(&path).unwrap().append(&note("later".into())).unwrap();
    assert_eq!(damage(&path), (4, Why::Headless));
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
        assert_eq!(damage(&path), (kept as u64 + 1, Why::Removed));
    }
    let (_folder, path) = written();
    fs::remove_file(&path).unwrap();
    fs::remove_file(head(&path)).unwrap();
    drop(Log::open(&path).unwrap());
    assert_eq!(damage(&path), (1, Why::Headless));
}

#[test]
fn line_that_a_crash_tore_is_named_by_the_next_entry() {
    let (_folder, path) = written();
    let whole = fs::read(&path).unwrap();
    let tear = [&whole[..], b"{\"seq\":7,\"time\":\"20"].concat();
    fs::write(&path, &tear).unwrap();
    let line = ENTRIES as u64 + 1;
    assert_eq!(damage(&path), (line, Why::Torn));
    drop(Log::open(&path).unwrap());
    assert!(lines(&path)[ENTRIES + 1].contains("a torn line of 19 bytes"), "{:?}", lines(&path));
    let verified = verify(&path).unwrap().unwrap();
    assert_eq!((verified.entries, verified.torn), (line, 1));
    assert!(fs::read(&path).unwrap().starts_with(&tear), "the torn line stays");
    let other = fs::read_to_string(&path).unwrap().replace("\"time\":\"20\n", "\"time\":\"21\n");
    fs::write(&path, other).unwrap();
    assert_eq!(damage(&path), (line, Why::Inserted));
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
fn file_that_is_moved_away_is_continued_and_verified_in_both() {
    let (_folder, path) = written();
    let mut log = Log::open(&path).unwrap();
    let old = path.with_file_name("audit.jsonl.1");
    fs::rename(&path, &old).unwrap();
    log.append(&note("later".into())).unwrap();
    let after = lines(&path);
    assert!(after.len() == 2 && after[0].contains("\"rotated\""), "{after:?}");
    let verified = verify(&path).unwrap().unwrap();
    assert_eq!((verified.entries, verified.files), (ENTRIES as u64 + 2, 2));
    assert_eq!(verify_latest(&path).unwrap().unwrap().files, 1);
    put(&old, &lines(&old)[1..]);
    let Damage { file, line, why } = verify(&path).unwrap().unwrap_err();
    assert_eq!((file, line, why), (old.clone(), 1, Why::Removed));
    fs::remove_file(&old).unwrap();
    assert_eq!(damage(&path), (1, Why::Continued));
}

#[test]
fn file_that_is_moved_away_while_no_host_runs_is_found_beside_the_new_one() {
    let (_folder, path) = written();
    for (number, name) in ["audit.jsonl.2", "audit.jsonl.1"].into_iter().enumerate() {
        fs::rename(&path, path.with_file_name(name)).unwrap();
        let mut log = Log::open(&path).unwrap();
        assert_eq!(lines(&path).len(), 1);
        log.append(&note("later".into())).unwrap();
        assert_eq!(verify(&path).unwrap().unwrap().files, number + 2);
    }
    // Copied and emptied, as some tools do.
    fs::copy(&path, path.with_file_name("audit.jsonl.0")).unwrap();
    fs::write(&path, "").unwrap();
    Log::open(&path).unwrap().append(&note("later".into())).unwrap();
    assert_eq!(verify(&path).unwrap().unwrap().files, 4);
}

#[test]
fn deleted_file_is_never_taken_for_a_moved_one() {
    let (_folder, path) = written();
    let mut log = Log::open(&path).unwrap();
    // A copy that lacks the last entry is not the file.
    put(&path.with_file_name("audit.jsonl.1"), &lines(&path)[..ENTRIES - 1]);
    fs::remove_file(&path).unwrap();
    log.append(&note("later".into())).unwrap();
    let after = lines(&path);
    assert!(after.len() == 2 && after[0].contains("entries 1 to 6 are missing"), "{after:?}");
    assert_eq!(damage(&path), (1, Why::Removed));
}

#[test]
fn rotated_log_continues_also_for_another_writer() {
    let (_folder, path) = written();
    let mut other = Log::open(&path).unwrap();
    let old = rotate(&path).unwrap();
    other.append(&note("later".into())).unwrap();
    assert_eq!((lines(&old).len(), lines(&path).len()), (ENTRIES, 2));
    let verified = verify(&path).unwrap().unwrap();
    assert_eq!((verified.entries, verified.files), (ENTRIES as u64 + 2, 2));
    assert!(rotate(&path.with_file_name("none.jsonl")).is_err());
}

#[test]
fn lost_key_is_named_by_the_next_entry_and_by_verify() {
    let (_folder, path) = written();
    fs::remove_file(log::beside(&path, "key")).unwrap();
    let refused = verify(&path).unwrap_err().to_string();
    assert!(refused.contains("audit.jsonl.key") && refused.contains("cannot be verified"), "{refused}");
    Log::open(&path).unwrap().append(&note("later".into())).unwrap();
    let after = lines(&path);
    assert!(after.len() == ENTRIES + 2 && after[ENTRIES].contains("the key was missing"), "{after:?}");
    assert_eq!(damage(&path), (ENTRIES as u64 + 1, Why::Keyless));
}

#[test]
fn locked_log_delays_neither_start_nor_stop_for_long() {
    let (_folder, path) = written();
    let holder = fs::File::open(&path).unwrap();
    holder.lock().unwrap();
    let began = Instant::now();
    let refused = Log::open(&path).unwrap_err();
    assert!(refused.to_string().contains("another process has locked"), "{refused}");
    assert!(verify(&path).is_err());
    holder.unlock().unwrap();
    let audit = Audit::open(&path).unwrap();
    holder.lock().unwrap();
    for _ in 0..100 {
        audit.note(Event::Disabled, None, "x");
    }
    drop(audit);
    assert!(began.elapsed() < Duration::from_millis(20 * palisade_guard::limits::AUDIT_LOCK_MS));
    holder.unlock().unwrap();
    assert_eq!(verify(&path).unwrap().unwrap().entries, ENTRIES as u64, "a whole log");
}

#[tokio::test]
async fn entries_wait_while_the_log_is_locked_and_none_is_lost_or_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::open(&path).unwrap();
    let holder = fs::File::open(&path).unwrap();
    holder.lock().unwrap();
    for _ in 0..10 {
        audit.note(Event::Disabled, None, "x");
    }
    let began = Instant::now();
    audit.flush().await;
    audit.flush().await;
    assert!(began.elapsed() < Duration::from_millis(20 * palisade_guard::limits::AUDIT_LOCK_MS));
    holder.unlock().unwrap();
    audit.note(Event::Enabled, None, "last");
    audit.flush().await;
    assert_eq!(lines(&path).len(), 11);
    assert!(lines(&path).iter().all(|line| !line.contains("missed")));
    assert!(verify(&path).unwrap().is_ok());
}

/// `/dev/full` is a disk that is always full.
#[tokio::test]
async fn entries_on_a_full_disk_wait_and_are_counted_only_when_they_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let audit = Audit::open(&path).unwrap();
    let over = 100;
    for _ in 0..AUDIT_QUEUE_MAX {
        audit.note(Event::Disabled, None, "x");
        // The queue itself never overflows here.
        audit.flush().await;
    }
    for _ in 0..over {
        audit.note(Event::Disabled, None, "x");
        audit.flush().await;
    }
    fs::remove_file(&path).unwrap();
    audit.flush().await;
    let entries: Vec<serde_json::Value> =
        lines(&path).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let missed: u64 = entries.iter().filter_map(|entry| entry["missed"].as_u64()).sum();
    assert_eq!((entries.len(), missed), (AUDIT_QUEUE_MAX, over));
    assert!(verify(&path).unwrap().is_ok());
}

#[test]
fn head_that_cannot_be_written_loses_and_repeats_no_entry() {
    let (folder, path) = written();
    let mut log = Log::open(&path).unwrap();
    let blocked = head(&path);
    fs::remove_file(&blocked).unwrap();
    // A file cannot replace a folder that has something in it.
    fs::create_dir_all(blocked.join("x")).unwrap();
    assert!(log.append(&note("one".into())).is_ok(), "the entry is in the file");
    fs::remove_dir_all(&blocked).unwrap();
    drop(folder);
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
