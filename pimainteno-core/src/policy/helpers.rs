//! The functions that a script has besides Rhai's own.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use super::{
    Decision, Facts, describe,
    globs::{GlobCache, GlobList},
};
use crate::config::Globs;

type ScriptResult<T> = Result<T, Box<EvalAltResult>>;

/// Globs that were made with `globs` from a map: a kind of files by name, and where its globs end
/// in the set.
#[derive(Clone, Debug)]
struct Kinds {
    globs: Globs,
    ends: Arc<[(ImmutableString, usize)]>,
}

/// Registers `allow`, `deny`, `ask`, `globs`, `touches`, `touched`, `matches` and `join`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Decision>("Decision");
    engine.register_fn("allow", || Decision::Allow);
    engine.register_fn("deny", |reason: &str| -> ScriptResult<Decision> {
        given("deny", reason).map(Decision::Deny)
    });
    engine.register_fn("ask", |reason: &str| -> ScriptResult<Decision> {
        given("ask", reason).map(Decision::Ask)
    });
    engine.register_fn("join", |array: &mut Array, separator: &str| -> String {
        array.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
    });

    engine.register_type_with_name::<Globs>("Globs").register_type_with_name::<Kinds>("Globs");
    let cache = Arc::new(GlobCache::default());
    let shared = Arc::clone(&cache);
    engine.register_fn("globs", move |globs: Dynamic| -> ScriptResult<Dynamic> {
        if globs.is_map() {
            kinds(&shared, &globs).map(Dynamic::from)
        } else {
            set(&shared, &globs).map(Dynamic::from)
        }
    });
    let shared = Arc::clone(&cache);
    engine.register_fn("touches", move |facts: &mut Facts, globs: Dynamic| -> ScriptResult<bool> {
        let globs = set(&shared, &globs)?;
        Ok(facts.files().iter().any(|file| globs.matches(file)))
    });
    let shared = Arc::clone(&cache);
    engine.register_fn("touched", move |facts: &mut Facts, globs: Dynamic| {
        Ok(kinds(&shared, &globs)?.touched(facts)) as ScriptResult<Array>
    });
    engine.register_fn("matches", move |paths: Dynamic, globs: Dynamic| -> ScriptResult<bool> {
        let globs = set(&cache, &globs)?;
        let mut is_match = false;
        for_each_string(&paths, &mut |path| {
            is_match = is_match || globs.matches(path);
            Ok(())
        })?;
        Ok(is_match)
    });
}

impl Kinds {
    /// The names of the kinds that have a file of the change, in the order of the alphabet.
    fn touched(&self, facts: &Facts) -> Array {
        // All kinds are one set, because most files are of none, and that is told in one pass.
        let files = facts.files().iter().filter(|file| self.globs.matches(file));
        let found: Vec<usize> = files.flat_map(|file| self.globs.which(file)).collect();
        let mut start = 0;
        let mut touched = Array::new();
        for (name, end) in &*self.ends {
            if found.iter().any(|index| (start..*end).contains(index)) {
                touched.push(name.clone().into());
            }
            start = *end;
        }
        touched
    }
}

/// A set of globs from what a script has: a string, an array of strings, or what `globs` made of
/// them.
fn set(cache: &GlobCache, globs: &Dynamic) -> ScriptResult<Globs> {
    if let Some(globs) = globs.read_lock::<Globs>() {
        return Ok(globs.clone());
    }
    let mut list = GlobList::default();
    for_each_string(globs, &mut |glob| list.push(glob))?;
    Ok(cache.get(list)?)
}

/// Kinds of files from what a script has: a map from names to globs, or what `globs` made of it.
fn kinds(cache: &GlobCache, globs: &Dynamic) -> ScriptResult<Kinds> {
    if let Some(kinds) = globs.read_lock::<Kinds>() {
        return Ok(kinds.clone());
    }
    let Some(map) = globs.read_lock::<Map>() else {
        return Err(
            format!("a map from names to globs is needed here, not {}", describe(globs)).into()
        );
    };
    let mut list = GlobList::default();
    let mut ends = Vec::with_capacity(map.len());
    for (name, globs) in &*map {
        for_each_string(globs, &mut |glob| list.push(glob))?;
        ends.push((name.as_str().into(), list.len()));
    }
    Ok(Kinds { globs: cache.get(list)?, ends: ends.into() })
}

/// A reason that says something.
fn given(function: &str, reason: &str) -> ScriptResult<String> {
    let reason = reason.trim();
    if reason.is_empty() {
        Err(format!("{function} needs a reason").into())
    } else {
        Ok(reason.to_owned())
    }
}

/// Shows `visit` the string in `value`, or each string of the array in it.
fn for_each_string(
    value: &Dynamic,
    visit: &mut dyn FnMut(&str) -> Result<(), String>,
) -> ScriptResult<()> {
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().try_for_each(|item| visit_string(item, visit));
    }
    visit_string(value, visit)
}

fn visit_string(
    value: &Dynamic,
    visit: &mut dyn FnMut(&str) -> Result<(), String>,
) -> ScriptResult<()> {
    match value.read_lock::<ImmutableString>() {
        Some(text) => Ok(visit(&text)?),
        None => {
            Err(format!("a string or an array of strings is needed here, not {}", describe(value))
                .into())
        }
    }
}
