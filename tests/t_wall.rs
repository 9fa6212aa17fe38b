//! What a check must not be able to do although it tries to, with namespaces and without them.
//!
//! Where a machine cannot keep a check from something, no change is delivered unasked after it;
//! that is in `t_sandbox`.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::PathBuf,
    time::{Duration, SystemTime},
};

use pimainteno_core::process::{End, Excess, Layer, Limits, Support};

use crate::support::world::{World, is_gone, runtime, said};

/// "Operation not permitted" (`errno(3)`).
const EPERM: i32 = 1;

/// Begins a script that can make system calls by their numbers on this architecture; `call` gives
/// the error's number, or 0.
const CALLS: &str = "import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def call(x86, other, *arguments):
    number = x86 if os.uname().machine == 'x86_64' else other
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *arguments) < 0 else 0
";

/// The standing of a file: mode, owner, time, attributes.
fn standing(path: &PathBuf) -> (u32, u32, i64, Vec<u8>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let attributes = std::process::Command::new("python3")
        .args(["-c", "import os, sys; print({n: os.getxattr(sys.argv[1], n) for n in os.listxattr(sys.argv[1])})"])
        .arg(path)
        .output()
        .unwrap();
    (metadata.mode(), metadata.uid(), metadata.mtime(), attributes.stdout)
}

fn python(world: &World, script: &str) -> pimainteno_core::process::Output {
    fs::write(world.workspace().join("attack.py"), format!("{CALLS}{script}")).unwrap();
    world.run("python3 attack.py")
}

#[test]
fn a_check_changes_no_mode_owner_time_or_attribute_outside() {
    let world = World::new();
    if !world.sandbox.support.has_namespaces() {
        return;
    }
    let files = [
        "home",
        "home/.cargo/bin/tool",
        "home/.ssh",
        "checkout",
        "checkout/.git",
        "checkout/.git/config",
        "state/state.redb",
        "state",
    ];
    for file in files {
        let path = world.path(file);
        let before = standing(&path);
        world.run(&format!(
            "chmod 777 ROOT/{file}; chown 12345 ROOT/{file}; touch -d 2001-01-01 ROOT/{file}"
        ));
        python(&world, &format!("os.setxattr('{}', 'user.planted', b'x')", path.display()));
        assert_eq!(standing(&path), before, "{file}");
    }
    // What it can read is mounted so that nothing of it can be changed, whoever it runs as.
    world.run("chmod 4755 /usr/bin/env; touch /usr/bin/env");
    let output = world.run("touch ROOT/home/.cargo/bin/tool");
    assert!(said(&output).contains("Read-only file system"), "{}", said(&output));
    assert_eq!(fs::metadata("/usr/bin/env").unwrap().permissions().mode() & 0o6000, 0);
}

#[test]
fn a_check_makes_no_program_that_runs_as_somebody_else() {
    for world in [World::new(), World::without_namespaces()] {
        if !world.sandbox.support.system_calls {
            continue;
        }
        let output = python(
            &world,
            "try:\n    os.close(os.open('born', os.O_CREAT | os.O_WRONLY, 0o4755))\nexcept OSError as error: print(error)\n\
             open('plain', 'w').close()\nfor mode in (0o4755, 0o6755, 0o2755):\n    try: os.chmod('plain', mode)\n    except OSError as error: print(error)\n\
             os.fchmod(os.open('plain', os.O_RDONLY), 0o2755)\nassert os.stat('plain').st_mode & 0o6000 == 0\nos.chmod('plain', 0o755)\nos.close(os.open('plain', os.O_RDONLY, 0o4755))",
        );
        assert_eq!(
            said(&output).matches("Operation not permitted").count(),
            3,
            "{}",
            said(&output)
        );
        assert!(output.success(), "{}", said(&output));
        assert_eq!(
            fs::metadata(world.workspace().join("plain")).unwrap().permissions().mode() & 0o7777,
            0o755
        );
        assert!(fs::metadata(world.workspace().join("born")).is_err());
    }
}

