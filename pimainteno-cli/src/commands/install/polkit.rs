//! The polkit rule by which the service may restart exactly the units that are configured.

use super::service::Service;

/// What the daemon does with a unit.
const VERBS: [&str; 6] =
    ["start", "stop", "restart", "reload", "reload-or-restart", "reset-failed"];

/// The text of the rule; `None` where none is needed.
pub(super) fn rule(service: &Service) -> Option<String> {
    if service.owner.is_root() || service.units.is_empty() {
        return None;
    }
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let list = |values: &mut dyn Iterator<Item = &str>| {
        format!("[{}]", values.map(text).collect::<Vec<_>>().join(", "))
    };
    let user = text(&service.owner.name);
    let units = list(&mut service.units.iter().map(|unit| unit.as_str()));
    let verbs = list(&mut VERBS.into_iter());
    let reload = if service.changes_units {
        format!(
            "
// The file of one of them lies in a project: after a change of it, systemd has to read it again.
polkit.addRule(function (action, subject) {{
    if (action.id === \"org.freedesktop.systemd1.reload-daemon\" && subject.user === {user}) {{
        return polkit.Result.YES;
    }}
}});
"
        )
    } else {
        String::new()
    };
    Some(format!(
        "// Written by `pi-mainteno install`, which has to be run again when other units are configured.
// Lets the daemon restart the units of its projects, and no other.
polkit.addRule(function (action, subject) {{
    var units = {units};
    var verbs = {verbs};
    if (action.id === \"org.freedesktop.systemd1.manage-units\" && subject.user === {user} &&
        units.indexOf(action.lookup(\"unit\")) >= 0 && verbs.indexOf(action.lookup(\"verb\")) >= 0) {{
        return polkit.Result.YES;
    }}
}});
{reload}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::tests::service;

    #[test]
    fn the_rule_names_the_user_and_exactly_the_units() {
        let mut service = service();
        let text = rule(&service).unwrap();
        assert!(text.contains("var units = [\"radio.service\", \"site@1.service\"];"), "{text}");
        assert!(text.contains("subject.user === \"ada\""), "{text}");
        assert!(!text.contains("reload-daemon"), "{text}");
        service.changes_units = true;
        assert!(rule(&service).unwrap().contains("reload-daemon"));
    }

    #[test]
    fn nothing_in_a_name_is_code() {
        let mut service = service();
        service.owner.name = "a\"+x\\".into();
        assert!(rule(&service).unwrap().contains(r#"subject.user === "a\"+x\\""#));
    }

    #[test]
    fn root_and_a_service_without_units_need_none() {
        let (mut unitless, mut of_root) = (service(), service());
        unitless.units.clear();
        of_root.owner.user = 0;
        assert_eq!((rule(&unitless), rule(&of_root)), (None, None));
    }
}
