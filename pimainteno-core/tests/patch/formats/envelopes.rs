//! What stands around a change: mails, quotations, JSON, scripts.

use pimainteno_core::patch::Reason;

use super::check;

const ABC: &str = "alpha\nbeta\ngamma\n";
const B: Option<&str> = Some("alpha\nBETA\ngamma\n");
const DIFF: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+BETA\n gamma\n";
const PATCH: &str =
    "*** Begin Patch\n*** Update File: a.txt\n@@\n alpha\n-beta\n+BETA\n*** End Patch\n";

#[test]
fn a_change_is_read_in_every_envelope() {
    let mail = |subject: &str, diff: &str| {
        format!(
            "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: [PATCH] {subject}\n\nBecause.\n---\n a.txt | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\n{diff}-- \n2.39.5\n\n"
        )
    };
    let quoted = serde_json::to_string(DIFF).unwrap();
    let patch = serde_json::to_string(PATCH).unwrap();
    let replies = [
        mail("Fix it", DIFF),
        format!("```\n{}```\n", mail("Fix it", DIFF)),
        format!("> {}\n", DIFF.trim_end().replace('\n', "\n> ")),
        format!("Here:\n\n>{}\n\nDone.\n", DIFF.trim_end().replace('\n', "\n>")),
        format!("> ```diff\n> {}\n> ```\n", DIFF.trim_end().replace('\n', "\n> ")),
        format!("{{\"patch\": {quoted}}}"),
        format!("{{\"patch\": {patch}}}"),
        format!("```json\n{{\"reason\": \"x\", \"patch\": {quoted}}}\n```\n"),
        format!("{{\"cmd\": [\"apply_patch\", {patch}]}}"),
        format!("apply_patch <<'EOF'\n{PATCH}EOF\n"),
        format!("```bash\napply_patch <<'EOF'\n{PATCH}EOF\n```\n"),
        format!("```bash\ncd x && git apply <<'EOF'\n{DIFF}EOF\n```\n"),
        format!("git apply <<EOF\n{DIFF}EOF\nThat is all.\n"),
    ];
    for reply in &replies {
        check(&[(reply, &[("a.txt", ABC)], Ok(&[("a.txt", B)]))]);
    }
}

#[test]
fn several_changes_in_one_envelope_are_all_read() {
    let other = DIFF.replace("a.txt", "b.txt");
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let mail = |diff: &str| {
        format!(
            "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH] x\n\n---\n a.txt | 2 +-\n\n{diff}-- \n2.39.5\n\n"
        )
    };
    let replies = [
        format!("{}{}", mail(DIFF), mail(&other)),
        format!("```\n{}```\n\n```\n{}```\n", mail(DIFF), mail(&other)),
        format!("[{{\"diff\": {}}}, {{\"diff\": {}}}]", json(DIFF), json(&other)),
        format!("```bash\ngit apply <<'EOF'\n{DIFF}EOF\ngit apply <<'END'\n{other}END\n```\n"),
    ];
    for reply in &replies {
        check(&[(reply, &[("a.txt", ABC), ("b.txt", ABC)], Ok(&[("a.txt", B), ("b.txt", B)]))]);
    }
}

#[test]
fn what_is_quoted_beside_a_change_is_none() {
    let quoted = DIFF.replace("BETA", "OTHER").trim_end().replace('\n', "\n> ");
    let reply = format!("> {quoted}\n\nThat was wrong. Rather:\n\n```diff\n{DIFF}```\n");
    check(&[(&reply, &[("a.txt", ABC)], Ok(&[("a.txt", B)]))]);
}

#[test]
fn quotations_without_end_are_no_trouble() {
    let reply: String =
        (0..2000).rev().map(|depth| format!("{}```x\n", "> ".repeat(depth))).collect();
    check(&[(&reply, &[], Err((Reason::NoDiff, "")))]);
}
