//! The compiler process: its limits, its input, and which programs may serve as one.

use crate::harness::{World, builder, compiler, guest};
use palisade::{Compiler, LoadError, Policy};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

/// Builds a host that compiles its only plugin with this compiler.
async fn load(world: &World, compiler: Compiler, plugin: &Path) -> Result<(), LoadError> {
    let anew = tempfile::tempdir().unwrap();
    let builder = builder(world.url()).compiled_code(anew.path()).compiler(compiler);
    builder.plugin(plugin, Policy::as_asked()).build().await.map(drop)
}

/// The one-line message of the error.
async fn refusal(world: &World, compiler: Compiler, plugin: &Path) -> String {
    let sentence = load(world, compiler, plugin).await.unwrap_err().to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

/// A component that passes every check before compilation and takes seconds to compile: its functions have the
/// largest size and use many registers.
fn bomb() -> tempfile::TempDir {
    let rounds = "local.get 0 local.get 1 i32.mul local.tee 1 if local.get 1 local.set 0 end ".repeat(20_000);
    let function = format!("(func (param i32 i32) {rounds})");
    let text = format!("(component (core module {}))", function.repeat(8));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bomb.wasm"), wat::parse_str(text).unwrap()).unwrap();
    let manifest = "[plugin]\nname = \"bomb\"\nversion = \"0.1.0\"\ncomponent = \"bomb.wasm\"\n";
    fs::write(folder.path().join("palisade.toml"), manifest).unwrap();
    folder
}

/// A program that introduces itself as a compiler, and then runs these shell commands.
fn fake_compiler(folder: &Path, then: &str) -> PathBuf {
    let program = folder.join("posing");
    let greeting = format!("palisade compiler {}", env!("CARGO_PKG_VERSION"));
    fs::write(&program, format!("#!/bin/sh\necho '{greeting}'\nhead -c 9 >/dev/null\n{then}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}

#[tokio::test]
async fn component_that_costs_too_much_to_compile_is_rejected() {
    let (world, bomb, greeter) = (World::new().await, bomb(), guest("greeter"));
    for (child, says) in [
        (compiler().cpu_s(1), "it takes more than 1 s of processor time to compile"),
        (compiler().wall_ms(500), "it takes more than 500 ms to compile"),
        (compiler().address_bytes(256 << 20), "it takes more than 256 MiB of address space to compile"),
    ] {
        let refused = refusal(&world, child, bomb.path()).await;
        assert_eq!(refused, format!("plugin `bomb`: the component is refused: {says}"));
    }
    load(&world, compiler().cpu_s(30), &greeter).await.unwrap();
}

#[tokio::test]
async fn compiled_code_at_its_limit_is_accepted_and_over_it_rejected() {
    let (world, greeter) = (World::new().await, guest("greeter"));
    let kept = tempfile::tempdir().unwrap();
    builder(world.url())
        .compiled_code(kept.path())
        .plugin(&greeter, Policy::as_asked())
        .build()
        .await
        .unwrap();
    let files = fs::read_dir(kept.path()).unwrap().map(|entry| entry.unwrap().path());
    let compiled = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap();
    // The first 32 bytes are the authentication code, and one tells how the compiler was confined.
    let bytes = fs::metadata(compiled).unwrap().len() - 33;
    load(&world, compiler().compiled_bytes(bytes), &greeter).await.unwrap();
    let refused = refusal(&world, compiler().compiled_bytes(bytes - 1), &greeter).await;
    assert!(refused.contains(&format!("more than {} bytes of compiled code", bytes - 1)), "{refused}");
}

#[tokio::test]
async fn compiler_is_confined_before_it_gets_a_component() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let tell = r#"printf '\001'; env | cut -d= -f1 | sort | tr '\n' ' '
        echo "in $(pwd): $(ulimit -v) KiB, $(ulimit -t) s, $(ulimit -Ht) s at most, files $(ulimit -f), core $(ulimit -c) of $(ulimit -Hc)""#;
    let program = fake_compiler(folder.path(), tell);
    let message = refusal(&world, Compiler::program(&program), &guest("greeter")).await;
    assert!(env::vars_os().count() > 0, "this process has an environment");
    let named: Vec<&str> =
        message.split(": ").nth(2).unwrap().split(" in /").next().unwrap().split(' ').collect();
    let known = ["LD_LIBRARY_PATH", "PALISADE_COMPILE", "PWD", "RAYON_NUM_THREADS"];
    assert!(
        named.contains(&"PALISADE_COMPILE") && named.iter().all(|name| known.contains(name)),
        "{message}"
    );
    let bounds = "in /: 2097152 KiB, 60 s, 61 s at most, files 0, core 0 of 0";
    assert!(message.contains(bounds), "{message}");
}

/// A line of a process's status.
fn status(process: &Path, line: &str) -> Option<String> {
    let text = fs::read_to_string(process.join("status")).ok()?;
    let value = text.lines().find_map(|text| text.strip_prefix(line))?;
    Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn compiler_has_given_up_files_network_and_user_when_it_compiles() {
    let (world, bomb, folder) = (World::new().await, bomb(), tempfile::tempdir().unwrap());
    // A copy under a name of its own, so that its process is found.
    let program = folder.path().join("confined");
    fs::copy(env!("CARGO_BIN_EXE_compiler"), &program).unwrap();
    let named = program.display().to_string();
    let seen = async {
        loop {
            let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
            let mut ours = processes.filter(|process| {
                fs::read(process.join("cmdline")).is_ok_and(|line| line.starts_with(named.as_bytes()))
            });
            if let Some(process) = ours.next()
                && status(&process, "Seccomp:").as_deref() == Some("2")
            {
                let [filters, privileges, user] =
                    ["Seccomp_filters:", "NoNewPrivs:", "Uid:"].map(|line| status(&process, line));
                let threads = fs::read_dir(process.join("task")).map(Iterator::count);
                break (filters, privileges, user, threads);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (filters, privileges, user, _) = tokio::select! {
        seen = seen => seen,
        refused = refusal(&world, Compiler::program(&program).cpu_s(20), bomb.path()) => panic!("{refused}"),
    };
    assert_eq!((filters.as_deref(), privileges.as_deref()), (Some("2"), Some("1")));
    let is_root = rustix::process::geteuid().is_root();
    let own = status(Path::new("/proc/self"), "Uid:");
    let nobody = Some("65534 65534 65534 65534".to_owned());
    assert_eq!(user, if is_root { nobody } else { own });
}

#[tokio::test]
async fn passport_names_each_layer_that_the_compiler_lacked_also_for_kept_code() {
    let (world, kept) = (World::new().await, tempfile::tempdir().unwrap());
    let mut passports = Vec::new();
    for _ in 0..2 {
        let builder = builder(world.url()).compiled_code(kept.path());
        let host = builder.plugin(guest("greeter"), Policy::as_asked()).build().await.unwrap();
        passports.push(host.plugins().remove(0).passport.compiler.missing);
    }
    assert_eq!(passports[0], passports[1], "the second is that of kept code");
    let lacks_user = passports[0].iter().any(|layer| layer.contains("the host's own user"));
    assert_eq!(lacks_user, !rustix::process::geteuid().is_root(), "{passports:?}");
    assert!(!passports[0].iter().any(|layer| layer.contains("no seccomp filter")), "{passports:?}");
}

#[tokio::test]
async fn answer_that_is_not_compiled_code_is_rejected_briefly() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    for (then, says) in [
        (r"printf '\000forged'", "the component is refused"),
        (r"printf '\001'; yes x | head -c 9999 | tr -d '\n'", "xxxx"),
        ("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$", "of address space"),
        ("yes x | head -c 9999999 >&2; exit 101", "the compiler failed on it (exit status: 101)"),
        ("exit 0", "the component is refused"),
    ] {
        let program = fake_compiler(folder.path(), then);
        let refused = refusal(&world, Compiler::program(&program), &guest("greeter")).await;
        assert!(refused.contains(says) && refused.len() < 5_000, "{then}: {refused}");
    }
}

#[tokio::test]
async fn program_that_is_not_a_compiler_is_named_with_the_fix() {
    let world = World::new().await;
    for (child, says) in [
        // This process is not a compiler, because its `main` is the test harness's. The host does not start it again
        // to find out.
        (Compiler::this_program(), "call `palisade::compile_if_asked()` first thing in `main`"),
        (Compiler::program("/bin/true"), "does not answer"),
        (Compiler::program("/usr/bin/yes"), "does not answer"),
        (Compiler::program("/no/such"), "/no/such cannot be started"),
    ] {
        let refused = refusal(&world, child, &guest("greeter")).await;
        assert!(refused.contains(says), "{refused}");
    }
}

#[tokio::test]
async fn compiler_ends_with_the_load_that_started_it() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let marks = folder.path().join("marks");
    fs::create_dir(&marks).unwrap();
    // The program cannot write files, but it can create a folder named after its process id.
    let program = fake_compiler(folder.path(), &format!("mkdir {}/$$; exec sleep 600", marks.display()));
    let greeter = guest("greeter");
    let loading = load(&world, Compiler::program(&program), &greeter);
    let started = async {
        loop {
            if let Some(mark) = fs::read_dir(&marks).unwrap().next() {
                return mark.unwrap().file_name();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let id = tokio::select! {
        loaded = loading => panic!("{loaded:?}"),
        id = started => id,
    };
    let gone = async {
        while Path::new("/proc").join(&id).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone).await.expect("the compiler ends with its load");
}

#[tokio::test]
async fn components_are_compiled_one_at_a_time() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let lock = folder.path().join("lock");
    let then = format!("printf '\\001'; mkdir {0} && sleep 0.2 && echo alone && rmdir {0}", lock.display());
    let program = fake_compiler(folder.path(), &then);
    let host = builder(world.url()).compiled_code(folder.path()).compiler(Compiler::program(&program));
    let host = host.build().await.unwrap();
    let (greeter, blog, policy) = (guest("greeter"), guest("blog"), Policy::as_asked());
    let (one, two) = tokio::join!(host.load(&greeter, &policy), host.load(&blog, &policy));
    for refused in [one.unwrap_err(), two.unwrap_err()] {
        assert!(refused.to_string().contains("alone"), "{refused}");
    }
}
