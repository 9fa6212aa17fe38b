//! The one HTTP request that a health probe needs: GET over TCP, of which only the status counts.

use std::{fmt, str::FromStr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink},
    net::TcpStream,
};

use crate::error::{Error, ErrorKind, Result};

/// The most bytes of an answer that are read.
const SIZE_LIMIT: u64 = 64 << 10;

/// How long the rest of an answer is read once its status is known, so that the server is not cut
/// off.
const LINGER: Duration = Duration::from_millis(200);

/// An address that begins with `http://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// The name or the address of the machine; an IPv6 address without its brackets.
    host: String,
    port: u16,
    /// What the Host header says: as it was written.
    authority: String,
    /// Path and query; begins with `/`.
    target: String,
}

/// Asks `url` and is content with any status from 200 to 399.
pub(super) async fn get(url: &Url, deadline: Duration) -> Result<()> {
    let error = |message: String| Error::new(ErrorKind::Service, message);
    match tokio::time::timeout(deadline, status(url)).await {
        Err(_) => Err(error(format!("`{url}` did not answer within {deadline:?}"))),
        Ok(Err(source)) => Err(error(format!("`{url}` did not answer")).source(source)),
        Ok(Ok(200..=399)) => Ok(()),
        Ok(Ok(status)) => Err(error(format!("`{url}` answered with status {status}"))),
    }
}

async fn status(url: &Url) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: pi-mainteno\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.target, url.authority
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = BufReader::new(stream.take(SIZE_LIMIT));
    let mut line = Vec::new();
    loop {
        line.clear();
        // A server may send interim answers (1xx) before the one that counts; their headers are
        // read over.
        if answer.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "no HTTP status in the answer",
            ));
        }
        if let Some(status @ 200..) = read_status(&line) {
            drop(tokio::time::timeout(LINGER, copy(&mut answer, &mut sink())).await);
            return Ok(status);
        }
    }
}

/// The status in a line such as `HTTP/1.1 200 OK`.
fn read_status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    let status = line.split_ascii_whitespace().nth(1)?;
    status.parse().ok().filter(|_| status.len() == 3)
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // A query, or what comes before an `@`, may be a secret.
        let shown = text
            .split(['?', '#'])
            .next()
            .and_then(|text| text.rsplit('@').next())
            .unwrap_or_default();
        let error = |what: &str| {
            Error::new(ErrorKind::Config, format!("{what}: `{}`", shown.escape_debug()))
        };
        if text.starts_with("https://") {
            return Err(error("a health probe cannot speak TLS")
                .hint("use `health = { command = \"curl -fsS https://…\" }`"));
        }
        let unusable = || {
            error("not the address of a health probe")
                .hint("write it like `http://localhost:8080/health`")
        };
        let rest = text.strip_prefix("http://").ok_or_else(unusable)?;
        // What is not printable ASCII could end the request line early.
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable());
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(address) => address.split_once(']').ok_or_else(unusable)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(unusable)?,
            None if port.is_empty() => 80,
            None => return Err(unusable()),
        };
        if host.is_empty() || authority.contains('@') {
            return Err(unusable());
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { host: host.to_owned(), port, authority: authority.to_owned(), target })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may carry a key.
        let path = self.target.split('?').next().unwrap_or_default();
        write!(formatter, "http://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers one request with `answer` and then keeps the connection open if
    /// `keep`; what it was asked comes back.
    async fn serve(answer: &'static str, keep: bool) -> (Url, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url =
            format!("http://{}/health?key=secret", listener.local_addr().unwrap()).parse().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            drop(stream.write_all(answer.as_bytes()).await);
            if keep {
                // Until the client has had enough.
                drop(copy(&mut stream, &mut sink()).await);
            }
            String::from_utf8(request).unwrap()
        });
        (url, server)
    }

    async fn ask(answer: &'static str, keep: bool) -> Result<()> {
        let (url, _server) = serve(answer, keep).await;
        get(&url, Duration::from_millis(500)).await
    }

    #[tokio::test]
    async fn a_good_status_is_enough() {
        let (url, server) = serve("HTTP/1.1 204 No Content\r\n\r\n", false).await;
        get(&url, DEADLINE).await.unwrap();
        let request = server.await.unwrap();
        assert!(
            request.starts_with("GET /health?key=secret HTTP/1.1\r\nHost: 127.0.0.1:"),
            "{request}"
        );
        ask("HTTP/1.0 302 Found\r\nLocation: /login\r\n\r\n", false).await.unwrap();
        ask("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\n\r\n", true).await.unwrap();
    }

    #[tokio::test]
    async fn whatever_else_a_server_does_is_told() {
        let error = ask("HTTP/1.1 503 Service Unavailable\r\n\r\n", false).await.unwrap_err();
        assert!(error.message().ends_with("/health` answered with status 503"), "{error}");
        let error = ask("", false).await.unwrap_err();
        assert!(
            error.to_string().ends_with("did not answer: no HTTP status in the answer"),
            "{error}"
        );
        let error = ask("HTTP/1.1 100 Continue\r\n", true).await.unwrap_err();
        assert!(error.message().ends_with("did not answer within 500ms"), "{error}");
        ask("SSH-2.0-OpenSSH_9.2\r\n", false).await.unwrap_err();
    }

    #[tokio::test]
    async fn an_endless_answer_without_a_status_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        });
        let error = get(&url, DEADLINE).await.unwrap_err();
        assert!(error.to_string().contains("no HTTP status"), "{error}");
    }

    #[tokio::test]
    async fn a_closed_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let error = get(&url, DEADLINE).await.unwrap_err();
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }

    #[test]
    fn an_address_is_read_or_refused() {
        let url = |text: &str| {
            text.parse::<Url>().map(|url| (url.host, url.port, url.authority, url.target))
        };
        let read = |host: &str, port, authority: &str, target: &str| {
            (host.into(), port, authority.into(), target.into())
        };
        assert_eq!(url("http://pi.local").unwrap(), read("pi.local", 80, "pi.local", "/"));
        assert_eq!(url("http://[::1]:81/a?b=c#d").unwrap(), read("::1", 81, "[::1]:81", "/a?b=c"));
        assert_eq!(url("http://a?b").unwrap(), read("a", 80, "a", "/?b"));
        let refused = [
            "",
            "localhost:80",
            "http://",
            "http://:80/",
            "http://a:0/",
            "http://a:x/",
            "http://u:p@a/",
            "http://[::1",
            "http://a/ b",
        ];
        for text in refused {
            assert_eq!(url(text).unwrap_err().kind(), ErrorKind::Config, "{text}");
        }
        let error = url("https://user:word@a/b?key=word").unwrap_err();
        assert_eq!(error.message(), "a health probe cannot speak TLS: `a/b`");
        assert!(error.hints().any(|hint| hint.contains("curl")));
    }

    const DEADLINE: Duration = Duration::from_secs(5);
}
