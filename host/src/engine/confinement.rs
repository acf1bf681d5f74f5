//! What the compiler's process gives up before it reads a component.
//!
//! A component that takes over the compiler finds a process that has nothing: another user where the host runs as root, no
//! file and no network (Landlock and seccomp), no other program and no other process (seccomp). What it keeps is its memory, its
//! threads and its pipes; `compiler.rs` bounds the first two. The layers do not depend on each other, and each is tried: one that
//! the system does not have is a bit in [`Missing`], which the plugin's passport spells out.
//!
//! All of it applies to the calling thread and the threads that it starts. It never fails: a compiler that is confined less is
//! still the host's own compiler.

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use palisade_guard::limits::COMPILER_USER_ID;
use rustix::process::{Gid, Uid, geteuid, getpid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// The newest rules of Landlock that are asked for. An older kernel enforces those that it knows.
const LANDLOCK: ABI = ABI::V6;

/// The layers that the system did not give, as bits: the compiler's process sends them with its answer, and they are kept with
/// the compiled code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) u8);

/// The bits of [`Missing`], and what each means to an operator.
const LAYERS: [(Missing, &str); 6] = [
    (USER, "the compiler runs as the host's own user: only a host that runs as root can give it another one"),
    (
        LANDLOCKED,
        "the kernel does not support Landlock: files and networks are closed to the compiler by seccomp alone",
    ),
    (
        LANDLOCKED_IN_PART,
        "the kernel supports Landlock in part: some rules are closed to the compiler by seccomp alone",
    ),
    (
        FILTERED,
        "the kernel accepts no seccomp filter: the compiler can make every system call that its user can",
    ),
    (DUMPABLE, "other processes of the compiler's user can look into the compiler"),
    (
        INHERITED,
        "the compiler inherits open files of the host's program: open them with `O_CLOEXEC`, as Rust does",
    ),
];
const USER: Missing = Missing(1);
const LANDLOCKED: Missing = Missing(1 << 1);
const LANDLOCKED_IN_PART: Missing = Missing(1 << 2);
const FILTERED: Missing = Missing(1 << 3);
const DUMPABLE: Missing = Missing(1 << 4);
const INHERITED: Missing = Missing(1 << 5);

impl Missing {
    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// A sentence for each layer that is missing.
    pub(crate) fn sentences(self) -> Vec<String> {
        let missing = LAYERS.iter().filter(|(layer, _)| self.has(*layer));
        missing.map(|(_, sentence)| (*sentence).to_owned()).collect()
    }
}

/// Confines the process. It must have one thread.
pub(super) fn confine_process() -> Missing {
    let inherited = inherited();
    let missing = confine();
    // After the user has changed, which sets it anew.
    let dumpable = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    missing.and(inherited).and(if dumpable.is_ok() { Missing::default() } else { DUMPABLE })
}

/// Confines the calling thread.
fn confine() -> Missing {
    // The user first: the other layers take the right to change it.
    change_user().and(landlock()).and(filter())
}

/// Looks for open files beside the three pipes. They cannot be closed from here without `unsafe`.
fn inherited() -> Missing {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return Missing::default() };
    // One more is the folder that is being read.
    let pipes_and_folder = 4;
    if open.count() > pipes_and_folder { INHERITED } else { Missing::default() }
}

/// Becomes a user that owns nothing.
fn change_user() -> Missing {
    if !geteuid().is_root() {
        return USER;
    }
    let (user, group) = (Uid::from_raw(COMPILER_USER_ID), Gid::from_raw(COMPILER_USER_ID));
    let changed = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user));
    if changed.is_ok() { Missing::default() } else { USER }
}

/// Closes all files, all TCP ports, and the sockets and signals of other processes. There are no exceptions.
fn landlock() -> Missing {
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)));
    let status = rules.and_then(Ruleset::create).and_then(landlock::RulesetCreated::restrict_self);
    match status.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Missing::default(),
        Ok(RulesetStatus::PartiallyEnforced) => LANDLOCKED_IN_PART,
        Ok(RulesetStatus::NotEnforced) | Err(_) => LANDLOCKED,
    }
}

