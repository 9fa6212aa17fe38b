//! The one HTTP request that a health probe needs: GET over TCP, of which only the status counts.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink},
    net::TcpStream,
};

use crate::{
    config::ProbeAddress,
    error::{Error, ErrorKind, Result},
};

/// The most bytes of an answer that are read.
const SIZE_LIMIT: u64 = 64 << 10;

/// How long the rest of an answer is read once its status is known, so that the server is not cut
/// off.
const LINGER: Duration = Duration::from_millis(200);

/// Asks `url` and is content with any status from 200 to 399.
pub(super) async fn get(url: &ProbeAddress, deadline: Duration) -> Result<()> {
    let error = |message: String| Error::new(ErrorKind::Service, message);
    match tokio::time::timeout(deadline, status(url)).await {
        Err(_) => Err(error(format!("`{url}` did not answer within {deadline:?}"))),
        Ok(Err(source)) => Err(error(format!("`{url}` did not answer")).source(source)),
        Ok(Ok(200..=399)) => Ok(()),
        Ok(Ok(status)) => Err(error(format!("`{url}` answered with status {status}"))),
    }
}

async fn status(url: &ProbeAddress) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(url.peer()).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: pi-mainteno\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.target(),
        url.authority()
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers one request with `answer` and then keeps the connection open if
    /// `keep`; what it was asked comes back.
    async fn serve(
        answer: &'static str,
        keep: bool,
    ) -> (ProbeAddress, tokio::task::JoinHandle<String>) {
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
        let url: ProbeAddress =
            format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
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
        let url: ProbeAddress =
            format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let error = get(&url, DEADLINE).await.unwrap_err();
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }

    const DEADLINE: Duration = Duration::from_secs(5);
}
