//! Whether a browser asks for a page of somebody else.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::Refusal;

/// Refuses to change anything for a page that does not come from where the request goes; reading is
/// kept from it by the browser itself.
pub(crate) async fn own(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || is_own(request.uri(), request.headers())
    {
        return next.run(request).await;
    }
    tracing::warn!(
        path = request.uri().path(),
        "A page of another origin asked for what changes something, and was refused."
    );
    Refusal::new(StatusCode::FORBIDDEN, "a page of another origin does not decide here")
        .into_response()
}

/// Programs send neither header, and browsers let no page forge them.
fn is_own(uri: &Uri, headers: &HeaderMap) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has no header for it.
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_decides_only_where_it_comes_from_and_a_program_everywhere() {
        let asked = |list: &[(&'static str, &'static str)]| {
            let headers = list
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            is_own(&Uri::from_static("/api/run"), &headers)
        };
        assert!(asked(&[]) && asked(&[("host", "pi:8080")]));
        assert!(asked(&[
            ("host", "pi:8080"),
            ("origin", "http://PI:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        for origin in
            ["http://pi", "http://pi:80801", "https://evil.example", "null", "pi:8080", ""]
        {
            assert!(!asked(&[("host", "pi:8080"), ("origin", origin)]), "{origin}");
        }
        assert!(!asked(&[("host", "pi:8080"), ("sec-fetch-site", "cross-site")]));
        assert!(!asked(&[("origin", "http://pi:8080")]));
    }
}