/// Leaves the system calls that a program needs which only computes. All others fail with `EPERM`.
fn filter() -> Missing {
    let applied =
        filters().and_then(|filters| filters.iter().try_for_each(|filter| apply_filter(filter.as_slice())));
    if applied.is_ok() { Missing::default() } else { FILTERED }
}

fn filters() -> Result<[BpfProgram; 2], seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    // `clone3` hides its flags from filters. It does not exist here, so that threads are started with `clone`.
    let clone3 = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        errno(libc::ENOSYS),
        arch,
    )?;
    let allowed = SeccompFilter::new(rules()?, errno(libc::EPERM), SeccompAction::Allow, arch)?;
    Ok([clone3.try_into()?, allowed.try_into()?])
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

/// The allowed calls, and the conditions on their arguments.
fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let always = [
        // The pipes: nothing else is open.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        // Memory.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        // Threads.
        libc::SYS_clone3,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Signals of its own, clocks, and randomness for hash maps.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        always.into_iter().map(|call| (call, Vec::new())).collect();
    let never_executable = bits(2, libc::PROT_EXEC, 0)?;
    rules.insert(libc::SYS_mmap, vec![never_executable.clone()]);
    rules.insert(libc::SYS_mprotect, vec![never_executable]);
    // Threads and no processes: the limits of the process do not hold for another one.
    rules.insert(libc::SYS_clone, vec![bits(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?]);
    // A panic ends the process with a signal.
    let own = u64::try_from(getpid().as_raw_pid()).unwrap_or_default();
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    Ok(rules)
}

/// The condition that of these bits of an argument exactly those of the value are set.
fn bits(argument: u8, mask: i32, value: i32) -> Result<SeccompRule, seccompiler::Error> {
    let (mask, value) = (u64::from(mask.unsigned_abs()), u64::from(value.unsigned_abs()));
    let condition =
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{self, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::process::Command;

    type Attempt = (&'static str, Box<dyn Fn() -> io::Result<()> + Send>);

    fn attempt(what: &'static str, run: impl Fn() -> io::Result<()> + Send + 'static) -> Attempt {
        (what, Box::new(run))
    }

    /// What a compiler that was taken over may try: each is possible for the test, and must not be for a confined thread.
    fn attempts(folder: &Path) -> Vec<Attempt> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = folder.join("socket");
        let unix = UnixListener::bind(&socket).unwrap();
        let (file, link, one, other) =
            (folder.join("file"), folder.join("link"), folder.join("one"), folder.join("other"));
        fs::write(&file, "text").unwrap();
        fs::write(&one, "text").unwrap();
        let parent = rustix::process::getppid().unwrap();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
        vec![
            attempt("read /etc/passwd", || fs::read("/etc/passwd").map(drop)),
            attempt("read its own memory map", || fs::read("/proc/self/maps").map(drop)),
            attempt("list a folder", || fs::read_dir("/").map(drop)),
            attempt("look for a file", || fs::metadata("/etc/passwd").map(drop)),
            attempt("write a file", {
                let file = file.clone();
                move || fs::write(&file, "other")
            }),
            attempt("create and delete a file", {
                let path = folder.join("new");
                move || fs::write(&path, "").and_then(|()| fs::remove_file(&path))
            }),
            attempt("create and delete a folder", {
                let path = folder.join("folder");
                move || fs::create_dir(&path).and_then(|()| fs::remove_dir(&path))
            }),
            attempt("link", {
                let file = file.clone();
                move || std::os::unix::fs::symlink(&file, &link).and_then(|()| fs::remove_file(&link))
            }),
            attempt("rename", move || fs::rename(&one, &other).and_then(|()| fs::rename(&other, &one))),
            attempt("change a mode", {
                move || fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            }),
            attempt("connect over TCP", move || {
                let _open = &listener;
                TcpStream::connect(address).map(drop)
            }),
            attempt("listen on TCP", || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
            attempt("open a UDP socket", || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
            attempt("connect to a Unix socket", move || {
                let _open = &unix;
                UnixStream::connect(&socket).map(drop)
            }),
            attempt("make a pair of sockets", || UnixStream::pair().map(drop)),
            attempt("run a program", || Command::new("/bin/true").status().map(drop)),
            attempt("signal another process", move || Ok(rustix::process::test_kill_process(parent)?)),
            attempt("change the folder", || std::env::set_current_dir("/")),
            attempt("set a limit", move || {
                Ok(rustix::process::setrlimit(rustix::process::Resource::Core, limit)?)
            }),
            attempt("become root", || {
                let root = Uid::ROOT;
                Ok(set_thread_res_uid(root, root, root)?)
            }),
        ]
    }

    /// Runs each attempt on a thread of its own, and returns those that succeed.
    fn succeeding(attempts: Vec<Attempt>, before: fn()) -> Vec<&'static str> {
        let run = |(what, attempt): Attempt| {
            let thread = std::thread::spawn(move || {
                before();
                attempt().is_ok()
            });
            thread.join().unwrap().then_some(what)
        };
        attempts.into_iter().filter_map(run).collect()
    }

    #[test]
    fn confined_thread_reaches_no_file_network_program_or_process() {
        let folder = tempfile::tempdir().unwrap();
        let every: Vec<_> = attempts(folder.path()).iter().map(|(what, _)| *what).collect();
        fs::remove_file(folder.path().join("socket")).unwrap();
        let free = succeeding(attempts(folder.path()), || {});
        if geteuid().is_root() {
            assert_eq!(free, every, "the test itself can do all of it");
        }
        fs::remove_file(folder.path().join("socket")).unwrap();
        let confined = succeeding(attempts(folder.path()), || {
            let missing = confine();
            assert!(!missing.has(FILTERED), "{missing:?}");
        });
        assert_eq!(confined, Vec::<&str>::new());
    }

    #[test]
    fn each_layer_alone_closes_what_it_is_for() {
        let stays_closed = |layer: fn(), closed: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            // Where another user may look, so that only the layer in question is in the way.
            fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
            let open = succeeding(attempts(folder.path()), layer);
            for what in closed {
                assert!(!open.contains(what), "{what} is still possible");
            }
        };
        stays_closed(
            || assert_eq!(filter(), Missing::default()),
            &[
                "read /etc/passwd",
                "look for a file",
                "connect over TCP",
                "open a UDP socket",
                "run a program",
            ],
        );
        // Another kernel may not have the others, and says so.
        let landlocked = std::thread::spawn(landlock).join().unwrap();
        if landlocked == Missing::default() {
            let closed =
                ["read /etc/passwd", "write a file", "list a folder", "connect over TCP", "run a program"];
            stays_closed(|| assert_eq!(landlock(), Missing::default()), &closed);
        }
        if geteuid().is_root() {
            stays_closed(
                || assert_eq!(change_user(), Missing::default()),
                &["write a file", "signal another process", "become root"],
            );
        }
    }

    #[test]
    fn confined_thread_still_computes_starts_threads_and_writes_to_its_pipes() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let confined = std::thread::spawn(move || {
            confine();
            let sums = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..4_u64).map(|n| scope.spawn(move || vec![n; 1 << 20].iter().sum::<u64>())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
            });
            let caught = std::panic::catch_unwind(|| std::panic::panic_any(1_u8));
            writer.write_all(format!("{sums} {}", caught.is_err()).as_bytes()).unwrap();
        });
        confined.join().unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("{} true", 6_u64 << 20));
    }

    #[test]
    fn each_missing_layer_has_a_sentence() {
        assert_eq!(Missing::default().sentences(), Vec::<String>::new());
        assert_eq!(Missing(u8::MAX).sentences().len(), LAYERS.len());
        let two = USER.and(LANDLOCKED).sentences();
        assert!(two[0].contains("host's own user") && two[1].contains("Landlock"), "{two:?}");
    }
}
