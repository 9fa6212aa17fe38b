//! Bringing a change to other files than those that it was made from, where both are known.

use std::{collections::BTreeMap, path::Path};

use super::{tracked::entries, workspace::Workspace};
use crate::error::Result;

/// What begins the part of a diff that is about one file.
const HEAD: &str = "diff --git ";

/// What one part of a diff makes of its file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part<'diff> {
    text: &'diff str,
    /// What the file holds afterwards, as Git names it; `None` if its content stays.
    object: Option<&'diff str>,
    /// Its mode afterwards.
    mode: Option<&'diff str>,
    is_new: bool,
    is_deleted: bool,
}

impl Workspace {
    /// The parts of `diff`, which Git wrote, whose files are not yet as it makes them: what somebody
    /// else has done as well is left out.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell what is tracked.
    pub(crate) async fn not_there_yet(&self, diff: &str) -> Result<String> {
        let (parts, paths) = (parts(diff), self.touched(diff).await.unwrap_or_default());
        // What Git cannot read is refused by whoever places it.
        if parts.len() != paths.len() {
            return Ok(diff.to_owned());
        }
        let list = self.list().await?;
        let is = |entry: &[u8]| {
            let entry = String::from_utf8_lossy(entry).into_owned();
            let (head, path) = entry.split_once('\t')?;
            let mut fields = head.split(' ').map(str::to_owned);
            let path = self.scope().inner(Path::new(path))?.to_str()?;
            Some((path.to_owned(), (fields.next()?, fields.next()?)))
        };
        let now: BTreeMap<_, _> = entries(&list).filter_map(is).collect();
        let is_there = |part: &Part<'_>, path: &str| match now.get(path) {
            None => part.is_deleted,
            Some(_) if part.is_deleted => false,
            Some((mode, object)) => {
                part.object.is_none_or(|made| made == object)
                    && part.mode.is_none_or(|made| made == mode)
            }
        };
        let missing = parts.iter().zip(&paths).filter(|(part, path)| !is_there(part, path));
        Ok(missing.map(|(part, _)| part.text).collect())
    }

    /// Merges `diff`, which Git wrote, with the clean workspace, and stages that: what both did
    /// alike is there once. Says whether it could be merged; if not, the workspace is unclean.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot be run.
    pub(crate) async fn merge(&self, diff: &str) -> Result<bool> {
        let output = self.applying(&["--index", "--3way"]).input(diff).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        let count = |sign: &str| said.lines().filter(|line| line.starts_with(sign)).count();
        // Git that does not know what the change was made from takes the place that is nearest to
        // the line number. Of a file that comes or goes there is only one place.
        let (merged, direct) = (count("Applied patch to "), count("Falling back to direct"));
        let parts = parts(diff);
        let come_or_go = parts.iter().filter(|part| part.is_new || part.is_deleted).count();
        Ok(output.success()
            && !said.contains("lacks the necessary blob")
            && merged + direct == parts.len()
            && direct <= come_or_go)
    }
}

/// The parts of a diff that Git wrote, one for each file.
fn parts(diff: &str) -> Vec<Part<'_>> {
    let starts: Vec<_> = std::iter::once(0)
        .filter(|_| diff.starts_with(HEAD))
        .chain(diff.match_indices("\ndiff --git ").map(|(at, _)| at + 1))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([diff.len()]);
    let text = |(start, end): (&usize, usize)| diff.get(*start..end).unwrap_or_default();
    starts.iter().zip(ends).map(|range| Part::read(text(range))).collect()
}

impl<'diff> Part<'diff> {
    fn read(text: &'diff str) -> Self {
        let mut part = Self { text, ..Self::default() };
        let is_head = |line: &&str| !line.starts_with("@@ ") && *line != "GIT binary patch";
        for line in text.lines().take_while(is_head) {
            if let Some(mode) = line.strip_prefix("new file mode ") {
                (part.is_new, part.mode) = (true, Some(mode));
            } else if let Some(mode) = line.strip_prefix("new mode ") {
                part.mode = Some(mode);
            } else if line.starts_with("deleted file mode ") {
                part.is_deleted = true;
            } else if let Some(index) = line.strip_prefix("index ") {
                let (objects, mode) = match index.split_once(' ') {
                    Some((objects, mode)) => (objects, Some(mode)),
                    None => (index, None),
                };
                part.object = objects.split_once("..").map(|(_, made)| made);
                part.mode = part.mode.or(mode);
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_diff_tell_what_becomes_of_each_file() {
        let diff = "diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-index 3..4\n+diff --git x\n\
                    diff --git a/b b/b\nold mode 100644\nnew mode 100755\n\
                    diff --git a/c b/c\ndeleted file mode 100644\nindex 5..0\n--- a/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-c\n\
                    diff --git a/d b/d\nnew file mode 100644\nindex 0..6\nGIT binary patch\nliteral 1\nindex 7..8\n";
        let found = parts(diff);
        assert_eq!(found.iter().map(|part| part.text).collect::<String>(), diff);
        let told: Vec<_> = found
            .iter()
            .map(|part| (part.object, part.mode, part.is_new, part.is_deleted))
            .collect();
        assert_eq!(
            told,
            [
                (Some("2"), Some("100644"), false, false),
                (None, Some("100755"), false, false),
                (Some("0"), None, false, true),
                (Some("6"), Some("100644"), true, false)
            ]
        );
        assert!(parts("").is_empty());
    }
}
