//! Addresses of web servers.

use std::{fmt, str::FromStr};

use http::{Uri, uri::Authority};

const UNUSABLE: &str = "not an address; write it like \"https://example.org/v1\"";

/// The address of a web server, `http://` or `https://`.
///
/// There is neither a user name nor a password in it: whoever may see the processes of the machine
/// would see them. Its query may be a secret all the same: it is left out where the address is
/// displayed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    uri: Uri,
    authority: Authority,
    port: u16,
}

/// An address that a health probe can ask: `http://`, as a probe cannot speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAddress(Address);

impl Address {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name or the address of the machine, an IPv6 address without its brackets, and the port.
    pub fn peer(&self) -> (&str, u16) {
        (self.authority.host().trim_matches(['[', ']']), self.port)
    }
}

impl ProbeAddress {
    /// The name or the address of the machine, an IPv6 address without its brackets, and the port.
    pub(crate) fn peer(&self) -> (&str, u16) {
        self.0.peer()
    }

    /// What the Host header says.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority.as_str()
    }

    /// Path and query; begins with `/`.
    pub(crate) fn target(&self) -> String {
        let query = self.0.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.0.uri.path())
    }
}

impl FromStr for Address {
    type Err = &'static str;

    // The address is not shown: what is wrong with it may be a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The crate takes more than ASCII in paths.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UNUSABLE);
        }
        let uri: Uri = text.parse().map_err(|_| UNUSABLE)?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(UNUSABLE),
        };
        let authority = uri.authority().cloned().ok_or(UNUSABLE)?;
        if authority.as_str().contains('@') {
            return Err(
                "an address must hold neither a user name nor a password: others could see them",
            );
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => port,
            Some(_) => authority.port_u16().filter(|port| *port != 0).ok_or(UNUSABLE)?,
            None => return Err(UNUSABLE),
        };
        if authority.host().is_empty() {
            return Err(UNUSABLE);
        }
        Ok(Self { text: text.to_owned(), uri, authority, port })
    }
}

impl FromStr for ProbeAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: Address = text.parse().map_err(|error| match error {
            UNUSABLE => "not an address; write it like \"http://localhost:8080/health\"",
            error => error,
        })?;
        if address.uri.scheme_str() != Some("http") {
            return Err(
                "a probe cannot speak TLS; use `command = \"curl -fsS https://…\"` instead",
            );
        }
        Ok(Self(address))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.uri.path();
        write!(formatter, "{}://{}{path}", self.uri.scheme_str().unwrap_or("http"), self.authority)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

impl fmt::Display for ProbeAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused() {
        let read = |text: &str| {
            let address: ProbeAddress = text.parse().unwrap();
            let (host, port) = address.peer();
            let peer = (host.to_owned(), port);
            (peer, address.authority().to_owned(), address.target())
        };
        let parts = |host: &str, port, authority: &str, target: &str| {
            ((host.to_owned(), port), authority.to_owned(), target.to_owned())
        };
        assert_eq!(read("http://pi.local"), parts("pi.local", 80, "pi.local", "/"));
        assert_eq!(read("http://[::1]:81/a?b=c#d"), parts("::1", 81, "[::1]:81", "/a?b=c"));
        assert_eq!(read("http://a?b"), parts("a", 80, "a", "/?b"));
        for text in [
            "",
            "localhost:80",
            "//localhost/",
            "ftp://localhost/",
            "http://",
            "http://:80/",
            "http://a:0/",
            "http://a:x/",
            "http://a:65536/",
            "http://u:p@a/",
            "http://[::1",
            "http://a/ b",
            "http://a/é",
            "http://a/\r\nHost: b",
        ] {
            text.parse::<ProbeAddress>().unwrap_err();
            text.parse::<Address>().unwrap_err();
        }
        for text in ["https://a/b", "HTTPS://a/b"] {
            let error = text.parse::<ProbeAddress>().unwrap_err();
            assert!(error.contains("TLS") && error.contains("curl"), "{error}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let address: Address = "https://a:444/b?key=word".parse().unwrap();
        assert_eq!(
            (&*address.to_string(), address.as_str()),
            ("https://a:444/b", "https://a:444/b?key=word")
        );
        let error = "https://user:word@a/".parse::<Address>().unwrap_err();
        assert!(error.contains("password") && !error.contains("word@"), "{error}");
    }
}
