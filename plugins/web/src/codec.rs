//! How a verb becomes a request, and a request a verb: the fields that the path names are in it,
//! the others in the query or in the body.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest as _, Query, RawPathParams, Request as Received},
    http::{Method, Request, StatusCode, Uri, header},
};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pimainteno_core::{Error, ErrorKind, Result};
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, Visitor, value},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use crate::Refusal;

/// What is written by its number. A dot, too: a segment of dots alone would mean another path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// The request that asks for `verb`.
pub(crate) fn encode(
    method: Method,
    path: &str,
    verb: &impl Serialize,
) -> Result<Request<Full<Bytes>>> {
    let failed = |source| {
        Error::new(ErrorKind::Internal, format!("cannot write the request for `{path}`"))
            .source(source)
    };
    let Value::Object(mut fields) = serde_json::to_value(verb).map_err(failed)? else {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("what is asked for at `{path}` has no fields"),
        ));
    };
    let mut target = String::new();
    for segment in path.split('/').skip(1) {
        target.push('/');
        target +=
            &field(segment).map_or_else(|| segment.to_owned(), |name| encoded(fields.remove(name)));
    }
    let mut body = Vec::new();
    if method == Method::GET {
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
            let mark = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{mark}{name}={}", encoded(Some(value)));
        }
    } else {
        body = serde_json::to_vec(&fields).map_err(failed)?;
    }
    let request = Request::builder().method(method).uri(&target).header(header::HOST, "localhost");
    request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body)).map_err(
        |source| {
            Error::new(ErrorKind::Internal, format!("cannot ask for `{target}`")).source(source)
        },
    )
}

/// The verb that a request asks for.
pub(crate) async fn decode<T: DeserializeOwned>(
    path: &str,
    named: RawPathParams,
    request: Received,
) -> Result<T, Refusal> {
    // The router may be mounted where other paths have names, too.
    let named = named.iter().filter(|(name, _)| names(path).any(|known| known == *name));
    if request.method() == Method::POST {
        let mut fields = Map::new();
        if self::fields::<T>().iter().any(|field| names(path).all(|name| name != *field)) {
            Json(fields) = Json::from_request(request, &()).await?;
        }
        for (name, value) in named {
            if fields.insert(name.to_owned(), value.into()).is_some() {
                return Err(Refusal::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    format!("`{name}` is said by the path"),
                ));
            }
        }
        return Ok(Json::from_bytes(Value::Object(fields).to_string().as_bytes())?.0);
    }
    let mut query = request.uri().query().unwrap_or_default().to_owned();
    for (name, value) in named {
        query = format!("{name}={}&{query}", encoded(Some(value.into())));
    }
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    Ok(Query::try_from_uri(
        &uri.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?,
    )?
    .0)
}

/// The names of the fields of a verb, in order.
pub(crate) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &[&str] = &[];
    // It is an error by design: nothing is made.
    drop(T::deserialize(Fields(&mut fields)));
    fields
}

/// The names of the fields that a path has in it.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(field)
}

fn field(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn encoded(value: Option<Value>) -> String {
    let text = match value.unwrap_or_default() {
        Value::String(text) => text,
        other => other.to_string(),
    };
    utf8_percent_encode(&text, ENCODED).to_string()
}

/// Asked to make a struct, writes down the names of its fields.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only the names are wanted"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple tuple_struct map
        enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Order, ProjectRuns, Reject, Rollback, Runs, Verb};

    #[test]
    fn whatever_a_project_is_called_is_one_segment_and_what_is_not_said_is_left_out() {
        let target = |verb: ProjectRuns| {
            encode(Method::GET, ProjectRuns::PATH, &verb).unwrap().uri().to_string()
        };
        assert_eq!(
            target(ProjectRuns { project: "radio-1".into(), limit: None }),
            "/api/projects/radio-1/runs"
        );
        let other = ProjectRuns { project: "../Küche/a?b".into(), limit: Some(3) };
        assert_eq!(target(other), "/api/projects/%2E%2E%2FK%C3%BCche%2Fa%3Fb/runs?limit=3");
        let runs = Runs { project: Some("a&b".into()), limit: Some(7) };
        assert_eq!(
            encode(Method::GET, Runs::PATH, &runs).unwrap().uri(),
            "/api/runs?limit=7&project=a%26b"
        );
        let rollback =
            encode(Method::POST, Rollback::PATH, &Rollback { project: "a b".into(), run: None })
                .unwrap();
        assert_eq!(rollback.uri(), "/api/projects/a%20b/rollback");
    }

    #[test]
    fn the_fields_of_a_verb_are_known_without_one() {
        assert_eq!(fields::<Reject>(), ["id", "reason"]);
        assert_eq!(fields::<u8>(), [""; 0]);
    }
}
