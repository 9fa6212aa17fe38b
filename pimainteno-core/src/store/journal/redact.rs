//! What a journal's line says, without secrets.

use super::{Answer, Effect, What};
use crate::secrets::Secrets;

impl What {
    /// Takes the secrets out. A proposal's diff stays as it is: an approval is bound to it, and it
    /// has to be placed.
    pub(super) fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Started { record } => record.redact(secrets),
            Self::Failed { reason, .. } => secrets.clean(reason),
            Self::Answer(answer) => answer.redact(secrets),
            Self::Proposed { proposal } => proposal.redact(secrets),
            Self::Step { step } => secrets.clean(&mut step.note),
            Self::Note { text } => secrets.clean(text),
            Self::Intent { effect: Effect::Own { data, .. }, .. } => clean(data, secrets),
            Self::Intent { .. } | Self::Done { .. } | Self::Approved { .. } => {}
        }
    }
}

/// Takes the secrets out of every text in `data`.
fn clean(data: &mut serde_json::Value, secrets: &Secrets) {
    match data {
        serde_json::Value::String(text) => secrets.clean(text),
        serde_json::Value::Array(values) => {
            values.iter_mut().for_each(|value| clean(value, secrets));
        }
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|value| clean(value, secrets));
        }
        _ => {}
    }
}

impl Answer {
    /// Takes the secrets out. What is left is for reading: placing a diff without its secret would
    /// write the gap into a file.
    fn redact(&mut self, secrets: &Secrets) {
        for text in [&mut self.text, &mut self.diff].into_iter().flatten() {
            if let std::borrow::Cow::Owned(clean) = secrets.redact(text) {
                *text = clean;
                self.redacted = true;
            }
        }
    }
}