#[test]
fn a_check_that_leaves_its_session_its_parents_and_its_environment_ends_with_its_run_all_the_same()
{
    for world in [World::new(), World::without_namespaces()] {
        let escaped = "300.0808";
        // A double fork, each in a session of its own, with nothing in the environment.
        world.passes(&format!(
            "env -i /bin/sh -c 'setsid sh -c \"setsid sleep {escaped} & exit 0\" & exit 0'; true"
        ));
        assert!(is_gone(escaped));
        let script = format!(
            "env -i /bin/sh -c 'setsid sh -c \"setsid sleep {escaped} & exit 0\" & exit 0'; sleep 300.0909"
        );
        let output = runtime()
            .block_on(world.command(&script).timeout(Duration::from_millis(700)).run())
            .unwrap();
        assert_eq!(output.end, End::TimedOut);
        assert!(is_gone(escaped) && is_gone("300.0909"));
    }
}

#[test]
fn a_check_reaches_no_socket_wherever_it_lies() {
    for mut world in [World::new(), World::without_namespaces()] {
        let support = world.sandbox.support.clone();
        if !support.has_namespaces() && !support.system_calls {
            continue;
        }
        fs::create_dir_all(world.path("home/.1password")).unwrap();
        fs::create_dir_all(world.path("srv/shared")).unwrap();
        // Somebody lets checks read a directory that the socket of the daemon happens to be in.
        world.sandbox.read.push(world.path("srv"));
        world.sandbox.cover.push(world.path("srv/shared/control.sock"));
        for place in ["home/.1password/agent.sock", "srv/shared/control.sock", "elsewhere.sock"] {
            let _listener = UnixListener::bind(world.path(place)).unwrap();
            let output = python(
                &world,
                &format!(
                    "import socket\nsocket.socket(socket.AF_UNIX).connect('{}')",
                    world.path(place).display()
                ),
            );
            assert!(!output.success(), "{place}");
        }
        fs::write(world.path("srv/data"), "data").unwrap();
        assert_eq!(world.passes("cat ROOT/srv/data").text(), "data");
    }
}

#[test]
fn a_check_without_a_network_of_its_own_has_no_sockets() {
    let world = World::without_namespaces();
    if !world.sandbox.support.system_calls {
        return;
    }
    let output = python(
        &world,
        "import socket\nsocket.socketpair()\nfor family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n    try: socket.socket(family)\n    except OSError as error: print(error)",
    );
    assert_eq!(
        said(&output).matches("Address family not supported").count(),
        3,
        "{}",
        said(&output)
    );
}

#[test]
fn system_calls_that_reach_around_the_wall_are_refused() {
    for world in [World::new(), World::without_namespaces()] {
        if !world.sandbox.support.system_calls {
            continue;
        }
        // By their numbers, on x86-64 and on the others: `unistd.h` and `unistd_64.h` of the
        // kernel.
        let calls = [
            ("keyctl", "250, 219, 0, -3, 0", EPERM),
            ("add_key", "248, 217, b'user', b'x', b'x', 1, -3", EPERM),
            ("ptrace", "101, 117, 0, 0, 0, 0", EPERM),
            ("bpf", "321, 280, 0, 0, 0", EPERM),
            ("userfaultfd", "323, 282, 0", EPERM),
            ("perf_event_open", "298, 241, 0, 0, -1, -1, 0", EPERM),
            ("mount", "165, 40, b'x', b'/tmp', b'tmpfs', 0, 0", EPERM),
            ("unshare", "272, 97, 0x10000000", EPERM),
            ("clone", "56, 220, 0x10000011, 0, 0, 0, 0", EPERM),
            ("io_uring_setup", "425, 425, 1, 0", 38),
            ("clone3", "435, 435, 0, 0", 38),
            ("memfd_secret", "447, 447, 0", 38),
            ("vsock", "41, 198, 40, 1, 0", 97),
            ("packet", "41, 198, 17, 3, 0", 97),
            ("alg", "41, 198, 38, 5, 0", 97),
        ];
        for (name, arguments, error) in calls {
            let output = python(&world, &format!("print(call({arguments}))"));
            assert_eq!(output.text().trim(), error.to_string(), "{name}: {}", said(&output));
        }
        if cfg!(target_arch = "x86_64") {
            let output = python(&world, "print(call(0x40000000 | 250, 0, 0, -3, 0))");
            assert_eq!(output.text().trim(), "38", "keyctl by its other number: {}", said(&output));
        }
    }
}

