//! Passwords that are arguments of commands without a name that tells: `curl -u ada:…`, `sshpass -p
//! …`, `mysql -p…`.

use std::ops::Range;

use super::{Finding, scan, value};

/// What stands before the argument.
pub(super) const ANCHORS: [&str; 5] = [" -u", " --user", " -p", " --proxy-user", " -U"];

/// The most of the line that is looked at before the anchor, and the longest argument, in bytes.
const MOST_BEFORE: usize = 256;
const LONGEST: usize = 256;

/// The commands that take `user:password`, and those that take a password.
const WITH_LOGIN: [&str; 5] = ["curl", "wget", "http", "https", "xh"];
const WITH_LOGIN_OF_SAMBA: [&str; 3] = ["smbclient", "rpcclient", "net"];
const WITH_PASSWORD: [&str; 13] = [
    "sshpass",
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mariadb",
    "mariadb-dump",
    "docker",
    "podman",
    "psexec",
    "rabbitmqadmin",
    "ldapsearch",
    "az",
    "smbclient",
];

/// The password that is the argument behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let gap = scan::count(text, anchor.end, 8, |byte| b" =\"'".contains(&byte));
    let start = anchor.end + gap;
    let quote = scan::before(text, start, 1).filter(|byte| b"\"'".contains(byte));
    let ends = |byte: u8| {
        byte.is_ascii_control()
            || quote.map_or(byte.is_ascii_whitespace() || b"\"'`;|<>()&".contains(&byte), |quote| {
                byte == quote
            })
    };
    let argument = scan::run(text, start, LONGEST, |byte| !ends(byte));
    let end = start + argument.len();
    let is_password = scan::before(text, anchor.end, 1) == Some(b'p');
    // Most arguments are shorter than a password, and the line needs not be looked at.
    if argument.len() < 4 {
        return None;
    }
    let is_of_command = |byte| !b"\n;|".contains(&byte);
    let before = anchor.start - scan::count_before(text, anchor.start, MOST_BEFORE, is_of_command);
    let before = text.get(text.floor_char_boundary(before)..anchor.start).unwrap_or_default();
    let runs = |commands: &[&str]| {
        before
            .split(|character: char| {
                !(character.is_ascii_alphanumeric() || "-_".contains(character))
            })
            .any(|word| commands.contains(&word))
    };
    let is_of_samba = text.get(anchor.clone()) == Some(" -U") && runs(&WITH_LOGIN_OF_SAMBA);
    let password = if is_of_samba {
        argument.split_once('%').map(|(_, password)| password).filter(|it| value::is_password(it))
    } else if is_password && runs(&WITH_PASSWORD) {
        // `-p` alone asks for the password; of Docker it is a port, too.
        let is_port =
            argument.bytes().all(|byte| byte.is_ascii_digit() || b":./tcpud".contains(&byte));
        Some(argument).filter(|argument| {
            !is_port && value::is_password(argument) && !value::is_wordy(argument)
        })
    } else if !is_password && gap > 0 && runs(&WITH_LOGIN) {
        argument
            .split_once(':')
            .map(|(_, password)| password)
            .filter(|password| password.len() >= 4 && !password.starts_with('['))
    } else {
        None
    }?;
    let is_secret = !value::is_placeholder(password)
        && !password.contains(['$', '{'])
        && !password.contains("//");
    is_secret.then(|| Finding::of(password, end - password.len(), "password"))
}