#[test]
fn a_check_has_a_session_keyring_of_its_own_where_calls_are_not_filtered() {
    // `KEYCTL_DESCRIBE` of the session's keyring (`keyctl(2)`).
    let describe = "b = ctypes.create_string_buffer(200)\nprint(call(250, 219, 6, -3, b, 200), b.value.decode())";
    for has_namespaces in [true, false] {
        let world = World::with(|support| Support {
            system_calls: false,
            obstacle: if has_namespaces {
                support.obstacle.clone()
            } else {
                Some("as told".into())
            },
            ..support
        });
        let output = python(&world, describe);
        // Some kernels have none.
        assert!(
            output.text().starts_with("38 ") || output.text().trim().ends_with(";_ses"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn what_the_program_has_open_is_not_open_in_a_check() {
    for world in [World::new(), World::without_namespaces()] {
        // A shell opens without the mark that closes it for other programs; this way it is open in
        // the helper too.
        let secret = world.path("home/.ssh/id");
        let helper = world.path("helper");
        let real = world.sandbox.helper.display().to_string();
        fs::write(
            &helper,
            format!("#!/bin/sh\nexec 7<'{}'\nexec {real} \"$@\"\n", secret.display()),
        )
        .unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        let mut world = world;
        world.sandbox.helper = helper;
        let output = world.run("ls /proc/self/fd; cat <&7");
        assert!(!output.success() && !said(&output).contains("secret of ssh"), "{}", said(&output));
    }
}

#[test]
fn nobody_looks_through_the_guard_at_the_machine() {
    let world = World::new();
    if !world.sandbox.support.has_namespaces() {
        return;
    }
    for place in ["root/etc/passwd", "fd", "cwd/etc", "environ"] {
        let output = world.run(&format!("ls /proc/1/{place}; cat /proc/1/{place}"));
        assert!(!output.success(), "{place}: {}", said(&output));
    }
    let output = world.passes("ls /; ls /home /root /srv /opt 2>/dev/null; true");
    let tops: Vec<_> = output.text().lines().map(str::to_owned).collect();
    assert!(!tops.iter().any(|name| name == "boot" || name == "mnt"), "{tops:?}");
}

#[test]
fn memory_that_is_in_no_process_and_files_without_content_are_counted() {
    for mut world in [World::new(), World::without_namespaces()] {
        world.sandbox.limits =
            Limits { memory: 96 << 20, processes: 40, disk: 1 << 30, files: 3000 };
        let output = python(
            &world,
            "fd = os.memfd_create('x')\nfor i in range(200): os.write(fd, bytes(1 << 20))\ntime.sleep(300.1010)",
        );
        assert_eq!(output.end, End::Exceeded(Excess::Memory(96 << 20)), "{}", said(&output));
        let output = python(
            &world,
            "d = os.environ['TMPDIR']\nfor i in range(20000): open(f'{d}/{i}', 'w').close()\ntime.sleep(300.1111)",
        );
        assert_eq!(output.end, End::Exceeded(Excess::Files(3000)), "{}", said(&output));
        assert!(is_gone("300.1010") && is_gone("300.1111"));
    }
}

#[test]
fn what_is_written_through_a_layer_is_in_the_layer_alone() {
    let mut world = World::new();
    if !world.sandbox.support.layers {
        return;
    }
    let (tree, kept, upper, work) = (
        world.path("tree, of: odd\\name"),
        world.path("kept"),
        world.path("upper"),
        world.path("work"),
    );
    for directory in [&tree.join("src"), &kept.join("build"), &upper, &work] {
        fs::create_dir_all(directory).unwrap();
    }
    fs::write(tree.join("src/a"), "a").unwrap();
    fs::write(kept.join("build/old"), "warm").unwrap();
    world.sandbox.layers = vec![Layer {
        at: tree.clone(),
        lower: vec![tree.clone(), kept.clone()],
        upper: upper.clone(),
        work,
    }];
    let at = tree.display();
    let output = world
        .passes(&format!("cd '{at}' && cat src/a build/old && echo b > src/a && rm build/old && echo new > build/new && mv src moved"));
    assert_eq!(output.text(), "awarm");
    assert_eq!(
        world.passes(&format!("cd '{at}' && cat moved/a build/new && ls build")).text(),
        "b\nnew\nnew\n"
    );
    assert_eq!(
        (
            fs::read_to_string(tree.join("src/a")).unwrap(),
            fs::read_to_string(kept.join("build/old")).unwrap()
        ),
        ("a".into(), "warm".into())
    );
    assert!(!tree.join("build").exists() && !kept.join("build/new").exists());
    assert_eq!(fs::read_to_string(upper.join("build/new")).unwrap(), "new\n");
}

/// The world of a project whose checks may write to a place in the home, in which programs look for
/// what they need.
fn writes_to_a_tool(without_namespaces: bool) -> World {
    let mut world = if without_namespaces { World::without_namespaces() } else { World::new() };
    for directory in ["home/.gradle/caches", "elsewhere"] {
        fs::create_dir_all(world.path(directory)).unwrap();
    }
    fs::write(world.path("elsewhere/secret"), "of somebody").unwrap();
    world.sandbox.write.push(world.path("home/.gradle"));
    world
        .sandbox
        .read
        .extend(["home/.gradle/caches", "home/.gradle/wrapper"].map(|path| world.path(path)));
    world
}

#[test]
fn a_link_that_a_check_leaves_where_it_may_write_leads_the_next_one_nowhere() {
    for without_namespaces in [false, true] {
        let mut world = writes_to_a_tool(without_namespaces);
        world.passes(
            "cd ROOT/home/.gradle && mv caches old && ln -s ROOT/elsewhere caches && ln -s / wrapper && ln -s ROOT/elsewhere deeper",
        );
        world.sandbox.write.push(world.path("home/.gradle/deeper"));
        world.passes("test -d ROOT/home/.gradle/old");
        // Another project, which may not write there, reads there.
        for (write, written) in [(true, false), (false, true)] {
            let place = world.path("home/.gradle");
            world.sandbox.write.retain(|path| !path.starts_with(&place));
            world.sandbox.write.extend(Some(place.clone()).filter(|_| write));
            world.sandbox.written = Some(place).filter(|_| written).into_iter().collect();
            assert!(
                !world
                    .run("cat ROOT/elsewhere/secret || cat ROOT/home/.gradle/caches/secret")
                    .success()
            );
            assert!(!world.run("echo x >> ROOT/elsewhere/secret").success());
        }
        assert_eq!(fs::read_to_string(world.path("elsewhere/secret")).unwrap(), "of somebody");
    }
}

#[test]
fn a_home_below_the_temporary_directory_is_as_closed_as_any() {
    let mut world = World::new();
    if !world.sandbox.support.has_namespaces() {
        return;
    }
    // Whoever lets checks write to their home does not let them read the keys in it, nor the clock
    // be turned on tools.
    world.sandbox.write.push(world.path("home"));
    assert!(!world.run("cat ROOT/home/.ssh/id").success());
    world.passes("echo mine > ROOT/home/new");
    assert_eq!(fs::read_to_string(world.path("home/new")).unwrap(), "mine\n");
    assert!(
        fs::metadata(world.path("home/new")).unwrap().modified().unwrap()
            <= SystemTime::now() + Duration::from_secs(60)
    );
}
